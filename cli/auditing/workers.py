"""Worker processes for verification: one per core, each with a task at a time.

A worker replays a stretch of an archive from checkpoint to checkpoint, or verifies the signatures
of some transactions ahead of the one process that executes them. Everything that a worker finds
comes back as a value; a worker ends when the process that started it does.
"""

from __future__ import annotations

import gc
import hashlib
import multiprocessing
import os
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple

from contracts.replay import Stretch, Told, difference
from contracts.verifier import read_verified
from contracts.violations import Check, Violated, Violation
from ledger import checkpoint, segment
from ledger.archive import Archive, Part, PartKind, open_archive
from ledger.codec import decode
from ledger.errors import BAD_ARCHIVE, CodedError
from ledger.genesis import MAX_FILE_BYTES, Genesis

REPORT_EVERY = 500
"""Transactions between two reports of a worker."""


class StretchTask(NamedTuple):
    """Replay the blocks of an archive between two checkpoints.

    ``start`` is the index of the checkpoint's part, None for genesis; ``blocks`` those of the
    blocks' parts; ``end`` that of the next checkpoint, None if there is none. The state after the
    ``last`` stretch is checked completely.
    """

    number: int
    start: int | None
    blocks: tuple[int, ...]
    end: int | None
    last: bool = False


class StretchDone(NamedTuple):
    """A stretch is what it says; ``told`` is what may be told once in a whole ledger, ``cpu_s``
    what the replay took."""

    number: int
    transactions: int
    told: list[Told]
    cpu_s: float


class SignatureTask(NamedTuple):
    """Read these transactions strictly and verify their signatures."""

    number: int
    wires: list[bytes]


class SignaturesDone(NamedTuple):
    """Whether all of a task's transactions were sound."""

    number: int
    sound: bool


class Fault(NamedTuple):
    """What is wrong in a stretch, first of all."""

    number: int
    violations: tuple[Violation, ...]


class Ready(NamedTuple):
    """A worker has loaded what it needs."""


class Advance(NamedTuple):
    """So many more transactions were replayed."""

    transactions: int


Task = StretchTask | SignatureTask
Report = StretchDone | SignaturesDone | Fault | Advance


class Workers:
    """A pool of worker processes. Use as a context manager; tasks are handed to whoever is free."""

    def __init__(self, count: int, genesis: bytes, archive: Path | None = None) -> None:
        context = multiprocessing.get_context("spawn")
        self._free: list[Connection] = []
        self._starting: list[Connection] = []
        self._busy: set[Connection] = set()
        self._processes = []
        for _ in range(count):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, genesis, archive), daemon=True)
            process.start()
            theirs.close()
            self._processes.append(process)
            self._starting.append(ours)

    def __enter__(self) -> Workers:
        """Wait until every worker has loaded what it needs."""
        while self._starting:
            _received(self._starting[-1])
            self._free.append(self._starting.pop())
        return self

    def __exit__(self, *_: object) -> None:
        for connection in (*self._starting, *self._free, *self._busy):
            connection.close()
        for process in self._processes:
            process.terminate()
            process.join()

    @property
    def idle(self) -> bool:
        """Whether some worker has nothing to do."""
        return bool(self._free)

    @property
    def busy(self) -> bool:
        """Whether some worker has something to do."""
        return bool(self._busy)

    def give(self, task: Task) -> None:
        """Hand a task to an idle worker."""
        connection = self._free.pop()
        self._busy.add(connection)
        connection.send(task)

    def reports(self, timeout: float | None = None) -> Iterator[Report]:
        """What workers have to say, once at least one has or the time is over (s)."""
        for ready in wait(list(self._busy), timeout):
            assert isinstance(ready, Connection)
            report: Report = _received(ready)
            if not isinstance(report, Advance):
                self._busy.remove(ready)
                self._free.append(ready)
            yield report


def _received(connection: Connection) -> Any:
    try:
        return connection.recv()
    except EOFError:
        raise OSError("a worker process ended; was it killed, or is memory short?") from None


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


# inside a worker ----------------------------------------------------------------------------------


