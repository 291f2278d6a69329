"""The order of effects: nothing after a Persist happens before its records are durable."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from ledger.errors import STORE_FULL, CodedError
from ledger.genesis import Genesis
from ledger.journal import Journal
from ledger.store.interface import BlockCommit
from ledger.store.memory import MemoryEnvironment
from ledger.validators import ValidatorSet
from node.messages import Message, Status
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
    Persist,
    Send,
    SetTimer,
)
from node.replica.events import Event, PeerUp, TimerFired
from node.runner import Runner


class Script:
    """Stands where the replica stands: says what the test tells it to say."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.replies: dict[type, list[Effect]] = {}

    def start(self, now: int) -> list[Effect]:
        return self.replies.get(type(None), [])

    def handle(self, event: Event, now: int) -> list[Effect]:
        self.events.append(event)
        return self.replies.get(type(event), [])


class GatedJournal:
    """The real journal over memory behind a gate that the test opens, as a slow disk would be."""

    def __init__(self) -> None:
        self.journal = Journal(MemoryEnvironment())
        self.gate = threading.Semaphore(0)
        self.syncs = 0
        self.error: Exception | None = None

    def append_and_prune(self, records: Sequence[bytes], before_sequence: int) -> None:
        self.gate.acquire()
        if self.error is not None:
            raise self.error
        self.journal.append_and_prune(records, before_sequence)
        self.syncs += 1


class GatedStore:
    """Takes commits when the gate opens."""

    def __init__(self) -> None:
        self.gate = threading.Semaphore(0)
        self.heights: list[int] = []
        self.error: Exception | None = None

    def commit(self, block: BlockCommit) -> None:
        self.gate.acquire()
        if self.error is not None:
            raise self.error
        self.heights.append(block.header.height)


class Outside:
    """Records what leaves the node, and what was durable at that moment."""

    def __init__(self, journal: GatedJournal) -> None:
        self.journal = journal
        self.left: list[tuple[Any, int]] = []
        self.failures: list[CodedError] = []
        self.heights: list[int] = []
        self.alarms: list[Alarm] = []

    def _note(self, what: Any) -> None:
        self.left.append((what, len(self.journal.journal.load())))

    def send(self, peer: int, message: Message) -> None:
        self._note(("send", peer, message))

    def broadcast(self, message: Message) -> None:
        self._note(("broadcast", message))

    def check(self, work: Check) -> None:
        self._note(work)

    def answer(self, answer: Answer) -> None:
        self._note(answer)

    def committed(self, height: int) -> None:
        self.heights.append(height)

    def announce(self, block: BlockCommit) -> None:
        self._note(("announce", block.header.height))

    def begin_epoch(self, validators: ValidatorSet, own: int | None) -> None:
        self._note(("epoch", validators.epoch, own))

    def alarm(self, alarm: Alarm) -> None:
        self.alarms.append(alarm)

    def failed(self, error: CodedError) -> None:
        self.failures.append(error)


class Rig:
    def __init__(self) -> None:
        self.script, self.journal, self.store = Script(), GatedJournal(), GatedStore()
        self.outside = Outside(self.journal)
        self.runner = Runner(
            self.script, self.journal, self.store, self.outside, NodeMetrics(), lambda: 1_000
        )

    def say(self, *effects: Effect) -> None:
        """Have the replica ask for these effects."""
        self.script.replies[PeerUp] = list(effects)
        self.runner.tell(PeerUp(1))

    @property
    def left(self) -> list[Any]:
        return [what for what, _ in self.outside.left]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.001)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    yield made
    for _ in range(100):
        made.journal.gate.release()
        made.store.gate.release()
    await made.runner.close()


def status(height: int) -> Broadcast:
    return Broadcast(Status(height, 0))


def sent(height: int) -> tuple[str, Status]:
    return ("broadcast", Status(height, 0))


async def test_nothing_after_a_persist_leaves_before_it_is_durable(rig: Rig) -> None:
    rig.say(status(1), Persist((b"vote",)), status(2), Send(3, Status(3, 0)))
    assert rig.left == [sent(1)]
    rig.say(status(4))  # a later step waits too: the order holds over all steps
    assert rig.left == [sent(1)]
    rig.journal.gate.release()
    await rig.until(lambda: len(rig.left) == 4)
    assert rig.left == [sent(1), sent(2), ("send", 3, Status(3, 0)), sent(4)]
    assert [durable for _, durable in rig.outside.left] == [0, 1, 1, 1]


async def test_records_that_wait_together_share_one_sync(rig: Rig) -> None:
    rig.say(Persist((b"1",)), status(1))
    rig.say(Persist((b"2", b"3")), status(2))
    rig.say(status(3), Persist((b"4",)), status(4))
    rig.journal.gate.release()  # the first write began when only its own record was there
    await rig.until(lambda: rig.left == [sent(1)])
    rig.journal.gate.release()
    await rig.until(lambda: len(rig.left) == 4)
    assert rig.left == [sent(1), sent(2), sent(3), sent(4)]
    assert rig.journal.syncs == 2
    assert rig.journal.journal.load() == [b"1", b"2", b"3", b"4"]


