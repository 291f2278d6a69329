"""Carries out a replica's effects in a real process, in the order the replica gave them.

One queue of effects, first in, first out. ``Persist`` is a barrier: the queue stands still until
its records are durable, and on the way to disk all ``Persist`` effects that already wait share one
sync (writing records early is always safe, sending a vote early never is). The vote journal and the
chain store are separate environments; each has one writer thread, the only one that ever writes
to it, so that a vote's sync does not wait for a block's.

A write that fails ends the node: after a failed sync nothing is known about what is on disk.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from ledger.errors import STORE_FULL, CodedError
from ledger.store.files import FULL
from ledger.store.interface import BlockCommit
from ledger.validators import ValidatorSet
from node import limits
from node.errors import HALTED, WRITE_FAILED
from node.logs import logger
from node.messages import Message
from node.metrics import NodeMetrics
from node.replica.effects import (
    Alarm,
    Announce,
    Answer,
    Broadcast,
    CancelTimer,
    Check,
    Commit,
    Effect,
    EpochBegins,
    Persist,
    Send,
    SetTimer,
)
from node.replica.events import Committed, Event, TimerFired

_log = logger("runner")


class Machine(Protocol):
    """The replica, as far as it is driven from here."""

    def start(self, now: int) -> list[Effect]: ...

    def handle(self, event: Event, now: int) -> list[Effect]: ...


class JournalWriter(Protocol):
    """The vote journal's one write."""

    def append_and_prune(self, records: Sequence[bytes], before_sequence: int) -> None: ...


class StoreWriter(Protocol):
    """The chain store's one write."""

    def commit(self, block: BlockCommit) -> None: ...


class Outside(Protocol):
    """Where the other effects go. Called on the event loop; none of these may block."""

    def send(self, peer: int, message: Message) -> None: ...

    def broadcast(self, message: Message) -> None: ...

    def check(self, work: Check) -> None: ...

    def answer(self, answer: Answer) -> None: ...

    def committed(self, height: int) -> None: ...

    def announce(self, block: BlockCommit) -> None: ...

    def begin_epoch(self, validators: ValidatorSet, own: int | None) -> None:
        """Peers are numbered by these validators from now on."""
        ...

    def alarm(self, alarm: Alarm) -> None: ...

    def failed(self, error: CodedError) -> None:
        """A durable write or the replica itself has failed; nothing more will be carried out."""
        ...


def wall_clock_ms() -> int:
    """The local clock in milliseconds since the Unix epoch."""
    return time.time_ns() // 1_000_000


