"""Archives: a ledger as files, in parts that can be verified alone and side by side.

An archive holds consecutive final blocks as :class:`ledger.segment.Segment` parts and, at some
heights, a :mod:`ledger.checkpoint`. Its manifest names every part with its SHA-256, so a damaged
part is known by its name before anything in it is read; whether the parts are the ledger's is
another question, which replaying them from the genesis document answers. The same bytes make two
containers:

* a folder: one file per part, and ``manifest``;
* a file: a magic number, the parts one after the other in the manifest's order, the manifest.

In both the manifest is followed by its length (8, big-endian) and its SHA-256. There is no byte
outside of a part or the manifest, so every byte of an archive is covered.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from enum import StrEnum
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Annotated, BinaryIO, Final, NamedTuple, Protocol

import msgspec

from ledger import checkpoint, segment
from ledger.block import Header
from ledger.checkpoint import Checkpoint
from ledger.codec import Hash32, Struct, Uint, decode, encode
from ledger.errors import BAD_ARCHIVE, CodedError
from ledger.segment import Segment

MAGIC: Final = b"iic-archive/1\n"
MANIFEST: Final = "manifest"
MAX_MANIFEST_BYTES: Final = 256 * 1024 * 1024
_TRAILER_BYTES = 8 + 32


class PartKind(StrEnum):
    """What a part is."""

    BLOCKS = "blocks"
    STATE = "state"


class Part(Struct):
    """One part. Blocks go from height ``first`` to ``last`` and record so many ``transactions``; a
    checkpoint stands after block ``last``, which is its ``first`` too. ``size`` is in bytes."""

    kind: PartKind
    first: Uint
    last: Uint
    transactions: Uint
    size: Uint
    sha256: Hash32

    @property
    def name(self) -> str:
        """Its file's name in a folder, and what faults call it."""
        if self.kind is PartKind.STATE:
            return f"state-{self.last:012d}"
        return f"blocks-{self.first:012d}-{self.last:012d}"


class Manifest(Struct, tag="iic.archive/1"):
    """The parts of an archive in order: by height, a checkpoint after the block it stands on.

    ``parts`` hold every block from ``first`` to ``last``; an archive that does not start with block
    1 starts with the checkpoint after the block below.
    """

    chain_id: Hash32
    network: str
    first: Uint
    last: Uint
    parts: Annotated[tuple[Part, ...], msgspec.Meta(min_length=1)]

    def checkpoints(self) -> list[Part]:
        """The checkpoints, by height."""
        return [part for part in self.parts if part.kind is PartKind.STATE]

    @property
    def transactions(self) -> int:
        """How many transactions the blocks record."""
        return sum(part.transactions for part in self.parts)

    def digest(self) -> bytes:
        """SHA-256 over its bytes: names the archive and all that is in it."""
        return hashlib.sha256(encode(self)).digest()


class Container(Protocol):
    """Where the bytes of parts are."""

    def read(self, index: int) -> bytes:
        """The bytes of a part, unverified."""
        ...


class Archive(NamedTuple):
    """An archive that is open for reading. ``path`` is its folder or file."""

    path: Path
    manifest: Manifest
    container: Container

    def part(self, index: int) -> bytes:
        """A part's bytes. Raises ``BAD_ARCHIVE`` if they are not those that the manifest names."""
        part = self.manifest.parts[index]
        data = self.container.read(index)
        if len(data) != part.size or hashlib.sha256(data).digest() != part.sha256:
            raise CodedError(BAD_ARCHIVE, f"part {part.name} was changed", field=part.name)
        return data

    def segment(self, index: int) -> Segment:
        """The blocks of a part, unverified beyond being those that the manifest counts.

        Raises ``BAD_ARCHIVE``.
        """
        part = self.manifest.parts[index]
        try:
            found = segment.read(self.part(index))
        except CodedError as error:
            if error.code is BAD_ARCHIVE:
                raise
            raise CodedError(BAD_ARCHIVE, f"part {part.name}: {error}", field=part.name) from None
        heights = [block.header.height for block in found.blocks]
        recorded = sum(bool(row.wire) for block in found.blocks for row in block.rows)
        if heights != list(range(part.first, part.last + 1)) or recorded != part.transactions:
            what = f"part {part.name} holds other blocks than the manifest says"
            raise CodedError(BAD_ARCHIVE, what, field=part.name)
        return found

    def checkpoint(self, index: int) -> Checkpoint:
        """The checkpoint of a part, unverified. Raises ``BAD_ARCHIVE``."""
        part = self.manifest.parts[index]
        found = checkpoint.read(self.part(index))
        if found.header.height != part.last or found.header.chain_id != self.manifest.chain_id:
            what = f"part {part.name} is a checkpoint of another block than the manifest says"
            raise CodedError(BAD_ARCHIVE, what, field=part.name)
        return found

    def headers(self) -> Iterator[Header]:
        """The headers of all blocks in order, unverified."""
        for index, part in enumerate(self.manifest.parts):
            if part.kind is PartKind.BLOCKS:
                yield from (block.header for block in self.segment(index).blocks)


# reading ------------------------------------------------------------------------------------------


