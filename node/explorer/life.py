"""Where an object stands in its life, by its machine; and what its history leads to."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from contracts.framework.event import Event, subjects_of
from contracts.framework.machine import Machine
from ledger.codec import from_plain
from ledger.receipt import read_receipt
from node.api.describe import LEI_CHARS, events_by_name
from node.api.history import held, merged
from node.explorer.view import View

MOST_RECEIPTS: Final = 300
"""Of an object's history, so many newest receipts are looked through for what it leads to."""


class Stage(NamedTuple):
    """A state of a machine: ``passed``, ``now``, ``next`` (one step away) or ``apart``."""

    state: str
    standing: str


class Choice(NamedTuple):
    """A step that is possible now: who causes it, and within which time if time does."""

    event: str
    target: str
    by: str
    window: str


class Life(NamedTuple):
    """An object's place in its machine. ``rests`` says why no time ends the present state."""

    stages: tuple[Stage, ...]
    choices: tuple[Choice, ...]
    awaits: tuple[str, ...]
    due: int
    rests: str
    ended: bool


class Trail(NamedTuple):
    """What an object's history names: states it was told to be in, objects, annexes about it."""

    states: frozenset[str]
    objects: tuple[bytes, ...]
    annexes: tuple[bytes, ...]


def life_of(machine: Machine[Any], record: Any, told: frozenset[str]) -> Life:
    """The life of an object whose history ``told`` of some states."""
    now: StrEnum = record.state
    choices = tuple(_choice(machine, now, event) for event in machine.events_from(now))
    ahead = {choice.target for choice in choices} - {now.value}
    passed = (told | _certain(machine, now)) - {now.value}
    stages = []
    for state in machine.states:
        name = str(state.value)
        if state is now:
            stages.append(Stage(name, "now"))
        elif name in passed:
            stages.append(Stage(name, "passed"))
        elif name in ahead:
            stages.append(Stage(name, "next"))
        else:
            stages.append(Stage(name, "apart"))
    ended = machine.is_end(now)
    awaits = () if ended else machine.awaits(record)
    return Life(tuple(stages), choices, awaits, record.due, machine.rests.get(now, ""), ended)


def _choice(machine: Machine[Any], now: StrEnum, event: str) -> Choice:
    step = next(t for t in machine.transitions if t.event == event and now in t.sources)
    limit = machine.limits.get(now)
    window = limit.window if limit is not None and limit.event == event else ""
    return Choice(event, str(step.target.value), step.by, window)


def _certain(machine: Machine[Any], now: StrEnum) -> frozenset[str]:
    """States that lie on every way to the present one, so it must have passed them."""
    return frozenset(
        str(state.value)
        for state in machine.states
        if state is not now and not _reaches(machine, now, without=state)
    )


def _reaches(machine: Machine[Any], goal: StrEnum, *, without: StrEnum) -> bool:
    found = {state for state in machine.initial if state is not without}
    grown = True
    while grown:
        ahead = {
            t.target
            for t in machine.transitions
            if t.target is not without and any(source in found for source in t.sources)
        }
        grown = not ahead <= found
        found |= ahead
    return goal in found


E = TypeVar("E", bound=Event)


def events_naming(view: View, identity: bytes, kind: type[E]) -> list[E]:
    """The events of a kind that name an object, oldest first, as far as its history is read."""
    found = [event for _, event in places_naming(view, identity) if isinstance(event, kind)]
    return found[::-1]


def places_naming(view: View, identity: bytes) -> Iterator[tuple[int, Event]]:
    """As :func:`events_naming` for every kind, newest first, each with its height."""
    for height, _, event in _events(view, identity):
        yield height, event


def _events(view: View, identity: bytes) -> list[tuple[int, str, Event]]:
    """Height, name and content of the events of an object's newest receipts, newest first."""
    known: list[tuple[int, str, Event]] | None = view.memo.get(("events", identity))
    if known is None:
        known = view.memo["events", identity] = list(_read_events(view, identity))
    return known


def _read_events(view: View, identity: bytes) -> Iterator[tuple[int, str, Event]]:
    places = held(merged(view.reader, identity, None, ()))
    for place in islice(places, MOST_RECEIPTS):
        row = view.reader.row(place.height, place.position)
        assert row is not None, "an index names a stored row"
        for plain in reversed(read_receipt(row.receipt).events):
            kind = events_by_name().get(str(plain[0]))
            if kind is not None:
                yield place.height, str(plain[0]), from_plain(plain, kind)


def trail_of(view: View, identity: bytes, machine: Machine[Any] | None) -> Trail:
    """What the newest receipts that name an object tell."""
    names = frozenset(str(s.value) for s in machine.states) if machine else frozenset()
    states: set[str] = set()
    objects: dict[bytes, None] = {}
    annexes: dict[bytes, None] = {}
    for _, name, event in _events(view, identity):
        subjects = [s for s in subjects_of(event) if len(s) != LEI_CHARS]
        if identity not in subjects:
            continue
        objects.update(dict.fromkeys(s for s in subjects if s != identity))
        states |= _states_in(event, name, names)
        if getattr(event, "about", None) == identity and hasattr(event, "annex"):
            annexes[event.annex] = None
    return Trail(frozenset(states), tuple(objects), tuple(annexes))


_STATE_FIELDS: Final = ("state", "before", "after", "outcome")


def _states_in(event: Event, name: str, names: frozenset[str]) -> set[str]:
    """States that an event names: in a field for it, or as the event's own last word."""
    found = {
        str(getattr(value, "value", value))
        for field in msgspec.structs.fields(event)
        if field.name in _STATE_FIELDS and isinstance(value := getattr(event, field.name), str)
    }
    found.add(name.rpartition(".")[2].lower())
    return found & names
