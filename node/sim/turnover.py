"""Clusters whose validators change while they run: whole replicas, virtual time, faults, one seed.

Guarantors register nodes, join, leave and change keys, payments of a kind (empty blocks apart) go
on, machines lose power, also at the boundary of an epoch, messages are lost, late and out of order,
and one node may sign for two blocks. Checked while it runs: machines agree on every height, keep
what they had after a power cut, and hold finalizations that an offline verifier accepts from
genesis through every change of validators. At the end, once faults cease, every change has
happened and all nodes, observers included, have every block.
"""

from __future__ import annotations

import heapq
import traceback
from collections.abc import Callable, Iterator
from functools import lru_cache
from random import Random
from typing import NamedTuple

from contracts.framework.calendar import MS_PER_DAY, Calendar
from contracts.framework.operation import Operation, write_operation
from contracts.framework.party import Office, PartyKind, Profile, Role
from contracts.genesis import GenesisParty, application_genesis, initial_state
from contracts.validators.operations import (
    Card,
    JoinValidators,
    LeaveValidators,
    RegisterNode,
    RotateNode,
)
from contracts.validators.records import OFFENCE
from contracts.verifier import validators_after
from ledger import keys, proof
from ledger.block import VoteKind, sign_vote
from ledger.codec import encode
from ledger.genesis import Genesis, make_card
from ledger.journal import Journal
from ledger.keys import PrivateKey
from ledger.policy import ANY, Key, Requirement, Rule
from ledger.state import State
from ledger.store import proofs
from ledger.store.chain import Store, first_block
from ledger.store.interface import BlockCommit
from ledger.store.memory import MemoryEnvironment
from ledger.transaction import Transaction, build, transaction_id
from ledger.validators import Validator, ValidatorSet
from node.consensus.config import Identity
from node.messages import Message, Reproposal, decode_message, encode_message
from node.replica import effects as fx
from node.replica import events as ev
from node.replica.config import ReplicaConfig
from node.replica.replica import Replica
from node.sim.application import lei
from node.verify.worker import check_transaction

START_MS = 1_767_225_600_000
LANDS = ("BY", "CN", "KZ", "RU", "IN", "BR", "ZA", "AE", "EG", "ET")
GENERATIONS = 3
PACE = ReplicaConfig(delta=120, heartbeat=400, resend=250, fetch_retry=120, status_interval=400)
PATIENCE_MS = 240_000
"""How long after the faults cease everything may take, in virtual time."""

verify_once = lru_cache(maxsize=200_000)(keys.verify)
check_once = lru_cache(maxsize=50_000)(check_transaction)


class Broken(Exception):
    """A promise was broken; the text says which."""


class Outcome(NamedTuple):
    """How a run ended: what was broken (empty: nothing), and what it went through."""

    seed: int
    violation: str
    epochs: int
    blocks: int
    sizes: tuple[int, ...]
    power_cuts: int
    convicted: int
    proposed_again: int


def vote_key(machine: int, generation: int) -> PrivateKey:
    """A machine's vote key of a generation."""
    return PrivateKey(bytes([11, machine, generation, 5]) * 8)


def entry(machine: int, generation: int) -> Validator:
    """A machine's entry in the register with that key."""
    return Validator(
        lei(200 + machine),
        f"node-{machine}",
        LANDS[machine],
        vote_key(machine, generation).public,
        bytes([machine, generation]),
        f"node-{machine}.invalid:1",
    )


def card(machine: int, generation: int) -> Card:
    """The same, signed."""
    made = make_card(entry(machine, generation), vote_key(machine, generation))
    v = made.validator
    return Card(v.name, v.country, v.vote_key, v.certificate, v.address, made.signature)


def _party_key(machine: int) -> PrivateKey:
    return PrivateKey(bytes([12, machine]) * 16)


def _party(machine: int, *offices: Office) -> GenesisParty:
    key = Key("k", "director", _party_key(machine).public, 0, START_MS + 1_000 * MS_PER_DAY)
    rule = Rule(ANY, (Requirement("director", 1),))
    land = LANDS[machine]
    profile = Profile(f"guarantor {machine}", PartyKind.INSTITUTION, land, land)
    return GenesisParty(lei(200 + machine), profile, offices, (key,), (rule,))


def _genesis(voting: int) -> Genesis:
    parties = tuple(
        _party(m, Office(Role.GUARANTOR, land), *([Office(Role.REGISTRAR)] if m == 0 else []))
        for m, land in enumerate(LANDS)
    )
    application = application_genesis(Calendar("sim-1", (5, 6), (), 40_000), parties)
    first = ValidatorSet(0, tuple(entry(m, 0) for m in range(voting)))
    return Genesis("turnover", START_MS - 600_000, first, encode(application))


