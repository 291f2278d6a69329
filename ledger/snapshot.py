"""Snapshots: the state after one block, in parts that each verify by themselves.

A :class:`Manifest` proves a header final from the genesis document and opens the two trees that the
header commits to down to the parts: ``top`` holds the branch pages of the state tree above the
parts of the state, ``spine`` the roots of the parts of the header tree. So every part that arrives
is held against a hash that a quorum signed, alone and in any order, whoever sent it.

=========  ===============================================  ====================================
part       what it is                                       verified against
=========  ===============================================  ====================================
state      all records below one path of the state tree     the page hash in ``top``
headers    :data:`HEADERS_IN_PART` consecutive headers      the subtree root in ``spine``
rows       transactions and receipts of consecutive blocks  the roots in their headers
=========  ===============================================  ====================================

Rows are needed only from ``Manifest.first`` on: a transaction recorded earlier can no longer be
replayed, because the longest validity window has passed it by. This module needs no store, no
network and no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from itertools import pairwise
from struct import Struct as Layout
from typing import Annotated, NamedTuple

import msgspec

from ledger import keys, merkle
from ledger.block import Header, Verify
from ledger.codec import Hash32, Struct, Uint, decode, encode
from ledger.errors import BAD_PROOF, BAD_SNAPSHOT, CodedError
from ledger.genesis import Genesis
from ledger.proof import Finality, HashPath, Signers, verify_finality
from ledger.receipt import receipt_hash
from ledger.statetree import StateTree, children, is_branch, path_name, tree_of
from ledger.store.interface import Row
from ledger.transaction import wire_hash

HEADERS_IN_PART = 2_048
"""A power of two, so that a part is a complete subtree of the header tree."""

STATE_ENTRIES = 4_096
"""A state part holds at most so many records…"""
STATE_BYTES = 1024 * 1024
"""…or at most so many bytes, unless it is a single bucket."""

MAX_MANIFEST_BYTES = 8 * 1024 * 1024
_MAX_PATH = 64
_SIZES = Layout(">HI")
_SIZE = Layout(">I")


class PartKind(IntEnum):
    """What a part consists of."""

    STATE = 1
    HEADERS = 2
    ROWS = 3


class Part(NamedTuple):
    """One part of a snapshot.

    ``path`` is that of a state part; ``start`` and ``end`` are the heights of the others, from the
    first to the one after the last.
    """

    kind: PartKind
    path: bytes = b""
    start: int = 0
    end: int = 0

    def __str__(self) -> str:
        if self.kind is PartKind.STATE:
            return f"state part {path_name(self.path)}"
        return f"{self.kind.name.lower()} {self.start} to {self.end - 1}"


class TopPage(Struct):
    """A branch page above the state parts, with its path."""

    path: Annotated[bytes, msgspec.Meta(max_length=_MAX_PATH)]
    page: bytes


class Manifest(Struct, tag="iic.snapshot/1"):
    """What a snapshot consists of, proven from the genesis document.

    ``header`` is the block after which the state was taken; ``history_path`` proves it in the
    history of the certified header in ``finality`` and is empty where they are the same. ``top`` is
    in ascending order of paths, empty if the whole state is one part.
    """

    header: Header
    history_path: HashPath
    finality: Finality
    top: tuple[TopPage, ...]
    spine: tuple[Hash32, ...]
    first: Uint


class Outline(NamedTuple):
    """A verified manifest: ``state`` are the hashes of the state parts by path."""

    manifest: Manifest
    signers: Signers
    state: dict[bytes, bytes]

    @property
    def header(self) -> Header:
        """The block after which the state was taken."""
        return self.manifest.header

    def parts(self) -> list[Part]:
        """Every part to fetch, headers first; rows are cut by whoever sends them."""
        height = self.header.height
        found = [
            Part(PartKind.HEADERS, start=start, end=min(start + HEADERS_IN_PART, height))
            for start in range(0, height, HEADERS_IN_PART)
        ]
        found += [Part(PartKind.STATE, path) for path in sorted(self.state)]
        return found


def write_manifest(manifest: Manifest) -> bytes:
    """The bytes of a manifest."""
    return encode(manifest)


def read_manifest(data: bytes, genesis: Genesis, *, verify: Verify = keys.verify) -> Outline:
    """The outline of a manifest's bytes, verified from the genesis document on.

    Raises ``MALFORMED``, ``NOT_CANONICAL``, ``TOO_LARGE``, ``WRONG_CHAIN``, ``BAD_CERTIFICATE``,
    ``BAD_PROOF`` or ``BAD_SNAPSHOT``.
    """
    manifest = decode(data, Manifest, limit=MAX_MANIFEST_BYTES)
    signers = verify_finality(manifest.finality, genesis, verify=verify)
    header, certified = manifest.header, manifest.finality.header
    if header.chain_id != genesis.chain_id:
        raise CodedError(BAD_SNAPSHOT, "the snapshot is of another ledger")
    if header == certified:
        if manifest.history_path:
            raise CodedError(BAD_PROOF, "a certified header needs no proof in a history")
    elif not merkle.verify_inclusion(
        header.hash(),
        header.height,
        certified.height,
        manifest.history_path,
        certified.history_root,
    ):
        raise CodedError(BAD_PROOF, f"block {header.height} is not in the certified history")
    if not 0 < manifest.first <= header.height + 1:
        raise CodedError(BAD_SNAPSHOT, "the first block with rows is none of the ledger's")
    if header.next_validators_hash != header.validators_hash and not any(
        change.header == header for change in manifest.finality.changes
    ):
        raise CodedError(BAD_SNAPSHOT, "the validators that the header announces are not shown")
    _verify_spine(manifest)
    return Outline(manifest, signers, _state_parts(manifest))


def _verify_spine(manifest: Manifest) -> None:
    height = manifest.header.height
    if len(manifest.spine) != -(-height // HEADERS_IN_PART):
        raise CodedError(BAD_SNAPSHOT, "the spine has another number of parts than the history")
    if spine_root(manifest.spine) != manifest.header.history_root:
        raise CodedError(BAD_SNAPSHOT, "the spine is not that of the certified history")


def spine_root(spine: Sequence[bytes]) -> bytes:
    """The header tree's root over the roots of its parts (an odd last one moves up as it is)."""
    level = list(spine) or [merkle.EMPTY_ROOT]
    while len(level) > 1:
        above = [merkle.node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) & 1:
            above.append(level[-1])
        level = above
    return level[0]


