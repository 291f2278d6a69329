"""Lists of objects: every object of a machine, newest first, filtered by state and party."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Final, NamedTuple

from contracts.framework.machine import Machine
from node.explorer.language import msg
from node.explorer.table import Column, Format, Money, Slice, Table, key_of
from node.explorer.view import View

MOST_LOOKED_AT: Final = 2_000
"""Objects that one page of a filtered list looks at; the next page goes on from there."""


class Entry(NamedTuple):
    """An object of a list, with what else its row needs."""

    view: View
    record: Any

    @property
    def id(self) -> bytes:
        """The object's id."""
        found: bytes = self.record.id
        return found


def party(name: str, label: str, *, seen: bool = True) -> Column[Entry]:
    """A column of a record's party."""
    return Column(name, label, Format.PARTY, lambda e: getattr(e.record, name), seen=seen)


def money(name: str, label: str, unit: str = "SCU", *, seen: bool = True) -> Column[Entry]:
    """A column of a record's amount."""

    def amount(entry: Entry) -> Money | None:
        value = getattr(entry.record, name)
        return None if value is None else Money(value, unit)

    return Column(name, label, Format.AMOUNT, amount, seen=seen)


def goods(code: Callable[[Any], str]) -> Column[Any]:
    """A column of an HS code, which leads to all that was stated about such goods."""
    return Column("hs", msg("HS code"), Format.TEXT, code, lambda row: f"/goods/{code(row)}")


def plain(name: str, label: str, form: Format, *, seen: bool = True) -> Column[Entry]:
    """A column of a record's field as it is; choices by their value, zero times as nothing.

    What only the object's own page and files tell is not ``seen`` in the list.
    """

    def value(entry: Entry) -> Any:
        found = getattr(entry.record, name)
        if form is Format.INSTANT:
            return found or None
        return str(found.value) if isinstance(found, Enum) else found

    return Column(name, label, form, value, seen=seen)


def listing(
    machine: Machine[Any],
    name: str,
    caption: str,
    columns: Sequence[Column[Entry]],
    *,
    filtered: bool = True,
) -> Table[Entry]:
    """The table of a machine's objects: its id, its own columns, its state and time limit.

    The page's filter form chooses among them, unless the table stands beside a filtered one.
    """
    first: Column[Entry] = Column(
        "id", msg("Id"), Format.ID, lambda e: e.id, lambda e: e.view.object_path(e.id)
    )
    last: tuple[Column[Entry], ...] = (
        Column("state", msg("State"), Format.STATE, lambda e: e.record.state.value),
        Column("due", msg("Time limit"), Format.INSTANT, lambda e: e.record.due or None),
    )

    def read(view: View, cursor: str, limit: int) -> Slice:
        wanted_state = view.query.get("state", "") if filtered else ""
        wanted_party = party_of(view, view.query.get("party", "")) if filtered else ""
        after, rows, looked = key_of(cursor), [], 0
        while True:
            found, after = view.index.objects(machine.name, after, limit)
            for listed in found:
                record = view.state.get(machine.table, listed.id)
                if record is None or wanted_state not in ("", record.state.value):
                    continue
                if wanted_party and wanted_party not in machine.parties(record):
                    continue
                rows.append(Entry(view, record))
            looked += len(found)
            if not after or len(rows) >= limit or looked >= MOST_LOOKED_AT:
                return Slice(rows, after.hex())

    return Table(name, caption, (first, *columns, *last), read)


def party_of(view: View, text: str) -> str:
    """The party of a filter: an LEI, or the first party whose name begins so; else the text."""
    text = text.strip()
    if not text or view.party(text.upper()) is not None:
        return text.upper()
    return next(iter(view.index.named(text, 1)), text)


class Filters(NamedTuple):
    """What a filter form shows."""

    states: list[tuple[str, str]]
    state: str
    party: str


def filters(view: View, machine: Machine[Any]) -> Filters:
    """The form above a list."""
    return Filters(
        [(str(s.value), view.label(str(s.value))) for s in machine.states],
        view.query.get("state", ""),
        view.query.get("party", ""),
    )
