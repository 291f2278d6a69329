"""Submissions: one answer each, the same bytes the same answer, and bounded work for refusals."""

from __future__ import annotations

import asyncio
import base64

import httpx
import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_in_memory import lei
from single_node import PAYEE, PAYER, SingleNode, demo_genesis

from node.api.app import create_app
from node.api.settings import ApiSettings

MSGPACK = {"content-type": "application/msgpack"}


def client_of(node: SingleNode, limits: ApiSettings | None = None) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=create_app(node, limits, clock_ms=lambda: node.now))
    return httpx.AsyncClient(transport=transport, base_url="http://node")


async def submit(
    http: httpx.AsyncClient, *wires: bytes, **params: object
) -> tuple[int, list[dict[str, object]]]:
    answer = await http.post(
        "/v1/transactions",
        content=msgpack.packb(list(wires)),
        headers=MSGPACK,
        params=params,  # type: ignore[arg-type]
    )
    return answer.status_code, answer.json()["transactions"]


async def test_many_are_answered_one_by_one_in_order(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    good = node.pay(PAYER, PAYEE, 5)
    unsigned = node.signed(PAYER, signers=(), valid=1, reference="x")[:40]
    unknown = node.pay("Nobody", PAYEE, 5)
    status, answers = await submit(http, good, unsigned, unknown, good)
    assert status == 202
    assert [answer["status"] for answer in answers] == ["pending", "refused", "refused", "pending"]
    assert [answer["code"] for answer in answers] == ["", "MALFORMED", "UNKNOWN_PARTY", ""]
    assert answers[1]["id"] is None
    assert answers[0]["id"] == answers[3]["id"] == node.identity(good).hex()


async def test_the_json_form_is_taken_too(node: SingleNode, http: httpx.AsyncClient) -> None:
    text = base64.urlsafe_b64encode(node.pay(PAYER, PAYEE, 5)).decode().rstrip("=")
    answer = await http.post("/v1/transactions", json={"transactions": [text]})
    assert answer.status_code == 202
    assert answer.json()["transactions"][0]["status"] == "pending"


async def test_the_same_bytes_get_their_first_result_for_good(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    wire = node.pay(PAYER, PAYEE, 99_999_999)
    await submit(http, wire)
    node.produce()
    for _ in range(2):
        status, [answer] = await submit(http, wire)
        assert status == 200
        assert (answer["status"], answer["code"]) == ("refused", "INSUFFICIENT_FUNDS")
        assert (answer["height"], answer["index"]) == (1, 0)
        node.produce()


async def test_waiting_ends_when_the_block_is_final(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    wires = [node.pay(PAYER, PAYEE, 5), node.pay(PAYER, PAYEE, 6)]
    waiting = asyncio.ensure_future(submit(http, *wires, wait="final"))
    while not node.describe()["pending_transactions"]:
        await asyncio.sleep(0)
    node.produce()
    status, answers = await waiting
    assert status == 200
    assert [(answer["status"], answer["height"]) for answer in answers] == [("final", 1)] * 2


async def test_waiting_ends_at_its_time_out_with_pending(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    status, [answer] = await submit(http, node.pay(PAYER, PAYEE, 5), wait="final", timeout=0.01)
    assert (status, answer["status"]) == (202, "pending")


async def test_statuses_of_many_are_asked_at_once(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    wire = node.pay(PAYER, PAYEE, 5)
    await submit(http, wire)
    node.produce()
    ids = [node.identity(wire).hex(), "00" * 32]
    answer = await http.post("/v1/transactions/status", json={"ids": ids})
    assert [entry["status"] for entry in answer.json()["transactions"]] == ["final", "unknown"]


async def test_a_body_beyond_the_limit_is_refused_before_it_is_read(node: SingleNode) -> None:
    async with client_of(node, ApiSettings(max_submission_bytes=1_000)) as http:
        told = await http.post("/v1/transactions", content=b"x" * 1_001, headers=MSGPACK)

        async def endless():  # type: ignore[no-untyped-def]
            nonlocal sent
            while True:
                sent += 100
                yield b"x" * 100

        sent = 0
        streamed = await http.post("/v1/transactions", content=endless(), headers=MSGPACK)
    for answer in (told, streamed):
        assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")
        assert answer.headers["connection"] == "close"
    assert sent < 1_300


async def test_too_many_transactions_in_one_request_are_refused(node: SingleNode) -> None:
    async with client_of(node, ApiSettings(max_submission_transactions=2)) as http:
        answer = await http.post(
            "/v1/transactions", content=msgpack.packb([b"a"] * 3), headers=MSGPACK
        )
    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_LARGE")


async def test_a_full_node_takes_nothing_of_a_request_and_says_when_to_return() -> None:
    node = SingleNode(demo_genesis(), room=1)
    async with client_of(node) as http:
        answer = await http.post(
            "/v1/transactions",
            content=msgpack.packb([node.pay(PAYER, PAYEE, 1), node.pay(PAYER, PAYEE, 2)]),
            headers=MSGPACK,
        )
    assert (answer.status_code, answer.json()["code"]) == (429, "BUSY")
    assert answer.headers["retry-after"] == "2"
    assert node.describe()["pending_transactions"] == 0


async def test_a_client_above_its_rate_is_told_when_to_return(node: SingleNode) -> None:
    limits = ApiSettings(transaction_rate=1.0, transaction_burst=2)
    async with client_of(node, limits) as http:
        wires = [node.pay(PAYER, PAYEE, amount) for amount in (1, 2, 3)]
        assert (await submit(http, *wires[:2]))[0] == 202
        answer = await http.post(
            "/v1/transactions", content=msgpack.packb(wires[2:]), headers=MSGPACK
        )
    assert (answer.status_code, answer.json()["code"]) == (429, "RATE_LIMITED")
    assert int(answer.headers["retry-after"]) >= 1
    assert node.describe()["pending_transactions"] == 2


async def test_requests_of_one_client_are_limited_and_monitors_are_not(node: SingleNode) -> None:
    async with client_of(node, ApiSettings(request_rate=0.001, request_burst=2)) as http:
        codes = [(await http.get("/v1/blocks/latest")).status_code for _ in range(3)]
        assert codes == [200, 200, 429]
        assert (await http.get("/metrics")).status_code == 200
        assert (await http.get("/healthz")).status_code == 200


@pytest.mark.parametrize(
    ("body", "media_type", "status", "code"),
    [
        (b"", "application/msgpack", 400, "MALFORMED"),
        (b"{}", "application/json", 400, "MALFORMED"),
        (b'{"transactions": ["!!"]}', "application/json", 400, "MALFORMED"),
        (b'{"transactions": [], "x": 1}', "application/json", 400, "MALFORMED"),
        (b"\x91\xc4\x00", "text/plain", 415, "UNSUPPORTED_MEDIA_TYPE"),
    ],
)
async def test_a_body_that_is_no_submission_is_a_problem_with_a_code(
    http: httpx.AsyncClient, body: bytes, media_type: str, status: int, code: str
) -> None:
    answer = await http.post("/v1/transactions", content=body, headers={"content-type": media_type})
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["type"] == f"/v1/errors/{code}"
    assert (await http.get(problem["type"])).json()["code"] == code


_envelopes = st.one_of(
    st.binary(max_size=200),
    st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=8)),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(damage=st.lists(_envelopes, min_size=1, max_size=6))
async def test_damaged_envelopes_each_get_a_code_and_change_nothing(
    node: SingleNode, http: httpx.AsyncClient, damage: list[object]
) -> None:
    sound = node.pay(PAYER, PAYEE, 5)
    wires = []
    for item in damage:
        if isinstance(item, tuple):
            at, patch = item
            start = at % len(sound)
            wires.append(sound[:start] + patch + sound[start + len(patch) :])
        else:
            wires.append(item)
    before = node.describe()["pending_transactions"]
    answer = await http.post("/v1/transactions", content=msgpack.packb(wires), headers=MSGPACK)
    assert answer.status_code in (200, 202)
    answers = answer.json()["transactions"]
    assert len(answers) == len(wires)
    taken = {a["id"] for a in answers if a["status"] == "pending"}
    assert all(a["code"] and a["reason"] for a in answers if a["status"] == "refused")
    for wire, told in zip(wires, answers, strict=True):
        assert wire == sound or told["status"] != "pending"
    assert node.describe()["pending_transactions"] <= before + len(taken)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    body=st.binary(max_size=300),
    media_type=st.sampled_from(["application/msgpack", "application/json", "x", ""]),
    path=st.sampled_from(["/v1/transactions", "/v1/transactions/status"]),
)
async def test_arbitrary_bodies_never_fail_the_node(
    http: httpx.AsyncClient, body: bytes, media_type: str, path: str
) -> None:
    answer = await http.post(path, content=body, headers={"content-type": media_type})
    assert answer.status_code < 500
    assert answer.json()
    assert lei(PAYER) not in answer.text
