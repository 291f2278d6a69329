"""Verifying a whole ledger, on all cores, from where the last attempt ended.

An archive with checkpoints is replayed stretch by stretch, each by a worker. Where there are none,
one process executes block after block while the workers verify signatures ahead of it. Either way
the fault that is reported is the first one of the ledger: a fault counts only once everything below
it is verified.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from cli.auditing.ledgers import open_blocks
from cli.auditing.progress import Meter, Resume
from cli.auditing.source import StoreSource, require_beginning
from cli.auditing.workers import (
    Advance,
    Fault,
    SignaturesDone,
    SignatureTask,
    StretchDone,
    StretchTask,
    Workers,
    fault_of,
    settle_memory,
    stretches_of,
    take_part,
)
from cli.errors import STARTS_LATER
from contracts.replay import Once, Stretch, Told
from contracts.violations import Check, Violated, Violation
from ledger import checkpoint, proof
from ledger.archive import Archive, PartKind
from ledger.block import Header
from ledger.codec import encode
from ledger.errors import BAD_GENESIS, CodedError
from ledger.genesis import Genesis
from ledger.segment import Segment

_AHEAD_TRANSACTIONS = 1_000
"""A signature task has about so many."""
_AHEAD_TASKS = 3
"""Tasks per worker that are handed out before they are needed."""
SAVE_EVERY = 500_000
"""Transactions after which a replay without checkpoints saves where it is."""


class Verified(NamedTuple):
    """What was verified, if nothing is wrong: up to which block, and how much of it now.

    ``seconds`` are those of the replay, once the workers were ready; ``cpu_s`` is what replaying
    stretches side by side took of all cores (0 where it was done in another way).
    """

    height: int
    transactions: int
    replayed: int
    seconds: float
    cpu_s: float
    certified: Header | None


def verify_archive(
    archive: Archive,
    genesis: Genesis,
    *,
    jobs: int,
    resume: Resume,
    after: str = "",
    quiet: bool = True,
) -> Verified:
    """Verify an archive; raises :class:`Violated` with its first fault.

    One that starts later goes on from the checkpoint that it begins with: its state must be the one
    that the block below commits to, and that block final by what ``after`` holds (an archive, a
    store or a node). Raises ``BAD_GENESIS`` if the archive is of another ledger, ``BAD_ARCHIVE`` if
    it is none and ``STARTS_LATER`` without anything to start after.
    """
    manifest = archive.manifest
    require_chain(genesis, manifest.chain_id, archive.path)
    if after:
        require_start(archive, genesis, after)
    else:
        require_beginning(
            manifest.first, archive.path, "name an earlier archive or a store with --after"
        )
    tasks = stretches_of(archive)
    if len(tasks) > 1 or manifest.first > 1:
        replayed = _side_by_side(archive, genesis, tasks, jobs, resume, quiet)
    else:
        replayed = _one_after_the_other(
            genesis, ArchiveBlocks(archive), manifest.transactions, jobs, resume, quiet
        )
    return Verified(manifest.last, manifest.transactions, *replayed, None)


def verify_store(
    source: StoreSource,
    genesis: Genesis,
    *,
    jobs: int,
    resume: Resume,
    quiet: bool = True,
) -> Verified:
    """Verify a store's blocks by replay, then its records, indexes and state against them."""
    head = source.reader.head
    assert head is not None, "a source has blocks"
    require_chain(genesis, head.chain_id, source.path)
    require_beginning(
        source.first,
        source.path,
        "its state is checked by: iic node check, its blocks by an archive",
    )
    total = _count(source)
    replayed = _one_after_the_other(genesis, StoreBlocks(source), total, jobs, resume, quiet)
    return Verified(source.last, total, *replayed, source.reader.header(source.last))


