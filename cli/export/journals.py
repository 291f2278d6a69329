"""Journals of plain-text accounting, for beancount (version 3) and hledger.

Both hold the same: every posting of the ledger as a posting, debits positive, one entry for each
receipt that books anything, and at the end the balance of every account, which ``bean-check`` and
``hledger check`` hold against the postings. Text of others (names, words, references) only ever
stands where the format takes any text, quoted or as a comment of one line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

from contracts.extracts.chart import path_of
from contracts.extracts.walk import Entry, Walk
from contracts.framework.forms import format_instant
from contracts.framework.posting import Unit
from contracts.framework.render import words
from ledger.receipt import Posting

_UNITS: Final = {
    Unit.SCU: "Settlement currency unit",
    Unit.GV: "Goods value of barter claims",
    Unit.LINE: "Memo: credit lines",
    Unit.GTEE: "Memo: guarantees",
    Unit.RSV: "Memo: attested reserves",
    Unit.GIT: "Memo: goods in transit",
}
_TITLE: Final = "Journal of ledger {network}"


class Booking(NamedTuple):
    """One entry of a journal: who, what in words, and where it stands in the ledger."""

    day: date
    payee: str
    text: str
    id: str
    place: str
    time: str
    postings: tuple[Posting, ...]


class Closing(NamedTuple):
    """How an account stands at the end, in minor units, debits positive."""

    account: str
    unit: str
    amount: int


def decimal(minor: int) -> str:
    """Minor units as a decimal number: ``-150001`` is ``-1500.01``."""
    whole, rest = divmod(abs(minor), 100)
    return f"{'-' if minor < 0 else ''}{whole}.{rest:02d}"


def day_of(ms: int) -> date:
    """The calendar day of a block time, UTC."""
    return datetime.fromtimestamp(ms // 1000, UTC).date()


def _booking(entry: Entry, names: Mapping[str, str]) -> Booking | None:
    if not entry.receipt.postings:
        return None
    candidate = entry.candidate
    if candidate is None:
        payee, text = "Ledger", "A time limit passed"
    else:
        author = candidate.transaction.author
        payee = names.get(author, author)
        text = "; ".join(words(op, names=names.get) for op in candidate.operations)
    return Booking(
        day_of(entry.time),
        payee,
        text,
        entry.receipt.subject.hex(),
        f"{entry.height}/{entry.position}",
        format_instant(entry.time),
        entry.receipt.postings,
    )


class _Journal:
    """What both formats need: bookings in order, then accounts with their first day and end."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.names = walk.names()
        self.opened: dict[tuple[str, str], date] = {}

    def bookings(self) -> Iterator[Booking]:
        for entry in self.walk.entries():
            booking = _booking(entry, self.names)
            if booking is None:
                continue
            for posting in booking.postings:
                self.opened.setdefault((posting.account, posting.unit), booking.day)
            yield booking

    def closings(self) -> list[Closing]:
        books = self.walk.books().balances
        return [Closing(a, unit, -amount) for (a, unit), amount in sorted(books.items())]

    def owner(self, account: str) -> str:
        owner = account.split("/", 1)[0]
        return self.names.get(owner, owner)

    def last_day(self) -> date:
        return day_of(self.walk.head.time)


def beancount(walk: Walk) -> Iterator[str]:
    """The whole ledger as a beancount file, line by line (each ends with a line feed)."""
    journal = _Journal(walk)
    yield f'option "title" {_quoted(_TITLE.format(network=walk.genesis.network))}\n'
    yield 'option "operating_currency" "SCU"\n\n'
    genesis = day_of(walk.genesis.time)
    for unit, name in _UNITS.items():
        yield f"{genesis} commodity {unit.value}\n  name: {_quoted(name)}\n"
    for booking in journal.bookings():
        yield f"\n{booking.day} * {_quoted(booking.payee)} {_quoted(booking.text)}\n"
        yield f'  id: "{booking.id}"\n  place: "{booking.place}"\n  time: "{booking.time}"\n'
        for posting in booking.postings:
            yield f"  {path_of(posting.account)}  {decimal(-posting.amount)} {posting.unit}\n"
    yield "\n"
    for (account, counted), day in sorted(journal.opened.items()):
        yield f"{day} open {path_of(account)}  {counted}\n"
        yield f"  owner: {_quoted(journal.owner(account))}\n"
    yield "\n"
    following = journal.last_day() + timedelta(days=1)
    for closing in journal.closings():  # ~ 0.00: beancount would let a cent pass
        amount = f"{decimal(closing.amount)} ~ 0.00 {closing.unit}"
        yield f"{following} balance {path_of(closing.account)}  {amount}\n"
    yield "\n"
    for name, value in walk.reach().facts():
        yield f"; {name}: {_line(value)}\n"


def hledger(walk: Walk) -> Iterator[str]:
    """The whole ledger as an hledger journal, line by line (each ends with a line feed)."""
    journal = _Journal(walk)
    yield f"; {_line(_TITLE.format(network=walk.genesis.network))}\n\n"
    for unit, name in _UNITS.items():
        yield f"commodity 1000.00 {unit.value}  ; {name}\n"
    for booking in journal.bookings():
        yield f"\n{booking.day} * {_plain(booking.payee)} | {_plain(booking.text)}\n"
        yield f"    ; id: {booking.id}\n    ; place: {booking.place}\n    ; time: {booking.time}\n"
        for posting in booking.postings:
            yield f"    {path_of(posting.account)}  {decimal(-posting.amount)} {posting.unit}\n"
    yield "\n"
    for account in dict.fromkeys(account for account, _ in sorted(journal.opened)):
        yield f"account {path_of(account)}  ; {_plain(journal.owner(account))}\n"
    yield f"\n{journal.last_day()} * Ledger | Balances after block {walk.head.height}\n"
    for closing in journal.closings():
        amount = f"{decimal(closing.amount)} {closing.unit}"
        yield f"    {path_of(closing.account)}  0.00 {closing.unit} = {amount}\n"
    yield "\n"
    for name, value in walk.reach().facts():
        yield f"; {name}: {_line(value)}\n"


def _quoted(text: str) -> str:
    return '"' + _line(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _plain(text: str) -> str:
    """Text where hledger reads a description: a semicolon would begin a comment, a bar a note."""
    return _line(text).replace(";", ",").replace("|", "/")


def _line(text: str) -> str:
    return " ".join(text.split())
