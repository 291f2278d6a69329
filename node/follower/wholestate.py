"""All invariants on the whole state, again and again, beside the verification of further blocks."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from contracts.verifier import broken_state
from contracts.violations import Violation
from ledger.state import State
from ledger.store.chain import Store
from node import limits
from node.follower.changes import Changes
from node.follower.metrics import FollowerMetrics
from node.follower.raising import Raising
from node.follower.stoppable import Stoppable, Stopped


class WholeState:
    """Checks a store's newest state: ``checks`` so far, the last at ``block``, in ``seconds``."""

    def __init__(
        self, store: Store, raising: Raising, metrics: FollowerMetrics, changes: Changes
    ) -> None:
        self.checks = 0
        self.block: int | None = None
        self.seconds = 0.0
        self._store = store
        self._raising = raising
        self._metrics = metrics
        self._changes = changes
        self._stopping = False
        self._turn = asyncio.Lock()
        self._reading: asyncio.Future[tuple[int, list[Violation]]] | None = None

    def is_current(self) -> bool:
        """Whether the newest state was checked."""
        head = self._store.head
        return head is not None and self.block == head.height

    async def close(self) -> None:
        """Let a check that is running stop: the store stays open until its reader let go of it."""
        self._stopping = True
        if self._reading is not None:
            await asyncio.gather(self._reading, return_exceptions=True)

    async def keep_checking(self) -> None:
        """Check all invariants again, as often as that takes no more than its share of time."""
        while True:
            if not self._raising.frozen and not self.is_current():
                await self.check()
            share = limits.COMPLETE_CHECK_SHARE * self.seconds
            await asyncio.sleep(max(limits.COMPLETE_CHECK_SECONDS, share))

    async def check(self) -> None:
        """Check all invariants on the newest state, beside the verification of further blocks."""
        async with self._turn:
            began = time.perf_counter()
            with suppress(Stopped):
                self._reading = asyncio.ensure_future(asyncio.to_thread(self._broken))
                height, found = await asyncio.shield(self._reading)
                self.seconds = time.perf_counter() - began
                self.checks += 1
                self.block = height
                self._metrics.complete_height.set(height)
                self._metrics.complete_seconds.set(self.seconds)
                self._raising.judge(found)
        self._changes.tell()

    def _broken(self) -> tuple[int, list[Violation]]:
        """What one unchanging state breaks, and its height."""
        with self._store.snapshot() as reader:
            head = reader.head
            assert head is not None, "a verified ledger has block 0"
            state = State(Stoppable(reader, lambda: self._stopping))
            return head.height, list(broken_state(state, head.height))
