"""One peer at a time: how far it is, whether its chain is the verified one, what it proves."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from contracts.verifier import Verifier, require_final, validators_after
from contracts.violations import Violated
from ledger.errors import BAD_FAULT_PROOF, CodedError
from ledger.segment import PublishedBlock
from ledger.store.chain import Store
from ledger.validators import ValidatorSet
from node import limits
from node.follower.alarms import FORK, OTHER_LEDGER
from node.follower.changes import Changes
from node.follower.forks import Side, describe_fork
from node.follower.metrics import FollowerMetrics
from node.follower.peer import Peer
from node.follower.raising import Raising
from node.follower.source import Nonsense, Unreachable
from node.logs import logger

_log = logger("follower")


class Watching:
    """Looks after peers; ``lag`` tells how many blocks the verified ledger is behind them."""

    def __init__(
        self,
        verifier: Verifier,
        store: Store,
        raising: Raising,
        metrics: FollowerMetrics,
        changes: Changes,
        clock: Callable[[], int],
        lag: Callable[[], int],
    ) -> None:
        self.comparisons = 0
        self._verifier = verifier
        self._store = store
        self._raising = raising
        self._metrics = metrics
        self._changes = changes
        self._clock = clock
        self._lag = lag

    async def look_after(self, peer: Peer) -> None:
        """Compare a peer's chain with the verified one, for as long as it serves this ledger."""
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
                self._raising.nonsense(peer, str(error))
                pause = self._lost(peer, str(error))
            self._changes.tell()
            if pause:
                await asyncio.sleep(pause)

    def _lost(self, peer: Peer, why: str) -> float:
        if peer.reachable or not peer.failures:
            _log.warning("peer lost", peer=peer.url, reason=why)
        self._metrics.peer_up.labels(peer.url).set(0)
        return peer.failed(why)

    async def _introduce(self, peer: Peer) -> None:
        about = await peer.source.about()
        if about.chain_id != self._verifier.chain_id:
            peer.foreign, peer.trouble = True, "serves another ledger"
            self._raising.alarm(
                OTHER_LEDGER,
                f"{peer.url} serves ledger {about.chain_id.hex()}, the genesis document is that of "
                f"{self._verifier.chain_id.hex()}",
                source=peer.url,
            )
            raise Unreachable(peer.trouble)
        peer.name = about.name or peer.url
        _log.info("peer found", peer=peer.url, name=peer.name)

    async def _look(self, peer: Peer) -> float:
        """Learn the peer's height and hold its chain against the verified one, as far as both go.

        Waits for the peer's next block if that was done before; returns how long to rest then.
        """
        head = self._verifier.head.height
        base = head if peer.height < 0 else min(head, peer.height)
        news = self._raising.frozen or peer.quarrels or peer.agreed < base
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
        self.comparisons += 1
        self._metrics.comparisons.inc()
        if not same:
            await self.investigate(peer, at)
            return peer.quarrelled()
        peer.agreed, peer.quarrels = at, 0
        return limits.FOLLOW_PAUSE_SECONDS if self._lag() or self._raising.frozen else 0.0

    def _heard(self, peer: Peer, height: int) -> None:
        peer.heard(self._clock())
        if height < peer.height:
            _log.warning("peer went back", peer=peer.url, was=peer.height, now=height)
        peer.height = height
        self._metrics.peer_up.labels(peer.url).set(1)
        self._metrics.peer_height.labels(peer.url).set(height)
        self._metrics.lag.set(self._lag())
        self._changes.tell()

    async def _header(self, peer: Peer, height: int) -> PublishedBlock | None:
        found = await peer.source.segment(height, blocks=1, content=False)
        return found.blocks[0] if found.blocks else None

    def _hash_at(self, height: int) -> bytes:
        header = self._store.header(height)
        assert header is not None, "the verified ledger has no gaps"
        return header.hash()

    async def investigate(self, peer: Peer, height: int) -> None:
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
            require_final(self._verifier.chain_id, shown.blocks, other, validators)
        except Violated as error:
            self._raising.judge(error.violations, peer.url)
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
        self._raising.alarm(FORK, fork.text, block=height, source=peer.url, freezes=True)
        for proof in fork.evidence:
            self._raising.convict(proof, validators, peer.url)

    async def _hear_evidence(self, peer: Peer) -> None:
        for proof in await peer.source.evidence():
            validators = self._store.validators(proof.first.epoch)
            if validators is None:
                continue  # of an epoch that is not verified yet: asked again later
            try:
                proof.verify(self._verifier.chain_id, validators)
            except CodedError as error:
                assert error.code is BAD_FAULT_PROOF
                self._raising.nonsense(peer, f"its evidence proves nothing: {error.message}")
                continue
            self._raising.convict(proof, validators, peer.url)
