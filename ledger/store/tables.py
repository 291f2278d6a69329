"""How records lie in an ordered key-value environment.

Integers in keys are big-endian, so keys ascend as numbers do. Events are keyed by the complement
of their place, so an ascending scan finds the newest first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from enum import IntEnum
from struct import Struct
from typing import NamedTuple, Protocol

from ledger.errors import STORE_CORRUPT, CodedError
from ledger.store.interface import Row

MAX_KEY_BYTES = 511
"""LMDB's limit, held by every environment."""

MAX_SUBJECT_BYTES = 64
FORMAT = 1
"""The layout's version, stored with the chain."""

_HEIGHT_BYTES = 8
_PLACE = Struct(">QI")
_MAX_HEIGHT = 2**64 - 1
_MAX_INDEX = 2**32 - 1


class Table(IntEnum):
    """The kinds of records. Numbers seed checksums, so they never change."""

    META = 1
    HEADER = 2
    BLOCK_HASH = 3
    CERTIFICATE = 4
    ROW = 5
    TRANSACTION = 6
    STATE = 7
    PAGE = 8
    HISTORY = 9
    VALIDATORS = 10
    ANCHOR = 11
    EVENT = 12
    JOURNAL = 13
    DERIVED = 14


CHAIN_TABLES = tuple(table for table in Table if table < Table.JOURNAL)
"""What the chain store holds. The journal and what a node derives for itself lie apart."""

HEAD_KEY = b"head"
BASE_KEY = b"base"
"""The lowest height whose receipts and transactions are stored; 0 where it is absent."""
FORMAT_KEY = b"format"


class Change(NamedTuple):
    """New values of one table's records; None removes one. ``appends`` if all sort after it."""

    table: Table
    items: Sequence[tuple[bytes, bytes | None]]
    appends: bool = False


class Reader(Protocol):
    """Reads of an environment; raises ``STORE_CORRUPT`` for a record that fails its checksum."""

    def get(self, table: Table, key: bytes) -> bytes | None:
        """The value of a key, or None."""
        ...

    def scan(self, table: Table, start: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """At most ``limit`` records with keys ≥ ``start``, ascending."""
        ...


class Environment(Reader, Protocol):
    """An ordered key-value map per table, changed atomically and durably."""

    def write(self, changes: Sequence[Change]) -> None:
        """Apply all changes or none; on return they survive a power failure."""
        ...

    def snapshot(self) -> AbstractContextManager[Reader]:
        """Reads of one unchanging content."""
        ...

    def damaged(self) -> Iterator[tuple[Table, bytes]]:
        """Every record that fails its checksum."""
        ...

    def close(self) -> None:
        """Release the environment."""
        ...


def each(
    reader: Reader, table: Table, prefix: bytes = b"", start: bytes = b"", chunk: int = 128
) -> Iterator[tuple[bytes, bytes]]:
    """Records with a prefix and keys ≥ ``start``, ascending, read chunk by chunk.

    No cursor stays open between two items, so a slow consumer holds nothing back.
    """
    start = max(prefix, start)
    while True:
        records = reader.scan(table, start, chunk)
        for key, value in records:
            if not key.startswith(prefix):
                return
            yield key, value
        if len(records) < chunk:
            return
        start = records[-1][0] + b"\0"


def corrupt(what: str) -> CodedError:
    """``STORE_CORRUPT`` for a store whose records do not fit together."""
    return CodedError(STORE_CORRUPT, what)


def height_key(height: int) -> bytes:
    """8 bytes."""
    return height.to_bytes(_HEIGHT_BYTES, "big")


def place(height: int, index: int) -> bytes:
    """12 bytes."""
    return _PLACE.pack(height, index)


def read_place(data: bytes) -> tuple[int, int]:
    """Height and receipt index of :func:`place`."""
    if len(data) != _PLACE.size:
        raise corrupt("a stored place has another length")
    height, index = _PLACE.unpack(data)
    return height, index


def page_key(path: bytes) -> bytes:
    """Never empty, unlike the root's path."""
    return b"/" + path


def history_key(level: int, index: int) -> bytes:
    """9 bytes."""
    return bytes((level,)) + index.to_bytes(8, "big")


def anchor_key(account: str, unit: str, sequence: int) -> bytes:
    """Ascends by sequence within an account and unit."""
    return f"{account}\0{unit}\0".encode() + sequence.to_bytes(8, "big")


def subject_key(subject: bytes) -> bytes:
    """The prefix of a subject's events."""
    if not 1 <= len(subject) <= MAX_SUBJECT_BYTES:
        raise ValueError(f"a subject has 1 to {MAX_SUBJECT_BYTES} bytes")
    return bytes((len(subject),)) + subject


def event_key(subject: bytes, height: int, index: int) -> bytes:
    """Ascends from the newest to the oldest place."""
    return subject_key(subject) + place(_MAX_HEIGHT - height, _MAX_INDEX - index)


def event_place(key: bytes) -> tuple[int, int]:
    """The place in an event's key."""
    height, index = read_place(key[-_PLACE.size :])
    return _MAX_HEIGHT - height, _MAX_INDEX - index


def row_value(row: Row) -> bytes:
    """The transaction's length (4 bytes), the transaction, the receipt."""
    return len(row.wire).to_bytes(4, "big") + row.wire + row.receipt


def read_row(value: bytes) -> Row:
    """The row of :func:`row_value`."""
    end = 4 + int.from_bytes(value[:4], "big")
    if len(value) <= end:
        raise corrupt("a stored row is shorter than it says")
    return Row(value[4:end], value[end:])


def by_key(items: Iterable[tuple[bytes, bytes | None]]) -> list[tuple[bytes, bytes | None]]:
    """Records in key order, which writes fewer pages. No key stands there twice."""
    return sorted(items)  # by keys alone, since they differ; values are never compared
