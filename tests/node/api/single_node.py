"""A node of one validator in this process: the vehicle of the API's tests.

Transactions are read, verified, admitted and executed by the ledger's own code, blocks are
certified by a real key and stored in a real store; only consensus and network are absent. A block
is made when the test says so, or at once for every submission with ``auto``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ledger_in_memory import (
    CALENDAR,
    START,
    institutions,
    key,
    lei,
    member,
)
from prometheus_client import CollectorRegistry

from contracts.accounts import AVAIL, ISSUED
from contracts.currency.operations import Leg, Transfer
from contracts.executor import Candidate, admit, read_candidate
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.operation import Operation, write_operation
from contracts.framework.posting import BALANCE, Balance
from contracts.genesis import application_genesis, found, read_application
from ledger.block import Header, VoteKind, assemble, sign_vote
from ledger.codec import encode
from ledger.errors import CodedError
from ledger.evidence import DoubleVote
from ledger.genesis import Genesis, GenesisFile, dump
from ledger.keys import PrivateKey
from ledger.receipt import read_receipt
from ledger.state import Overlay, State
from ledger.store.chain import Store, first_block
from ledger.store.interface import ChainStore
from ledger.store.memory import MemoryEnvironment
from ledger.transaction import Transaction, build, open_envelope, verify_signatures
from ledger.validators import Validator, ValidatorSet
from node.api.handle import Description, RaisedAlarm, Submission, Watch
from node.errors import NOT_CONFIRMED, Busy
from node.replica.blocktree import BlockTree

VOTE_KEY = PrivateKey(b"vote".ljust(32, b"\0"))
"""The one validator's."""

PAYER, PAYEE, THIRD = "Ural Gear", "Volga Bearings", "Altai Steel"


def demo_genesis(*names: str) -> Genesis:
    """A ledger of one guarantor node with members of these names (three by default)."""
    validator = Validator(
        lei("guarantorKZ"), "g0", "KZ", VOTE_KEY.public, b"certificate", "127.0.0.1:7000"
    )
    members = [member(name) for name in names or (PAYER, PAYEE, THIRD)]
    application = application_genesis(CALENDAR, (*institutions(), *members))
    return Genesis("test", START, ValidatorSet(0, (validator,)), encode(application))


