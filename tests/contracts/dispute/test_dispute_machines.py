"""Nothing in guarantees and disputes can be stuck."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.dispute.records import DISPUTE
from contracts.framework.machine import Machine
from contracts.guarantee.records import AMENDMENT, GUARANTEE

MACHINES = (GUARANTEE, AMENDMENT, DISPUTE)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
def test_deadlines_alone_lead_every_state_to_an_end_or_a_declared_rest(
    machine: Machine[Any],
) -> None:
    for start in machine.states:
        state, seen = start, {start}
        while not machine.is_end(state) and state not in machine.rests:
            following = machine.target(state, machine.limits[state].event)
            assert following is not None and following not in seen
            state = following
            seen.add(state)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
def test_every_state_can_be_reached(machine: Machine[Any]) -> None:
    reached = set(machine.initial)
    while True:
        more = {t.target for t in machine.transitions if reached.intersection(t.sources)} - reached
        if not more:
            break
        reached |= more
    assert reached == set(machine.states)


def test_the_only_rest_is_a_contested_guarantee_which_its_dispute_ends() -> None:
    assert [list(m.rests) for m in MACHINES] == [["contested"], [], []]
