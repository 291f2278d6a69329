"""Peers that a follower may meet: they publish a ledger by their own small server, or alter it.

Written against the API's description alone, not with the node's routes, so that a follower is also
held against a second implementation of what it reads.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from published import VOTE_KEYS, Ledger

from contracts.genesis import readable
from ledger import segment
from ledger.codec import encode
from ledger.evidence import DoubleVote
from ledger.genesis import GenesisFile, dump
from ledger.segment import PublishedBlock, Segment, publish
from node.follower.service import FollowerConfig, FollowerService, Outcome


class Publisher:
    """One peer. ``alter`` is applied to each block that is served; ``raw`` answers instead."""

    def __init__(self, ledger: Ledger, name: str = "g0") -> None:
        self.ledger = ledger
        self.name = name
        self.chain_id = ledger.genesis.chain_id
        self.alter: Callable[[PublishedBlock], PublishedBlock] = lambda block: block
        self.raw: Callable[[BaseHTTPRequestHandler], bool] = lambda _: False
        self.evidence: list[DoubleVote] = []
        self.height: int | None = None
        """A height that it claims, or keeps to."""
        self.hidden = 0
        """Blocks at its end that it keeps for itself."""
        self.asked: list[str] = []
        self.url = ""

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[str, bytes] | None:
        """The media type and body of an answer."""
        if path == "/v1/node":
            return _json({"name": self.name, "chain_id": self.chain_id.hex()})
        if path == "/v1/evidence":
            return _json({"evidence": [{"proof": encode(e).hex()} for e in self.evidence]})
        if path == "/v1/segments":
            found = publish(
                self.ledger.store,
                int(query["from"][0]),
                size=int(query["size"][0]),
                blocks=int(query["blocks"][0]),
                content=query["content"] == ["true"],
            )
            head = found.height - self.hidden
            blocks = [self.alter(b) for b in found.blocks if b.header.height <= head]
            while blocks and blocks[-1].certificate is None:
                blocks.pop()
            told = Segment(head if self.height is None else self.height, tuple(blocks))
            return "application/vnd.iic.blocks", segment.write(told)
        return None


def _json(body: Any) -> tuple[str, bytes]:
    return "application/json", json.dumps(body).encode()


@contextmanager
def serving(*publishers: Publisher) -> Iterator[list[str]]:
    """The publishers' URLs for as long as the block lasts."""
    servers = []
    try:
        for publisher in publishers:
            servers.append(_server(publisher))
            publisher.url = f"http://127.0.0.1:{servers[-1].server_address[1]}"
        yield [publisher.url for publisher in publishers]
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def _server(publisher: Publisher) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            publisher.asked.append(self.path)
            if publisher.raw(self):
                self.close_connection = True
                return
            parts = urlsplit(self.path)
            found = publisher.answer(parts.path, parse_qs(parts.query))
            kind, body = found or ("text/plain", b"?")
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            with suppress(OSError):  # the follower hung up
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


def genesis_file(ledger: Ledger, folder: Path) -> Path:
    """The ledger's genesis file, approved by every guarantor."""
    file = GenesisFile(ledger.genesis, {})
    for key in VOTE_KEYS:
        file = file.approve(key)
    path = folder / "genesis.json"
    path.write_text(dump(file, readable), encoding="utf-8")
    return path


def configured(folder: Path, ledger: Ledger, urls: list[str], **more: Any) -> FollowerConfig:
    """A follower of these peers with its home in a folder."""
    folder.mkdir(exist_ok=True)
    genesis = genesis_file(ledger, folder)
    return FollowerConfig(
        home=folder / "follower", genesis=genesis, peers=urls, **{"workers": 1} | more
    )


async def caught_up(folder: Path, ledger: Ledger, *peers: Publisher, **more: Any) -> Outcome:
    """How a follower that catches up once with these peers ends."""
    with serving(*peers) as urls:
        service = FollowerService(configured(folder, ledger, urls, once=True, **more))
        async with asyncio.timeout(10):
            return await service.run()


@asynccontextmanager
async def watching(
    folder: Path, ledger: Ledger, urls: list[str], **more: Any
) -> AsyncIterator[Any]:
    """A follower that runs until the block ends."""
    service = FollowerService(configured(folder, ledger, urls, **more))
    running = asyncio.ensure_future(service.run())
    try:
        yield service
    finally:
        service.stop()
        await running
