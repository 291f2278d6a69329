"""Whoever trusts nobody gets final blocks complete, waits for new ones, and sees alarms."""

from __future__ import annotations

import asyncio

import httpx
from single_node import PAYEE, PAYER, VOTE_KEY, SingleNode

from contracts.verifier import require_final
from ledger import segment
from ledger.block import VoteKind, sign_vote
from ledger.codec import decode
from ledger.evidence import DoubleVote, double_vote
from ledger.segment import Segment
from node.api.handle import RaisedAlarm


async def blocks_of(http: httpx.AsyncClient, **params: object) -> Segment:
    answer = await http.get("/v1/segments", params=params)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/vnd.iic.blocks"
    return segment.read(answer.content)


async def fill(node: SingleNode, count: int) -> None:
    for _ in range(count):
        await node.submit([node.pay(PAYER, PAYEE, 5)])
        node.produce()


async def test_blocks_are_published_to_the_last_byte(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    await fill(node, 3)
    found = await blocks_of(http, **{"from": 1})
    assert [b.header.height for b in found.blocks] == [1, 2, 3] and found.height == 3
    require_final(node.chain_id, found.blocks, 1, node.genesis.validators)
    for block in found.blocks:
        stored = node.store.rows(block.header.height)
        assert [(row.wire, row.receipt) for row in block.rows] == [tuple(row) for row in stored]


async def test_pages_end_in_a_certified_block(node: SingleNode, http: httpx.AsyncClient) -> None:
    await fill(node, 1)
    node.certify = False
    await fill(node, 2)
    assert not (await blocks_of(http, **{"from": 2})).blocks
    node.certify = True
    await fill(node, 2)
    found = await blocks_of(http, **{"from": 2, "blocks": 1})
    assert [b.header.height for b in found.blocks] == [2, 3, 4]
    assert [b.certificate is None for b in found.blocks] == [True, True, False]
    assert [b.header.height for b in (await blocks_of(http, **{"from": 5})).blocks] == [5]


async def test_headers_come_alone(node: SingleNode, http: httpx.AsyncClient) -> None:
    await fill(node, 2)
    found = await blocks_of(http, **{"from": 1, "content": False})
    assert [b.rows for b in found.blocks] == [(), ()]


async def test_a_request_waits_for_the_next_block(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    waiting = asyncio.ensure_future(blocks_of(http, **{"from": 1, "wait": 30}))
    await asyncio.sleep(0)
    await fill(node, 1)
    assert [b.header.height for b in (await waiting).blocks] == [1]
    assert not (await blocks_of(http, **{"from": 2, "wait": 0.01})).blocks


async def test_bad_bounds_are_refused(http: httpx.AsyncClient) -> None:
    for params in ({}, {"from": -1}, {"from": 1, "blocks": 0}, {"from": 1, "size": 1 << 40}):
        answer = await http.get("/v1/segments", params=params)
        assert answer.status_code == 400 and answer.json()["code"] == "BAD_REQUEST"


async def test_alarms_and_evidence_are_told(node: SingleNode, http: httpx.AsyncClient) -> None:
    votes = [
        sign_vote(node.chain_id, VOTE_KEY, 0, VoteKind.FINALIZE, 0, 7, bytes((n,)) * 32)
        for n in (1, 2)
    ]
    node.evidence.append(double_vote(*votes))
    node.alarms.append(
        RaisedAlarm(number=1, code="EQUIVOCATION", text="g0 …", raised_ms=5, block=3, source="g1")
    )
    [told] = (await http.get("/v1/evidence")).json()["evidence"]
    assert (told["name"], told["view"]) == ("g0", 7)
    proof = decode(bytes.fromhex(told["proof"]), DoubleVote)
    assert proof.verify(node.chain_id, node.genesis.validators) == 0
    [alarm] = (await http.get("/v1/alarms")).json()["alarms"]
    assert (alarm["code"], alarm["block"], alarm["source"]) == ("EQUIVOCATION", 3, "g1")
