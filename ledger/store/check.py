"""Verifying a whole store again, as ``iic node check`` does.

Everything is recomputed from what stands lowest: checksums of all records, then block by block the
links, roots, certificates, receipts and indexes, then the state against its tree. Each deviation is
one :class:`Finding`; a sound store yields none. Of blocks below the store's base, whose rows were
pruned or never fetched, their headers and certificates are all that there is to check. A flipped
bit that no checksum covers is found by :func:`check_file`, which looks at the file's own structure.

Run it in a process of its own: on the store of a stopped node, on a copy, or read-only beside a
running node, whose file then grows a little, because the check looks at one unchanging content from
beginning to end. A damaged file can also end the LMDB library itself (a bus error), which a caller
sees as that process's exit status.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ledger import keys, merkle
from ledger.block import Certificate, Header, finalizes
from ledger.errors import STORE_CORRUPT, CodedError
from ledger.merkle import Frontier
from ledger.receipt import NO_PLACE, Posting, Receipt, read_receipt, receipt_hash
from ledger.statetree import bucket_entries, tree_of
from ledger.store import tables
from ledger.store.chain import Chain, Store
from ledger.store.interface import Row
from ledger.store.lmdb_environment import LmdbEnvironment, at_rest
from ledger.store.pages import check_pages
from ledger.store.tables import Reader, Table
from ledger.transaction import open_envelope, transaction_id, verify_signatures, wire_hash
from ledger.validators import ValidatorSet


class Finding(NamedTuple):
    """One thing that is wrong: where (a table or ``block N``, and what in it) and what.

    A ``note`` is no damage: a node that was stopped between two commits leaves it behind.
    """

    where: str
    what: str
    note: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


Progress = Callable[[int, int], None]
"""``progress(height, head)`` after each block."""


def check(
    store: Store, *, signatures: bool = True, progress: Progress | None = None
) -> Iterator[Finding]:
    """Every deviation in a store; nothing if it is sound.

    ``signatures`` also verifies each member's signature again, which takes most of the time.
    """
    damaged = False
    for table, key in store.environment.damaged():
        damaged = True
        yield Finding(_record(table, key), "fails its checksum")
    if damaged:
        # What follows would report the same damage again, without naming its cause.
        return
    try:
        yield from _check_chain(store, signatures, progress)
    except CodedError as error:
        if error.code is not STORE_CORRUPT:
            raise
        yield Finding("store", error.message)


def check_file(folder: Path) -> Iterator[Finding]:
    """Every page of a directory's data file that is not as it must be (:mod:`ledger.store.pages`).

    Only of a file at rest: beside a running node nothing is said. Raises ``OSError``.
    """
    with at_rest(folder) as rests:
        if rests:
            for fault in check_pages(folder / "data.mdb"):
                yield Finding(f"{folder.name}/data.mdb, page {fault.page}", fault.what)


def check_journal(folder: Path) -> Iterator[Finding]:
    """What is wrong with a stopped node's vote journal: its file, and records that are damaged."""
    broken = False
    for finding in check_file(folder):
        broken = True
        yield finding
    if broken:
        return
    environment = LmdbEnvironment(folder, (Table.JOURNAL,), read_only=True)
    try:
        for table, key in environment.damaged():
            yield Finding(_record(table, key), "fails its checksum")
    finally:
        environment.close()


def _check_chain(store: Store, signatures: bool, progress: Progress | None) -> Iterator[Finding]:
    with store.environment.snapshot() as reader:
        head = Chain(reader).head
        if head is None:
            for table in tables.CHAIN_TABLES:
                for key, _ in reader.scan(table, b"", 1):
                    yield Finding(_record(table, key), "stands in a store without block 0")
            return
        walk = _Walk(reader, head, signatures)
        for height in range(head.height + 1):
            try:
                yield from walk.block(height)
            except CodedError as error:
                if error.code is not STORE_CORRUPT:
                    raise
                yield Finding(f"block {height}", error.message)
                return
            if progress is not None:
                progress(height, head.height)
        yield from walk.totals()
        yield from _check_state(Chain(reader), reader)


