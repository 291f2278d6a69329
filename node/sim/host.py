"""One machine: it runs a replica, carries out its effects, and can lose power.

Does exactly what ``node.replica`` demands of its surroundings: effects strictly in order, nothing
after a ``Persist`` before it is durable, one answer for each ``Check`` and ``Commit``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from ledger.errors import STORE_CORRUPT, STORE_FULL, CodedError
from ledger.evidence import DoubleVote
from ledger.store.interface import BlockCommit
from node.consensus.simplex import Core
from node.messages import Message
from node.replica import effects as fx
from node.replica import events as ev
from node.sim.checks import Violation
from node.sim.disk import Disk
from node.sim.medium import DiskFault
from node.sim.plan import Machine

MILLION = 1_000_000
RESTART_MS = 700
"""How long after a process stopped its supervisor starts it again."""
SLOWNESS = 20
"""How many times longer a slow disk takes."""

if TYPE_CHECKING:
    from node.sim.byzantine import Wicked
    from node.sim.world import World


class Process(Protocol):
    """What runs on a machine: a :class:`node.replica.replica.Replica` or a bare core."""

    @property
    def evidence(self) -> list[DoubleVote]:
        """Proofs of faults found since it started."""
        ...

    def start(self, now: int) -> list[fx.Effect]:
        """The first call."""
        ...

    def handle(self, event: ev.Event, now: int) -> list[fx.Effect]:
        """Take one event."""
        ...

    @property
    def core(self) -> Core:
        """Its consensus core."""
        ...


class Host:
    """A machine of the plan."""

    def __init__(
        self, world: World, number: int, machine: Machine, disk: Disk, wicked: Wicked | None
    ) -> None:
        self.world = world
        self.number = number
        self.index = machine.validator
        self.disk = disk
        self.wicked = wicked
        self.process: Process | None = None
        self.abstain_below = 0
        self._last_view = 0
        self._skew = machine.skew
        self._drift = machine.drift
        self._life = 0
        self._queue: deque[fx.Effect] = deque()
        self._syncing: fx.Persist | None = None
        self._commits: deque[fx.Commit] = deque()
        self._timers: dict[str, int] = {}
        self._timer_serial = 0
        self._slow = False

    # -- power -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Switch on: mount the disk, start a process, meet the peers."""
        with self._guarded():
            self._start()

    def _start(self) -> None:
        self.disk.mount()
        self.world.checks.started(self)
        self.process = self.world.make_process(self)
        self.world.trace(self.number, f"starts in view {self.process.core.view}")
        self._run(self.process.start(self._clock))
        for peer in self.world.reachable(self):
            self.deliver(ev.PeerUp(peer.index))
            peer.deliver(ev.PeerUp(self.index))

    def crash(self, wiped: bool) -> None:
        """Lose power, and the disk if ``wiped``; the write in flight is on the disk or not."""
        if self.process is None:
            return
        self.world.trace(self.number, "loses its disk" if wiped else "loses power")
        self.world.faults["disks lost" if wiped else "power cuts"] += 1
        self._halt()
        if wiped:
            self._new_disk()

    def _halt(self) -> None:
        """Whatever runs here ends, also a write half done."""
        was_running = self.process is not None
        self._last_view = self.view
        self.process = None
        self._life += 1
        self._interrupt_writes()
        self._queue.clear()
        self._commits.clear()
        self._timers.clear()
        self._syncing = None
        if was_running:
            for peer in self.world.reachable(self):
                peer.deliver(ev.PeerDown(self.index))

    def _interrupt_writes(self) -> None:
        rng, disk = self.world.rng, self.disk
        if (saving := self._syncing) is not None:
            self.world.faults["writes torn"] += 1
            disk.interrupt(lambda: disk.persist(saving.records, saving.prune_before), rng)
        if self._commits:
            block = self._commits[0].block
            self.world.faults["writes torn"] += 1
            disk.interrupt(lambda: disk.store.commit(block), rng)

    def _new_disk(self) -> None:
        self.disk.wipe()
        self.abstain_below = self.world.safe_view()
        self.world.checks.wiped(self)

    # -- the disk --------------------------------------------------------------------------------

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """A process whose disk fails stops at once, as a real node does; it is started again.

        What fails its checksum although nothing rotted is a bug, and goes up to the world.
        """
        try:
            yield
        except CodedError as error:
            if error.code not in (STORE_FULL, STORE_CORRUPT):
                raise
            self._disk_failed(str(error), lost=error.code is STORE_CORRUPT)
        except OSError as error:
            self._disk_failed(str(error), lost=False)

    def _disk_failed(self, why: str, lost: bool) -> None:
        if lost and not self.disk.rotten:
            raise Violation("sound disk", f"m{self.number} finds damage where there is none: {why}")
        self.world.trace(self.number, f"stops: {why}")
        self.world.faults["stopped by its disk"] += 1
        # The write that failed is over; nothing of it is tried again.
        self._syncing = None
        self._commits.clear()
        self._halt()
        if lost:
            self._new_disk()
        self.world.schedule(RESTART_MS, lambda: self.world.restart(self))

    def trouble(self, fault: DiskFault) -> None:
        """The disk begins to misbehave."""
        self.world.trace(self.number, f"has a {fault}")
        if fault is DiskFault.ROT:
            self.world.faults[fault] += self.disk.rot(self.world.rng)
        else:
            self.world.faults[fault] += 1
            self._slow = fault is DiskFault.SLOW
            self.disk.set_fault(fault)

    def relieve(self) -> None:
        """The disk is well again."""
        self._slow = False
        self.disk.set_fault(None)

    def scrub(self) -> None:
        """Check the whole disk, as ``iic node check`` does; rot must be found, exactly."""
        if not self.disk.rotten:
            return
        if not self.disk.finds_rot():
            raise Violation("rot is found", f"m{self.number}'s check names other records")
        self.world.trace(self.number, "finds rot and gets a new disk")
        self._halt()
        self._new_disk()

    def _write_delay(self) -> int:
        return self.world.sync_delay() * (SLOWNESS if self._slow else 1)

    def jump(self, by: int) -> None:
        """The clock is set."""
        self.world.faults["clock jumps"] += 1
        self._skew += by

    @property
    def view(self) -> int:
        """The view that its process is in, or was in when the power failed."""
        return self._last_view if self.process is None else self.process.core.view

    # -- events ----------------------------------------------------------------------------------

    def deliver(self, event: ev.Event) -> None:
        """Give the process an event, if one runs."""
        if self.process is not None:
            with self._guarded():
                self._run(self.process.handle(event, self._clock))

    def receive(self, sender: int, message: Message) -> None:
        """A message of a peer arrives."""
        if self.wicked is not None and self.process is not None:
            for target, own in self.wicked.provoked(message):
                self.world.faults[f"{self.wicked.name} messages"] += 1
                self.world.send(self, target, own)
        self.deliver(ev.Received(sender, message))

    @property
    def _clock(self) -> int:
        return self.world.clock + self._skew + self.world.now * self._drift // MILLION

    def _run(self, effects: list[fx.Effect]) -> None:
        self._queue.extend(effects)
        while self._queue and self._syncing is None:
            self._do(self._queue.popleft())

    def _later(self, delay: int, action: str, argument: object = None) -> None:
        life = self._life

        def fire() -> None:
            if self._life == life and self.process is not None:
                getattr(self, action)(argument)

        self.world.schedule(delay, fire)

    # -- effects ---------------------------------------------------------------------------------

    def _do(self, effect: fx.Effect) -> None:
        match effect:
            case fx.Send(peer, message):
                self._send(peer, message)
            case fx.Broadcast(message):
                self.world.checks.broadcast(self, message)
                self.world.trace_message(self.number, message)
                for peer in self.world.peers:
                    if peer != self.index:
                        self._send(peer, message)
            case fx.SetTimer(token, delay):
                self._timer_serial += 1
                self._timers[token] = self._timer_serial
                true_delay = delay * MILLION // (MILLION + self._drift)
                self._later(true_delay, "_timer", (token, self._timer_serial))
            case fx.CancelTimer(token):
                self._timers.pop(token, None)
            case fx.Persist():
                self._syncing = effect
                self._later(self._write_delay(), "_synced")
            case fx.Commit():
                self._commits.append(effect)
                if len(self._commits) == 1:
                    self._later(self._write_delay(), "_stored")
            case fx.Check(token, wires):
                self._later(self.world.sync_delay(), "_checked", (token, wires))
            case fx.Answer():
                self.world.answered(self, effect)
            case fx.Announce(block):
                self.world.checks.announced(self, block)
            case fx.Alarm():
                self.world.trace(self.number, f"alarm {effect.code}: {effect.text}")
                self.world.checks.alarm(self, effect)

    def _send(self, target: int, message: Message) -> None:
        if self.wicked is None:
            self.world.send(self, target, message)
            return
        altered = list(self.wicked.sends(target, message))
        if altered != [message]:
            self.world.faults[f"{self.wicked.name} messages"] += 1
        for instead in altered:
            self.world.send(self, target, instead)

    def _timer(self, timer: tuple[str, int]) -> None:
        token, serial = timer
        if self._timers.get(token) == serial:
            del self._timers[token]
            self.deliver(ev.TimerFired(token))

    def _synced(self, _: object) -> None:
        saving = self._syncing
        assert saving is not None
        with self._guarded():
            self.disk.persist(saving.records, saving.prune_before)
            self.world.checks.persisted(self, saving.records)
            self._syncing = None
            self._run([])

    def _stored(self, _: object) -> None:
        with self._guarded():
            self._store(self._commits[0].block)

    def _store(self, block: BlockCommit) -> None:
        self.disk.store.commit(block)
        self.world.checks.committed(self, block)
        self._commits.popleft()
        if self._commits:
            self._later(self._write_delay(), "_stored")
        self.world.trace(
            self.number,
            f"commits block {block.header.height} of view {block.header.view} "
            f"{block.header.hash().hex()[:8]} with {block.header.transactions} transactions",
        )
        self.deliver(ev.Committed(block.header.height))

    def _checked(self, job: tuple[int, tuple[bytes, ...]]) -> None:
        token, wires = job
        self.deliver(ev.Checked(token, self.world.check_transactions(wires)))
