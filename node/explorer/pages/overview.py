"""The overview: where the ledger stands, and how it came there."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any, NamedTuple

from contracts.accounts import ATTESTED, BACKING, ISSUED, RESERVE
from contracts.barter.accounts import GCLAIM
from contracts.capacity import COVER
from contracts.currency.views import Supply, supply
from contracts.framework.posting import AccountKind
from node.explorer.chart import Chart, draw
from node.explorer.index.records import DAY, HOUR, MINUTE, MOMENT, Bucket, Series
from node.explorer.language import msg
from node.explorer.pages.transactions import TRANSACTIONS
from node.explorer.site import Group, Page
from node.explorer.table import Column, Format, Money, Slice, Table, entire
from node.explorer.view import View

SPANS = (
    (msg("minutes"), 90 * MOMENT),
    (msg("hour"), 90 * MINUTE),
    (msg("three days"), 90 * HOUR),
    (msg("quarter"), 90 * DAY),
)
"""What the charts may show, and the longest time each is chosen for by itself."""


def _span(view: View) -> int:
    """How far back the charts go, in ms: as asked for, or what the ledger's age suits."""
    begun = view.reader.header(max(0, view.index.height - 1))
    first = view.reader.header(1) or begun
    age = view.head.time - (first.time if first else 0)
    fitting = [span for _, span in SPANS if span >= age] or [SPANS[-1][1]]
    return dict(SPANS).get(view.query.get("span", ""), fitting[0])


def _buckets(view: View) -> list[Bucket]:
    """The time buckets of the charts."""
    return view.index.recent(view.head.time, _span(view))[1]


def _states(view: View) -> list[str]:
    """States that issue currency or attest reserves."""
    kinds = {ISSUED.name, ATTESTED.name}
    return sorted({s.state for s in view.index.series() if s.kind in kinds and s.state})


def _total(view: View, kind: AccountKind, state: str, height: int) -> int:
    return view.index.total(Series(kind.name, kind.unit.value, state), height)


THROUGHPUT: Table[Bucket] = Table(
    "throughput",
    msg("Transactions over time"),
    columns=(
        Column("time", msg("From"), Format.INSTANT, lambda b: b.start),
        Column("transactions", msg("Transactions"), Format.COUNT, lambda b: b.transactions),
        Column("refused", msg("Of them refused"), Format.COUNT, lambda b: b.refused),
        Column("deadlines", msg("Time limits"), Format.COUNT, lambda b: b.deadlines),
        Column("blocks", msg("Blocks"), Format.COUNT, lambda b: b.blocks),
        Column(
            "height",
            msg("Last block"),
            Format.COUNT,
            lambda b: b.height,
            lambda b: f"/blocks/{b.height}",
        ),
    ),
    read=lambda view, cursor, limit: Slice(_buckets(view)),
    size=200,
)


_FROM: Column[Any] = Column("time", msg("From"), Format.INSTANT, lambda row: row.time)
_HEIGHT: Column[Any] = Column("height", msg("Height"), Format.COUNT, lambda row: row.height)
_COUNTRY: Column[Any] = Column("state", msg("Country"), Format.COUNTRY, lambda row: row.state)


class Point(NamedTuple):
    """A total of a state at the end of a time bucket."""

    time: int
    height: int
    state: str
    value: Money


def _issued(view: View) -> Iterator[Point]:
    for bucket in _buckets(view):
        for state in _states(view):
            amount = -_total(view, ISSUED, state, bucket.height)
            yield Point(bucket.start, bucket.height, state, Money(amount, ISSUED.unit.value))


CIRCULATION: Table[Point] = Table(
    "circulation",
    msg("Currency in circulation by issuing state"),
    columns=(
        _FROM,
        _HEIGHT,
        _COUNTRY,
        Column("amount", msg("In circulation"), Format.AMOUNT, lambda p: p.value),
    ),
    read=lambda view, cursor, limit: Slice(list(_issued(view))),
    size=2_000,
)


class Cover(NamedTuple):
    """How far attested reserve covers what a state has issued; ``share`` in basis points."""

    time: int
    height: int
    state: str
    reserve: Money
    issued: Money

    @property
    def share(self) -> int | None:
        """Reserve over issue; nothing if nothing is issued."""
        return self.reserve.amount * 10_000 // self.issued.amount if self.issued.amount else None


def _covers(view: View) -> Iterator[Cover]:
    for bucket in _buckets(view):
        for state in _states(view):
            reserve = -_total(view, ATTESTED, state, bucket.height)
            issued = -_total(view, ISSUED, state, bucket.height)
            if issued:
                yield Cover(
                    bucket.start,
                    bucket.height,
                    state,
                    Money(reserve, ATTESTED.unit.value),
                    Money(issued, ISSUED.unit.value),
                )


