"""The best clearing in plain Python, for small cycles: negative cycles are cancelled one by one.

Needs no further package, which is what a demo or a quick check wants; :mod:`cli.solver.optimal` is
for real sizes. Time grows with members times arcs for each cycle that is cancelled.
"""

from __future__ import annotations

from dataclasses import dataclass

from cli.errors import SOLVER_FAILED
from cli.solver.problem import Clearing, Problem
from ledger.errors import CodedError
from ledger.limits import MAX_INT


@dataclass(slots=True)
class _Arc:
    """An arc of the residual network; ``back`` is the place of its reverse."""

    tail: int
    head: int
    room: int
    cost: int
    back: int


def solve(problem: Problem) -> Clearing:
    """The clearing of greatest weight, with its certificate of optimality."""
    arcs = _network(problem)
    nodes = problem.members + 1
    while True:
        distances, cycle = _distances(arcs, nodes)
        if not cycle:
            break
        least = min(arcs[place].room for place in cycle)
        for place in cycle:
            arcs[place].room -= least
            arcs[arcs[place].back].room += least
    lowest = min(distances)
    potentials = [distance - lowest for distance in distances]
    flows = [arcs[2 * at + 1].room for at in range(len(problem.amounts))]
    return Clearing(flows, potentials[: problem.members], potentials[problem.members])


def _network(problem: Problem) -> list[_Arc]:
    """Debts first, then arcs from money to each member that set some aside, and back from each."""
    found: list[_Arc] = []

    def add(tail: int, head: int, room: int, cost: int) -> None:
        at = len(found)
        found.append(_Arc(tail, head, room, cost, at + 1))
        found.append(_Arc(head, tail, 0, -cost, at))

    for debtor, creditor, amount, weight in zip(
        problem.debtors, problem.creditors, problem.amounts, problem.weights, strict=True
    ):
        add(debtor, creditor, amount, -weight)
    for member, own in enumerate(problem.money):
        add(problem.members, member, own, 0)
        add(member, problem.members, MAX_INT, 0)
    return found


def _distances(arcs: list[_Arc], nodes: int) -> tuple[list[int], list[int]]:
    """Shortest distances from anywhere, and the arcs of a negative cycle or none (Bellman-Ford)."""
    found = [0] * nodes
    into = [-1] * nodes
    for _ in range(nodes):
        changed = -1
        for place, arc in enumerate(arcs):
            if arc.room and found[arc.tail] + arc.cost < found[arc.head]:
                found[arc.head] = found[arc.tail] + arc.cost
                into[arc.head] = place
                changed = arc.head
        if changed < 0:
            return found, []
    node = changed
    for _ in range(nodes):  # walk back far enough to stand on the cycle
        node = arcs[into[node]].tail
    cycle = [into[node]]
    while arcs[cycle[-1]].tail != node:
        cycle.append(into[arcs[cycle[-1]].tail])
        if len(cycle) > nodes:
            raise CodedError(SOLVER_FAILED, "the residual network is inconsistent")
    return found, cycle
