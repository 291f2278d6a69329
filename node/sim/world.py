"""One run: virtual time, the machines, and what happens to them.

Everything is an entry of one queue ordered by time and then by the order of scheduling; randomness
comes from generators seeded by the run's seed. So a seed always gives the same run.
"""

from __future__ import annotations

import heapq
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from random import Random
from typing import NamedTuple

from ledger import keys
from ledger.block import Certificate, Vote
from ledger.errors import CodedError
from ledger.validators import ValidatorSet
from node.consensus.config import Identity
from node.messages import Message, Proposal, decode_message, encode_message
from node.replica import effects as fx
from node.replica import events as ev
from node.sim.application import Application
from node.sim.byzantine import Frame, Wicked
from node.sim.checks import Checks, Violation
from node.sim.host import Host, Process
from node.sim.network import Network
from node.sim.plan import OBSERVER, Machine, Plan
from node.sim.sly import STRATEGIES
from node.sim.twins import Rounds

EPOCH_MS = 1_767_225_600_000
"""Virtual time 0 on the wall clock: 2026-01-01T00:00:00Z."""

BLOCKS_AFTER_HEAL = 3
RESUBMIT_MS = 3_000
"""How often a client submits again what no node has promised to record."""
LOOK_MS = 100
"""How often, in virtual time, a healed run looks whether it is over."""
PATIENCE_MS = 60_000
"""How long after healing every honest node must have gone on, in virtual time."""

verify_once = lru_cache(maxsize=200_000)(keys.verify)
"""Real Ed25519; a signature that several simulated nodes verify costs once."""


class Outcome(NamedTuple):
    """How a run ended. ``violation`` is empty if every promise was kept."""

    seed: int
    violation: str
    blocks: int
    virtual_ms: int
    trace: tuple[str, ...]
    faults: Mapping[str, int] = {}


