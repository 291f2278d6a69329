"""What pages say is what the ledger holds: totals, balances, words, search, time."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import AsyncIterator

import httpx
import pytest
from explorer_addresses import addresses
from ledger_in_memory import lei
from single_node import PAYEE, PAYER, THIRD, SingleNode, demo_genesis

from contracts.executor import read_trusted
from contracts.framework.posting import balances
from contracts.framework.render import LANGUAGES, words
from ledger.receipt import read_receipt
from ledger.state import State
from node.api.app import create_app
from node.explorer.table import decimal

Http = httpx.AsyncClient


@pytest.fixture
async def node() -> SingleNode:
    made = SingleNode(demo_genesis())
    for amount in range(1, 90):
        payer, payee = ((PAYER, PAYEE), (PAYEE, THIRD), (THIRD, PAYER))[amount % 3]
        wire = made.pay(payer, payee, amount * 1_000, reference=f"INV-{amount}")
        await made.submit([wire])
        made.produce()
    return made


@pytest.fixture
async def http(node: SingleNode) -> AsyncIterator[Http]:
    app = create_app(node, clock_ms=lambda: node.now)
    app.state.explorer.index.catch_up()
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
        client.app = app  # type: ignore[attr-defined]
        yield client


async def rows(http: Http, path: str, table: str, **query: object) -> list[dict[str, str]]:
    """A table of a page, from its file."""
    parameters = {**query, "download": f"{table}.csv"}
    answer = await http.get(path, params=parameters)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


async def test_the_trial_balance_is_that_of_the_books_and_both_sides_are_equal(
    http: Http, node: SingleNode
) -> None:
    booked: Counter[tuple[str, str]] = Counter()
    for account, unit, record in balances(State(node.store)):
        booked[account.split("/")[1], unit.value] += record.amount
    shown: Counter[tuple[str, str]] = Counter()
    for row in await rows(http, "/en/trial-balance", "trial-balance"):
        for side, sign in (("debit", -1), ("credit", 1)):
            shown[row["kind"], row["unit"]] += sign * round(float(row[side] or 0) * 100)
    assert shown == {key: amount for key, amount in booked.items() if amount}
    sums = await rows(http, "/en/trial-balance", "sums")
    assert sums and all(row["difference"] == "0.00" for row in sums)
    assert all(row["debit"] == row["credit"] for row in sums)


@pytest.mark.parametrize("height", [0, 1, 17, 64, 89])
async def test_an_account_at_a_height_is_what_its_postings_up_to_there_left(
    http: Http, node: SingleNode, height: int
) -> None:
    account = f"{lei(PAYEE)}/avail"
    wanted = []
    for at in range(1, height + 1):
        for row in node.store.rows(at):
            mine = [p for p in read_receipt(row.receipt).postings if p.account == account]
            wanted += [(decimal(p.amount), decimal(p.balance)) for p in mine]
    found = await rows(http, f"/en/accounts/{account}", "postings", height=height)
    assert [(row["amount"], row["balance"]) for row in found] == wanted[::-1]
    assert [int(row["number"]) for row in found] == list(range(len(wanted), 0, -1))


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_transaction_is_told_in_the_words_of_its_declaration(
    http: Http, node: SingleNode, language: str
) -> None:
    place = node.store.find_transaction(read_receipt(node.store.rows(7)[0].receipt).subject)
    assert place == (7, 0)
    subject = read_receipt(node.store.rows(7)[0].receipt).subject.hex()
    text = (await http.get(f"/{language}/transactions/{subject}")).text
    [op] = read_trusted(node.chain_id, node.store.rows(7)[0].wire).operations
    names = {lei(name): name for name in (PAYER, PAYEE, THIRD)}
    assert words(op, language, names.get) in text
    assert "/v1/proofs/inclusion?height=7&amp;index=0" in text.replace("&#38;", "&amp;")


@pytest.mark.parametrize(
    ("query", "leads"),
    [
        ("INV-7", "/en/transactions/"),
        ("volga bear", f"/en/members/{lei(PAYEE)}"),
        ("12", "/en/blocks/12"),
    ],
)
async def test_search_lists_what_a_query_may_mean(http: Http, query: str, leads: str) -> None:
    answer = await http.get("/en/search", params={"q": query}, follow_redirects=True)
    assert answer.status_code == 200
    assert leads in answer.text or str(answer.url.path).startswith(leads)


async def test_an_exact_query_leads_straight_to_its_page(http: Http, node: SingleNode) -> None:
    header = node.store.header(33)
    assert header is not None
    subject = read_receipt(node.store.rows(5)[0].receipt).subject.hex()
    for query, page in [
        (header.hash().hex(), "/en/blocks/33"),
        (subject.upper(), f"/en/transactions/{subject}"),
        (lei(PAYEE), f"/en/members/{lei(PAYEE)}"),
        (f"{lei(PAYEE)}/avail", f"/en/accounts/{lei(PAYEE)}/avail"),
    ]:
        answer = await http.get("/en/search", params={"q": query})
        assert (answer.status_code, answer.headers.get("location")) == (303, page), query


@pytest.mark.parametrize(
    "query", ["", " ", "no such thing", "<b>", "%00", "a" * 200, "/", "9" * 30]
)
async def test_a_query_that_means_nothing_is_answered(http: Http, query: str) -> None:
    answer = await http.get("/en/search", params={"q": query})
    assert answer.status_code == 200
    assert "<b>" not in answer.text.split("<main")[1].split('class="source"')[0].replace("</b>", "")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/en/blocks/90", 404),
        ("/en/blocks/99999999999999999999999", 404),
        ("/en/blocks/3/7", 404),
        ("/en/transactions/zz", 400),
        (f"/en/transactions/{'ab' * 32}", 404),
        ("/en/members/NOBODY", 404),
        ("/en/accounts/KZ/nothing", 400),
        ("/en/trial-balance?height=x", 400),
        ("/en/trial-balance?time=yesterday", 400),
        (f"/en/objects/{'cd' * 32}", 404),
        ("/en/goods/999999", 404),
        ("/en/members?members=zz", 400),
        ("/en/transactions?operation=x&transactions=1", 400),
        ("/en/blocks?download=nothing.csv", 404),
        ("/en/blocks?download=blocks.exe", 404),
        ("/static/../routes.py", 404),
    ],
)
async def test_what_is_not_there_or_not_understood_is_a_page_that_says_so(
    http: Http, path: str, status: int
) -> None:
    answer = await http.get(path)
    assert answer.status_code == status, answer.text
    assert "Traceback" not in answer.text


async def test_every_address_of_the_sample_answers(http: Http, node: SingleNode) -> None:
    site = http.app.state.explorer  # type: ignore[attr-defined]
    with site.index.snapshot() as index, node.store.snapshot() as chain:
        paths = addresses(index, chain)
    assert len(paths) > 40
    for path in paths:
        answer = await http.get(path)
        assert answer.status_code in (200, 303), (path, answer.text)


async def test_a_pending_transaction_has_a_page_before_any_block_records_it(
    http: Http, node: SingleNode
) -> None:
    [known] = await node.submit([node.pay(PAYER, PAYEE, 1)])
    assert known.id is not None
    text = (await http.get(f"/en/transactions/{known.id.hex()}")).text
    assert "no final block records it yet" in text
