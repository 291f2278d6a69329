"""Checking a proposed clearing: pure integers, one pass over the arcs.

Debts form a network: an arc from debtor to creditor for each pair, as wide as what is owed. A
clearing is a flow on it. What a member's debts and claims shrink by differs by money it pays or
receives, so with money ``m`` set aside by a member its debts may shrink by at most ``m`` more than
its claims. Seen as arcs from and to one more node, *liquidity*, every flow is a circulation, and
the best one clears the greatest weighted amount: minimum cost with cost ``-weight`` per unit.

Such optima are not unique, so nobody solves twice. A proposal brings potentials instead. By linear
programming duality (reduced-cost optimality, e.g. Ahuja, Magnanti & Orlin, *Network Flows*, theorem
9.3), a feasible flow is optimal if with them every arc that could carry more has a reduced cost
``cost + p(tail) - p(head)`` of at least 0, and every arc that carries something one of at most 0.
"""

from __future__ import annotations

from collections.abc import Sequence


def check_arcs(
    debtors: Sequence[int],
    creditors: Sequence[int],
    amounts: Sequence[int],
    weights: Sequence[int],
    flows: Sequence[int],
    potentials: Sequence[int],
    owed: list[int],
    claimed: list[int],
) -> tuple[int, int, str]:
    """Check a page of arcs and add its flows to what is cleared per member.

    ``potentials``, ``owed`` and ``claimed`` are by member. Returns what the page clears, plainly
    and weighted, and ``""`` or the first thing that is wrong.
    """
    cleared = weighted = 0
    for debtor, creditor, amount, weight, flow in zip(
        debtors, creditors, amounts, weights, flows, strict=True
    ):
        reduced = potentials[debtor] - potentials[creditor] - weight
        if flow:
            if flow > amount or flow < 0:
                return cleared, weighted, f"{flow} of {amount} is to be cleared"
            if reduced > 0:
                return cleared, weighted, "clearing less of an arc would be better"
            owed[debtor] += flow
            claimed[creditor] += flow
            cleared += flow
            weighted += flow * weight
        if reduced < 0 and flow != amount:
            return cleared, weighted, "clearing more of an arc would be better"
    return cleared, weighted, ""


def check_members(
    owed: Sequence[int],
    claimed: Sequence[int],
    money: Sequence[int],
    potentials: Sequence[int],
    liquidity: int,
) -> str:
    """Check conservation at every member, and the certificate of the arcs of liquidity.

    ``liquidity`` is the potential of liquidity. Returns ``""`` or the first thing that is wrong.
    """
    if sum(owed) != sum(claimed):
        return "debts and claims shrink by different sums"
    payments = [less - claims for less, claims in zip(owed, claimed, strict=True)]
    for index, (pays, own) in enumerate(zip(payments, money, strict=True)):
        if pays > own:
            return f"member {index} would pay {pays} and set {own} aside"
    for index, (pays, own, potential) in enumerate(zip(payments, money, potentials, strict=True)):
        if potential < liquidity:
            return f"member {index} could receive more"
        if potential > liquidity and (pays < 0 or pays < own):
            return f"member {index} could {'receive less' if pays < 0 else 'pay more'}"
    return ""
