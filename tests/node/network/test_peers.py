"""Peers over real TLS connections on loopback."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from ledger import keys
from ledger.errors import CodedError
from node import identity, limits
from node.network.frames import HEADER, Kind, encode_frame
from node.network.hello import Connection, check_hello, make_hello
from node.network.roster import Roster
from node.network.tls import make_contexts
from tests.node.network.netkit import BATCH, BLOCKS, CHAIN, STATUS, VOTE, Net


class Raw:
    """A connection made by hand, to say what a correct node would never say."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        who: identity.NodeIdentity,
        to: identity.NodeIdentity,
    ) -> None:
        self.reader = reader
        self.writer = writer
        tls = cast(ssl.SSLObject, writer.get_extra_info("ssl_object"))
        self.tls = tls
        binding = tls.get_channel_binding("tls-unique")
        assert binding is not None
        self.connection = Connection(who.certificate, to.certificate, binding)

    async def frame(self) -> tuple[int, bytes]:
        length, kind = HEADER.unpack(await self.reader.readexactly(HEADER.size))
        return kind, await self.reader.readexactly(length)

    async def is_cut(self) -> bool:
        """Whether the other side ends the connection; reads what comes before that."""
        try:
            async with asyncio.timeout(10):
                while await self.reader.read(65_536):
                    pass
        except OSError:
            pass
        self.writer.transport.abort()
        return True


async def raw(
    address: tuple[str, int],
    who: identity.NodeIdentity,
    to: identity.NodeIdentity,
    *,
    hello: bool = True,
    key: keys.PrivateKey | None = None,
) -> Raw:
    """Dial by hand; with ``hello`` the connection is opened properly."""
    context = make_contexts(who.tls, [to.certificate]).client
    reader, writer = await asyncio.open_connection(*address, ssl=context)
    made = Raw(reader, writer, who, to)
    if hello:
        payload = make_hello(CHAIN, key or who.vote_key, made.connection, dialed=True)
        writer.write(encode_frame(Kind.HELLO, payload))
    return made


async def test_registered_nodes_connect_and_messages_arrive_with_their_sender(net: Net) -> None:
    a, b = await net.pair()
    a.peers.send(1, VOTE, b"from a")
    b.peers.broadcast(STATUS, b"from b")
    await b.sink.until(lambda s: (0, VOTE, b"from a") in s.messages)
    await a.sink.until(lambda s: (1, STATUS, b"from b") in s.messages)


async def test_large_messages_of_every_lane_arrive_whole(net: Net) -> None:
    a, b = await net.pair()
    blocks, batch = bytes(8 * limits.MIB), b"x" * (2 * limits.MIB)
    a.peers.send(1, BLOCKS, blocks)
    a.peers.send(1, BATCH, batch)
    a.peers.send(1, VOTE, b"vote")
    await b.sink.until(lambda s: len(s.messages) == 3)
    assert {kind: payload for _, kind, payload in b.sink.messages} == {
        BLOCKS: blocks,
        BATCH: batch,
        VOTE: b"vote",
    }


async def test_an_unknown_certificate_is_refused(net: Net) -> None:
    listener = net.add("a")
    node, address = await net.run(listener)
    stranger = identity.create(net.home / "x", name="x", party="5493001KJTIIGC8Y1R12")
    with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
        await (await raw(address, stranger, listener)).frame()
    assert node.sink.up == set()


async def test_no_certificate_is_refused(net: Net) -> None:
    listener = net.add("a")
    node, address = await net.run(listener)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with pytest.raises((ssl.SSLError, ConnectionError)):
        reader, _ = await asyncio.open_connection(*address, ssl=context)
        if not await reader.read(1):
            raise ConnectionError
    assert node.sink.up == set()


async def test_older_tls_is_refused(net: Net) -> None:
    listener, peer = net.add("a"), net.add("b")
    _, address = await net.run(listener)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(peer.tls.certificate, peer.tls.key)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection(*address, ssl=context)


async def test_a_known_certificate_with_the_wrong_node_key_is_refused(net: Net) -> None:
    listener, peer = net.add("a"), net.add("b")
    node, address = await net.run(listener)
    thief = await raw(address, peer, listener, key=keys.PrivateKey.generate())
    assert await thief.is_cut()
    assert node.sink.up == set()


async def test_a_key_that_signs_for_another_connection_is_refused(net: Net) -> None:
    listener, peer = net.add("a"), net.add("b")
    node, address = await net.run(listener)
    first = await raw(address, peer, listener, hello=False)
    second = await raw(address, peer, listener, hello=False)
    replayed = make_hello(CHAIN, peer.vote_key, first.connection, dialed=True)
    second.writer.write(encode_frame(Kind.HELLO, replayed))
    assert await second.is_cut()
    assert node.sink.up == set()
    first.writer.transport.abort()