async def test_records_are_pruned_as_asked(rig: Rig) -> None:
    rig.journal.gate.release()
    rig.journal.gate.release()
    rig.say(Persist((b"1", b"2")), status(1))
    await rig.until(lambda: rig.left == [sent(1)])
    rig.say(Persist((b"3",), prune_before=2), status(2))
    await rig.until(lambda: len(rig.left) == 2)
    assert rig.journal.journal.load() == [b"3"]


async def test_a_vote_is_not_delayed_by_a_block_being_written(rig: Rig, block: BlockCommit) -> None:
    rig.say(Commit(block), Persist((b"vote",)), status(1))
    rig.journal.gate.release()
    await rig.until(lambda: rig.left == [sent(1)])
    assert rig.store.heights == [] and rig.outside.heights == []


async def test_commits_are_answered_in_order_and_only_when_durable(
    rig: Rig, block: BlockCommit
) -> None:
    second = block._replace(header=_at(block, 2))
    rig.say(Commit(block), Commit(second))
    assert rig.outside.heights == []
    rig.store.gate.release()
    await rig.until(lambda: rig.outside.heights == [0])
    rig.store.gate.release()
    await rig.until(lambda: rig.outside.heights == [0, 2])
    assert rig.store.heights == [0, 2]


async def test_what_follows_a_commit_in_another_step_is_announced_in_order(
    rig: Rig, block: BlockCommit
) -> None:
    rig.say(Persist((b"1",)), Announce(block), status(9))
    assert rig.left == []
    rig.journal.gate.release()
    await rig.until(lambda: rig.left == [("announce", 0), sent(9)])


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CodedError(STORE_FULL, "the disk is full"), "STORE_FULL"),
        (OSError(5, "I/O"), "WRITE_FAILED"),
        (OSError(28, "no space left"), "STORE_FULL"),
    ],
)
async def test_a_failed_write_stops_everything_at_once(
    rig: Rig, error: Exception, code: str
) -> None:
    rig.journal.error = error
    rig.say(SetTimer("t", 5), Persist((b"vote",)), status(1))
    rig.journal.gate.release()
    await rig.until(lambda: bool(rig.outside.failures))
    assert [e.code.name for e in rig.outside.failures] == [code]
    happened = list(rig.script.events)
    rig.say(status(2))
    await asyncio.sleep(0.02)
    assert rig.left == [] and rig.runner.stopped
    assert rig.script.events == happened, "no timer fires and no event arrives any more"


async def test_a_failed_commit_stops_everything_too(rig: Rig, block: BlockCommit) -> None:
    rig.store.error = OSError(28, "no space left")
    rig.say(Commit(block))
    rig.store.gate.release()
    await rig.until(lambda: bool(rig.outside.failures))
    assert rig.runner.stopped and rig.outside.heights == []


async def test_a_replica_that_fails_is_never_asked_again(rig: Rig) -> None:
    class Broken(Script):
        def handle(self, event: Event, now: int) -> list[Effect]:
            self.events.append(event)
            raise IndexError("a defect")

    rig.runner._machine = broken = Broken()
    rig.runner.tell(PeerUp(1))
    rig.runner.tell(PeerUp(2))
    assert broken.events == [PeerUp(1)]
    assert [e.code.name for e in rig.outside.failures] == ["HALTED"] and rig.runner.stopped


async def test_timers_fire_once_are_replaced_and_cancelled(rig: Rig) -> None:
    rig.say(SetTimer("gone", 1), SetTimer("moved", 1), SetTimer("kept", 1))
    rig.say(CancelTimer("gone"), CancelTimer("never set"), SetTimer("moved", 30))
    await rig.until(lambda: TimerFired("kept") in rig.script.events)
    assert TimerFired("moved") not in rig.script.events
    await rig.until(lambda: TimerFired("moved") in rig.script.events)
    fired = [e for e in rig.script.events if isinstance(e, TimerFired)]
    assert fired == [TimerFired("kept"), TimerFired("moved")]


async def test_a_timer_behind_a_barrier_starts_after_it(rig: Rig) -> None:
    rig.say(Persist((b"1",)), SetTimer("t", 1))
    await asyncio.sleep(0.02)
    assert TimerFired("t") not in rig.script.events
    rig.journal.gate.release()
    await rig.until(lambda: TimerFired("t") in rig.script.events)


async def test_a_stopped_runner_lets_nothing_out(rig: Rig) -> None:
    rig.say(Persist((b"1",)), status(1))
    rig.runner.stop()
    rig.journal.gate.release()
    await rig.runner.close()
    await asyncio.sleep(0)
    assert rig.left == []


def _at(block: BlockCommit, height: int) -> Any:
    import msgspec

    return msgspec.structs.replace(block.header, height=height)


@pytest.fixture
def block() -> BlockCommit:
    from ledger.store.chain import first_block
    from ledger.validators import Validator, ValidatorSet

    validator = Validator("0" * 20, "g", "KZ", bytes(32), b"c", "h:1")
    genesis = Genesis("test", 0, ValidatorSet(0, (validator,)), b"\0")
    return first_block(genesis, {})
