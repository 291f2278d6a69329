"""What every page about one object has: its life, fields, links, annexes, history and proof."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from contracts.annex.records import ANNEX, Annex
from contracts.framework.machine import Machine
from node.api.describe import machines
from node.api.words import parse_id
from node.explorer.facts import Line, lines_of
from node.explorer.language import msg
from node.explorer.life import life_of, trail_of
from node.explorer.pages.transactions import TOLD_COLUMNS
from node.explorer.proofs import of_record
from node.explorer.table import Column, Format, Slice, Table, cut
from node.explorer.told import Told, history_slice
from node.explorer.view import View


def _identity(view: View) -> bytes:
    return parse_id(view.parameters["id"])


def _history(view: View, cursor: str, limit: int) -> Slice:
    return history_slice(view, _identity(view), cursor, limit)


HISTORY: Final[Table[Told]] = Table(
    "history", msg("What concerned it, newest first"), TOLD_COLUMNS, read=_history
)


class Link(NamedTuple):
    """Another object that the history of this one names."""

    view: View
    id: bytes
    kind: str
    state: str
    record: Any


def links_of(view: View, identity: bytes) -> list[Link]:
    """The objects that an object's history names and the ledger keeps records of."""
    found = []
    for other in trail_of(view, identity, None).objects:
        link = _link(view, other)
        if link is not None:
            found.append(link)
    return found


def _link(view: View, identity: bytes) -> Link | None:
    known = view.index.object(identity)
    machine = machines().get(known[1]) if known is not None else None
    record = None if machine is None else view.state.get(machine.table, identity)
    if machine is None or record is None:
        return None
    return Link(view, identity, machine.name, str(record.state.value), record)


LINKS: Final[Table[Link]] = Table(
    "links",
    msg("What belongs to it"),
    (
        Column("id", msg("Id"), Format.ID, lambda n: n.id, lambda n: n.view.object_path(n.id)),
        Column("kind", msg("Kind"), Format.LABEL, lambda n: n.kind),
        Column("state", msg("State"), Format.STATE, lambda n: n.state),
        Column("due", msg("Time limit"), Format.INSTANT, lambda n: n.record.due or None),
    ),
    read=lambda view, cursor, limit: cut(links_of(view, _identity(view)), cursor, limit),
    empty=msg("Its history names no other object."),
)


def _annexes(view: View, cursor: str, limit: int) -> Slice:
    found = (view.state.get(ANNEX, id) for id in trail_of(view, _identity(view), None).annexes)
    return cut([annex for annex in found if annex is not None], cursor, limit)


ANNEX_COLUMNS: Final[tuple[Column[Annex], ...]] = (
    Column(
        "commitment",
        msg("Commitment"),
        Format.ID,
        lambda a: a.commitment,
        lambda a: f"/annexes/{a.commitment.hex()}",
    ),
    Column("title", msg("Title"), Format.TEXT, lambda a: a.title),
    Column("author", msg("Author"), Format.PARTY, lambda a: a.author),
    Column("parties", msg("Parties"), Format.PARTIES, lambda a: a.parties),
    Column("size", msg("Bytes"), Format.COUNT, lambda a: a.size),
    Column("grants", msg("Keys given"), Format.COUNT, lambda a: a.grants),
    Column("time", msg("Since"), Format.INSTANT, lambda a: a.time),
)

ANNEXES: Final[Table[Annex]] = Table(
    "annexes",
    msg("Confidential annexes about it"),
    ANNEX_COLUMNS,
    read=_annexes,
    empty=msg("No confidential annex is about it."),
)


_TOLD_BY_LIFE: Final = frozenset({"id", "state", "due"})


def _lines(view: View, record: Any) -> list[Line]:
    """The filled-in fields of a record that its life does not tell, without counts of nothing."""
    return [
        line
        for line in lines_of(view, record)
        if line.name not in _TOLD_BY_LIFE and not _nothing(line.value)
    ]


def _nothing(value: Any) -> bool:
    return value == 0 and not isinstance(value, bool)


def capital(text: str) -> str:
    """A text that begins with a capital."""
    return text[:1].upper() + text[1:]


def detail(view: View, machine: Machine[Any], record: Any, *, title: str = "") -> dict[str, Any]:
    """What ``detail.html`` shows of an object."""
    identity = _identity(view)
    trail = trail_of(view, identity, machine)
    return {
        "title": title or capital(view.label(machine.name)),
        "machine": machine,
        "record": record,
        "identity": identity,
        "life": life_of(machine, record, trail.states),
        "lines": _lines(view, record),
        "after": [view.show(table) for table in (LINKS, ANNEXES, HISTORY)],
        "proofs": (
            of_record(
                view,
                view.text(msg("The record of this object")),
                machine.table,
                *machine.key(record),
            ),
        ),
    }