class _Walk:
    """One pass over the blocks, remembering what the next block must fit."""

    def __init__(self, reader: Reader, head: Header, signatures: bool) -> None:
        self._reader = reader
        self._chain = Chain(reader)
        self._head = head
        self._chain_id = head.chain_id
        self._signatures = signatures
        self._parent: Header | None = None
        self._history = Frontier()
        self._validators: ValidatorSet | None = None
        self._base = self._chain.base
        self._certified = 0  # block 0 needs no certificate: its hash follows from genesis
        self._count = dict.fromkeys(Table, 0)

    def block(self, height: int) -> Iterator[Finding]:
        """Everything about one block."""
        where = f"block {height}"
        header = self._chain.header(height)
        if header is None:
            yield Finding(where, "the header is missing")
            return
        yield from (Finding(where, what) for what in self._header(header, height))
        if height == 0:
            yield from self._take_validators(header, where)
        yield from (Finding(where, what) for what in self._certificate(header))
        if height >= self._base:
            yield from self._rows(header)
        self._history, nodes = self._history.grow(header.hash())
        for level, index, node in nodes:
            self._count[Table.HISTORY] += 1
            stored = self._reader.get(Table.HISTORY, tables.history_key(level, index))
            if stored != node:
                yield Finding(where, f"history node {index} of level {level} is another")
        if height and header.next_validators_hash != header.validators_hash:
            yield from self._take_validators(header, where)
        self._parent = header

    def _header(self, header: Header, height: int) -> Iterator[str]:
        self._count[Table.HEADER] += 1
        self._count[Table.BLOCK_HASH] += 1
        if header.height != height:
            yield f"the header says height {header.height}"
        if header.chain_id != self._chain_id:
            yield "the header is of another ledger"
        if self._chain.height_of(header.hash()) != height:
            yield "the index of block hashes does not lead to it"
        if header.history_root != self._history.root():
            yield "the history root is not that of the headers below"
        parent = self._parent
        if parent is not None:
            if header.parent != parent.hash():
                yield "the parent hash is not that of the block below"
            if header.time <= parent.time:
                yield "the time is not after the parent's"
            if header.view <= parent.view:
                yield "the view is not after the parent's"
            if header.validators_hash != parent.next_validators_hash:
                yield "the validators are not those that the block below named"
            if header.epoch != parent.epoch + (
                parent.next_validators_hash != parent.validators_hash
            ):
                yield "the epoch does not follow the block below"

    def _take_validators(self, header: Header, where: str) -> Iterator[Finding]:
        epoch = 0 if header.height == 0 else header.epoch + 1
        self._count[Table.VALIDATORS] += 1
        found = self._chain.validators(epoch)
        if found is None:
            yield Finding(where, f"the validators of epoch {epoch} are missing")
            return
        if found.epoch != epoch or found.hash(self._chain_id) != header.next_validators_hash:
            yield Finding(where, f"the stored validators of epoch {epoch} are not those it names")
        if self._chain.validators_since(epoch) != header.height:
            yield Finding(where, f"epoch {epoch} is recorded as announced elsewhere")
        self._validators = found

    def _certificate(self, header: Header) -> Iterator[str]:
        certificate = self._chain.certificate(header.height)
        if certificate is None:
            if header.height and header.next_validators_hash != header.validators_hash:
                yield "it changes the validators without a finalization of its own"
            return
        self._count[Table.CERTIFICATE] += 1
        self._certified = header.height
        if self._validators is not None:
            yield from _certificate_faults(header, certificate, self._validators, self._chain_id)

    def _rows(self, header: Header) -> Iterator[Finding]:
        where = f"block {header.height}"
        rows = self._chain.rows(header.height)
        self._count[Table.ROW] += len(rows)
        if len(rows) != header.receipts:
            yield Finding(where, f"has {len(rows)} receipts, the header counts {header.receipts}")
            return
        hashes = [receipt_hash(self._chain_id, row.receipt) for row in rows]
        if merkle.tree_head(hashes) != header.receipts_root:
            yield Finding(where, "the receipts root is not that of the stored receipts")
        first = header.receipts - header.transactions
        wires = [wire_hash(self._chain_id, row.wire) for row in rows[first:]]
        if merkle.tree_head(wires) != header.transactions_root:
            yield Finding(where, "the transactions root is not that of the stored transactions")
        for index, row in enumerate(rows):
            row_where = f"{where}, receipt {index}"
            receipt = read_receipt(row.receipt)
            if index < first:
                if row.wire:
                    yield Finding(row_where, "a deadline's receipt has a transaction")
            else:
                faults = self._transaction(row, receipt, header.height, index)
                yield from (Finding(row_where, what) for what in faults)
            for posting in receipt.postings:
                yield from (Finding(row_where, what) for what in self._posting(posting))

    def _transaction(self, row: Row, receipt: Receipt, height: int, index: int) -> list[str]:
        self._count[Table.TRANSACTION] += 1
        try:
            signed = open_envelope(row.wire)
            found = transaction_id(self._chain_id, signed.content)
            if self._signatures:
                verify_signatures(self._chain_id, signed)
        except CodedError as error:
            return [f"the transaction is not sound: {error.message}"]
        faults = []
        if receipt.subject != found:
            faults.append("the receipt answers another transaction")
        if self._chain.find_transaction(found) != (height, index):
            faults.append("the index of transactions does not lead to it")
        return faults

    def _posting(self, posting: Posting) -> Iterator[str]:
        """The link to the account's previous posting; following all of them covers an account."""
        name = f"posting {posting.sequence} of account {posting.account} in {posting.unit}"
        if posting.sequence == 1:
            if posting.previous != NO_PLACE or posting.balance != posting.amount:
                yield f"{name} is not a first one"
            return
        if posting.previous[0] < self._base:
            return
        row = self._chain.row(*posting.previous)
        before = None if row is None else _posting_of(read_receipt(row.receipt), posting)
        if before is None:
            yield f"{name} does not lead to the one before"
        elif before.balance + posting.amount != posting.balance:
            yield f"{name} does not continue the balance before"

    def totals(self) -> Iterator[Finding]:
        """Records that no block accounts for, and indexes that lead nowhere."""
        if self._certified < self._head.height:
            yield Finding(
                f"blocks {self._certified + 1} to {self._head.height}",
                "no finalization is stored at or above them; a running node supplies it",
                note=True,
            )
        for table, expected in self._count.items():
            if table in _COUNTED:
                stored = sum(1 for _ in tables.each(self._reader, table, chunk=1024))
                if stored != expected:
                    yield Finding(
                        f"table {table.name.lower()}",
                        f"has {stored} records, the blocks account for {expected}",
                    )
        for key, value in tables.each(self._reader, Table.ANCHOR):
            account, unit, _ = key.split(b"\0", 2)
            if tables.read_place(value)[0] < self._base:
                continue  # left by an interrupted pruning, which the next one takes away
            if not self._is_posting(account.decode(), unit.decode(), key[-8:], value):
                yield Finding(_record(Table.ANCHOR, key), "does not lead to its posting")
        for key, _ in tables.each(self._reader, Table.EVENT):
            if tables.event_place(key)[0] < self._base:
                continue
            if self._reader.get(Table.ROW, tables.place(*tables.event_place(key))) is None:
                yield Finding(_record(Table.EVENT, key), "does not lead to a receipt")

    def _is_posting(self, account: str, unit: str, sequence: bytes, place: bytes) -> bool:
        row = self._chain.row(*tables.read_place(place))
        return row is not None and any(
            (p.account, p.unit, p.sequence) == (account, unit, int.from_bytes(sequence, "big"))
            for p in read_receipt(row.receipt).postings
        )


