"""The pool of verification workers, as the service sees it.

Large requests are cut into chunks. Urgent chunks (a proposal waits for them) go before others, and
within a priority the older go first. A worker that dies is replaced and its chunks are given to
another; a chunk over which workers keep dying is cut into single transactions, and the one that is
to blame is refused.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import node
from node import limits
from node.errors import VERIFIER_FAILED, Busy
from node.logs import logger
from node.verify.pipe import HEADER, PlainVerdict, decode_body, encode_job, length_of

_log = logger("verify")
_ROOT = str(Path(node.__file__).parents[1])


def default_size() -> int:
    """Workers for this machine: one on up to four processors, else half of them."""
    count = os.cpu_count() or 1
    return 1 if count <= 4 else count // 2


class _Request:
    """One call of :meth:`VerifyPool.check`: its verdicts as they come in."""

    __slots__ = ("done", "missing", "verdicts")

    def __init__(self, size: int) -> None:
        self.verdicts: list[PlainVerdict] = [(b"", "", "", "")] * size
        self.missing = size
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def fill(self, start: int, verdicts: Sequence[PlainVerdict]) -> None:
        """Take the verdicts of the transactions from ``start`` on."""
        self.verdicts[start : start + len(verdicts)] = verdicts
        self.missing -= len(verdicts)
        if not self.missing and not self.done.done():
            self.done.set_result(None)


class _Chunk:
    """Part of a request: the unit that a worker takes. Ordered by urgency, then age."""

    __slots__ = ("attempts", "number", "request", "start", "urgent", "wires")

    def __init__(
        self, number: int, request: _Request, start: int, wires: Sequence[bytes], urgent: bool
    ) -> None:
        self.number = number
        self.request = request
        self.start = start
        self.wires = wires
        self.urgent = urgent
        self.attempts = 0

    def __lt__(self, other: _Chunk) -> bool:
        return (not self.urgent, self.number) < (not other.urgent, other.number)


class VerifyPool:
    """See the module. Every method is called on the event loop."""

    def __init__(self, chain_id: bytes, size: int | None = None) -> None:
        self._chain_id = chain_id
        self._size = size or default_size()
        self._queue: asyncio.PriorityQueue[_Chunk] = asyncio.PriorityQueue()
        self._numbers = 0
        self._runners: list[asyncio.Task[None]] = []
        self._pids: set[int] = set()
        self._closed = False
        self.waiting = 0
        """Transactions without a verdict."""
        self.restarts = 0
        """Workers that died."""

    @property
    def pids(self) -> frozenset[int]:
        """The running workers' process ids."""
        return frozenset(self._pids)

    def start(self) -> None:
        """Start the workers; work may be handed in at once."""
        loop = asyncio.get_running_loop()
        self._runners = [loop.create_task(self._keep_running()) for _ in range(self._size)]

    async def close(self) -> None:
        """Stop the workers. Checks in progress are cancelled."""
        self._closed = True
        for runner in self._runners:
            runner.cancel()
        await asyncio.gather(*self._runners, return_exceptions=True)
        while not self._queue.empty():
            self._queue.get_nowait().request.done.cancel()

    async def check(self, wires: Sequence[bytes], *, urgent: bool = False) -> list[PlainVerdict]:
        """One verdict per transaction, in order. Raises ``BUSY`` when too many wait already."""
        if not urgent and self.waiting + len(wires) > limits.CHECK_QUEUE_WIRES:
            raise Busy(f"{self.waiting} transactions wait for their signature checks")
        if not wires:
            return []
        request = _Request(len(wires))
        self.waiting += len(wires)
        try:
            for start, part in _cut(wires):
                self._put(request, start, part, urgent)
            await request.done
        finally:
            self.waiting -= len(wires)
        return request.verdicts

    # inside -----------------------------------------------------------------------------------
    def _put(
        self, request: _Request, start: int, wires: Sequence[bytes], urgent: bool, attempts: int = 0
    ) -> None:
        self._numbers += 1
        chunk = _Chunk(self._numbers, request, start, wires, urgent)
        chunk.attempts = attempts
        self._queue.put_nowait(chunk)

    async def _keep_running(self) -> None:
        while True:
            at_work: deque[_Chunk] = deque()
            try:
                await self._run_one(at_work)
            except (OSError, EOFError, ValueError) as error:
                self.restarts += 1
                _log.error("verification worker died", reason=str(error), restarts=self.restarts)
            finally:
                self._take_back(at_work)
            await asyncio.sleep(limits.WORKER_RESTART_SECONDS)

    async def _run_one(self, at_work: deque[_Chunk]) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # the working directory is not searched for modules
            "-m",
            "node.verify.worker",
            self._chain_id.hex(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": _ROOT},
        )
        assert process.stdin is not None and process.stdout is not None
        self._pids.add(process.pid)
        room = asyncio.Semaphore(limits.CHECK_PIPELINE)
        feeder = asyncio.get_running_loop().create_task(self._feed(process.stdin, at_work, room))
        try:
            while True:
                header = await self._read_header(process.stdout, at_work)
                body = await process.stdout.readexactly(length_of(header))
                number, verdicts = decode_body(body)
                chunk = at_work[0]
                if number != chunk.number or len(verdicts) != len(chunk.wires):
                    raise ValueError("a worker answered what it was not asked")
                at_work.popleft()
                chunk.request.fill(chunk.start, verdicts)
                room.release()
        finally:
            feeder.cancel()
            self._pids.discard(process.pid)
            await _stop(process)

    async def _read_header(self, source: asyncio.StreamReader, at_work: deque[_Chunk]) -> bytes:
        """The next answer's header; a worker that sits on one chunk for too long counts as dead."""
        while True:
            oldest = at_work[0] if at_work else None
            try:
                async with asyncio.timeout(limits.CHECK_SECONDS):
                    return await source.readexactly(HEADER.size)
            except TimeoutError:
                if oldest is not None and at_work and at_work[0] is oldest:
                    raise EOFError(f"no answer in {limits.CHECK_SECONDS:.0f} s") from None

    async def _feed(
        self, target: asyncio.StreamWriter, at_work: deque[_Chunk], room: asyncio.Semaphore
    ) -> None:
        with suppress(ConnectionError):  # the reader notices the death and says so
            while True:
                await room.acquire()
                chunk = await self._queue.get()
                if chunk.request.done.cancelled():
                    room.release()
                    continue
                at_work.append(chunk)
                target.write(encode_job(chunk.number, chunk.wires))
                await target.drain()

    def _take_back(self, at_work: deque[_Chunk]) -> None:
        """Chunks of a worker that is gone: the first was being worked on and may be to blame."""
        for position, chunk in enumerate(at_work):
            if self._closed:
                chunk.request.done.cancel()
                continue
            chunk.attempts += position == 0
            if chunk.attempts < limits.CHECK_ATTEMPTS:
                self._queue.put_nowait(chunk)
            elif len(chunk.wires) == 1:
                chunk.request.fill(
                    chunk.start,
                    [(b"", VERIFIER_FAILED.name, "verification workers died over it", "")],
                )
            else:
                for offset, wire in enumerate(chunk.wires):
                    last_try = limits.CHECK_ATTEMPTS - 1
                    start = chunk.start + offset
                    self._put(chunk.request, start, [wire], chunk.urgent, last_try)


def _cut(wires: Sequence[bytes]) -> Iterator[tuple[int, Sequence[bytes]]]:
    """Chunks with the position of their first transaction, bounded in number and bytes."""
    start = size = 0
    for position, wire in enumerate(wires):
        full = position - start == limits.CHECK_CHUNK_WIRES
        if full or (size and size + len(wire) > limits.CHECK_CHUNK_BYTES):
            yield start, wires[start:position]
            start, size = position, 0
        size += len(wire)
    yield start, wires[start:]


async def _stop(process: asyncio.subprocess.Process) -> None:
    """End a worker: by closing its input, and by force when that does not help."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        async with asyncio.timeout(limits.WORKER_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
