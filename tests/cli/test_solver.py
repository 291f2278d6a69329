"""Clearing solvers: the best clearing is certified, and no simpler way clears more."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("ortools", reason="the extra 'solver' is not installed")

from cli.main import main
from cli.solver.greedy import clear_cycles
from cli.solver.optimal import solve
from cli.solver.problem import Clearing, Problem
from cli.solver.reference import best_weight
from contracts.netting.certificate import check_arcs, check_members

MEMBERS = 6


def _verdict(problem: Problem, clearing: Clearing) -> str:
    owed, claimed = [0] * problem.members, [0] * problem.members
    _, _, wrong = check_arcs(
        problem.debtors,
        problem.creditors,
        problem.amounts,
        problem.weights,
        clearing.flows,
        clearing.potentials,
        owed,
        claimed,
    )
    return wrong or check_members(
        owed, claimed, problem.money, clearing.potentials, clearing.liquidity
    )


arcs = st.tuples(
    st.integers(0, MEMBERS - 1),
    st.integers(1, MEMBERS - 1),
    st.integers(1, 1_000),
    st.sampled_from((1, 1, 2)),
)
problems = st.builds(
    lambda rows, money: Problem(
        money,
        [r[0] for r in rows],
        [(r[0] + r[1]) % MEMBERS for r in rows],
        [r[2] for r in rows],
        [r[3] for r in rows],
    ),
    st.lists(arcs, min_size=1, max_size=24),
    st.lists(st.sampled_from((0, 0, 50, 5_000)), min_size=MEMBERS, max_size=MEMBERS),
)


def _weight(problem: Problem, flows: list[int]) -> int:
    return sum(f * w for f, w in zip(flows, problem.weights, strict=True))


@settings(max_examples=150, deadline=None)
@given(problems)
def test_the_best_clearing_is_certified_and_equals_an_independent_optimum(problem: Problem) -> None:
    best = solve(problem)
    assert _verdict(problem, best) == ""
    assert min(*best.potentials, best.liquidity) >= 0
    assert _weight(problem, best.flows) == best_weight(problem)


@settings(max_examples=150, deadline=None)
@given(problems, st.data())
def test_any_clearing_that_verifies_is_as_good_as_the_best(
    problem: Problem, data: st.DataObject
) -> None:
    best = solve(problem)
    index = data.draw(st.integers(0, len(best.flows) - 1))
    flows = list(best.flows)
    flows[index] = data.draw(st.integers(0, problem.amounts[index] + 1))
    potentials = [max(0, p + data.draw(st.integers(-1, 1))) for p in best.potentials]
    changed = Clearing(flows, potentials, best.liquidity)
    if _verdict(problem, changed) == "":
        assert _weight(problem, flows) == _weight(problem, best.flows)


@settings(max_examples=150, deadline=None)
@given(problems)
def test_greedy_removal_of_cycles_conserves_and_leaves_no_cycle(problem: Problem) -> None:
    flows = clear_cycles(problem)
    balance = [0] * problem.members
    for debtor, creditor, amount, flow in zip(
        problem.debtors, problem.creditors, problem.amounts, flows, strict=True
    ):
        assert 0 <= flow <= amount
        balance[debtor] -= flow
        balance[creditor] += flow
    assert balance == [0] * problem.members
    left = [
        (d, c)
        for d, c, amount, flow in zip(
            problem.debtors, problem.creditors, problem.amounts, flows, strict=True
        )
        if amount > flow
    ]
    ends = set(range(problem.members))
    while True:  # take away whoever owes nobody that is left
        dead = {node for node in ends if not any(d == node and c in ends for d, c in left)}
        if not dead:
            break
        ends -= dead
    assert not ends, "a cycle of debts is left"
    plain = Problem(
        [0] * problem.members,
        problem.debtors,
        problem.creditors,
        problem.amounts,
        [1] * len(problem.amounts),
    )
    assert sum(flows) <= sum(solve(plain).flows)


def test_the_bench_reports_every_promised_key() -> None:
    result = CliRunner().invoke(main, ["bench", "netting", "--size", "40/300", "--json"])
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)["sizes"]
    promised = {
        "members",
        "invoices",
        "solve_s",
        "verify_us_per_arc",
        "cleared_share",
        "greedy_share",
    }
    assert promised <= row.keys()
    assert 0 < row["greedy_share"] <= row["cleared_share"] < 1
