"""Serving snapshots to newcomers, one part at a time for each peer, off the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from ledger.block import Header
from ledger.codec import encode
from ledger.snapshot import HEADERS_IN_PART, PartKind, write_items, write_rows
from ledger.store.interface import ChainReader, ChainStore
from ledger.store.snapshots import Snapshot, heights
from node import limits
from node.messages import (
    MAX_PART_BYTES,
    JoiningMessage,
    PartAnswer,
    PartRequest,
    SnapshotOffer,
    SnapshotRequest,
)


class SnapshotServer:
    """Answers what peers ask about snapshots. Lives on the event loop.

    A peer's requests are answered one after the other. Those beyond what may wait are dropped:
    whoever sends more than it was told to has to ask again.
    """

    def __init__(
        self, folder: Path, store: ChainStore, send: Callable[[int, JoiningMessage], None]
    ) -> None:
        self._shelf = Shelf(folder, store)
        self._send = send
        self._waiting: dict[int, deque[SnapshotRequest | PartRequest]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def handle(self, peer: int, message: JoiningMessage) -> None:
        """Take a peer's request; answers belong to newcomers and are ignored."""
        if not isinstance(message, SnapshotRequest | PartRequest):
            return
        waiting = self._waiting.setdefault(peer, deque())
        if len(waiting) >= limits.PART_REQUESTS_WAITING:
            return
        waiting.append(message)
        if peer not in self._tasks:
            task = asyncio.get_running_loop().create_task(self._answer(peer, waiting))
            self._tasks[peer] = task
            task.add_done_callback(lambda _: self._tasks.pop(peer, None))

    def forget(self, peer: int) -> None:
        """The peer is gone."""
        self._waiting.pop(peer, None)

    async def close(self) -> None:
        """Answer nothing more."""
        self._waiting.clear()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._shelf.close()

    async def _answer(self, peer: int, waiting: deque[SnapshotRequest | PartRequest]) -> None:
        while waiting and self._waiting.get(peer) is waiting:
            answer = await asyncio.to_thread(self._shelf.answer, waiting.popleft())
            if self._waiting.get(peer) is waiting:
                self._send(peer, answer)


class Shelf:
    """The snapshots on disk and the store that headers and rows are read from."""

    def __init__(self, folder: Path, store: ChainStore) -> None:
        self._folder = folder
        self._store = store
        self._open: dict[int, Snapshot] = {}
        self._lock = threading.Lock()

    def answer(self, request: SnapshotRequest | PartRequest) -> SnapshotOffer | PartAnswer:
        """The answer to a request, an empty one if this node has not got it. From any thread."""
        with self._lock:
            return self._answer(request)

    def _answer(self, request: SnapshotRequest | PartRequest) -> SnapshotOffer | PartAnswer:
        if isinstance(request, SnapshotRequest):
            return SnapshotOffer(self._manifest(request.height))
        content, end = self._part(request)
        if content is not None and len(content) > MAX_PART_BYTES:
            content = None
        return PartAnswer(request.snapshot, request.kind, request.path, request.start, end, content)

    def close(self) -> None:
        """Release the files."""
        while self._open:
            self._open.popitem()[1].close()

    def _manifest(self, height: int) -> bytes:
        found = heights(self._folder)
        wanted = height if height else next(iter(found), 0)
        snapshot = self._snapshot(wanted) if wanted in found else None
        return b"" if snapshot is None else snapshot.manifest

    def _snapshot(self, height: int) -> Snapshot | None:
        if height not in self._open:
            try:
                self._open[height] = Snapshot(self._folder / str(height))
            except OSError:  # removed for a newer one
                return None
            for old in sorted(self._open)[: -limits.SNAPSHOTS_KEPT]:
                self._open.pop(old).close()
        return self._open[height]

    def _part(self, request: PartRequest) -> tuple[bytes | None, int]:
        start, end = request.start, request.end
        if request.kind is PartKind.STATE:
            snapshot = self._snapshot(request.snapshot)
            return (None if snapshot is None else snapshot.state(request.path)), end
        with self._store.snapshot() as reader:
            if request.kind is PartKind.HEADERS:
                headers = _headers(reader, start, min(end, start + HEADERS_IN_PART))
                return (write_items(map(encode, headers)) if headers else None), end
            return _rows(reader, start, end)


def _headers(reader: ChainReader, start: int, end: int) -> list[Header]:
    found = [reader.header(height) for height in range(start, end)]
    return [header for header in found if header is not None]


def _rows(reader: ChainReader, start: int, end: int) -> tuple[bytes | None, int]:
    if start < reader.base:
        return None, end
    blocks: list[bytes] = []
    size = 0
    for height in range(start, min(end, start + limits.PART_ROWS_BLOCKS)):
        if reader.header(height) is None:
            break
        rows = write_rows(reader.rows(height))
        if blocks and size + len(rows) > limits.PART_ROWS_BYTES:
            break
        blocks.append(rows)
        size += len(rows)
    return (write_items(blocks) if blocks else None), start + len(blocks)
