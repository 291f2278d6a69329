"""Links between machines: delay, loss, repetition, reordering, and cuts in one or both directions.

Every message takes its own time, so messages overtake each other: harsher than the connections of a
real node, which deliver in order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random

from node.sim.plan import DELTA_MS, Plan
from node.sim.wan import TABLES

HEALED_DELAY = (1, DELTA_MS // 4)
"""Milliseconds that a message takes once everything has healed: well within Δ."""


class Network:
    """The weather of a run; ``faults`` counts what it did."""

    def __init__(self, plan: Plan, rng: Random, faults: Counter[str]) -> None:
        self._plan = plan
        self._rng = rng
        self._faults = faults
        self._wan = TABLES[plan.wan] if plan.wan else None

    def is_cut(self, sender: int, receiver: int, now: int) -> bool:
        """Whether nothing gets from one machine to another at this time."""
        return any(
            cut.start <= now < cut.end and (sender, receiver) in cut.links
            for cut in self._plan.cuts
        )

    def delays(self, sender: int, receiver: int, now: int) -> Iterator[int]:
        """The delays after which copies of a message arrive: none if it is lost."""
        rng, plan = self._rng, self._plan
        far = 0 if self._wan is None else self._wan.one_way(sender, receiver)
        if now >= plan.heal:
            yield rng.randint(*HEALED_DELAY) + far
            return
        if plan.cuts and self.is_cut(sender, receiver, now):
            self._faults["messages cut off"] += 1
            return
        if rng.randrange(1_000) < plan.loss:
            self._faults["messages lost"] += 1
            return
        if plan.lags:
            far += self._lag(sender, receiver, now)
        yield far + self._delay()
        if rng.randrange(1_000) < plan.duplication:
            self._faults["messages repeated"] += 1
            yield far + self._delay()

    def _lag(self, sender: int, receiver: int, now: int) -> int:
        slow = sum(
            lag.delay
            for lag in self._plan.lags
            if lag.start <= now < lag.end and (sender, receiver) in lag.links
        )
        if slow:
            self._faults["messages slowed"] += 1
        return slow

    def _delay(self) -> int:
        low, high = self._plan.delay
        # Mostly quick, sometimes very late.
        if self._rng.random() < 0.02:
            self._faults["messages late"] += 1
            return 10 * self._rng.randint(low, high)
        return self._rng.randint(low, high)
