"""A machine's disk: what is on it survives a power cut, what is on its way may or may not.

A write is atomic, as LMDB's transactions are, and takes time. When the power fails, the write in
flight has either reached the disk or not (the world tosses a coin), later ones have not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ledger.block import Certificate, Header
from ledger.journal import Journal
from ledger.store.interface import BlockCommit
from ledger.store.memory import MemoryEnvironment


class Blocks(Protocol):
    """What the world and its checks need of a store."""

    @property
    def head(self) -> Header | None:
        """The newest block's header."""
        ...

    def header(self, height: int) -> Header | None:
        """The header at a height."""
        ...

    def certificate(self, height: int) -> Certificate | None:
        """The finalization of exactly the block at a height."""
        ...

    def commit(self, block: BlockCommit) -> None:
        """Store the next block."""
        ...


class Disk:
    """One disk: a chain store and a vote journal.

    ``format`` makes an empty store with block 0 in a fresh environment and ``open`` opens what an
    environment holds, as a starting process would.
    """

    def __init__(
        self,
        format_store: Callable[[], MemoryEnvironment],
        open_store: Callable[[MemoryEnvironment], Blocks],
    ) -> None:
        self._format = format_store
        self._open = open_store
        self.wipe()

    def wipe(self) -> None:
        """A new, empty disk."""
        self._chain = self._format()
        self._votes = MemoryEnvironment()
        self.mount()

    def mount(self) -> None:
        """Open both again: memory of an earlier process is gone."""
        self.store = self._open(self._chain)
        self.journal = Journal(self._votes)

    def persist(self, records: Sequence[bytes], prune_before: int | None) -> None:
        """Append to the journal and prune it, in one atomic write."""
        self.journal.append_and_prune(records, prune_before or 0)
