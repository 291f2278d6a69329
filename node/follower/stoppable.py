"""Reading a large state in a thread that may have to end early."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ledger.state import StateReader


class Stopped(Exception):
    """Whoever reads was told to end."""


class Stoppable:
    """A :class:`ledger.state.StateReader` that raises :class:`Stopped` once ``ends()``."""

    def __init__(self, reader: StateReader, ends: Callable[[], bool]) -> None:
        self._reader = reader
        self._ends = ends

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or None."""
        if self._ends():
            raise Stopped
        return self._reader.get(key)

    def scan(self, prefix: bytes, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Keys with this prefix that are ≥ ``start``, ascending, with their values."""
        for entry in self._reader.scan(prefix, start):
            if self._ends():
                raise Stopped
            yield entry
