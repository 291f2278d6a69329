"""One machine: it runs a replica, carries out its effects, and can lose power.

Does exactly what ``node.replica`` demands of its surroundings: effects strictly in order, nothing
after a ``Persist`` before it is durable, one answer for each ``Check`` and ``Commit``.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from ledger.evidence import DoubleVote
from node.consensus.simplex import Core
from node.messages import Message
from node.replica import effects as fx
from node.replica import events as ev
from node.sim.disk import Disk
from node.sim.plan import Machine

if TYPE_CHECKING:
    from node.sim.byzantine import Wicked
    from node.sim.world import World


class Process(Protocol):
    """What runs on a machine: a :class:`node.replica.replica.Replica` or a bare core."""

    evidence: list[DoubleVote]
    """Proofs of faults found since it started."""

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
        self._life = 0
        self._queue: deque[fx.Effect] = deque()
        self._syncing: fx.Persist | None = None
        self._commits: deque[fx.Commit] = deque()
        self._timers: dict[str, int] = {}
        self._timer_serial = 0

    # -- power -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Switch on: mount the disk, start a process, meet the peers."""
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
        self._last_view = self.view
        self.process = None
        self._life += 1
        if self._syncing is not None and self.world.coin():
            self.disk.persist(self._syncing.records, self._syncing.prune_before)
        if self._commits and self.world.coin():
            self.disk.store.commit(self._commits[0].block)
        self._queue.clear()
        self._commits.clear()
        self._timers.clear()
        self._syncing = None
        self.world.trace(self.number, "loses its disk" if wiped else "loses power")
        if wiped:
            self.disk.wipe()
            self.abstain_below = self.world.safe_view()
            self.world.checks.wiped(self)
        for peer in self.world.reachable(self):
            peer.deliver(ev.PeerDown(self.index))

    @property
    def view(self) -> int:
        """The view that its process is in, or was in when the power failed."""
        return self._last_view if self.process is None else self.process.core.view

    # -- events ----------------------------------------------------------------------------------

    def deliver(self, event: ev.Event) -> None:
        """Give the process an event, if there is one."""
        if self.process is not None:
            self._run(self.process.handle(event, self._clock))

    def receive(self, sender: int, message: Message) -> None:
        """A message of a peer arrives."""
        if self.wicked is not None and self.process is not None:
            for target, own in self.wicked.provoked(message):
                self.world.send(self, target, own)
        self.deliver(ev.Received(sender, message))

    @property
    def _clock(self) -> int:
        return self.world.clock + self._skew

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
                self._later(delay, "_timer", (token, self._timer_serial))
            case fx.CancelTimer(token):
                self._timers.pop(token, None)
            case fx.Persist():
                self._syncing = effect
                self._later(self.world.sync_delay(), "_synced")
            case fx.Commit():
                self._commits.append(effect)
                if len(self._commits) == 1:
                    self._later(self.world.sync_delay(), "_stored")
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
        else:
            for altered in self.wicked.sends(target, message):
                self.world.send(self, target, altered)

    def _timer(self, timer: tuple[str, int]) -> None:
        token, serial = timer
        if self._timers.get(token) == serial:
            del self._timers[token]
            self.deliver(ev.TimerFired(token))

    def _synced(self, _: object) -> None:
        assert self._syncing is not None
        self.disk.persist(self._syncing.records, self._syncing.prune_before)
        self.world.checks.persisted(self, self._syncing.records)
        self._syncing = None
        self._run([])

    def _stored(self, _: object) -> None:
        block = self._commits[0].block
        self.disk.store.commit(block)
        self.world.checks.committed(self, block)
        self._commits.popleft()
        if self._commits:
            self._later(self.world.sync_delay(), "_stored")
        self.world.trace(
            self.number,
            f"commits block {block.header.height} of view {block.header.view} "
            f"{block.header.hash().hex()[:8]} with {block.header.transactions} transactions",
        )
        self.deliver(ev.Committed(block.header.height))

    def _checked(self, job: tuple[int, tuple[bytes, ...]]) -> None:
        token, wires = job
        self.deliver(ev.Checked(token, self.world.check_transactions(wires)))