async def test_a_hello_cannot_be_sent_back_to_its_maker(net: Net) -> None:
    listener, peer = net.add("a"), net.add("b")
    connection = Connection(peer.certificate, listener.certificate, b"binding")
    hello = make_hello(CHAIN, peer.vote_key, connection, dialed=True)
    check_hello(hello, CHAIN, peer.vote_key.public, connection, dialed=True)
    with pytest.raises(CodedError, match="not signed for this connection"):
        check_hello(hello, CHAIN, peer.vote_key.public, connection, dialed=False)


async def test_nodes_of_different_ledgers_refuse_each_other(net: Net) -> None:
    first, second = net.add("a"), net.add("b")
    listening, address = await net.run(second)
    net.at(1, address)
    dialing, _ = await net.run(first, chain_id=bytes(32))
    async with asyncio.timeout(10):
        while not dialing.peers.states()[0].reason:
            await asyncio.sleep(0.01)
    assert dialing.sink.up == listening.sink.up == set()


async def test_sessions_are_never_resumed(net: Net) -> None:
    listener, peer = net.add("a"), net.add("b")
    _, address = await net.run(listener)
    first = await raw(address, peer, listener)
    await first.frame()
    assert first.tls.session is None or not first.tls.session.has_ticket
    first.writer.transport.abort()


async def test_an_expired_certificate_alone_does_not_stop_a_connection(net: Net) -> None:
    first, second = net.add("a"), net.add("b")
    key = serialization.load_pem_private_key(first.tls.key.read_bytes(), None)
    old = x509.load_pem_x509_certificate(first.tls.certificate.read_bytes())
    long_ago = datetime.now(UTC) - timedelta(days=1000)
    expired = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(old.issuer)
        .public_key(old.public_key())
        .serial_number(1)
        .not_valid_before(long_ago)
        .not_valid_after(long_ago + timedelta(days=1))
        .sign(key, algorithm=None)  # type: ignore[arg-type]
    )
    first.tls.certificate.write_bytes(expired.public_bytes(serialization.Encoding.PEM))
    first = identity.load(net.home / "a")
    net.entries[0] = net.entries[0]._replace(certificate=first.certificate)
    listening, address = await net.run(second)
    net.at(1, address)
    dialing, _ = await net.run(first)
    await dialing.sink.until(lambda s: s.up == {1})
    await listening.sink.until(lambda s: s.up == {0})
    expires = listening.peers.states()[0].expires_ms
    assert expires is not None and expires < time.time() * 1000


async def test_an_oversized_frame_cuts_the_connection_before_its_body(net: Net) -> None:
    listener, peer = net.add("a"), net.add("b")
    node, address = await net.run(listener)
    attacker = await raw(address, peer, listener)
    await node.sink.until(lambda s: s.up == {1})
    attacker.writer.write(HEADER.pack(2**32 - 1, BLOCKS))
    assert await attacker.is_cut()
    await node.sink.until(lambda s: s.up == set())
    assert node.sink.messages == []


async def test_an_offender_is_kept_out_for_a_while(net: Net) -> None:
    listener, peer = net.add("a"), net.add("b")
    node, address = await net.run(listener)
    attacker = await raw(address, peer, listener)
    await node.sink.until(lambda s: s.up == {1})
    attacker.writer.write(encode_frame(STATUS, b"malformed"))
    assert await attacker.is_cut()
    again = await raw(address, peer, listener)
    assert await again.is_cut()
    assert node.sink.up == set() and node.sink.downs == 1


async def test_nothing_is_heard_before_the_hello(net: Net) -> None:
    listener, peer = net.add("a"), net.add("b")
    node, address = await net.run(listener)
    attacker = await raw(address, peer, listener, hello=False)
    attacker.writer.write(encode_frame(STATUS, b"early"))
    assert await attacker.is_cut()
    assert node.sink.messages == []


