"""Verified parts of a snapshot on their way into a new store.

Parts arrive in any order, an LMDB file fills fast only in the order of its keys. So records are
collected into *runs*: sorted files of some ten megabytes that also name the parts they hold. A run
is on disk entirely or not at all, so after a crash everything up to the newest run is known to be
there and only the rest is fetched again. In the end the runs are merged into the store.

A run: the number of parts (4 bytes); for each its kind, path, start and end; then the records in
order of table and key.
"""

from __future__ import annotations

import heapq
import shutil
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from struct import Struct as Layout
from typing import BinaryIO, Final

from ledger.block import Header
from ledger.codec import encode
from ledger.genesis import Genesis
from ledger.merkle import Frontier, frontier_from, node_hash
from ledger.snapshot import HEADERS_IN_PART, Outline, Part, PartKind
from ledger.store import tables
from ledger.store.chain import Chain
from ledger.store.files import PART, rename_durably, write_durably
from ledger.store.interface import Anchor, EventEntry, Row
from ledger.store.lmdb_environment import LmdbEnvironment
from ledger.store.tables import CHAIN_TABLES, Change, Environment, Table

RUN_BYTES: Final = 32 * 1024 * 1024
_MERGE_RECORDS: Final = 50_000
_COUNT = Layout(">I")
_NAME = Layout(">BBQQ")
_RECORD = Layout(">BHI")

Record = tuple[int, bytes, bytes]
"""Table, key and value."""


class Staging:
    """The folder in which a snapshot is put together. For one thread."""

    def __init__(self, folder: Path, run_bytes: int = RUN_BYTES) -> None:
        self._folder = folder
        self._run_bytes = run_bytes
        self._parts: list[Part] = []
        self._records: list[Record] = []
        self._bytes = 0
        self.done: set[Part] = set()
        """The parts that are here, of which those in finished runs survive a crash."""
        for left in folder.glob("*" + PART):
            left.unlink()
        for run in self._runs():
            with run.open("rb") as file:
                self.done.update(_read_parts(file))

    @property
    def manifest(self) -> bytes | None:
        """The bytes of the manifest whose parts are put together here."""
        path = self._folder / "manifest"
        return path.read_bytes() if path.is_file() else None

    def begin(self, manifest: bytes) -> None:
        """Start with a manifest, forgetting whatever was here."""
        self.clear()
        self._folder.mkdir(parents=True)
        write_durably(self._folder / "manifest", [manifest])

    def clear(self) -> None:
        """Remove everything."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self.done.clear()
        self._parts.clear()
        self._records.clear()
        self._bytes = 0

    def add(self, part: Part, records: Iterable[Record]) -> None:
        """Take a verified part's records."""
        before = len(self._records)
        self._records.extend(records)
        self._bytes += sum(len(key) + len(value) for _, key, value in self._records[before:])
        self._parts.append(part)
        self.done.add(part)
        if self._bytes >= self._run_bytes:
            self.flush()

    def flush(self) -> None:
        """Make everything taken so far durable."""
        if not self._parts:
            return
        self._records.sort()
        number = len(self._runs())
        write_durably(self._folder / f"run-{number:06d}", self._run())
        self._parts.clear()
        self._records.clear()
        self._bytes = 0

    def _run(self) -> Iterator[bytes]:
        yield _COUNT.pack(len(self._parts))
        for kind, path, start, end in self._parts:
            yield _NAME.pack(kind, len(path), start, end) + path
        for table, key, value in self._records:
            yield _RECORD.pack(table, len(key), len(value)) + key + value

    def _runs(self) -> list[Path]:
        return sorted(self._folder.glob("run-[0-9]*[0-9]"))

    def build(
        self,
        target: Path,
        outline: Outline,
        genesis: Genesis,
        accept: Callable[[Chain], None] = lambda _: None,
    ) -> None:
        """Merge everything into a new store at ``target``, complete or not there at all.

        ``accept`` sees the complete store first and may raise a coded error to refuse it.
        """
        self.flush()
        partial = target.with_name(target.name + PART)
        shutil.rmtree(partial, ignore_errors=True)
        size = sum(run.stat().st_size for run in self._runs())
        environment = LmdbEnvironment(partial, CHAIN_TABLES, bulk=True, map_bytes=2 * size)
        try:
            files = [run.open("rb") for run in self._runs()]
            try:
                for file in files:
                    _read_parts(file)
                _fill(environment, heapq.merge(*map(_read_records, files)))
            finally:
                for file in files:
                    file.close()
            _complete(environment, outline, genesis)
            accept(Chain(environment))
            environment.sync()
        finally:
            environment.close()
        shutil.rmtree(target, ignore_errors=True)
        rename_durably(partial, target)


def _fill(environment: Environment, records: Iterator[Record]) -> None:
    """Write sorted records, each table's after the last."""
    while batch := list(islice(records, _MERGE_RECORDS)):
        changes: dict[int, list[tuple[bytes, bytes | None]]] = {}
        for table, key, value in batch:
            changes.setdefault(table, []).append((key, value))
        environment.write(
            [Change(Table(table), items, appends=True) for table, items in changes.items()]
        )


