"""Slow, greedy and broken clients of the API are cut off, counted, and never in others' way."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from serving import served
from single_node import PAYEE, PAYER, SingleNode

from node.api.settings import ApiSettings

HEAD = b"GET /v1/node HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def dialed(
    url: str, *, receive: int | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection made by hand; ``receive`` bounds what the kernel takes for it."""
    host, port = url.removeprefix("http://").split(":")
    made = socket.socket()
    if receive is not None:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    made.setblocking(False)
    await asyncio.get_running_loop().sock_connect(made, (host, int(port)))
    reader, writer = await asyncio.open_connection(sock=made, limit=1 << 16)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def cut(reader: asyncio.StreamReader) -> bytes:
    """What comes until the node ends the connection."""
    told = b""
    async with asyncio.timeout(10):
        try:
            while part := await reader.read(65_536):
                told += part
        except ConnectionError:
            pass
    return told


def count(node: SingleNode, family: str, reason: str) -> float:
    return node.metrics.get_sample_value(f"iic_api_{family}_total", {"reason": reason}) or 0.0


async def serves(url: str) -> None:
    """An honest client is answered."""
    async with httpx.AsyncClient() as http:
        assert (await http.get(f"{url}/v1/node", timeout=5)).status_code == 200


@pytest.mark.parametrize(
    "begun",
    [b"", b"GET /v1/st", b"GET / HTTP/1.1\r\nHost: x\r\nA: ", b"\r\n", HEAD + b"GET / HT"],
    ids=["nothing", "line", "header", "blank", "second request"],
)
async def test_a_head_that_does_not_come_ends_the_connection(
    node: SingleNode, begun: bytes
) -> None:
    settings = ApiSettings(head_timeout_s=0.5)
    async with served(node, settings) as url, dialed(url) as (reader, writer):
        writer.write(begun)
        await serves(url)
        await cut(reader)
        assert count(node, "connections_shed", "head") == 1


async def test_a_body_that_trickles_is_refused_even_where_none_is_read(node: SingleNode) -> None:
    settings = ApiSettings(body_timeout_s=0.3, head_timeout_s=0.3)
    body = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx"
    async with served(node, settings) as url:
        async with dialed(url) as (reader, writer):
            writer.write(body % b"/v1/transactions")
            assert b"BAD_REQUEST" in await cut(reader)
        async with dialed(url) as (reader, writer):
            writer.write(body % b"/v1/nothing")
            await cut(reader)
        await serves(url)


async def test_a_request_without_end_is_cut_off_at_its_bound(node: SingleNode) -> None:
    settings = ApiSettings(max_head_bytes=8_192, max_request_bytes=100_000)
    head = b"POST /v1/nothing HTTP/1.1\r\nHost: x\r\n"
    endless = [
        (head + b"A: ", b"a" * 4_096),  # one header
        (head, b"A: b\r\n" * 1_000),  # many headers
        (b"GET /", b"a" * 4_096),  # the address
        (head + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 1_000),  # chunks
        (head + b"Transfer-Encoding: chunked\r\n\r\n0\r\nA: ", b"a" * 4_096),  # a trailer
    ]
    async with served(node, settings) as url:
        for first, more in endless:
            async with dialed(url) as (reader, writer):
                writer.write(first)
                ended = asyncio.create_task(cut(reader))
                sent = 0
                while not ended.done() and sent < 50_000_000:
                    writer.write(more)
                    sent += len(more)
                    try:
                        await writer.drain()
                    except ConnectionError:
                        break
                    await asyncio.sleep(0)
                await ended
            await serves(url)
        assert count(node, "connections_shed", "size") >= 1


async def test_what_is_not_http_gets_a_problem_with_a_code(node: SingleNode) -> None:
    async with served(node) as url, dialed(url) as (reader, writer):
        writer.write(b"\x16\x03\x01 hello\r\n\r\n")
        told = await cut(reader)
        assert told.startswith(b"HTTP/1.1 400 ") and b'"BAD_REQUEST"' in told


async def test_connections_too_many_are_told_when_to_come_back(node: SingleNode) -> None:
    settings = ApiSettings(max_connections_per_client=2)
    async with served(node, settings) as url:
        async with dialed(url) as one, dialed(url) as two, dialed(url) as three:
            for _, writer in (one, two, three):
                writer.write(HEAD)
            answer = await cut(three[0])
            assert answer.startswith(b"HTTP/1.1 429 ")
            assert b"retry-after: 5" in answer.lower() and b"RATE_LIMITED" in answer
            for reader, _ in (one, two):
                assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
            async with dialed(url) as third, dialed(url) as flood:
                assert await cut(flood[0]) == b"", "a flood is not worth an answer"
                third[1].write(HEAD)
                assert (await third[0].readline()).startswith(b"HTTP/1.1 429 ")
        assert count(node, "connections_refused", "client") == 2
        assert count(node, "connections_refused", "flood") == 1
        while node.metrics.get_sample_value("iic_api_connections"):
            await asyncio.sleep(0.01)
        await serves(url)


async def filled(node: SingleNode) -> None:
    """A ledger whose blocks are an answer of some hundred kilobytes."""
    for _ in range(30):
        await node.submit([node.pay(PAYER, PAYEE, 1) for _ in range(30)])
        node.produce()


ASK = b"GET /v1/segments?from=1&size=4194304 HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_a_reader_that_takes_an_answer_too_slowly_is_cut_off(node: SingleNode) -> None:
    await filled(node)
    settings = ApiSettings(send_timeout_s=0.5)
    async with (
        served(node, settings, send_buffer=4_096) as url,
        dialed(url, receive=4_096) as (_, writer),
    ):
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(ASK)
        async with asyncio.timeout(10):
            while not count(node, "connections_shed", "reader"):
                await asyncio.sleep(0.02)
        await serves(url)


async def test_answers_that_nobody_takes_are_bounded_for_all_readers_together(
    node: SingleNode,
) -> None:
    await filled(node)
    bound = 600_000
    settings = ApiSettings(max_unsent_bytes=bound, lane_rest=0.001)
    async with served(node, settings, send_buffer=4_096) as url:
        async with asyncio.TaskGroup() as group:
            for _ in range(12):
                group.create_task(never_reads(url, node))
        await serves(url)
    assert count(node, "connections_shed", "memory") > 0


async def never_reads(url: str, node: SingleNode) -> None:
    async with dialed(url, receive=4_096) as (_, writer):
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(ASK)
        async with asyncio.timeout(20):
            while not count(node, "connections_shed", "memory"):
                await asyncio.sleep(0.02)
