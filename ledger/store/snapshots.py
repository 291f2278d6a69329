"""Snapshots on a node's disk: taken from one unchanging content of its store, served part by part.

A snapshot is a folder named after its height::

    manifest    a :class:`ledger.snapshot.Manifest`
    state       the state parts, one after the other
    index       where each of them lies in ``state``

Headers and rows never change, so they are served from the store itself. How the state is cut into
parts follows from its tree alone: nodes that take a snapshot at the same height have the same
parts, and a newcomer may fetch each from another node.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, cast

from ledger import merkle
from ledger.block import Header
from ledger.codec import decode_plain, encode
from ledger.errors import BAD_SNAPSHOT, NOT_CERTIFIED, CodedError
from ledger.merkle import frontier_from
from ledger.proof import Finality
from ledger.snapshot import (
    HEADERS_IN_PART,
    STATE_BYTES,
    STATE_ENTRIES,
    Manifest,
    TopPage,
    read_records,
    write_manifest,
    write_records,
)
from ledger.statetree import (
    StateTree,
    children,
    entry_count,
    is_branch,
    path_of,
    tree_of,
)
from ledger.store import tables
from ledger.store.chain import Chain
from ledger.store.files import PART, rename_durably, write_durably
from ledger.store.interface import ChainReader
from ledger.store.proofs import prove_finality
from ledger.store.tables import Reader, Table

MANIFEST = "manifest"
STATE = "state"
INDEX = "index"

_DIGEST = 32
_SPOOL_DEPTH = 2
"""Steps in the tree that one byte of a digest makes."""
_SPOOL_BYTES = 64 * 1024 * 1024
_MAX_INDEX_BYTES = 64 * 1024 * 1024

Keyed = tuple[bytes, bytes, bytes]
"""Key digest, key and value of a record."""


class Snapshot:
    """A finished snapshot, open for reading."""

    def __init__(self, folder: Path) -> None:
        self.height = int(folder.name)
        self.manifest = (folder / MANIFEST).read_bytes()
        plain = decode_plain((folder / INDEX).read_bytes(), limit=_MAX_INDEX_BYTES)
        self._places = {path: (start, size) for path, start, size in plain}
        self._file = os.open(folder / STATE, os.O_RDONLY | os.O_CLOEXEC)

    def state(self, path: bytes) -> bytes | None:
        """The bytes of a state part, None if the snapshot is not cut there."""
        place = self._places.get(path)
        return None if place is None else os.pread(self._file, place[1], place[0])

    def close(self) -> None:
        """Release the file."""
        os.close(self._file)


def heights(folder: Path) -> list[int]:
    """The heights of the finished snapshots in a folder, newest first."""
    if not folder.is_dir():
        return []
    return sorted((int(p.name) for p in folder.iterdir() if p.name.isdecimal()), reverse=True)


def keep_newest(folder: Path, count: int) -> None:
    """Remove all but the newest snapshots, and what an interrupted one left behind."""
    for height in heights(folder)[count:]:
        shutil.rmtree(folder / str(height))
    for left in folder.glob("*" + PART):
        shutil.rmtree(left)


def first_needed(reader: ChainReader, header: Header, window_ms: int) -> int:
    """The lowest block of which a transaction could be sent again after ``header``.

    ``window_ms`` is the longest validity window that a transaction may have.
    """
    low, high = 1, header.height + 1
    while low < high:
        middle = (low + high) // 2
        found = reader.header(middle)
        assert found is not None, "headers are complete"
        if found.time + window_ms >= header.time:
            high = middle
        else:
            low = middle + 1
    return low


Certify = Callable[[int], tuple[Finality, tuple[bytes, ...]]]
"""``certify(height)``: a finality that covers the block, and its path in that history."""


def certify_from(reader: ChainReader, height: int) -> tuple[Finality, tuple[bytes, ...]]:
    """The lowest certified header that covers a block and, if it ends an epoch, what follows.

    Raises ``NOT_CERTIFIED`` while there is none.
    """
    header = reader.header(height)
    assert header is not None, "only stored blocks are certified"
    ends_epoch = header.next_validators_hash != header.validators_hash
    finality = prove_finality(reader, height + ends_epoch)
    certified = finality.header.height
    if certified == height:
        return finality, ()
    return finality, merkle.stored_inclusion_path(reader.history_node, height, certified)


def take(reader: Reader, folder: Path, window_ms: int, certify: Certify) -> int:
    """Write a snapshot of a reader's content and return its height.

    The reader is one unchanging content. Raises ``NOT_CERTIFIED`` for a ledger without blocks and
    ``BAD_SNAPSHOT`` if the store lacks blocks of which a transaction could still be sent again.
    """
    chain = Chain(reader)
    header = chain.head
    if header is None or header.height == 0:
        raise CodedError(NOT_CERTIFIED, "the ledger has no block yet that a quorum made final")
    first = first_needed(chain, header, window_ms)
    if first < chain.base:
        raise CodedError(
            BAD_SNAPSHOT,
            f"blocks from {first} on belong to a snapshot, this store begins at {chain.base}",
        )
    target = folder / str(header.height)
    if target.exists():
        return header.height
    partial = folder / (target.name + PART)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    with _Spool(partial, tree_of(header.chain_id)) as spool, (partial / STATE).open("wb") as file:
        for key, value in tables.each(reader, Table.STATE, chunk=1024):
            spool.add(key, value)
        cutter = _Cutter(chain, spool, file)
        cutter.cut(b"")
        file.flush()
        os.fsync(file.fileno())
    write_durably(partial / INDEX, [encode(tuple(cutter.places))])
    finality, path = certify(header.height)
    top = tuple(TopPage(path, cutter.top[path]) for path in sorted(cutter.top))
    manifest = Manifest(header, path, finality, top, _spine(chain, header.height), first)
    write_durably(partial / MANIFEST, [write_manifest(manifest)])
    rename_durably(partial, target)
    return header.height


def _spine(chain: Chain, height: int) -> tuple[bytes, ...]:
    """The roots of the parts of the tree over the headers below ``height``."""
    level = HEADERS_IN_PART.bit_length() - 1
    whole, rest = divmod(height, HEADERS_IN_PART)
    spine = [chain.history_node(level, index) for index in range(whole)]
    if rest:
        start = whole * HEADERS_IN_PART

        def node(level: int, index: int) -> bytes:
            return chain.history_node(level, index + (start >> level))

        spine.append(frontier_from(node, rest).root())
    return tuple(spine)


class _Spool:
    """The state's records by the first byte of their key digests, on disk if they are many."""

    def __init__(self, folder: Path, tree: StateTree) -> None:
        self._digest = tree.key_digest
        self._kept: list[list[tuple[bytes, bytes]]] = [[] for _ in range(256)]
        self._bytes = 0
        self._folder = folder
        self._files: list[BinaryIO] = []

    def __enter__(self) -> _Spool:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()

    def add(self, key: bytes, value: bytes) -> None:
        """Take one record."""
        digest = self._digest(key)
        self._kept[digest[0]].append((digest + key, value))
        self._bytes += len(key) + len(value)
        if self._bytes > _SPOOL_BYTES:
            self._spill()

    def _spill(self) -> None:
        if not self._files:
            for _ in range(256):
                spilled = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  # kept open
                self._files.append(cast(BinaryIO, spilled))
        for file, kept in zip(self._files, self._kept, strict=True):
            file.write(write_records(kept))
            kept.clear()
        self._bytes = 0

    def read(self, first: int, last: int) -> list[Keyed]:
        """The records whose digests begin with a byte in this range, by digest."""
        found = []
        for byte in range(first, last + 1):
            records = self._kept[byte]
            if self._files:
                self._files[byte].seek(0)
                records = read_records(self._files[byte].read()) + records
            found += [(k[:_DIGEST], k[_DIGEST:], value) for k, value in records]
        return sorted(found)


