"""Connections of API clients: how many, how slow, and how much each may make the node hold.

uvicorn reads requests and writes answers; :class:`Connection` adds what it leaves open. A request's
head and body arrive within bounds of size and time, an answer is taken at some least rate, and the
bytes that wait for all readers together are bounded: what is most in the way gives way. A client
that opens too many connections is answered 429 on each further one, and cut off beyond that.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ledger.errors import CodedError
from node.api.guard import ApiMetrics, client_of
from node.api.problems import problem_of
from node.api.settings import ApiSettings
from node.errors import BAD_REQUEST, RATE_LIMITED, Busy

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

LOOK_SECONDS: Final = 0.5
"""How often the connections' times are looked at."""
COURTESY: Final = 8
"""One connection too many for so many that may be open is told why; beyond these none is."""


class Connections:
    """All connections of one API server; lives on its event loop."""

    def __init__(self, settings: ApiSettings, metrics: ApiMetrics) -> None:
        self.settings = settings
        self.metrics = metrics
        self._open: set[Connection] = set()
        self._per_client: Counter[str] = Counter()
        self._watch: asyncio.Task[None] | None = None

    @property
    def unsent(self) -> int:
        """Bytes of answers that wait for readers who are behind."""
        return sum(one.unsent for one in self._open)

    def enter(self, connection: Connection) -> str:
        """Count a connection in: empty if it may ask, else why not; its end is the caller's."""
        bounds = self.settings
        self._open.add(connection)
        self._per_client[connection.of] += 1
        self.metrics.connections.set(len(self._open))
        if self._watch is None:
            self._watch = asyncio.get_running_loop().create_task(self._look())
        mine, most = self._per_client[connection.of], bounds.max_connections_per_client
        if mine > most:
            return "client" if mine <= most + max(1, most // COURTESY) else "flood"
        if len(self._open) > bounds.max_connections:
            spare = max(1, bounds.max_connections // COURTESY)
            return "full" if len(self._open) <= bounds.max_connections + spare else "flood"
        return ""

    def leave(self, connection: Connection) -> None:
        """A connection is gone."""
        self._open.discard(connection)
        self._per_client[connection.of] -= 1
        if not self._per_client[connection.of]:
            del self._per_client[connection.of]
        self.metrics.connections.set(len(self._open))
        if not self._open and self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def relieve(self) -> None:
        """Cut off readers until what waits fits: first of the client for which most waits."""
        behind = [one for one in self._open if one.unsent]
        total = sum(one.unsent for one in behind)
        held: Counter[str] = Counter()
        for one in behind:
            held[one.of] += one.unsent
        while behind and total > self.settings.max_unsent_bytes:
            worst = max(behind, key=lambda one: (held[one.of], one.unsent))
            behind.remove(worst)
            total -= worst.unsent
            held[worst.of] -= worst.unsent
            worst.shed("memory")

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            now = loop.time()
            for one in list(self._open):
                one.tick(now)
            self.metrics.unsent.set(self.unsent)


class Connection(HttpToolsProtocol):
    """One client's connection. All times are of the loop's monotonic clock, in seconds."""

    def __init__(self, all_of_them: Connections, **given: Any) -> None:
        super().__init__(**given)
        self._all = all_of_them
        self._bounds = all_of_them.settings
        self._head_since: float | None = None
        self._body_since: float | None = None
        self._received = 0
        self._blocked: tuple[float, int] | None = None
        self._is_over = False
        self.of = ""
        """Whose connection it is (:func:`node.api.guard.client_of`)."""

    @property
    def unsent(self) -> int:
        """Bytes that wait because the reader is behind."""
        if self._blocked is None or self.transport is None:
            return 0
        return self.transport.get_write_buffer_size()

    # asyncio and the parser call these --------------------------------------------------------
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count it in; one too many is told so, or cut off."""
        super().connection_made(transport)
        self._head_since = self.loop.time()
        self.of = client_of({"client": self.client})
        reason = self._all.enter(self)
        if not reason:
            return
        self._all.metrics.connections_refused.labels(reason).inc()
        if reason == "flood":
            self._is_over = True
            transport.abort()
        else:
            self.app = cast(Any, _refusal)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it out."""
        self._is_over = True
        self._blocked = None
        self._all.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bound what one request may bring, whatever its parser keeps of it."""
        if self._is_over:
            return
        self._received += len(data)
        super().data_received(data)
        in_head = self._head_since is not None
        most = self._bounds.max_head_bytes if in_head else self._bounds.max_request_bytes
        if self._received > most and not self.transport.is_closing():
            self.shed("size")

    def on_message_begin(self) -> None:
        """A request's first byte."""
        super().on_message_begin()
        self._head_since = self._head_since or self.loop.time()

    def on_headers_complete(self) -> None:
        """The head is there; its body may follow."""
        if (
            sum(len(name) + len(value) for name, value in self.headers)
            > self._bounds.max_head_bytes
        ):
            raise ValueError("the head is too long")
        self._head_since = None
        self._body_since = self.loop.time()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is complete; bytes of the next are counted anew."""
        self._body_since = None
        self._received = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer is handed over; the next request's head is due."""
        super().on_response_complete()
        if not self.pipeline and (self.cycle is None or self.cycle.response_complete):
            self._head_since = self.loop.time()

    def send_400_response(self, msg: str) -> None:
        """What is not HTTP is answered as every refusal is, and the connection ends."""
        body = bytes(problem_of(CodedError(BAD_REQUEST, "this is not an HTTP request")).body)
        head = (
            b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        )
        self.transport.write(head + body)
        self.transport.close()

    def pause_writing(self) -> None:
        """The reader is behind: from now on it is watched."""
        super().pause_writing()
        self._blocked = (self.loop.time(), self.transport.get_write_buffer_size())
        self.loop.call_soon(self._all.relieve)

    def resume_writing(self) -> None:
        """The reader has caught up."""
        super().resume_writing()
        self._blocked = None

    # the set calls these ----------------------------------------------------------------------
    def tick(self, now: float) -> None:
        """Enforce the time limits."""
        bounds = self._bounds
        if self._is_over:
            return
        if self._blocked is not None:
            # While writing is paused nothing is added, so what is missing was taken.
            since, size = self._blocked
            if now - since < bounds.send_timeout_s:
                return
            left = self.transport.get_write_buffer_size()
            if size - left < bounds.min_send_rate * (now - since):
                self.shed("reader")
            else:
                self._blocked = (now, left)
        elif self._head_since is not None:
            if now - self._head_since > bounds.head_timeout_s:
                self.shed("head")
        elif self._body_since is not None:
            if self.flow.read_paused:  # the node's own doing
                self._body_since = now
            elif now - self._body_since > bounds.body_timeout_s + bounds.head_timeout_s:
                self.shed("body")

    def shed(self, reason: str) -> None:
        """Cut the client off at once; what waits for it is lost."""
        if self._is_over:
            return
        self._is_over = True
        self._all.metrics.connections_shed.labels(reason).inc()
        with suppress(OSError):
            self.transport.abort()


async def _refusal(scope: Scope, receive: Receive, send: Send) -> None:
    """The application of a connection too many."""
    if scope["type"] != "http":
        return
    busy = Busy(
        "too many connections are open; use fewer, and close them",
        retry_after_s=5,
        code=RATE_LIMITED,
    )
    answer = problem_of(busy)
    answer.headers["Connection"] = "close"
    await answer(scope, receive, send)
