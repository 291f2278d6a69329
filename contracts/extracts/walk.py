"""Reading a whole ledger once, in order, each block held against its header.

Exports are made from this walk, so that none is silently short: a missing block, a receipt too few
or one that its block does not commit to ends it with ``STORE_CORRUPT``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from contracts.books import Bookkeeping, Books, stored_balances
from contracts.executor import Candidate, read_trusted
from contracts.framework.party import PARTY
from ledger import merkle, proof
from ledger.block import Header
from ledger.errors import STORE_CORRUPT, WRONG_CHAIN, CodedError
from ledger.genesis import Genesis
from ledger.receipt import Receipt, read_receipt, receipt_hash
from ledger.state import State
from ledger.store.chain import Store
from ledger.store.interface import ChainReader, Row
from ledger.store.proofs import prove_finality
from ledger.transaction import wire_hash


class Entry(NamedTuple):
    """One receipt at its place. ``time`` is block time in ms; no ``candidate`` for a deadline."""

    height: int
    position: int
    time: int
    receipt: Receipt
    candidate: Candidate | None

    @property
    def day(self) -> int:
        """Days since 1970-01-01, UTC."""
        return self.time // 86_400_000


class Block(NamedTuple):
    """A block: its header, its hash, and its entries in order."""

    header: Header
    hash: bytes
    entries: tuple[Entry, ...]


class Reach(NamedTuple):
    """How far an export goes, for its reader: stated in every file that is made.

    ``height`` is the last block's, ``first_time`` and ``time`` are block times in ms; ``signers``
    finalized the last block or a descendant.
    """

    network: str
    chain_id: bytes
    height: int
    block: bytes
    state_root: bytes
    first_time: int
    time: int
    receipts: int
    transactions: int
    postings: int
    signers: proof.Signers

    def facts(self) -> list[tuple[str, str]]:
        """Names and values, for the head of a file."""
        signers = self.signers
        return [
            ("Ledger", f"{self.network} {self.chain_id.hex()}"),
            ("Blocks", f"1 to {self.height}"),
            ("Newest block", self.block.hex()),
            ("State root", self.state_root.hex()),
            ("Receipts", str(self.receipts)),
            ("Transactions", str(self.transactions)),
            ("Postings", str(self.postings)),
            ("Certified by", f"{len(signers.names)} of {signers.validators}"),
            ("Time zone", "UTC"),
        ]


@dataclass
class Walk:
    """A ledger from the block after ``since`` to the newest one at the start, read once.

    The newest certified block is verified from the genesis document before anything is read; blocks
    are tied to it by their hashes, and receipts and transactions to their blocks by the roots. A
    node may go on writing meanwhile: balances are read at the start, in one short snapshot, and
    after the walk the books must be those.
    """

    store: Store
    genesis: Genesis
    since: int = 0
    kept: Bookkeeping = field(init=False)

    def __post_init__(self) -> None:
        self.kept = Bookkeeping(resumed=self.since > 0)
        with self.store.snapshot() as reader:
            self.head, balances = self._start(reader)
            self.names = {p.lei: p.profile.name for _, p in State(reader).scan(PARTY)}
            self.signers = self._certified(reader)
        self._balances = balances
        self._transactions = 0
        self._first_time = self.head.time
        self._finished = False

    def _start(self, reader: ChainReader) -> tuple[Header, dict[tuple[str, str], int] | None]:
        """The newest certified block, and the balances after it if the state is still that."""
        head = reader.head
        if head is None:
            raise CodedError(STORE_CORRUPT, "the store holds no ledger")
        if head.chain_id != self.genesis.chain_id:
            raise CodedError(
                WRONG_CHAIN,
                f"the store holds ledger {head.chain_id.hex()[:16]}…, "
                f"the genesis file makes {self.genesis.chain_id.hex()[:16]}…",
            )
        if head.height == 0 or reader.certificate(head.height) is not None:
            return head, stored_balances(State(reader))
        for height in range(head.height - 1, -1, -1):  # a crash may leave a few uncertified
            found = reader.header(height)
            if found is not None and (height == 0 or reader.certificate(height) is not None):
                return found, None
        raise CodedError(STORE_CORRUPT, "block 0 is missing")

    def _certified(self, reader: ChainReader) -> proof.Signers:
        if self.head.height == 0:
            return proof.Signers(0, self.genesis.validators.size, ())
        return proof.verify_finality(prove_finality(reader, self.head.height), self.genesis)

    def blocks(self) -> Iterator[Block]:
        """Every block after ``since`` up to the newest; raises ``STORE_CORRUPT``."""
        parent = self._block(self.since, None).hash
        for height in range(self.since + 1, self.head.height + 1):
            block = self._block(height, parent)
            parent = block.hash
            for entry in block.entries:
                self.kept.take(entry.receipt)
            self._transactions += block.header.transactions
            if height == self.since + 1:
                self._first_time = block.header.time
            yield block
        if parent != self.head.hash():
            raise CodedError(STORE_CORRUPT, f"block {self.head.height} is not the newest one")
        if self._balances is not None:
            self.kept.require(self._balances)
        self._finished = True

    def entries(self) -> Iterator[Entry]:
        """Every receipt in order."""
        for block in self.blocks():
            yield from block.entries

    def books(self) -> Books:
        """The books after the walk."""
        return self.kept.books(self.head.height)

    def reach(self) -> Reach:
        """What was read; only after the whole walk, so that no file says more than it holds."""
        assert self._finished, "the reach is known when everything was read"
        books = self.books()
        return Reach(
            self.genesis.network,
            self.genesis.chain_id,
            self.head.height,
            self.head.hash(),
            self.head.state_root,
            self._first_time,
            self.head.time,
            books.receipts,
            self._transactions,
            books.postings,
            self.signers,
        )

    def _block(self, height: int, parent: bytes | None) -> Block:
        header = self.store.header(height)
        if header is None:
            raise CodedError(STORE_CORRUPT, f"block {height} is missing")
        if header.height != height or parent not in {None, header.parent}:
            raise CodedError(STORE_CORRUPT, f"block {height} does not follow the one before")
        rows = self.store.rows(height) if height else []
        self._require_committed(header, rows)
        chain = header.chain_id
        entries = tuple(
            Entry(
                height,
                index,
                header.time,
                read_receipt(row.receipt),
                read_trusted(chain, row.wire) if row.wire else None,
            )
            for index, row in enumerate(rows)
        )
        return Block(header, header.hash(), entries)

    def _require_committed(self, header: Header, rows: list[Row]) -> None:
        if len(rows) != header.receipts:
            raise CodedError(
                STORE_CORRUPT,
                f"block {header.height} counts {header.receipts} receipts, {len(rows)} are stored",
            )
        chain = header.chain_id
        receipts = merkle.tree_head([receipt_hash(chain, row.receipt) for row in rows])
        wires = merkle.tree_head([wire_hash(chain, row.wire) for row in rows if row.wire])
        if (receipts, wires) != (header.receipts_root, header.transactions_root):
            raise CodedError(
                STORE_CORRUPT, f"block {header.height} holds other receipts than it commits to"
            )
