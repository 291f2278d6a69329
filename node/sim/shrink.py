"""Making the plan of a failing run smaller, so that what is left of it is what matters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from node.sim.plan import Plan

MAX_RUNS = 400
"""A plan is played at most so often while it shrinks."""
LISTS = ("cuts", "crashes", "lags", "disks", "jumps", "submissions")
CALM: dict[str, Any] = {
    "loss": 0,
    "duplication": 0,
    "wan": "",
    "encoded": False,
    "sync": (1, 5),
    "delay": (5, 20),
}


def shrink(plan: Plan, fails: Callable[[Plan], bool]) -> Plan:
    """A smaller plan that still ``fails``; the same one if nothing can be left out."""
    runs = 0
    found = True
    while found and runs < MAX_RUNS:
        found = False
        for smaller in _smaller(plan):
            runs += 1
            if fails(smaller):
                plan, found = smaller, True
                break
            if runs >= MAX_RUNS:
                break
    return plan


def _smaller(plan: Plan) -> Iterator[Plan]:
    """Plans with something left out, large parts first."""
    for field in LISTS:
        entries = getattr(plan, field)
        size = len(entries)
        while size:
            for start in range(0, len(entries), size):
                less: dict[str, Any] = {field: entries[:start] + entries[start + size :]}
                yield plan._replace(**less)
            # Single requests hardly ever matter; halving them is enough.
            size = size // 2 if field != "submissions" or size > len(entries) // 8 else 0
    for field, calm in CALM.items():
        if getattr(plan, field) != calm:
            yield plan._replace(**{field: calm})
    for number, machine in enumerate(plan.machines):
        if machine.skew or machine.drift:
            right = machine._replace(skew=0, drift=0)
            machines = (*plan.machines[:number], right, *plan.machines[number + 1 :])
            yield plan._replace(machines=machines)
