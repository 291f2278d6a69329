"""A ledger with members and money for the simulated cluster, and the clients that use it.

The members' opening balances are part of the simulation's block 0 (a real genesis has none), so
that payments can be made from the first block.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from contracts.accounts import ATTESTED, AVAIL, BACKING, ISSUED
from contracts.currency.operations import Leg, Transfer
from contracts.framework.calendar import MS_PER_DAY, Calendar
from contracts.framework.operation import write_operation
from contracts.framework.party import Office, PartyKind, Profile, Role
from contracts.framework.posting import BALANCE, Balance
from contracts.genesis import GenesisParty, application_genesis, found
from contracts.history import History
from contracts.invariants import Finding, broken
from ledger import statetree
from ledger.block import Verify
from ledger.codec import encode
from ledger.genesis import Genesis
from ledger.keys import PrivateKey
from ledger.policy import ANY, Key, Requirement, Rule
from ledger.receipt import read_receipt
from ledger.state import State
from ledger.statetree import StateTree
from ledger.store.chain import Store, first_block
from ledger.transaction import Transaction, build, transaction_id
from node.consensus.config import Identity
from node.replica import effects as fx
from node.replica import events as ev
from node.replica.config import ReplicaConfig
from node.replica.effects import SubmissionStatus
from node.replica.replica import Replica
from node.sim.application import GENESIS_MS, lei, validator_keys, validator_set
from node.sim.checks import Violation
from node.sim.disk import Disk
from node.sim.host import Process
from node.sim.medium import DiskEnvironment, DiskFault, Medium
from node.sim.plan import DELTA_MS, Plan
from node.verify.worker import check_transaction

if TYPE_CHECKING:
    from node.sim.world import World

MEMBERS = 6
OPENING = 1_000_000
"""Each member's opening balance in minor units."""
UNIT = "SCU"
SHORT_MS = 1_500
"""A validity window that often closes before a block records the transaction."""

check_once = lru_cache(maxsize=50_000)(check_transaction)


@cache
def member_key(number: int) -> PrivateKey:
    """The one key of a simulated party."""
    return PrivateKey(b"member" + number.to_bytes(26, "big"))


def _party(number: int, kind: PartyKind, *offices: Office) -> GenesisParty:
    key = Key("k", "director", member_key(number).public, 0, GENESIS_MS + 1_000 * MS_PER_DAY)
    rule = Rule(ANY, (Requirement("director", 1),))
    profile = Profile(f"party {number}", kind, "KZ", "KZ")
    return GenesisParty(lei(number), profile, offices, (key,), (rule,))


@cache
def block_0(size: int) -> tuple[bytes, bytes, Medium]:
    """Chain id, hash of block 0, and a disk image that holds it."""
    institutions = [
        _party(100 + n, PartyKind.INSTITUTION, office)
        for n, office in enumerate(
            (Office(Role.REGISTRAR), Office(Role.GUARANTOR, "KZ"), Office(Role.ISSUER, "KZ"))
        )
    ]
    members = [_party(n, PartyKind.NATIONAL) for n in range(MEMBERS)]
    calendar = Calendar("sim-1", (5, 6), (), 40_000)
    application = application_genesis(calendar, (*institutions, *members))
    genesis = Genesis("sim", GENESIS_MS, validator_set(size), encode(application))
    state = found(application, GENESIS_MS)
    for n in range(MEMBERS):
        state.put(BALANCE, Balance(OPENING, 1, 0, 0), AVAIL.of(lei(n)), UNIT)
    state.put(BALANCE, Balance(-OPENING * MEMBERS, 1, 0, 0), ISSUED.of("KZ"), UNIT)
    for kind, amount in ((ATTESTED, -OPENING * MEMBERS), (BACKING, OPENING * MEMBERS)):
        state.put(BALANCE, Balance(amount, 1, 0, 0), kind.of("KZ"), kind.unit.value)
    content = {key: value for key, value in state.changes().items() if value is not None}
    image = Medium()
    block = first_block(genesis, content)
    Store(DiskEnvironment(image)).commit(block)
    return genesis.chain_id, block.header.hash(), image


