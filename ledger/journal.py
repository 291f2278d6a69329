"""The vote journal: what a node signed, durable before it leaves the node.

It is an environment of its own beside the chain store, so that a vote's sync never waits for a
block's. Records are numbered from 0; :meth:`Journal.prune` drops those that a commit made obsolete.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ledger.store import tables
from ledger.store.lmdb_environment import LmdbEnvironment
from ledger.store.tables import Change, Environment, Table

_NEXT = b"next"
"""Sorts after every record's key, whose first byte stays 0 for the first 2^56 records."""


class Journal:
    """A :class:`ledger.store.interface.VoteJournal` over an environment. For one thread."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        stored = environment.get(Table.JOURNAL, _NEXT)
        self._next = 0 if stored is None else int.from_bytes(stored, "big")
        first = next((key for key, _ in tables.each(environment, Table.JOURNAL, chunk=1)), _NEXT)
        self._first = self._next if first == _NEXT else int.from_bytes(first, "big")

    @property
    def next_sequence(self) -> int:
        """The number that the next record will get."""
        return self._next

    def append(self, records: Sequence[bytes]) -> None:
        """Store records after the last, in order, durably, all or none.

        Raises ``STORE_FULL`` or ``OSError``; the node then must not send what it failed to store.
        """
        self._write(records, self._first)

    def load(self) -> list[bytes]:
        """All records that were not pruned, oldest first; ``STORE_CORRUPT`` if one is damaged."""
        records = [v for k, v in tables.each(self._environment, Table.JOURNAL) if k != _NEXT]
        if len(records) != self._next - self._first:
            raise tables.corrupt("the vote journal lacks records")
        return records

    def prune(self, before_sequence: int) -> None:
        """Drop records numbered below this; the first record ever appended has number 0."""
        self._write((), before_sequence)

    def append_and_prune(self, records: Sequence[bytes], before_sequence: int) -> None:
        """Both in one sync."""
        self._write(records, before_sequence)

    def _write(self, records: Sequence[bytes], before_sequence: int) -> None:
        after = self._next + len(records)
        first = max(self._first, min(before_sequence, after))
        if not records and first == self._first:
            return
        items: list[tuple[bytes, bytes | None]] = [
            (tables.height_key(number), None)
            for number in range(self._first, min(first, self._next))
        ]
        items += [
            (tables.height_key(self._next + offset), record)
            for offset, record in enumerate(records)
            if self._next + offset >= first
        ]
        items.append((_NEXT, after.to_bytes(8, "big")))
        self._environment.write([Change(Table.JOURNAL, items)])
        self._first, self._next = first, after

    def close(self) -> None:
        """Release the environment."""
        self._environment.close()


def open_journal(path: Path) -> Journal:
    """The journal in a directory, created if it is not there.

    Raises ``STORE_LOCKED``, ``STORE_CORRUPT``, ``STORE_FULL`` or ``OSError``.
    """
    environment = LmdbEnvironment(path, (Table.JOURNAL,), map_bytes=4 << 20)
    try:
        return Journal(environment)
    except BaseException:
        environment.close()
        raise