_COUNTED = (
    Table.HEADER,
    Table.BLOCK_HASH,
    Table.CERTIFICATE,
    Table.ROW,
    Table.TRANSACTION,
    Table.HISTORY,
    Table.VALIDATORS,
)


def _certificate_faults(
    header: Header, certificate: Certificate, validators: ValidatorSet, chain_id: bytes
) -> Iterator[str]:
    if not finalizes(certificate, header, header.hash()):
        yield "the certificate is no finalization of it"
    try:
        certificate.verify(chain_id, validators, keys.verify)
    except CodedError as error:
        yield f"the certificate does not verify: {error.message}"


def _posting_of(receipt: Receipt, after: Posting) -> Posting | None:
    """The posting before ``after`` of the same account."""
    for posting in receipt.postings:
        if (
            posting.account == after.account
            and posting.unit == after.unit
            and posting.sequence == after.sequence - 1
        ):
            return posting
    return None


def _check_state(chain: Chain, reader: Reader) -> Iterator[Finding]:
    """The state records against the tree, and the tree against the newest header."""
    head = chain.head
    assert head is not None
    tree = tree_of(head.chain_id)
    if tree.root(chain) != head.state_root:
        yield Finding("state tree", f"the root is not that of block {head.height}")
    committed = pages = stored = 0
    for _, page in tree.walk(chain):
        pages += 1
        committed += len(bucket_entries(page))
    if pages != sum(1 for _ in tables.each(reader, Table.PAGE)):
        yield Finding("state tree", "has pages that its root does not lead to")
    for key, value in tables.each(reader, Table.STATE, chunk=1024):
        stored += 1
        if not tree.contains(chain, key, value):
            yield Finding(_record(Table.STATE, key), "is not what the state tree commits to")
    if committed != stored:
        yield Finding("state tree", f"commits to {committed} records, {stored} are stored")


def _record(table: Table, key: bytes) -> str:
    return f"table {table.name.lower()}, record {key.hex()}"