class SingleNode:
    """Implements :class:`node.api.handle.NodeHandle`."""

    def __init__(
        self,
        genesis: Genesis,
        *,
        money: int = 1_000_000,
        auto: bool = False,
        certify: bool = True,
        room: int = 10_000,
    ) -> None:
        self.genesis = genesis
        self.chain_id = genesis.chain_id
        self.index: int | None = 0
        self.metrics = CollectorRegistry()
        self.genesis_file = dump(GenesisFile(genesis, {}).approve(VOTE_KEY)).encode()
        self.auto = auto
        self.certify = certify
        self.room = room
        self.now = START
        self.reachable = 1
        self.syncing = False
        self.alarms: list[RaisedAlarm] = []
        self.evidence: list[DoubleVote] = []
        self.watch: Watch | None = None
        self.alarms: list[str] = []
        self._store = Store(MemoryEnvironment())
        application = read_application(genesis.application)
        state = found(application, genesis.time, genesis.validators)
        for party in application.parties:
            _give(state, party.lei, money)
        self._store.commit(first_block(genesis, {k: v for k, v in state.changes().items() if v}))
        self._tree = BlockTree(self.chain_id, self._store)
        self._pending: dict[bytes, Candidate] = {}
        self._refused: dict[bytes, Submission] = {}
        self._grown = asyncio.Event()
        self._salt = 0

    @property
    def store(self) -> ChainStore:
        return self._store

    async def submit(self, wires: Sequence[bytes]) -> list[Submission]:
        if len(self._pending) + len(wires) > self.room:
            raise Busy("the queue is full", retry_after_s=2)
        results = [self._submit(wire) for wire in wires]
        if self.auto and self._pending:
            self.produce()
        return results

    def _submit(self, wire: bytes) -> Submission:
        identity = None
        try:
            candidate = read_candidate(self.chain_id, wire)
            identity = candidate.id
            verify_signatures(self.chain_id, open_envelope(wire))
            known = self.status(identity)
            if known.status != "unknown":
                return known
            admit(State(self._store), self.head().time, candidate)
        except CodedError as error:
            return Submission(
                identity, "refused", None, None, error.code.name, error.message, error.field
            )
        self._pending[identity] = candidate
        return Submission(identity, "pending")

    def status(self, transaction_id: bytes) -> Submission:
        place = self._store.find_transaction(transaction_id)
        if place is not None:
            row = self._store.row(*place)
            assert row is not None
            receipt = read_receipt(row.receipt)
            word = "final" if receipt.applied else "refused"
            return Submission(
                transaction_id, word, *place, receipt.code, receipt.reason, receipt.field
            )
        pending = transaction_id in self._pending
        return Submission(transaction_id, "pending" if pending else "unknown")

    def describe(self) -> Description:
        return Description(
            version="1.2.3",
            name="g0",
            role="validator",
            index=0,
            view=self.head().view,
            epoch=0,
            leader=0,
            waiting_for="" if self.reachable else "a quorum",
            validators=1,
            quorum=1,
            reachable=self.reachable,
            started_ms=START,
            peers=[],
            pending_transactions=len(self._pending),
            pending_bytes=sum(len(c.wire) for c in self._pending.values()),
            syncing=self.syncing,
            alarms=self.alarms,
        )

    def head(self) -> Header:
        head = self._store.head
        assert head is not None
        return head

    async def wait_for_height(self, height: int) -> None:
        while self.head().height < height:
            await self._grown.wait()

    async def confirm(self) -> None:
        """One guarantor alone is a quorum."""
        if self.reachable == 0:
            raise CodedError(NOT_CONFIRMED, "no quorum of guarantors confirmed in time")

    # What tests drive

    def produce(self, *, after: int = 1_000) -> Header:
        """Make, certify and store a block of what is pending, ``after`` ms later."""
        self.now += after
        parent = self._tree.head
        block = self._tree.execute(
            parent,
            self.genesis.validators,
            view=parent.header.view + 1,
            time=parent.header.time + after,
            candidates=list(self._pending.values()),
        )
        self._pending.clear()
        commit = block.commit
        assert commit is not None
        if self.certify:
            vote = sign_vote(
                self.chain_id, VOTE_KEY, 0, VoteKind.FINALIZE, 0, block.header.view, block.hash
            )
            commit = commit._replace(certificate=assemble([vote]))
        self._store.commit(commit)
        self._tree.committed(block)
        self._grown.set()
        self._grown = asyncio.Event()
        return block.header

    def signed(
        self,
        author: str,
        *ops: Operation,
        signers: Sequence[str] | None = None,
        valid: int = MS_PER_DAY,
        reference: str = "",
    ) -> bytes:
        """A transaction by a party (a name), signed by the keys of some names: its wire bytes."""
        self._salt += 1
        envelope = build(
            Transaction(
                self.chain_id,
                lei(author),
                tuple(write_operation(op) for op in ops),
                self.head().time + valid,
                reference,
                self._salt.to_bytes(8, "big"),
            )
        )
        for name in signers if signers is not None else (author,):
            envelope = envelope.with_signature(self.chain_id, key(name))
        return encode(envelope)

    def pay(self, payer: str, payee: str, amount: int, **more: object) -> bytes:
        """A payment of one leg."""
        return self.signed(payer, Transfer((Leg(lei(payee), amount),)), **more)  # type: ignore[arg-type]

    def identity(self, wire: bytes) -> bytes:
        """The id of a transaction."""
        return read_candidate(self.chain_id, wire).id


def _give(state: Overlay, party: str, amount: int) -> None:
    """Money from the first day, so that tests need not issue it."""
    before = state.get(BALANCE, ISSUED.of("KZ"), "SCU")
    issued = (0 if before is None else before.amount) - amount
    state.put(BALANCE, Balance(amount, 0, 0, 0), AVAIL.of(party), "SCU")
    state.put(BALANCE, Balance(issued, 0, 0, 0), ISSUED.of("KZ"), "SCU")
