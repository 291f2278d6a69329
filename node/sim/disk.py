"""A machine's disk: the real chain store and vote journal, each on a simulated medium.

What was synced survives a power cut; the write in flight is there entirely or not at all, whatever
sectors of it were torn. A disk may also be slow, run full, fail a sync or rot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol

from ledger.block import Certificate, Header
from ledger.errors import CodedError
from ledger.journal import Journal
from ledger.store.interface import BlockCommit
from ledger.store.tables import Environment
from node.sim.medium import DiskEnvironment, DiskFault, Medium, PowerCut


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

    ``format_store`` makes a medium with block 0 and ``open_store`` opens what an environment
    holds, as a starting process would.
    """

    def __init__(
        self,
        format_store: Callable[[], Medium],
        open_store: Callable[[Environment], Blocks],
    ) -> None:
        self._format = format_store
        self._open = open_store
        self.wipe()

    def wipe(self) -> None:
        """A new, empty disk."""
        self._chain, self._votes = self._format(), Medium()
        self.mount()

    def mount(self) -> None:
        """Open both again: memory of an earlier process is gone. Raises ``STORE_CORRUPT``."""
        self._environments = (DiskEnvironment(self._chain), DiskEnvironment(self._votes))
        self.store = self._open(self._environments[0])
        self.journal = Journal(self._environments[1])

    def persist(self, records: Sequence[bytes], prune_before: int | None) -> None:
        """Append to the journal and prune it, in one atomic write."""
        self.journal.append_and_prune(records, prune_before or 0)

    # -- faults ----------------------------------------------------------------------------------

    def set_fault(self, fault: DiskFault | None) -> None:
        """From now on every write meets this fault, or none."""
        self._chain.fault = self._votes.fault = fault

    def interrupt(self, write: Callable[[], None], rng: Random) -> None:
        """The power fails in the middle of a write."""
        self._chain.cutting = self._votes.cutting = rng
        try:
            write()
        except (PowerCut, OSError, CodedError):
            pass
        finally:
            self._chain.cutting = self._votes.cutting = None

    def rot(self, rng: Random) -> bool:
        """Flip a bit in a record of one of the two; False if that one holds nothing."""
        return rng.choice(self._environments).rot(rng)

    @property
    def rotten(self) -> bool:
        """Whether a record has rotted that was not written anew since."""
        return any(environment.rotten() for environment in self._environments)

    def finds_rot(self) -> bool:
        """Whether a check of all checksums names exactly the records that rotted."""
        return all(set(found.damaged()) == found.rotten() for found in self._environments)
