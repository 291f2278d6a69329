"""Subscribers get every final block once, in order, or are told which they do not get."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing

import httpx
import pytest
from ledger_in_memory import lei
from serving import served
from single_node import PAYEE, PAYER, THIRD, SingleNode, demo_genesis

from cli.client import AsyncClient
from node.api.models import BlockEvent, GapEvent
from node.api.settings import ApiSettings


async def take(events: AsyncIterator[BlockEvent | GapEvent], count: int) -> list[object]:
    """The next ``count`` events: a block's height, or a gap's bounds."""
    found: list[object] = []
    async for event in events:
        found.append(event.height if isinstance(event, BlockEvent) else (event.first, event.last))
        if len(found) == count:
            return found
    return found


def grow(node: SingleNode, blocks: int) -> None:
    for _ in range(blocks):
        node.produce()


async def test_a_subscriber_gets_old_and_new_blocks_without_a_hole(node: SingleNode) -> None:
    grow(node, 3)
    async with (
        served(node) as url,
        AsyncClient(url) as client,
        aclosing(client.events(1)) as events,
    ):
        assert await take(events, 3) == [1, 2, 3]
        grow(node, 2)
        assert await take(events, 2) == [4, 5]


async def test_without_a_start_only_new_blocks_come(node: SingleNode) -> None:
    grow(node, 3)
    async with (
        served(node) as url,
        httpx.AsyncClient() as http,
        http.stream("GET", f"{url}/v1/events") as answer,
    ):
        lines = answer.aiter_lines()
        assert [await anext(lines) for _ in range(2)] == ["retry: 1000", ": head 3"]
        grow(node, 1)
        text = [await anext(lines) for _ in range(4)]
        assert "id: 4" in text


async def test_the_last_id_seen_goes_before_the_start_asked_for(node: SingleNode) -> None:
    grow(node, 5)
    async with served(node) as url, httpx.AsyncClient() as http:
        request = {"headers": {"Last-Event-ID": "3"}, "params": {"from": 1}}
        async with http.stream("GET", f"{url}/v1/events", **request) as answer:  # type: ignore[arg-type]
            ids = []
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    ids.append(line)
                if len(ids) == 2:
                    break
    assert ids == ["id: 4", "id: 5"]


async def test_an_event_names_each_transaction_with_its_outcome(node: SingleNode) -> None:
    wires = [node.pay(PAYER, PAYEE, 1), node.pay(PAYER, PAYEE, 99_999_999)]
    await node.submit(wires)
    node.produce()
    async with (
        served(node) as url,
        AsyncClient(url) as client,
        aclosing(client.events(1)) as events,
    ):
        event = await anext(events)
    assert isinstance(event, BlockEvent)
    assert [(row.id, row.status, row.code) for row in event.transactions] == [
        (node.identity(wires[0]).hex(), "final", ""),
        (node.identity(wires[1]).hex(), "refused", "INSUFFICIENT_FUNDS"),
    ]
    assert event.hash == node.head().hash().hex()


async def test_a_filter_keeps_every_block_and_drops_foreign_transactions(
    node: SingleNode,
) -> None:
    mine = node.pay(PAYER, PAYEE, 1)
    await node.submit([mine, node.pay(THIRD, PAYEE, 1)])
    node.produce()
    await node.submit([node.pay(PAYEE, THIRD, 1)])
    node.produce()
    async with (
        served(node) as url,
        AsyncClient(url) as client,
        aclosing(client.events(1, parties=[lei(PAYER)])) as events,
    ):
        first, second = await anext(events), await anext(events)
    assert isinstance(first, BlockEvent)
    assert isinstance(second, BlockEvent)
    assert [row.id for row in first.transactions] == [node.identity(mine).hex()]
    assert (second.height, second.transactions, second.filtered) == (2, [], True)


async def test_a_cursor_older_than_what_is_replayed_gets_an_explicit_gap(
    node: SingleNode,
) -> None:
    grow(node, 10)
    settings = ApiSettings(event_replay_blocks=4, event_cache_blocks=2)
    async with (
        served(node, settings) as url,
        AsyncClient(url) as client,
        aclosing(client.events(2)) as events,
    ):
        assert await take(events, 5) == [(2, 6), 7, 8, 9, 10]
        grow(node, 1)
        assert await take(events, 1) == [11]


async def test_a_start_in_the_future_waits_for_it(node: SingleNode) -> None:
    async with (
        served(node) as url,
        AsyncClient(url) as client,
        aclosing(client.events(3)) as events,
    ):
        following = asyncio.ensure_future(take(events, 1))
        grow(node, 4)
        assert await following == [3]


async def test_the_client_goes_on_where_a_lost_node_left_off() -> None:
    """Two nodes with the same ledger; the first goes away in the middle."""
    first, second = SingleNode(demo_genesis()), SingleNode(demo_genesis())
    for node in (first, second):
        grow(node, 3)
    async with served(second) as other:
        async with served(first) as url:
            client = AsyncClient([url, other])
            events = client.events(1)
            assert await take(events, 3) == [1, 2, 3]
        grow(second, 2)
        assert await take(events, 2) == [4, 5]
        await events.aclose()
        await client.close()


async def test_streams_are_bounded_per_client(node: SingleNode) -> None:
    settings = ApiSettings(max_subscribers_per_client=2)
    async with (
        served(node, settings) as url,
        httpx.AsyncClient() as http,
        http.stream("GET", f"{url}/v1/events") as one,
    ):
        first = one.aiter_lines()
        await anext(first)
        async with http.stream("GET", f"{url}/v1/events") as two:
            second = two.aiter_lines()
            await anext(second)
            answer = await http.get(f"{url}/v1/events")
            assert (answer.status_code, answer.json()["code"]) == (429, "BUSY")
            assert answer.headers["retry-after"] == "5"


async def test_a_reader_that_takes_nothing_is_shed_and_the_others_go_on(
    node: SingleNode,
) -> None:
    """Its socket fills up, a send times out, and all that was held for it is one event."""
    settings = ApiSettings(event_send_timeout_s=0.2)
    idle = socket.socket()
    idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    async with (
        served(node, settings, send_buffer=4_096) as url,
        AsyncClient(url) as client,
        aclosing(client.events(0)) as events,
    ):
        host, port = url.removeprefix("http://").split(":")
        idle.connect((host, int(port)))
        idle.sendall(b"GET /v1/events?from=0 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await take(events, 1) == [0]
        for _ in range(300):
            await node.submit([node.pay(PAYER, PAYEE, 1) for _ in range(30)])
            node.produce()
            await anext(events)
            if _metric(node, "iic_api_event_subscribers_shed_total"):
                break
        else:
            pytest.fail("the slow reader was never shed")
        assert _metric(node, "iic_api_event_subscribers") == 1
        node.produce()
        assert await take(events, 1) == [node.head().height]
    idle.close()


def _metric(node: SingleNode, name: str) -> float:
    value = node.metrics.get_sample_value(name)
    assert value is not None
    return value


@pytest.mark.parametrize("last", ["x", "-1", "9" * 30, "1.5"])
async def test_a_last_id_that_is_no_height_is_refused(node: SingleNode, last: str) -> None:
    async with served(node) as url, httpx.AsyncClient() as http:
        answer = await http.get(f"{url}/v1/events", headers={"Last-Event-ID": last})
    assert (answer.status_code, answer.json()["code"]) == (400, "BAD_CURSOR")
