"""Following a ledger: fetch from one peer, verify, store, and compare with what all others show.

One task looks after each peer (:mod:`node.follower.watching`), one checks the whole state
(:mod:`node.follower.wholestate`), one fetches and verifies. Verification runs in a thread of its
own, the only one that writes the store; signatures are checked by worker processes meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NoReturn, TypeVar

import msgspec

from contracts.blocks import MadeBlock
from contracts.validators.events import FaultProven
from contracts.verifier import Verifier, wires_of
from contracts.violations import Check, Forked, Violated, Violation
from ledger.errors import CodedError
from ledger.segment import PublishedBlock, Segment
from ledger.store.chain import Store
from node import limits
from node.api.handle import Watch
from node.errors import BUSY, VERIFIER_FAILED
from node.follower.alarms import EQUIVOCATION, AlarmBook
from node.follower.changes import Changes
from node.follower.metrics import FollowerMetrics
from node.follower.peer import Peer
from node.follower.raising import Outside, Raising
from node.follower.source import Nonsense, Unreachable
from node.follower.watching import Watching
from node.follower.wholestate import WholeState
from node.logs import logger
from node.runner import wall_clock_ms
from node.verify.pool import VerifyPool

_log = logger("follower")

T = TypeVar("T")


class Follower:
    """See the module. Lives on one event loop; the store belongs to it."""

    def __init__(
        self,
        verifier: Verifier,
        store: Store,
        peers: Sequence[Peer],
        pool: VerifyPool,
        book: AlarmBook,
        metrics: FollowerMetrics,
        outside: Outside,
        clock: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self.verifier = verifier
        self.peers = tuple(peers)
        self.checking = False
        """Whether blocks are being verified at this moment."""
        self._pool = pool
        self._metrics = metrics
        self._outside = outside
        self._changes = Changes()
        self._raising = Raising(verifier, book, metrics, outside, self._changes, clock)
        self._whole = WholeState(store, self._raising, metrics, self._changes)
        self._watching = Watching(
            verifier, store, self._raising, metrics, self._changes, clock, lambda: self.lag
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="verifier")
        self._loop = asyncio.get_running_loop()
        self._stopping = False
        self._ahead: tuple[Peer, int, asyncio.Task[Segment]] | None = None
        self._blocks = self._transactions = self._certificates = 0

    # what others see ----------------------------------------------------------------------------
    @property
    def frozen(self) -> str:
        """Why no further block is taken, or empty."""
        return self._raising.frozen

    @property
    def highest(self) -> int:
        """The highest block that a reachable peer of this ledger claims credibly."""
        return max(self.verifier.head.height, *(peer.credible_height for peer in self.peers))

    @property
    def withheld(self) -> int:
        """How many blocks reachable peers claim beyond what any of them shows."""
        claims = [p.height for p in self.peers if p.reachable and not p.foreign and not p.quarrels]
        return max(0, max(claims, default=0) - self.highest)

    @property
    def lag(self) -> int:
        """How many blocks that is ahead of the verified ledger."""
        return max(0, self.highest - self.verifier.head.height)

    @property
    def watch(self) -> Watch:
        """What was checked since the start."""
        return Watch(
            blocks=self._blocks,
            transactions=self._transactions,
            certificates=self._certificates,
            comparisons=self._watching.comparisons,
            complete_checks=self._whole.checks,
            complete_block=self._whole.block,
            complete_s=self._whole.seconds,
            frozen=self.frozen,
        )

    async def run(self) -> NoReturn:
        """Follow until cancelled. Raises what this machine's own trouble raises (disk, store)."""
        async with asyncio.TaskGroup() as tasks:
            for peer in self.peers:
                tasks.create_task(self._watching.look_after(peer))
            tasks.create_task(self._verify())
            tasks.create_task(self._whole.keep_checking())
        raise AssertionError("following has no end")

    async def close(self) -> None:
        """Let the block that is being verified end, and nothing after it."""
        self._stopping = True
        await self._whole.close()
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)

    async def settled(self) -> None:
        """Return once everything that peers had to show by now is verified and compared.

        That is: every peer was looked at twice or failed twice, all blocks that were known then are
        verified, the reachable peers agree as far as they go, and the whole state was checked.
        """
        while not self._is_settled():
            await self._changes.wait()
        if not self.frozen and not self._whole.is_current():
            await self._whole.check()

    def _is_settled(self) -> bool:
        seen = all(p.foreign or p.looks >= 2 or p.failures >= 2 for p in self.peers)
        height = self.verifier.head.height
        caught_up = not self.checking and not self.lag
        compared = all(
            p.foreign or not p.reachable or p.quarrels or p.agreed >= min(p.height, height) - 1
            for p in self.peers
        )
        return seen and bool(self.frozen or (caught_up and compared))

    # fetching and verifying ---------------------------------------------------------------------
    async def _verify(self) -> None:
        while True:
            peer = None if self.frozen else self._choose()
            if peer is None:
                with suppress(TimeoutError):  # a peer may have rested
                    await asyncio.wait_for(self._changes.wait(), limits.FOLLOW_PAUSE_SECONDS)
                continue
            try:
                found = await self._next_segment(peer)
            except Unreachable as error:
                self._not_had(peer, str(error))
                continue
            except Nonsense as error:
                self._raising.nonsense(peer, str(error))
                self._not_had(peer, str(error), false=True)
                continue
            if not found.blocks:
                self._not_had(peer, "it shows none")
                continue
            self.checking = True
            try:
                await self._take(peer, found.blocks)
            finally:
                self.checking = False
            self._changes.tell()

    def _not_had(self, peer: Peer, why: str, *, false: bool = False) -> None:
        peer.useless(time.monotonic(), false=false)
        _log.debug("blocks not had", peer=peer.url, reason=why)
        self._changes.tell()

    def _choose(self) -> Peer | None:
        """Whom to ask for the next blocks: of those that have them, the least unhelpful."""
        height, now = self.verifier.head.height, time.monotonic()
        able = [
            peer
            for peer in self.peers
            if peer.reachable
            and not peer.foreign
            and not peer.quarrels
            and peer.height > height
            and peer.resting_until <= now
        ]
        return min(able, key=lambda p: (p.empty, -p.height, p.number), default=None)

    async def _next_segment(self, peer: Peer) -> Segment:
        """The blocks after the head: already on their way, or asked for now."""
        start = self.verifier.head.height + 1
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            if ahead[:2] == (peer, start):
                return await ahead[2]
            ahead[2].cancel()
        return await peer.source.segment(start)

    def _prefetch(self, peer: Peer, start: int) -> None:
        task = asyncio.get_running_loop().create_task(peer.source.segment(start))
        task.add_done_callback(lambda t: t.cancelled() or t.exception())
        self._ahead = (peer, start, task)

    async def _take(self, peer: Peer, blocks: Sequence[PublishedBlock]) -> None:
        last = blocks[-1].header.height
        if peer.height > last:
            self._prefetch(peer, last + 1)
        began = time.perf_counter()
        try:
            await self._take_sound(blocks)
            peer.empty = 0
        except Forked as error:
            peer.quarrelled()
            try:
                await self._watching.investigate(peer, self.verifier.head.height)
            except (Unreachable, Nonsense):
                self._raising.judge(error.violations, peer.url)
        except Violated as error:
            self._not_had(peer, str(error), false=True)
            self._raising.judge(error.violations, peer.url)
        finally:
            self._metrics.verify.inc(time.perf_counter() - began)

    async def _take_sound(self, blocks: Sequence[PublishedBlock]) -> None:
        """Verify and store; where a later block fails, first those below it that are final."""
        try:
            await self._in_thread(lambda: self.verifier.check(blocks))
        except Violated as error:
            sound = _final_below(blocks, error.violations[0].height)
            if sound:
                await self._take_sound(sound)
            raise
        await self._require_signatures(blocks)
        await self._in_thread(lambda: self._take_all(blocks))

    async def _require_signatures(self, blocks: Sequence[PublishedBlock]) -> None:
        """Every member's signature, by the worker processes."""
        for block in blocks:
            wires = wires_of(block)
            first = len(block.rows) - len(wires)
            verdicts = await self._pool.check(wires, urgent=True)
            for offset, (identity, code, reason, _) in enumerate(verdicts):
                if code in {BUSY.name, VERIFIER_FAILED.name}:
                    raise CodedError(VERIFIER_FAILED, reason)
                if code:
                    raise Violated(
                        (
                            Violation(
                                Check.SIGNATURE,
                                block.header.height,
                                f"{code}: {reason}",
                                first + offset,
                                identity.hex(),
                                certified=True,
                            ),
                        )
                    )

    def _take_all(self, blocks: Sequence[PublishedBlock]) -> None:
        """In the verifier's thread."""
        for block in blocks:
            if self._stopping:
                return
            # The workers verified signatures; what a transaction's operations may say is read here.
            made = self.verifier.take(block, signatures=False, strictly=True)
            self._loop.call_soon_threadsafe(self._committed, block, faults_in(made))

    def _committed(self, block: PublishedBlock, faults: Sequence[FaultProven]) -> None:
        header = block.header
        for fault in faults:
            self._raising.alarm(
                EQUIVOCATION,
                f"block {header.height} records that {fault.party} contradicted itself: two votes "
                f"in view {fault.view} of epoch {fault.epoch}, proven by {fault.reporter}",
                block=header.height,
                object=f"{fault.party}, epoch {fault.epoch}, view {fault.view}",
            )
        self._blocks += 1
        self._transactions += header.transactions
        self._certificates += block.certificate is not None
        self._metrics.height.set(header.height)
        self._metrics.block_time.set(header.time / 1000)
        self._metrics.transactions.inc(header.transactions)
        self._metrics.lag.set(max(0, self.highest - header.height))
        self._outside.committed(header)
        self._changes.tell()

    # waiting ------------------------------------------------------------------------------------
    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Do something with the store's one writer, off the event loop."""
        return await self._loop.run_in_executor(self._thread, work)


def faults_in(made: MadeBlock) -> list[FaultProven]:
    """The guarantors' faults that a block records as proven."""
    tag = FaultProven.__struct_config__.tag
    return [
        msgspec.convert(event, FaultProven)
        for receipt in made.execution.receipts
        for event in receipt.events
        if event[0] == tag
    ]


def _final_below(blocks: Sequence[PublishedBlock], height: int) -> Sequence[PublishedBlock]:
    """The blocks below a height, as far as they end in a finalization."""
    below = [block for block in blocks if block.header.height < height]
    while below and below[-1].certificate is None:
        below.pop()
    return below
