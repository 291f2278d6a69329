"""Following a ledger: fetch from one peer, verify, store, and compare with what all others show.

One task looks after each peer, one fetches and verifies. Verification runs in a thread of its own,
the only one that writes the store; signatures are checked by worker processes meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NoReturn, Protocol, TypeVar

import msgspec

from contracts.blocks import MadeBlock
from contracts.validators.events import FaultProven
from contracts.verifier import (
    Verifier,
    broken_state,
    require_final,
    validators_after,
    wires_of,
)
from contracts.violations import Check, Forked, Violated, Violation
from ledger.block import Header
from ledger.errors import BAD_FAULT_PROOF, CodedError
from ledger.evidence import DoubleVote
from ledger.segment import PublishedBlock, Segment
from ledger.state import State
from ledger.store.chain import Store
from ledger.validators import ValidatorSet
from node import limits
from node.api.alarms import vote_words
from node.api.handle import RaisedAlarm, Watch
from node.errors import BUSY, VERIFIER_FAILED
from node.follower.alarms import EQUIVOCATION, FORK, OTHER_LEDGER, PEER_LIES, AlarmBook
from node.follower.forks import Side, describe_fork
from node.follower.metrics import FollowerMetrics
from node.follower.peer import Peer
from node.follower.source import Nonsense, Unreachable
from node.follower.stoppable import Stoppable, Stopped
from node.logs import logger
from node.runner import wall_clock_ms
from node.verify.pool import VerifyPool

_log = logger("follower")

T = TypeVar("T")


class Outside(Protocol):
    """Who is told. Called on the event loop."""

    def committed(self, header: Header) -> None: ...

    def alarmed(self, alarm: RaisedAlarm) -> None: ...


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
        self.frozen = ""
        self.checking = False
        """Whether blocks are being verified at this moment."""
        self._store = store
        self._pool = pool
        self._book = book
        self._metrics = metrics
        self._outside = outside
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="verifier")
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._stopping = False
        self._ahead: tuple[Peer, int, asyncio.Task[Segment]] | None = None
        self._blocks = self._transactions = self._certificates = self._comparisons = 0
        self._complete_checks = 0
        self._complete_block: int | None = None
        self._complete_s = 0.0
        self._checking_state = asyncio.Lock()
        self._reading: asyncio.Future[tuple[int, list[Violation]]] | None = None

    # what others see ----------------------------------------------------------------------------
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
            comparisons=self._comparisons,
            complete_checks=self._complete_checks,
            complete_block=self._complete_block,
            complete_s=self._complete_s,
            frozen=self.frozen,
        )

    async def run(self) -> NoReturn:
        """Follow until cancelled. Raises what this machine's own trouble raises (disk, store)."""
        async with asyncio.TaskGroup() as tasks:
            for peer in self.peers:
                tasks.create_task(self._look_after(peer))
            tasks.create_task(self._verify())
            tasks.create_task(self._keep_checking())
        raise AssertionError("following has no end")

    async def close(self) -> None:
        """Let the block that is being verified end, and nothing after it."""
        self._stopping = True
        if self._reading is not None:  # the store stays open until its reader has let go of it
            await asyncio.gather(self._reading, return_exceptions=True)
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)

    async def settled(self) -> None:
        """Return once everything that peers had to show by now is verified and compared.

        That is: every peer was looked at twice or failed twice, all blocks that were known then are
        verified, the reachable peers agree as far as they go, and the whole state was checked.
        """
        while not self._is_settled():
            await self._change()
        if not self.frozen and self._complete_block != self.verifier.head.height:
            await self._check_state()

    def _is_settled(self) -> bool:
        seen = all(p.foreign or p.looks >= 2 or p.failures >= 2 for p in self.peers)
        height = self.verifier.head.height
        caught_up = not self.checking and not self.lag
        compared = all(
            p.foreign or not p.reachable or p.quarrels or p.agreed >= min(p.height, height) - 1
            for p in self.peers
        )
        return seen and bool(self.frozen or (caught_up and compared))

    # one peer -----------------------------------------------------------------------------------
    async def _look_after(self, peer: Peer) -> None:
        evidence_due = 0.0
        while not peer.foreign:
            try:
                if not peer.name:
                    await self._introduce(peer)
                pause = await self._look(peer)
                if time.monotonic() >= evidence_due:
                    await self._hear_evidence(peer)
                    evidence_due = time.monotonic() + limits.FOLLOW_EVIDENCE_SECONDS
                peer.looks += 1
                peer.failures = 0
            except Unreachable as error:
                pause = self._lost(peer, str(error))
            except Nonsense as error:
                self._tell_nonsense(peer, str(error))
                pause = self._lost(peer, str(error))
            self._tell_change()
            if pause:
                await asyncio.sleep(pause)

    def _tell_nonsense(self, peer: Peer, what: str) -> None:
        text = f"{peer.url} shows what no node of this ledger shows: {what}"
        self._raise(PEER_LIES, text, object=what[:80], source=peer.url)

    def _lost(self, peer: Peer, why: str) -> float:
        if peer.reachable or not peer.failures:
            _log.warning("peer lost", peer=peer.url, reason=why)
        self._metrics.peer_up.labels(peer.url).set(0)
        return peer.failed(why)

    async def _introduce(self, peer: Peer) -> None:
        about = await peer.source.about()
        if about.chain_id != self.verifier.chain_id:
            peer.foreign, peer.trouble = True, "serves another ledger"
            self._raise(
                OTHER_LEDGER,
                f"{peer.url} serves ledger {about.chain_id.hex()}, the genesis document is that of "
                f"{self.verifier.chain_id.hex()}",
                source=peer.url,
            )
            raise Unreachable(peer.trouble)
        peer.name = about.name or peer.url
        _log.info("peer found", peer=peer.url, name=peer.name)

    async def _look(self, peer: Peer) -> float:
        """Learn the peer's height and hold its chain against the verified one, as far as both go.

        Waits for the peer's next block if that was done before; returns how long to rest then.
        """
        head = self.verifier.head.height
        base = head if peer.height < 0 else min(head, peer.height)
        news = self.frozen or peer.quarrels or peer.agreed < base
        above = await peer.source.segment(
            base + 1, blocks=1, content=False, wait_s=0.0 if news else limits.FOLLOW_WAIT_SECONDS
        )
        self._heard(peer, above.height)
        at = min(base, above.height)
        if above.blocks:
            same = above.blocks[0].header.parent == self._hash_at(at)
        else:
            theirs = await self._header(peer, at) if at else None
            if theirs is None and at:
                return limits.FOLLOW_PAUSE_SECONDS  # final through a block that is still to come
            same = theirs is None or theirs.header.hash() == self._hash_at(at)
        self._comparisons += 1
        self._metrics.comparisons.inc()
        if not same:
            await self._investigate(peer, at)
            return peer.quarrelled()
        peer.agreed, peer.quarrels = at, 0
        return limits.FOLLOW_PAUSE_SECONDS if self.lag or self.frozen else 0.0

    def _heard(self, peer: Peer, height: int) -> None:
        peer.heard(self._clock())
        if height < peer.height:
            _log.warning("peer went back", peer=peer.url, was=peer.height, now=height)
        peer.height = height
        self._metrics.peer_up.labels(peer.url).set(1)
        self._metrics.peer_height.labels(peer.url).set(height)
        self._metrics.lag.set(self.lag)
        self._tell_change()

    async def _header(self, peer: Peer, height: int) -> PublishedBlock | None:
        found = await peer.source.segment(height, blocks=1, content=False)
        return found.blocks[0] if found.blocks else None

    def _hash_at(self, height: int) -> bytes:
        header = self._store.header(height)
        assert header is not None, "the verified ledger has no gaps"
        return header.hash()

    async def _investigate(self, peer: Peer, height: int) -> None:
        """Find where a peer's chain leaves the verified one, and who signed that."""
        same, other = 0, height
        while other - same > 1:
            middle = (same + other) // 2
            theirs = await self._header(peer, middle)
            if theirs is not None and theirs.header.hash() == self._hash_at(middle):
                same = middle
            else:
                other = middle
        shown = await peer.source.segment(other, content=False)
        if not shown.blocks or shown.blocks[0].header.hash() == self._hash_at(other):
            return  # it was another one a moment ago; the next look will tell
        below = self._store.header(other - 1)
        assert below is not None, "the verified ledger has no gaps"
        validators = validators_after(self._store, below)
        try:
            require_final(self.verifier.chain_id, shown.blocks, other, validators)
        except Violated as error:
            self._judge(peer, error.violations)
        else:
            self._tell_fork(peer, shown.blocks, other, validators)

    def _tell_fork(
        self, peer: Peer, shown: Sequence[PublishedBlock], height: int, validators: ValidatorSet
    ) -> None:
        own = self._store.next_certified(height)
        header = self._store.header(height)
        last = next(block for block in shown if block.certificate is not None)
        assert own is not None and header is not None, "what was verified was certified"
        assert last.certificate is not None
        fork = describe_fork(
            Side(header, own[1], own[0]),
            Side(shown[0].header, last.certificate, last.header.height),
            validators,
            peer.url,
        )
        self._raise(FORK, fork.text, block=height, source=peer.url, freezes=True)
        for proof in fork.evidence:
            self._convict(proof, validators, peer.url)

    async def _hear_evidence(self, peer: Peer) -> None:
        for proof in await peer.source.evidence():
            validators = self._store.validators(proof.first.epoch)
            if validators is None:
                continue  # of an epoch that is not verified yet: asked again later
            try:
                proof.verify(self.verifier.chain_id, validators)
            except CodedError as error:
                assert error.code is BAD_FAULT_PROOF
                self._tell_nonsense(peer, f"its evidence proves nothing: {error.message}")
                continue
            self._convict(proof, validators, peer.url)

    def _convict(self, proof: DoubleVote, validators: ValidatorSet, source: str) -> None:
        if not self._book.convict(proof):
            return
        vote = proof.first
        name = validators.validators[vote.signer].name
        self._raise(
            EQUIVOCATION,
            f"{name} signed two votes in view {vote.view} of epoch {vote.epoch} of which a correct "
            f"guarantor signs one: {vote_words(proof.first)}, and {vote_words(proof.second)} "
            f"(shown by {source})",
            object=f"{name}, epoch {vote.epoch}, view {vote.view}",
        )

    # fetching and verifying ---------------------------------------------------------------------
    async def _verify(self) -> None:
        while True:
            peer = None if self.frozen else self._choose()
            if peer is None:
                with suppress(TimeoutError):  # a peer may have rested
                    await asyncio.wait_for(self._change(), limits.FOLLOW_PAUSE_SECONDS)
                continue
            try:
                found = await self._next_segment(peer)
            except Unreachable as error:
                self._not_had(peer, str(error))
                continue
            except Nonsense as error:
                self._tell_nonsense(peer, str(error))
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
            self._tell_change()

    def _not_had(self, peer: Peer, why: str, *, false: bool = False) -> None:
        peer.useless(time.monotonic(), false=false)
        _log.debug("blocks not had", peer=peer.url, reason=why)
        self._tell_change()

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
                await self._investigate(peer, self.verifier.head.height)
            except (Unreachable, Nonsense):
                self._judge(peer, error.violations)
        except Violated as error:
            self._not_had(peer, str(error), false=True)
            self._judge(peer, error.violations)
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
            self._raise(
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
        self._tell_change()

    # the whole state ----------------------------------------------------------------------------
    async def _keep_checking(self) -> None:
        """Check all invariants again, as often as that takes no more than its share of time."""
        while True:
            if not self.frozen and self._complete_block != self.verifier.head.height:
                await self._check_state()
            share = limits.COMPLETE_CHECK_SHARE * self._complete_s
            await asyncio.sleep(max(limits.COMPLETE_CHECK_SECONDS, share))

    async def _check_state(self) -> None:
        """Check all invariants on the newest state, beside the verification of further blocks."""
        async with self._checking_state:
            began = time.perf_counter()
            with suppress(Stopped):
                self._reading = asyncio.ensure_future(asyncio.to_thread(self._broken))
                height, found = await asyncio.shield(self._reading)
                self._complete_s = time.perf_counter() - began
                self._complete_checks += 1
                self._complete_block = height
                self._metrics.complete_height.set(height)
                self._metrics.complete_seconds.set(self._complete_s)
                self._judge(None, found)
        self._tell_change()

    def _broken(self) -> tuple[int, list[Violation]]:
        """What one unchanging state breaks, and its height."""
        with self._store.snapshot() as reader:
            head = reader.head
            assert head is not None, "a verified ledger has block 0"
            state = State(Stoppable(reader, lambda: self._stopping))
            return head.height, list(broken_state(state, head.height))

    # waiting ------------------------------------------------------------------------------------
    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Do something with the store's one writer, off the event loop."""
        return await self._loop.run_in_executor(self._thread, work)

    async def _change(self) -> None:
        await self._changed.wait()

    def _tell_change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    # alarms -------------------------------------------------------------------------------------
    def _judge(self, peer: Peer | None, violations: Sequence[Violation]) -> None:
        source = "" if peer is None else peer.url
        for found in violations:
            if found.certified:
                self._freeze(str(found))
            self._publish(self._book.violation(found, self._clock(), source))

    def _raise(
        self,
        code: str,
        text: str,
        *,
        block: int | None = None,
        object: str = "",
        source: str = "",
        freezes: bool = False,
    ) -> None:
        if freezes:
            self._freeze(text)
        self._publish(
            self._book.raised(
                code,
                text,
                self._clock(),
                block=block,
                object=object,
                source=source,
                freezes=freezes,
            )
        )

    def _freeze(self, why: str) -> None:
        if not self.frozen:
            self.frozen = why
            self._metrics.frozen.set(1)
            _log.error("frozen", height=self.verifier.head.height, reason=why)

    def _publish(self, alarm: RaisedAlarm | None) -> None:
        if alarm is not None:
            self._metrics.alarms.labels(alarm.code).inc()
            _log.error(
                "alarm",
                code=alarm.code,
                text=alarm.text,
                block=alarm.block,
                position=alarm.position,
                source=alarm.source or None,
            )
            self._outside.alarmed(alarm)
        self._tell_change()


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
