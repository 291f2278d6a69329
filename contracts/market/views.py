"""Questions about the market: the book, who fits best, and what waits for whom. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from contracts.barter.records import CONTRACT_TABLE, PROGRESS
from contracts.barter.views import timeline
from contracts.errors import NOT_FOUND
from contracts.framework.machine import ITEM
from contracts.framework.parameters import parameters_of
from contracts.framework.party import PARTY, PartyKind, Right
from contracts.market.book import desk_of, listed
from contracts.market.fitting import Points, Record, misfit, points
from contracts.market.parameters import MarketParameters
from contracts.market.plans import Book, book_of
from contracts.market.records import (
    BOOK,
    ENTRY,
    ENTRY_TABLE,
    MATCH,
    MATCH_TABLE,
    RESERVATION,
    RESERVATION_TABLE,
    Entry,
    EntryState,
    GoodsKind,
    Match,
    Reservation,
    Side,
)
from ledger.errors import CodedError
from ledger.state import State


class Candidate(NamedTuple):
    """An entry that fits another one, and what it earns by the published rule."""

    entry: Entry
    quantity: int
    points: Points


class Mine(NamedTuple):
    """What a party has in the market."""

    entries: tuple[Entry, ...]
    matches: tuple[Match, ...]
    reservations: tuple[Reservation, ...]
    record: Record


def book(
    state: State, *, side: Side | None = None, kind: GoodsKind | None = None, hs: str = ""
) -> Iterator[Entry]:
    """Open entries in the order of the book: kind, HS code, unit, side, id."""
    parts = () if kind is None else (kind.value,)
    for _, place in state.scan(BOOK, *parts):
        entry = state.get(ENTRY_TABLE, place.entry)
        if entry is not None and side in {None, entry.side} and entry.hs.startswith(hs):
            yield entry


def ranking(state: State, id: bytes, time: int) -> list[Candidate]:
    """The entries that fit an open one at a block time (ms), best first.

    Most points first, then the one posted first, then the smaller id. Raises ``NOT_FOUND``.
    """
    own = state.get(ENTRY_TABLE, id)
    if own is None:
        raise CodedError(NOT_FOUND, "there is no such entry of the market", field="entry")
    if own.state is not EntryState.OPEN or not own.open:
        return []
    parameters = parameters_of(state, MarketParameters)
    other_side = Side.DEMAND if own.side is Side.SUPPLY else Side.SUPPLY
    records = on_time_records(state, time)
    found = []
    for other in listed(state, own.kind, own.hs, own.unit, other_side):
        supply, demand = (own, other) if own.side is Side.SUPPLY else (other, own)
        owner = state.get(PARTY, other.owner)
        if owner is None or not owner.may(Right.OBLIGE) or misfit(supply, demand, time):
            continue
        earned = points(
            supply,
            demand,
            record_of(state, other.owner, records),
            joint_venture=owner.profile.kind is PartyKind.JOINT_VENTURE,
            parameters=parameters,
        )
        found.append(Candidate(other, min(own.open, other.open), earned))
    return sorted(found, key=lambda c: (-c.points.total, c.entry.time, c.entry.id))


def on_time_records(state: State, time: int) -> dict[str, Record]:
    """Deliveries under barter contracts by whoever owed them, as far as they are due.

    A milestone that is reached counts as kept, one that is late and a missed call-off as missed.
    """
    kept: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for _, contract in state.scan(CONTRACT_TABLE):
        if state.get(PROGRESS, contract.id) is None:
            continue
        missed[contract.maker] += contract.late_calls
        for planned in timeline(state, contract.id, time).plan:
            shipper = contract.supplier if planned.side.value == "components" else contract.maker
            if planned.late:
                missed[shipper] += 1
            elif planned.reached >= planned.quantity:
                kept[shipper] += 1
    return {lei: Record(kept[lei], missed[lei]) for lei in kept.keys() | missed.keys()}


def record_of(state: State, lei: str, barter: dict[str, Record]) -> Record:
    """A party's on-time record: its barter deliveries, and its reservations in the market."""
    delivered = barter.get(lei, Record(0, 0))
    desk = desk_of(state, lei)
    return Record(delivered.kept + desk.kept, delivered.missed + desk.missed)


def mine(state: State, lei: str, time: int) -> Mine:
    """A party's open entries, matches and reservations."""
    entries = (state.get(ENTRY_TABLE, *i.key) for _, i in state.scan(ITEM, lei, ENTRY.name))
    matches = (state.get(MATCH_TABLE, *i.key) for _, i in state.scan(ITEM, lei, MATCH.name))
    kept = (
        state.get(RESERVATION_TABLE, *i.key) for _, i in state.scan(ITEM, lei, RESERVATION.name)
    )
    return Mine(
        tuple(e for e in entries if e is not None),
        tuple(m for m in matches if m is not None),
        tuple(r for r in kept if r is not None),
        record_of(state, lei, on_time_records(state, time)),
    )


def books(state: State) -> Iterator[Book]:
    """Every kind of goods that has both supplies and demands, in the order of the book."""
    seen: set[tuple[GoodsKind, str, str]] = set()
    for entry in book(state):
        name = (entry.kind, entry.hs[:6], entry.unit)
        if name not in seen:
            seen.add(name)
            found = book_of(state, *name)
            if found.supplies and found.demands:
                yield found
