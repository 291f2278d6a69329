"""What the register tells."""

from __future__ import annotations

from contracts.framework.event import Event
from contracts.framework.party import PartyKind, Role, Standing
from contracts.framework.types import Digest, Instant, Lei, MoneyOrNone, ObjectId, PartyKey


class PartyApplied(Event, tag="register.PartyApplied"):
    """A party applied for admission."""

    party: Lei
    name: str
    kind: PartyKind
    home: str


class StandingChanged(Event, tag="register.StandingChanged"):
    """A party's standing changed."""

    party: Lei
    before: Standing
    after: Standing
    reason: str


class ContributionPaid(Event, tag="register.ContributionPaid"):
    """A new member signed the agreement and its contribution was paid."""

    party: Lei
    agreement: Digest
    contributor: Lei
    amount: MoneyOrNone


class RoleGranted(Event, tag="register.RoleGranted"):
    """A party holds an office from now on."""

    party: Lei
    role: Role
    scope: str


class RoleRevoked(Event, tag="register.RoleRevoked"):
    """A party holds an office no longer."""

    party: Lei
    role: Role
    scope: str


class KeyRegistered(Event, tag="register.KeyRegistered"):
    """A key may sign for a party."""

    party: Lei
    name: str
    public_key: PartyKey
    expires: Instant


class KeyRevoked(Event, tag="register.KeyRevoked"):
    """A key may sign no more."""

    party: Lei
    name: str
    public_key: PartyKey


class KeyFrozen(Event, tag="register.KeyFrozen"):
    """A key was frozen because it may be compromised."""

    party: Lei
    name: str
    public_key: PartyKey


class KeyExpiring(Event, tag="register.KeyExpiring"):
    """A key expires soon: its owner should rotate it."""

    party: Lei
    name: str
    public_key: PartyKey
    expires: Instant


class KeyExpired(Event, tag="register.KeyExpired"):
    """A key's period of validity ended."""

    party: Lei
    name: str
    public_key: PartyKey


class PolicyChanged(Event, tag="register.PolicyChanged"):
    """A party's signing policy has other rules."""

    party: Lei


class RecoveryProposed(Event, tag="register.RecoveryProposed"):
    """New keys were proposed for a party; any registered key may veto until the time limit."""

    party: Lei
    recovery: ObjectId
    until: Instant


class RecoveryEnded(Event, tag="register.RecoveryEnded"):
    """The proposed keys were put in place, or vetoed."""

    party: Lei
    recovery: ObjectId
    enacted: bool