async def test_a_connection_without_hello_does_not_stay(
    net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HANDSHAKE_SECONDS", 0.5)
    listener, peer = net.add("a"), net.add("b")
    _, address = await net.run(listener)
    assert await (await raw(address, peer, listener, hello=False)).is_cut()
    reader, writer = await asyncio.open_connection(*address)  # not even TLS
    assert await reader.read() == b""
    writer.close()


async def test_more_handshakes_than_allowed_are_turned_away(
    net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_HANDSHAKES", 2)
    _, address = await net.run(net.add("a"))
    held = [await asyncio.open_connection(*address) for _ in range(2)]
    reader, writer = await asyncio.open_connection(*address)
    assert await reader.read() == b""
    for _, other in (*held, (reader, writer)):
        other.close()


async def _slow_reader(
    address: tuple[str, int], who: identity.NodeIdentity, to: identity.NodeIdentity
) -> Raw:
    slow = await raw(address, who, to)
    slow.writer.transport.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_RCVBUF, 4096
    )
    cast(asyncio.Transport, slow.writer.transport).pause_reading()
    return slow


async def test_a_slow_reader_is_shed_while_other_peers_go_on(
    net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.network.link.SendQueue", _small_queue)
    sender_id, reader_id, slow_id = net.add("a"), net.add("b"), net.add("c")
    sender, address = await net.run(sender_id)
    net.at(0, address)
    good_entry = net.entries[1]
    good = await raw(address, reader_id, sender_id)
    slow = await _slow_reader(address, slow_id, sender_id)
    await sender.sink.until(lambda s: s.up == {1, 2})
    got = 0
    kind, _ = await good.frame()
    assert kind == Kind.HELLO and good_entry.peer == 1
    for _ in range(64):
        sender.peers.broadcast(BATCH, bytes(limits.MIB))
        kind, payload = await good.frame()
        got += len(payload)
        if sender.sink.up == {1}:
            break
    await sender.sink.until(lambda s: s.up == {1})
    sender.peers.broadcast(VOTE, b"still here")
    while (await good.frame())[0] != VOTE:
        pass
    assert got < 64 * limits.MIB
    good.writer.transport.abort()
    slow.writer.transport.abort()


def _small_queue() -> object:
    from node.network.queues import SendQueue

    return SendQueue(limit=4 * limits.MIB, sync_limit=2 * limits.MIB)


async def test_a_reader_that_takes_nothing_is_closed_in_time(
    net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "DRAIN_SECONDS", 0.5)
    sender_id, slow_id = net.add("a"), net.add("b")
    sender, address = await net.run(sender_id)
    slow = await _slow_reader(address, slow_id, sender_id)
    await sender.sink.until(lambda s: s.up == {1})
    for _ in range(8):
        sender.peers.broadcast(BATCH, bytes(limits.MIB))
    await sender.sink.until(lambda s: s.up == set())
    assert "does not drain" in sender.peers.states()[0].reason
    slow.writer.transport.abort()


async def test_a_sender_that_never_completes_a_frame_is_closed(
    net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "FRAME_SECONDS", 0.5)
    listener, peer = net.add("a"), net.add("b")
    node, address = await net.run(listener)
    slow = await raw(address, peer, listener)
    slow.writer.write(HEADER.pack(1_000, BATCH) + b"x")
    await node.sink.until(lambda s: s.downs == 1)
    assert "too slow" in node.peers.states()[0].reason
    slow.writer.transport.abort()


async def test_a_silent_peer_is_closed_and_a_quiet_one_is_not(
    net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SILENCE_SECONDS", 2.0)
    monkeypatch.setattr(limits, "PING_SECONDS", 0.5)
    a, b = await net.pair()  # they have nothing to say, but they ping
    silent_id = net.add("c")
    listener, address = await net.run(net.add("d"))
    silent = await raw(address, silent_id, identity.load(net.home / "d"))
    await listener.sink.until(lambda s: s.up == {2})
    await listener.sink.until(lambda s: s.up == set())
    assert "silent" in listener.peers.states()[2].reason
    assert a.sink.downs == b.sink.downs == 0
    silent.writer.transport.abort()


async def test_a_node_that_comes_back_is_connected_again(net: Net) -> None:
    first, second = net.add("a"), net.add("b")
    listening, address = await net.run(second)
    net.at(1, address)
    dialing, _ = await net.run(first)
    await dialing.sink.until(lambda s: s.up == {1})
    await listening.peers.close()
    await dialing.sink.until(lambda s: s.up == set())
    again, _ = await net.run(second, listen=f"{address[0]}:{address[1]}")
    await dialing.sink.until(lambda s: s.up == {1})
    await again.sink.until(lambda s: s.up == {0})
    dialing.peers.send(1, VOTE, b"welcome back")
    await again.sink.until(lambda s: (0, VOTE, b"welcome back") in s.messages)


async def test_a_node_that_left_the_validators_while_it_was_away_gets_in_touch(
    net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "AWAIT_DIAL_SECONDS", 0.05)
    first, second = net.add("a"), net.add("b")
    observed = Roster([net.entries[0], net.entries[1]._replace(peer=-1)])
    staying, address = await net.run(first, roster=observed)
    net.at(0, address)
    returning, _ = await net.run(second)
    await returning.sink.until(lambda s: s.up == {0})
    await staying.sink.until(lambda s: s.up == {-1})
    staying.peers.send(-1, BLOCKS, b"what you missed")
    await returning.sink.until(lambda s: (0, BLOCKS, b"what you missed") in s.messages)


async def test_two_that_dial_each_other_at_once_end_with_one_connection(
    net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "AWAIT_DIAL_SECONDS", limits.BACKOFF_FIRST_SECONDS)
    first, second = net.add("a"), net.add("b")
    a, at_a = await net.run(first)
    b, at_b = await net.run(second)
    net.at(0, at_a)
    net.at(1, at_b)
    for node in (a, b):
        node.peers.set_roster(net.roster)
    heard = 0
    while heard < 20:  # a message is lost only with the connection that it was sent on
        await a.sink.until(lambda s: s.up == {1})
        await b.sink.until(lambda s: s.up == {0})
        downs, before = (a.sink.downs, b.sink.downs), len(b.sink.messages)
        a.peers.send(1, VOTE, b"still here")
        await b.sink.until(lambda s, n=before, d=downs[1]: len(s.messages) > n or s.downs > d)
        heard = heard + 1 if downs == (a.sink.downs, b.sink.downs) else 0
    assert len(a.peers.connected) == len(b.peers.connected) == 1


async def test_the_newest_connection_of_a_peer_counts(net: Net) -> None:
    listener, peer = net.add("a"), net.add("b")
    node, address = await net.run(listener)
    first = await raw(address, peer, listener)
    await node.sink.until(lambda s: s.up == {1})
    second = await raw(address, peer, listener)
    assert await first.is_cut()
    second.writer.write(encode_frame(VOTE, b"newest"))
    await node.sink.until(lambda s: (1, VOTE, b"newest") in s.messages)
    assert node.sink.up == {1}
    second.writer.transport.abort()


async def test_a_node_that_leaves_the_validator_set_is_disconnected(net: Net) -> None:
    a, b = await net.pair()
    net.entries.pop()
    a.peers.set_roster(net.roster)
    await b.sink.until(lambda s: s.up == set())
    await a.sink.until(lambda s: s.up == set())
    assert a.peers.states() == []


async def test_a_flood_is_slowed_to_the_rate_and_loses_nothing(
    net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RATE_FRAMES_PER_SECOND", 1_000)
    monkeypatch.setattr(limits, "RATE_FRAMES_BURST", 100)
    listener, peer = net.add("a"), net.add("b")
    node, address = await net.run(listener)
    flood = await raw(address, peer, listener)
    await node.sink.until(lambda s: s.up == {1})
    started = time.monotonic()
    flood.writer.write(b"".join(encode_frame(VOTE, b"%d" % n) for n in range(600)))
    await node.sink.until(lambda s: len(s.messages) == 600)
    flood.writer.write(encode_frame(VOTE, b"after"))
    await node.sink.until(lambda s: len(s.messages) == 601)
    assert time.monotonic() - started > 0.4, "600 frames, 100 at once, then 1,000 a second"
    assert [m[2] for m in node.sink.messages] == [*(b"%d" % n for n in range(600)), b"after"]
    flood.writer.transport.abort()


async def test_reading_stops_at_the_receive_bound_and_goes_on_after_it(
    net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RECEIVE_QUEUE_FRAMES", 8)
    monkeypatch.setattr(limits, "PUMP_SECONDS", 0.0)
    a, b = await net.pair()
    for number in range(500):
        a.peers.send(1, VOTE, b"%d" % number)
    await b.sink.until(lambda s: len(s.messages) == 500)
    assert [m[2] for m in b.sink.messages] == [b"%d" % n for n in range(500)]


async def test_observers_that_are_admitted_have_negative_numbers(net: Net) -> None:
    validator = net.add("a")
    observer = net.add("watcher")
    net.entries[1] = net.entries[1]._replace(peer=-1)
    node, address = await net.run(validator)
    net.at(0, address)
    watching, _ = await net.run(observer)
    await node.sink.until(lambda s: s.up == {-1})
    await watching.sink.until(lambda s: s.up == {0})
    node.peers.broadcast(VOTE, b"public")
    await watching.sink.until(lambda s: (0, VOTE, b"public") in s.messages)


async def test_while_the_node_has_no_room_frames_wait_with_their_senders(
    net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RECEIVE_QUEUE_BYTES", 4 * limits.MIB)
    a, b = await net.pair()
    b.sink.full = True
    size = limits.MIB
    for number in range(20):
        a.peers.send(1, BATCH, b"%d" % number + bytes(size))
    async with asyncio.timeout(10):
        while not b.metrics.registry.get_sample_value(
            "iic_peer_paused_total", {"peer": "a", "reason": "queue"}
        ):
            await asyncio.sleep(0.01)
    assert b.sink.messages == []
    assert b.peers._inbox.held_bytes() <= 4 * limits.MIB + 2 * size
    b.sink.full = False
    await b.sink.until(lambda s: len(s.messages) == 20)