class World:
    """A run in progress."""

    def __init__(self, plan: Plan, application: Application, *, tracing: bool = False) -> None:
        self.plan = plan
        self.application = application
        self.chain_id = application.chain_id
        self.validators: ValidatorSet = application.validators
        self.genesis_hash = application.genesis_hash
        self.verify = verify_once
        self.wicked_indices = frozenset(m.validator for m in plan.machines if m.strategy)
        self.peers = tuple(dict.fromkeys(m.validator for m in plan.machines))
        self.now = 0
        self._tracing = tracing
        self._lines: list[str] = list(plan.describe()) if tracing else []
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._serial = 0
        self.rng = Random(f"world/{plan.seed}")
        self.faults: Counter[str] = Counter()
        """What went wrong so far, by kind."""
        self._network = Network(plan, Random(f"network/{plan.seed}"), self.faults)
        self._rounds = Rounds(plan)
        self.checks = Checks(self)
        self.hosts = [self._host(n, machine) for n, machine in enumerate(plan.machines)]
        self._at_index = {
            index: [host for host in self.hosts if host.index == index] for index in self.peers
        }
        self._floor = 0
        self._look_again = plan.heal + 1

    def _host(self, number: int, machine: Machine) -> Host:
        wicked: Wicked | None = None
        if machine.strategy is not None:
            wicked = STRATEGIES[machine.strategy](
                self.chain_id,
                self.validators,
                machine.validator,
                self.application.keys[machine.validator],
                Random(f"wicked/{self.plan.seed}/{number}"),
            )
        return Host(self, number, machine, self.application.new_disk(), wicked)

    # -- what hosts use --------------------------------------------------------------------------

    @property
    def clock(self) -> int:
        """The true wall clock in ms."""
        return EPOCH_MS + self.now

    def schedule(self, delay: int, action: Callable[[], None]) -> None:
        """Run ``action`` after ``delay`` ms."""
        self._serial += 1
        heapq.heappush(self._queue, (self.now + delay, self._serial, action))

    def sync_delay(self) -> int:
        """How long a write takes."""
        return self.rng.randint(*self.plan.sync)

    def send(self, sender: Host, target: int, message: Message | Frame) -> None:
        """Put a message on its way to the machines that hold ``target``'s key."""
        if isinstance(message, Frame):
            try:
                message = decode_message(*message)
            except CodedError:
                self.faults["frames refused"] += 1
                return
        elif self.plan.encoded:
            message = decode_message(*encode_message(message))
        if isinstance(message, Proposal):
            self.checks.proposed(message)
        for receiver in self._at_index.get(target, ()):
            if self._rounds.part(sender.number, receiver.number, message, sender.view, self.now):
                self.faults["messages cut off"] += 1
                continue
            for delay in self._network.delays(sender.number, receiver.number, self.now):
                self.schedule(delay, lambda to=receiver: to.receive(sender.index, message))  # type: ignore[misc]

    def reachable(self, host: Host) -> Iterator[Host]:
        """The running machines that a machine is connected with."""
        for other in self.hosts:
            if other.process is not None and other.index != host.index:
                yield other

    def make_process(self, host: Host) -> Process:
        """A fresh process over what the machine's disk holds."""
        identity = (
            Identity()
            if host.index == OBSERVER
            else Identity(host.index, self.application.keys[host.index])
        )
        process = self.application.new_process(identity, host.disk, self.verify, host.abstain_below)
        if host.wicked is not None:
            host.wicked.tamper(process)
        return process

    def safe_view(self) -> int:
        """A view above any that anybody can have voted in."""
        return max(host.view for host in self.hosts) + 2

    def check_transactions(self, wires: tuple[bytes, ...]) -> tuple[ev.Verdict, ...]:
        """The stateless checks that a real node makes in its worker processes."""
        return self.application.check_transactions(wires)

    def answered(self, host: Host, answer: fx.Answer) -> None:
        """A replica has answered a client."""
        self.application.answered(host.number, answer)

    def trace(self, machine: int, text: str) -> None:
        """A line of the run's log."""
        if self._tracing:
            self._lines.append(f"{self.now / 1000:9.3f} m{machine} {text}")

    def trace_message(self, machine: int, message: Message) -> None:
        """A line for a broadcast that matters to consensus."""
        if not self._tracing:
            return
        match message:
            case Vote(kind, _, view, block):
                self.trace(machine, f"votes {kind.name.lower()} {view} {block.hex()[:8]}")
            case Certificate(kind, _, view, block):
                self.trace(machine, f"certifies {kind.name.lower()} {view} {block.hex()[:8]}")
            case Proposal(header):
                self.trace(
                    machine,
                    f"proposes {message.block.hex()[:8]} in view {header.view}, height "
                    f"{header.height}, on {header.parent.hex()[:8]} of view {message.parent_view}",
                )
            case _:
                pass

    # -- the run ---------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """Play the plan, heal, and see that everybody goes on."""
        violation = ""
        try:
            self._prepare()
            while not self._gone_on():
                self._step()
            self.application.settled(self)
            self._judge_evidence()
        except Violation as broken:
            violation = str(broken)
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            violation = f"no crash: {type(error).__name__}: {error} ({where.name}:{where.lineno})"
            if self._tracing:
                self._lines.extend(traceback.format_exc().splitlines())
        if violation and self._tracing:
            self._lines.append(f"{self.now / 1000:9.3f} VIOLATION {violation}")
        return Outcome(
            self.plan.seed,
            violation,
            len(self.checks.chain) - 1,
            self.now,
            tuple(self._lines),
            dict(self.faults),
        )

    def _judge_evidence(self) -> None:
        for number in self.plan.honest:
            process = self.hosts[number].process
            for evidence in process.evidence if process is not None else ():
                self.checks.evidence(evidence)
                self.trace(number, f"holds evidence against validator {evidence.first.signer}")

    def _prepare(self) -> None:
        for host in self.hosts:
            self.schedule(self.rng.randrange(0, 200), host.start)
        for crash in self.plan.crashes:
            host = self.hosts[crash.machine]
            self.schedule(crash.start, lambda h=host, w=crash.wiped: h.crash(w))  # type: ignore[misc]
            self.schedule(crash.end, lambda h=host: self.restart(h))  # type: ignore[misc]
        for trouble in self.plan.disks:
            host, fault = self.hosts[trouble.machine], trouble.fault
            self.schedule(trouble.start, lambda h=host, f=fault: h.trouble(f))  # type: ignore[misc]
            self.schedule(trouble.end, host.relieve)
        for jump in self.plan.jumps:
            host = self.hosts[jump.machine]
            self.schedule(jump.time, lambda h=host, by=jump.by: h.jump(by))  # type: ignore[misc]
        for time, machine in self.plan.submissions:
            self.schedule(time, lambda m=machine: self._submit(m))  # type: ignore[misc]
        self.schedule(self.plan.heal, self._heal)

    def restart(self, host: Host) -> None:
        """Switch a machine on, unless it runs."""
        if host.process is None:
            host.start()

    def _submit(self, machine: int) -> None:
        hosts = self.hosts if self.application.to_all else [self.hosts[machine]]
        for request in self.application.next_request(machine, self.clock):
            for host in hosts:
                host.deliver(request)

    def _heal(self) -> None:
        self.trace(0, "--- everything heals ---")
        for host in self.hosts:
            host.relieve()
            host.scrub()
            self.restart(host)
        for host in self.hosts:
            for peer in self.reachable(host):
                host.deliver(ev.PeerUp(peer.index))
        self._floor = len(self.checks.chain) - 1
        self._submit_again()

    def _submit_again(self) -> None:
        for request in self.application.again(self):
            self.hosts[self.plan.honest[0]].deliver(request)
        self.schedule(RESUBMIT_MS, self._submit_again)

    def _gone_on(self) -> bool:
        """Whether all honest nodes are past everything that was decided before the healing."""
        if self.now < self._look_again:
            return False
        self._look_again = self.now + LOOK_MS
        goal = self._floor + BLOCKS_AFTER_HEAL
        heights = []
        for number in self.plan.honest:
            head = self.hosts[number].disk.store.head
            heights.append(0 if head is None else head.height)
        if min(heights) >= goal and self.application.is_settled(self):
            return True
        if self.now > self.plan.heal + PATIENCE_MS:
            raise Violation(
                "progress",
                f"{PATIENCE_MS} ms after healing the heights are {heights}, "
                f"{self._floor} was decided before; {self.application.unsettled()}",
            )
        return False

    def _step(self) -> None:
        if not self._queue:
            raise Violation("progress", "nothing is left to happen")
        self.now, _, action = heapq.heappop(self._queue)
        action()
