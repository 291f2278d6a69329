"""The baseline: take a cycle of debts, clear its smallest debt around it, and so on.

What people do by hand, and what set-off without optimisation reaches. No money is used.
"""

from __future__ import annotations

from cli.solver.problem import Problem


def clear_cycles(problem: Problem) -> list[int]:
    """How much of each arc is cleared when cycles are removed as a depth-first walk meets them.

    Each removal uses up an arc, and each arc that leads nowhere is left behind once, so the walk is
    short; time grows with arcs times the length of cycles.
    """
    order: list[list[int]] = [[] for _ in range(problem.members)]
    for arc, debtor in enumerate(problem.debtors):
        order[debtor].append(arc)
    left = list(problem.amounts)
    heads = problem.creditors
    place = [-1] * problem.members
    for start in range(problem.members):
        path: list[int] = []
        node = start
        place[node] = 0
        while True:
            arcs = order[node]
            while arcs and not left[arcs[-1]]:
                arcs.pop()
            if not arcs:
                place[node] = -1
                if not path:
                    break
                dead = path.pop()
                node = problem.debtors[dead]
                order[node].pop()  # nothing leads on from there, now or later
                continue
            arc = arcs[-1]
            path.append(arc)
            head = heads[arc]
            if place[head] < 0:
                node = head
                place[node] = len(path)
                continue
            # The path from the head's place on is a cycle.
            cycle = path[place[head] :]
            least = min(left[a] for a in cycle)
            for a in cycle:
                left[a] -= least
            for a in path[place[head] + 1 :]:
                place[problem.debtors[a]] = -1
            del path[place[head] :]
            node = head
    return [amount - rest for amount, rest in zip(problem.amounts, left, strict=True)]
