"""What is true of the market after every block. The numbers are those that auditors check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from contracts.framework.capability import invariant
from contracts.framework.party import PARTY, Right
from contracts.market.book import HS_DIGITS, value_at
from contracts.market.records import (
    BOOK,
    DESK,
    ENTRY_TABLE,
    MATCH_TABLE,
    RESERVATION_TABLE,
    EntryState,
    MatchState,
    ReservationState,
)
from ledger.state import State


@invariant("market-quantities-add-up", 9)
def quantities_add_up(state: State) -> Iterator[str]:
    """Of each entry, open, reserved, contracted and released quantities are what was posted.

    What is reserved and contracted is the sum of its reservations, and nothing is open at the end.
    """
    reserved: Counter[bytes] = Counter()
    contracted: Counter[bytes] = Counter()
    for _, found in state.scan(RESERVATION_TABLE):
        for id in (found.supply, found.demand):
            if found.state is ReservationState.RESERVED:
                reserved[id] += found.quantity
            elif found.state is ReservationState.CONTRACTED:
                contracted[id] += found.quantity
    for _, entry in state.scan(ENTRY_TABLE):
        name = f"entry {entry.id.hex()[:16]}"
        total = entry.open + entry.reserved + entry.contracted + entry.released
        if total != entry.posted or min(entry.open, entry.reserved, entry.released) < 0:
            yield f"{name}: {total} of {entry.posted} is accounted for"
        if (entry.reserved, entry.contracted) != (reserved[entry.id], contracted[entry.id]):
            yield f"{name}: its reservations differ from what it counts"
        if entry.open and entry.state is not EntryState.OPEN:
            yield f"{name}: {entry.state.value} with {entry.open} open"


@invariant("market-book-indexed", 13)
def book_is_indexed(state: State) -> Iterator[str]:
    """The book lists each open entry at its place and nothing else; desks count them."""
    expected: set[bytes] = set()
    owners: Counter[str] = Counter()
    for _, entry in state.scan(ENTRY_TABLE):
        if entry.state is EntryState.OPEN:
            owners[entry.owner] += 1
            expected.add(
                BOOK.key(
                    entry.kind.value, entry.hs[:HS_DIGITS], entry.unit, entry.side.value, entry.id
                )
            )
    if expected != {key for key, _ in state.scan(BOOK)}:
        yield "the book differs from the open entries"
    for key, desk in state.scan(DESK):
        owner = key[len(DESK.prefix) :].split(b"\0")[0].decode()
        if desk.open != owners.pop(owner, 0):
            yield f"{owner} is counted with {desk.open} open entries"
    for owner in sorted(owners):
        yield f"{owner} has open entries that are not counted"


@invariant("market-reservations-by-consent", 12)
def reservations_are_by_consent(state: State) -> Iterator[str]:
    """Each reservation is a leg of a match that all its parties agreed to, at its price."""
    for _, found in state.scan(RESERVATION_TABLE):
        name = f"reservation {found.id.hex()[:16]}"
        match = state.get(MATCH_TABLE, found.match)
        if match is None or match.state is not MatchState.AGREED:
            yield f"{name}: its match was not agreed to"
            continue
        if set(match.agreed) != set(match.parties) or len(match.agreed) != len(match.parties):
            yield f"{name}: a party of its match has not agreed, or twice"
        leg = (found.supply, found.demand, found.quantity, found.price)
        if leg not in [(g.supply, g.demand, g.quantity, g.price) for g in match.legs]:
            yield f"{name}: its match has no such leg"
        if found.value != value_at(found.price, found.quantity) or not found.value:
            yield f"{name}: worth {found.value}"
        if (found.contract is None) is (found.state is ReservationState.CONTRACTED):
            yield f"{name}: {found.state.value}, and its contract does not fit"


@invariant("market-entries-of-entitled", 14)
def entries_are_of_entitled(state: State) -> Iterator[str]:
    """Open entries and reservations belong to parties that may take on obligations."""
    owners = {e.owner for _, e in state.scan(ENTRY_TABLE) if e.state is EntryState.OPEN}
    for _, found in state.scan(RESERVATION_TABLE):
        if found.state is ReservationState.RESERVED:
            owners |= {found.supplier, found.buyer}
    for owner in sorted(owners):
        party = state.get(PARTY, owner)
        if party is None or not party.may(Right.OBLIGE):
            yield f"{owner} is in the market and may not take on obligations"


INVARIANTS = (
    quantities_add_up,
    book_is_indexed,
    reservations_are_by_consent,
    entries_are_of_entitled,
)
