"""What barter stores, and the lives of contracts and lots."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from contracts.barter.terms import Side, Terms
from contracts.framework.evidence import DocumentKind
from contracts.framework.machine import Limit, Machine, step
from contracts.framework.types import Count, Country, Digest, Instant, Lei, Money, ObjectId
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


class LotState(StrEnum):
    """The life of a lot, of components or of finished goods."""

    CALLED_OFF = "called off"
    LATE = "late"
    DISPATCHED = "dispatched"
    ARRIVED = "arrived"
    INSPECTING = "inspecting"
    REMINDED = "reminded"
    CURE = "cure"
    ACCEPTED = "accepted"
    DEEMED_ACCEPTED = "deemed accepted"
    RETURNED = "returned"
    CANCELLED = "cancelled"


class Charge(Struct):
    """Customs' decision on a lot: relief granted or refused, and the charge that was assessed."""

    country: Country
    customs: Lei
    granted: bool
    decision: str
    declaration: str
    charge: Uint


class Lot(Struct, tag=1):
    """One item on its way in one direction, or called off.

    ``receiver`` is the maker for components and the holder of the claim for finished goods.
    ``accepted`` of ``quantity`` units is settled; ``value`` is what the rest was worth when it was
    shipped or called, in minor units, and stands as committed or in transit. ``cures`` counts
    cures, ``inspector`` is the independent inspector, ``credited`` what acceptance booked,
    ``borne`` what of customs' charge its shipper bears and ``deducted`` by how much that lowered
    what was booked. ``settled_at`` is when it was last accepted; ``defective`` units were notified
    later.
    """

    id: ObjectId
    contract: ObjectId
    side: Side
    item: Count
    quantity: Money
    shipper: Lei
    receiver: Lei
    state: LotState
    due: Uint
    value: Uint
    accepted: Uint = 0
    credited: Uint = 0
    cures: Count = 0
    inspector: str = ""
    charge: Charge | None = None
    borne: Uint = 0
    deducted: Uint = 0
    arrived_at: Instant = 0
    settled_at: Instant = 0
    defective: Uint = 0
    reason: str = ""

    @property
    def remaining(self) -> int:
        """Units that are not decided on."""
        return self.quantity - self.accepted


LOT_TABLE: Final = Table("barter.lot", Lot)
"""By id."""


class Filed(Struct, tag=1):
    """A document that was filed for a lot."""

    kind: DocumentKind
    issuer: Lei
    filed_by: Lei
    time: Instant


DOCUMENT: Final = Table("barter.document", Filed)
"""By lot and the document's digest."""


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


class LotEntry(Struct, tag=1):
    """Index entry: a lot of a contract."""

    lot: ObjectId


LOTS: Final = Table("barter.lots", LotEntry)
"""By contract and lot: every lot there was."""
OPEN_LOTS: Final = Table("barter.lots.open", LotEntry)
"""By contract and lot: those that did not end yet."""

_L = LotState
_AT_RECEIVER = (_L.ARRIVED, _L.INSPECTING, _L.REMINDED)
DECIDABLE: Final = frozenset(_AT_RECEIVER)
"""States in which a lot may be accepted or rejected."""


def _lot_awaits(lot: Lot) -> tuple[str, ...]:
    match lot.state:
        case _L.CALLED_OFF | _L.LATE | _L.CURE:
            return (lot.shipper,)
        case _L.INSPECTING:
            return (lot.inspector,)
        case _L.DISPATCHED | _L.ARRIVED | _L.REMINDED:
            return (lot.receiver,)
    return ()


LOT: Final = Machine[Lot](
    name="barter.lot",
    meaning="A lot of components or of finished goods.",
    table=LOT_TABLE,
    key=lambda lot: (lot.id,),
    states=LotState,
    initial=(_L.CALLED_OFF, _L.DISPATCHED),
    transitions=(
        step("ship", (_L.CALLED_OFF, _L.LATE), _L.DISPATCHED, "the maker, with documents"),
        step("miss", _L.CALLED_OFF, _L.LATE, "the time limit"),
        step("cancel", (_L.CALLED_OFF, _L.LATE), _L.CANCELLED, "who called, or the contract's end"),
        step("expire", _L.LATE, _L.CANCELLED, "the time limit"),
        step("arrive", (_L.DISPATCHED, _L.REMINDED), _L.ARRIVED, "the receiver"),
        step("remind", (_L.DISPATCHED, _L.ARRIVED, _L.INSPECTING), _L.REMINDED, "the time limit"),
        step(
            "inspect", (_L.ARRIVED, _L.REMINDED), _L.INSPECTING, "either party naming an inspector"
        ),
        step("accept", _AT_RECEIVER, _L.ACCEPTED, "the receiver or the inspector"),
        step("deem accepted", _L.REMINDED, _L.DEEMED_ACCEPTED, "the time limit"),
        step("reject", _AT_RECEIVER, _L.CURE, "the receiver or the inspector, with reasons"),
        step(
            "send back",
            (_L.DISPATCHED, *_AT_RECEIVER),
            _L.RETURNED,
            "refused relief, cures used up, or no contract to cure for",
        ),
        step("cure", _L.CURE, _L.DISPATCHED, "the shipper, with documents"),
        step("take back", _L.CURE, _L.RETURNED, "the shipper"),
        step("give up", _L.CURE, _L.RETURNED, "the time limit"),
    ),
    limits={
        _L.CALLED_OFF: Limit("miss", "the date of the call-off"),
        _L.LATE: Limit("expire", "90 days"),
        _L.DISPATCHED: Limit("remind", "the agreed days of carriage"),
        _L.ARRIVED: Limit("remind", "10 business days"),
        _L.INSPECTING: Limit("remind", "10 business days"),
        _L.REMINDED: Limit("deem accepted", "5 business days"),
        _L.CURE: Limit("give up", "30 days"),
    },
    rests={},
    parties=lambda lot: (
        (lot.shipper, lot.receiver, lot.inspector) if lot.inspector else (lot.shipper, lot.receiver)
    ),
    awaits=_lot_awaits,
)


