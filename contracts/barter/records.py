"""What barter stores about contracts and claims, and the life of a contract."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from contracts.barter.terms import Side, Terms
from contracts.framework.machine import Limit, Machine, step
from contracts.framework.types import Count, Country, Digest, Instant, Lei, ObjectId
from ledger.codec import Struct, Uint
from ledger.state import Table


class ContractState(StrEnum):
    """The life of a contract, from the offer to its end."""

    OFFERED = "offered"
    ACCEPTED = "accepted"
    SECURED = "secured"
    ACTIVE = "active"
    PARTIAL = "partial"
    FORCE_MAJEURE = "force majeure"
    OVERDUE = "overdue"
    GRACE = "grace"
    DEFAULTED = "defaulted"
    GUARANTEE_CALLED = "guarantee called"
    SUBROGATED = "subrogated"
    DISCHARGED = "discharged"
    TERMINATED = "terminated"
    COUNTERED = "countered"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


class Relief(Struct):
    """Customs of a state decided on relief for what enters it under a contract."""

    country: Country
    customs: Lei
    granted: bool
    decision: str


class Totals(Struct):
    """What happened to the contract's claims, in minor units of goods value; all only grow.

    ``credited`` by accepted components and ``restored`` by defects of finished goods raise the
    claims. ``delivered`` (finished goods), ``topped`` (settled in money by agreement),
    ``converted`` (became receivables), ``awarded`` (ended by a settlement or award) and
    ``cancelled`` (hidden defects of components) lower them.
    ``guaranteed`` passed from a holder to a guarantor and is still open or in one of the others.
    """

    credited: Uint = 0
    restored: Uint = 0
    delivered: Uint = 0
    topped: Uint = 0
    converted: Uint = 0
    awarded: Uint = 0
    cancelled: Uint = 0
    guaranteed: Uint = 0

    @property
    def open(self) -> int:
        """What is still claimed from the maker."""
        return self.credited + self.restored - self.ended

    @property
    def ended(self) -> int:
        """What is claimed no more, in whichever way it ended."""
        return self.delivered + self.topped + self.converted + self.awarded + self.cancelled


class Contract(Struct, tag=1):
    """A barter contract. The terms stand apart, because they never change.

    ``proposer`` made the offer and the other party answers. ``covers`` are the guarantees that
    secure the maker's and the supplier's duties. ``breach`` is the flow in which a duty is overdue;
    ``credited_at`` when the last lot of components was credited; ``shift`` is by how many ms force
    majeure moved every date, ``majeure_since`` since when and ``majeure_by`` at whose instance it
    holds (``majeure_used`` ms of it are over). ``disputes`` counts open disputes, ``open_lots``
    lots that are not settled and ``late_calls`` call-offs that were missed.
    """

    id: ObjectId
    supplier: Lei
    maker: Lei
    proposer: Lei
    terms_hash: Digest
    state: ContractState
    due: Uint
    replaces: ObjectId | None = None
    maker_cover: ObjectId | None = None
    supplier_cover: ObjectId | None = None
    reliefs: tuple[Relief, ...] = ()
    totals: Totals = Totals()
    breach: Side | None = None
    credited_at: Instant = 0
    shift: Uint = 0
    majeure_since: Instant = 0
    majeure_by: str = ""
    majeure_used: Uint = 0
    disputes: Count = 0
    open_lots: Count = 0
    late_calls: Count = 0
    reason: str = ""

    @property
    def answerer(self) -> str:
        """Who answers the offer."""
        return self.maker if self.proposer == self.supplier else self.supplier

    @property
    def parties(self) -> tuple[str, str]:
        """Supplier and maker."""
        return (self.supplier, self.maker)

    def other(self, party: str) -> str:
        """The other of the two parties."""
        return self.maker if party == self.supplier else self.supplier

    def obligor(self, side: Side) -> str:
        """Who ships in a flow."""
        return self.supplier if side is Side.COMPONENTS else self.maker


class StoredTerms(Struct, tag=1):
    """The terms of a contract."""

    terms: Terms


class ItemProgress(Struct):
    """How far an item of the schedule is, in units.

    ``accepted`` finally, ``moving`` (shipped, not settled), ``waived`` by agreement.
    """

    accepted: Uint = 0
    moving: Uint = 0
    waived: Uint = 0

    @property
    def performed(self) -> int:
        """What counts towards the schedule now."""
        return self.accepted + self.moving + self.waived


class Progress(Struct, tag=1):
    """How far a contract is: one entry per item of each flow."""

    components: tuple[ItemProgress, ...]
    goods: tuple[ItemProgress, ...]

    def flow(self, side: Side) -> tuple[ItemProgress, ...]:
        """The entries of one flow."""
        return self.components if side is Side.COMPONENTS else self.goods


class Claim(Struct, tag=1):
    """A holder's share in the claims of a contract, in minor units of goods value.

    ``gained`` and ``spent`` only grow; their difference is open and equals the holder's account.
    ``committed`` of it is called off or on its way.
    """

    contract: ObjectId
    holder: Lei
    gained: Uint
    spent: Uint
    committed: Uint

    @property
    def open(self) -> int:
        """What is still to be delivered to the holder."""
        return self.gained - self.spent

    @property
    def free(self) -> int:
        """What of it may be called off, assigned or settled."""
        return self.gained - self.spent - self.committed


CONTRACT_TABLE: Final = Table("barter", Contract)
"""By id."""
TERMS: Final = Table("barter.terms", StoredTerms)
"""By contract."""
PROGRESS: Final = Table("barter.progress", Progress)
"""By contract."""
CLAIM: Final = Table("barter.claim", Claim)
"""By contract and holder."""

_C = ContractState
LIVE: Final = frozenset(
    {
        _C.ACTIVE,
        _C.PARTIAL,
        _C.FORCE_MAJEURE,
        _C.OVERDUE,
        _C.GRACE,
        _C.DEFAULTED,
        _C.GUARANTEE_CALLED,
        _C.SUBROGATED,
    }
)
"""States in which lots may be shipped and claims exist."""
_RUNNING = (_C.ACTIVE, _C.PARTIAL)
_LATE = (_C.OVERDUE, _C.GRACE)
_ALL_LIVE = tuple(s for s in _C if s in LIVE)


def _contract_awaits(c: Contract) -> tuple[str, ...]:
    if c.state is _C.OFFERED:
        return (c.answerer,)
    if c.state in {_C.OVERDUE, _C.GRACE} and c.breach is not None:
        return c.parties
    if c.state in {_C.DEFAULTED, _C.SUBROGATED}:
        return c.parties
    return ()


CONTRACT: Final = Machine[Contract](
    name="barter",
    meaning="A barter contract, from the offer to discharge or termination.",
    table=CONTRACT_TABLE,
    key=lambda c: (c.id,),
    states=ContractState,
    initial=(_C.OFFERED,),
    transitions=(
        step("accept", _C.OFFERED, _C.ACCEPTED, "the other party, naming the hash of the terms"),
        step("counter", _C.OFFERED, _C.COUNTERED, "the other party, with terms of its own"),
        step("decline", _C.OFFERED, _C.DECLINED, "the other party, with a reason"),
        step("withdraw", _C.OFFERED, _C.WITHDRAWN, "whoever offered"),
        step("lapse", (_C.OFFERED, _C.ACCEPTED), _C.LAPSED, "the time limit"),
        step(
            "fall through",
            (_C.OFFERED, _C.ACCEPTED, _C.SECURED),
            _C.LAPSED,
            "customs refusing relief, both parties, or a party's exclusion",
        ),
        step("secure", _C.ACCEPTED, _C.SECURED, "both guarantors and customs of both states"),
        step("start", _C.SECURED, _C.ACTIVE, "the agreed start"),
        step("deliver", _C.ACTIVE, _C.PARTIAL, "the first accepted finished goods"),
        step("proceed", _C.ACTIVE, _C.ACTIVE, "a lot"),
        step("proceed", _C.PARTIAL, _C.PARTIAL, "a lot"),
        step("fall due", _RUNNING, _C.OVERDUE, "a date of the schedule that passed"),
        step("resume", (*_LATE, _C.FORCE_MAJEURE), _C.ACTIVE, "late performance; end of the event"),
        step("suspend", (*_RUNNING, *_LATE), _C.FORCE_MAJEURE, "a party, with evidence"),
        step("outlast", _C.FORCE_MAJEURE, _C.TERMINATED, "the time limit"),
        step("give notice", _C.OVERDUE, _C.GRACE, "the injured party"),
        step("abandon", _C.OVERDUE, _C.TERMINATED, "the time limit"),
        step("default", _C.GRACE, _C.DEFAULTED, "the time limit"),
        step("call", (_C.DEFAULTED, _C.SUBROGATED), _C.GUARANTEE_CALLED, "the injured party"),
        step("wind up", _C.DEFAULTED, _C.TERMINATED, "the time limit"),
        step("pay", _C.GUARANTEE_CALLED, _C.SUBROGATED, "the guarantor, by payment"),
        step("fall back", _C.GUARANTEE_CALLED, _C.DEFAULTED, "refusal, or the time limit"),
        step("convert", _C.SUBROGATED, _C.TERMINATED, "the time limit"),
        step("discharge", _ALL_LIVE, _C.DISCHARGED, "claims at zero and the schedule done"),
        step(
            "terminate",
            (_C.SECURED, *_ALL_LIVE),
            _C.TERMINATED,
            "both parties, the tribunal, or a party's exclusion",
        ),
    ),
    limits={
        _C.OFFERED: Limit("lapse", "the offer's own time, at most 30 days"),
        _C.ACCEPTED: Limit("lapse", "10 business days"),
        _C.SECURED: Limit("start", "the agreed start"),
        _C.ACTIVE: Limit("fall due", "the next date of the schedule"),
        _C.PARTIAL: Limit("fall due", "the next date of the schedule"),
        _C.FORCE_MAJEURE: Limit("outlast", "90 days in all"),
        _C.OVERDUE: Limit("abandon", "180 days"),
        _C.GRACE: Limit("default", "30 days"),
        _C.DEFAULTED: Limit("wind up", "90 days"),
        _C.GUARANTEE_CALLED: Limit("fall back", "150 days"),
        _C.SUBROGATED: Limit("convert", "90 days"),
    },
    rests={},
    parties=lambda c: c.parties,
    awaits=_contract_awaits,
)


class Conversion(Struct, tag=1):
    """A holder's claim that became a receivable: the debt's id."""

    debt: ObjectId


CONVERSION: Final = Table("barter.conversion", Conversion)
"""By contract, holder and debt."""


class Passed(Struct, tag=1):
    """A payment by which part of a claim passed to a guarantor."""

    payment: ObjectId


PASSED: Final = Table("barter.passed", Passed)
"""By contract, guarantor and payment."""