def _complete(environment: Environment, outline: Outline, genesis: Genesis) -> None:
    """What follows from the manifest itself; the head is written last and makes a store of it."""
    header = outline.header
    height = tables.height_key(header.height)
    _complete_history(environment, outline)

    def node(level: int, index: int) -> bytes:
        found = environment.get(Table.HISTORY, tables.history_key(level, index))
        assert found is not None, "all parts of the history are there"
        return found

    _, nodes = frontier_from(node, header.height).grow(header.hash())
    epochs: list[tuple[bytes, bytes | None]] = [
        (tables.height_key(0), tables.height_key(0) + encode(genesis.validators))
    ]
    certificates: dict[bytes, bytes | None] = {}
    finality = outline.manifest.finality
    for change in finality.changes:
        if change.header.height <= header.height:
            announced = tables.height_key(change.header.height)
            epoch = tables.height_key(change.validators.epoch)
            epochs.append((epoch, announced + encode(change.validators)))
            certificates[announced] = encode(change.certificate)
    if finality.header == header:
        certificates[height] = encode(finality.certificate)
    environment.write(
        [
            Change(Table.PAGE, [(tables.page_key(t.path), t.page) for t in outline.manifest.top]),
            Change(Table.HISTORY, [(tables.history_key(lv, i), value) for lv, i, value in nodes]),
            Change(Table.HEADER, [(height, encode(header))]),
            Change(Table.BLOCK_HASH, [(header.hash(), height)]),
            Change(Table.VALIDATORS, epochs),
            Change(Table.CERTIFICATE, sorted(certificates.items())),
            Change(
                Table.META,
                [
                    (tables.FORMAT_KEY, tables.FORMAT.to_bytes(4, "big")),
                    (tables.BASE_KEY, tables.height_key(outline.manifest.first)),
                    (tables.HEAD_KEY, height),
                ],
            ),
        ]
    )


def _complete_history(environment: Environment, outline: Outline) -> None:
    """The nodes of the header tree above its parts."""
    level = HEADERS_IN_PART.bit_length() - 1
    row = list(outline.manifest.spine[: outline.header.height // HEADERS_IN_PART])
    while len(row) > 1:
        level += 1
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)]
        items: list[tuple[bytes, bytes | None]] = [
            (tables.history_key(level, index), node) for index, node in enumerate(row)
        ]
        environment.write([Change(Table.HISTORY, items)])


# records of verified parts ----------------------------------------------------------------------


def state_records(
    records: Iterable[tuple[bytes, bytes]], pages: Iterable[tuple[bytes, bytes | None]]
) -> Iterator[Record]:
    """The records of a state part."""
    for key, value in records:
        yield Table.STATE, key, value
    for path, page in pages:
        if page is not None:
            yield Table.PAGE, tables.page_key(path), page


def header_records(part: Part, headers: Iterable[Header]) -> Iterator[Record]:
    """The records of a headers part: itself, its index and its nodes of the history."""
    assert part.kind is PartKind.HEADERS
    frontier = Frontier()
    for header in headers:
        height, block = tables.height_key(header.height), header.hash()
        yield Table.HEADER, height, encode(header)
        yield Table.BLOCK_HASH, block, height
        frontier, nodes = frontier.grow(block)
        for level, index, node in nodes:
            yield Table.HISTORY, tables.history_key(level, index + (part.start >> level)), node


def row_records(
    height: int,
    rows: Iterable[Row],
    ids: Iterable[tuple[int, bytes]],
    anchors: Iterable[Anchor],
    events: Iterable[EventEntry],
) -> Iterator[Record]:
    """The records of a block's rows and their indexes; ``ids`` by receipt index."""
    for index, row in enumerate(rows):
        yield Table.ROW, tables.place(height, index), tables.row_value(row)
    for index, transaction_id in ids:
        yield Table.TRANSACTION, transaction_id, tables.place(height, index)
    for event in events:
        yield Table.EVENT, tables.event_key(event.subject, event.height, event.position), b""
    for anchor in anchors:
        key = tables.anchor_key(anchor.account, anchor.unit, anchor.sequence)
        yield Table.ANCHOR, key, tables.place(anchor.height, anchor.position)


def _read_parts(file: BinaryIO) -> list[Part]:
    (count,) = _COUNT.unpack(file.read(_COUNT.size))
    parts = []
    for _ in range(count):
        kind, length, start, end = _NAME.unpack(file.read(_NAME.size))
        parts.append(Part(PartKind(kind), file.read(length), start, end))
    return parts


def _read_records(file: BinaryIO) -> Iterator[Record]:
    while head := file.read(_RECORD.size):
        table, key_bytes, value_bytes = _RECORD.unpack(head)
        body = file.read(key_bytes + value_bytes)
        yield table, body[:key_bytes], body[key_bytes:]
