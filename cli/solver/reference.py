"""The same optimum by networkx: slow and independent of OR-Tools, a check on small networks."""

from __future__ import annotations

import networkx as nx

from cli.solver.problem import Problem


def best_weight(problem: Problem) -> int:
    """The greatest weight that a clearing of a problem can have."""
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(problem.members + 1), demand=0)
    for debtor, creditor, amount, weight in zip(
        problem.debtors, problem.creditors, problem.amounts, problem.weights, strict=True
    ):
        graph.add_edge(debtor, creditor, capacity=amount, weight=-weight)
    money = sum(problem.money)
    for member, own in enumerate(problem.money):
        if own:
            graph.add_edge(problem.members, member, capacity=own, weight=0)
        if money:
            graph.add_edge(member, problem.members, capacity=money, weight=0)
    cost, _ = nx.network_simplex(graph)
    return -int(cost)
