"""What every route works with: the node, the bounds, the shared counters."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TypeVar

from fastapi import Request

from ledger.block import Header
from ledger.errors import NOT_CERTIFIED, TOO_LARGE, CodedError
from ledger.store.interface import ChainReader
from node.api.guard import ApiMetrics, Rates
from node.api.handle import NodeHandle, Submission
from node.api.lane import Lane
from node.api.settings import ApiSettings
from node.errors import BAD_REQUEST, Busy

T = TypeVar("T")


class Api:
    """The state that the API's routes share; one per application, used on one event loop."""

    def __init__(self, node: NodeHandle, settings: ApiSettings) -> None:
        self.node = node
        self.settings = settings
        self.metrics = ApiMetrics(node.metrics)
        self.transaction_rates = Rates(
            settings.transaction_rate, settings.transaction_burst, settings.remembered_clients
        )
        self.request_rates = Rates(
            settings.request_rate, settings.request_burst, settings.remembered_clients
        )
        self.reads = Lane(rest=settings.lane_rest, waiting=settings.lane_waiting)
        self._bytes_in_flight = 0
        self._waiters = 0

    @asynccontextmanager
    async def body(self, request: Request, limit: int) -> AsyncIterator[bytes]:
        """The request's body, at most ``limit`` bytes, counted until the request is answered.

        Raises ``TOO_LARGE``, ``BAD_REQUEST`` (the body did not arrive in time) or ``BUSY`` (all
        clients' bodies together take the room there is).
        """
        accepted = f"a body of at most {limit} bytes is accepted here"
        declared = request.headers.get("content-length", "0")
        if not declared.isascii() or not declared.isdigit() or int(declared[:18]) > limit:
            raise CodedError(TOO_LARGE, accepted)
        chunks: list[bytes] = []
        held = 0
        try:
            try:
                async with asyncio.timeout(self.settings.body_timeout_s):
                    async for chunk in request.stream():
                        held += len(chunk)
                        self._bytes_in_flight += len(chunk)
                        if held > limit:
                            raise CodedError(TOO_LARGE, accepted)
                        if self._bytes_in_flight > self.settings.max_bytes_in_flight:
                            raise Busy("the node is receiving as much as it can hold")
                        chunks.append(chunk)
            except TimeoutError:
                raise CodedError(BAD_REQUEST, "the body did not arrive in time") from None
            yield b"".join(chunks)
        finally:
            self._bytes_in_flight -= held

    @contextmanager
    def snapshot(self) -> Iterator[tuple[ChainReader, Header]]:
        """Reads of one unchanging state, and its newest header. Nothing may await inside."""
        with self.node.store.snapshot() as reader:
            head = reader.head
            assert head is not None, "a node serves only once genesis is stored"
            yield reader, head

    @asynccontextmanager
    async def long_read(self) -> AsyncIterator[tuple[ChainReader, Header]]:
        """As :meth:`snapshot`, in the lane for reads that may cost milliseconds."""
        async with self.reads.turn():
            with self.snapshot() as found:
                yield found

    async def prove(self, make: Callable[[ChainReader], T]) -> tuple[T, int]:
        """What ``make`` proves from a long read, and the height that it read.

        A newest block that is final through a later one cannot be certified by itself: then wait
        for the next, at most :attr:`ApiSettings.proof_wait_s`. Raises ``NOT_CERTIFIED`` after that.
        """
        deadline = time.monotonic() + self.settings.proof_wait_s
        while True:
            height = self.node.head().height
            try:
                async with self.long_read() as (reader, head):
                    return make(reader), head.height
            except CodedError as error:
                left = deadline - time.monotonic()
                if error.code is not NOT_CERTIFIED or left <= 0:
                    raise
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.node.wait_for_height(height + 1), left)

    async def settle(self, first: Sequence[Submission], timeout_s: float) -> list[Submission]:
        """Wait until none of ``first`` is pending, at most ``timeout_s`` seconds.

        Returns the newest status of each, in order. Raises ``BUSY`` when too many requests wait.
        """
        results = list(first)
        pending = [at for at, result in enumerate(results) if result.status == "pending"]
        if not pending or timeout_s <= 0:
            return results
        deadline = time.monotonic() + min(timeout_s, self.settings.max_wait_s)
        with self.waiter():
            while pending:
                height = self.node.head().height
                for at in pending:
                    known = results[at].id
                    assert known is not None, "what is pending has an id"
                    results[at] = self.node.status(known)
                pending = [at for at in pending if results[at].status == "pending"]
                remaining = deadline - time.monotonic()
                if not pending or remaining <= 0:
                    break
                try:
                    await asyncio.wait_for(self.node.wait_for_height(height + 1), remaining)
                except TimeoutError:
                    break
        return results

    @contextmanager
    def waiter(self) -> Iterator[None]:
        """A request that waits for blocks; raises ``BUSY`` when too many do."""
        if self._waiters >= self.settings.max_waiters:
            raise Busy("too many requests wait at this node; ask again later")
        self._waiters += 1
        try:
            yield
        finally:
            self._waiters -= 1
