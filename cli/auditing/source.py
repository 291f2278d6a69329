"""Where a ledger is read from: an archive, a node's store, or a copy of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cli.errors import FILE_MISSING, STARTS_LATER
from ledger import segment
from ledger.archive import Archive, is_archive, open_archive
from ledger.errors import NOT_CERTIFIED, STORE_CORRUPT, CodedError
from ledger.segment import Segment
from ledger.store.chain import Store
from ledger.store.interface import ChainReader

PART_BYTES = 4 * 1024 * 1024
"""About the size of a part of blocks."""


class StoreSource(NamedTuple):
    """A store that is read in one unchanging state.

    ``first`` is the lowest block that it holds whole, ``last`` its newest certified height.
    """

    path: Path
    store: Store
    reader: ChainReader
    height: int
    last: int

    @property
    def first(self) -> int:
        """1, unless the store was pruned or began with a snapshot."""
        return max(1, self.reader.base)

    def segments(self, first: int, size: int = PART_BYTES) -> Iterator[Segment]:
        """The certified blocks from a height on, in parts of about ``size`` bytes."""
        while first <= self.last:
            found = segment.publish(self.reader, first, size=size)
            if not found.blocks:
                raise CodedError(
                    STORE_CORRUPT,
                    f"no finalization is stored of block {first} or the {segment.MAX_BLOCKS} above",
                )
            yield found
            first = found.blocks[-1].header.height + 1


def require_beginning(first: int, where: object, remedy: str) -> None:
    """Raise ``STARTS_LATER`` unless a ledger begins with block 1."""
    if first > 1:
        raise CodedError(
            STARTS_LATER,
            f"{where} holds what blocks record from block {first} on only; {remedy}",
        )


@contextmanager
def open_source(path: Path) -> Iterator[Archive | StoreSource]:
    """The ledger in an archive, a store or a node's home, told apart by what lies there.

    Raises ``FILE_MISSING``, ``BAD_ARCHIVE``, ``STORE_CORRUPT`` or ``NOT_CERTIFIED``.
    """
    if not path.exists():
        raise CodedError(FILE_MISSING, f"{path} does not exist")
    if path.is_file() or is_archive(path):
        yield open_archive(path)
        return
    with _open_store(path) as source:
        yield source


@contextmanager
def _open_store(path: Path) -> Iterator[StoreSource]:
    from ledger.store.disk import open_store
    from node.config import Home

    if not (path / "data.mdb").is_file():
        path, home = Home(path).ledger, path
        if not (path / "data.mdb").is_file():
            raise CodedError(
                FILE_MISSING, f"{home} is neither an archive, a node's store nor a node's home"
            )
    store = open_store(path, read_only=True)
    try:
        with store.snapshot() as reader:
            head = reader.head
            if head is None:
                raise CodedError(STORE_CORRUPT, f"{path} holds no ledger")
            last = head.height
            while last and reader.certificate(last) is None:
                last -= 1
            if head.height and not last:
                raise CodedError(NOT_CERTIFIED, f"{path} holds no block that is final by itself")
            yield StoreSource(path, store, reader, head.height, last)
    finally:
        store.close()
