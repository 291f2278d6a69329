"""Links between machines: delay, loss, repetition, reordering, and cuts in one or both directions.

Every message takes its own time, so messages overtake each other: harsher than the connections of a
real node, which deliver in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from node.sim.plan import DELTA_MS, Plan

HEALED_DELAY = (1, DELTA_MS // 4)
"""Milliseconds that a message takes once everything has healed: well within Δ."""


class Network:
    """The weather of a run."""

    def __init__(self, plan: Plan, rng: Random) -> None:
        self._plan = plan
        self._rng = rng

    def is_cut(self, sender: int, receiver: int, now: int) -> bool:
        """Whether nothing gets from one machine to another at this time."""
        return any(
            cut.start <= now < cut.end and (sender, receiver) in cut.links
            for cut in self._plan.cuts
        )

    def delays(self, sender: int, receiver: int, now: int) -> Iterator[int]:
        """The delays after which copies of a message arrive: none if it is lost."""
        rng, plan = self._rng, self._plan
        if now >= plan.heal:
            yield rng.randint(*HEALED_DELAY)
            return
        if self.is_cut(sender, receiver, now) or rng.randrange(1_000) < plan.loss:
            return
        yield self._delay()
        if rng.randrange(1_000) < plan.duplication:
            yield self._delay()

    def _delay(self) -> int:
        low, high = self._plan.delay
        # Mostly quick, sometimes very late.
        return self._rng.randint(low, high) * (10 if self._rng.random() < 0.02 else 1)