def require_start(archive: Archive, genesis: Genesis, after: str) -> None:
    """Raise unless an archive begins on a block that a ledger proves final from genesis.

    Raises ``STARTS_LATER`` where that ledger does not reach the block, and :class:`Violated`.
    """
    height = archive.manifest.first - 1
    if height == 0:
        return
    with open_blocks(after) as blocks:
        proven = blocks.extension(genesis, height)
    if proven is None:
        raise CodedError(
            STARTS_LATER,
            f"{archive.path} goes on after block {height}, of which {after} holds no finalization",
        )
    proof.verify_extension(proven, genesis)
    shown = archive.checkpoint(0).header
    if shown != proven.header:
        what = f"the archive goes on from another block {height} than the one in {after}"
        raise Violated((Violation(Check.CHECKPOINT, height, what),))


def identity_of(source: Archive | StoreSource, genesis: Genesis) -> str:
    """What a verification is about: progress of another one is none of this one."""
    content = hashlib.sha256(encode(genesis))
    if isinstance(source, Archive):
        content.update(source.manifest.digest())
    return content.hexdigest()


def require_chain(genesis: Genesis, chain_id: bytes, path: Path) -> None:
    if chain_id != genesis.chain_id:
        raise CodedError(
            BAD_GENESIS,
            f"{path} holds ledger {chain_id.hex()[:16]}…, the genesis file is that of "
            f"{genesis.chain_id.hex()[:16]}…",
        )


def _count(source: StoreSource) -> int:
    headers = (source.reader.header(height) for height in range(1, source.last + 1))
    return sum(header.transactions for header in headers if header is not None)


# stretches side by side ---------------------------------------------------------------------------


def _side_by_side(
    archive: Archive,
    genesis: Genesis,
    tasks: list[StretchTask],
    jobs: int,
    resume: Resume,
    quiet: bool,
) -> tuple[int, float, float]:
    """Replay every stretch that no earlier attempt verified: transactions, seconds, CPU."""
    parts = archive.manifest.parts
    open_tasks = deque(task for task in tasks if task.number not in resume.stretches)
    counts = [sum(parts[index].transactions for index in task.blocks) for task in tasks]
    done = sum(counts[number] for number in resume.stretches)
    meter = Meter(sum(counts), done, quiet=quiet)
    faults: dict[int, tuple[Violation, ...]] = {}
    workers = min(jobs, max(1, len(open_tasks)))
    replayed, cpu = 0, 0.0
    with Workers(workers, encode(genesis), archive.path) as pool:
        started = time.monotonic()
        try:
            # What stands after a fault cannot be the first fault.
            while open_tasks or pool.busy:
                while (
                    pool.idle and open_tasks and open_tasks[0].number < min(faults, default=1 << 62)
                ):
                    pool.give(open_tasks.popleft())
                if not pool.busy:
                    break
                for report in pool.reports():
                    if isinstance(report, Advance):
                        meter.advance(report.transactions)
                    elif isinstance(report, StretchDone):
                        replayed, cpu = replayed + report.transactions, cpu + report.cpu_s
                        resume.stretch(report.number, report.told)
                    elif isinstance(report, Fault):
                        faults[report.number] = report.violations
                first = min(faults, default=None)
                if first is not None and all(n in resume.stretches for n in range(first)):
                    raise Violated(faults[first])
        finally:
            meter.end()
        seconds = time.monotonic() - started
    _require_once(resume.stretches[number] for number in sorted(resume.stretches))
    return replayed, seconds, cpu


def _require_once(told: Iterable[list[Told]]) -> None:
    once = Once()
    for entries in told:
        once.take(entries)


# one after the other ------------------------------------------------------------------------------


class Piece(NamedTuple):
    """Blocks that are executed together, and how."""

    blocks: Segment | None
    part: int


