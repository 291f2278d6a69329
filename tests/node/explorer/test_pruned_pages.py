"""A node that gave up old blocks, or joined by a snapshot: pages say so and are right otherwise."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import AsyncIterator, Iterator
from copy import copy
from pathlib import Path

import httpx
import pytest
from played import PlayedNode
from prometheus_client import CollectorRegistry

from contracts.barter.records import CONTRACT_TABLE
from contracts.framework.party import PARTY
from ledger.state import State
from ledger.store.disk import open_store
from ledger.store.prune import prune
from node.api.app import create_app
from node.explorer.index.writer import Index
from node.explorer.pages import PAGES
from node.explorer.pages.accounts import MOVEMENTS
from tests.node.explorer.test_played_pages import _objects, _whole

HISTORIES = {"history", "own", "transactions", MOVEMENTS.name}


class Pruned:
    """The played ledger whole, and the same one without its older blocks' contents."""

    def __init__(self, folder: Path, *, late: bool) -> None:
        whole = PlayedNode(folder)
        self.node = copy(whole)
        self.node._store = open_store(shutil.copytree(folder / "ledger", folder / "pruned"))
        self.stores = (whole.store, self.node.store)
        self.base = self.node.head().height // 2
        self.whole = whole
        self.indexes = {id(node): Index(node) for node in (self.node, whole)}
        self.indexes[id(whole)].catch_up()
        if not late:
            self.indexes[id(self.node)].catch_up()
        prune(self.node.store.environment, self.base)
        self.indexes[id(self.node)].catch_up()

    def client(self, node: PlayedNode) -> httpx.AsyncClient:
        """Whoever reads the pages of a node."""
        node.metrics = CollectorRegistry()  # an application registers its own once
        app = create_app(node, clock_ms=lambda: node.now)
        app.state.explorer.index = self.indexes[id(node)]
        transport = httpx.ASGITransport(app=app)
        return httpx.AsyncClient(transport=transport, base_url="http://node")

    def close(self) -> None:
        for index in self.indexes.values():
            index.close()
        for store in self.stores:
            store.close()


@pytest.fixture(scope="module", params=["index of before", "index made anew"])
def pruned(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pruned]:
    made = Pruned(tmp_path_factory.mktemp("pruned"), late=request.param == "index made anew")
    yield made
    made.close()


@pytest.fixture
async def http(pruned: Pruned) -> AsyncIterator[httpx.AsyncClient]:
    async with pruned.client(pruned.node) as client:
        yield client


@pytest.fixture
def state(pruned: Pruned) -> Iterator[State]:
    with pruned.node.store.snapshot() as reader:
        yield State(reader)


async def test_every_page_says_plainly_from_which_block_on_the_node_holds_history(
    http: httpx.AsyncClient, pruned: Pruned, state: State
) -> None:
    paths = [page.path for page in PAGES if "{" not in page.path]
    for path in (*paths, *(path for path, _ in _objects(state))):
        answer = await http.get(f"/en{path}".rstrip("/"))
        assert answer.status_code == 200, (path, answer.text)
        _whole(answer.text)
        assert f"history before block {pruned.base} is not held here" in answer.text


async def test_what_lies_below_is_refused_by_name_and_never_shown_as_nothing(
    http: httpx.AsyncClient, pruned: Pruned
) -> None:
    below = next(
        header.height
        for height in range(pruned.base - 1, 0, -1)
        if (header := pruned.node.store.header(height)) is not None and header.receipts
    )
    page = await http.get(f"/en/blocks/{below}")
    assert page.status_code == 200 and "records nothing" not in page.text
    assert f"What comes before block {pruned.base} is not held by this node" in page.text
    one = await http.get(f"/en/blocks/{below}/0")
    assert one.status_code == 410 and "PRUNED" in one.text


async def test_a_file_of_a_history_that_is_not_whole_is_refused(
    http: httpx.AsyncClient, state: State
) -> None:
    _, contract = next(iter(state.scan(CONTRACT_TABLE)))
    for path, table in (
        ("/transactions", "transactions"),
        (f"/contracts/{contract.id.hex()}", "history"),
        (f"/members/{contract.supplier}", "own"),
    ):
        answer = await http.get(f"/en{path}", params={"download": f"{table}.csv"})
        assert answer.status_code == 410 and "PRUNED" in answer.text, path


async def test_lists_and_balances_of_today_are_those_of_a_whole_node(
    http: httpx.AsyncClient, pruned: Pruned, state: State
) -> None:
    whole = pruned.client(pruned.whole)
    for page in PAGES:
        if "{" in page.path:
            continue
        for table in page.tables:
            if table.name in HISTORIES or page.path in ("/", "/parameters", "/nodes"):
                continue
            asked = {"download": f"{table.name}.csv"}
            rows = []
            for client in (http, whole):
                answer = await client.get(f"/en{page.path}", params=asked)
                assert answer.status_code == 200, (page.path, table.name, answer.text)
                rows.append(sorted(csv.reader(io.StringIO(answer.text))))
            assert rows[0] == rows[1], (page.path, table.name)
    await whole.aclose()
    assert sum(1 for _ in state.scan(PARTY)) > 30
