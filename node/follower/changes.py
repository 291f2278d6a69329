"""Something changed: whoever waits looks again."""

from __future__ import annotations

import asyncio


class Changes:
    """Wakes everybody who waits, each time."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    async def wait(self) -> None:
        """Until something changes after now."""
        await self._next.wait()

    def tell(self) -> None:
        """Something changed now."""
        self._next.set()
        self._next = asyncio.Event()
