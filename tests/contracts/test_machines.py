"""State machines: nothing gets stuck, nothing skips a step."""

from __future__ import annotations

from typing import Any

import pytest
from cast import ALTAI, URAL, VOLGA, application, checked, funded, violations, vote
from ledger_in_memory import Ledger, lei

from contracts.currency.operations import (
    AcceptRequest,
    Leg,
    OpenEscrow,
    ProposeReversal,
    RequestPayment,
    Transfer,
)
from contracts.currency.supply_operations import RequestIssue, RequestRedemption
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.machine import Machine, machines, mermaid
from contracts.registry import CAPABILITIES

MACHINES = [machine for capability in CAPABILITIES for machine in capability.machines]
OWN = [m for c in CAPABILITIES if c.name in {"register", "currency"} for m in c.machines]
NEW = "Ishim Castings"


def test_every_declared_machine_is_a_capabilitys_and_is_walked_here() -> None:
    assert sorted(machines()) == sorted(machine.name for machine in MACHINES)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
def test_a_deadline_that_only_reviews_belongs_to_a_rest(machine: Machine[Any]) -> None:
    for state, limit in machine.limits.items():
        if machine.target(state, limit.event) is state:
            assert state in machine.rests
        assert limit.window


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
def test_a_rest_has_a_way_out_by_somebody(machine: Machine[Any]) -> None:
    for state in machine.rests:
        ways = [t for t in machine.transitions if state in t.sources and t.target is not state]
        assert ways and all(way.by for way in ways)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
def test_from_every_state_some_end_can_be_reached(machine: Machine[Any]) -> None:
    for start in machine.states:
        reached = {start}
        while True:
            steps = [t.target for t in machine.transitions if reached.intersection(t.sources)]
            if reached.issuperset(steps):
                break
            reached.update(steps)
        assert any(machine.is_end(state) for state in reached), start


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
def test_every_state_can_be_reached_and_some_end_can_be(machine: Machine[Any]) -> None:
    reached = set(machine.initial)
    while True:
        more = {t.target for t in machine.transitions if reached.intersection(t.sources)} - reached
        if not more:
            break
        reached |= more
    assert reached == set(machine.states)
    assert any(machine.is_end(state) for state in reached)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
def test_every_rest_states_its_reason(machine: Machine[Any]) -> None:
    assert all(reason for reason in machine.rests.values())


@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: m.name)
def test_the_diagram_names_every_state(machine: Machine[Any]) -> None:
    drawing = mermaid(machine)
    assert all(state.name in drawing for state in machine.states)


def objects_in_every_open_state() -> Ledger:
    """One object of each machine in each state that has a time limit."""
    ledger = funded()
    day = MS_PER_DAY
    ledger.must(URAL, RequestIssue("KZ", 5))
    ledger.must(URAL, RequestRedemption("KZ", 5))
    ledger.must(URAL, OpenEscrow(lei(VOLGA), 5, lei(ALTAI), "c", ledger.time + day))
    for amount in (5, 6):
        receipt = ledger.must(VOLGA, RequestPayment(lei(URAL), amount, ledger.time + day, "x"))
        if amount == 6:
            ledger.must(URAL, AcceptRequest(receipt.events[0][1]))
    paid = ledger.must(URAL, Transfer((Leg(lei(VOLGA), 5),)))
    ledger.must(URAL, ProposeReversal(paid.subject, 0, lei(URAL), lei(VOLGA), 5, "x"))
    for name in (NEW, "Second", "Third"):
        ledger.must(name, application(name, now=ledger.time))
    checked(ledger, "Second")
    vote(ledger, checked(ledger, "Third"), "BY", "CN", "KZ")
    return ledger


def test_time_alone_ends_every_open_object() -> None:
    ledger = objects_in_every_open_state()
    assert violations(ledger.state) == []
    for _ in range(4):
        ledger.later(100 * MS_PER_DAY)
        assert violations(ledger.state) == []
    for machine in OWN:
        for _, record in ledger.state.scan(machine.table):
            stored: Any = record
            assert machine.is_end(stored.state) or stored.state in machine.rests, stored
    assert all(receipt.applied for _, receipt in ledger.receipts)


def test_each_deadline_fires_once() -> None:
    ledger = objects_in_every_open_state()
    for _ in range(4):
        ledger.later(100 * MS_PER_DAY)
    subjects = [receipt.subject for _, receipt in ledger.receipts]
    assert len(set(subjects)) == len(subjects)


def test_more_deadlines_than_a_block_takes_fire_in_later_blocks() -> None:
    from contracts.framework.parameters import LedgerParameters

    ledger = funded(LedgerParameters(max_deadlines=2))
    for _ in range(5):
        ledger.must(URAL, RequestIssue("KZ", 5))
    fired = [len(ledger.later(30 * MS_PER_DAY if i == 0 else 1).receipts) for i in range(4)]
    assert fired == [2, 2, 1, 0]
    assert violations(ledger.state) == []


def test_a_limit_that_passed_binds_before_its_deadline_fires() -> None:
    from contracts.framework.parameters import LedgerParameters

    ledger = funded(LedgerParameters(max_deadlines=1))
    for amount in (5, 6):
        ledger.must(VOLGA, RequestPayment(lei(URAL), amount, ledger.time + MS_PER_DAY, "x"))
    requests = [r.events[0][1] for _, r in ledger.receipts if r.events][-2:]
    ledger.time += 30 * MS_PER_DAY
    outcomes = {ledger.do(URAL, AcceptRequest(found)).code for found in requests}
    assert outcomes <= {"DEADLINE_PASSED", "WRONG_STATE"}