class _Cutter:
    """Cuts a state into parts along its tree and writes them in order of their paths."""

    def __init__(self, chain: Chain, spool: _Spool, file: BinaryIO) -> None:
        self._page = chain.page
        self._spool = spool
        self._file = file
        self._written = 0
        self.top: dict[bytes, bytes] = {}
        self.places: list[tuple[bytes, int, int]] = []

    def cut(self, path: bytes) -> None:
        """Cut a subtree whose records are still in the spool."""
        page = self._page(path)
        if page is not None and len(path) < _SPOOL_DEPTH and entry_count(page) > STATE_ENTRIES:
            self.top[path] = page
            for child, _ in children(page, path):
                self.cut(child)
            return
        first = int((path + bytes(_SPOOL_DEPTH)).hex()[1:4:2], 16)
        last = int((path + b"\x0f" * _SPOOL_DEPTH).hex()[1:4:2], 16)
        self._cut_read(path, self._spool.read(first, last))

    def _cut_read(self, path: bytes, records: list[Keyed]) -> None:
        page = self._page(path)
        size = sum(len(key) + len(value) for _, key, value in records)
        few = len(records) <= STATE_ENTRIES and size <= STATE_BYTES
        if page is None or few or not is_branch(page):
            data = write_records((key, value) for _, key, value in records)
            self.places.append((path, self._written, len(data)))
            self._written += self._file.write(data)
            return
        self.top[path] = page
        depth = len(path) + 1
        for child, below in groupby(records, key=lambda record: path_of(record[0], depth)):
            self._cut_read(child, list(below))
