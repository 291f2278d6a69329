"""Pages over the reference scenario: every one is whole, and its figures are the contracts' own."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from played import PlayedNode
from prometheus_client import CollectorRegistry

from contracts.barter.records import CONTRACT_TABLE
from contracts.barter.views import timeline
from contracts.dispute.records import DISPUTE_TABLE, EXECUTION
from contracts.framework.render import LANGUAGES
from contracts.framework.steps import STEPS
from contracts.fund.views import position
from contracts.guarantee.records import GUARANTEE_TABLE
from contracts.netting.records import CYCLE_TABLE
from ledger.state import State
from node.api.app import create_app
from node.api.describe import machines
from node.explorer.pages import PAGES
from node.explorer.table import decimal
from tests.node.explorer.test_pages import Outline


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlayedNode]:
    made = PlayedNode(tmp_path_factory.mktemp("played"))
    yield made
    made.close()


@pytest.fixture
async def http(node: PlayedNode) -> AsyncIterator[httpx.AsyncClient]:
    node.metrics = CollectorRegistry()  # an application registers its own once
    app = create_app(node, clock_ms=lambda: node.now)
    app.state.explorer.index.catch_up()
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
        yield client


@pytest.fixture
def state(node: PlayedNode) -> Iterator[State]:
    with node.store.snapshot() as reader:
        yield State(reader)


async def _rows(http: httpx.AsyncClient, address: str, table: str) -> list[dict[str, str]]:
    answer = await http.get(address, params={"download": f"{table}.csv"})
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def _whole(text: str) -> Outline:
    page = Outline(text)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids)), "an id stands twice"
    assert len(page.all("h1")) == 1
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(cell.get("scope") for cell in page.all("th"))
    labelled = {attributes["for"] for attributes in page.all("label") if "for" in attributes}
    for control in page.all("input") + page.all("select"):
        assert control["id"] in labelled or control.get("type") == "hidden"
    for element, attributes in page.elements:
        assert "style" not in attributes, element
        if attributes.get("role") == "img":
            assert attributes.get("aria-label") or attributes.get("aria-labelledby")
    return page


def _objects(state: State) -> Iterator[tuple[str, bytes]]:
    """An object of every machine that the scenario used, in each state that it came to."""
    own = {page.shows: page.path for page in PAGES if page.shows}
    for machine in machines().values():
        seen: set[str] = set()
        for _, record in state.scan(machine.table):
            [identity, *rest] = machine.key(record)
            if rest or not isinstance(identity, bytes) or record.state.value in seen:
                continue
            seen.add(record.state.value)
            path = own.get(machine.name, "/objects/{id}")
            yield path.replace("{id}", identity.hex()), identity


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_page_of_every_kind_of_object_is_whole_and_offers_its_proof(
    http: httpx.AsyncClient, state: State, language: str
) -> None:
    paths = [path for path, _ in _objects(state)]
    assert len({path.split("/")[1] for path in paths}) >= 7
    for path in paths:
        answer = await http.get(f"/{language}{path}")
        assert answer.status_code == 200, (path, answer.text)
        page = _whole(answer.text)
        offers = [one for one in page.all("li") if one.get("data-kind") == "state"]
        assert offers and all(one["data-value"] for one in offers[:1]), path


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_list_is_whole_on_a_ledger_on_which_everything_happened(
    http: httpx.AsyncClient, language: str
) -> None:
    for page in PAGES:
        if "{" in page.path:
            continue
        answer = await http.get(f"/{language}{page.path}".rstrip("/"))
        assert answer.status_code == 200, (page.path, answer.text)
        _whole(answer.text)
        for table in page.tables:
            await _rows(http, f"/{language}{page.path}".rstrip("/"), table.name)


async def test_contracts_are_told_with_the_figures_of_the_books(
    http: httpx.AsyncClient, node: PlayedNode, state: State
) -> None:
    rows = {row["id"]: row for row in await _rows(http, "/en/contracts", "contracts")}
    contracts = [contract for _, contract in state.scan(CONTRACT_TABLE)]
    assert set(rows) == {contract.id.hex() for contract in contracts}
    for contract in contracts:
        row, address = rows[contract.id.hex()], f"/en/contracts/{contract.id.hex()}"
        assert row["state"] == contract.state.value
        assert row["open"] == decimal(contract.totals.open)
        found = timeline(state, contract.id, node.head().time)
        lots = await _rows(http, address, "lots")
        assert {lot["id"] for lot in lots} == {lot.id.hex() for lot in found.lots}
        claims = await _rows(http, address, "claims")
        assert [c["open"] for c in claims] == [decimal(c.open) for c in found.claims]
        page = (await http.get(address)).text
        assert page.count('class="party-box"') == 2 and "lots-picture" in page


async def test_a_list_shows_the_chosen_state_and_party_alone(
    http: httpx.AsyncClient, state: State
) -> None:
    guarantees = [guarantee for _, guarantee in state.scan(GUARANTEE_TABLE)]
    chosen = guarantees[0]
    for query, wanted in (
        ({"state": "paid"}, [g for g in guarantees if g.state.value == "paid"]),
        (
            {"party": chosen.applicant},
            [
                g
                for g in guarantees
                if chosen.applicant in (g.applicant, g.guarantor, g.beneficiary)
            ],
        ),
        ({"party": "nobody of that name"}, []),
    ):
        answer = await http.get("/en/guarantees", params={**query, "download": "guarantees.csv"})
        found = {row["id"] for row in csv.DictReader(io.StringIO(answer.text))}
        assert found == {g.id.hex() for g in wanted}


async def test_a_netting_cycle_is_drawn_from_what_the_books_say(
    http: httpx.AsyncClient, state: State
) -> None:
    [cycle] = [cycle for _, cycle in state.scan(CYCLE_TABLE)]
    address = f"/en/netting/{cycle.id.hex()}"
    arcs = await _rows(http, address, "arcs")
    assert sum(_minor(arc["cleared"]) for arc in arcs) == cycle.cleared
    assert all(_minor(a["before"]) - _minor(a["cleared"]) == _minor(a["after"]) for a in arcs)
    netted = await _rows(http, address, "netted")
    assert sum(_minor(row["owed_cleared"]) for row in netted) == cycle.cleared
    page = (await http.get(address)).text
    assert page.count('class="debt"') == len(arcs) + sum(1 for a in arcs if _minor(a["after"]))


def _minor(text: str) -> int:
    return int(text.replace(".", ""))


async def test_the_fund_and_the_disputes_reconcile_with_their_records(
    http: httpx.AsyncClient, state: State
) -> None:
    figures = [row["amount"] for row in await _rows(http, "/en/fund", "position")]
    found = position(state)
    assert figures[:3] == [decimal(a) for a in (found.free, found.held, found.first_loss)]
    for _, dispute in state.scan(DISPUTE_TABLE):
        outcomes = await _rows(http, f"/en/disputes/{dispute.id.hex()}", "outcomes")
        execution = state.get(EXECUTION, dispute.id)
        assert execution is not None
        assert outcomes[-1]["amount"] == decimal(execution.amount)
        parts = [outcomes[-1][name] for name in ("subject", "held", "available", "owed")]
        assert sum(map(_minor, parts)) == execution.amount


async def test_every_parameter_changed_by_vote_is_told_with_the_vote(
    http: httpx.AsyncClient,
) -> None:
    [change] = await _rows(http, "/en/parameters", "changes")
    assert change["name"] == "barter.inspection_days" and change["after"] == "15"
    votes = await _rows(http, f"/en/proposals/{change['proposal']}", "votes")
    assert {vote["choice"] for vote in votes} <= {"yes", "no", "not voted", "excluded"}
    assert sum(vote["choice"] == "yes" for vote in votes) >= 3


async def test_the_work_of_the_nodes_is_counted_from_stored_certificates(
    http: httpx.AsyncClient, node: PlayedNode
) -> None:
    rows = await _rows(http, "/en/nodes", "nodes")
    height = node.head().height
    assert [int(row["signed"]) for row in rows] == [height, height, height, 0]
    assert sum(int(row["led"]) for row in rows) == height


@pytest.mark.parametrize("language", LANGUAGES[1:])
async def test_no_english_step_is_left_on_a_page_in_another_language(
    http: httpx.AsyncClient, state: State, language: str
) -> None:
    for path, _ in _objects(state):
        text = (await http.get(f"/{language}{path}")).text
        life = re.search(r'<section class="life".*?</section>', text, re.S)
        assert life is not None, path
        words: set[Any] = set(re.findall(r">([a-z][a-z ]+)<", life[0]))
        assert not words & set(STEPS), (path, words)


INSIDES = re.compile(
    r"numerator|denominator|\b[A-Z]\w+\(\w+=|\bb'|\{\"|[0-9]T[0-9]{2}:[0-9]{2}:[0-9]{2}\."
)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_no_page_shows_the_insides_of_a_record(
    http: httpx.AsyncClient, state: State, language: str
) -> None:
    paths = [page.path for page in PAGES if "{" not in page.path]
    for path in (*paths, *(path for path, _ in _objects(state))):
        text = (await http.get(f"/{language}{path}".rstrip("/"))).text
        seen = re.sub(
            r"<[^>]*>", " ", re.sub(r'<pre class="signed">.*?</pre>', "", text, flags=re.S)
        )
        found = INSIDES.search(html.unescape(seen))
        assert found is None, (path, found)


LABELLED = re.compile(
    r'<t[dh] class="(?:label|state|account-kind)[^"]*"[^>]*>(.*?)</t[dh]>|<dt>(.*?)</dt>'
    r'|<dd>(.*?)</dd>|<caption[^>]*>(.*?)</caption>|<th scope="col"[^>]*>(.*?)</th>'
    r"|<h[123][^>]*>(.*?)</h[123]>|<li class=\"(?:passed|now|next)\"[^>]*>(.*?)</li>",
    re.S,
)
ENGLISH = re.compile(r"[a-z][a-z .,-]+")
TYPED = {"barter", "clerk"}
"""A capability as the proposal wrote it, and a key's name that its owner chose."""


@pytest.mark.parametrize("language", LANGUAGES[1:])
async def test_every_label_that_a_page_shows_is_translated(
    http: httpx.AsyncClient, node: PlayedNode, state: State, language: str
) -> None:
    paths = [page.path for page in PAGES if "{" not in page.path]
    paths += [path for path, _ in _objects(state)]
    rows = await _rows(http, "/en/transactions", "transactions")
    paths += [f"/transactions/{row['id']}" for row in rows if len(row["id"]) == 64]
    left: dict[str, str] = {}
    for path in paths:
        text = (await http.get(f"/{language}{path}".rstrip("/"))).text
        for found in LABELLED.finditer(text):
            shown = next(part for part in found.groups() if part is not None)
            told = html.unescape(re.sub(r"<code.*?</code>|<[^>]*>", " ", shown)).strip()
            if ENGLISH.fullmatch(told) and told not in TYPED:
                left.setdefault(told, path)
    assert left == {}