def is_archive(path: Path) -> bool:
    """Whether a folder or file looks like an archive."""
    if path.is_dir():
        return (path / MANIFEST).is_file()
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def open_archive(path: Path) -> Archive:
    """The archive of a folder or file: its manifest is read and verified, its parts are not.

    Raises ``BAD_ARCHIVE`` or ``OSError``.
    """
    if path.is_dir():
        with (path / MANIFEST).open("rb") as file:
            manifest, start = _read_manifest(file)
        if start:
            raise _bad("something stands before the manifest")
        names = {part.name for part in manifest.parts} | {MANIFEST}
        strange = sorted(entry.name for entry in path.iterdir() if entry.name not in names)
        if strange:
            raise _bad(f"{strange[0]} is none of its parts")
        return Archive(path, manifest, _Folder(path, manifest))
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise _bad("it does not start as one")
        manifest, start = _read_manifest(file)
    offsets = list(accumulate((part.size for part in manifest.parts), initial=len(MAGIC)))
    if offsets[-1] != start:
        raise _bad("its parts are shorter or longer than the manifest says")
    return Archive(path, manifest, _OneFile(path, offsets))


class _Folder(NamedTuple):
    path: Path
    manifest: Manifest

    def read(self, index: int) -> bytes:
        """The bytes of a part, unverified."""
        part = self.manifest.parts[index]
        try:
            return (self.path / part.name).read_bytes()
        except FileNotFoundError:
            what = f"part {part.name} is missing"
            raise CodedError(BAD_ARCHIVE, what, field=part.name) from None


class _OneFile(NamedTuple):
    path: Path
    offsets: list[int]

    def read(self, index: int) -> bytes:
        """The bytes of a part, unverified."""
        with self.path.open("rb") as file:
            file.seek(self.offsets[index])
            return file.read(self.offsets[index + 1] - self.offsets[index])


def _read_manifest(file: BinaryIO) -> tuple[Manifest, int]:
    """The manifest at the end of a file, and where it starts."""
    end = file.seek(0, os.SEEK_END) - _TRAILER_BYTES
    if end < 0:
        raise _bad("it ends before its manifest")
    file.seek(end)
    trailer = file.read(_TRAILER_BYTES)
    size = int.from_bytes(trailer[:8], "big")
    if size > min(end, MAX_MANIFEST_BYTES):
        raise _bad("the length of its manifest was changed")
    file.seek(end - size)
    data = file.read(size)
    if hashlib.sha256(data).digest() != trailer[8:]:
        raise _bad("its manifest was changed")
    try:
        manifest = decode(data, Manifest, limit=MAX_MANIFEST_BYTES)
    except CodedError as error:
        raise _bad(f"its manifest is none: {error}") from None
    _check_order(manifest)
    return manifest, end - size


def _check_order(manifest: Manifest) -> None:
    """Raise ``BAD_ARCHIVE`` unless the parts cover every height once, in order."""
    last = manifest.first - 1
    if last and manifest.parts[0].kind is not PartKind.STATE:
        raise _bad(f"it starts with block {manifest.first} and has no checkpoint below")
    for part in manifest.parts:
        first = last if part.kind is PartKind.STATE else last + 1
        if part.first != first or part.last < first:
            raise _bad(f"part {part.name} does not follow the one before it")
        last = part.last
    if last != manifest.last:
        raise _bad(f"its parts end with block {last}, the manifest says {manifest.last}")
    if any(a.kind is b.kind is PartKind.STATE for a, b in pairwise(manifest.parts)):
        raise _bad("two checkpoints stand at one height")


def _bad(what: str) -> CodedError:
    return CodedError(BAD_ARCHIVE, f"this is no sound archive: {what}", field=MANIFEST)


# writing ------------------------------------------------------------------------------------------


class Writer:
    """Writes an archive part by part; it exists under its name once :meth:`close` returns.

    A name that ends in ``.iic`` becomes one file, any other a folder. ``first`` is the first
    block's height. A context manager, which leaves nothing behind of an archive that is not closed.
    Raises ``FileExistsError`` if something has that name.
    """

    def __init__(self, path: Path, chain_id: bytes, network: str, first: int = 1) -> None:
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        self._path = path
        self._work = path.with_name(f".{path.name}.part")
        self._chain_id, self._network, self._first = chain_id, network, first
        self._parts: list[Part] = []
        self._file: BinaryIO | None = None
        if path.suffix == ".iic":
            self._file = self._work.open("wb")
            self._file.write(MAGIC)
        else:
            self._work.mkdir(parents=True)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
            self._work.unlink(missing_ok=True)
        elif self._work.is_dir():
            shutil.rmtree(self._work)

    def blocks(self, found: Segment) -> None:
        """Append blocks."""
        headers = [block.header for block in found.blocks]
        recorded = sum(header.transactions for header in headers)
        self._add(
            PartKind.BLOCKS, headers[0].height, headers[-1].height, recorded, segment.write(found)
        )

    def checkpoint(self, data: bytes) -> None:
        """Append a checkpoint's bytes after the block on which it stands."""
        height = checkpoint.header_of(data).height
        self._add(PartKind.STATE, height, height, 0, data)

    def _add(self, kind: PartKind, first: int, last: int, recorded: int, data: bytes) -> None:
        part = Part(kind, first, last, recorded, len(data), hashlib.sha256(data).digest())
        self._parts.append(part)
        if self._file is not None:
            self._file.write(data)
        else:
            _write(self._work / part.name, data)

    def close(self) -> Manifest:
        """Write the manifest, make everything durable, and put the archive in its place."""
        last = self._parts[-1].last if self._parts else self._first - 1
        manifest = Manifest(self._chain_id, self._network, self._first, last, tuple(self._parts))
        _check_order(manifest)
        data = encode(manifest)
        trailer = len(data).to_bytes(8, "big") + hashlib.sha256(data).digest()
        if self._file is not None:
            self._file.write(data + trailer)
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        else:
            _write(self._work / MANIFEST, data + trailer)
            _sync(self._work)
        self._work.rename(self._path)
        _sync(self._path.parent)
        return manifest


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
