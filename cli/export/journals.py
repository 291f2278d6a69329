"""Journals of plain-text accounting, for beancount (version 3) and hledger.

Both formats hold the same :class:`Journal`: bookings in order, debits positive, and at the end the
balance of every account, which ``bean-check`` and ``hledger check`` hold against the postings. Text
of others (names, words, references) only ever stands where the format takes any text, quoted or as
a comment of one line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple, Protocol

from contracts.extracts.chart import path_of
from contracts.extracts.walk import Entry, Walk
from contracts.framework.forms import format_instant
from contracts.framework.operation import Operation
from contracts.framework.posting import Unit, owner_of
from contracts.framework.render import words
from ledger.receipt import Receipt

_UNITS: Final = {
    Unit.SCU: "Settlement currency unit",
    Unit.GV: "Goods value of barter claims",
    Unit.LINE: "Memo: credit lines",
    Unit.GTEE: "Memo: guarantees",
    Unit.RSV: "Memo: attested reserves",
    Unit.GIT: "Memo: goods in transit",
}


class Line(NamedTuple):
    """One line of a booking: an account's name, minor units of a unit, debits positive."""

    path: str
    amount: int
    unit: str


class Booking(NamedTuple):
    """One entry of a journal: who, what in words, and where it stands in the ledger."""

    time: int
    payee: str
    text: str
    id: str
    place: str
    lines: tuple[Line, ...]

    @property
    def day(self) -> date:
        """The calendar day of its block, UTC."""
        return day_of(self.time)


class Journal(Protocol):
    """What a journal holds. ``closings`` and ``facts`` are known after ``bookings`` ended."""

    title: str
    begins: int
    """When the ledger began, in ms."""

    def bookings(self) -> Iterator[Booking]:
        """The entries in the ledger's order."""
        ...

    def closings(self) -> Sequence[Line]:
        """How each account stands at the end."""
        ...

    def owner(self, path: str) -> str:
        """Whose account a name is."""
        ...

    def closing_time(self) -> int:
        """The block time of the end, in ms."""
        ...

    def facts(self) -> Sequence[tuple[str, str]]:
        """How far the journal goes."""
        ...


def decimal(minor: int) -> str:
    """Minor units as a decimal number: ``-150001`` is ``-1500.01``."""
    whole, rest = divmod(abs(minor), 100)
    return f"{'-' if minor < 0 else ''}{whole}.{rest:02d}"


