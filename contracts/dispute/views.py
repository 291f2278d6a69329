"""What people ask about disputes: mine, one with its outcome, what is held, what waits for me."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from contracts.dispute.records import (
    CASELOAD,
    DISPUTE,
    DISPUTE_TABLE,
    EXECUTION,
    Dispute,
    Execution,
)
from contracts.framework.machine import ITEM
from contracts.framework.party import Role, holders
from ledger.state import State


class Whole(NamedTuple):
    """A dispute and how its ruling was carried out, if it was."""

    dispute: Dispute
    execution: Execution | None


class Task(NamedTuple):
    """A dispute that waits for a party or office; ``due`` is its time limit in ms."""

    dispute: bytes
    state: str
    due: int


class Hearer(NamedTuple):
    """An arbitrator and its open cases."""

    lei: str
    cases: int


def disputes_of(state: State, party: str) -> Iterator[Dispute]:
    """The open disputes that concern a party (as party, mediator, arbitrator or office)."""
    for _, item in state.scan(ITEM, party, DISPUTE.name):
        found = state.get(DISPUTE_TABLE, item.key[0])
        if found is not None:
            yield found


def whole(state: State, id: bytes) -> Whole | None:
    """A dispute with its outcome, or None."""
    dispute = state.get(DISPUTE_TABLE, id)
    return None if dispute is None else Whole(dispute, state.get(EXECUTION, id))


def held_of(state: State, party: str) -> int:
    """What disputes hold of a party's money, minor units."""
    return sum(dispute.held_of(party) for dispute in disputes_of(state, party))


def tasks(state: State, party: str) -> Iterator[Task]:
    """What waits for a party, or for an office by its name, in disputes."""
    for _, item in state.scan(ITEM, party, DISPUTE.name):
        if item.acts:
            yield Task(item.key[0], item.state, item.due)


def arbitrators(state: State) -> Iterator[Hearer]:
    """Who arbitrates, with the number of open cases."""
    for lei in holders(state, Role.ARBITRATOR):
        load = state.get(CASELOAD, lei)
        yield Hearer(lei, 0 if load is None else load.open)