COVERS: Table[Cover] = Table(
    "reserve-cover",
    msg("Attested reserve behind the currency, by state"),
    columns=(
        _FROM,
        _HEIGHT,
        _COUNTRY,
        Column("share", msg("Cover"), Format.PERCENT, lambda c: c.share),
        Column("reserve", msg("Attested"), Format.AMOUNT, lambda c: c.reserve),
        Column("issued", msg("In circulation"), Format.AMOUNT, lambda c: c.issued),
    ),
    read=lambda view, cursor, limit: Slice(list(_covers(view))),
    size=2_000,
    empty=msg("No currency is in circulation yet."),
)


class Promise(NamedTuple):
    """What is promised at the end of a time bucket: goods to come, guarantees in force."""

    time: int
    height: int
    kind: str
    value: Money


_PROMISES = ((msg("open claims to goods"), GCLAIM, -1), (msg("guarantees in force"), COVER, 1))


def _promises(view: View) -> Iterator[Promise]:
    mine = {
        name: [s for s in view.index.series() if s.kind == kind.name] for name, kind, _ in _PROMISES
    }
    for bucket in _buckets(view):
        for name, kind, sign in _PROMISES:
            total = sum(view.index.total(s, bucket.height) for s in mine[name])
            yield Promise(bucket.start, bucket.height, name, Money(sign * total, kind.unit.value))


PROMISES: Table[Promise] = Table(
    "promises",
    msg("Open claims and guarantees in force"),
    columns=(
        _FROM,
        _HEIGHT,
        Column("kind", msg("Kind"), Format.LABEL, lambda p: p.kind),
        Column("amount", msg("Amount"), Format.AMOUNT, lambda p: p.value),
    ),
    read=lambda view, cursor, limit: Slice(list(_promises(view))),
    size=2_000,
)

SUPPLY: Table[Supply] = Table(
    "supply",
    msg("Currency and reserve by state"),
    columns=(
        Column("state", msg("Country"), Format.COUNTRY, lambda s: s.country),
        Column(
            "outstanding",
            msg("In circulation"),
            Format.AMOUNT,
            lambda s: Money(s.outstanding, ISSUED.unit.value),
            lambda s: f"/accounts/{ISSUED.of(s.country)}",
        ),
        Column(
            "reserve",
            msg("Attested reserve"),
            Format.AMOUNT,
            lambda s: Money(s.reserve, ATTESTED.unit.value),
        ),
        Column("free", msg("Not used"), Format.AMOUNT, lambda s: Money(s.free, RESERVE.unit.value)),
        Column(
            "cover",
            msg("Cover"),
            Format.PERCENT,
            lambda s: s.reserve * 10_000 // s.outstanding if s.outstanding else None,
        ),
        Column("fresh_until", msg("Attested until"), Format.INSTANT, lambda s: s.fresh_until),
    ),
    read=lambda view, cursor, limit: entire(supply(view.state))(view, cursor, limit),
    empty=msg("No state has attested a reserve yet."),
)

CHARTS = (
    Chart(THROUGHPUT, x="time", y="transactions", bars=True),
    Chart(CIRCULATION, x="time", y="amount", by="state"),
    Chart(COVERS, x="time", y="share", by="state"),
    Chart(PROMISES, x="time", y="amount", by="kind"),
)


def overview(view: View) -> dict[str, Any]:
    """The figures of today, the charts of how they came about, the newest transactions."""
    height = view.index.height
    state_of = view.index.series()

    def sum_of(kind: AccountKind) -> int:
        return sum(view.index.total(s, height) for s in state_of if s.kind == kind.name)

    last_minute = view.index.buckets(MINUTE, view.head.time - 10 * MINUTE, view.head.time)
    waits = sorted(view.finality_ms)
    issued, backing = -sum_of(ISSUED), sum_of(BACKING) + sum_of(RESERVE)
    return {
        "finality": median(waits) / 1000 if waits else None,
        "transactions": view.index.transactions,
        "recent": sum(bucket.transactions for bucket in last_minute),
        "issued": issued,
        "cover": backing * 10_000 // issued if issued else None,
        "claims": -sum_of(GCLAIM),
        "guarantees": sum_of(COVER),
        "members": view.index.tally("parties"),
        "validators": view.reader.validators(view.head.epoch),
        "spans": [
            (view.text(name), view.here(span=name), span == _span(view)) for name, span in SPANS
        ],
        "charts": [draw(view, chart) for chart in CHARTS],
        "supply": view.show(SUPPLY),
        "newest": view.show(TRANSACTIONS, 10)._replace(next=view.href("/transactions")),
    }


PAGES = (
    Page(
        "/",
        msg("Overview"),
        render=overview,
        template="overview.html",
        group=Group.LEDGER,
        tables=(SUPPLY, TRANSACTIONS, *(chart.table for chart in CHARTS)),
        live=True,
    ),
)
