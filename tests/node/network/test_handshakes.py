"""Whoever opens connections and leaves them so, or sends an old hello, keeps nobody else out."""

from __future__ import annotations

import asyncio
import socket

import pytest

from node import limits
from node.network.frames import HEADER, Kind, encode_frame
from node.network.hello import Connection, make_hello
from tests.node.network.netkit import BLOCKS, CHAIN, Net, Running
from tests.node.network.test_peers import raw


def failed(node: Running, reason: str) -> float:
    found = node.metrics.registry.get_sample_value(
        "iic_handshakes_failed_total", {"reason": reason}
    )
    return found or 0.0


async def silent(address: tuple[str, int], source: str) -> socket.socket:
    """A TCP connection from an address of loopback that never says anything."""
    made = socket.socket()
    made.bind((source, 0))
    made.setblocking(False)
    await asyncio.get_running_loop().sock_connect(made, address)
    return made


async def until_failed(node: Running, reason: str, count: int) -> None:
    async with asyncio.timeout(10):
        while failed(node, reason) < count:
            await asyncio.sleep(0.01)


async def test_silent_connections_take_no_place_from_a_peer(net: Net) -> None:
    listener, peer = net.add("a"), net.add("b")
    node, address = await net.run(listener)
    crowd = [await silent(address, "127.0.0.2") for _ in range(limits.MAX_HANDSHAKES + 5)]
    await until_failed(node, "room", 5)
    honest = await raw(address, peer, listener)
    await node.sink.until(lambda s: s.up == {1})
    assert failed(node, "room") <= 6
    assert len(node.peers._admissions) <= limits.MAX_HANDSHAKES
    ended = [s for s in crowd[:5] if s.recv(1) == b""]
    assert len(ended) == 5, "the oldest were closed, not merely forgotten"
    for one in crowd:
        one.close()
    honest.writer.transport.abort()


async def test_one_crowd_takes_places_from_itself_alone(net: Net) -> None:
    listener = net.add("a")
    node, address = await net.run(listener)
    early = await silent(address, "127.0.0.3")
    crowd = [await silent(address, "127.0.0.2") for _ in range(limits.MAX_HANDSHAKES + 20)]
    await until_failed(node, "room", 21)
    with pytest.raises(BlockingIOError):
        early.recv(1)  # the oldest of all, but alone at its address
    for one in (early, *crowd):
        one.close()


async def test_a_handshake_that_takes_too_long_ends(
    net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HANDSHAKE_SECONDS", 0.3)
    node, address = await net.run(net.add("a"))
    slow = await silent(address, "127.0.0.1")
    await until_failed(node, "slow", 1)
    slow.close()


async def test_what_is_not_tls_is_counted_as_such(net: Net) -> None:
    node, address = await net.run(net.add("a"))
    _, writer = await asyncio.open_connection(*address)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    await until_failed(node, "tls", 1)
    writer.transport.abort()


@pytest.mark.parametrize("old", ["connection", "direction", "ledger", "certificate"])
async def test_a_replayed_hello_is_refused(net: Net, old: str) -> None:
    """What the peer's own key once signed, for something else than this connection."""
    listener, peer, third = net.add("a"), net.add("b"), net.add("c")
    node, address = await net.run(listener)
    replay = await raw(address, peer, listener, hello=False)
    now = replay.connection
    hello = {
        "connection": lambda: make_hello(
            CHAIN, peer.vote_key, now._replace(binding=b"x" * len(now.binding)), dialed=True
        ),
        "direction": lambda: make_hello(CHAIN, peer.vote_key, now, dialed=False),
        "ledger": lambda: make_hello(bytes(32), peer.vote_key, now, dialed=True),
        "certificate": lambda: make_hello(
            CHAIN,
            peer.vote_key,
            Connection(third.certificate, listener.certificate, now.binding),
            dialed=True,
        ),
    }[old]()
    replay.writer.write(encode_frame(Kind.HELLO, hello))
    assert await replay.is_cut()
    await until_failed(node, "hello", 1)
    assert node.sink.up == set()
    again = await raw(address, peer, listener)
    await node.sink.until(lambda s: s.up == {1})
    again.writer.transport.abort()


async def test_before_its_hello_a_peer_may_send_no_more_than_one(net: Net) -> None:
    listener, peer = net.add("a"), net.add("b")
    node, address = await net.run(listener)
    eager = await raw(address, peer, listener, hello=False)
    eager.writer.write(HEADER.pack(8 * limits.MIB, BLOCKS) + bytes(1_000))
    assert await eager.is_cut()
    await until_failed(node, "hello", 1)
