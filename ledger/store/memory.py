"""An environment in memory, for tests, tools and the simulator."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ledger.store.tables import Change, Reader, Table


class MemoryEnvironment:
    """Ordered maps in memory; for one thread. ``copy`` is what a disk image would be."""

    def __init__(self) -> None:
        self._values: dict[Table, dict[bytes, bytes]] = {table: {} for table in Table}
        self._keys: dict[Table, list[bytes]] = {table: [] for table in Table}

    def get(self, table: Table, key: bytes) -> bytes | None:
        """The value of a key, or None."""
        return self._values[table].get(key)

    def scan(self, table: Table, start: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """At most ``limit`` records with keys ≥ ``start``, ascending."""
        keys = self._keys[table]
        first = bisect_left(keys, start)
        values = self._values[table]
        return [(key, values[key]) for key in keys[first : first + limit]]

    def write(self, changes: Sequence[Change]) -> None:
        """Apply all changes."""
        for change in changes:
            values, keys = self._values[change.table], self._keys[change.table]
            for key, value in change.items:
                if value is None:
                    if values.pop(key, None) is not None:
                        del keys[bisect_left(keys, key)]
                else:
                    if key not in values:
                        insort(keys, key)
                    values[key] = value

    @contextmanager
    def snapshot(self) -> Iterator[Reader]:
        """Reads of a copy of the present content."""
        yield self.copy()

    def copy(self) -> MemoryEnvironment:
        """An independent environment with the same content."""
        other = MemoryEnvironment()
        other._values = {table: dict(values) for table, values in self._values.items()}
        other._keys = {table: list(keys) for table, keys in self._keys.items()}
        return other

    def damaged(self) -> Iterator[tuple[Table, bytes]]:
        """Nothing: memory keeps no checksums."""
        return iter(())

    def close(self) -> None:
        """Nothing to release."""
