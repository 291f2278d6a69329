"""Debts between members, and cycles over them, for tests of netting."""

from __future__ import annotations

from cast import EVIDENCE  # noqa: F401 - the money of these tests comes from the same cast
from ledger_in_memory import Ledger, event, lei, member, new_ledger

from cli.solver.problem import Clearing, problem_of, proposal_of, transactions_of
from contracts.currency.debts import debts_between
from contracts.currency.events import PaymentRequested
from contracts.currency.operations import AcceptRequest, RequestPayment
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.party import Office, PartyKind, Role
from contracts.netting.events import CycleOpened
from contracts.netting.operations import GiveMandate, OpenCycle
from contracts.netting.records import CYCLE_TABLE, Cycle, CycleState
from contracts.netting.views import snapshot_of
from ledger.codec import Struct

SOLVER = "clearing house"
NAMES = tuple(f"member {letter}" for letter in "ABCDEFGH")


def clearing_ledger(*parameters: Struct, mandates: tuple[str, ...] = NAMES) -> Ledger:
    """Eight members of two states, a clearing solver, and mandates without money."""
    members = [member(name, "KZ" if index % 2 else "BY") for index, name in enumerate(NAMES)]
    house = member(SOLVER, kind=PartyKind.INSTITUTION, offices=(Office(Role.NETTING),))
    ledger = new_ledger(*members, house, parameters=parameters)
    for name in mandates:
        ledger.must(name, GiveMandate(0))
    return ledger


def owes(ledger: Ledger, debtor: str, creditor: str, amount: int, *, days: int = 30) -> bytes:
    """An accepted invoice; its id."""
    asked = RequestPayment(lei(debtor), amount, ledger.time + days * MS_PER_DAY, "goods")
    debt: bytes = event(ledger.must(creditor, asked), PaymentRequested)["request"]
    ledger.must(debtor, AcceptRequest(debt))
    return debt


def open_cycle(ledger: Ledger, *, liquidity: bool = False, hours: int = 1) -> bytes:
    """Announce a cycle; its id."""
    opened = OpenCycle(ledger.time + hours * 3_600_000, liquidity)
    found: bytes = event(ledger.must(SOLVER, opened), CycleOpened)["cycle"]
    return found


def cycle_of(ledger: Ledger, cycle: bytes) -> Cycle:
    """The record of a cycle."""
    found = ledger.state.get(CYCLE_TABLE, cycle)
    assert found is not None
    return found


def until(ledger: Ledger, cycle: bytes, *states: CycleState, blocks: int = 200) -> Cycle:
    """Make blocks until a cycle is in one of some states."""
    found = cycle_of(ledger, cycle)
    if found.state is CycleState.OPEN and ledger.time <= found.freeze_at:
        ledger.later(found.freeze_at - ledger.time + 1)
    for _ in range(blocks):
        found = cycle_of(ledger, cycle)
        if found.state in states:
            return found
        ledger.later(1)
    raise AssertionError(f"the cycle stays {found.state}")


def frozen_cycle(ledger: Ledger, *, liquidity: bool = False) -> bytes:
    """A cycle that was announced and is frozen now."""
    cycle = open_cycle(ledger, liquidity=liquidity)
    until(ledger, cycle, CycleState.FROZEN)
    return cycle


def solved(ledger: Ledger, cycle: bytes) -> Clearing:
    """The best clearing of a frozen cycle."""
    from cli.solver.optimal import solve

    return solve(problem_of(snapshot_of(ledger.state, cycle_of(ledger, cycle))))


def post(ledger: Ledger, cycle: bytes, clearing: Clearing) -> None:
    """Post and seal a clearing."""
    snapshot = snapshot_of(ledger.state, cycle_of(ledger, cycle))
    for operations in transactions_of(proposal_of(snapshot, clearing)):
        ledger.must(SOLVER, *operations)


def owed(ledger: Ledger, debtor: str, creditor: str) -> list[int]:
    """What remains of the debts of one member to another, oldest due first."""
    found = debts_between(ledger.state, lei(debtor), lei(creditor))
    return [debt.remaining for debt in found]
