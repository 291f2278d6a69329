"""What a simulated disk is made of, and the environment that the real store and journal use on it.

The medium is a log of frames and a *root*, the length that counts. A write puts its frame behind
the root, syncs, and then moves the root in one sector's write, as LMDB does with its meta page. So
a power cut leaves the old content or the new: torn sectors of a frame lie behind the root and are
written over. Every record in a frame bears the checksum of :mod:`ledger.store.checksums`, the same
as on a real disk, and is verified at each read.

Rot strikes records at rest. What LMDB itself does about damage to its own pages is not simulated.
"""

from __future__ import annotations

import errno
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from random import Random
from struct import Struct

from ledger.errors import STORE_FULL, CodedError
from ledger.store.checksums import is_intact, seal, unseal
from ledger.store.tables import Change, Reader, Table

SECTOR = 512
_RECORD = Struct(">BHI")
_REMOVED = 2**32 - 1


class DiskFault(StrEnum):
    """What a disk can do besides losing power or being lost."""

    FULL = "full disk"
    FAILED_SYNC = "failed sync"
    SLOW = "slow sync"
    ROT = "bit rot"


class PowerCut(Exception):
    """The power fails in the middle of a write."""


class Medium:
    """The bytes that survive: ``log`` up to ``root``, and perhaps torn sectors behind it."""

    def __init__(self) -> None:
        self.log = bytearray()
        self.root = 0
        self.fault: DiskFault | None = None
        self.cutting: Random | None = None
        """Set while the power fails: the next write is cut short, by these dice."""
        self.rotten: dict[tuple[Table, bytes], int] = {}
        """Where the records lie that have rotted; one that was written anew lies elsewhere."""

    def copy(self) -> Medium:
        """Another disk with the same content."""
        other = Medium()
        other.log, other.root = bytearray(self.log), self.root
        return other

    def append(self, frame: bytearray) -> None:
        """Write a frame durably.

        Raises ``STORE_FULL`` with nothing written, ``OSError`` when the sync fails and
        :class:`PowerCut` with all of it written, torn parts of it, or nothing.
        """
        if self.fault is DiskFault.FULL:
            raise CodedError(STORE_FULL, "no space left on the simulated disk")
        del self.log[self.root :]
        self.log += frame
        if self.cutting is not None:
            self._tear(self.cutting)
            raise PowerCut
        if self.fault is DiskFault.FAILED_SYNC:
            raise OSError(errno.EIO, "the simulated disk could not sync")
        self.root = len(self.log)

    def _tear(self, rng: Random) -> None:
        """The power fails before the sync (some sectors survive), or after it (all do)."""
        if rng.random() < 0.5:
            self.root = len(self.log)
            return
        for start in range(self.root, len(self.log), SECTOR):
            if rng.random() < 0.5:
                end = min(start + SECTOR, len(self.log))
                self.log[start:end] = bytes(end - start)


class DiskEnvironment:
    """A :class:`ledger.store.tables.Environment` over a medium; reads what it holds on opening."""

    def __init__(self, medium: Medium) -> None:
        self._medium = medium
        self._failed = False
        self._places: dict[Table, dict[bytes, tuple[int, int]]] = {t: {} for t in Table}
        self._keys: dict[Table, list[bytes]] = {t: [] for t in Table}
        self._replay(0)
        for table, places in self._places.items():
            self._keys[table] = sorted(places)

    def _replay(self, start: int) -> None:
        log, places = self._medium.log, self._places
        while start < self._medium.root:
            table, key_size, size = _RECORD.unpack_from(log, start)
            start += _RECORD.size
            key = bytes(log[start : start + key_size])
            start += key_size
            if size == _REMOVED:
                places[Table(table)].pop(key, None)
            else:
                places[Table(table)][key] = (start, size)
                start += size

    def get(self, table: Table, key: bytes) -> bytes | None:
        """The value of a key, or None; raises ``STORE_CORRUPT``."""
        place = self._places[table].get(key)
        return None if place is None else unseal(table, key, self._stored(place))

    def _stored(self, place: tuple[int, int]) -> bytes:
        start, size = place
        return bytes(self._medium.log[start : start + size])

    def scan(self, table: Table, start: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """At most ``limit`` records with keys ≥ ``start``, ascending."""
        keys, places = self._keys[table], self._places[table]
        first = bisect_left(keys, start)
        return [
            (key, unseal(table, key, self._stored(places[key])))
            for key in keys[first : first + limit]
        ]

    def write(self, changes: Sequence[Change]) -> None:
        """Apply all changes or none, durably; after a failure nothing more is accepted."""
        if self._failed:
            raise OSError(errno.EIO, "a write failed earlier; open the store again")
        frame = bytearray()
        for change in changes:
            table = change.table
            for key, value in change.items:
                stored = b"" if value is None else seal(table, key, value)
                size = _REMOVED if value is None else len(stored)
                frame += _RECORD.pack(table, len(key), size) + key + stored
        start = self._medium.root
        try:
            self._medium.append(frame)
        except BaseException:
            self._failed = True
            raise
        self._replay(start)
        for change in changes:
            self._sort(change)

    def _sort(self, change: Change) -> None:
        keys, places = self._keys[change.table], self._places[change.table]
        for key, _ in change.items:
            at = bisect_left(keys, key)
            listed = at < len(keys) and keys[at] == key
            if key in places and not listed:
                insort(keys, key)
            elif listed and key not in places:
                del keys[at]

    @contextmanager
    def snapshot(self) -> Iterator[Reader]:
        """Reads of a copy of the present content."""
        yield DiskEnvironment(self._medium.copy())

    def damaged(self) -> Iterator[tuple[Table, bytes]]:
        """Every record that fails its checksum."""
        for table, places in self._places.items():
            for key in self._keys[table]:
                if not is_intact(table, key, self._stored(places[key])):
                    yield table, key

    def rot(self, rng: Random) -> bool:
        """Flip one bit of one record at rest; False if there is no record."""
        filled = [table for table, keys in self._keys.items() if keys]
        if not filled:
            return False
        table = rng.choice(filled)
        key = rng.choice(self._keys[table])
        start, size = self._places[table][key]
        if self._medium.rotten.get((table, key)) == start:
            return False
        self._medium.log[start + rng.randrange(size)] ^= 1 << rng.randrange(8)
        self._medium.rotten[table, key] = start
        return True

    def rotten(self) -> set[tuple[Table, bytes]]:
        """The records that have rotted and were not written anew since."""
        return {
            (table, key)
            for (table, key), start in self._medium.rotten.items()
            if self._places[table].get(key, (None, 0))[0] == start
        }

    def close(self) -> None:
        """Nothing to release."""