class Machine:
    """A machine: its disk outlives its process."""

    def __init__(self, world: Turnover, number: int) -> None:
        self.world = world
        self.number = number
        self.store = Store(world.block_0())
        self.votes = MemoryEnvironment()
        self.replica: Replica | None = None
        self.life = 0
        self._timers: dict[str, int] = {}
        self._serial = 0
        self._waiting: list[fx.Effect] = []
        self._commits: list[BlockCommit] = []
        self._syncing = False

    def who(self, validators: ValidatorSet) -> Identity:
        """The one of this machine's keys that decides among these validators."""
        for generation in range(GENERATIONS):
            key = vote_key(self.number, generation)
            index = validators.index_of(key.public)
            if index is not None:
                return Identity(index, key)
        return Identity()

    def start(self) -> None:
        """Switch on."""
        head = self.store.head
        assert head is not None
        journal = Journal(self.votes)
        self.replica = Replica(
            self.who(validators_after(self.store, head)),
            self.world.genesis.chain_id,
            self.store,
            journal.load(),
            journal.next_sequence,
            PACE,
            verify_once,
            who=self.who,
        )
        self.run(self.replica.start(self.world.clock))
        for other in self.world.machines:
            if other.replica is not None and other is not self:
                other.deliver(ev.PeerUp(other.peer_of(self)))

    def cut_power(self) -> None:
        """Whatever was not durable is gone."""
        self.replica = None
        self.life += 1
        self._timers.clear()
        self._waiting.clear()
        self._commits.clear()
        self._syncing = False

    def peer_of(self, other: Machine) -> int:
        """By which number this machine knows another one."""
        assert self.replica is not None
        index = other.who(self.replica.validators).index
        return -1 - other.number if index is None else index

    def machine_of(self, peer: int) -> Machine | None:
        """The machine that this one knows by a number."""
        assert self.replica is not None
        if peer < 0:
            return self.world.machines[-1 - peer]
        if peer >= self.replica.validators.size:
            return None  # meant for the epoch before, and held up by a sync since
        public = self.replica.validators.validators[peer].vote_key
        for machine in self.world.machines:
            if any(vote_key(machine.number, g).public == public for g in range(GENERATIONS)):
                return machine
        return None

    def deliver(self, event: ev.Event) -> None:
        """Give the process an event, if one runs."""
        if self.replica is not None:
            self.run(self.replica.handle(event, self.world.clock))

    def run(self, effects: list[fx.Effect]) -> None:
        """Carry effects out in order; a ``Persist`` is a barrier."""
        self._waiting.extend(effects)
        while self._waiting and not self._syncing:
            self._do(self._waiting.pop(0))

    def _later(self, delay: int, action: Callable[[], None]) -> None:
        life = self.life
        self.world.schedule(delay, lambda: action() if self.life == life else None)

    def _do(self, effect: fx.Effect) -> None:
        world = self.world
        match effect:
            case fx.Send(peer, message):
                target = self.machine_of(peer)
                if target is not None:
                    world.carry(self, target, message)
            case fx.Broadcast(message):
                for target in world.machines:
                    if target is not self:
                        world.carry(self, target, message)
            case fx.SetTimer(token, delay):
                self._set_timer(token, delay)
            case fx.CancelTimer(token):
                self._timers.pop(token, None)
            case fx.Persist(records, before):
                self._syncing = True
                self._later(world.rng.randint(1, 8), lambda: self._persisted(records, before))
            case fx.Commit(block):
                self._commits.append(block)
                if len(self._commits) == 1:
                    self._later(world.rng.randint(1, 30), self._stored)
            case fx.Check(token, wires):
                verdicts = tuple(ev.Verdict(*world.check(wire)) for wire in wires)
                self._later(2, lambda: self.deliver(ev.Checked(token, verdicts)))
            case fx.Alarm(code, text, fatal):
                if fatal or code == "DIVERGED":
                    raise Broken(f"machine {self.number} stops: {code} {text}")
            case _:
                pass

    def _set_timer(self, token: str, delay: int) -> None:
        self._serial += 1
        serial = self._timers[token] = self._serial
        self._later(delay, lambda: self._fire(token, serial))

    def _fire(self, token: str, serial: int) -> None:
        if self._timers.get(token) == serial:
            del self._timers[token]
            self.deliver(ev.TimerFired(token))

    def _persisted(self, records: tuple[bytes, ...], before: int | None) -> None:
        Journal(self.votes).append_and_prune(records, before or 0)
        self._syncing = False
        self.run([])

    def _stored(self) -> None:
        self.store.commit(self._commits.pop(0))
        self.world.stored(self)
        assert self.store.head is not None
        if self._commits:
            self._later(self.world.rng.randint(1, 30), self._stored)
        self.deliver(ev.Committed(self.store.head.height))


