"""What netting stores, its parameters and the life of a cycle.

A cycle's snapshot and its proposal are kept in pages, so that no record, transaction or step of a
block grows with the size of the cycle. Members are numbered by their LEIs' order, from 0.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta

from contracts.framework.machine import Limit, Machine, step
from contracts.framework.parameters import parameters_table
from contracts.framework.types import (
    Count,
    Digest,
    Instant,
    Lei,
    MoneyOrNone,
    ObjectId,
    counted,
)
from ledger.codec import Struct, Uint
from ledger.state import Table


class NettingParameters(Struct, tag="netting.Parameters"):
    """Limits and windows of netting cycles."""

    page_arcs: Annotated[
        int, Meta(ge=1, le=4_000, description="Arcs on one page of a snapshot and of a proposal.")
    ] = 1_000
    page_members: Annotated[
        int, Meta(ge=1, le=4_000, description="Members on one page of a snapshot.")
    ] = 1_000
    debts_per_pair: Annotated[
        int, Meta(ge=1, le=1_000, description="Most debts of one pair that a cycle takes.")
    ] = 250
    freeze_step: Annotated[
        int, Meta(ge=1, le=100_000, description="Debts or members that one step freezes.")
    ] = 4_000
    verify_step: Annotated[
        int, Meta(ge=1, le=1_000, description="Pages that one step verifies.")
    ] = 50
    apply_step: Annotated[
        int, Meta(ge=1, le=1_000, description="Pages that one step applies or clears away.")
    ] = 2
    largest_cycle: Annotated[
        int, Meta(ge=1, le=100_000_000, description="Most debts that one cycle takes.")
    ] = 1_000_000
    proposal_hours: Annotated[
        int,
        Meta(ge=1, le=720, description="Hours from the freeze until a cycle without a "
             "verified proposal is void."),
        counted("hours"),
    ] = 24  # fmt: skip
    longest_notice_days: Annotated[
        int,
        Meta(ge=1, le=366, description="Longest time, in days, from opening to the freeze."),
        counted("days"),
    ] = 92
    overdue_weight: Annotated[
        int, Meta(ge=1, le=100, description="How much more clearing an overdue debt counts.")
    ] = 2


NETTING_PARAMETERS: Final = parameters_table("netting", NettingParameters)


class Mandate(Struct, tag=1):
    """A member's standing consent that its debts and claims are netted, since a block time (ms).

    ``liquidity`` is how much of its own money a cycle may use besides, in minor units.
    """

    member: Lei
    since: Instant
    liquidity: MoneyOrNone


MANDATE: Final = Table("netting.mandate", Mandate)
"""By LEI."""


class CycleState(StrEnum):
    """A netting cycle, from the notice of it until it is applied or void."""

    OPEN = "open"
    FREEZING = "freezing"
    FROZEN = "frozen"
    PROPOSED = "proposed"
    VERIFYING = "verifying"
    VERIFIED = "verified"
    UNWINDING = "unwinding"
    APPLIED = "applied"
    VOID = "void"


class Cycle(Struct, tag=1):
    """A netting cycle.

    ``frozen_at`` is the block time of the freeze and ``until`` the end of the window for a
    proposal. ``snapshot`` is the running digest of the snapshot's pages, final once the state is
    frozen. ``members``, ``arcs`` and ``debts`` count what is in it, on so many ``pages``, and
    ``total`` is what is owed in it. ``proposal`` numbers proposals by ``solver``; ``cleared`` and
    ``weighted`` are what the present one clears, plainly and with overdue debts weighted;
    ``potential`` is that of liquidity. ``phase``, ``position`` and ``after`` are where the running
    work goes on.
    """

    id: ObjectId
    operator: Lei
    state: CycleState
    due: Uint
    freeze_at: Instant
    liquidity: bool
    frozen_at: Instant = 0
    until: Instant = 0
    snapshot: Digest = bytes(32)
    members: Count = 0
    member_pages: Count = 0
    pages: Count = 0
    arcs: Count = 0
    debts: Count = 0
    total: MoneyOrNone = 0
    proposal: Count = 0
    solver: str = ""
    potential: Count = 0
    cleared: MoneyOrNone = 0
    weighted: MoneyOrNone = 0
    phase: str = ""
    position: Count = 0
    after: bytes = b""
    reason: str = ""


CYCLE_TABLE: Final = Table("netting.cycle", Cycle)
_C = CycleState
_RUNNING: Final = (_C.FROZEN, _C.PROPOSED)
CYCLE: Final = Machine[Cycle](
    name="netting cycle",
    meaning="Clearing what members owe each other, frozen into a snapshot, all at once.",
    table=CYCLE_TABLE,
    key=lambda c: (c.id,),
    states=CycleState,
    initial=(_C.OPEN,),
    transitions=(
        step("freeze", _C.OPEN, _C.FREEZING, "the time limit"),
        step("snapshot", _C.FREEZING, _C.FROZEN, "bounded steps, one in each block"),
        step("propose", _RUNNING, _C.PROPOSED, "a clearing solver"),
        step("seal", _C.PROPOSED, _C.VERIFYING, "the clearing solver"),
        step("verify", _C.VERIFYING, _C.VERIFIED, "bounded steps, one in each block"),
        step("fail", _C.VERIFYING, _C.FROZEN, "a proposal that does not verify"),
        step("apply", _C.VERIFIED, _C.APPLIED, "bounded steps, one in each block"),
        step("expire", _RUNNING, _C.UNWINDING, "the time limit"),
        step("cancel", _C.OPEN, _C.VOID, "the clearing solver that opened it"),
        step(
            "void",
            (_C.FREEZING, *_RUNNING, _C.VERIFYING),
            _C.UNWINDING,
            "its opener, or a contract or award that changes a frozen debt",
        ),
        step("unwind", _C.UNWINDING, _C.VOID, "bounded steps, one in each block"),
    ),
    limits={
        _C.OPEN: Limit("freeze", "the announced time"),
        _C.FREEZING: Limit("snapshot", "the last step"),
        _C.FROZEN: Limit("expire", "24 hours from the freeze"),
        _C.PROPOSED: Limit("expire", "24 hours from the freeze"),
        _C.VERIFYING: Limit("verify", "the last step"),
        _C.VERIFIED: Limit("apply", "the last step"),
        _C.UNWINDING: Limit("unwind", "the last step"),
    },
    rests={},
    parties=lambda c: (c.operator, "netting"),
    awaits=lambda c: ("netting",) if c.state in _RUNNING else (),
)


class Current(Struct, tag=1):
    """The cycle that has not ended. ``frozen_at`` is 0 unless its debts are frozen now."""

    cycle: ObjectId
    frozen_at: Instant
    verified: bool


CURRENT: Final = Table("netting.current", Current)
"""One record."""


class MemberPage(Struct, tag=1):
    """Members of a snapshot in order of LEIs, and the money that each set aside (minor units)."""

    members: tuple[Lei, ...]
    money: tuple[MoneyOrNone, ...]


class ArcPage(Struct, tag=1):
    """What pairs of members owe: arcs from debtor to creditor, in their order, pairs in one piece.

    A pair has one arc for what was overdue at the freeze (``overdue`` true) and one for the rest.
    ``counts`` says how many of ``debts``, oldest due first, make up each arc.
    """

    debtors: tuple[Count, ...]
    creditors: tuple[Count, ...]
    amounts: tuple[Count, ...]
    overdue: tuple[bool, ...]
    counts: tuple[Count, ...]
    debts: tuple[ObjectId, ...]


class FlowPage(Struct, tag=1):
    """How much of each arc of a page a proposal clears."""

    proposal: Uint
    flows: tuple[Count, ...]


class PotentialPage(Struct, tag=1):
    """The potential of each member of a page in a proposal's certificate."""

    proposal: Uint
    potentials: tuple[Count, ...]


class TallyPage(Struct, tag=1):
    """Per member of a page: what is cleared of its debts and of its claims."""

    owed: tuple[Count, ...]
    claimed: tuple[Count, ...]


MEMBER_PAGE: Final = Table("netting.members", MemberPage)
ARC_PAGE: Final = Table("netting.arcs", ArcPage)
FLOW_PAGE: Final = Table("netting.flows", FlowPage)
POTENTIAL_PAGE: Final = Table("netting.potentials", PotentialPage)
TALLY_PAGE: Final = Table("netting.tally", TallyPage)
"""All pages: by cycle and page number."""

PAGE_TABLES: Final = (MEMBER_PAGE, ARC_PAGE, FLOW_PAGE, POTENTIAL_PAGE, TALLY_PAGE)
