"""One connection to one peer, from the TLS handshake to its end.

A link is closed, with a reason, by: a certificate that is not registered, a hello that does not
fit, a frame that breaks a rule, silence, a frame that never completes, and a peer that does not
take what is queued for it.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Protocol, cast

from ledger.errors import CodedError
from node import limits
from node.errors import FRAME_REFUSED, PEER_REFUSED
from node.network.frames import HEADER, HELLO_BYTES, Decoder, Frame, Kind, Lane, encode_frame
from node.network.hello import Connection
from node.network.queues import Bucket, SendQueue
from node.network.roster import Entry
from node.network.tls import expiry_of

_PING = encode_frame(Kind.PING, b"")


class LinkOwner(Protocol):
    """What a link needs of the set of peers that it belongs to."""

    @property
    def certificate(self) -> bytes:
        """This node's own certificate in DER."""
        ...

    def identify(self, certificate: bytes | None) -> Entry:
        """The registered node of a certificate; raises ``PEER_REFUSED``."""
        ...

    def hello_for(self, connection: Connection, *, dialed: bool) -> bytes:
        """This node's hello payload."""
        ...

    def check_hello(
        self, payload: bytes, entry: Entry, connection: Connection, *, dialed: bool
    ) -> None:
        """Accept the peer's hello or raise a coded error."""
        ...

    def opened(self, link: Link) -> None:
        """The peer has proved who it is."""
        ...

    def received(self, link: Link, frame: Frame) -> bool:
        """Queue a message; False asks the link to stop reading until :meth:`Link.resume`."""
        ...

    def paused(self, link: Link, reason: str) -> None:
        """Reading has stopped: ``rate`` or ``queue``."""
        ...

    def closed(self, link: Link) -> None:
        """The connection is gone; ``link.reason`` says why."""
        ...


