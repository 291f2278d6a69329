"""The API's tests run over a real store that real blocks fill."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "contracts"))  # genesis, keys, parties

from single_node import SingleNode, demo_genesis

from node.api.app import create_app


@pytest.fixture
def node() -> SingleNode:
    """A ledger of one validator with two members that have money."""
    return SingleNode(demo_genesis())


@pytest.fixture
async def http(node: SingleNode) -> AsyncIterator[httpx.AsyncClient]:
    """Requests to the node's application without a socket."""
    transport = httpx.ASGITransport(app=create_app(node, clock_ms=lambda: node.now))
    async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
        yield client