class Turnover:
    """A run in progress."""

    def __init__(
        self,
        seed: int,
        *,
        voting: int = 4,
        cuts: int = 8,
        traitor: bool = False,
        patience_ms: int = PATIENCE_MS,
    ) -> None:
        self._patience = patience_ms
        self.seed = seed
        self.rng = Random(f"turnover/{seed}")
        self.genesis = _genesis(voting)
        self._block_0 = first_block(self.genesis, initial_state(self.genesis))
        self.now = 0
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._serial = 0
        self._salt = 0
        self.healed_at = 40_000
        self.cuts = 0
        self.chain: dict[int, bytes] = {}
        self.again: set[tuple[int, int]] = set()
        self._goal = 0
        self.machines = [Machine(self, m) for m in range(len(LANDS))]
        self._plan = list(_wishes(self.rng, voting))
        self._wanted: tuple[int, Operation, bytes, bytes] | None = None
        self._traitor = self.rng.randrange(voting) if traitor else None
        self._planned_cuts = cuts

    def block_0(self) -> MemoryEnvironment:
        """A disk with block 0."""
        image = MemoryEnvironment()
        Store(image).commit(self._block_0)
        return image

    @property
    def clock(self) -> int:
        """Wall clock in ms."""
        return START_MS + self.now

    def schedule(self, delay: int, action: Callable[[], None]) -> None:
        """Run ``action`` after ``delay`` ms."""
        self._serial += 1
        heapq.heappush(self._queue, (self.now + delay, self._serial, action))

    def check(self, wire: bytes) -> tuple[bytes, str, str, str]:
        """The stateless check of a transaction."""
        return check_once(self.genesis.chain_id, wire)

    def carry(self, sender: Machine, target: Machine, message: Message) -> None:
        """Lose a message, or bring it later, perhaps twice."""
        faulty = self.now < self.healed_at
        if faulty and self.rng.random() < 0.08:
            return
        if isinstance(message, Reproposal):
            self.again.add((message.epoch, message.view))
        plain = decode_message(*encode_message(message))
        for _ in range(1 + (faulty and self.rng.random() < 0.05)):
            delay = self.rng.randint(1, 250 if faulty and self.rng.random() < 0.1 else 20)

            def arrive() -> None:
                if target.replica is not None and sender.replica is not None:
                    target.deliver(ev.Received(target.peer_of(sender), plain))

            self.schedule(delay, arrive)

    def stored(self, machine: Machine) -> None:
        """A machine has stored a block: nobody may have another at its height."""
        head = machine.store.head
        assert head is not None
        known = self.chain.setdefault(head.height, head.hash())
        if known != head.hash():
            raise Broken(f"agreement: two blocks of height {head.height}")

    # -- the run ---------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """Play it to its end."""
        violation = ""
        try:
            for machine in self.machines:
                self.schedule(self.rng.randrange(50), machine.start)
            for _ in range(self._planned_cuts):
                self.schedule(self.rng.randrange(2_000, self.healed_at), self._cut)
            self.schedule(1_000, self._wish)
            if self._traitor is not None:
                self.schedule(2_500, self._betray)
            while not self._done():
                self.now, _, action = heapq.heappop(self._queue)
                action()
            self._verify_offline()
        except Broken as broken:
            violation = str(broken)
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            violation = f"no crash: {type(error).__name__}: {error} ({where.name}:{where.lineno})"
        best = max(self.machines, key=lambda m: m.store.head.height if m.store.head else 0).store
        epochs = 0
        sizes = []
        while (validators := best.validators(epochs)) is not None:
            sizes.append(validators.size)
            epochs += 1
        convicted = sum(1 for _ in State(best).scan(OFFENCE))
        return Outcome(
            self.seed,
            violation,
            epochs,
            len(self.chain),
            tuple(sizes),
            self.cuts,
            convicted,
            len(self.again),
        )

    def _cut(self) -> None:
        """One machine loses power, often one that has just seen the end of an epoch."""
        running = [m for m in self.machines if m.replica is not None]
        if len(running) < len(self.machines):
            return
        machine = self.rng.choice(running)
        self.cuts += 1
        machine.cut_power()
        self.schedule(self.rng.randint(50, 3_000), machine.start)

    def cut_at_boundary(self, machine: Machine) -> None:
        """For tests: power fails at this very instant."""
        self.cuts += 1
        machine.cut_power()
        self.schedule(400, machine.start)

    def _wish(self) -> None:
        """Submit what the plan wants next, until a block records it; then go on."""
        self.schedule(700, self._wish)
        if self._wanted is not None:
            _, _, identity, wire = self._wanted
            place = next(
                (p for m in self.machines if (p := m.store.find_transaction(identity))), None
            )
            if place is None:
                self._submit(wire)
                return
            self._wanted = None
        if self._plan:
            machine, op = self._plan.pop(0)
            self._salt += 1
            content = Transaction(
                self.genesis.chain_id,
                lei(200 + machine),
                (write_operation(op),),
                self.clock + 6 * MS_PER_DAY,
                "",
                self._salt.to_bytes(8, "big"),
            )
            wire = encode(build(content).with_signature(content.chain_id, _party_key(machine)))
            self._wanted = (
                machine, op, transaction_id(content.chain_id, encode(content)), wire,
            )  # fmt: skip
            self._submit(wire)

    def _submit(self, wire: bytes) -> None:
        deciding = [
            m for m in self.machines if m.replica is not None and m.replica.identity.key is not None
        ]
        for machine in self.rng.sample(deciding, min(2, len(deciding))):
            machine.deliver(ev.Submitted(9, (wire,)))

    def _betray(self) -> None:
        """Somebody who holds a validator's key signs for two blocks."""
        assert self._traitor is not None
        self.schedule(5_000, self._betray)
        machine = self.machines[self._traitor]
        witness = next(
            m for m in self.machines if m.replica is not None and m is not machine
        ).replica
        assert witness is not None
        identity = machine.who(witness.validators)
        if self.now > self.healed_at or identity.index is None or identity.key is None:
            return
        for content in (b"x" * 32, b"y" * 32):
            vote = sign_vote(
                self.genesis.chain_id,
                identity.key,
                identity.index,
                VoteKind.NOTARIZE,
                witness.validators.epoch,
                witness.core.view + 2,
                content,
            )
            for target in self.machines:
                if target.replica is not None and target is not machine:
                    target.deliver(ev.Received(identity.index, vote))

    def _done(self) -> bool:
        if self.now < self.healed_at or self._plan or self._wanted is not None:
            if self.now > self.healed_at + self._patience:
                waiting = [
                    (m.number, m.replica.validators.epoch, m.store.head and m.store.head.height)
                    for m in self.machines
                    if m.replica is not None
                ]
                raise Broken(f"progress: {len(self._plan)} wishes left; {waiting}")
            return False
        heights = [m.store.head.height if m.store.head else 0 for m in self.machines]
        epochs = {m.replica.validators.epoch for m in self.machines if m.replica is not None}
        settled = len(epochs) == 1 and min(heights) >= max(heights) - 2
        if settled and not self._goal:
            self._goal = max(heights) + 12
        if self._goal and min(heights) >= self._goal and settled:
            return True
        if self.now > self.healed_at + self._patience:
            raise Broken(f"progress: heights {heights}, epochs {sorted(epochs)}")
        return False

    def _verify_offline(self) -> None:
        """Every machine proves its newest certified block from genesis, through every change."""
        for machine in self.machines:
            proven = proofs.prove_extension(machine.store, 1)
            if proven is None:
                raise Broken(f"proofs: machine {machine.number} cannot prove block 1")
            proof.verify_extension(proven, self.genesis, verify_signature=verify_once)


def _wishes(rng: Random, voting: int) -> Iterator[tuple[int, Operation]]:
    """Newcomers join, keys change, founders leave."""
    newcomers = list(range(voting, min(len(LANDS), voting + 4)))
    founders = list(range(voting))
    rng.shuffle(founders)
    for machine in newcomers:
        yield machine, RegisterNode(card(machine, 0))
        yield machine, JoinValidators()
        if rng.random() < 0.6:
            rotating = rng.choice([*newcomers[: newcomers.index(machine)], *founders])
            yield rotating, RotateNode(card(rotating, rng.randint(1, GENERATIONS - 1)))
        if founders and voting > 1 and rng.random() < 0.6:
            yield founders.pop(), LeaveValidators("its turn is over")
