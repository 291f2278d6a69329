"""The explorer as a node serves it: on a socket, with its index following the chain by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
from serving import served
from single_node import PAYEE, PAYER, SingleNode, demo_genesis

from node.api.app import create_app
from node.config import Home, load, write
from node.explorer.index.writer import Index
from node.explorer.settings import ExplorerSettings


async def test_pages_follow_the_chain_while_the_node_serves() -> None:
    node = SingleNode(demo_genesis())
    async with served(node) as base, httpx.AsyncClient(base_url=base, timeout=30) as http:
        for amount in (100, 200, 300):
            await node.submit([node.pay(PAYER, PAYEE, amount, reference=f"INV-{amount}")])
            node.produce()
            async with asyncio.timeout(30):
                while f"INV-{amount}" not in (await http.get("/en/transactions")).text:
                    await asyncio.sleep(0)
        overview = (await http.get("/en")).text
        assert 'data-chart="' in overview and "median here" in overview


async def test_a_node_without_the_explorer_serves_the_api_alone() -> None:
    node = SingleNode(demo_genesis())
    app = create_app(node, explorer=ExplorerSettings(served=False))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://node") as http:
        assert (await http.get("/en")).status_code == 404
        assert (await http.get("/v1/node")).status_code == 200


def test_the_switch_stands_in_the_nodes_configuration(tmp_path: Path) -> None:
    home = Home(tmp_path)
    write(home, name="g0", listen="127.0.0.1:7000", api="127.0.0.1:8080")
    assert load(home).explorer
    home.config.write_text(home.config.read_text() + "explorer = false\n")
    assert not load(home).explorer


async def test_the_index_outlives_the_node(tmp_path: Path) -> None:
    node = SingleNode(demo_genesis())
    await node.submit([node.pay(PAYER, PAYEE, 100)])
    node.produce()
    for found in (-1, node.head().height):
        index = Index(node, tmp_path / "explorer")
        assert index.height == found
        index.catch_up()
        index.close()