class DefectState(StrEnum):
    """A notice of a hidden defect and its answer."""

    NOTIFIED = "notified"
    ADMITTED = "admitted"
    CONTESTED = "contested"


class Defect(Struct, tag=1):
    """A hidden defect in units of a lot that had been accepted; ``value`` in minor units."""

    id: ObjectId
    lot: ObjectId
    contract: ObjectId
    quantity: Money
    value: Money
    shipper: Lei
    receiver: Lei
    state: DefectState
    due: Uint
    reason: str


DEFECT_TABLE: Final = Table("barter.defect", Defect)
"""By id."""
_D = DefectState
DEFECT: Final = Machine[Defect](
    name="barter.defect",
    meaning="A notice of a hidden defect in goods that were accepted.",
    table=DEFECT_TABLE,
    key=lambda d: (d.id,),
    states=DefectState,
    initial=(_D.NOTIFIED,),
    transitions=(
        step("admit", _D.NOTIFIED, _D.ADMITTED, "the shipper"),
        step("contest", _D.NOTIFIED, _D.CONTESTED, "the shipper, with a reason"),
        step("lapse", _D.NOTIFIED, _D.CONTESTED, "the time limit: silence is not consent"),
    ),
    limits={_D.NOTIFIED: Limit("lapse", "30 days")},
    rests={},
    parties=lambda d: (d.shipper, d.receiver),
    awaits=lambda d: (d.shipper,),
)


class Step(Struct):
    """A date of a chain's shared schedule."""

    name: str
    due: Instant


class Chain(Struct, tag=1):
    """Contracts that build on each other (components of components) and share one schedule."""

    id: ObjectId
    opener: Lei
    name: str
    steps: tuple[Step, ...]
    contracts: tuple[ObjectId, ...] = ()


CHAIN: Final = Table("barter.chain", Chain)
"""By id."""


class ShiftState(StrEnum):
    """A proposal to move a step of a chain."""

    PROPOSED = "proposed"
    AGREED = "agreed"
    REFUSED = "refused"
    LAPSED = "lapsed"


class Shift(Struct, tag=1):
    """A proposal to move one step of a chain to a later time; every party must agree."""

    id: ObjectId
    chain: ObjectId
    step: Count
    to: Instant
    proposer: Lei
    parties: tuple[Lei, ...]
    agreed: tuple[Lei, ...]
    state: ShiftState
    due: Uint
    reason: str


class OpenShift(Struct, tag=1):
    """Index entry: the proposal that is open for a chain."""

    shift: ObjectId


SHIFT_TABLE: Final = Table("barter.shift", Shift)
"""By id."""
OPEN_SHIFT: Final = Table("barter.shift.open", OpenShift)
"""By chain: one proposal is open at a time."""
_F = ShiftState
SHIFT: Final = Machine[Shift](
    name="barter.shift",
    meaning="A proposal to move a date that all contracts of a chain share.",
    table=SHIFT_TABLE,
    key=lambda s: (s.id,),
    states=ShiftState,
    initial=(_F.PROPOSED,),
    transitions=(
        step("agree", _F.PROPOSED, _F.AGREED, "the last party to agree"),
        step("refuse", _F.PROPOSED, _F.REFUSED, "any party"),
        step("lapse", _F.PROPOSED, _F.LAPSED, "the time limit: silence is not consent"),
    ),
    limits={_F.PROPOSED: Limit("lapse", "15 days")},
    rests={},
    parties=lambda s: s.parties,
    awaits=lambda s: tuple(p for p in s.parties if p not in s.agreed),
)
