"""Questions about annexes: who can read one, and which ones a party can read. Reads only."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.annex.records import ANNEX, GRANT, Annex, Grant
from ledger.state import State


def trace(state: State, annex: bytes) -> list[Grant]:
    """Every sealed key of an annex, oldest first: who was let in, by whom, and why."""
    found = (grant for _, grant in state.scan(GRANT, annex))
    return sorted(found, key=lambda g: (g.time, g.recipient, g.key))


def annexes_about(state: State, id: bytes) -> Iterator[Annex]:
    """The annexes of a contract or another object."""
    for _, annex in state.scan(ANNEX):
        if annex.about == id:
            yield annex


def readable_by(state: State, lei: str) -> Iterator[Annex]:
    """The annexes whose key a party was given."""
    for _, annex in state.scan(ANNEX):
        if next(state.scan(GRANT, annex.commitment, lei), None) is not None:
            yield annex