class Link(asyncio.Protocol):
    """See the module. All times are of the loop's monotonic clock, in seconds."""

    def __init__(self, owner: LinkOwner, *, dialed: bool, source: str = "") -> None:
        self._owner = owner
        self.source = source
        """Where an accepted connection comes from: an address, without its port."""
        self._loop = asyncio.get_running_loop()
        self.dialed = dialed
        self.entry: Entry | None = None
        self.is_open = False
        self.reason = ""
        self.shed = ""
        """Why this node gave the connection up: ``drain``, ``frame``, ``silence`` or ``room``."""
        self.offended = False
        self.certificate_expires: int | None = None
        self.queue = SendQueue()
        self.ready: asyncio.Future[None] = self._loop.create_future()
        self.gone: asyncio.Future[None] = self._loop.create_future()
        now = self._loop.time()
        self.last_heard = now
        self._last_sent = now
        self._blocked_since: float | None = None
        self._frame_since: float | None = None
        self._full = False
        self._throttled: asyncio.TimerHandle | None = None
        self._paused = False
        self._decoder = Decoder()
        self._byte_rate = Bucket(limits.RATE_BYTES_PER_SECOND, limits.RATE_BYTES_BURST, now)
        self._frame_rate = Bucket(limits.RATE_FRAMES_PER_SECOND, limits.RATE_FRAMES_BURST, now)
        self._transport: asyncio.Transport | None = None
        self._connection: Connection | None = None

    # asyncio calls these ----------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TLS stands; identify the peer by its certificate and say hello."""
        self._transport = cast(asyncio.Transport, transport)
        if self.reason:
            self._transport.abort()
            return
        self._transport.set_write_buffer_limits(high=limits.TRANSPORT_HIGH_BYTES)
        tls = cast("ssl.SSLObject", transport.get_extra_info("ssl_object"))
        try:
            certificate = tls.getpeercert(binary_form=True)
            self.entry = self._owner.identify(certificate)
            self.certificate_expires = expiry_of(tls)
            self._connection = self._describe(tls, self.entry)
            hello = self._owner.hello_for(self._connection, dialed=self.dialed)
        except CodedError as error:
            self._refuse(error)
            return
        self._transport.write(encode_frame(Kind.HELLO, hello))

    def data_received(self, data: bytes) -> None:
        """Decode and hand on; any offence ends the connection."""
        if self.reason:
            return
        now = self._loop.time()
        self.last_heard = now
        try:
            frames = self._decoder.feed(data)
            for frame in frames:
                self._accept(frame)
                if self.reason:
                    return
            if not self.is_open and self._decoder.pending > HEADER.size + HELLO_BYTES:
                raise CodedError(FRAME_REFUSED, "the first frame is the hello")
        except CodedError as error:
            self._refuse(error)
            return
        if not self._decoder.pending:
            self._frame_since = None
        elif frames or self._frame_since is None:
            self._frame_since = now
        wait = max(self._byte_rate.spend(len(data), now), self._frame_rate.spend(len(frames), now))
        if wait > 0:
            self._throttle(wait)

    def pause_writing(self) -> None:
        """The transport holds enough; the rest waits in the queue."""
        self._blocked_since = self._loop.time()

    def resume_writing(self) -> None:
        """The transport takes more."""
        self._blocked_since = None
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the owner, whoever closed."""
        if not self.reason:
            self.reason = f"lost: {exc}" if exc else "closed by the peer"
        self._transport = None
        if self._throttled is not None:
            self._throttled.cancel()
        self.queue.clear()
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(self.reason))
            self.ready.exception()  # whoever waits for it sees it; nobody has to
        self._owner.closed(self)
        self.is_open = False
        if not self.gone.done():
            self.gone.set_result(None)

    # the owner calls these --------------------------------------------------------------------
    @property
    def peer(self) -> int:
        """The validator index or observer number; only for links whose peer is identified."""
        assert self.entry is not None
        return self.entry.peer

    @property
    def waits_for_room(self) -> bool:
        """Whether reading has stopped until :meth:`resume`."""
        return self._full

    @property
    def address(self) -> str:
        """The peer's socket address, for logs."""
        transport = self._transport
        name = transport.get_extra_info("peername") if transport is not None else None
        return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else ""

    def send(self, lane: Lane, frame: bytes) -> None:
        """Queue an encoded frame; a peer whose queue overflows is closed."""
        if self.reason or not self.is_open:
            return
        if not self.queue.put(lane, frame):
            self.give_up("drain", f"does not drain: {self.queue.bytes} bytes wait for it")
            return
        self._flush()

    def resume(self) -> None:
        """Read on; the owner has handled enough of what this peer sent."""
        self._full = False
        self._read_or_not()

    def tick(self, now: float) -> None:
        """Enforce the time limits; called about once a second."""
        if self.reason or not self.is_open:
            return
        if self._blocked_since is not None and now - self._blocked_since > limits.DRAIN_SECONDS:
            self.give_up("drain", f"does not drain: took nothing for {limits.DRAIN_SECONDS:.0f} s")
        elif self._paused:
            return
        elif self._frame_since is not None and now - self._frame_since > limits.FRAME_SECONDS:
            late = f"too slow: a frame is incomplete after {limits.FRAME_SECONDS:.0f} s"
            self.give_up("frame", late)
        elif now - self.last_heard > limits.SILENCE_SECONDS:
            self.give_up("silence", f"silent for {limits.SILENCE_SECONDS:.0f} s")
        elif now - self._last_sent > limits.PING_SECONDS:
            self.send(Lane.CONSENSUS, _PING)

    def give_up(self, kind: str, reason: str) -> None:
        """Close a connection that costs more than it is worth."""
        if not self.reason:
            self.shed = kind
        self.close(reason)

    def close(self, reason: str) -> None:
        """End the connection at once; what is queued is lost."""
        if not self.reason:
            self.reason = reason
            if self._transport is not None:
                self._transport.abort()
            elif not self.gone.done():
                self.gone.set_result(None)  # it never came to a connection

    # inside -----------------------------------------------------------------------------------
    def _describe(self, tls: ssl.SSLObject, entry: Entry) -> Connection:
        binding = tls.get_channel_binding("tls-unique")
        if tls.version() != "TLSv1.3" or tls.session_reused or not binding:
            raise CodedError(PEER_REFUSED, "the connection is not a fresh TLS 1.3 handshake")
        own = self._owner.certificate
        dialer, listener = (own, entry.certificate) if self.dialed else (entry.certificate, own)
        return Connection(dialer, listener, binding)

    def _accept(self, frame: Frame) -> None:
        if frame.kind == Kind.PING:
            return
        if frame.kind != Kind.HELLO:
            if not self.is_open:
                raise CodedError(FRAME_REFUSED, "the first frame is the hello")
            if not self._owner.received(self, frame):
                if not self._full:
                    self._owner.paused(self, "queue")
                self._full = True
                self._read_or_not()
            return
        if self.is_open or self.entry is None or self._connection is None:
            raise CodedError(FRAME_REFUSED, "a hello comes once, first")
        self._owner.check_hello(frame.payload, self.entry, self._connection, dialed=not self.dialed)
        self.is_open = True
        self.ready.set_result(None)
        self._owner.opened(self)

    def _refuse(self, error: CodedError) -> None:
        self.offended = True
        self.close(str(error))

    def _flush(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        while self._blocked_since is None and (frame := self.queue.take()) is not None:
            transport.write(frame)
            self._last_sent = self._loop.time()

    def _throttle(self, wait: float) -> None:
        if self._throttled is None:
            self._owner.paused(self, "rate")
            self._throttled = self._loop.call_later(wait, self._unthrottle)
            self._read_or_not()

    def _unthrottle(self) -> None:
        self._throttled = None
        self._read_or_not()

    def _read_or_not(self) -> None:
        pause = self._full or self._throttled is not None
        transport = self._transport
        if pause == self._paused or transport is None or transport.is_closing():
            return
        self._paused = pause
        if pause:
            transport.pause_reading()
            return
        transport.resume_reading()
        now = self._loop.time()
        self.last_heard = now  # the pause was ours: it counts neither as silence nor as slowness
        if self._frame_since is not None:
            self._frame_since = now
