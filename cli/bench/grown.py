"""A ledger that has grown: final blocks made at once, as if all guarantors had agreed on each.

Every block is executed and certified like any other; only the agreement itself is left out, so that
a ledger of many days stands after minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice
from typing import NamedTuple, TypeVar

from cli.bench.accounts import Account, signed
from contracts.currency.events import PaymentRequested
from contracts.currency.operations import AcceptRequest, RequestPayment
from contracts.executor import read_trusted
from contracts.framework.event import name_of
from contracts.framework.operation import Operation
from contracts.genesis import initial_state
from ledger.block import VoteKind, assemble, sign_vote
from ledger.codec import from_plain
from ledger.genesis import Genesis
from ledger.keys import SigningKey
from ledger.limits import MAX_OPERATIONS
from ledger.receipt import Receipt
from ledger.store.chain import Store, first_block
from node.replica.blocktree import BlockTree, ExecutedBlock

_DAY_MS = 86_400_000
_AMOUNT = 1_000

T = TypeVar("T")


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most ``size`` items in order (``itertools`` has it from Python 3.12 on)."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


class Grower:
    """Makes final blocks on a store with the guarantors' vote keys, in order of their index."""

    def __init__(self, store: Store, genesis: Genesis, keys: Sequence[SigningKey]) -> None:
        if store.head is None:
            store.commit(first_block(genesis, initial_state(genesis)))
        self._store = store
        self._validators = genesis.validators
        self._keys = keys
        self.chain_id = genesis.chain_id
        self.tree = BlockTree(genesis.chain_id, store)

    def block(self, wires: Sequence[bytes], time: int) -> ExecutedBlock:
        """Execute, certify and commit the next block; signatures of members are not checked."""
        parent = self.tree.head
        executed = self.tree.execute(
            parent,
            self._validators,
            view=parent.header.view + 1,
            time=time,
            candidates=[read_trusted(self.chain_id, wire) for wire in wires],
        )
        assert len(executed.ids) == len(wires), executed.dropped
        assert executed.commit is not None
        header = executed.header
        votes = [
            sign_vote(
                self.chain_id,
                key,
                index,
                VoteKind.FINALIZE,
                header.epoch,
                header.view,
                executed.hash,
            )
            for index, key in enumerate(self._keys[: self._validators.quorum])
        ]
        self.tree.add(executed)
        self._store.commit(executed.commit._replace(certificate=assemble(votes)))
        self.tree.committed(executed)
        return executed


class Invoices(NamedTuple):
    """Invoices between pairs of members, each pair once: two accounts for each.

    ``members`` must be enough: ``len(members) * (len(members) - 1)`` pairs at most.
    """

    members: Sequence[Account]
    pairs: int

    def rounds(self) -> Iterator[list[tuple[Account, list[Account]]]]:
        """Creditors with their debtors, so many that each debtor then has few creditors."""
        left = self.pairs
        size = len(self.members)
        for low in range(0, size, MAX_OPERATIONS):
            creditors = range(low, min(low + MAX_OPERATIONS, size))
            for first in range(0, size, MAX_OPERATIONS):
                debtors = range(first, min(first + MAX_OPERATIONS, size))
                found = []
                for creditor in creditors:
                    those = [d for d in debtors if d != creditor][:left]
                    left -= len(those)
                    if those:
                        found.append((self.members[creditor], [self.members[d] for d in those]))
                if found:
                    yield found
                if left <= 0:
                    return


def grow(grower: Grower, invoices: Invoices, blocks: int, start: int, step_ms: int) -> int:
    """Spread the invoices evenly over about so many blocks; returns the number of transactions.

    The first block's time is ``start``; each further one is ``step_ms`` later.
    """
    per_block = max(1, -(-2 * invoices.pairs // (MAX_OPERATIONS * blocks)))
    times = count(start, step_ms)
    transactions = 0

    def order(author: Account, operations: Sequence[Operation], time: int) -> bytes:
        return signed(grower.chain_id, author, operations, time + _DAY_MS, 0).wire

    for round_ in invoices.rounds():
        asked: dict[str, list[bytes]] = {}
        due = start + 400 * _DAY_MS
        for some in batched(round_, per_block):
            time = next(times)
            wires = [
                order(who, [RequestPayment(d.lei, _AMOUNT, due, "parts") for d in debtors], time)
                for who, debtors in some
            ]
            for debtor, request in _requests(grower.block(wires, time).receipts):
                asked.setdefault(debtor, []).append(request)
            transactions += len(wires)
        by_lei = {account.lei: account for _, debtors in round_ for account in debtors}
        for answers in batched(asked.items(), per_block):
            time = next(times)
            wires = [
                order(by_lei[lei], [AcceptRequest(request) for request in requests], time)
                for lei, requests in answers
            ]
            assert all(r.applied for r in grower.block(wires, time).receipts)
            transactions += len(wires)
    while grower.tree.head.header.height < blocks:
        grower.block([], next(times))
    return transactions


def _requests(receipts: Sequence[Receipt]) -> Iterator[tuple[str, bytes]]:
    """Debtor and id of every request that was made."""
    for receipt in receipts:
        assert receipt.applied, receipt
        for plain in receipt.events:
            if plain[0] == name_of(PaymentRequested):
                told = from_plain(plain, PaymentRequested)
                yield told.debtor, told.request
