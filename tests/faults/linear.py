"""Is there an order that explains what clients of one account saw?

The search of Wing & Gong (1993) with Lowe's memory of visited states (2017): take any operation
that no other one ended before, apply it, go on; step back where a read does not fit. An account is
a counter: a payment adds to it, a read tells its value. Blocks and heights play no part here, so a
ledger whose heights lie is found out, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

NEVER = float("inf")


class Step(NamedTuple):
    """One operation on a counter: ``add`` to it, or ``read`` it; in effect between two times.

    ``end`` is :data:`NEVER` for what was never answered. ``may_not`` happen: the search decides.
    """

    begin: float
    end: float
    add: int = 0
    read: int | None = None
    may_not: bool = False


def is_linearizable(start: int, steps: Sequence[Step]) -> bool:
    """Whether some order respects real time and explains every read, from a counter at ``start``.

    Exponential in the operations that overlap, linear in all others.
    """
    steps = sorted(steps)
    required = sum(1 << number for number, step in enumerate(steps) if not step.may_not)
    seen: set[tuple[int, int]] = set()
    waiting = [(0, start)]  # which operations took effect, and the counter after them
    while waiting:
        done, value = waiting.pop()
        if done & required == required:
            return True
        if (done, value) in seen:
            continue
        seen.add((done, value))
        soonest_last = sorted(_possible(steps, done), key=lambda n: steps[n].end, reverse=True)
        for number in soonest_last:
            step = steps[number]
            if step.read is None or step.read == value:
                waiting.append((done | 1 << number, value + step.add))
    return False


def _possible(steps: Sequence[Step], done: int) -> list[int]:
    """The operations that may come next: none left out had ended before they began."""
    found: list[int] = []
    horizon = NEVER
    # What is done from the start on is skipped at once: the lowest bit that is not set.
    for number in range((~done & (done + 1)).bit_length() - 1, len(steps)):
        if done >> number & 1:
            continue
        step = steps[number]
        if step.begin > horizon:
            break
        if not step.may_not:
            horizon = min(horizon, step.end)
        found.append(number)
    return found
