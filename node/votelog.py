"""The vote log: everything that this node's key has ever signed in consensus, kept for good.

The vote journal forgets what is decided. A guarantor who sets ``vote_log = true`` keeps, beside
it, one JSON line for each write of the journal: the votes, and the proposals and certificates
that they stood on. ``iic model accept`` holds such logs against the protocol's rules. The log is
written before the vote leaves the node and is not synced: it explains, the journal protects.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from node.messages import MESSAGE_KINDS, Batch
from node.opening import OpenNode

_BATCH = next(kind for kind, (structure, _) in MESSAGE_KINDS.items() if structure is Batch)


class Journal(Protocol):
    """The vote journal's one write, as :class:`node.runner.JournalWriter`."""

    def append_and_prune(self, records: Sequence[bytes], before_sequence: int) -> None: ...


class LoggedJournal:
    """A vote journal that also tells the log. ``view`` and ``block`` are the last committed."""

    def __init__(self, journal: Journal, path: Path, view: int, block: bytes) -> None:
        self._journal = journal
        _cut_unfinished(path)
        self._file = path.open("a", encoding="ascii", buffering=1)
        self._write({"start": {"view": view, "block": block.hex()}})

    def append_and_prune(self, records: Sequence[bytes], before_sequence: int) -> None:
        """Note records, then make them durable."""
        kept = [record.hex() for record in records if record[0] != _BATCH]
        if kept:
            self._write({"saved": kept})
        self._journal.append_and_prune(records, before_sequence)

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
    head = opened.store.head
    assert head is not None, "an opened node holds block 0 at least"
    return LoggedJournal(opened.journal, opened.home.vote_log, head.view, head.hash())
