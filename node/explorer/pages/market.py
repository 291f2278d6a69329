"""The market: what is supplied and needed, what fits, what is kept for whom."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

from contracts.market.records import ENTRY, ENTRY_TABLE, MATCH, PLAN, RESERVATION, Entry, Side
from contracts.market.views import Candidate, book, ranking
from node.api.words import parse_id
from node.explorer.detail import ANNEXES, HISTORY, LINKS, detail
from node.explorer.language import msg
from node.explorer.listing import filters, goods, listing, money, party, plain
from node.explorer.site import Group, Page
from node.explorer.table import Column, Format, Money, Slice, Table, entire_of, key_of
from node.explorer.view import View

MOST_SHELVES: Final = 200
MOST_ENTRIES: Final = 20_000
"""Open entries that the summary of the book looks at."""


ENTRIES = listing(
    ENTRY,
    "entries",
    msg("Entries of the market, newest first"),
    (
        plain("title", msg("What"), Format.TEXT),
        plain("side", msg("Register"), Format.LABEL),
        plain("kind", msg("Kind"), Format.LABEL, seen=False),
        goods(lambda e: e.record.hs),
        party("owner", msg("Owner")),
        plain("country", msg("Country"), Format.COUNTRY, seen=False),
        plain("posted", msg("Posted"), Format.COUNT),
        plain("open", msg("Open"), Format.COUNT),
        plain("reserved", msg("Reserved"), Format.COUNT, seen=False),
        plain("contracted", msg("Contracted"), Format.COUNT, seen=False),
        plain("unit", msg("Unit"), Format.UNIT),
        Column("lowest", msg("Lowest price"), Format.PRICE, lambda e: e.record.lowest),
        Column("highest", msg("Highest price"), Format.PRICE, lambda e: e.record.highest),
        plain("starts", msg("From"), Format.INSTANT, seen=False),
        plain("ends", msg("To"), Format.INSTANT, seen=False),
    ),
)


class _Shelf(NamedTuple):
    kind: str
    hs: str
    unit: str
    supplies: int
    supply: int
    demands: int
    demand: int


def _shelves(view: View) -> Iterator[_Shelf]:
    found: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for entry in islice(book(view.state), MOST_ENTRIES):
        sums = found[entry.kind.value, entry.hs[:6], entry.unit]
        at = 0 if entry.side is Side.SUPPLY else 2
        sums[at] += 1
        sums[at + 1] += entry.open
    for (kind, hs, unit), sums in sorted(found.items()):
        yield _Shelf(kind, hs, unit, *sums)


BOOK: Table[_Shelf] = Table(
    "book",
    msg("The book: what is open, by kind of goods"),
    (
        Column("hs", msg("HS code"), Format.TEXT, lambda s: s.hs),
        Column("kind", msg("Kind"), Format.LABEL, lambda s: s.kind),
        Column("supplies", msg("Supplies"), Format.COUNT, lambda s: s.supplies),
        Column("supply", msg("Supplied, units"), Format.COUNT, lambda s: s.supply),
        Column("demands", msg("Demands"), Format.COUNT, lambda s: s.demands),
        Column("demand", msg("Needed, units"), Format.COUNT, lambda s: s.demand),
        Column("unit", msg("Unit"), Format.UNIT, lambda s: s.unit),
    ),
    read=entire_of(_shelves),
    size=MOST_SHELVES,
    empty=msg("Nothing is offered or wanted now."),
)

MATCHES = listing(
    MATCH,
    "matches",
    msg("Matches, newest first"),
    (
        plain("kind", msg("Kind"), Format.LABEL),
        plain("parties", msg("Parties"), Format.PARTIES),
        plain("agreed", msg("Agreed"), Format.PARTIES),
        party("proposer", msg("Proposed by")),
    ),
    filtered=False,
)
RESERVATIONS = listing(
    RESERVATION,
    "reservations",
    msg("Reservations, newest first"),
    (
        party("supplier", msg("Supplier")),
        party("buyer", msg("Buyer")),
        plain("quantity", msg("Quantity"), Format.COUNT),
        money("value", msg("Value")),
        Column(
            "contract",
            msg("Became"),
            Format.ID,
            lambda e: e.record.contract,
            lambda e: e.view.object_path(e.record.contract),
        ),
        plain("contract_kind", msg("Kind"), Format.LABEL),
    ),
    filtered=False,
)


def _plans(view: View, cursor: str, limit: int) -> Slice:
    after = PLAN.key(key_of(cursor)) + b"\0" if cursor else b""
    rows: list[Any] = []
    for _, record in view.state.records(PLAN, PLAN.key(), after):
        rows.append(record)
        if len(rows) == limit:
            return Slice(rows, record.id.hex())
    return Slice(rows)


PLANS: Table[Any] = Table(
    "plans",
    msg("Verified plans: the most that can be supplied, at the least cost"),
    (
        Column("id", msg("Plan"), Format.ID, lambda p: p.id),
        Column("hs", msg("HS code"), Format.TEXT, lambda p: p.hs),
        Column("quantity", msg("Quantity"), Format.COUNT, lambda p: p.quantity),
        Column("unit", msg("Unit"), Format.UNIT, lambda p: p.unit),
        Column("cost", msg("Cost"), Format.AMOUNT, lambda p: Money(p.cost, "SCU")),
        Column("matches", msg("Matches"), Format.COUNT, lambda p: p.matches),
        Column("proposer", msg("Found by"), Format.PARTY, lambda p: p.proposer),
        Column("time", msg("Time"), Format.INSTANT, lambda p: p.time),
    ),
    read=_plans,
    empty=msg("No plan has been verified."),
)


def market(view: View) -> dict[str, Any]:
    """The book, its entries, and what came of them."""
    return {
        "intro": view.text(
            msg(
                "Supplies and demands stand in open registers; who is shown first follows a "
                "published rule that anybody can compute."
            )
        ),
        "filters": filters(view, ENTRY),
        "shown": view.show(ENTRIES),
        "tables": [view.show(table) for table in (BOOK, MATCHES, RESERVATIONS, PLANS)],
    }


def _requested(view: View) -> Entry:
    identity = parse_id(view.parameters["id"])
    found = view.state.get(ENTRY_TABLE, identity)
    if found is None:
        raise view.missing(f"market entry {identity.hex()[:16]}…")
    return found


class _Fit(NamedTuple):
    view: View
    rank: int
    candidate: Candidate


def _fits(view: View) -> Iterator[_Fit]:
    for number, candidate in enumerate(ranking(view.state, _requested(view).id, view.head.time)):
        yield _Fit(view, number + 1, candidate)


FITS: Table[_Fit] = Table(
    "fits",
    msg("What fits, best first by the published rule"),
    (
        Column("rank", msg("Rank"), Format.COUNT, lambda f: f.rank),
        Column(
            "entry",
            msg("Entry"),
            Format.TEXT,
            lambda f: f.candidate.entry.title,
            lambda f: f.view.object_path(f.candidate.entry.id),
        ),
        Column("owner", msg("Owner"), Format.PARTY, lambda f: f.candidate.entry.owner),
        Column("quantity", msg("Quantity"), Format.COUNT, lambda f: f.candidate.quantity),
        Column("points", msg("Points"), Format.COUNT, lambda f: f.candidate.points.total),
    ),
    read=entire_of(_fits),
    empty=msg("No open entry fits it now."),
)


def entry(view: View) -> dict[str, Any]:
    """One entry of the market."""
    found = _requested(view)
    return detail(view, ENTRY, found, title=found.title) | {"tables": [view.show(FITS)]}


PAGES = (
    Page(
        "/market",
        msg("Market"),
        render=market,
        template="objects.html",
        group=Group.TRADE,
        tables=(ENTRIES, BOOK, MATCHES, RESERVATIONS, PLANS),
        live=True,
    ),
    Page(
        "/market/{id}",
        msg("Market entry"),
        render=entry,
        template="detail.html",
        parent="/market",
        tables=(FITS, LINKS, ANNEXES, HISTORY),
        live=True,
        shows=ENTRY.name,
    ),
)
