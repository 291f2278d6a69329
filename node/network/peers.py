"""All peers of a node: who is connected, dialing, listening, handling received frames in turn.

Between two validators there is one connection, dialed by the one with the lower index, or by the
other if that one does not; an observer dials everyone. A node that reconnects replaces its own
earlier connection. Messages to a peer that
is not connected are lost: whoever needs an answer asks again.
"""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
import time
from collections import Counter
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from ledger import keys
from ledger.errors import CodedError
from node import limits
from node.errors import PEER_REFUSED
from node.logs import logger
from node.metrics import NodeMetrics
from node.network.frames import LANES, Frame, Lane, encode_frame
from node.network.hello import Connection, check_hello, make_hello
from node.network.link import Link
from node.network.queues import Inbox
from node.network.roster import Entry, Roster, split_address
from node.network.tls import TlsFiles, make_contexts

_log = logger("peers")


class Self(NamedTuple):
    """This node: its key, its certificate (DER) and where TLS finds both halves of the latter."""

    chain_id: bytes
    key: keys.SigningKey
    certificate: bytes
    files: TlsFiles


class Sink(Protocol):
    """Where events go. Called on the event loop; must not block it for long."""

    @property
    def has_room(self) -> bool:
        """Whether messages are taken now; while not, they wait in their queues."""
        ...

    def peer_up(self, peer: int) -> None: ...

    def peer_down(self, peer: int) -> None: ...

    def received(self, peer: int, kind: int, payload: bytes) -> None:
        """A message. A coded error raised here is the peer's offence and ends its connection."""
        ...


class PeerState(NamedTuple):
    """What is known of one peer; ``heard_ms`` is wall-clock time, None if never heard."""

    entry: Entry
    connected: bool
    heard_ms: int | None
    expires_ms: int | None
    reason: str


