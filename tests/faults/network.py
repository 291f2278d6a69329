"""A network of one's own: a namespace for each node, and a relay between them that misbehaves.

This process lives in a namespace without any other network (``python -m tests.faults``). Each node
has another one, joined to it by a pair of virtual Ethernet devices, and reaches its peers only
through relays here: node *i* dials peer *j* at an address that belongs to this side, which tells
who dials by the address it comes from. Delay and loss are made by the relay, since the kernels
that the suite runs on often lack the queueing discipline for them (``netem``).
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import threading
import time
from collections import defaultdict
from contextlib import suppress

PEERS_PORT = 7000
API_PORT = 8000
_CHUNK = 64 * 1024
_RETRANSMISSION_S = 0.3
_QUEUED = 64
"""Chunks in flight each way; more wait in the sender's kernel, as on a real line."""


def run(*command: str) -> None:
    """Run a command that must succeed."""
    subprocess.run(command, check=True, capture_output=True)  # ours


class Namespace:
    """One node's network: its address here, the one that peers dial, and the device between."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.address = f"10.213.{number}.2"
        self.gateway = f"10.213.{number}.1"
        self.dialed = f"10.214.0.{number + 1}"
        self._device = f"iic{number}"
        self._holder = subprocess.Popen(  # lives as long as the namespace is needed
            ["unshare", "--net", "--", "sh", "-c", "echo; exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        self._holder.stdout.readline()
        inside, pid = f"in{number}", str(self._holder.pid)
        run("ip", "link", "add", self._device, "type", "veth", "peer", "name", inside, "netns", pid)
        run("ip", "addr", "add", f"{self.gateway}/30", "dev", self._device)
        run("ip", "link", "set", self._device, "up")
        run("ip", "addr", "add", f"{self.dialed}/32", "dev", "lo")
        within = (*self.prefix, "ip")
        run(*within, "link", "set", "lo", "up")
        run(*within, "addr", "add", f"{self.address}/30", "dev", inside)
        run(*within, "link", "set", inside, "up")
        run(*within, "route", "add", "default", "via", self.gateway)

    @property
    def prefix(self) -> tuple[str, ...]:
        """What to put before a command that runs in this namespace."""
        return ("nsenter", "--target", str(self._holder.pid), "--net", "--")

    def link(self, state: str) -> None:
        """Set the link ``up`` or ``down``: a cable pulled, for peers and clients alike."""
        run("ip", "link", "set", self._device, state)

    def close(self) -> None:
        """Give the namespace up."""
        assert self._holder.stdin is not None and self._holder.stdout is not None
        self._holder.stdin.close()
        self._holder.wait(10)
        self._holder.stdout.close()
        with suppress(subprocess.CalledProcessError):
            run("ip", "link", "del", self._device)
        with suppress(subprocess.CalledProcessError):
            run("ip", "addr", "del", f"{self.dialed}/32", "dev", "lo")


class Relay:
    """Carries all bytes between nodes, on a thread of its own, as well as it is told to.

    What is blocked in one direction waits, and the connection stays half open as long as its ends
    bear it. Loss shows as TCP shows it: a chunk comes a retransmission later, and everything
    behind it, too; now and then a connection is cut.
    """

    def __init__(self, namespaces: list[Namespace], seed: int) -> None:
        self._namespaces = namespaces
        self._number = {each.address: each.number for each in namespaces}
        self._draw = random.Random(seed)  # faults, not secrets
        self._blocked: set[tuple[int, int]] = set()
        self._delay_s: dict[tuple[int, int], float] = defaultdict(float)
        self._loss = 0.0
        self._open: set[asyncio.StreamWriter] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Relay:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)

    def block(self, pairs: set[tuple[int, int]]) -> None:
        """Hold back what goes from the first to the second of each pair, and nothing else."""
        self._blocked = set(pairs)

    def delay(self, seconds: float, pairs: set[tuple[int, int]]) -> None:
        """Deliver so much later between these; at once between all others."""
        self._delay_s = defaultdict(float, dict.fromkeys(pairs, seconds))

    def lose(self, share: float) -> None:
        """Lose so many chunks of 1."""
        self._loss = share

    def cut(self) -> None:
        """End every connection at once."""
        self._loop.call_soon_threadsafe(self._cut_all)

    def heal(self) -> None:
        """Carry everything again."""
        self.block(set())
        self.delay(0.0, set())
        self.lose(0.0)

    def _cut_all(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        servers = [
            await asyncio.start_server(self._accept(to), to.dialed, PEERS_PORT)
            for to in self._namespaces
        ]
        self._ready.set()
        await self._stopping.wait()
        for server in servers:
            server.close()
        self._cut_all()

    def _accept(self, to: Namespace):  # type: ignore[no-untyped-def]  # a stream callback
        async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            dialer = self._number[writer.get_extra_info("peername")[0]]
            self._open.add(writer)
            onward = None
            try:
                async with asyncio.timeout(3.0):
                    far, onward = await asyncio.open_connection(to.address, PEERS_PORT)
                self._open.add(onward)
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._carry(reader, onward, (dialer, to.number)))
                    both.create_task(self._carry(far, writer, (to.number, dialer)))
            except* (OSError, TimeoutError, asyncio.CancelledError):
                pass  # an end is gone, or the suite ends
            finally:
                for end in (writer, onward):
                    if end is not None:
                        self._open.discard(end)
                        end.transport.abort()

        return accepted

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: tuple[int, int]
    ) -> None:
        """One direction of one connection; raises ``ConnectionError`` when it ends."""
        line: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_QUEUED)

        async def take() -> None:
            while True:
                chunk = await reader.read(_CHUNK)
                late = self._delay_s[way]
                if self._draw.random() < self._loss:
                    late += _RETRANSMISSION_S
                await line.put((time.monotonic() + late, chunk))
                if not chunk:
                    return

        async with asyncio.TaskGroup() as both:
            both.create_task(take())
            both.create_task(self._deliver(line, writer, way))

    async def _deliver(
        self,
        line: asyncio.Queue[tuple[float, bytes]],
        writer: asyncio.StreamWriter,
        way: tuple[int, int],
    ) -> None:
        while True:
            due, chunk = await line.get()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            while way in self._blocked:
                await asyncio.sleep(0.02)
            if not chunk or self._draw.random() < self._loss / 20:
                raise ConnectionResetError
            writer.write(chunk)
            await writer.drain()
