"""The plain solver: its clearings carry a certificate that the ledger's own verifier accepts.

The certificate proves that nothing better exists, so no other solver is needed to compare with.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cli.solver.plain import solve
from cli.solver.problem import Clearing, Problem
from contracts.netting.certificate import check_arcs, check_members

MEMBERS = 5

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
    st.lists(arcs, min_size=1, max_size=16),
    st.lists(st.sampled_from((0, 0, 50, 5_000)), min_size=MEMBERS, max_size=MEMBERS),
)


def verdict(problem: Problem, clearing: Clearing) -> str:
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


@given(problems)
def test_what_it_clears_is_proved_to_be_the_most(problem: Problem) -> None:
    clearing = solve(problem)
    assert verdict(problem, clearing) == ""
    assert min(*clearing.potentials, clearing.liquidity) >= 0


def test_a_ring_is_cleared_by_its_smallest_debt() -> None:
    ring = Problem([0, 0, 0], [0, 1, 2], [1, 2, 0], [70, 50, 90], [1, 1, 1])
    assert solve(ring).flows == [50, 50, 50]


def test_a_clearing_that_is_less_than_the_most_is_not_certified() -> None:
    ring = Problem([0, 0, 0], [0, 1, 2], [1, 2, 0], [70, 50, 90], [1, 1, 1])
    best = solve(ring)
    less = Clearing([49, 49, 49], best.potentials, best.liquidity)
    assert verdict(ring, less) != ""