class ArchiveBlocks:
    """The parts of an archive that hold blocks."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive

    def pieces(self, first: int) -> Iterator[Piece]:
        """From a height on; a part that cannot be read is one without blocks."""
        for index, part in enumerate(self.archive.manifest.parts):
            if part.kind is PartKind.BLOCKS and part.last >= first:
                try:
                    yield Piece(self.archive.segment(index), index)
                except CodedError:
                    yield Piece(None, index)

    def fault(self, error: CodedError) -> Violation:
        """What an unreadable part is."""
        return fault_of(error, self.archive.manifest.parts)


class StoreBlocks:
    """The blocks of a store."""

    archive = None

    def __init__(self, source: StoreSource) -> None:
        self._source = source
        self._next = 1

    def pieces(self, first: int) -> Iterator[Piece]:
        """From a height on."""
        self._next = first
        for found in self._source.segments(first):
            self._next = found.blocks[-1].header.height + 1
            yield Piece(found, -1)

    def fault(self, error: CodedError) -> Violation:
        """What an unreadable record is."""
        return Violation(Check.STORE, self._next, error.message)


def _one_after_the_other(
    genesis: Genesis,
    blocks: ArchiveBlocks | StoreBlocks,
    total: int,
    jobs: int,
    resume: Resume,
    quiet: bool,
) -> tuple[int, float, float]:
    try:
        start = None if resume.checkpoint is None else checkpoint.read(resume.checkpoint)
        stretch = Stretch(genesis, start, resume.stretches.get(0, ()))
    except (CodedError, Violated):  # a damaged progress file costs time and nothing else
        stretch = Stretch(genesis)
    settle_memory()
    meter = Meter(total, quiet=quiet)
    replayed = saved = 0

    def taken(transactions: int) -> None:
        nonlocal replayed
        replayed += transactions
        meter.advance(transactions)

    with Workers(max(1, jobs - 1), encode(genesis)) as pool:
        started = time.monotonic()
        try:
            for piece, sound in verified_ahead(pool, blocks.pieces(stretch.head.height + 1), jobs):
                if blocks.archive is not None:
                    take_part(
                        stretch, blocks.archive, piece.part, signatures=not sound, taken=taken
                    )
                else:
                    assert piece.blocks is not None, "a store's pieces are read"
                    stretch.take(piece.blocks.blocks, signatures=not sound, taken=taken)
                if replayed - saved >= SAVE_EVERY:
                    saved = replayed
                    resume.reached(stretch.checkpoint(), stretch.head.height, stretch.once.told())
            stretch.finish()
        except CodedError as error:
            raise Violated((blocks.fault(error),)) from None
        finally:
            meter.end()
        return replayed, time.monotonic() - started, 0.0


def verified_ahead(
    pool: Workers, pieces: Iterator[Piece], jobs: int
) -> Iterator[tuple[Piece, bool]]:
    """Each piece, and whether workers found all of its transactions sound.

    Where they did not, executing it with signatures says exactly what is wrong.
    """
    waiting: deque[Piece] = deque()
    tasks: dict[int, set[int]] = {}
    sound: dict[int, bool] = {}
    queue: deque[tuple[int, SignatureTask]] = deque()
    numbers = read = 0
    exhausted = False
    while True:
        while not exhausted and len(queue) < _AHEAD_TASKS * jobs:
            piece = next(pieces, None)
            if piece is None:
                exhausted = True
                break
            number, read = read, read + 1
            waiting.append(piece)
            tasks[number], sound[number] = set(), piece.blocks is not None
            for wires in _bundles(piece):
                queue.append((number, SignatureTask(numbers, wires)))
                tasks[number].add(numbers)
                numbers += 1
        while pool.idle and queue:
            pool.give(queue.popleft()[1])
        if not waiting:
            return
        first = read - len(waiting)
        if not tasks[first]:
            del tasks[first]
            yield waiting.popleft(), sound.pop(first)
            continue
        for report in pool.reports():
            assert isinstance(report, SignaturesDone)
            owner = next(n for n, open_tasks in tasks.items() if report.number in open_tasks)
            tasks[owner].discard(report.number)
            sound[owner] &= report.sound


def _bundles(piece: Piece) -> Iterator[list[bytes]]:
    if piece.blocks is None:
        return
    wires = [row.wire for block in piece.blocks.blocks for row in block.rows if row.wire]
    for start in range(0, len(wires), _AHEAD_TRANSACTIONS):
        yield wires[start : start + _AHEAD_TRANSACTIONS]
