"""What people and nodes ask about validators. Reads only."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.validators.records import (
    IN_OFFICE,
    NODE,
    OFFENCE,
    TURN,
    VALIDATORS,
    Node,
    NodeState,
    Offence,
)
from ledger.state import State
from ledger.validators import ValidatorSet


def validators_next(state: State) -> ValidatorSet | None:
    """Who decides the next block; None where no consensus decides."""
    return state.get(VALIDATORS)


def nodes(state: State) -> Iterator[Node]:
    """Every node that ever was registered, in order of parties."""
    for _, node in state.scan(NODE):
        yield node


def admitted(state: State) -> Iterator[Node]:
    """Nodes without a vote that may connect: those that will join, have left or are suspended."""
    for node in nodes(state):
        if node.state not in IN_OFFICE and node.state is not NodeState.REMOVED:
            yield node


def offences(state: State) -> Iterator[Offence]:
    """Every recorded fault, in order of the vote keys that committed them."""
    for _, offence in state.scan(OFFENCE):
        yield offence


def end_planned(state: State) -> int | None:
    """The height of the epoch's last block, if it is planned."""
    turn = state.get(TURN)
    return None if turn is None else turn.height
