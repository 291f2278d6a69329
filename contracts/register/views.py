"""What people ask of the register. Reads only; used by the node's API, the explorer and wallets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.machine import ITEM, Item, machines
from contracts.framework.party import HOLDING, KEYRING, PARTY, Party, Role, Standing, party_of
from ledger.policy import Key, KeyStatus
from ledger.state import State


class Task(NamedTuple):
    """An open object that concerns a party.

    ``machine`` and ``key`` find it, ``state`` is where it stands, ``due`` its time limit in ms (0
    for none). ``acts`` tells whether the party has to do something; ``acting_as`` is its LEI, or
    the office in which the object concerns it.
    """

    machine: str
    key: tuple[Any, ...]
    state: str
    due: int
    acts: bool
    acting_as: str


def open_objects(state: State, lei: str) -> list[Task]:
    """Everything open that concerns a party or its offices, the most urgent first.

    Raises ``UNKNOWN_PARTY``.
    """
    party = party_of(state, lei)
    owners = (lei, *(office.name for office in party.offices))
    tasks = [_task(item, owner) for owner in owners for _, item in state.scan(ITEM, owner)]
    return sorted(tasks, key=lambda task: (not task.due, task.due, task.machine, repr(task.key)))


def to_do(state: State, lei: str) -> list[Task]:
    """Of :func:`open_objects`, those in which the party has to act."""
    return [task for task in open_objects(state, lei) if task.acts]


def _task(item: Item, owner: str) -> Task:
    return Task(item.machine, tuple(item.key), item.state, item.due, item.acts, owner)


def record_of(state: State, task: Task) -> Any:
    """The record that a task is about."""
    machine = machines()[task.machine]
    return state.get(machine.table, *task.key)


def parties(state: State, standing: Standing | None = None) -> Iterator[Party]:
    """The register in order of LEIs, of one standing if given."""
    for _, party in state.scan(PARTY):
        if standing is None or party.state is standing:
            yield party


class OfficeHolder(NamedTuple):
    """Who holds which office."""

    role: Role
    scope: str
    lei: str


def offices(state: State) -> Iterator[OfficeHolder]:
    """Every office that is held, by role and state."""
    for key, holding in state.scan(HOLDING):
        role, scope, *_ = key[len(HOLDING.prefix) :].decode().split("\0")
        yield OfficeHolder(Role(role), scope, holding.lei)


class KeyReport(NamedTuple):
    """A key and how long it still signs: ``days_left`` is 0 for a key that signs no more."""

    key: Key
    usable: bool
    days_left: int


def keys_of(state: State, lei: str, time: int) -> list[KeyReport]:
    """A party's keys at a block time, those that expire first in front."""
    keyring = state.get(KEYRING, lei)
    if keyring is None:
        return []
    reports = [
        KeyReport(
            key,
            key.usable(time),
            max(0, key.expires - time) // MS_PER_DAY if key.status is KeyStatus.ACTIVE else 0,
        )
        for key in keyring.keys
    ]
    return sorted(reports, key=lambda report: (report.key.expires, report.key.name))