class Payment(NamedTuple):
    """A transaction that a client made, and where it was submitted first."""

    id: bytes
    wire: bytes
    machine: int


class Books:
    """The ledger's invariants, checked on each block as the first honest machine stores it."""

    def __init__(self, opening: State) -> None:
        self._history = History(opening)
        self._height = 0

    def examine(self, store: Store) -> None:
        """Check the newest state, and the receipts since the last time."""
        assert store.head is not None
        for height in range(self._height + 1, store.head.height + 1):
            receipts = [read_receipt(row.receipt) for row in store.rows(height)]
            self._require(self._history.block(height, receipts))
        self._height = max(self._height, store.head.height)
        state = State(store)
        self._require(broken(state))
        self._require(self._history.against(state))

    def _require(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            raise Violation(f"invariant {finding.number}", f"{finding.check}: {finding.what}")


class Settlement:
    """A ledger of members who pay each other, and their clients' memory.

    ``invariants`` has the books checked after every block.
    """

    to_all = False

    def __init__(self, plan: Plan, *, invariants: bool = False) -> None:
        self.validators = validator_set(plan.nodes)
        self.keys = validator_keys(plan.nodes)
        self.chain_id, self.genesis_hash, self._image = block_0(plan.nodes)
        self._plan = plan
        self._rng = Random(f"clients/{plan.seed}")
        self._payments: dict[bytes, Payment] = {}
        self._open: dict[bytes, Payment] = {}
        self._final: dict[bytes, tuple[int | None, int | None]] = {}
        self._promised: set[bytes] = set()
        self._requests = 0
        self._books = (
            Books(State(Store(DiskEnvironment(self._image.copy())))) if invariants else None
        )
        crashing = {crash.machine for crash in plan.crashes}
        crashing |= {t.machine for t in plan.disks if t.fault is not DiskFault.SLOW}
        self._steady = frozenset(m for m in plan.honest if m not in crashing)

    # -- machines --------------------------------------------------------------------------------

    def new_disk(self) -> Disk:
        """A disk with block 0."""
        return Disk(self._image.copy, Store)

    def new_process(
        self, identity: Identity, disk: Disk, verify: Verify, abstain_below: int
    ) -> Process:
        """A whole replica over what a disk holds."""
        assert isinstance(disk.store, Store)
        return Replica(
            identity,
            self.chain_id,
            disk.store,
            disk.journal.load(),
            disk.journal.next_sequence,
            ReplicaConfig(delta=DELTA_MS),
            verify,
            abstain_below,
        )

    def check_transactions(self, wires: tuple[bytes, ...]) -> tuple[ev.Verdict, ...]:
        """What the verification workers would answer."""
        return tuple(ev.Verdict(*check_once(self.chain_id, wire)) for wire in wires)

    # -- clients ---------------------------------------------------------------------------------

    def next_request(self, machine: int, clock: int) -> Iterable[ev.Submitted]:
        """One to four payments; sometimes old bytes again, or a reference used twice."""
        rng = self._rng
        wires = []
        for _ in range(rng.choice((1, 1, 2, 4))):
            if self._payments and rng.random() < 0.15:
                wires.append(rng.choice(list(self._payments.values())).wire)
            else:
                wires.append(self._pay(machine, clock))
        return (self._request(wires),)

    def _pay(self, machine: int, clock: int) -> bytes:
        rng = self._rng
        author = rng.randrange(MEMBERS)
        legs = tuple(
            Leg(lei(rng.choice([n for n in range(MEMBERS) if n != author])), self._amount())
            for _ in range(rng.choice((1, 1, 3)))
        )
        window = SHORT_MS if rng.random() < 0.1 else MS_PER_DAY
        content = Transaction(
            self.chain_id,
            lei(author),
            (write_operation(Transfer(legs)),),
            clock + window,
            f"ref-{rng.randrange(40)}" if rng.random() < 0.3 else "",
            rng.randbytes(8),
        )
        signed = build(content).with_signature(self.chain_id, member_key(author))
        wire = encode(signed)
        payment = Payment(transaction_id(self.chain_id, signed.content), wire, machine)
        self._payments[payment.id] = self._open[payment.id] = payment
        return wire

    def _amount(self) -> int:
        """Usually small; sometimes more than anybody has."""
        rng = self._rng
        return OPENING * MEMBERS if rng.random() < 0.05 else rng.randrange(1, 5_000)

    def _request(self, wires: list[bytes]) -> ev.Submitted:
        self._requests += 1
        return ev.Submitted(self._requests, tuple(wires))

    def again(self, world: World) -> Iterable[ev.Submitted]:
        """Clients whose node never answered, or may have lost its memory since, try another.

        What a node that never loses power has taken, it brings to a block by itself.
        """
        self._settle(world)
        lost = [p.wire for p in self._open.values() if p.id not in self._promised]
        if lost:
            yield self._request(lost)

    def answered(self, machine: int, answer: fx.Answer) -> None:
        """Remember what honest nodes said is final, or refused."""
        if machine not in self._plan.honest:
            return
        for submission in answer.submissions:
            if submission.height is not None:
                self._final[submission.id] = (submission.height, submission.position)
            elif submission.status is SubmissionStatus.REFUSED:
                self._open.pop(submission.id, None)
            elif submission.status is SubmissionStatus.PENDING and machine in self._steady:
                self._promised.add(submission.id)

    # -- promises --------------------------------------------------------------------------------

    def is_settled(self, world: World) -> bool:
        """Whether every payment is recorded everywhere or refused by an honest node."""
        self._settle(world)
        return not self._open

    def unsettled(self) -> str:
        """Which payments are neither recorded nor refused."""
        left = [f"{p.id.hex()[:8]} at m{p.machine}" for p in self._open.values()]
        return f"{len(left)} payments are open: {', '.join(left[:5])}"

    def _settle(self, world: World) -> None:
        honest = [world.hosts[m] for m in self._plan.honest]
        for payment in list(self._open.values()):
            stores = [host.disk.store for host in honest]
            if all(isinstance(s, Store) and s.find_transaction(payment.id) for s in stores):
                del self._open[payment.id]
                continue
            for host in honest:
                replica = host.process
                if isinstance(replica, Replica):
                    status = replica.status(payment.id).status
                    if status is SubmissionStatus.REFUSED:
                        self._open.pop(payment.id, None)

    def committed(self, disk: Disk) -> None:
        """Check the books, if that is wanted."""
        if self._books is not None:
            assert isinstance(disk.store, Store)
            self._books.examine(disk.store)

    def settled(self, world: World) -> None:
        """Compare the honest ledgers with each other and with what clients were told."""
        stores = [world.hosts[m].disk.store for m in self._plan.honest]
        for store in stores:
            assert isinstance(store, Store)
            self._records(store)
        first = stores[0]
        assert isinstance(first, Store)
        self._state(first)

    def _records(self, store: Store) -> None:
        assert store.head is not None
        found: dict[bytes, tuple[int, int]] = {}
        for height in range(1, store.head.height + 1):
            for index, row in enumerate(store.rows(height)):
                if not row.wire:
                    continue
                subject = read_receipt(row.receipt).subject
                if subject in found:
                    raise Violation(
                        "at most once",
                        f"{subject.hex()[:8]} is recorded in blocks {found[subject][0]}, {height}",
                    )
                found[subject] = (height, index)
                if subject not in self._payments:
                    raise Violation("at most once", f"nobody submitted {subject.hex()[:8]}")
        for subject, place in self._final.items():
            if found.get(subject) != place:
                raise Violation(
                    "final stays final",
                    f"{subject.hex()[:8]} was final at {place}, is at {found.get(subject)}",
                )

    def _state(self, store: Store) -> None:
        content = dict(store.scan(b""))
        tree = StateTree(self.chain_id).update(statetree.NoPages(), dict(content))
        assert store.head is not None
        if tree.root != store.head.state_root:
            raise Violation("state root", "the stored state has another root than the header")
        total = sum(balance.amount for _, balance in State(store).scan(BALANCE))
        if total != 0:
            raise Violation("conservation", f"all balances together are {total}")
