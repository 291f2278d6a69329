"""Every page is whole, in every language, and lets nothing foreign in."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from html.parser import HTMLParser

import httpx
import pytest
from single_node import PAYEE, PAYER, SingleNode, demo_genesis

from contracts.framework.render import LANGUAGES
from node.api.app import create_app
from node.explorer.pages import PAGES

VOID = {"meta", "link", "img", "input", "br", "hr", "wbr", "col"}


class Outline(HTMLParser):
    """A page's elements; an element that is not closed where it must be fails the test."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, names)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, (tag, self.getpos())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
async def node() -> SingleNode:
    made = SingleNode(demo_genesis())
    for amount in range(1, 120):
        await made.submit([made.pay(PAYER, PAYEE, amount, reference=f"INV-{amount}")])
        made.produce()
    return made


@pytest.fixture
async def http(node: SingleNode) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(node, clock_ms=lambda: node.now)
    app.state.explorer.index.catch_up()
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
        yield client


NAVIGABLE = [page.path for page in PAGES if page.group is not None]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", NAVIGABLE)
async def test_every_page_is_well_formed_titled_and_reachable_without_a_mouse(
    http: httpx.AsyncClient, path: str, language: str
) -> None:
    answer = await http.get(f"/{language}{path}".rstrip("/"))
    assert answer.status_code == 200, answer.text
    page = Outline(answer.text)
    [document] = page.all("html")
    assert (document["lang"] or "").startswith(language)
    assert len(page.all("h1")) == len(page.all("main")) == len(page.all("title")) == 1
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    labelled = {attributes["for"] for attributes in page.all("label") if "for" in attributes}
    for control in page.all("input") + page.all("select"):
        assert control["id"] in labelled or control.get("type") == "hidden"
    assert all("alt" in picture for picture in page.all("img"))
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(cell.get("scope") for cell in page.all("th"))
    assert page.all("a")[0]["href"] == "#content" and "content" in ids
    for element, attributes in page.elements:
        for name in ("href", "src", "action"):
            assert not (attributes.get(name) or "").startswith(("http", "//")), (element, name)


@pytest.mark.parametrize("path", ["/en/blocks", "/en/nothing", "/", "/static/explorer.css"])
async def test_nothing_inline_and_nothing_foreign_runs(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy
    assert "unsafe" not in policy and "http" not in policy
    for tag, attributes in Outline(answer.text).elements if "html" in answer.text else []:
        assert "style" not in attributes and not any(name.startswith("on") for name in attributes)
        assert tag != "style"
        assert tag != "script" or (attributes["src"] or "").startswith("/static/")


async def test_the_reader_is_sent_to_its_language(http: httpx.AsyncClient) -> None:
    answer = await http.get("/", headers={"Accept-Language": "zh-CN, en;q=0.5"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/zh")


async def test_a_refusal_is_a_page_with_its_code(http: httpx.AsyncClient) -> None:
    answer = await http.get("/en/nothing")
    assert answer.status_code == 404
    assert "NO_SUCH_RESOURCE" in answer.text
    answer = await http.get("/en/blocks", params={"blocks": "<script>"})
    assert answer.status_code == 400
    assert "BAD_CURSOR" in answer.text and "<script>" not in answer.text


async def test_pages_of_a_table_and_its_file_hold_every_row_once(
    http: httpx.AsyncClient, node: SingleNode
) -> None:
    answer = await http.get("/en/blocks", params={"download": "blocks.csv"})
    assert answer.headers["x-ledger-height"] == str(node.head().height)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [int(row["height"]) for row in rows] == list(range(119, -1, -1))
    assert rows[0]["hash"] == node.head().hash().hex()
    seen: list[str] = []
    address = "/en/blocks"
    while address:
        page = Outline((await http.get(address)).text)
        seen += [a["href"] or "" for a in page.all("a") if "/blocks/" in (a["href"] or "")]
        address = next((a["href"] or "" for a in page.all("a") if a.get("rel") == "next"), "")
    assert {f"/en/blocks/{height}" for height in range(120)} <= set(seen)


async def test_a_table_as_parquet_holds_what_its_csv_holds(http: httpx.AsyncClient) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    answer = await http.get("/en/blocks", params={"download": "blocks.parquet"})
    table = parquet.read_table(io.BytesIO(answer.content))
    lines = (await http.get("/en/blocks", params={"download": "blocks.csv"})).text.splitlines()
    assert table.num_rows == len(lines) - 1
    assert table.column_names == lines[0].split(",")
    assert table.schema.metadata[b"rows"] == b"120"


async def test_an_unchanged_page_is_not_sent_again(
    http: httpx.AsyncClient, node: SingleNode
) -> None:
    first = await http.get("/en/blocks")
    again = await http.get("/en/blocks", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    node.produce()
    later = await http.get("/en/blocks", headers={"If-None-Match": first.headers["etag"]})
    assert later.status_code == 200


async def test_an_alarm_of_the_node_stands_on_every_page(
    http: httpx.AsyncClient, node: SingleNode
) -> None:
    node.alarms = ["g2 signed two blocks <at> height 7"]
    text = (await http.get("/en/blocks")).text
    assert 'role="alert"' in text and "g2 signed two blocks &lt;at&gt; height 7" in text


async def test_a_page_says_when_its_totals_lag_behind_the_chain(
    http: httpx.AsyncClient, node: SingleNode
) -> None:
    assert "lack the last" not in (await http.get("/en/blocks")).text
    for _ in range(25):
        node.produce()
    assert "totals and lists lack the last 25 blocks" in (await http.get("/en/blocks")).text
