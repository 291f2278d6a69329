"""``iic wallet netting solve``: read a frozen cycle, find the best clearing, propose it."""

from __future__ import annotations

from dataclasses import replace

import click

from cli import output
from cli.errors import SOLVER_MISSING
from cli.solver.problem import problem_of, proposal_of, transactions_of
from cli.wallet.compose import Order, carry_out, with_order
from cli.wallet.session import Session, with_session
from contracts.errors import WRONG_STATE
from contracts.netting.records import CycleState
from contracts.netting.views import current_cycle, snapshot_of
from ledger.errors import CodedError


@click.command("solve")
@with_order
@with_session
def solve_cycle(session: Session, order: Order) -> None:
    """Find the best clearing of the frozen netting cycle and propose it, as its solver.

    Every page of the snapshot is read with a proof. A large proposal is several transactions, sent
    one after the other; the last one seals it.
    """
    try:
        from cli.solver.optimal import solve
    except ModuleNotFoundError as error:
        raise CodedError(
            SOLVER_MISSING, f"{error.name} is not installed: pip install 'iic[solver]'"
        ) from None
    state = session.state
    cycle = current_cycle(state)
    if cycle is None or cycle.state not in (CycleState.FROZEN, CycleState.PROPOSED):
        now = "none is open" if cycle is None else f"the present one is {cycle.state.value}"
        raise CodedError(WRONG_STATE, f"a netting cycle that is frozen can be solved; {now}")
    output.note(f"reading {cycle.arcs:,} arcs among {cycle.members:,} members")
    snapshot = snapshot_of(state, cycle)
    clearing = solve(problem_of(snapshot))
    share = clearing.cleared / cycle.total
    output.say(
        f"Clears {output.money(clearing.cleared)} of {output.money(cycle.total)} ({share:.1%})"
    )
    for operations in transactions_of(proposal_of(snapshot, clearing)):
        carry_out(session, operations, order)
        order = replace(order, yes=True)


COMMANDS = (solve_cycle,)
