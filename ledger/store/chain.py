"""The chain store: blocks, receipts, indexes, state and state tree over one environment.

>>> from ledger.store.memory import MemoryEnvironment
>>> Store(MemoryEnvironment()).head is None
True
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ledger import statetree
from ledger.block import Certificate, Header, finalizes
from ledger.codec import decode_trusted, encode
from ledger.errors import STORE_CORRUPT, CodedError
from ledger.genesis import Genesis
from ledger.merkle import Frontier, frontier_from
from ledger.store import tables
from ledger.store.interface import Anchor, BlockCommit, ChainReader, Row
from ledger.store.tables import Change, Environment, Reader, Table
from ledger.validators import ValidatorSet

_HEIGHT_BYTES = 8


class Chain:
    """The reads of :class:`ledger.store.interface.ChainReader` over any reader."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    @property
    def head(self) -> Header | None:
        """The newest block's header; None before block 0 is stored."""
        height = self._reader.get(Table.META, tables.HEAD_KEY)
        return None if height is None else self.header(int.from_bytes(height, "big"))

    @property
    def base(self) -> int:
        """The lowest height whose receipts and transactions are stored."""
        height = self._reader.get(Table.META, tables.BASE_KEY)
        return 0 if height is None else int.from_bytes(height, "big")

    def get(self, key: bytes) -> bytes | None:
        """A value of the newest state."""
        return self._reader.get(Table.STATE, key)

    def scan(self, prefix: bytes, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Keys of the newest state with this prefix that are ≥ ``start``, ascending."""
        return tables.each(self._reader, Table.STATE, prefix, start)

    def page(self, path: bytes) -> bytes | None:
        """A page of the newest state's tree."""
        return self._reader.get(Table.PAGE, tables.page_key(path))

    def header(self, height: int) -> Header | None:
        """The header at a height."""
        data = self._reader.get(Table.HEADER, tables.height_key(height))
        return None if data is None else decode_trusted(data, Header)

    def height_of(self, block_hash: bytes) -> int | None:
        """The height of a block hash."""
        data = self._reader.get(Table.BLOCK_HASH, block_hash)
        return None if data is None else int.from_bytes(data, "big")

    def certificate(self, height: int) -> Certificate | None:
        """The finalization of exactly the block at a height, if it is stored."""
        data = self._reader.get(Table.CERTIFICATE, tables.height_key(height))
        return None if data is None else decode_trusted(data, Certificate)

    def next_certified(self, height: int) -> tuple[int, Certificate] | None:
        """The lowest block at or above a height whose own finalization is stored."""
        for key, data in self._reader.scan(Table.CERTIFICATE, tables.height_key(height), 1):
            return int.from_bytes(key, "big"), decode_trusted(data, Certificate)
        return None

    def row(self, height: int, index: int) -> Row | None:
        """One receipt of a block."""
        data = self._reader.get(Table.ROW, tables.place(height, index))
        return None if data is None else tables.read_row(data)

    def rows(self, height: int) -> list[Row]:
        """All receipts of a block in order."""
        prefix = tables.height_key(height)
        return [tables.read_row(v) for _, v in tables.each(self._reader, Table.ROW, prefix)]

    def find_transaction(self, transaction_id: bytes) -> tuple[int, int] | None:
        """Height and receipt index of a recorded transaction."""
        data = self._reader.get(Table.TRANSACTION, transaction_id)
        return None if data is None else tables.read_place(data)

    def is_recorded(self, transaction_id: bytes) -> bool:
        """Whether a transaction is recorded."""
        return self._reader.get(Table.TRANSACTION, transaction_id) is not None

    def validators(self, epoch: int) -> ValidatorSet | None:
        """The validators of an epoch."""
        data = self._reader.get(Table.VALIDATORS, tables.height_key(epoch))
        return None if data is None else decode_trusted(data[_HEIGHT_BYTES:], ValidatorSet)

    def validators_since(self, epoch: int) -> int | None:
        """The height of the block that announced an epoch's validators (0 for epoch 0)."""
        data = self._reader.get(Table.VALIDATORS, tables.height_key(epoch))
        return None if data is None else int.from_bytes(data[:_HEIGHT_BYTES], "big")

    def history(self) -> Frontier:
        """The accumulator over all header hashes up to and including the head."""
        head = self.head
        return Frontier() if head is None else frontier_from(self.history_node, head.height + 1)

    def history_node(self, level: int, index: int) -> bytes:
        """The hash of the complete history subtree over leaves ``[index·2^level, …)``."""
        data = self._reader.get(Table.HISTORY, tables.history_key(level, index))
        if data is None:
            raise CodedError(STORE_CORRUPT, f"history node {index} of level {level} is missing")
        return data

    def events_of(
        self, subject: bytes, *, before: tuple[int, int] | None = None, limit: int = 100
    ) -> list[tuple[int, int]]:
        """Places (height, index) that concern a subject, newest first, before a place."""
        prefix = tables.subject_key(subject)
        start = prefix if before is None else tables.event_key(subject, *before) + b"\0"
        records = self._reader.scan(Table.EVENT, start, limit)
        places = [tables.event_place(key) for key, _ in records if key.startswith(prefix)]
        base = self.base  # an interrupted pruning may have left entries below it
        return [place for place in places if place[0] >= base]

    def anchor(self, account: str, unit: str, sequence: int) -> Anchor | None:
        """The account's first anchor at or above a posting number."""
        start = tables.anchor_key(account, unit, sequence)
        for key, data in tables.each(self._reader, Table.ANCHOR, start[:-8], start, chunk=1):
            height, position = tables.read_place(data)
            if height >= self.base:  # an interrupted pruning may have left some below it
                return Anchor(account, unit, int.from_bytes(key[-8:], "big"), height, position)
        return None


class Store(Chain):
    """A :class:`ledger.store.interface.ChainStore` over an environment.

    Opening reads the head; a store of another layout is refused with ``STORE_CORRUPT``.
    """

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._environment = environment
        stored = environment.get(Table.META, tables.FORMAT_KEY)
        if stored is not None and int.from_bytes(stored, "big") != tables.FORMAT:
            raise CodedError(
                STORE_CORRUPT,
                f"the store has layout {int.from_bytes(stored, 'big')}, "
                f"this version reads {tables.FORMAT}",
            )
        self._head = super().head
        self._head_hash = b"" if self._head is None else self._head.hash()
        self._history = super().history()

    @property
    def environment(self) -> Environment:
        """What the store is kept in, for checks of single records."""
        return self._environment

    @property
    def head(self) -> Header | None:
        """The newest block's header; None before block 0 is stored."""
        return self._head

    def history(self) -> Frontier:
        """The accumulator over all header hashes up to and including the head."""
        return self._history

    def commit(self, block: BlockCommit) -> None:
        """Store the block after the head: everything it consists of, durably, or nothing.

        Raises ``ValueError`` if it is not the block after the head or its parts do not fit
        together (a defect of the caller; nothing is written), ``STORE_FULL`` or ``OSError``.
        """
        header = block.header
        self._require_next(block)
        block_hash = header.hash()
        history, nodes = self._history.grow(block_hash)
        height = tables.height_key(header.height)
        changes = [
            Change(Table.STATE, tables.by_key(block.state.items())),
            Change(
                Table.PAGE,
                tables.by_key((tables.page_key(p), page) for p, page in block.pages.items()),
            ),
            Change(
                Table.ROW,
                [
                    (tables.place(header.height, index), tables.row_value(row))
                    for index, row in enumerate(block.rows)
                ],
                appends=True,
            ),
            Change(Table.TRANSACTION, _transaction_items(block)),
            Change(
                Table.EVENT,
                tables.by_key(
                    (tables.event_key(e.subject, e.height, e.position), b"") for e in block.events
                ),
            ),
            Change(
                Table.ANCHOR,
                tables.by_key(
                    (
                        tables.anchor_key(a.account, a.unit, a.sequence),
                        tables.place(a.height, a.position),
                    )
                    for a in block.anchors
                ),
            ),
            Change(Table.HISTORY, [(tables.history_key(lv, i), node) for lv, i, node in nodes]),
            Change(Table.HEADER, [(height, encode(header))], appends=True),
            Change(Table.BLOCK_HASH, [(block_hash, height)]),
            Change(Table.META, [(tables.HEAD_KEY, height)]),
        ]
        if block.certificate is not None:
            changes.append(Change(Table.CERTIFICATE, [(height, encode(block.certificate))]))
        if block.validators is not None:
            epoch = tables.height_key(block.validators.epoch)
            changes.append(Change(Table.VALIDATORS, [(epoch, height + encode(block.validators))]))
        if header.height == 0:
            layout = tables.FORMAT.to_bytes(4, "big")
            changes.append(Change(Table.META, [(tables.FORMAT_KEY, layout)]))
        self._environment.write(changes)
        self._head, self._head_hash, self._history = header, block_hash, history

    def _require_next(self, block: BlockCommit) -> None:
        header, head = block.header, self._head
        height = 0 if head is None else head.height + 1
        if header.height != height:
            raise ValueError(f"block {header.height} does not follow the head, {height} does")
        if head is not None and header.parent != self._head_hash:
            raise ValueError(f"block {height} has another parent than the head")
        if header.history_root != self._history.root():
            raise ValueError(f"block {height} has another history than the store")
        if len(block.rows) != header.receipts or len(block.transactions) != header.transactions:
            raise ValueError(f"block {height} has other rows than its header counts")
        certificate = block.certificate
        if certificate is not None and not finalizes(certificate, header, header.hash()):
            raise ValueError(f"the certificate is no finalization of block {height}")
        changes = header.next_validators_hash != header.validators_hash or head is None
        if changes != (block.validators is not None):
            raise ValueError(f"block {height} names validators exactly if they change")
        if changes and head is not None and certificate is None:
            raise ValueError(f"block {height} changes the validators and so needs its finalization")

    @contextmanager
    def snapshot(self) -> Iterator[ChainReader]:
        """Reads of one unchanging state; keep it open for milliseconds only."""
        with self._environment.snapshot() as reader:
            yield Chain(reader)

    def close(self) -> None:
        """Release the environment."""
        self._environment.close()


def first_block(genesis: Genesis, state: Mapping[bytes, bytes]) -> BlockCommit:
    """Block 0: the application's initial state, as canonical values by key."""
    changes = dict(state)
    tree = statetree.update(genesis.chain_id, statetree.NoPages(), changes)
    return BlockCommit(
        header=genesis.header(tree.root),
        certificate=None,
        rows=(),
        transactions={},
        state=changes,
        pages=tree.pages,
        validators=genesis.validators,
    )


def _transaction_items(block: BlockCommit) -> list[tuple[bytes, bytes | None]]:
    first = len(block.rows) - len(block.transactions)
    height = block.header.height
    return tables.by_key(
        (transaction_id, tables.place(height, first + index))
        for index, transaction_id in enumerate(block.transactions)
    )
