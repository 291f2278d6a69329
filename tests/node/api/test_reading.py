"""What the API tells is what the store holds, and states its height."""

from __future__ import annotations

import asyncio
import hashlib

import httpx
import pytest
from ledger_in_memory import START, lei
from single_node import PAYEE, PAYER, THIRD, SingleNode

from contracts.accounts import AVAIL
from contracts.currency.operations import Leg, Transfer
from contracts.framework.posting import BALANCE
from contracts.framework.render import LANGUAGES
from contracts.framework.statement import statement
from ledger import proof
from ledger.genesis import parse
from ledger.transaction import open_envelope, read_content
from node.api.app import create_app
from node.api.settings import ApiSettings


async def pay(node: SingleNode, amount: int, payer: str = PAYER, payee: str = PAYEE) -> bytes:
    """A payment in a block of its own; its id."""
    wire = node.pay(payer, payee, amount)
    [answer] = await node.submit([wire])
    assert answer.status == "pending", answer
    node.produce()
    assert answer.id is not None
    return answer.id


async def get(http: httpx.AsyncClient, path: str, **params: object) -> dict:  # type: ignore[type-arg]
    answer = await http.get(path, params=params)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert answer.headers["x-ledger-height"] == str(body["height"])
    return body  # type: ignore[no-any-return]


async def test_a_final_payment_is_told_with_words_amounts_and_times(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    identity = await pay(node, 12_345)
    body = await get(http, f"/v1/transactions/{identity.hex()}")
    assert body["submission"] == {
        "id": identity.hex(),
        "status": "final",
        "height": 1,
        "index": 0,
        "code": "",
        "reason": "",
        "field": "",
    }
    [operation] = body["operations"]
    assert operation["name"] == "currency.Transfer"
    assert operation["fields"]["legs"][0]["amount"] == 12_345
    assert operation["shown"]["legs[0].amount"] == "123.45"
    assert body["receipt"]["time"] == {"iso": "2026-02-16T09:00:01.000Z", "ms": START + 1_000}
    debit, credit = body["receipt"]["postings"]
    assert debit["amount"] == {"amount": -12_345, "text": "-123.45", "unit": "SCU"}
    assert credit["account"] == AVAIL.of(lei(PAYEE))
    assert body["names"][lei(PAYEE)] == PAYEE


@pytest.mark.parametrize("language", LANGUAGES)
async def test_what_was_signed_is_told_in_each_language_with_the_hash_that_anybody_finds(
    node: SingleNode, http: httpx.AsyncClient, language: str
) -> None:
    wire = node.pay(PAYER, PAYEE, 12_345)
    [answer] = await node.submit([wire])
    node.produce()
    content = open_envelope(wire).content
    assert answer.id is not None
    body = await get(http, f"/v1/transactions/{answer.id.hex()}", lang=language)
    told = body["statement"]
    mine = statement(read_content(node.chain_id, content), language)
    assert (told["language"], told["text"]) == (language, mine.text)
    assert told["sha256"] == hashlib.sha256(told["text"].encode()).hexdigest() == mine.sha256.hex()
    request = {"content": content.hex(), "language": language}
    rendered = await http.post("/v1/operations/render", json=request)
    assert rendered.json()["statement"] == told
    named = {"operation": "currency.Transfer", **body["operations"][0]["fields"]}
    alone = await http.post(
        "/v1/operations/render", json={"operations": [named], "language": language}
    )
    assert alone.json()["texts"] == rendered.json()["texts"]
    assert alone.json()["texts"][0] in told["text"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"content": "zz"}',
        b'{"content": "00"}',
        b'{"operations": [{}]}',
        b'{"operations": [{"operation": "currency.Transfer", "legs": [{"amount": 0}]}]}',
        b'{"operations": [{"operation": "netting.EndMandate"}], "language": "xx"}',
        b'{"operations": [{"operation": "netting.EndMandate"}], "content": "00"}',
    ],
)
async def test_what_cannot_be_rendered_is_refused(http: httpx.AsyncClient, body: bytes) -> None:
    answer = await http.post("/v1/operations/render", content=body)
    assert 400 <= answer.status_code < 500 and answer.json()["code"]