def _state_parts(manifest: Manifest) -> dict[bytes, bytes]:
    """The hashes of the parts below the top pages, each of which its parent commits to."""
    tree = tree_of(manifest.header.chain_id)
    if any(a.path >= b.path for a, b in pairwise(manifest.top)):
        raise CodedError(BAD_SNAPSHOT, "the top pages are not in ascending order")
    parts = {b"": manifest.header.state_root}
    for path, page in ((top.path, top.page) for top in manifest.top):
        # Ascending order puts a parent before its children.
        expected = parts.pop(path, None)
        if expected is None or not is_branch(page) or tree.page_hash(page) != expected:
            raise CodedError(BAD_SNAPSHOT, f"top page {path_name(path)} is not the certified one")
        parts.update(children(page, path))
    return parts


# parts ----------------------------------------------------------------------------------------


def write_records(records: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Keys and values one after the other, each with its length."""
    return b"".join(_SIZES.pack(len(key), len(value)) + key + value for key, value in records)


def read_records(data: bytes) -> list[tuple[bytes, bytes]]:
    """The records of :func:`write_records`; raises ``BAD_SNAPSHOT``."""
    found = []
    at = 0
    while at < len(data):
        if at + _SIZES.size > len(data):
            raise CodedError(BAD_SNAPSHOT, "the part ends within a record")
        key_bytes, value_bytes = _SIZES.unpack_from(data, at)
        middle = at + _SIZES.size + key_bytes
        at = middle + value_bytes
        if at > len(data):
            raise CodedError(BAD_SNAPSHOT, "the part ends within a record")
        found.append((data[middle - key_bytes : middle], data[middle:at]))
    return found


def verify_state(
    tree: StateTree, path: bytes, expected: bytes, data: bytes
) -> tuple[list[tuple[bytes, bytes]], Mapping[bytes, bytes | None]]:
    """The records of a state part and their tree pages by path; raises ``BAD_SNAPSHOT``."""
    records = read_records(data)
    try:
        update = tree.subtree(path, records)
    except CodedError as error:
        raise CodedError(BAD_SNAPSHOT, error.message) from None
    if update.root != expected:
        raise CodedError(
            BAD_SNAPSHOT, f"{len(records)} records that the certified state does not hold there"
        )
    return records, update.pages


def difference(sound: Sequence[tuple[bytes, bytes]], data: bytes) -> str:
    """In which key a false state part first differs from the sound one, in words."""
    try:
        told = dict(read_records(data))
    except CodedError as error:
        return error.message
    for key, value in sorted(sound):
        if key not in told:
            return f"key {key.hex()} was left out"
        if told[key] != value:
            return f"key {key.hex()} had another value"
    extra = sorted(told.keys() - {key for key, _ in sound})
    return f"key {extra[0].hex()} was added" if extra else "the records stood in another form"


def write_items(items: Iterable[bytes]) -> bytes:
    """Byte strings one after the other, each with its length."""
    return b"".join(_SIZE.pack(len(item)) + item for item in items)


def read_items(data: bytes) -> list[bytes]:
    """The byte strings of :func:`write_items`; raises ``BAD_SNAPSHOT``."""
    found = []
    at = 0
    while at < len(data):
        start = at + _SIZE.size
        if start > len(data):
            raise CodedError(BAD_SNAPSHOT, "the part ends within an item")
        at = start + _SIZE.unpack_from(data, at)[0]
        if at > len(data):
            raise CodedError(BAD_SNAPSHOT, "the part ends within an item")
        found.append(data[start:at])
    return found


def verify_headers(outline: Outline, part: Part, data: bytes) -> list[Header]:
    """The headers of a part; raises ``BAD_SNAPSHOT``."""
    try:
        headers = [decode(item, Header) for item in read_items(data)]
    except CodedError as error:
        raise CodedError(BAD_SNAPSHOT, error.message) from None
    heights = [header.height for header in headers]
    if heights != list(range(part.start, part.end)):
        raise CodedError(BAD_SNAPSHOT, "other headers than were asked for")
    root = merkle.tree_head([header.hash() for header in headers])
    if root != outline.manifest.spine[part.start // HEADERS_IN_PART]:
        raise CodedError(BAD_SNAPSHOT, "headers that are not in the certified history")
    return headers


def write_rows(rows: Iterable[Row]) -> bytes:
    """The rows of one block, as an item of a rows part."""
    return write_items(item for row in rows for item in row)


def verify_rows(header: Header, data: bytes) -> list[Row]:
    """The rows of one block, as its header commits to them; raises ``BAD_SNAPSHOT``."""
    items = read_items(data)
    rows = list(map(Row, items[::2], items[1::2]))
    first = header.receipts - header.transactions
    chain_id = header.chain_id
    if (
        len(items) != 2 * header.receipts
        or any(bool(row.wire) is not (index >= first) for index, row in enumerate(rows))
        or merkle.tree_head([wire_hash(chain_id, row.wire) for row in rows[first:]])
        != header.transactions_root
        or merkle.tree_head([receipt_hash(chain_id, row.receipt) for row in rows])
        != header.receipts_root
    ):
        raise CodedError(BAD_SNAPSHOT, f"rows that block {header.height} does not commit to")
    return rows
