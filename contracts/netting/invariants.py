"""What is true of netting after every block."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.currency.records import REQUEST_TABLE
from contracts.framework.capability import invariant
from contracts.framework.posting import balances, kind_of, owner_of
from contracts.netting.accounts import CLEARING, LIQUIDITY
from contracts.netting.records import (
    ARC_PAGE,
    CURRENT,
    CYCLE,
    CYCLE_TABLE,
    FLOW_PAGE,
    MEMBER_PAGE,
    TALLY_PAGE,
    Cycle,
    CycleState,
)
from contracts.netting.snapshot import cleared_debts
from ledger.state import State


@invariant("one-netting-cycle", 7)
def one_cycle(state: State) -> Iterator[str]:
    """At most one cycle has not ended, and debts are frozen exactly while it needs them to be."""
    current = state.get(CURRENT)
    open_ones = [c for _, c in state.scan(CYCLE_TABLE) if not CYCLE.is_end(c.state)]
    if [c.id for c in open_ones] != ([] if current is None else [current.cycle]):
        yield f"{len(open_ones)} cycles are open, the current one is {current}"
    for cycle in open_ones:
        frozen = cycle.state not in (CycleState.OPEN, CycleState.UNWINDING)
        if current is not None and bool(current.frozen_at) is not frozen:
            yield f"cycle {cycle.id.hex()} is {cycle.state.value}, frozen: {current.frozen_at}"


@invariant("netting-money", 5, 7)
def netting_money(state: State) -> Iterator[str]:
    """Clearing accounts are zero unless a cycle is being applied; money set aside is a cycle's."""
    current = state.get(CURRENT)
    cycle = None if current is None else state.get(CYCLE_TABLE, current.cycle)
    expected: dict[str, int] = {}
    if cycle is not None:
        for _, page in state.scan(MEMBER_PAGE, cycle.id):
            expected.update(zip(page.members, page.money, strict=True))
    applying = cycle is not None and cycle.state is CycleState.VERIFIED
    in_transit = 0
    for account, _, balance in balances(state):
        if kind_of(account) is CLEARING:
            in_transit += balance.amount
        elif kind_of(account) is LIQUIDITY:
            owner = owner_of(account)
            if balance.amount != expected.get(owner, 0):
                yield f"{account} holds {balance.amount}, {expected.get(owner, 0)} was set aside"
    if in_transit and not applying:
        yield f"{in_transit} is in transit and no cycle is being applied"


@invariant("cleared-within-debts", 7)
def cleared_within_debts(state: State) -> Iterator[str]:
    """What a verified cycle has still to clear is owed and conserved at every member."""
    current = state.get(CURRENT)
    cycle = None if current is None else state.get(CYCLE_TABLE, current.cycle)
    if cycle is None or cycle.state is not CycleState.VERIFIED:
        return
    yield from _within(state, cycle)
    owed = claimed = 0
    for _, tally in state.scan(TALLY_PAGE, cycle.id):
        owed += sum(tally.owed)
        claimed += sum(tally.claimed)
    if cycle.phase == "arcs" and not owed == claimed == cycle.cleared:
        yield f"{owed} of debts, {claimed} of claims and {cycle.cleared} in all are cleared"


def _within(state: State, cycle: Cycle) -> Iterator[str]:
    for key, arcs in state.scan(ARC_PAGE, cycle.id):
        number = int.from_bytes(key[-8:], "big")
        flows = state.get(FLOW_PAGE, cycle.id, number)
        if flows is None or len(flows.flows) != len(arcs.amounts):
            yield f"page {number} of a verified proposal is missing"
            continue
        for _, _, debts, flow in cleared_debts(arcs, flows.flows):
            records = [state.get(REQUEST_TABLE, debt) for debt in debts]
            owed = sum(record.remaining for record in records if record is not None)
            if flow > owed:
                yield f"page {number}: {flow} is to be cleared of {owed}"


INVARIANTS = (one_cycle, netting_money, cleared_within_debts)