class Runner:
    """See the module. Lives on one event loop; every method is called there."""

    def __init__(
        self,
        machine: Machine,
        journal: JournalWriter,
        store: StoreWriter,
        outside: Outside,
        metrics: NodeMetrics,
        clock: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self._machine = machine
        self._journal = journal
        self._store = store
        self._outside = outside
        self._metrics = metrics
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._effects: deque[Effect] = deque()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._journal_thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._store_thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._durable = 0
        """How many of the next ``Persist`` effects in the queue are on disk already."""
        self._persisting = False
        self._stopped = False
        self._in_step = False

    def start(self) -> None:
        """The replica's first step."""
        self._step(lambda: self._machine.start(self._clock()))

    def tell(self, event: Event) -> None:
        """Give the replica an event and carry out what it asks for."""
        self._step(lambda: self._machine.handle(event, self._clock()))

    @property
    def waiting(self) -> int:
        """Effects that wait for a durable write."""
        return len(self._effects)

    @property
    def stopped(self) -> bool:
        """Whether nothing is carried out any more."""
        return self._stopped

    async def close(self) -> None:
        """Carry out nothing more; let writes that have begun finish."""
        self.stop()
        await asyncio.to_thread(self._join)

    def stop(self) -> None:
        """Carry out nothing more, from this moment on."""
        self._stopped = True
        self._effects.clear()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _join(self) -> None:
        self._journal_thread.shutdown(wait=True, cancel_futures=True)
        self._store_thread.shutdown(wait=True, cancel_futures=True)

    # one step ---------------------------------------------------------------------------------
    def _step(self, act: Callable[[], list[Effect]]) -> None:
        if self._stopped:
            return
        assert not self._in_step, "a replica is never entered twice"
        self._in_step = True
        began = time.perf_counter()
        try:
            effects = act()
        except Exception as defect:
            # Half a step may have been taken: what this replica would say next is worth nothing.
            _log.exception("the replica failed")
            self.stop()
            self._outside.failed(
                CodedError(HALTED, f"a defect stopped this node: {type(defect).__name__}")
            )
            return
        finally:
            self._in_step = False
        self._metrics.step.observe(time.perf_counter() - began)
        if effects:
            self._effects.extend(effects)
            self._carry_out()

    def _carry_out(self) -> None:
        effects = self._effects
        while effects and not self._persisting:
            effect = effects[0]
            if isinstance(effect, Persist):
                if not self._durable:
                    self._persist()
                    break
                self._durable -= 1
                effects.popleft()
                continue
            effects.popleft()
            self._do(effect)
        self._metrics.effects_waiting.set(len(effects))

    def _do(self, effect: Effect) -> None:
        match effect:
            case Send(peer, message):
                self._outside.send(peer, message)
            case Broadcast(message):
                self._outside.broadcast(message)
            case SetTimer(token, delay):
                self._set_timer(token, delay)
            case CancelTimer(token):
                timer = self._timers.pop(token, None)
                if timer is not None:
                    timer.cancel()
            case Check():
                self._outside.check(effect)
            case Commit(block):
                self._commit(block)
            case Answer():
                self._outside.answer(effect)
            case Announce(block):
                self._outside.announce(block)
            case EpochBegins(validators, own):
                self._outside.begin_epoch(validators, own)
            case Alarm():
                self._outside.alarm(effect)

    def _set_timer(self, token: str, delay_ms: int) -> None:
        earlier = self._timers.get(token)
        if earlier is not None:
            earlier.cancel()
        self._timers[token] = self._loop.call_later(delay_ms / 1000, self._fire, token)

    def _fire(self, token: str) -> None:
        del self._timers[token]
        self.tell(TimerFired(token))

    # durable writes ---------------------------------------------------------------------------
    def _persist(self) -> None:
        """Write the records of all waiting ``Persist`` effects with one sync."""
        group = [e for e in self._effects if isinstance(e, Persist)][: limits.WRITE_GROUP]
        records = [record for effect in group for record in effect.records]
        before = max((e.prune_before or 0 for e in group), default=0)
        self._persisting = True

        def durable() -> None:
            self._persisting = False
            self._durable = len(group)
            self._carry_out()

        self._write(
            self._journal_thread,
            lambda: self._journal.append_and_prune(records, before),
            self._metrics.persist.observe,
            durable,
        )

    def _commit(self, block: BlockCommit) -> None:
        def durable() -> None:
            self.tell(Committed(block.header.height))
            self._outside.committed(block.header.height)

        self._write(
            self._store_thread,
            lambda: self._store.commit(block),
            self._metrics.commit.observe,
            durable,
        )

    def _write(
        self,
        thread: ThreadPoolExecutor,
        write: Callable[[], None],
        observe: Callable[[float], None],
        durable: Callable[[], None],
    ) -> None:
        def work() -> float:
            began = time.perf_counter()
            write()
            return time.perf_counter() - began

        def done(result: Future[float]) -> None:
            if not result.cancelled():
                self._loop.call_soon_threadsafe(finish, result)

        def finish(result: Future[float]) -> None:
            if self._stopped:
                return
            error = result.exception()
            if error is None:
                observe(result.result())
                durable()
            else:
                self._fail(error)

        thread.submit(work).add_done_callback(done)

    def _fail(self, error: BaseException) -> None:
        self.stop()
        if isinstance(error, OSError) and error.errno in FULL:
            error = CodedError(STORE_FULL, "the disk of this node's data is full")
        elif not isinstance(error, CodedError):
            error = CodedError(WRITE_FAILED, f"{type(error).__name__}: {error}")
        self._outside.failed(error)
