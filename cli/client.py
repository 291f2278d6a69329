"""Clients of a node's HTTP API: one blocking, one asynchronous, with the same behaviour.

Used by the wallet, the demo and the benchmark. Several nodes may be given: a call that fails at one
is made at the next. Everything may be repeated, because reads change nothing and the same bytes
submitted again get their first result. Failures are coded errors: the node's own code where a node
answered (:class:`cli.plans.ServerError`), ``NODE_UNREACHABLE`` where none did, ``OUTCOME_UNKNOWN``
where a submission may have arrived.

    with Client(["http://127.0.0.1:8080"]) as client:
        about = client.do(calls.node())
        [result] = client.submit([wire], wait_s=30)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from cli import plans
from cli.calls import Call
from cli.plans import Pause, Plan, Pool, Reply, Send
from cli.stream import EventReader
from node.api.models import BlockEvent, GapEvent, SubmissionView

T = TypeVar("T")

TIMEOUT_S = 10.0
PATIENCE_S = 10.0
_STREAM_SILENCE_S = 45.0
"""Three pings of a node; a stream that is silent for longer is dead."""
_STREAM_PAUSE_S = 0.5


def _timeout(seconds: float) -> httpx.Timeout:
    return httpx.Timeout(seconds, connect=min(3.0, seconds))


def _request(http: httpx.Client | httpx.AsyncClient, pool: Pool, step: Send) -> httpx.Request:
    call = step.call
    headers = {"Content-Type": call.media_type} if call.media_type else {}
    return http.build_request(
        call.method,
        pool.urls[step.at] + call.path,
        params=dict(call.params),
        content=call.body,
        headers=headers,
        timeout=_timeout(step.timeout_s),
    )


class _Base:
    """What both clients are made with, and the plans that they carry out."""

    def __init__(
        self,
        urls: Sequence[str] | str,
        *,
        timeout_s: float = TIMEOUT_S,
        patience_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = Pool([urls] if isinstance(urls, str) else urls)
        self._timeout_s = timeout_s
        self._patience_s = patience_s
        self._clock = clock

    @property
    def url(self) -> str:
        """The node that is used at the moment."""
        return self._pool.current

    def _ask(self, call: Call[T]) -> Plan[T]:
        return plans.ask(
            self._pool,
            call,
            timeout_s=self._timeout_s,
            patience_s=self._patience_s,
            clock=self._clock,
        )

    def _submit(self, wires: Sequence[bytes], wait_s: float) -> Plan[list[SubmissionView]]:
        return plans.submit(
            self._pool,
            wires,
            wait_s=wait_s,
            timeout_s=self._timeout_s,
            patience_s=self._patience_s,
            clock=self._clock,
        )

    def _settle(self, ids: Sequence[bytes], wait_s: float) -> Plan[list[SubmissionView]]:
        return plans.settle(
            self._pool,
            ids,
            wait_s=wait_s,
            timeout_s=self._timeout_s,
            patience_s=self._patience_s,
            clock=self._clock,
        )

    def _stream_request(
        self,
        http: httpx.Client | httpx.AsyncClient,
        reader: EventReader,
        parties: Sequence[str],
        objects: Sequence[bytes],
    ) -> httpx.Request:
        params: dict[str, Any] = {}
        if reader.next is not None:
            params["from"] = reader.next
        if parties:
            params["party"] = list(parties)
        if objects:
            params["object"] = [identity.hex() for identity in objects]
        return http.build_request(
            "GET",
            self._pool.current + "/v1/events",
            params=params,
            headers={"Accept": "text/event-stream"},
            timeout=_timeout(_STREAM_SILENCE_S),
        )

    def _stream_failed(self, response: httpx.Response | None, failing_since: float) -> float:
        """After a stream ended or failed: raise, or turn to the next node after so long."""
        if response is not None and response.status_code >= 400:
            error = plans.error_of(response)
            if response.status_code < 500 and response.status_code != 429:
                raise error
        else:
            error = self._pool.unreachable()
        if self._clock() - failing_since > self._patience_s:
            raise error
        self._pool.next()
        return _STREAM_PAUSE_S


class Client(_Base):
    """The blocking client. Not for several threads at once."""

    def __init__(
        self,
        urls: Sequence[str] | str,
        *,
        timeout_s: float = TIMEOUT_S,
        patience_s: float = PATIENCE_S,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(urls, timeout_s=timeout_s, patience_s=patience_s, clock=clock)
        self._sleep = sleep
        self._http = httpx.Client(transport=transport, trust_env=False)

    def do(self, call: Call[T]) -> T:
        """Make one call."""
        return self._run(self._ask(call))

    def submit(self, wires: Sequence[bytes], *, wait_s: float = 0.0) -> list[SubmissionView]:
        """Submit envelopes; with ``wait_s``, wait until none is pending. One status each.

        A refused transaction is a status, not an exception; see :func:`cli.plans.refusal`.
        """
        return self._run(self._submit(wires, wait_s))

    def wait_final(self, ids: Sequence[bytes], *, wait_s: float) -> list[SubmissionView]:
        """Wait until each is final or refused, at most ``wait_s``; the newest status of each."""
        return self._run(self._settle(ids, wait_s))

    def events(
        self,
        first: int | None = None,
        *,
        parties: Sequence[str] = (),
        objects: Sequence[bytes] = (),
    ) -> Iterator[BlockEvent | GapEvent]:
        """Final blocks from ``first`` (None: from now on), without end.

        Goes on at the next node when one fails; every height comes once or is named in a gap.
        """
        reader = EventReader(first)
        failing_since = self._clock()
        while True:
            response = None
            try:
                request = self._stream_request(self._http, reader, parties, objects)
                response = self._http.send(request, stream=True)
                if response.status_code >= 400:
                    response.read()
                else:
                    for chunk in response.iter_bytes():
                        yield from reader.feed(chunk)
                        failing_since = self._clock()
            except httpx.TransportError:
                response = None
            finally:
                if response is not None:
                    response.close()
            reader.reconnect()
            self._sleep(self._stream_failed(response, failing_since))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self, plan: Plan[T]) -> T:
        reply: Reply = None
        try:
            while True:
                step = plan.send(reply)
                reply = None
                if isinstance(step, Pause):
                    self._sleep(step.seconds)
                    continue
                try:
                    reply = self._http.send(_request(self._http, self._pool, step))
                except httpx.TransportError as error:
                    reply = error
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]


class AsyncClient(_Base):
    """The asynchronous client: the same calls, awaited."""

    def __init__(
        self,
        urls: Sequence[str] | str,
        *,
        timeout_s: float = TIMEOUT_S,
        patience_s: float = PATIENCE_S,
        connections: int = 32,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(urls, timeout_s=timeout_s, patience_s=patience_s, clock=clock)
        self._http = httpx.AsyncClient(
            transport=transport,
            trust_env=False,
            limits=httpx.Limits(max_connections=connections),
        )

    async def do(self, call: Call[T]) -> T:
        """Make one call."""
        return await self._run(self._ask(call))

    async def submit(self, wires: Sequence[bytes], *, wait_s: float = 0.0) -> list[SubmissionView]:
        """As :meth:`Client.submit`."""
        return await self._run(self._submit(wires, wait_s))

    async def wait_final(self, ids: Sequence[bytes], *, wait_s: float) -> list[SubmissionView]:
        """As :meth:`Client.wait_final`."""
        return await self._run(self._settle(ids, wait_s))

    async def events(
        self,
        first: int | None = None,
        *,
        parties: Sequence[str] = (),
        objects: Sequence[bytes] = (),
    ) -> AsyncIterator[BlockEvent | GapEvent]:
        """As :meth:`Client.events`."""
        reader = EventReader(first)
        failing_since = self._clock()
        while True:
            response = None
            try:
                request = self._stream_request(self._http, reader, parties, objects)
                response = await self._http.send(request, stream=True)
                if response.status_code >= 400:
                    await response.aread()
                else:
                    async for chunk in response.aiter_bytes():
                        for event in reader.feed(chunk):
                            yield event
                        failing_since = self._clock()
            except httpx.TransportError:
                response = None
            finally:
                if response is not None:
                    await response.aclose()
            reader.reconnect()
            await asyncio.sleep(self._stream_failed(response, failing_since))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _run(self, plan: Plan[T]) -> T:
        reply: Reply = None
        try:
            while True:
                step = plan.send(reply)
                reply = None
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    continue
                try:
                    reply = await self._http.send(_request(self._http, self._pool, step))
                except httpx.TransportError as error:
                    reply = error
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
