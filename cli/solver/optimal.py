"""The best clearing by minimum-cost flow (OR-Tools), with its certificate.

OR-Tools finds the flows; the potentials are shortest distances in the residual network, by the
Bellman-Ford rule on whole arrays. Different versions of OR-Tools may find different flows of equal
value, which is why the ledger verifies a clearing instead of repeating it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ortools.graph.python import min_cost_flow

from cli.errors import SOLVER_FAILED
from cli.solver.problem import Clearing, Problem
from ledger.errors import CodedError

Array = np.ndarray[Any, np.dtype[np.int64]]


def solve(problem: Problem) -> Clearing:
    """The clearing of greatest weight; raises ``SOLVER_FAILED`` for amounts beyond 64 bits."""
    network = _Network(problem)
    flows = network.solve()
    potentials = network.potentials(flows)
    cleared = flows[: len(problem.amounts)]
    return Clearing(
        flows=[int(v) for v in cleared],
        potentials=[int(v) for v in potentials[: problem.members]],
        liquidity=int(potentials[problem.members]),
    )


class _Network:
    """Debts as arcs; then arcs from money to each member that set some aside, and back."""

    def __init__(self, problem: Problem) -> None:
        self.nodes = problem.members + 1
        money = _array(problem.money)
        debtors, creditors = _array(problem.debtors), _array(problem.creditors)
        amounts, weights = _array(problem.amounts), _array(problem.weights)
        with_money = bool(money.any())
        source = np.full(problem.members, problem.members, dtype=np.int64)
        everybody = np.arange(problem.members, dtype=np.int64)
        self.tails = np.concatenate([debtors, source, everybody])
        self.heads = np.concatenate([creditors, everybody, source])
        most = int(money.sum()) if with_money else 0
        self.capacities = np.concatenate(
            [amounts, money, np.full(problem.members, most, dtype=np.int64)]
        )
        zeros = np.zeros(2 * problem.members, dtype=np.int64)
        self.costs = np.concatenate([-weights, zeros])
        self.solved = len(amounts) + (2 * problem.members if with_money else 0)
        self.debts = len(amounts)

    def solve(self) -> Array:
        solver = min_cost_flow.SimpleMinCostFlow()
        end = self.solved
        arcs = solver.add_arcs_with_capacity_and_unit_cost(
            self.tails[:end], self.heads[:end], self.capacities[:end], self.costs[:end]
        )
        solver.set_nodes_supplies(np.arange(self.nodes), np.zeros(self.nodes, dtype=np.int64))
        status = solver.solve()
        if status != solver.OPTIMAL:
            raise CodedError(SOLVER_FAILED, f"the solver ended with {status.name}")
        flows = np.zeros(len(self.tails), dtype=np.int64)
        flows[:end] = solver.flows(arcs)
        return flows

    def potentials(self, flows: Array) -> Array:
        """Distances in the residual network from anywhere, shifted to start at 0."""
        forward = flows < self.capacities
        forward[self.debts + self.nodes - 1 :] = True  # nothing limits what a member may receive
        back = flows > 0
        tails = np.concatenate([self.tails[forward], self.heads[back]])
        heads = np.concatenate([self.heads[forward], self.tails[back]])
        costs = np.concatenate([self.costs[forward], -self.costs[back]])
        order = np.argsort(heads, kind="stable")
        tails, heads, costs = tails[order], heads[order], costs[order]
        starts = np.flatnonzero(np.r_[True, heads[1:] != heads[:-1]])
        targets = heads[starts]
        found = np.zeros(self.nodes, dtype=np.int64)
        for _ in range(self.nodes):
            best = np.minimum.reduceat(found[tails] + costs, starts)
            better = best < found[targets]
            if not better.any():
                least = int(found.min())
                return found - least
            found[targets[better]] = best[better]
        raise CodedError(SOLVER_FAILED, "the flow has an improving cycle: it is not optimal")


def _array(values: Sequence[int]) -> Array:
    return np.asarray(values, dtype=np.int64)
