"""The pages of an LMDB file (format of LMDB 0.9, 64-bit little-endian), walked one by one.

Checksums cover records, not what leads to them: a flipped bit in a page's head, in a pointer or in
the list of free pages hides records or, worse, lets the next write overwrite them. So every page is
held against what LMDB guarantees: it stands where it says, its entries lie inside of it and ascend,
each tree has the depth, pages and entries that its own record counts, and each page of the file
belongs to exactly one tree or is free. What no tree leads to (free pages, gaps within pages, the
state before the last commit) is no content and may hold anything.

Source: ``lmdb.h`` and ``mdb.c`` of OpenLDAP's LMDB 0.9, structures ``MDB_page``, ``MDB_node``,
``MDB_db`` and ``MDB_meta``.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from struct import Struct, error
from typing import NamedTuple

MAGIC = 0xBEEFC0DE
VERSION = 1
_META_PAGES = 2

_HEAD = Struct("<QHHHH")
"""Page number, unused, flags, end of the pointers, start of the entries."""
_META = Struct("<IIQQ")
"""Magic, version, address, size of the map."""
_DB = Struct("<IHHQQQQQ")
"""Unused (the first's: page size), flags, depth, branch, leaf, overflow pages, entries, root."""
_META_END = Struct("<QQ")
"""Last page, transaction."""
_NODE = Struct("<HHHH")
"""Size (low, high), flags, key size; of a branch the first three are the child's page number."""
_PAGE = Struct("<Q")

_BRANCH, _LEAF, _OVERFLOW, _META_FLAG = 1, 2, 4, 8
_BIG, _SUB = 1, 2
_NO_ROOT = 2**64 - 1
_MAX_KEY = 511
_MAX_DEPTH = 32


class Fault(NamedTuple):
    """What is wrong with which page."""

    page: int
    what: str


class _Db(NamedTuple):
    pad: int
    flags: int
    depth: int
    branches: int
    leaves: int
    overflows: int
    entries: int
    root: int


class _Meta(NamedTuple):
    page_size: int
    free: _Db
    main: _Db
    last: int
    transaction: int


class _Broken(Exception):
    """A page that cannot be followed any further."""

    def __init__(self, page: int, what: str) -> None:
        super().__init__(what)
        self.fault = Fault(page, what)


def check_pages(path: Path) -> Iterator[Fault]:
    """Every page of an LMDB data file that is not as it must be; nothing for a sound file.

    The file must not change meanwhile. Work is linear in its size.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            yield from _Walk(data).faults()
        except _Broken as broken:
            yield broken.fault
        except (error, IndexError):
            yield Fault(0, "the file ends before its pages do")


class _Walk:
    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._metas = [self._read_meta(number) for number in range(_META_PAGES)]
        self._size = self._metas[0].page_size
        self._newest = max(self._metas, key=lambda meta: meta.transaction)
        self._seen = bytearray(self._newest.last + 1)

    def faults(self) -> Iterator[Fault]:
        """See the module."""
        yield from self._check_metas()
        last = self._newest.last
        if (last + 1) * self._size > len(self._data):
            raise _Broken(last, "is beyond the end of the file")
        self._seen[0] = self._seen[1] = 1
        free = [int.from_bytes(v[i : i + 8], "little") for v in self._free() for i in _words(v)]
        for name, db in [(b"", self._newest.main), *self._named()]:
            self._tree(db, name.decode("ascii", "replace") or "main")
        for page in free:
            if not _META_PAGES <= page <= last:
                yield Fault(page, "is listed as free and not in the file")
            else:
                if self._seen[page]:
                    yield Fault(page, "is listed as free and in use, or twice")
                self._seen[page] = 1
        missing = self._seen.count(0)
        if missing:
            yield Fault(self._seen.index(0), f"and {missing - 1} others belong to nothing")

    # the two meta pages -------------------------------------------------------------------------
    def _read_meta(self, number: int) -> _Meta:
        first = _Db(*_DB.unpack_from(self._data, _HEAD.size + _META.size))
        size = first.pad
        if size < 512 or size > 65_536 or size & (size - 1):
            raise _Broken(number, f"says that pages have {size} bytes")
        at = number * size
        page, _, flags, _, _ = _HEAD.unpack_from(self._data, at)
        magic, version, _, mapped = _META.unpack_from(self._data, at + _HEAD.size)
        free = _Db(*_DB.unpack_from(self._data, at + _HEAD.size + _META.size))
        main = _Db(*_DB.unpack_from(self._data, at + _HEAD.size + _META.size + _DB.size))
        last, transaction = _META_END.unpack_from(
            self._data, at + _HEAD.size + _META.size + 2 * _DB.size
        )
        if (page, flags, magic, version) != (number, _META_FLAG, MAGIC, VERSION):
            raise _Broken(number, "is no meta page")
        if free.pad != size or free.flags != 8 or main.flags:  # 8: keys are integers
            raise _Broken(number, "names other properties of the file's own trees")
        if mapped < (last + 1) * size:
            raise _Broken(number, f"maps {mapped} bytes, the last page is {last}")
        return _Meta(size, free, main, last, transaction)

    def _check_metas(self) -> Iterator[Fault]:
        """Commits write the two in turn, so their transactions follow each other."""
        first, second = (meta.transaction for meta in self._metas)
        if first or second:
            for number, transaction in enumerate((first, second)):
                if transaction & 1 != number and transaction:
                    yield Fault(
                        number, f"is of transaction {transaction}, which stands in the other"
                    )
            if abs(first - second) != 1:
                yield Fault(0, f"and 1 are of transactions {first} and {second}")
        for number, meta in enumerate(self._metas):
            for db in (meta.free, meta.main):
                if (db.root == _NO_ROOT) != (db.depth == 0):
                    raise _Broken(number, "names an impossible root")
            yield from self._check_freed(number, meta)

    def _check_freed(self, number: int, meta: _Meta) -> Iterator[Fault]:
        """Each commit gives up pages under its own number, so the list's last key tells it."""
        if meta.last > self._newest.last:
            raise _Broken(number, f"says that the last page is {meta.last}")
        seen = bytes(self._seen)
        freed = self._tree(meta.free, "free list")
        self._tree(meta.main, "main")
        self._seen[:] = seen
        last = int.from_bytes(freed[-1][0], "little") if freed else meta.transaction
        if last != meta.transaction:
            yield Fault(number, f"is of transaction {meta.transaction}, its free list of {last}")

    # trees --------------------------------------------------------------------------------------
    def _free(self) -> list[bytes]:
        """The values of the list of free pages, each without the count that it begins with."""
        found = []
        for key, value in self._tree(self._newest.free, "free list"):
            count = int.from_bytes(value[:8], "little")
            if len(key) != 8 or len(value) != 8 * (count + 1):
                raise _Broken(self._newest.free.root, "the list of free pages is of another length")
            found.append(value[8:])
        return found

    def _named(self) -> list[tuple[bytes, _Db]]:
        """The trees that the main one names."""
        seen = bytes(self._seen)
        found = []
        for key, value in self._tree(self._newest.main, "main"):
            if len(value) != _DB.size:
                raise _Broken(self._newest.main.root, "the main tree holds what is no tree")
            found.append((key, _Db(*_DB.unpack(value))))
        self._seen[:] = seen  # walked again with the others
        return found

    def _tree(self, db: _Db, name: str) -> list[tuple[bytes, bytes]]:
        """Walk a tree and hold it against its record; the entries of small ones."""
        keep = name in ("free list", "main")
        if db.root == _NO_ROOT:
            if db[2:7] != (0, 0, 0, 0, 0):
                raise _Broken(0, f"the empty tree {name} counts something")
            return []
        if not 0 < db.depth <= _MAX_DEPTH:
            raise _Broken(db.root, f"the tree {name} has depth {db.depth}")
        counts = [0, 0, 0, 0]
        entries: list[tuple[bytes, bytes]] = []
        integers = name == "free list"
        self._page(db.root, db.depth, (None, None), counts, entries if keep else None, integers)
        if tuple(counts) != (db.branches, db.leaves, db.overflows, db.entries):
            raise _Broken(
                db.root,
                f"the tree {name} counts {db[3:7]} branch, leaf and overflow pages and entries, "
                f"{tuple(counts)} are there",
            )
        return entries

    def _page(
        self,
        number: int,
        height: int,
        bounds: tuple[bytes | None, bytes | None],
        counts: list[int],
        entries: list[tuple[bytes, bytes]] | None,
        integers: bool,
    ) -> None:
        """One page and all below it; keys are at or above the first bound and below the second."""
        self._claim(number)
        at, size = number * self._size, self._size
        page, _, flags, lower, upper = _HEAD.unpack_from(self._data, at)
        leaf = height == 1
        if page != number or flags != (_LEAF if leaf else _BRANCH):
            raise _Broken(number, "is another page than the tree expects there")
        if not (_HEAD.size < lower <= upper <= size) or lower & 1:
            raise _Broken(number, "has its entries outside of itself")
        counts[1 if leaf else 0] += 1
        low, high = bounds
        before: bytes | None = None
        spans = []
        children: list[tuple[int, bytes]] = []
        for slot in range((lower - _HEAD.size) // 2):
            offset = int.from_bytes(self._data[at + 16 + 2 * slot : at + 18 + 2 * slot], "little")
            if not upper <= offset <= size - _NODE.size:
                raise _Broken(number, f"entry {slot} lies outside of the page")
            first, second, node_flags, key_size = _NODE.unpack_from(self._data, at + offset)
            start = at + offset + _NODE.size
            key = self._data[start : start + key_size]
            end = offset + _NODE.size + key_size
            if leaf:
                end += self._value(
                    number, start + key_size, first | second << 16, node_flags, key, counts, entries
                )
            else:
                children.append((first | second << 16 | node_flags << 32, key))
            if key_size > _MAX_KEY or end > size:
                raise _Broken(number, f"entry {slot} lies outside of the page")
            spans.append((offset, end + (end & 1)))
            ordered = key[::-1] if integers else key
            if slot or leaf:
                floor = before if before is not None else low
                exact = before is None  # the first key may be the bound itself
                if floor is not None and (ordered < floor or (ordered == floor and not exact)):
                    raise _Broken(number, f"entry {slot} is out of order")
                if high is not None and ordered >= high:
                    raise _Broken(number, f"entry {slot} belongs to another page")
                before = ordered
        spans.sort()
        if (
            spans[0][0] != upper
            or any(a[1] != b[0] for a, b in pairwise(spans))
            or spans[-1][1] != size
        ):
            raise _Broken(number, "has gaps or overlaps between its entries")
        if not leaf:
            keys = [key[::-1] if integers else key for _, key in children]
            for index, (child, _) in enumerate(children):
                below = low if index == 0 else keys[index]
                above = keys[index + 1] if index + 1 < len(keys) else high
                self._page(child, height - 1, (below, above), counts, entries, integers)

    def _value(
        self,
        number: int,
        start: int,
        size: int,
        flags: int,
        key: bytes,
        counts: list[int],
        entries: list[tuple[bytes, bytes]] | None,
    ) -> int:
        """Count a leaf's value; the bytes that it takes within the page."""
        if flags & ~(_BIG | _SUB) or flags == _BIG | _SUB:
            raise _Broken(number, f"the entry {key.hex()} has unknown flags")
        counts[3] += 1
        if flags != _BIG:
            if entries is not None:
                entries.append((key, self._data[start : start + size]))
            return size
        (first,) = _PAGE.unpack_from(self._data, start)
        pages = -(-(_HEAD.size + size) // self._size)
        for page in range(first, first + pages):
            self._claim(page)
        head = first * self._size
        page, _, page_flags, low, high = _HEAD.unpack_from(self._data, head)
        if (page, page_flags, low | high << 16) != (first, _OVERFLOW, pages):
            raise _Broken(first, f"is not the value of {key.hex()}")
        counts[2] += pages
        if entries is not None:
            at = head + _HEAD.size
            entries.append((key, self._data[at : at + size]))
        return _PAGE.size

    def _claim(self, number: int) -> None:
        if not _META_PAGES <= number <= self._newest.last:
            raise _Broken(number, "is not in the file")
        if self._seen[number]:
            raise _Broken(number, "belongs to two trees")
        self._seen[number] = 1


def _words(data: bytes) -> range:
    return range(0, len(data), 8)
