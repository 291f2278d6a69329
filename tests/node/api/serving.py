"""A node's API on a real socket, in the test's own event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from single_node import SingleNode

from node.api.app import create_app
from node.api.settings import ApiSettings
from node.server import server_config


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def served(
    node: SingleNode, settings: ApiSettings | None = None, *, send_buffer: int | None = None
) -> AsyncIterator[str]:
    """The base URL of a node's API for as long as the block lasts."""
    app = create_app(node, settings, clock_ms=lambda: node.now)
    listener = socket.create_server(("127.0.0.1", 0))
    if send_buffer is not None:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    config = server_config(app, graceful_s=1)
    server = _Server(config)
    task = asyncio.get_running_loop().create_task(server.serve([listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        app.state.close_streams()
        server.should_exit = True
        await task
