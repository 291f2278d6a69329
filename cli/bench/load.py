"""The load: signed transactions sent at a steady rate, each followed until its node calls it final.

An open loop: sending times are fixed beforehand, and latency counts from the planned time, so a
node that stalls is charged for the whole wait (no coordinated omission). Batches go to the nodes in
turn, and finality is taken from the event stream of the very node that a batch was sent to.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cli import calls
from cli.client import AsyncClient
from ledger.errors import CodedError
from node.api.models import BlockEvent

_PATIENCE_S = 60.0
"""How long a batch is offered again to a node that is busy."""


class Signed(NamedTuple):
    """A transaction ready to send: its id in hex and its wire bytes."""

    id: str
    wire: bytes


@dataclass
class Outcome:
    """What became of a load. Times are seconds of one monotonic clock.

    ``latencies`` are in the order of finality; ``codes`` counts what was refused and why;
    ``unresolved`` was neither final nor refused when the wait ended.
    """

    offered: int = 0
    finalized: int = 0
    latencies: list[float] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)
    started: float = 0.0
    sent_until: float = 0.0
    last_final: float = 0.0
    unresolved: int = 0
    blocks: int = 0

    @property
    def offered_tx_per_s(self) -> float:
        """Rate at which transactions were handed to the nodes."""
        return self.offered / max(self.sent_until - self.started, 1e-9)

    @property
    def finalized_tx_per_s(self) -> float:
        """Finalized transactions over the time from the first sending to the last finality."""
        return self.finalized / max(self.last_final - self.started, 1e-9)

    def percentile(self, share: float) -> float | None:
        """The latency that ``share`` of the finalized transactions did not exceed."""
        if not self.latencies:
            return None
        return sorted(self.latencies)[max(0, math.ceil(share * len(self.latencies)) - 1)]


class _Target:
    """One node: the transactions that were sent to it, and its event stream."""

    def __init__(self, url: str, outcome: Outcome) -> None:
        self.waiting: dict[str, float] = {}
        self._client = AsyncClient(url, timeout_s=30.0, patience_s=_PATIENCE_S)
        self._outcome = outcome
        self._changed = asyncio.Event()

    async def follow(self, first: int) -> None:
        """Take note of everything that becomes final from height ``first`` on."""
        async for event in self._client.events(first):
            if isinstance(event, BlockEvent):
                self._take(event)

    async def next_height(self) -> int:
        """The height of the next block of this node."""
        return (await self._client.do(calls.node())).height + 1

    async def send(self, part: Sequence[Signed]) -> None:
        """Submit a batch; what is refused before any block ends its wait at once."""
        try:
            answers = await self._client.submit([transaction.wire for transaction in part])
        except CodedError as error:
            for transaction in part:
                self._refused(transaction.id, error.code.name)
        else:
            for answer in answers:
                if answer.status == "refused" and answer.height is None:
                    self._refused(answer.id or "", answer.code)
        self._changed.set()

    async def settled(self) -> None:
        """Return when nothing waits any more."""
        while self.waiting:
            self._changed.clear()
            await self._changed.wait()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _take(self, event: BlockEvent) -> None:
        now = time.perf_counter()
        outcome = self._outcome
        outcome.blocks = max(outcome.blocks, event.height)
        for happened in event.transactions:
            planned = self.waiting.pop(happened.id, None)
            if planned is None:
                continue
            if happened.status == "final":
                outcome.finalized += 1
                outcome.latencies.append(now - planned)
                outcome.last_final = now
            else:
                outcome.codes[happened.code] += 1
        self._changed.set()

    def _refused(self, identity: str, code: str) -> None:
        if self.waiting.pop(identity, None) is not None:
            self._outcome.codes[code] += 1


async def run(
    urls: Sequence[str],
    transactions: Sequence[Signed],
    *,
    rate: float,
    batch: int,
    drain_s: float = 30.0,
) -> Outcome:
    """Send ``transactions`` at ``rate`` per second in batches and wait until none is open.

    Waits at most ``drain_s`` after the last sending; what is open then is ``unresolved``. Raises
    the client's errors if an event stream cannot be had.
    """
    outcome = Outcome()
    targets = [_Target(url, outcome) for url in urls]
    streams = [asyncio.create_task(t.follow(await t.next_height())) for t in targets]
    try:
        sending = await _send_all(targets, transactions, rate, batch, outcome)
        await _finish(targets, sending, streams, drain_s)
    finally:
        for stream in streams:
            stream.cancel()
        await asyncio.gather(*streams, return_exceptions=True)
        for target in targets:
            await target.close()
    outcome.unresolved = sum(len(target.waiting) for target in targets)
    return outcome


async def _send_all(
    targets: Sequence[_Target],
    transactions: Sequence[Signed],
    rate: float,
    batch: int,
    outcome: Outcome,
) -> list[asyncio.Task[None]]:
    tasks: list[asyncio.Task[None]] = []
    outcome.started = time.perf_counter()
    for number, start in enumerate(range(0, len(transactions), batch)):
        planned = outcome.started + start / rate
        await asyncio.sleep(max(0.0, planned - time.perf_counter()))
        part = transactions[start : start + batch]
        target = targets[number % len(targets)]
        for transaction in part:
            target.waiting[transaction.id] = planned
        outcome.offered += len(part)
        tasks.append(asyncio.create_task(target.send(part)))
    outcome.sent_until = max(time.perf_counter(), outcome.started + len(transactions) / rate)
    return tasks


async def _finish(
    targets: Sequence[_Target],
    sending: Sequence[asyncio.Task[None]],
    streams: Sequence[asyncio.Task[None]],
    drain_s: float,
) -> None:
    async def all_settled() -> None:
        await asyncio.gather(*sending)
        for target in targets:
            await target.settled()

    waiting = asyncio.create_task(all_settled())
    await asyncio.wait([waiting, *streams], timeout=drain_s, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    for stream in streams:
        if stream.done():
            stream.result()  # raises why the stream ended
