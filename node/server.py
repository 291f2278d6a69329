"""The HTTP server inside a node: uvicorn on the node's own loop, stopped by the node."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import uvicorn
from fastapi import FastAPI

from node import limits
from node.api.app import create_app
from node.api.connection import Connection
from node.api.handle import NodeHandle
from node.api.settings import ApiSettings
from node.explorer.settings import DEFAULT_EXPLORER, ExplorerSettings
from node.network.roster import split_address


def server_config(app: FastAPI, *, graceful_s: int) -> uvicorn.Config:
    """How the application is served: every connection within the bounds of its settings."""
    protocol = partial(Connection, app.state.connections)
    return uvicorn.Config(
        app,
        http=cast(Any, protocol),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        ws="none",
        timeout_graceful_shutdown=graceful_s,
    )


class _Server(uvicorn.Server):
    """uvicorn without signal handlers: the node decides when to stop."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class ApiServer:
    """The API of a node at an address, ``host:port``."""

    def __init__(
        self,
        node: NodeHandle,
        address: str,
        settings: ApiSettings,
        explorer: ExplorerSettings = DEFAULT_EXPLORER,
    ) -> None:
        self._address = address
        self._app = create_app(node, settings, explorer=explorer)
        config = server_config(self._app, graceful_s=int(limits.STOP_SECONDS) // 2)
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Bind and serve; raises ``OSError`` if the address cannot be had."""
        host, port = split_address(self._address)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=1024)
        self._task = asyncio.get_running_loop().create_task(self._server.serve([listener]))

    async def close(self) -> None:
        """Finish the requests in progress, within bounds, and stop."""
        self._app.state.close_streams()
        self._server.should_exit = True
        if self._task is not None:
            await self._task
