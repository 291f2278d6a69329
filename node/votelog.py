"""The vote log: everything that this node's key has ever signed in consensus, kept for good.

The vote journal forgets what is decided. A guarantor who sets ``vote_log = true`` keeps, beside
it, one JSON line for each write of the journal: the votes, and the proposals and certificates
that they stood on; and one for each newest block, since a node that caught up votes on blocks whose
certificates its journal never held. ``iic model accept`` holds such logs against the protocol's
rules. The log is written before the vote leaves the node and is not synced: it explains, the
journal protects.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from ledger.block import Header
from node.messages import MESSAGE_KINDS, Batch
from node.opening import OpenNode

_BATCH = next(kind for kind, (structure, _) in MESSAGE_KINDS.items() if structure is Batch)


class Journal(Protocol):
    """The vote journal's one write, as :class:`node.runner.JournalWriter`."""

    def append_and_prune(self, records: Sequence[bytes], before_sequence: int) -> None: ...


class LoggedJournal:
    """A vote journal that also tells the log. ``head`` is the last committed header."""

    def __init__(self, journal: Journal, path: Path, head: Callable[[], Header]) -> None:
        self._journal = journal
        self._head = head
        _cut_unfinished(path)
        self._file = path.open("a", encoding="ascii", buffering=1)
        self._told: Header | None = None
        self._tell_head()

    def append_and_prune(self, records: Sequence[bytes], before_sequence: int) -> None:
        """Note records, then make them durable."""
        kept = [record.hex() for record in records if record[0] != _BATCH]
        if kept:
            self._tell_head()
            self._write({"saved": kept})
        self._journal.append_and_prune(records, before_sequence)

    def _tell_head(self) -> None:
        head = self._head()
        if head is not self._told:
            self._write({"committed": {"view": head.view, "block": head.hash().hex()}})
            self._told = head

    def _write(self, entry: dict[str, Any]) -> None:
        self._file.write(json.dumps(entry) + "\n")


def _cut_unfinished(path: Path) -> None:
    """Drop a last line that a crash or a full disk left unfinished: its votes never left."""
    if path.exists():
        with path.open("r+b") as file:
            content = file.read()
            file.truncate(content.rfind(b"\n") + 1)


def logged(opened: OpenNode) -> LoggedJournal:
    """An opened node's journal with its log, which grows from run to run."""

    def head() -> Header:
        found = opened.store.head
        assert found is not None, "an opened node holds block 0 at least"
        return found

    return LoggedJournal(opened.journal, opened.home.vote_log, head)
