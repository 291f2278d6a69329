"""The register's rooms, as one value."""

from __future__ import annotations

from typing import Final

from contracts.framework import ballot
from contracts.framework.authority import DAILY_SPEND
from contracts.framework.capability import Capability
from contracts.framework.party import HOLDING, KEYRING, PARTY
from contracts.register import events, key_operations, key_rules, operations, rules  # noqa: F401
from contracts.register.invariants import INVARIANTS
from contracts.register.records import (
    KEY_OWNER,
    MEMBERSHIP,
    PENDING_RECOVERY,
    RECOVERY,
    RECOVERY_TABLE,
    RegisterParameters,
)

CAPABILITY: Final = Capability(
    name="register",
    meaning="Members: how they are admitted, what they may do, with which keys and offices.",
    operations=(
        operations.Apply,
        operations.WithdrawApplication,
        operations.CheckApplication,
        operations.CastVote,
        operations.Accede,
        operations.ProposeSuspension,
        operations.ProposeReinstatement,
        operations.ProposeExclusion,
        operations.ProposeOffice,
        operations.OrderSuspension,
        operations.OrderReinstatement,
        operations.Leave,
        operations.ResignOffice,
        operations.Close,
        key_operations.RotateKey,
        key_operations.AddKey,
        key_operations.RevokeKey,
        key_operations.FreezeKeys,
        key_operations.ChangePolicy,
        key_operations.RecoverKeys,
        key_operations.ProposeRescue,
        key_operations.VetoRecovery,
    ),
    events=(
        events.PartyApplied,
        events.StandingChanged,
        events.ContributionPaid,
        events.RoleGranted,
        events.RoleRevoked,
        events.KeyRegistered,
        events.KeyRevoked,
        events.KeyFrozen,
        events.KeyExpiring,
        events.KeyExpired,
        events.PolicyChanged,
        events.RecoveryProposed,
        events.RecoveryEnded,
        ballot.BallotOpened,
        ballot.VoteCast,
        ballot.BallotDecided,
    ),
    machines=(MEMBERSHIP, RECOVERY, ballot.BALLOT),
    tables=(
        PARTY,
        KEYRING,
        HOLDING,
        KEY_OWNER,
        DAILY_SPEND,
        ballot.BALLOT_TABLE,
        ballot.OPEN_MOTION,
        RECOVERY_TABLE,
        PENDING_RECOVERY,
    ),
    accounts=(),
    parameters=RegisterParameters,
    invariants=INVARIANTS,
)
