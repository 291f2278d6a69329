"""What the register tells."""

from __future__ import annotations

from contracts.framework.event import Event
from contracts.framework.party import PartyKind, Role, Standing
from contracts.framework.types import (
    Count,
    Digest,
    Instant,
    Lei,
    MoneyOrNone,
    ObjectId,
    PartyKey,
)
from contracts.register.deviation import Level, Quarter


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


class PlanFiled(Event, tag="register.PlanFiled"):
    """A member's production programme for a quarter was filed."""

    party: Lei
    quarter: Quarter
    lines: Count


class ProgrammeJudged(Event, tag="register.ProgrammeJudged"):
    """A quarter's report was made, attested, or is missing; its deviation is ``off/planned``."""

    party: Lei
    quarter: Quarter
    state: str
    inspector: str
    off: Count
    planned: Count
    level: Level


class FindingMoved(Event, tag="register.FindingMoved"):
    """A finding against a member was opened or went a step further."""

    finding: ObjectId
    party: Lei
    state: str
    reason: str


class AppealMoved(Event, tag="register.AppealMoved"):
    """An exclusion was appealed against, or the appeal ended."""

    appeal: ObjectId
    party: Lei
    state: str
    reason: str


class LossDetermined(Event, tag="register.LossDetermined"):
    """Who bears what a leaving member could not pay: every layer, in minor units."""

    sharing: ObjectId
    party: Lei
    owed: Count
    overdrawn: Count
    own: Count
    contribution: Count
    guarantor: Lei
    guarantor_paid: Count
    fund: Count
    others: Count
    loss: Count


class LossShared(Event, tag="register.LossShared"):
    """Every creditor of a leaving member got its share; what was written off is lost."""

    sharing: ObjectId
    party: Lei
    paid: MoneyOrNone
    written_off: MoneyOrNone
    returned: MoneyOrNone


class SuccessionMoved(Event, tag="register.SuccessionMoved"):
    """Another party takes a party's place, or some of its open objects passed."""

    succession: ObjectId
    party: Lei
    successor: Lei
    state: str
    passed: Count


class WithdrawalMoved(Event, tag="register.WithdrawalMoved"):
    """A state's withdrawal was announced or went a step further."""

    country: str
    guarantor: Lei
    state: str
    reason: str


class HomeChanged(Event, tag="register.HomeChanged"):
    """Another state vouches for a party from now on."""

    party: Lei
    before: str
    after: str