def day_of(ms: int) -> date:
    """The calendar day of a block time, UTC."""
    return datetime.fromtimestamp(ms // 1000, UTC).date()


def told(operations: Sequence[Operation], names: Callable[[str], str | None]) -> str:
    """What a booking is about, in words."""
    return "; ".join(words(op, names=names) for op in operations) or "A time limit passed"


class WholeLedger:
    """The journal of everybody's accounts, as the ledger itself keeps its books."""

    def __init__(self, walk: Walk) -> None:
        self.title = f"Journal of ledger {walk.genesis.network}"
        self.begins = walk.genesis.time
        self._walk = walk
        self._owners: dict[str, str] = {}

    def bookings(self) -> Iterator[Booking]:
        """Every receipt that books anything."""
        for entry in self._walk.entries():
            if entry.receipt.postings:
                yield self._booking(entry)

    def _booking(self, entry: Entry) -> Booking:
        names: Mapping[str, str] = self._walk.names
        candidate = entry.candidate
        author = "" if candidate is None else candidate.transaction.author
        for posting in entry.receipt.postings:
            owner = owner_of(posting.account)
            self._owners[path_of(posting.account)] = names.get(owner, owner)
        return Booking(
            entry.time,
            names.get(author, author) or "Ledger",
            told(() if candidate is None else candidate.operations, names.get),
            entry.receipt.subject.hex(),
            f"{entry.height}/{entry.position}",
            whole_lines(entry.receipt),
        )

    def closings(self) -> list[Line]:
        """The balance of every account."""
        books = self._walk.books().balances
        return [Line(path_of(a), -amount, unit) for (a, unit), amount in sorted(books.items())]

    def owner(self, path: str) -> str:
        """The registered name of an account's owner."""
        return self._owners[path]

    def closing_time(self) -> int:
        """The newest block's time."""
        return self._walk.head.time

    def facts(self) -> list[tuple[str, str]]:
        """How far the walk went."""
        return self._walk.reach().facts()


def whole_lines(receipt: Receipt) -> tuple[Line, ...]:
    """A receipt's postings, debits positive."""
    return tuple(Line(path_of(p.account), -p.amount, p.unit) for p in receipt.postings)


def beancount(journal: Journal) -> Iterator[str]:
    """A journal as a beancount file, line by line (each ends with a line feed)."""
    opened: dict[tuple[str, str], date] = {}
    yield f'option "title" {_quoted(journal.title)}\n'
    yield 'option "operating_currency" "SCU"\n\n'
    for unit, name in _UNITS.items():
        yield f"{day_of(journal.begins)} commodity {unit.value}\n  name: {_quoted(name)}\n"
    for booking in journal.bookings():
        yield f"\n{booking.day} * {_quoted(booking.payee)} {_quoted(booking.text)}\n"
        yield f'  id: "{booking.id}"\n  place: "{booking.place}"\n'
        yield f'  time: "{format_instant(booking.time)}"\n'
        for line in booking.lines:
            opened.setdefault((line.path, line.unit), booking.day)
            yield f"  {line.path}  {decimal(line.amount)} {line.unit}\n"
    yield "\n"
    days: dict[str, tuple[date, list[str]]] = {}
    for (path, counted), day in sorted(opened.items()):
        first, units = days.get(path, (day, []))
        days[path] = (min(first, day), [*units, counted])
    for path, (day, units) in days.items():
        yield f"{day} open {path}  {','.join(units)}\n  owner: {_quoted(journal.owner(path))}\n"
    yield "\n"
    following = day_of(journal.closing_time()) + timedelta(days=1)
    for line in journal.closings():  # ~ 0.00: beancount would let a cent pass
        yield f"{following} balance {line.path}  {decimal(line.amount)} ~ 0.00 {line.unit}\n"
    yield "\n"
    for name, value in journal.facts():
        yield f"; {name}: {_line(value)}\n"


def hledger(journal: Journal) -> Iterator[str]:
    """A journal as an hledger file, line by line (each ends with a line feed)."""
    opened: dict[str, None] = {}
    yield f"; {_line(journal.title)}\n\n"
    for unit, name in _UNITS.items():
        yield f"commodity 1000.00 {unit.value}  ; {name}\n"
    for booking in journal.bookings():
        yield f"\n{booking.day} * {_plain(booking.payee)} | {_plain(booking.text)}\n"
        yield f"    ; id: {booking.id}\n    ; place: {booking.place}\n"
        yield f"    ; time: {format_instant(booking.time)}\n"
        for line in booking.lines:
            opened[line.path] = None
            yield f"    {line.path}  {decimal(line.amount)} {line.unit}\n"
    yield "\n"
    for path in sorted(opened):
        yield f"account {path}  ; {_plain(journal.owner(path))}\n"
    yield f"\n{day_of(journal.closing_time())} * Ledger | Balances at the end\n"
    for line in journal.closings():
        yield f"    {line.path}  0.00 {line.unit} = {decimal(line.amount)} {line.unit}\n"
    yield "\n"
    for name, value in journal.facts():
        yield f"; {name}: {_line(value)}\n"


def _quoted(text: str) -> str:
    return '"' + _line(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _plain(text: str) -> str:
    """Text where hledger reads a description: a semicolon would begin a comment, a bar a note."""
    return _line(text).replace(";", ",").replace("|", "/")


def _line(text: str) -> str:
    return " ".join(text.split())
