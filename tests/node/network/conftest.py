"""Network tests run on the event loop that nodes run on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
import uvloop

from tests.node.network.netkit import Net


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """uvloop alone: what is not run on it proves little about a node."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def net(tmp_path: Path) -> AsyncIterator[Net]:
    """A network of registered nodes, closed at the end."""
    made = Net(tmp_path)
    yield made
    for node in made.running:
        await node.peers.close()
