"""Searching the market's book: the cheapest supply plan of a kind of goods, and barter cycles.

What is found is proposed; the ledger checks a plan's proof, or a cycle's legs, in integers. A plan
is a minimum-cost flow (OR-Tools; networkx where costs do not fit into 64 bits), and its proof the
prices that shortest distances in the residual network give.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import networkx as nx
from ortools.graph.python import min_cost_flow

from cli.errors import SOLVER_FAILED
from contracts.barter.terms import Ratio
from contracts.framework.types import BASIS_POINTS
from contracts.market.book import value_at
from contracts.market.fitting import misfit
from contracts.market.operations import CycleLeg, PlanLeg, ProposeCycle, ProposePlan
from contracts.market.optimal import Flow
from contracts.market.plans import Book, as_bytes
from contracts.market.records import Entry
from ledger.errors import CodedError

Arc = tuple[int, int, int, int]
"""From, to, capacity, cost."""
_MOST = 2**62


class Solution(NamedTuple):
    """A best plan and its proof, by places in the book."""

    flows: list[Flow]
    supply_prices: list[int]
    demand_prices: list[int]


class Cycle(NamedTuple):
    """Two or three legs in a circle; ``cleared`` is what the smallest is worth, ``gap`` the rest.

    Minor units.
    """

    legs: tuple[CycleLeg, ...]
    cleared: int
    gap: int


def best_plan(book: Book, time: int) -> Solution:
    """The best plan for a book at a block time (ms); raises ``SOLVER_FAILED``."""
    pairs = [
        (i, j)
        for i, supply in enumerate(book.supplies)
        for j, demand in enumerate(book.demands)
        if not misfit(supply, demand, time)
    ]
    return solve(
        [entry.open for entry in book.supplies],
        [entry.open for entry in book.demands],
        book.worth,
        pairs,
    )


def solve(
    supplies: Sequence[int],
    demands: Sequence[int],
    worth: Sequence[int],
    pairs: Sequence[tuple[int, int]],
) -> Solution:
    """The plan of greatest worth over the pairs that fit, with its proof."""
    source, sink = len(supplies) + len(demands), len(supplies) + len(demands) + 1
    total = min(sum(supplies), sum(demands))
    arcs: list[Arc] = [(source, i, quantity, 0) for i, quantity in enumerate(supplies)]
    arcs += [(len(supplies) + j, sink, quantity, 0) for j, quantity in enumerate(demands)]
    first = len(arcs)
    arcs += [(i, len(supplies) + j, min(supplies[i], demands[j]), -worth[i]) for i, j in pairs]
    arcs.append((sink, source, total, 0))
    flows = _ortools(arcs, sink + 1) or _networkx(arcs, sink + 1)
    distance = _distances(arcs, flows, sink + 1, unlimited=range(first, len(arcs)))
    return Solution(
        [Flow(i, j, flow) for (i, j), flow in zip(pairs, flows[first:-1], strict=True) if flow],
        [max(0, distance[i] - distance[source]) for i in range(len(supplies))],
        [max(0, distance[sink] - distance[len(supplies) + j]) for j in range(len(demands))],
    )


def _ortools(arcs: Sequence[Arc], nodes: int) -> list[int] | None:
    """The flows, or None for costs or quantities beyond what OR-Tools computes with."""
    if max(max(capacity, abs(cost)) for _, _, capacity, cost in arcs) >= _MOST:
        return None
    solver = min_cost_flow.SimpleMinCostFlow()
    for tail, head, capacity, cost in arcs:
        solver.add_arc_with_capacity_and_unit_cost(tail, head, capacity, cost)
    for node in range(nodes):
        solver.set_node_supply(node, 0)
    status = solver.solve()
    if status in {solver.BAD_COST_RANGE, solver.BAD_CAPACITY_RANGE}:
        return None
    if status != solver.OPTIMAL:
        raise CodedError(SOLVER_FAILED, f"the solver ended with {status.name}")
    return [int(solver.flow(arc)) for arc in range(len(arcs))]


def _networkx(arcs: Sequence[Arc], nodes: int) -> list[int]:
    graph = nx.DiGraph()
    graph.add_nodes_from(range(nodes), demand=0)
    for tail, head, capacity, cost in arcs:
        graph.add_edge(tail, head, capacity=capacity, weight=cost)
    _, found = nx.network_simplex(graph)
    return [int(found[tail][head]) for tail, head, *_ in arcs]


def _distances(
    arcs: Sequence[Arc], flows: Sequence[int], nodes: int, unlimited: Iterable[int]
) -> list[int]:
    """Shortest distances in the residual network from anywhere, by the Bellman-Ford rule.

    The capacities of ``unlimited`` arcs follow from those of others, so they bind nothing.
    """
    free = set(unlimited)
    residual = []
    for index, (tail, head, capacity, cost) in enumerate(arcs):
        if index in free or flows[index] < capacity:
            residual.append((tail, head, cost))
        if flows[index]:
            residual.append((head, tail, -cost))
    found = [0] * nodes
    for _ in range(nodes + 1):
        changed = False
        for tail, head, cost in residual:
            if found[tail] + cost < found[head]:
                found[head] = found[tail] + cost
                changed = True
        if not changed:
            return found
    raise CodedError(SOLVER_FAILED, "the flow has an improving cycle: it is not optimal")


def proposal_of(book: Book, solution: Solution, chain_id: bytes) -> ProposePlan:
    """The operation that proposes a plan with its proof."""
    return ProposePlan(
        book.kind,
        book.hs,
        book.unit,
        book.digest(chain_id),
        tuple(PlanLeg(*flow) for flow in solution.flows),
        tuple(as_bytes(price) for price in solution.supply_prices),
        tuple(as_bytes(price) for price in solution.demand_prices),
    )


# Barter cycles


def barter_cycles(entries: Iterable[Entry], time: int, tolerance: int) -> list[Cycle]:
    """Circles of two or three parties that supply each other, the most valuable first.

    Each leg is at the supplier's lowest price, and quantities are cut down so that the legs are
    worth about the same, within ``tolerance`` basis points of the largest. Of several entries
    between the same two parties, the pair of the highest value counts. Ties go by ids.
    """
    best = _edges(list(entries), time)
    reach: dict[str, list[str]] = defaultdict(list)
    for seller, buyer in sorted(best):
        reach[seller].append(buyer)
    found: list[Cycle] = []
    for start in sorted(reach):
        for second in reach[start]:
            if second < start:
                continue  # each circle is found from its first party
            circles: list[tuple[str, ...]] = [(start, second)] if (second, start) in best else []
            circles += [
                (start, second, third)
                for third in reach.get(second, ())
                if third > start and third != second and (third, start) in best
            ]
            for circle in circles:
                cycle = _balanced(circle, best, tolerance)
                if cycle is not None:
                    found.append(cycle)
    return sorted(found, key=lambda c: (-c.cleared, len(c.legs), c.gap, c.legs[0].supply))


def _edges(entries: Sequence[Entry], time: int) -> dict[tuple[str, str], tuple[Entry, Entry]]:
    """For each seller and buyer, the supply and demand that fit and are worth most."""
    supplies = [e for e in entries if e.side.value == "supply" and e.open]
    demands: dict[tuple[str, str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.side.value == "demand" and entry.open:
            demands[entry.kind.value, entry.hs[:6], entry.unit].append(entry)
    best: dict[tuple[str, str], tuple[int, Entry, Entry]] = {}
    for supply in supplies:
        for demand in demands.get((supply.kind.value, supply.hs[:6], supply.unit), ()):
            if misfit(supply, demand, time):
                continue
            value = value_at(supply.lowest, min(supply.open, demand.open))
            key = (supply.owner, demand.owner)
            known = best.get(key)
            rank = (-value, supply.id, demand.id)
            if value and (known is None or rank < (-known[0], known[1].id, known[2].id)):
                best[key] = (value, supply, demand)
    return {key: (supply, demand) for key, (_, supply, demand) in best.items()}


def _balanced(
    circle: tuple[str, ...],
    best: dict[tuple[str, str], tuple[Entry, Entry]],
    tolerance: int,
) -> Cycle | None:
    pairs = [best[a, circle[(n + 1) % len(circle)]] for n, a in enumerate(circle)]
    limit = min(value_at(s.lowest, min(s.open, d.open)) for s, d in pairs)
    legs = []
    for supply, demand in pairs:
        quantity = _quantity_worth(limit, supply.lowest, min(supply.open, demand.open))
        legs.append(CycleLeg(supply.id, demand.id, quantity, supply.lowest))
    values = [value_at(leg.price, leg.quantity) for leg in legs]
    gap = max(values) - min(values)
    if not min(values) or gap * BASIS_POINTS > tolerance * max(values):
        return None
    return Cycle(tuple(legs), min(values), gap)


def _quantity_worth(value: int, price: Ratio, most: int) -> int:
    """The largest quantity that is worth no more than ``value``, but at least one."""
    return max(1, min(most, ((value + 1) * price.denominator - 1) // price.numerator))


def cycle_proposal(cycle: Cycle) -> ProposeCycle:
    """The operation that proposes a cycle."""
    return ProposeCycle(cycle.legs)