def _work(connection: Connection, genesis: bytes, archive: Path | None) -> None:
    document = decode(genesis, Genesis, limit=MAX_FILE_BYTES)
    opened = None if archive is None else open_archive(archive)
    settle_memory()
    try:
        connection.send(Ready())
        while True:
            task: Task = connection.recv()
            if isinstance(task, SignatureTask):
                connection.send(_verify_signatures(document.chain_id, task))
            else:
                assert opened is not None, "stretches are those of an archive"
                connection.send(_replay(connection, document, opened, task))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return  # whoever asked is gone


def settle_memory() -> None:
    """Let the cycle collector leave alone what is loaded, and a replay's records."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 50, 1_000)


def _verify_signatures(chain_id: bytes, task: SignatureTask) -> SignaturesDone:
    try:
        for wire in task.wires:
            read_verified(chain_id, wire)
    except CodedError:
        return SignaturesDone(task.number, sound=False)
    return SignaturesDone(task.number, sound=True)


def _replay(
    connection: Any, genesis: Genesis, archive: Archive, task: StretchTask
) -> StretchDone | Fault:
    waiting = done = 0

    def taken(transactions: int) -> None:
        nonlocal waiting, done
        waiting, done = waiting + transactions, done + transactions
        if waiting >= REPORT_EVERY:
            connection.send(Advance(waiting))
            waiting = 0

    cpu = time.process_time()
    try:
        stretch = replay_stretch(genesis, archive, task, taken)
    except Violated as violated:
        return Fault(task.number, violated.violations)
    connection.send(Advance(waiting))
    spent = time.process_time() - cpu
    return StretchDone(task.number, done, stretch.once.told(), spent)


def replay_stretch(
    genesis: Genesis, archive: Archive, task: StretchTask, taken: Any = None
) -> Stretch:
    """Replay a stretch and compare the checkpoint at its end; raises :class:`Violated`."""
    parts = archive.manifest.parts
    try:
        start = None if task.start is None else archive.checkpoint(task.start)
        stretch = Stretch(genesis, start)
        for index in task.blocks:
            take_part(stretch, archive, index, taken=taken)
        if task.end is not None:
            require_checkpoint(archive, task.end, stretch.checkpoint())
        if task.last:
            stretch.finish()
    except CodedError as error:
        raise Violated((fault_of(error, parts),)) from None
    return stretch


def take_part(
    stretch: Stretch, archive: Archive, index: int, *, signatures: bool = True, taken: Any = None
) -> None:
    """Replay a part's blocks; of a part that was changed, the block that shows it is named."""
    try:
        found = archive.segment(index)
    except CodedError as changed:
        try:
            altered = segment.read(archive.container.read(index))
        except (CodedError, OSError):
            raise changed from None  # not even blocks
        stretch.take(altered.blocks)
        raise
    stretch.take(found.blocks, signatures=signatures, taken=taken)


def require_checkpoint(archive: Archive, index: int, made: bytes) -> None:
    """Raise :class:`Violated` unless an archive's checkpoint is the one that was made here."""
    part = archive.manifest.parts[index]
    shown = archive.container.read(index)
    if shown == made and hashlib.sha256(made).digest() == part.sha256:
        return
    try:
        what = difference(checkpoint.read(made), checkpoint.read(shown))
    except CodedError as error:
        what = error.message
    raise Violated((Violation(Check.CHECKPOINT, part.last, what, object=part.name),))


def fault_of(error: CodedError, parts: tuple[Part, ...]) -> Violation:
    """The violation that an unreadable part of an archive is; other errors are raised again."""
    if error.code is not BAD_ARCHIVE:
        raise error
    named = next((part for part in parts if part.name == error.field), None)
    height = 0 if named is None else named.first
    return Violation(Check.ARCHIVE, height, error.message, object=error.field)


def stretches_of(archive: Archive) -> list[StretchTask]:
    """The stretches of an archive, from checkpoint to checkpoint, by height."""
    found: list[StretchTask] = []
    start: int | None = None
    blocks: list[int] = []
    for index, part in enumerate(archive.manifest.parts):
        if part.kind is PartKind.BLOCKS:
            blocks.append(index)
            continue
        if blocks:
            found.append(StretchTask(len(found), start, tuple(blocks), index))
        start, blocks = index, []
    if blocks:
        found.append(StretchTask(len(found), start, tuple(blocks), None))
    return [task._replace(last=task.number == len(found) - 1) for task in found]
