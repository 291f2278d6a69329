"""What barter stores about lots and hidden defects, and their lives."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from contracts.barter.terms import Side
from contracts.framework.evidence import DocumentKind
from contracts.framework.machine import Limit, Machine, step
from contracts.framework.types import Count, Country, Instant, Lei, Money, ObjectId
from ledger.codec import Struct, Uint
from ledger.state import Table


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
    quantity: Count
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
    quantity: Count
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
