"""What netting tells besides movements in the books."""

from __future__ import annotations

from contracts.framework.event import Event
from contracts.framework.types import Count, Digest, Instant, Lei, MoneyOrNone, ObjectId


class MandateGiven(Event, tag="netting.MandateGiven"):
    """A member's debts and claims take part in netting, with so much of its own money."""

    member: Lei
    liquidity: MoneyOrNone


class MandateEnded(Event, tag="netting.MandateEnded"):
    """A member's debts and claims no longer take part in netting."""

    member: Lei


class DebtOptedOut(Event, tag="netting.DebtOptedOut"):
    """A debt was taken out of netting by one of its sides, or back in."""

    debt: ObjectId
    by: Lei
    nettable: bool


class CycleOpened(Event, tag="netting.CycleOpened"):
    """A cycle was announced; its debts freeze at ``freeze_at``."""

    cycle: ObjectId
    operator: Lei
    freeze_at: Instant
    liquidity: bool


class CycleFrozen(Event, tag="netting.CycleFrozen"):
    """A cycle's snapshot is complete; proposals are bound to its digest."""

    cycle: ObjectId
    snapshot: Digest
    members: Count
    arcs: Count
    debts: Count
    total: MoneyOrNone


class ClearingProposed(Event, tag="netting.ClearingProposed"):
    """A clearing solver began to post a proposal."""

    cycle: ObjectId
    solver: Lei
    proposal: Count


class ProposalEnded(Event, tag="netting.ProposalEnded"):
    """A sealed proposal was verified, or failed for a reason."""

    cycle: ObjectId
    proposal: Count
    verified: bool
    cleared: MoneyOrNone
    reason: str


class MemberNetted(Event, tag="netting.MemberNetted"):
    """What a cycle did for a member: its debts and claims shrank, it paid or received money."""

    cycle: ObjectId
    member: Lei
    owed_cleared: MoneyOrNone
    claims_cleared: MoneyOrNone
    paid: MoneyOrNone
    received: MoneyOrNone


class CycleEnded(Event, tag="netting.CycleEnded"):
    """A cycle was applied in full, or is void for a reason."""

    cycle: ObjectId
    applied: bool
    cleared: MoneyOrNone
    reason: str
