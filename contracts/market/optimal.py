"""The proof that a supply plan is the best one, checked in integers.

A plan serves as much of the demand as the entries that fit allow, and of all such plans it is one
of the cheapest. Both in one number: a unit is worth ``(entries × largest cost + 1) - cost``, so one
more unit outweighs any saving. The proof is a price for every entry (a dual solution): no fitting
pair is worth more than its two prices, and the prices of all quantities sum to exactly what the
plan is worth. By weak duality no plan can be worth more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

Fits = Callable[[int, int], bool]


class Flow(NamedTuple):
    """So much from a supply to a demand, by their places in the book."""

    supply: int
    demand: int
    quantity: int


def worth_of(costs: Sequence[int], demands: int) -> list[int]:
    """What a unit of each supply is worth in a plan."""
    if not costs:
        return []
    most = (len(costs) + demands) * max(costs) + 1
    return [most - cost for cost in costs]


def flaw(
    supplies: Sequence[int],
    demands: Sequence[int],
    worth: Sequence[int],
    fits: Fits,
    flows: Sequence[Flow],
    supply_prices: Sequence[int],
    demand_prices: Sequence[int],
) -> str:
    """Why a plan is not valid or not proved optimal, or ``""``.

    ``supplies`` and ``demands`` are the quantities that are open, ``worth`` by supply.
    """
    if len(supply_prices) != len(supplies) or len(demand_prices) != len(demands):
        return "there is not one price for each entry of the book"
    if any(p < 0 for p in supply_prices) or any(p < 0 for p in demand_prices):
        return "a price is negative"
    given, taken = [0] * len(supplies), [0] * len(demands)
    seen: set[tuple[int, int]] = set()
    value = 0
    for flow in flows:
        if not (0 <= flow.supply < len(supplies) and 0 <= flow.demand < len(demands)):
            return "a leg names no entry of the book"
        if (flow.supply, flow.demand) in seen:
            return "a pair of entries stands twice"
        if not fits(flow.supply, flow.demand):
            return f"supply {flow.supply} and demand {flow.demand} do not fit"
        seen.add((flow.supply, flow.demand))
        given[flow.supply] += flow.quantity
        taken[flow.demand] += flow.quantity
        value += flow.quantity * worth[flow.supply]
    for kind, used, most in (("supply", given, supplies), ("demand", taken, demands)):
        for index, quantity in enumerate(used):
            if quantity > most[index]:
                return f"{kind} {index} has {most[index]} open, the plan takes {quantity}"
    for i, price in enumerate(supply_prices):
        for j, other in enumerate(demand_prices):
            if price + other < worth[i] and fits(i, j):
                return f"supply {i} and demand {j} are worth more than their prices"
    bound = sum(q * p for q, p in zip(supplies, supply_prices, strict=True))
    bound += sum(q * p for q, p in zip(demands, demand_prices, strict=True))
    return "" if bound == value else f"the plan is worth {value}, the prices allow {bound}"
