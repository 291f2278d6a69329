"""What the market stores, and the lives of entries, matches and reservations."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from contracts.barter.terms import Quantity, Ratio
from contracts.framework.machine import Limit, Machine, step
from contracts.framework.types import (
    Count,
    Country,
    HsCode,
    Instant,
    Lei,
    Line,
    MoneyOrNone,
    ObjectId,
    Title,
    UnitCode,
)
from ledger.codec import Struct, Uint
from ledger.state import Table


class Side(StrEnum):
    """The two registers."""

    SUPPLY = "supply"
    DEMAND = "demand"


class GoodsKind(StrEnum):
    """What is offered or wanted."""

    TECHNOLOGY = "technology"
    EQUIPMENT = "equipment"
    RAW_MATERIAL = "raw material"
    COMPONENT = "component"


class EntryState(StrEnum):
    """An entry of a register."""

    OPEN = "open"
    EXHAUSTED = "exhausted"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Entry(Struct, tag=1):
    """What a party supplies or needs: ``open + reserved + contracted + released = posted``.

    ``country`` is where the goods are, or where they are needed; ``partners`` are the countries
    of the other side that are acceptable, none named for all. The window from ``starts`` to
    ``ends`` is that of delivery. A supplier asks at least ``lowest``, a buyer pays at most
    ``highest``; the other bound is its expectation. Prices are in minor units per unit of measure.
    """

    id: ObjectId
    owner: Lei
    side: Side
    kind: GoodsKind
    sector: Line
    title: Title
    hs: HsCode
    unit: UnitCode
    country: Country
    partners: tuple[Country, ...]
    posted: Quantity
    starts: Instant
    ends: Instant
    lead_days: Count
    lowest: Ratio
    highest: Ratio
    state: EntryState
    due: Uint
    time: Instant
    open: Count
    reserved: Count = 0
    contracted: Count = 0
    released: Count = 0


ENTRY_TABLE: Final = Table("market.entry", Entry)
_E = EntryState
ENTRY: Final = Machine[Entry](
    name="market entry",
    meaning="Something that a party supplies or needs.",
    table=ENTRY_TABLE,
    key=lambda e: (e.id,),
    states=EntryState,
    initial=(_E.OPEN,),
    transitions=(
        step("exhaust", _E.OPEN, _E.EXHAUSTED, "the last of it is contracted"),
        step("withdraw", _E.OPEN, _E.WITHDRAWN, "owner, or the end of its right to oblige itself"),
        step("expire", _E.OPEN, _E.EXPIRED, "the time limit"),
    ),
    limits={_E.OPEN: Limit("expire", "the time stated, 90 days at most")},
    rests={},
    parties=lambda e: (e.owner,),
    awaits=lambda e: (),
)


class Listed(Struct, tag=1):
    """Index entry: an open entry of a book."""

    entry: ObjectId


BOOK: Final = Table("market.book", Listed)
"""By kind, six-digit HS code, unit, side and id: open entries only."""


class Leg(Struct):
    """So much of a supply for a demand at a price."""

    supply: ObjectId
    demand: ObjectId
    quantity: Quantity
    price: Ratio


class MatchKind(StrEnum):
    """How a match was found."""

    PAIR = "pair"
    CYCLE = "cycle"
    PLAN = "plan"


class MatchState(StrEnum):
    """A match binds nobody until all its parties have agreed."""

    MATCHED = "matched"
    AGREED = "agreed"
    DECLINED = "declined"
    LAPSED = "lapsed"


class Match(Struct, tag=1):
    """Entries that fit: one leg, or the two or three of a barter cycle.

    ``parties`` are the owners of the entries, of whom ``agreed`` have agreed; ``plan`` is the plan
    that it is part of, if any.
    """

    id: ObjectId
    kind: MatchKind
    legs: tuple[Leg, ...]
    parties: tuple[Lei, ...]
    agreed: tuple[Lei, ...]
    proposer: Lei
    state: MatchState
    due: Uint
    plan: ObjectId | None = None
    reason: str = ""


MATCH_TABLE: Final = Table("market.match", Match)
_M = MatchState
MATCH: Final = Machine[Match](
    name="match",
    meaning="Entries that fit together, until their owners reserve them or not.",
    table=MATCH_TABLE,
    key=lambda m: (m.id,),
    states=MatchState,
    initial=(_M.MATCHED,),
    transitions=(
        step("agree", _M.MATCHED, _M.AGREED, "the last of the parties"),
        step("decline", _M.MATCHED, _M.DECLINED, "a party"),
        step("lapse", _M.MATCHED, _M.LAPSED, "the time limit; silence is not consent"),
    ),
    limits={_M.MATCHED: Limit("lapse", "14 days")},
    rests={},
    parties=lambda m: m.parties,
    awaits=lambda m: tuple(p for p in m.parties if p not in m.agreed),
)


class ReservationState(StrEnum):
    """What became of reserved goods."""

    RESERVED = "reserved"
    CONTRACTED = "contracted"
    RELEASED = "released"
    EXPIRED = "expired"


class Reservation(Struct, tag=1):
    """So much of a supply is kept for a demand. ``contract`` names what it became, by kind and id.

    ``value`` is the quantity at its price in minor units, rounded down; the fraction is the
    buyer's.
    """

    id: ObjectId
    match: ObjectId
    supply: ObjectId
    demand: ObjectId
    supplier: Lei
    buyer: Lei
    quantity: Quantity
    price: Ratio
    value: MoneyOrNone
    state: ReservationState
    due: Uint
    contract_kind: str = ""
    contract: ObjectId | None = None
    reason: str = ""


RESERVATION_TABLE: Final = Table("market.reservation", Reservation)
_R = ReservationState
RESERVATION: Final = Machine[Reservation](
    name="reservation",
    meaning="A quantity that a supplier and a buyer keep for each other.",
    table=RESERVATION_TABLE,
    key=lambda r: (r.id,),
    states=ReservationState,
    initial=(_R.RESERVED,),
    transitions=(
        step("contract", _R.RESERVED, _R.CONTRACTED, "the supplier's barter offer or invoice"),
        step("release", _R.RESERVED, _R.RELEASED, "supplier or buyer, with a reason"),
        step("expire", _R.RESERVED, _R.EXPIRED, "the time limit"),
    ),
    limits={_R.RESERVED: Limit("expire", "10 business days")},
    rests={},
    parties=lambda r: (r.supplier, r.buyer),
    awaits=lambda r: (r.supplier,),
)


class Plan(Struct, tag=1):
    """A verified plan: as much as possible of a kind of goods, at the least cost.

    ``quantity`` is in units of measure and ``cost`` in minor units.
    """

    id: ObjectId
    proposer: Lei
    kind: GoodsKind
    hs: HsCode
    unit: UnitCode
    quantity: Count
    cost: MoneyOrNone
    matches: Count
    time: Instant


PLAN: Final = Table("market.plan", Plan)
"""By id."""


class Desk(Struct, tag=1):
    """A party in the market: its open entries, and the reservations it kept or let expire."""

    open: Count = 0
    kept: Count = 0
    missed: Count = 0


DESK: Final = Table("market.desk", Desk)
"""By LEI."""

TABLES: Final = (ENTRY_TABLE, BOOK, MATCH_TABLE, RESERVATION_TABLE, PLAN, DESK)
