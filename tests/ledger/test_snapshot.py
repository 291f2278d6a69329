"""Snapshots: each part verifies alone against a certified header, and together they are a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_chains import ACCOUNTS, Account, Build, genesis_document

from ledger import snapshot as snapshots
from ledger.codec import encode
from ledger.errors import BAD_SNAPSHOT, CodedError
from ledger.genesis import Genesis
from ledger.receipt import NO_PLACE, read_receipt
from ledger.snapshot import (
    HEADERS_IN_PART,
    Outline,
    Part,
    PartKind,
    difference,
    read_manifest,
    read_records,
    verify_headers,
    verify_rows,
    verify_state,
    write_items,
    write_records,
    write_rows,
)
from ledger.statetree import tree_of
from ledger.store.chain import Chain, Store, first_block
from ledger.store.check import check
from ledger.store.disk import open_store
from ledger.store.interface import Row
from ledger.store.memory import MemoryEnvironment
from ledger.store.snapshots import Snapshot, certify_from, first_needed, keep_newest, take
from ledger.store.staging import Record, Staging, header_records, row_records, state_records
from ledger.store.tables import CHAIN_TABLES, Table, each

WINDOW_MS = 5_000
"""The ten newest blocks: a block of these chains takes 500 ms."""


class Source:
    """A chain with a snapshot of its newest state, and the parts as a peer would send them."""

    def __init__(self, folder: Path, *, records: int = 9_000, blocks: int = 2_060) -> None:
        genesis = genesis_document()
        store = Store(MemoryEnvironment())
        start = {
            ACCOUNTS.key(f"account-{number}", "SCU"): encode(Account(number, 0, NO_PLACE))
            for number in range(records)
        }
        start |= {ACCOUNTS.key(lei, "SCU"): encode(Account(0, 0, NO_PLACE)) for lei in _PAYERS}
        store.commit(first_block(genesis, start))
        self.chain = Build(store, genesis)
        self.chain.grow(blocks - 20, 0, deadlines=0, certified=False)
        self.chain.grow(1, handover=True)
        self.chain.grow(19)
        with store.environment.snapshot() as reader:
            certify = lambda height: certify_from(Chain(reader), height)  # noqa: E731
            height = take(reader, folder, WINDOW_MS, certify)
        self.snapshot = Snapshot(folder / str(height))
        self.store = store

    @property
    def genesis(self) -> Genesis:
        return self.chain.genesis

    def outline(self) -> Outline:
        return read_manifest(self.snapshot.manifest, self.genesis)

    def parts(self) -> list[Part]:
        outline = self.outline()
        rows = range(outline.manifest.first, outline.header.height + 1)
        return outline.parts() + [Part(PartKind.ROWS, start=h, end=h + 1) for h in rows]

    def data(self, part: Part) -> bytes:
        if part.kind is PartKind.STATE:
            found = self.snapshot.state(part.path)
            assert found is not None
            return found
        headers = [self.store.header(height) for height in range(part.start, part.end)]
        if part.kind is PartKind.HEADERS:
            return write_items(encode(header) for header in headers)
        return write_rows(self.store.rows(part.start))

    def verified(self, part: Part, data: bytes) -> list[Record]:
        """What a newcomer does with the bytes of a part."""
        outline = self.outline()
        if part.kind is PartKind.STATE:
            tree = tree_of(self.genesis.chain_id)
            records, pages = verify_state(tree, part.path, outline.state[part.path], data)
            return list(state_records(records, pages.items()))
        if part.kind is PartKind.HEADERS:
            return list(header_records(part, verify_headers(outline, part, data)))
        header = self.store.header(part.start)
        assert header is not None
        rows = verify_rows(header, data)
        ids = [
            (index, read_receipt(row.receipt).subject) for index, row in enumerate(rows) if row.wire
        ]
        return list(row_records(part.start, rows, ids, (), ()))


_PAYERS = ("5493001KJTIIGC8Y1R12", "549300MLUDYVRQOOXS22")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    made = Source(tmp_path_factory.mktemp("source"))
    yield made
    made.snapshot.close()


def test_a_manifest_proves_its_header_from_genesis_and_names_every_part(source: Source) -> None:
    outline = source.outline()
    assert outline.header == source.store.head
    assert outline.signers.epoch == 1, "across a change of validators"
    kinds = [part.kind for part in outline.parts()]
    assert kinds.count(PartKind.HEADERS) == -(-2_060 // HEADERS_IN_PART) == 2
    assert kinds.count(PartKind.STATE) == 16
    assert sum(len(read_records(source.data(p))) for p in outline.parts() if p.path) == 9_002
    assert outline.manifest.first == 2_060 - 10


def test_the_replay_window_is_exactly_the_blocks_that_it_names(source: Source) -> None:
    head = source.store.head
    assert head is not None
    for window in (0, 1, 499, 500, 501, 10_000, 10**9):
        first = first_needed(source.store, head, window)
        for height in range(max(1, first - 2), min(head.height, first + 2) + 1):
            header = source.store.header(height)
            assert header is not None
            assert (header.time + window >= head.time) == (height >= first)


def test_any_order_of_parts_makes_the_same_store(source: Source, tmp_path: Path) -> None:
    parts = source.parts()
    Random(7).shuffle(parts)
    staging = Staging(tmp_path / "staging", run_bytes=200_000)
    staging.begin(source.snapshot.manifest)
    for part in parts:
        staging.add(part, source.verified(part, source.data(part)))
    staging.build(tmp_path / "ledger", source.outline(), source.genesis)
    made = open_store(tmp_path / "ledger")
    for table in (Table.STATE, Table.PAGE, Table.HEADER, Table.BLOCK_HASH, Table.HISTORY):
        assert list(each(made.environment, table)) == list(each(source.store.environment, table))
    assert made.history() == source.store.history()
    assert made.head == source.store.head and made.base == source.outline().manifest.first
    assert made.validators(1) == source.store.validators(1)
    assert made.rows(2_055) == source.store.rows(2_055) and made.rows(2_000) == []
    assert list(check(made)) == []
    made.close()


@given(st.data())
def test_a_crash_at_any_point_keeps_whole_runs_and_nothing_else(
    source: Source, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("crash")
    parts = data.draw(st.permutations(source.parts()[:12]))
    stop = data.draw(st.integers(0, len(parts)))
    staging = Staging(folder / "staging", run_bytes=data.draw(st.integers(1, 400_000)))
    staging.begin(source.snapshot.manifest)
    for part in parts[:stop]:
        staging.add(part, source.verified(part, source.data(part)))
    again = Staging(folder / "staging")  # what was in memory is gone
    assert again.manifest == source.snapshot.manifest
    assert again.done <= set(parts[:stop])
    for part in parts:
        if part not in again.done:
            again.add(part, source.verified(part, source.data(part)))
    assert again.done == set(parts)


Lie = Callable[[list[tuple[bytes, bytes]]], list[tuple[bytes, bytes]]]
LIES: dict[str, tuple[Lie, str]] = {
    "another value": (lambda r: [(r[0][0], r[0][1] + b"!"), *r[1:]], "had another value"),
    "a record left out": (lambda r: r[1:], "was left out"),
    "a record twice": (lambda r: [*r, r[0]], "in another form"),
    "a record of another part": (lambda r: [*r, (b"elsewhere", b"1")], "was added"),
    "nothing": (lambda r: [], "was left out"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_false_state_part_is_refused_and_its_key_named(source: Source, name: str) -> None:
    lie, words = LIES[name]
    part = next(p for p in source.parts() if p.kind is PartKind.STATE)
    sound = read_records(source.data(part))
    data = write_records(lie(sound))
    with pytest.raises(CodedError) as caught:
        source.verified(part, data)
    assert caught.value.code is BAD_SNAPSHOT
    said = difference(sound, data)
    assert words in said
    if "key" in said:
        assert any(key.hex() in said for key in (min(sound)[0], sound[0][0], b"elsewhere"))


@given(st.data())
def test_no_flipped_bit_of_any_part_passes(source: Source, data: st.DataObject) -> None:
    part = data.draw(st.sampled_from([p for p in source.parts() if source.data(p)]))
    content = bytearray(source.data(part))
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit >> 3] ^= 1 << (bit & 7)
    with pytest.raises(CodedError) as caught:
        source.verified(part, bytes(content))
    assert caught.value.code is BAD_SNAPSHOT


@given(st.data())
def test_no_flipped_bit_of_a_manifest_passes_unnoticed(source: Source, data: st.DataObject) -> None:
    """It is refused, or only the first block with rows has moved, which is held against time."""
    content = bytearray(source.snapshot.manifest)
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit >> 3] ^= 1 << (bit & 7)
    try:
        outline = read_manifest(bytes(content), source.genesis)
    except CodedError:
        return
    sound = source.outline()
    assert msgspec.structs.replace(outline.manifest, first=sound.manifest.first) == sound.manifest


def test_parts_of_another_height_are_refused(source: Source) -> None:
    first, second = (p for p in source.parts() if p.kind is PartKind.HEADERS)
    with pytest.raises(CodedError, match="other headers"):
        source.verified(first, source.data(second))
    rows = [p for p in source.parts() if p.kind is PartKind.ROWS]
    with pytest.raises(CodedError, match="does not commit"):
        source.verified(rows[0], source.data(rows[1]))
    moved = write_rows([Row(b"", r.receipt) for r in source.store.rows(rows[0].start)])
    with pytest.raises(CodedError, match="does not commit"):
        source.verified(rows[0], moved)


def test_old_snapshots_and_broken_ones_are_removed(tmp_path: Path) -> None:
    for name in ("100", "90", "200", "300.part"):
        (tmp_path / name).mkdir()
    keep_newest(tmp_path, 2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["100", "200"]


def test_a_large_state_is_cut_the_same_on_disk_as_in_memory(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.store.snapshots._SPOOL_BYTES", 50_000)
    with source.store.environment.snapshot() as reader:
        height = take(reader, tmp_path, WINDOW_MS, lambda h: certify_from(Chain(reader), h))
    spilled = tmp_path / str(height)
    again = Snapshot(spilled)
    assert again.manifest == source.snapshot.manifest
    for part in source.parts():
        if part.kind is PartKind.STATE:
            assert again.state(part.path) == source.data(part)
    assert [p.name for p in sorted(spilled.iterdir())] == ["index", "manifest", "state"]
    again.close()


def test_every_table_is_filled_or_indexed() -> None:
    filled = {Table.STATE, Table.PAGE, Table.HEADER, Table.BLOCK_HASH, Table.HISTORY, Table.ROW}
    filled |= {Table.TRANSACTION, Table.EVENT, Table.ANCHOR}
    filled |= {Table.VALIDATORS, Table.CERTIFICATE, Table.META}
    assert filled == set(CHAIN_TABLES), "a new table needs a place in snapshots"
    assert snapshots.HEADERS_IN_PART & (snapshots.HEADERS_IN_PART - 1) == 0