class Peers:
    """See the module. Every method is called on the event loop."""

    def __init__(self, this: Self, roster: Roster, sink: Sink, metrics: NodeMetrics) -> None:
        self._this = this
        self._sink = sink
        self._metrics = metrics
        self._links: dict[int, Link] = {}
        self._pending: set[Link] = set()
        self._admissions: dict[Link, asyncio.Task[None]] = {}
        self._inbox = Inbox()
        self._pumping = False
        self._dialers: dict[int, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._penalty: dict[bytes, float] = {}
        self._heard: dict[int, tuple[int | None, int | None, str]] = {}
        self._listener: socket.socket | None = None
        self._closing = False
        self._adopt(roster)

    # life -------------------------------------------------------------------------------------
    async def start(self, listen: str) -> tuple[str, int]:
        """Listen on ``host:port`` (port 0 picks one), dial, and return the bound address."""
        host, port = split_address(listen)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=128)
        self._listener.setblocking(False)
        self._spawn(self._accept_all(self._listener))
        self._spawn(self._tick_all())
        self._dial_all()
        name = self._listener.getsockname()
        return str(name[0]), int(name[1])

    async def close(self) -> None:
        """Close every connection and stop."""
        self._closing = True
        tasks = [*self._tasks, *self._dialers.values()]
        for task in tasks:
            task.cancel()
        if self._listener is not None:
            self._listener.close()
        links = [*self._links.values(), *self._pending]
        for link in links:
            link.close("this node stops")
        await asyncio.gather(*tasks, *(link.gone for link in links), return_exceptions=True)

    def set_roster(self, roster: Roster, this: Self | None = None) -> None:
        """Others may connect from now on, perhaps under other numbers; ``this`` has new keys.

        Connections of nodes that stay what they were go on, under their new number if it changed.
        """
        links, before = list(self._links.items()), self._this.certificate
        if this is not None:
            self._this = this
        for task in self._dialers.values():
            task.cancel()
        self._dialers.clear()
        self._adopt(roster)
        self._links = {}
        gone: list[int] = []
        come: list[int] = []
        for peer, link in links:
            assert link.entry is not None, "a connection that counts has proved who it is"
            entry = roster.by_certificate(link.entry.certificate)
            same = entry is not None and entry.node_key == link.entry.node_key
            if entry is None or not same or before != self._this.certificate:
                gone.append(peer)
                self._inbox.forget(peer)
                link.close("the validator set changed")
                continue
            link.entry = entry
            self._links[entry.peer] = link
            if entry.peer != peer:
                gone.append(peer)
                come.append(entry.peer)
                self._inbox.forget(peer)
        self._heard = {p: seen for p, seen in self._heard.items() if p not in gone}
        for peer in gone:
            self._sink.peer_down(peer)
        for peer in come:
            self._note_expiry(self._links[peer], self._name(self._links[peer]))
            self._sink.peer_up(peer)
        self._dial_all()

    # sending ----------------------------------------------------------------------------------
    def send(self, peer: int, kind: int, payload: bytes) -> None:
        """Queue a message for a peer, if it is connected."""
        link = self._links.get(peer)
        if link is not None:
            self._send(link, LANES[kind], encode_frame(kind, payload))

    def broadcast(self, kind: int, payload: bytes) -> None:
        """Queue a message for every connected validator and observer."""
        frame = encode_frame(kind, payload)
        for link in list(self._links.values()):
            self._send(link, LANES[kind], frame)

    # looking ----------------------------------------------------------------------------------
    def states(self) -> list[PeerState]:
        """Every other node of the roster, in order of index."""
        found = []
        now_ms, now = int(time.time() * 1000), asyncio.get_running_loop().time()
        for entry in self._others():
            link = self._links.get(entry.peer)
            heard_ms, expires_ms, reason = self._heard.get(entry.peer, (None, None, ""))
            if link is not None:
                heard_ms = now_ms - int((now - link.last_heard) * 1000)
            found.append(PeerState(entry, link is not None, heard_ms, expires_ms, reason))
        return found

    @property
    def connected(self) -> frozenset[int]:
        """The peers that are connected now."""
        return frozenset(self._links)

    # the links call these ---------------------------------------------------------------------
    @property
    def certificate(self) -> bytes:
        """This node's own certificate in DER."""
        return self._this.certificate

    def identify(self, certificate: bytes | None) -> Entry:
        """The registered node of a certificate; raises ``PEER_REFUSED``."""
        entry = self._roster.by_certificate(certificate)
        if entry is None:
            raise CodedError(PEER_REFUSED, "its certificate is not registered")
        if entry.certificate == self._this.certificate:
            raise CodedError(PEER_REFUSED, "its certificate is this node's own")
        until = self._penalty.get(entry.certificate, 0.0)
        if asyncio.get_running_loop().time() < until:
            raise CodedError(PEER_REFUSED, f"{entry.name} broke a rule a moment ago")
        return entry

    def hello_for(self, connection: Connection, *, dialed: bool) -> bytes:
        """This node's hello payload for a connection."""
        return make_hello(self._this.chain_id, self._this.key, connection, dialed=dialed)

    def check_hello(
        self, payload: bytes, entry: Entry, connection: Connection, *, dialed: bool
    ) -> None:
        """Accept a peer's hello or raise a coded error."""
        check_hello(payload, self._this.chain_id, entry.node_key, connection, dialed=dialed)

    def opened(self, link: Link) -> None:
        """The peer has proved who it is: its newest connection is the one that counts."""
        self._pending.discard(link)
        name, peer = self._name(link), link.peer
        if self._closing or self._roster.by_peer(peer) != link.entry:
            link.close("the validator set changed")
            return
        earlier = self._links.pop(peer, None)
        if earlier is not None:
            earlier.close("replaced by a newer connection")
            self._inbox.forget(peer)
            self._sink.peer_down(peer)
        self._links[peer] = link
        self._metrics.peer_up.labels(name).set(1)
        self._note_expiry(link, name)
        _log.debug("peer connected", peer=name, address=link.address, dialed=link.dialed)
        self._sink.peer_up(peer)

    def received(self, link: Link, frame: Frame) -> bool:
        """Queue a message for its turn; False when this peer must wait."""
        if self._links.get(link.peer) is not link:
            return True
        self._metrics.peer_received.labels(self._name(link)).inc(len(frame.payload))
        self._inbox.put(link.peer, frame)
        if not self._pumping:
            self._pumping = True
            asyncio.get_running_loop().call_soon(self._pump)
        return not self._inbox.is_full(link.peer)

    def paused(self, link: Link, reason: str) -> None:
        """Reading from a peer has stopped for a while."""
        self._metrics.peer_paused.labels(self._name(link), reason).inc()

    def closed(self, link: Link) -> None:
        """A connection is gone."""
        self._pending.discard(link)
        if link.dialed and not link.is_open:
            self._failed("hello" if link.offended else "lost")
        if link.entry is None:
            _log.debug("connection refused", reason=link.reason)
            return
        name = self._name(link)
        if link.shed and link.is_open:
            self._metrics.peer_shed.labels(name, link.shed).inc()
        if link.offended and not self._closing:
            self._metrics.peer_offences.labels(name).inc()
            until = asyncio.get_running_loop().time() + limits.OFFENCE_SECONDS
            if link.is_open:  # before its hello a peer has proved nothing that it can be blamed for
                self._penalty[link.entry.certificate] = until
            _log.warning("peer refused", peer=name, reason=link.reason)
        if self._links.get(link.peer) is not link:
            return
        del self._links[link.peer]
        self._inbox.forget(link.peer)
        heard_ms = int(time.time() * 1000)
        expires = link.certificate_expires
        self._heard[link.peer] = (heard_ms, expires and expires * 1000, link.reason)
        self._metrics.peer_up.labels(name).set(0)
        self._metrics.peer_closed.labels(name).inc()
        self._metrics.peer_queue.labels(name).set(0)
        _log.debug("peer disconnected", peer=name, reason=link.reason)
        if not self._closing:
            self._sink.peer_down(link.peer)

    # inside -----------------------------------------------------------------------------------
    def _adopt(self, roster: Roster) -> None:
        self._roster = roster
        own = roster.by_certificate(self._this.certificate)
        self._own_peer = own.peer if own is not None and own.peer >= 0 else None
        self._tls = make_contexts(self._this.files, (e.certificate for e in roster.entries))
        if self._tls.unreadable:
            _log.warning("registered certificates cannot be read", count=self._tls.unreadable)

    def _others(self) -> Iterable[Entry]:
        return (e for e in self._roster.entries if e.certificate != self._this.certificate)

    def _name(self, link: Link) -> str:
        return link.entry.name if link.entry is not None else "?"

    def _send(self, link: Link, lane: Lane, frame: bytes) -> None:
        name, before = self._name(link), link.queue.dropped
        link.send(lane, frame)
        self._metrics.peer_sent.labels(name).inc(len(frame))
        if link.queue.dropped != before:
            self._metrics.peer_dropped.labels(name).inc(link.queue.dropped - before)

    def _note_expiry(self, link: Link, name: str) -> None:
        expires = link.certificate_expires
        if expires is None:
            return
        self._heard[link.peer] = (int(time.time() * 1000), expires * 1000, "")
        self._metrics.certificate_expiry.labels(name).set(expires)
        days = (expires - time.time()) / 86_400
        if days < 0:
            _log.warning("a peer's TLS certificate has expired; still accepted", peer=name)
        elif days < limits.EXPIRY_WARNING_DAYS:
            _log.warning("a peer's TLS certificate expires soon", peer=name, days=int(days))

    def _pump(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limits.PUMP_SECONDS
        while self._sink.has_room and (taken := self._inbox.take()) is not None:
            peer, frame = taken
            link = self._links[peer]
            try:
                self._sink.received(peer, frame.kind, frame.payload)
            except CodedError as error:
                link.offended = True
                link.close(str(error))
                self._inbox.forget(peer)
            else:
                if link.waits_for_room and self._inbox.has_drained(peer):
                    link.resume()
            if loop.time() >= deadline:
                break
        self._pumping = bool(self._inbox)
        if self._pumping and self._sink.has_room:
            loop.call_soon(self._pump)
        elif self._pumping and not self._closing:
            loop.call_later(limits.FULL_PAUSE_SECONDS, self._pump)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _tick_all(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1.0)
            now = loop.time()
            for link in list(self._links.values()):
                link.tick(now)
                self._metrics.peer_queue.labels(self._name(link)).set(link.queue.bytes)
            self._metrics.inbox.set(self._inbox.held_bytes())
            self._metrics.handshakes.set(len(self._pending))
            self._penalty = {c: until for c, until in self._penalty.items() if until > now}

    async def _accept_all(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, source = await loop.sock_accept(listener)
            except OSError as error:  # out of file descriptors, most likely: it passes
                _log.warning("cannot accept a connection", reason=str(error))
                await asyncio.sleep(0.2)
                continue
            self._make_room()
            link = Link(self, dialed=False, source=str(source[0]))
            self._pending.add(link)
            self._admissions[link] = self._spawn(self._admit(link, connection))

    def _make_room(self) -> None:
        """End the oldest accepted handshake of the address that has most, if all places are taken.

        Whoever opens connections and leaves them so only takes places from itself.
        """
        accepted = [link for link in self._admissions if not link.shed]
        if len(accepted) < limits.MAX_HANDSHAKES:
            return
        held = Counter(link.source for link in accepted)
        oldest = max(accepted, key=lambda link: (held[link.source], -link.last_heard))
        oldest.shed = "room"
        self._admissions[oldest].cancel()

    def _failed(self, reason: str) -> None:
        self._metrics.refused.inc()
        self._metrics.handshakes_failed.labels(reason).inc()

    async def _admit(self, link: Link, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + limits.HANDSHAKE_SECONDS
        failed = "lost"
        try:
            async with asyncio.timeout_at(due):
                await loop.connect_accepted_socket(
                    lambda: link,
                    connection,
                    ssl=self._tls.server,
                    ssl_handshake_timeout=limits.HANDSHAKE_SECONDS,
                )
                await link.ready
            failed = ""
        except (OSError, ssl.SSLError, TimeoutError) as error:
            _log.debug("connection refused", reason=str(error) or type(error).__name__)
            if link.offended:
                failed = "hello"
            elif loop.time() >= due:
                failed = "slow"
            elif isinstance(error, ssl.SSLError):
                failed = "tls"
        finally:
            self._pending.discard(link)
            del self._admissions[link]
            if failed and not self._closing:
                self._failed(link.shed or failed)
            if not link.is_open:
                link.close("no hello in time")
                connection.close()

    def _dial_all(self) -> None:
        for entry in self._others():
            if entry.address and entry.peer not in self._dialers and not self._closing:
                task = asyncio.get_running_loop().create_task(self._dial(entry))
                self._dialers[entry.peer] = task

    async def _dial(self, entry: Entry) -> None:
        """Keep connected. Of two validators the first one dials; the other gives it time to.

        It may wait in vain: to whoever left the validators while this node was away it is none to
        dial, and only from others can this node learn that.
        """
        first = limits.BACKOFF_FIRST_SECONDS
        if self._own_peer is not None and self._own_peer > entry.peer:
            first = limits.AWAIT_DIAL_SECONDS
            await asyncio.sleep(first)
        wait = first
        while True:
            link = self._links.get(entry.peer)
            if link is None:
                link = await self._dial_once(entry)
            if link is not None:
                wait = first
                with suppress(ConnectionError):
                    await asyncio.shield(link.gone)
                if link.offended:
                    wait = limits.OFFENCE_SECONDS
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311  # jitter
            wait = min(wait * 2, max(first, limits.BACKOFF_LAST_SECONDS))

    async def _dial_once(self, entry: Entry) -> Link | None:
        loop = asyncio.get_running_loop()
        link = Link(self, dialed=True)
        self._pending.add(link)
        try:
            host, port = split_address(entry.address)
            async with asyncio.timeout(limits.DIAL_SECONDS + limits.HANDSHAKE_SECONDS):
                await loop.create_connection(
                    lambda: link,
                    host,
                    port,
                    ssl=self._tls.client,
                    ssl_handshake_timeout=limits.HANDSHAKE_SECONDS,
                )
                await link.ready
        except (OSError, ssl.SSLError, TimeoutError, CodedError) as error:
            _log.debug("cannot connect", peer=entry.name, reason=str(error) or "time-out")
            seen = self._heard.get(entry.peer, (None, None, ""))
            self._heard[entry.peer] = (seen[0], seen[1], f"cannot connect: {error or 'time-out'}")
            return None
        finally:
            self._pending.discard(link)
            if not link.is_open:
                link.close("no hello in time")
        return link
