"""A lane for reads that cost milliseconds: one at a time, and it rests longer than it works.

The API shares the event loop with consensus. Whatever clients ask for, the lane's reads take at
most one part in ``1 + rest`` of the loop's time; what waits beyond a bound is refused as busy. A
lane that was idle may do ``burst`` seconds of work first and owes the rest for it: a person who
opens some pages does not wait, and who asks without end is held to the same part.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from node.errors import Busy


class Lane:
    """Turns on the event loop. ``rest`` is in multiples of the time that a turn took."""

    def __init__(self, *, rest: float, waiting: int, burst: float = 0.0) -> None:
        self._rest = rest
        self._allowed = burst * rest
        self._owed = 0.0
        self._seen = time.perf_counter()
        self._limit = waiting
        self._waiting = 0
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for the lane, then do work that does not await; raises ``BUSY`` if many wait."""
        if self._waiting >= self._limit:
            raise Busy("too many reads wait at this node")
        self._waiting += 1
        try:
            await self._lock.acquire()
        finally:
            self._waiting -= 1
        began = time.perf_counter()
        try:
            yield
        finally:
            pause = self._pause(began, time.perf_counter())
            # The answer leaves at once; only the next turn waits.
            asyncio.get_running_loop().call_later(pause, self._lock.release)

    def _pause(self, began: float, now: float) -> float:
        """How long to rest after a turn: what is owed beyond what may be owed."""
        earned = (now - began) * self._rest
        self._owed = max(0.0, self._owed - (began - self._seen)) + earned
        self._seen = now
        return min(earned, max(0.0, self._owed - self._allowed))