async def test_an_unknown_transaction_is_unknown_and_a_pending_one_pending(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    body = await get(http, f"/v1/transactions/{'ab' * 32}")
    assert body["submission"]["status"] == "unknown"
    [answer] = await node.submit([node.pay(PAYER, PAYEE, 1)])
    assert answer.id is not None
    body = await get(http, f"/v1/transactions/{answer.id.hex()}")
    assert body["submission"]["status"] == "pending"
    assert body["receipt"] is None
    refused = await http.get(f"/v1/transactions/{answer.id.hex()}/receipt")
    assert (refused.status_code, refused.json()["code"]) == (409, "NOT_FINAL")


async def test_a_refused_payment_says_why(node: SingleNode, http: httpx.AsyncClient) -> None:
    identity = await pay(node, 99_999_999)
    body = await get(http, f"/v1/transactions/{identity.hex()}")
    assert body["submission"]["status"] == "refused"
    assert body["submission"]["height"] == 1
    assert body["submission"]["code"] == body["receipt"]["code"] == "INSUFFICIENT_FUNDS"
    assert body["receipt"]["postings"] == []


async def test_a_receipt_file_verifies_with_the_genesis_file_alone(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    identity = await pay(node, 500)
    await pay(node, 1)
    genesis = parse((await http.get("/v1/genesis")).content).genesis
    answer = await http.get(f"/v1/transactions/{identity.hex()}/receipt")
    assert answer.headers["content-disposition"].endswith('.receipt"')
    summary = proof.verify(proof.read(answer.content), genesis)
    assert (summary.subject, summary.height) == (identity, 1)
    by_place = await http.get("/v1/proofs/inclusion", params={"height": 1, "index": 0})
    assert by_place.content == answer.content


async def test_balances_and_their_absence_are_proven(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    await pay(node, 500)
    for account, amount in [(AVAIL.of(lei(PAYEE)), 1_000_500), ("KZ/nothing", None)]:
        answer = await http.get(
            "/v1/proofs/state/balance", params={"part": [f"s:{account}", "s:SCU"]}
        )
        proven = proof.read(answer.content)
        assert isinstance(proven, proof.ProvenState)
        proof.verify_state(proven, node.genesis)
        assert proven.key == BALANCE.key(account, "SCU")
        if amount is None:
            assert proven.value is None
        else:
            assert proven.value is not None
            assert BALANCE.decode(proven.value).amount == amount


async def test_todays_ledger_is_proven_to_extend_an_earlier_one(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    for amount in range(1, 6):
        await pay(node, amount)
    answer = await http.get("/v1/proofs/consistency", params={"from": 2})
    proven = proof.read(answer.content)
    assert isinstance(proven, proof.ProvenExtension)
    proof.verify_extension(proven, node.genesis)
    assert proven.header == node.store.header(2)
    assert proven.finality.header.height == 5


async def test_a_proof_waits_for_a_certified_block_and_says_so_if_none_comes(
    node: SingleNode,
) -> None:
    node.certify = False
    identity = await pay(node, 5)
    app = create_app(node, ApiSettings(proof_wait_s=0.05), clock_ms=lambda: node.now)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://node") as http:
        answer = await http.get(f"/v1/transactions/{identity.hex()}/receipt")
    assert (answer.status_code, answer.json()["code"]) == (409, "NOT_CERTIFIED")


async def test_a_proof_comes_with_the_next_certified_block(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    node.certify = False
    identity = await pay(node, 5)
    asking = asyncio.ensure_future(http.get(f"/v1/transactions/{identity.hex()}/receipt"))
    await asyncio.sleep(0)
    node.certify = True
    node.produce()
    summary = proof.verify(proof.read((await asking).content), node.genesis)
    assert (summary.subject, summary.height) == (identity, 1)


@pytest.mark.parametrize(
    "part", ["", "s", "i:-1", "i:x", "x:00", "x:" + "zz" * 32, "s:" + "x" * 900, "s:\0"]
)
async def test_a_key_that_cannot_be_is_refused(http: httpx.AsyncClient, part: str) -> None:
    answer = await http.get("/v1/proofs/state/balance", params={"part": part})
    assert 400 <= answer.status_code < 500
    assert answer.json()["code"] in {"BAD_REQUEST", "MALFORMED", "TOO_LARGE"}


async def test_blocks_are_listed_newest_first_down_to_genesis(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    for amount in range(1, 8):
        await pay(node, amount)
    seen: list[int] = []
    before: int | None = None
    while True:
        params = {"limit": 3} if before is None else {"limit": 3, "before": before}
        body = await get(http, "/v1/blocks", **params)
        seen += [block["block"] for block in body["blocks"]]
        before = body["before"]
        if before is None:
            break
    assert seen == list(range(7, -1, -1))


async def test_a_block_is_told_with_its_finalization(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    await pay(node, 1)
    latest = (await get(http, "/v1/blocks/latest"))["block"]
    assert latest == (await get(http, "/v1/blocks/1"))["block"]
    assert latest["hash"] == node.head().hash().hex()
    assert latest["certificate"] == {
        "kind": "finalization",
        "epoch": 0,
        "view": 1,
        "signers": [0],
    }
    for path, code in [("/v1/blocks/2", 404), ("/v1/blocks/x", 400), ("/v1/blocks/-1", 400)]:
        assert (await http.get(path)).status_code == code


async def test_a_blocks_rows_are_paged_in_order(node: SingleNode, http: httpx.AsyncClient) -> None:
    wires = [node.pay(PAYER, PAYEE, amount) for amount in range(1, 8)]
    await node.submit(wires)
    node.produce()
    seen: list[str] = []
    cursor = ""
    while True:
        body = await get(http, "/v1/blocks/1/transactions", limit=3, cursor=cursor)
        seen += [row["id"] for row in body["rows"]]
        cursor = body["next"]
        if not cursor:
            break
    assert seen == [node.identity(wire).hex() for wire in wires]


async def test_an_accounts_history_is_complete_newest_first_and_resumable(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    for amount in range(1, 6):
        await pay(node, amount)
    both = node.signed(PAYER, Transfer(tuple(Leg(lei(name), 10) for name in (PAYEE, THIRD, PAYEE))))
    await node.submit([both])
    node.produce()
    account = AVAIL.of(lei(PAYEE))
    seen: list[tuple[int, int]] = []
    cursor = ""
    while True:
        body = await get(http, f"/v1/accounts/{account}/history", limit=2, cursor=cursor)
        seen += [
            (entry["posting"]["sequence"], entry["posting"]["amount"]["amount"])
            for entry in body["entries"]
        ]
        cursor = body["next"]
        await pay(node, 1_000)  # later postings come before the cursor, never after it
        if not cursor:
            break
    assert seen == [(7, 10), (6, 10), (5, 5), (4, 4), (3, 3), (2, 2), (1, 1)]


async def test_a_consistent_balance_is_confirmed_by_a_quorum_or_refused(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    await pay(node, 250)
    account = f"/v1/accounts/{AVAIL.of(lei(PAYEE))}"
    confirmed = await get(http, account, consistent="true")
    assert confirmed == await get(http, account)
    node.reachable = 0
    assert (await get(http, account))["height"] == confirmed["height"]
    refused = await http.get(account, params={"consistent": "true"})
    assert refused.status_code == 503
    assert refused.json()["code"] == "NOT_CONFIRMED"


async def test_an_accounts_entry_names_the_other_side(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    await pay(node, 250)
    body = await get(http, f"/v1/accounts/{AVAIL.of(lei(PAYEE))}/history")
    [entry] = body["entries"]
    assert entry["counterparties"] == [lei(PAYER)]
    assert body["names"] == {lei(PAYER): PAYER, lei(PAYEE): PAYEE}
    assert body["account"]["balance"]["text"] == "10,002.50"


async def test_a_forged_cursor_is_refused(node: SingleNode, http: httpx.AsyncClient) -> None:
    from node.api.cursors import Place, write

    await pay(node, 1)
    account = AVAIL.of(lei(PAYEE))
    key = BALANCE.key(account, "SCU")
    for place in [
        Place("account", key, 1, 0, 2),
        Place("account", key, 9, 0, 1),
        Place("account", key, 2**62, 2**62, 2**62),
    ]:
        answer = await http.get(f"/v1/accounts/{account}/history", params={"cursor": write(place)})
        assert (answer.status_code, answer.json()["code"]) == (400, "BAD_CURSOR")


async def test_a_partys_history_merges_its_accounts_and_what_names_it(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    identities = [await pay(node, amount) for amount in (1, 2, 99_999_999, 3, 99_999_998, 4)]
    identities.append(await pay(node, 5, PAYEE, PAYER))
    seen: list[str] = []
    cursor = ""
    while True:
        body = await get(http, f"/v1/parties/{lei(PAYER)}/history", limit=2, cursor=cursor)
        seen += [entry["id"] for entry in body["entries"]]
        cursor = body["next"]
        if not cursor:
            break
    assert seen == [identity.hex() for identity in reversed(identities)]


async def test_parties_are_found_by_name_and_listed_by_pages(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    body = await get(http, "/v1/parties", q="volga")
    assert [party["name"] for party in body["parties"]] == [PAYEE]
    seen: list[str] = []
    cursor = ""
    while True:
        body = await get(http, "/v1/parties", limit=4, cursor=cursor)
        seen += [party["lei"] for party in body["parties"]]
        cursor = body["next"]
        if not cursor:
            break
    assert seen == sorted(seen)
    assert {lei(PAYER), lei(PAYEE), lei(THIRD)} <= set(seen)
    assert len(seen) == len(set(seen)) == 13


async def test_a_party_is_told_with_keys_policy_and_warnings(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    body = await get(http, f"/v1/parties/{lei(PAYER)}")
    assert body["party"]["standing"] == "admitted"
    assert body["keys"][0]["usable"] is True
    assert body["rules"][0]["required"] == [{"role": "director", "count": 1}]
    assert body["warnings"] == []
    node.produce(after=970 * 86_400_000)
    body = await get(http, f"/v1/parties/{lei(PAYER)}")
    assert any("expires" in warning for warning in body["warnings"])
    missing = await http.get(f"/v1/parties/{lei('Nobody')}")
    assert (missing.status_code, missing.json()["code"]) == (404, "NO_SUCH_RESOURCE")


async def test_a_partys_accounts_are_listed_with_balances(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    await pay(node, 5)
    body = await get(http, f"/v1/parties/{lei(PAYER)}/accounts")
    [account] = body["accounts"]
    assert account["account"] == AVAIL.of(lei(PAYER))
    assert account["balance"]["amount"] == 999_995
    one = await get(http, f"/v1/accounts/{AVAIL.of(lei(PAYER))}")
    assert one["account"] == account


async def test_the_supply_is_told_by_state(node: SingleNode, http: httpx.AsyncClient) -> None:
    body = await get(http, "/v1/supply")
    assert [state["state"] for state in body["states"]] == ["BY", "CN", "KZ", "RU"]
    assert body["outstanding"]["amount"] == 13 * 1_000_000
    assert all(state["fresh"] is False for state in body["states"])


async def test_the_node_says_what_it_does_and_whether_it_is_ready(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    about = await get(http, "/v1/node")
    assert (about["network"], about["ready"], about["waiting_for"]) == ("test", True, "")
    assert (await http.get("/readyz")).status_code == 200
    node.now += 60_000
    node.reachable = 0
    answer = await http.get("/readyz")
    assert answer.status_code == 503
    assert "0 of 1 validators are reachable" in answer.json()["reason"]
    node.reachable = 1
    assert (await http.get("/readyz")).status_code == 200
    node.syncing = True
    assert (await http.get("/readyz")).status_code == 503
    assert (await http.get("/healthz")).status_code == 200


async def test_metrics_name_routes_and_never_paths(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    await http.get(f"/v1/parties/{lei(PAYER)}")
    await http.get("/v1/nothing/here")
    text = (await http.get("/metrics")).text
    assert 'route="/v1/parties/{lei}"' in text
    assert 'route="none"' in text
    assert lei(PAYER) not in text
    assert "nothing/here" not in text


async def test_validators_are_told_with_their_part_and_their_keys(
    node: SingleNode, http: httpx.AsyncClient
) -> None:
    body = await get(http, "/v1/validators")
    assert (body["epoch"], body["since"], body["ends"]) == (0, 0, None)
    assert (body["quorum"], body["tolerated"], body["faults"]) == (1, 0, [])
    [entry] = body["nodes"]
    registered = node.genesis.validators.validators[0]
    assert (entry["party"], entry["state"], entry["index"]) == (registered.party, "voting", 0)
    assert entry["vote_key"] == registered.vote_key.hex()
