"""What the rest of the node may ask of a store, and what a block's commit consists of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from ledger.block import Certificate, Header
from ledger.merkle import Frontier
from ledger.state import StateReader
from ledger.statetree import PageReader
from ledger.validators import ValidatorSet


class Row(NamedTuple):
    """One receipt of a block and the transaction it answers.

    ``wire`` is the signed transaction's bytes, empty for a deadline; ``receipt`` the encoded
    :class:`ledger.receipt.Receipt`.
    """

    wire: bytes
    receipt: bytes


class Anchor(NamedTuple):
    """A signpost into an account's history: where its posting number ``sequence`` stands.

    ``position`` is the receipt's index in block ``height``; every 64th posting has an anchor.
    """

    account: str
    unit: str
    sequence: int
    height: int
    position: int


class EventEntry(NamedTuple):
    """That receipt ``position`` of block ``height`` concerns ``subject`` (1 to 64 bytes)."""

    subject: bytes
    height: int
    position: int


class BlockCommit(NamedTuple):
    """Everything that one block writes; it is stored entirely or not at all.

    ``rows`` are in receipt order, deadlines first; the last of them belong to ``transactions``: ids
    in the same order, each with the last block time (ms) at which it may be recorded.
    ``certificate`` is a finalization of exactly this block, if one is known (a block may be final
    through a descendant's); it is required where ``validators`` names the set that takes over after
    this block. Block 0 names the first set and needs none.
    ``state`` and ``pages`` hold new values by key and by tree path, None for removed ones.
    """

    header: Header
    certificate: Certificate | None
    rows: Sequence[Row]
    transactions: Mapping[bytes, int]
    state: Mapping[bytes, bytes | None]
    pages: Mapping[bytes, bytes | None]
    anchors: Sequence[Anchor] = ()
    events: Sequence[EventEntry] = ()
    validators: ValidatorSet | None = None


class ChainReader(StateReader, PageReader, Protocol):
    """Reads of one committed state of the store. Absent things are None, never an error.

    ``get`` and ``scan`` (:class:`StateReader`) read the state of the newest block and ``page``
    (:class:`PageReader`) its tree. Each read raises ``STORE_CORRUPT`` if a record it meets fails
    its checksum.
    """

    @property
    def head(self) -> Header | None:
        """The newest block's header; None before block 0 is stored."""
        ...

    @property
    def base(self) -> int:
        """The lowest height whose receipts and transactions are stored: 0 unless the store was
        pruned or began with a snapshot. Headers, history and validators are always complete."""
        ...

    def header(self, height: int) -> Header | None:
        """The header at a height."""
        ...

    def height_of(self, block_hash: bytes) -> int | None:
        """The height of a block hash."""
        ...

    def certificate(self, height: int) -> Certificate | None:
        """The finalization of exactly the block at a height, if it is stored."""
        ...

    def next_certified(self, height: int) -> tuple[int, Certificate] | None:
        """The lowest block at or above a height whose own finalization is stored."""
        ...

    def row(self, height: int, index: int) -> Row | None:
        """One receipt of a block."""
        ...

    def rows(self, height: int) -> list[Row]:
        """All receipts of a block in order."""
        ...

    def find_transaction(self, transaction_id: bytes) -> tuple[int, int] | None:
        """Height and receipt index of a recorded transaction."""
        ...

    def validators(self, epoch: int) -> ValidatorSet | None:
        """The validators of an epoch."""
        ...

    def validators_since(self, epoch: int) -> int | None:
        """The height of the block that announced an epoch's validators (0 for epoch 0)."""
        ...

    def history(self) -> Frontier:
        """The accumulator over all header hashes up to and including the head."""
        ...

    def history_node(self, level: int, index: int) -> bytes:
        """The hash of the complete history subtree over leaves ``[index·2^level, …)``."""
        ...

    def events_of(
        self, subject: bytes, *, before: tuple[int, int] | None = None, limit: int = 100
    ) -> list[tuple[int, int]]:
        """Places (height, index) that concern a subject, newest first, before a place."""
        ...

    def anchor(self, account: str, unit: str, sequence: int) -> Anchor | None:
        """The account's first anchor at or above a posting number."""
        ...


class ChainStore(ChainReader, Protocol):
    """The reads, always of the newest commit, and the one write.

    Reads may come from any thread; ``commit`` from one thread only, always the same.
    """

    def commit(self, block: BlockCommit) -> None:
        """Store the block after the head, durably.

        Raises ``STORE_FULL`` (nothing is stored) and, for any other failure to write, an
        ``OSError``; after either the store accepts no commit until it is opened again.
        """
        ...

    def snapshot(self) -> AbstractContextManager[ChainReader]:
        """Reads of one unchanging state; keep it open for milliseconds only."""
        ...


class Growing(StateReader, PageReader, Protocol):
    """What verifying one block after the other asks of a ledger: on disk, or kept in memory."""

    @property
    def head(self) -> Header | None:
        """The newest block's header; None before block 0 is stored."""
        ...

    def history(self) -> Frontier:
        """The accumulator over all header hashes up to and including the head."""
        ...

    def validators(self, epoch: int) -> ValidatorSet | None:
        """The validators of an epoch, at least of the newest one."""
        ...

    def is_recorded(self, transaction_id: bytes) -> bool:
        """Whether a transaction is recorded, at least while its validity lasts."""
        ...

    def commit(self, block: BlockCommit) -> None:
        """Take over the block after the head."""
        ...


class VoteJournal(Protocol):
    """Numbered records that survive a crash: a node's votes before they leave it."""

    def append(self, records: Sequence[bytes]) -> None:
        """Store records after the last, in order, durably, all or none."""
        ...

    def load(self) -> list[bytes]:
        """All records that were not pruned, oldest first."""
        ...

    def prune(self, before_sequence: int) -> None:
        """Drop records numbered below this; the first record ever appended has number 0."""
        ...

    @property
    def next_sequence(self) -> int:
        """The number that the next record will get."""
        ...
