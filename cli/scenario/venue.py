"""Where a scenario is played: running nodes, through their API."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Protocol

from cli import calls
from cli.client import Client
from cli.scenario.mirror import Source
from ledger.codec import encode
from ledger.segment import PublishedBlock
from ledger.transaction import SignedTransaction
from node.api.models import SubmissionView

WAIT_S = 60.0
_PAUSE_S = 0.1


class Venue(Source, Protocol):
    """A ledger that takes transactions and makes blocks."""

    def now(self) -> int:
        """The wall clock, in ms."""
        ...

    def submit(self, signed: Sequence[SignedTransaction]) -> Sequence[SubmissionView]:
        """Send transactions and wait until each is final or refused."""
        ...

    def pause(self) -> None:
        """Let some time pass, and blocks with it."""
        ...


class Nodes:
    """The nodes that a client knows."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._reached = 0

    def now(self) -> int:
        """The wall clock, in ms."""
        return time.time_ns() // 1_000_000

    def submit(self, signed: Sequence[SignedTransaction]) -> Sequence[SubmissionView]:
        """Send transactions and wait until each is final or refused."""
        wires = [encode(entry) for entry in signed]
        results = self._client.submit(wires, wait_s=WAIT_S)
        self._reached = max(self._reached, *(r.height or 0 for r in results), 0)
        return results

    def pause(self) -> None:
        """Wait a little: blocks come by themselves."""
        time.sleep(_PAUSE_S)

    def blocks(self, after: int) -> Iterator[Sequence[PublishedBlock]]:
        """The final blocks above a height, at least to where the newest result stands."""
        height = after
        while True:
            found = self._client.do(calls.segment(height + 1))
            if found.blocks:
                height = found.blocks[-1].header.height
                yield found.blocks
            elif height >= self._reached:
                return
            else:
                self.pause()
