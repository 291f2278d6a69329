"""A ledger of four guarantors that is made, certified and published, honestly or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ledger_in_memory import CALENDAR, START, institutions, key, lei, member
from msgspec import structs

from contracts.blocks import MadeBlock, Parent, make_block
from contracts.currency.operations import Leg, Transfer
from contracts.executor import read_candidate
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.operation import write_operation
from contracts.genesis import application_genesis
from contracts.verifier import Verifier
from ledger.block import Certificate, Header, VoteKind, assemble, sign_vote
from ledger.codec import encode
from ledger.genesis import Genesis
from ledger.keys import PrivateKey
from ledger.segment import PublishedBlock, Segment, publish
from ledger.state import State
from ledger.store.chain import Store
from ledger.store.memory import MemoryEnvironment
from ledger.transaction import Transaction, build
from ledger.validators import Validator, ValidatorSet

GEAR, BEARINGS = "Ural Gear", "Volga Bearings"
VOTE_KEYS = [PrivateKey(bytes((7, index)) * 16) for index in range(4)]


def four_guarantors() -> Genesis:
    """The genesis of a ledger of four guarantors and two members."""
    validators = tuple(
        Validator(lei(f"guarantor{state}"), f"g{n}", state, k.public, bytes((n,)), f"g{n}:7000")
        for n, (k, state) in enumerate(zip(VOTE_KEYS, ("BY", "CN", "KZ", "RU"), strict=True))
    )
    members = (member(GEAR), member(BEARINGS))
    application = application_genesis(CALENDAR, (*institutions(), *members))
    return Genesis("audited", START, ValidatorSet(0, validators), encode(application))


def finalization(
    header: Header,
    signers: Sequence[int] = (),
    validators: ValidatorSet | None = None,
) -> Certificate:
    """A finalization of a block: by a quorum of the first validators, unless told otherwise."""
    known = {key.public: key for key in VOTE_KEYS}
    signing = VOTE_KEYS
    if validators is not None:
        signing = [known[v.vote_key] for v in validators.validators]
    if not signers:
        signers = (0, 1, 3) if len(signing) == 4 else range(len(signing))
    votes = [
        sign_vote(
            header.chain_id,
            signing[signer],
            signer,
            VoteKind.FINALIZE,
            header.epoch,
            header.view,
            header.hash(),
        )
        for signer in signers
    ]
    return assemble(votes)


@dataclass
class Ledger:
    """A publisher's store, and what makes its blocks."""

    genesis: Genesis = field(default_factory=four_guarantors)
    store: Store = field(default_factory=lambda: Store(MemoryEnvironment()))
    salt: int = 0

    def __post_init__(self) -> None:
        self._verifier = Verifier(self.genesis, self.store)

    def payment(self, payer: str = GEAR, payee: str = BEARINGS, *, signer: str = "") -> bytes:
        """A signed payment; the payer has nothing, so it is recorded as refused."""
        return self.signed(payer, write_operation(Transfer((Leg(lei(payee), 5),))), signer=signer)

    def signed(self, author: str, operation: tuple[Any, ...], *, signer: str = "") -> bytes:
        """A transaction of one operation, signed by its author or somebody else."""
        self.salt += 1
        head = self.store.head
        assert head is not None
        content = Transaction(
            self.genesis.chain_id,
            lei(author),
            (operation,),
            head.time + MS_PER_DAY,
            "",
            self.salt.to_bytes(8, "big"),
        )
        return encode(build(content).with_signature(self.genesis.chain_id, key(signer or author)))

    def make(self, wires: Sequence[bytes]) -> MadeBlock:
        """The next block of these transactions."""
        verifier = self._verifier
        return make_block(
            self.genesis.chain_id,
            Parent(
                verifier.head, verifier.hash, State(self.store), self.store, self.store.history()
            ),
            verifier.validators,
            view=verifier.head.view + 1 + len(wires) % 2,
            time=verifier.head.time + 1_000,
            candidates=[read_candidate(self.genesis.chain_id, wire) for wire in wires],
            is_recorded=lambda identity: self.store.find_transaction(identity) is not None,
        )

    def append(self, wires: Sequence[bytes] = (), *, certify: bool = True) -> Header:
        """Store the next block; without ``certify`` it is final through a later one."""
        made = self.make(wires)
        commit = made.commit
        if certify:
            commit = commit._replace(
                certificate=finalization(made.header, validators=self._verifier.validators)
            )
        self.store.commit(commit)
        self._verifier = Verifier(self.genesis, self.store)
        return made.header

    def segment(self, start: int = 1) -> Segment:
        """All blocks from a height on."""
        return publish(self.store, start, size=1 << 30)


def example() -> Ledger:
    """Eight blocks: empty ones, full ones, and some without a finalization of their own."""
    ledger = Ledger()
    for number in range(8):
        ledger.append(
            [ledger.payment() for _ in range(number % 4)], certify=number not in {1, 2, 5}
        )
    return ledger


def follower(ledger: Ledger) -> Verifier:
    """A verifier that knows nothing but the genesis document."""
    return Verifier(ledger.genesis, Store(MemoryEnvironment()))


def taken(verifier: Verifier, blocks: Sequence[PublishedBlock]) -> None:
    """Check and take blocks."""
    verifier.check(blocks)
    for block in blocks:
        verifier.take(block)


def signed_anyway(
    block: PublishedBlock, change: Callable[[Header], dict[str, object]]
) -> PublishedBlock:
    """A block whose header is changed, and finalized by a quorum all the same."""
    header = structs.replace(block.header, **change(block.header))
    return structs.replace(block, header=header, certificate=finalization(header))
