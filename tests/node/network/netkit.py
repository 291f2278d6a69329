"""Nodes that are nothing but their network: real keys, certificates and sockets on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ledger.errors import MALFORMED, CodedError
from node import identity
from node.metrics import NodeMetrics
from node.network.peers import Peers, Self
from node.network.roster import Entry, Roster

CHAIN = bytes(range(32))
STATUS, VOTE, BATCH, BLOCKS = 10, 1, 4, 9
"""Kinds of ``node.messages``; the network does not look into their payloads."""

PARTY = "5493001KJTIIGC8Y1R12"


class Sink:
    """Records events, and lets a test wait for what it expects instead of for time."""

    def __init__(self) -> None:
        self.messages: list[tuple[int, int, bytes]] = []
        self.up: set[int] = set()
        self.downs = 0
        self.full = False
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def peer_up(self, peer: int) -> None:
        self.up.add(peer)
        self._note()

    def peer_down(self, peer: int) -> None:
        self.up.discard(peer)
        self.downs += 1
        self._note()

    @property
    def has_room(self) -> bool:
        return not self.full

    def received(self, peer: int, kind: int, payload: bytes) -> None:
        if payload == b"malformed":
            raise CodedError(MALFORMED, "does not decode")
        self.messages.append((peer, kind, payload))
        self._note()

    def _note(self) -> None:
        task = asyncio.get_running_loop().create_task(self._wake())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def until(self, condition: Callable[[Sink], bool], seconds: float = 10.0) -> None:
        """Wait until a condition over this sink holds."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: condition(self))


class Running(NamedTuple):
    peers: Peers
    sink: Sink
    metrics: NodeMetrics


class Net:
    """Makes identities, and runs some of them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.entries: list[Entry] = []
        self.running: list[Running] = []

    def add(self, name: str, address: str = "") -> identity.NodeIdentity:
        """A registered node; without address nobody dials it."""
        made = identity.create(self.home / name, name=name, party=PARTY)
        index = len(self.entries)
        self.entries.append(Entry(index, name, made.vote_key.public, made.certificate, address))
        return made

    @property
    def roster(self) -> Roster:
        return Roster(self.entries)

    def at(self, index: int, address: tuple[str, int]) -> None:
        """Set where a node listens."""
        self.entries[index] = self.entries[index]._replace(address=f"{address[0]}:{address[1]}")

    async def run(
        self,
        who: identity.NodeIdentity,
        *,
        roster: Roster | None = None,
        chain_id: bytes = CHAIN,
        listen: str = "127.0.0.1:0",
    ) -> tuple[Running, tuple[str, int]]:
        """Start a node's network."""
        sink, metrics = Sink(), NodeMetrics()
        this = Self(chain_id, who.vote_key, who.certificate, who.tls)
        peers = Peers(this, roster or self.roster, sink, metrics)
        node = Running(peers, sink, metrics)
        self.running.append(node)
        return node, await peers.start(listen)

    async def pair(self) -> tuple[Running, Running]:
        """Two registered nodes that are connected; the first dialed the second."""
        first, second = self.add("a"), self.add("b")
        listening, address = await self.run(second)
        self.at(1, address)
        dialing, _ = await self.run(first)
        await dialing.sink.until(lambda s: s.up == {1})
        await listening.sink.until(lambda s: s.up == {0})
        return dialing, listening
