"""A ledger in memory, reduced to what its next block needs.

Offers the part of a store that verifying block after block asks for, and forgets everything else:
no receipts, no indexes, no older headers. Starts from a genesis document's first block or from a
:class:`ledger.checkpoint.Checkpoint`, and becomes one again.
"""

from __future__ import annotations

from collections.abc import Iterator

from ledger import checkpoint
from ledger.block import Header
from ledger.checkpoint import Checkpoint
from ledger.errors import BAD_ARCHIVE, CodedError
from ledger.merkle import Frontier
from ledger.state import MemoryMap
from ledger.statetree import NoPages, tree_of
from ledger.store.interface import BlockCommit
from ledger.validators import ValidatorSet

_PRUNED_AT_LEAST = 100_000


class WorkingLedger:
    """A :class:`ledger.store.interface.Growing` in memory; empty until block 0 is committed."""

    def __init__(self) -> None:
        self.head: Header | None = None
        self._history = Frontier()
        self._validators: dict[int, ValidatorSet] = {}
        self._open: dict[bytes, int] = {}
        self._pruned_at = _PRUNED_AT_LEAST
        self._map = MemoryMap()
        self._pages: dict[bytes, bytes] = {}

    @classmethod
    def from_checkpoint(cls, start: Checkpoint) -> WorkingLedger:
        """The ledger as a checkpoint says it stood.

        Raises ``BAD_ARCHIVE`` unless the state is the one that its header commits to.
        """
        found = cls()
        header = start.header
        tree = tree_of(header.chain_id).update(NoPages(), start.state)
        if (tree.root if start.state else tree_of(header.chain_id).empty_root) != header.state_root:
            raise CodedError(
                BAD_ARCHIVE,
                f"the checkpoint's state is not the one that block {header.height} commits to",
            )
        found.head, found._history = header, start.history
        found._validators = {start.validators.epoch: start.validators}
        found._open = dict(start.open)
        found._map = MemoryMap(start.state)
        found._pages = {path: page for path, page in tree.pages.items() if page is not None}
        return found

    def checkpoint(self) -> bytes:
        """The bytes of a checkpoint after the newest block."""
        assert self.head is not None, "block 0 is committed"
        newest = self._validators[max(self._validators)]
        return checkpoint.write(self.head, self._history, newest, self._open, self._map.scan(b""))

    def get(self, key: bytes) -> bytes | None:
        """A value of the newest state."""
        return self._map.get(key)

    def scan(self, prefix: bytes, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Keys of the newest state with this prefix that are ≥ ``start``, ascending."""
        return self._map.scan(prefix, start)

    def page(self, path: bytes) -> bytes | None:
        """A page of the newest state's tree."""
        return self._pages.get(path)

    def history(self) -> Frontier:
        """The accumulator over all header hashes up to and including the head."""
        return self._history

    def is_recorded(self, transaction_id: bytes) -> bool:
        """Whether a transaction that could still be sent again is recorded."""
        return transaction_id in self._open

    def validators(self, epoch: int) -> ValidatorSet | None:
        """The validators of the newest epoch; earlier ones are forgotten."""
        return self._validators.get(epoch)

    def commit(self, block: BlockCommit) -> None:
        """Take over what a block changes."""
        self.head = block.header
        self._history = self._history.append(block.header.hash())
        self._map.apply(block.state)
        pages = self._pages
        for path, page in block.pages.items():
            if page is None:
                pages.pop(path, None)
            else:
                pages[path] = page
        self._open.update(block.transactions)
        if block.validators is not None:
            self._validators = {block.validators.epoch: block.validators}
        if len(self._open) >= self._pruned_at:
            time = block.header.time
            self._open = {id: until for id, until in self._open.items() if until > time}
            self._pruned_at = max(_PRUNED_AT_LEAST, 2 * len(self._open))
