"""Ledgers of any size, made in one process: valid to the last signature, without nodes.

What four guarantors would have agreed on is made, certified by a quorum and committed as a node
commits it, so everything that reads or verifies a store can be measured on as many transactions and
accounts as wanted. Alike in every run: keys, times and amounts follow from the numbers given.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeVar

from cli.bench.accounts import Account, account, pairs
from cli.bench.funding import ISSUER, START_AMOUNT, TREASURY, application
from contracts.blocks import Parent, make_block
from contracts.currency.operations import AcceptRequest, Leg, RequestPayment, Transfer
from contracts.currency.supply_operations import AttestReserve, Issue, RequestIssue
from contracts.executor import Candidate, read_candidate
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.operation import Operation, write_operation
from contracts.genesis import initial_state
from ledger.block import Certificate, Header, VoteKind, assemble, sign_vote
from ledger.codec import encode
from ledger.genesis import Genesis, GenesisFile
from ledger.keys import PrivateKey, SigningKey
from ledger.receipt import Receipt
from ledger.state import State
from ledger.store.chain import Store, first_block
from ledger.transaction import Transaction, build
from ledger.validators import Validator, ValidatorSet

COUNTRIES: Final = ("RU", "CN", "IN", "BR")
START: Final = 20_500 * MS_PER_DAY
"""Genesis time, in ms since the Unix epoch."""

BLOCK_MS: Final = 500
_LEGS: Final = 250
_PER_BLOCK: Final = 1_000

T = TypeVar("T")
Progress = Callable[[int, int], None]
"""``progress(done, all)`` in transactions."""


def genesis_of(accounts: Sequence[Account]) -> GenesisFile:
    """A genesis that four guarantors approved, with these accounts as members."""
    members = [(f"g{n}", account(n).lei, country) for n, country in enumerate(COUNTRIES)]
    validators = tuple(
        Validator(lei, name, country, key.public, name.encode(), f"{name}.example:7000")
        for (name, lei, country), key in zip(members, _vote_keys(), strict=True)
    )
    content = encode(application(members, accounts, now=START))
    file = GenesisFile(Genesis("bench", START, ValidatorSet(0, validators), content), {})
    for key in _vote_keys():
        file = file.approve(key)
    return file


def _vote_keys() -> list[PrivateKey]:
    return [
        PrivateKey(hashlib.sha256(f"iic bench guarantor {n}".encode()).digest())
        for n in range(len(COUNTRIES))
    ]


def fill(
    store: Store,
    genesis: Genesis,
    accounts: Sequence[Account],
    transactions: int,
    *,
    per_block: int = _PER_BLOCK,
    progress: Progress | None = None,
) -> None:
    """Fill an empty store of a genesis of :func:`genesis_of`: fund the accounts, then so many
    signed single-leg transfers between them, drawn evenly."""
    maker = Maker(store, genesis, _vote_keys())
    maker.fund(accounts)
    maker.pay(
        pairs(accounts, seed=transactions), transactions, per_block=per_block, progress=progress
    )


class Maker:
    """Makes, certifies and commits one block after the other on an empty store.

    ``keys`` are the guarantors' vote keys in their order.
    """

    def __init__(self, store: Store, genesis: Genesis, keys: Sequence[SigningKey]) -> None:
        store.commit(first_block(genesis, initial_state(genesis)))
        assert store.head is not None, "block 0 was committed"
        self._store = store
        self._chain_id = genesis.chain_id
        self._validators = genesis.validators
        self._state = State(store)
        self._head: Header = store.head
        self._keys = keys[: genesis.validators.quorum]
        self._salts = itertools.count()
        self.transactions = 0
        """How many were made so far."""

    @property
    def height(self) -> int:
        """The newest block."""
        return self._head.height

    def fund(self, accounts: Sequence[Account]) -> None:
        """Issue currency under an attested reserve and pay :data:`START_AMOUNT` to each account."""
        home, total = COUNTRIES[0], START_AMOUNT * len(accounts)
        evidence = hashlib.sha256(b"iic bench").digest()
        self.block([self.signed(ISSUER, AttestReserve(home, total, evidence), account(0))])
        [request] = self.block([self.signed(TREASURY, RequestIssue(home, total))])
        self.block([self.signed(ISSUER, Issue(_new_object(request), evidence))])
        for part in _parts(accounts, _LEGS):
            legs = tuple(Leg(payee.lei, START_AMOUNT) for payee in part)
            self.block([self.signed(TREASURY, Transfer(legs))])

    def pay(
        self,
        drawn: Iterator[tuple[Account, Account]],
        count: int,
        *,
        per_block: int = _PER_BLOCK,
        progress: Progress | None = None,
    ) -> None:
        """So many single-leg transfers of 1 SCU between payers and payees as they are drawn."""
        for done in range(0, count, per_block):
            some = itertools.islice(drawn, min(per_block, count - done))
            self.block(
                [self.signed(payer, Transfer((Leg(payee.lei, 100),))) for payer, payee in some]
            )
            if progress is not None:
                progress(min(done + per_block, count), count)

    def invoice(self, trades: Sequence[tuple[Account, Account]]) -> None:
        """A debt for each creditor and debtor, far from due: two accounts and two transactions."""
        due = self._head.time + 400 * MS_PER_DAY
        for part in _parts(trades, _PER_BLOCK):
            asked = self.block(
                [
                    self.signed(creditor, RequestPayment(debtor.lei, 100, due, "parts"))
                    for creditor, debtor in part
                ]
            )
            self.block(
                [
                    self.signed(debtor, AcceptRequest(_new_object(receipt)))
                    for (_, debtor), receipt in zip(part, asked, strict=True)
                ]
            )

    def signed(self, author: Account, op: Operation, *cosigners: Account) -> bytes:
        """The wire bytes of a new transaction."""
        content = Transaction(
            self._chain_id,
            author.lei,
            (write_operation(op),),
            self._head.time + MS_PER_DAY // 24,
            "",
            next(self._salts).to_bytes(8, "big"),
        )
        envelope = build(content)
        for signer in (author, *cosigners):
            envelope = envelope.with_signature(self._chain_id, signer.key)
        return encode(envelope)

    def block(self, wires: Sequence[bytes]) -> list[Receipt]:
        """Commit the next block of these transactions, each of which must be applied."""
        store, head = self._store, self._head
        made = make_block(
            self._chain_id,
            Parent(head, head.hash(), self._state, store, store.history()),
            self._validators,
            view=head.view + 1,
            time=head.time + BLOCK_MS,
            candidates=[self._read(wire) for wire in wires],
            is_recorded=lambda identity: store.find_transaction(identity) is not None,
        )
        receipts = made.execution.receipts
        if len(receipts) != len(wires) or not all(receipt.applied for receipt in receipts):
            raise AssertionError(f"a generated transaction was refused: {receipts[0].reason}")
        store.commit(made.commit._replace(certificate=self._certificate(made.header)))
        self._state.absorb(made.execution.overlay)
        self._head = made.header
        self.transactions += len(receipts)
        return receipts

    def _read(self, wire: bytes) -> Candidate:
        return read_candidate(self._chain_id, wire)

    def _certificate(self, header: Header) -> Certificate:
        return assemble(
            [
                sign_vote(
                    self._chain_id,
                    key,
                    signer,
                    VoteKind.FINALIZE,
                    header.epoch,
                    header.view,
                    header.hash(),
                )
                for signer, key in enumerate(self._keys)
            ]
        )


def _new_object(receipt: Receipt) -> bytes:
    """The id that a receipt's first event tells first."""
    return bytes(receipt.events[0][1])


def _parts(items: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
