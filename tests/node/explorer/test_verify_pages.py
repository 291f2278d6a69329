"""A reader verifies what a page shows: on the page itself, and offline with a downloaded page."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from javascript import NEEDS_CHROMIUM, chromium
from played import PlayedNode
from served import served
from single_node import PAYEE, PAYER, SingleNode, demo_genesis

from contracts.barter.records import CONTRACT_TABLE
from contracts.guarantee.records import GUARANTEE_TABLE
from contracts.netting.records import CYCLE_TABLE
from ledger.state import State
from node.api.app import create_app

pytestmark = NEEDS_CHROMIUM


async def _node() -> SingleNode:
    node = SingleNode(demo_genesis())
    for amount in range(1, 4):
        await node.submit([node.pay(PAYER, PAYEE, amount, reference=f"INV-{amount}")])
        node.produce()
    return node


@pytest.fixture(scope="module")
def node() -> SingleNode:
    return asyncio.run(_node())


@pytest.fixture(scope="module")
def address(node: SingleNode) -> Iterator[str]:
    with served(create_app(node, clock_ms=lambda: node.now)) as found:
        yield found


@pytest.fixture(scope="module")
def browser(address: str, played: tuple[PlayedNode, str]) -> Iterator[Any]:
    # After the nodes: Playwright keeps a loop running in this thread.
    with chromium() as found:
        yield found


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(accept_downloads=True)
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    yield page
    context.close()


@pytest.fixture
def files(node: SingleNode, address: str, tmp_path: Path) -> dict[str, Path]:
    """A genesis file, a good receipt and the same receipt with one byte changed."""
    receipt = httpx.get(f"{address}/v1/proofs/inclusion?height=2&index=0").content
    changed = bytearray(receipt)
    changed[len(changed) // 2] ^= 1
    written = {"genesis": node.genesis_file, "good": receipt, "changed": bytes(changed)}
    found = {}
    for name, content in written.items():
        found[name] = tmp_path / f"{name}.file"
        found[name].write_bytes(content)
    return found


def test_a_page_is_verified_against_the_readers_genesis_and_no_other(
    page: Any, address: str, files: dict[str, Path], node: SingleNode
) -> None:
    page.goto(f"{address}/en/blocks")
    page.get_by_role("button", name="Verify").first.click()
    page.get_by_text("Choose your genesis file first").wait_for()
    page.set_input_files("#genesis", files["genesis"])
    page.locator("#genesis-state.good").get_by_text(node.chain_id.hex()).wait_for()
    page.get_by_role("button", name="Verify").first.click()
    page.get_by_text("Verified: this is on the ledger.").wait_for()
    assert "g0" in page.locator(".verdict").inner_text()
    # Another page in the same tab needs the file no more; another tab does.
    page.goto(f"{address}/ru/blocks")
    page.locator("#genesis-state.good").wait_for()
    other = page.context.new_page()
    other.goto(f"{address}/en/blocks")
    other.locator(".able").wait_for()
    assert other.locator("#genesis-state").inner_text() == ""
    # The same pages held against the genesis of another ledger.
    changed = files["genesis"].read_text().replace('"network": "test"', '"network": "fake"')
    files["genesis"].write_text(changed)
    other.set_input_files("#genesis", files["genesis"])
    other.get_by_text("BAD_GENESIS").wait_for()
    assert page.complaints == []


def test_a_proof_of_something_else_is_not_taken_for_the_page(
    page: Any, address: str, files: dict[str, Path]
) -> None:
    """A node that hands out a sound proof of another object is found out."""
    page.route("**/v1/proofs/**", lambda route: route.fulfill(body=files["good"].read_bytes()))
    page.goto(f"{address}/en/blocks")
    page.set_input_files("#genesis", files["genesis"])
    page.locator("#genesis-state.good").wait_for()
    page.get_by_role("button", name="Verify").first.click()
    page.get_by_text("it proves something else than this page says.").wait_for()
    assert page.locator(".verdict.good").count() == 0


@pytest.mark.parametrize("language", ["en", "ru", "zh"])
def test_the_downloaded_page_verifies_offline_and_can_reach_nothing(
    page: Any, address: str, files: dict[str, Path], tmp_path: Path, language: str
) -> None:
    answer = httpx.get(f"{address}/{language}/verify/offline")
    assert answer.headers["content-disposition"].startswith("attachment")
    saved = tmp_path / "verify.html"
    saved.write_bytes(answer.content)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(saved.as_uri())
    page.set_input_files("#genesis", files["genesis"])
    page.locator("#genesis-state.good").wait_for()
    page.set_input_files("#files", [files["good"], files["changed"]])
    page.locator("#verdicts > li:nth-child(2)").wait_for()
    page.locator(".verdict.bad").wait_for()
    verdicts = page.locator("#verdicts > li > output").evaluate_all(
        "all => all.map((output) => output.className)"
    )
    assert verdicts == ["verdict bad", "verdict good"]
    assert asked == [saved.as_uri()]
    assert page.complaints == []
    blocked = page.evaluate(f"fetch('{address}/v1/genesis').then(() => false, () => true)")
    assert blocked


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PlayedNode, str]]:
    node = PlayedNode(tmp_path_factory.mktemp("played"))
    app = create_app(node, clock_ms=lambda: node.now)
    app.state.explorer.index.catch_up()
    with served(app) as found:
        yield node, found
    node.close()


def _pages(node: PlayedNode) -> list[str]:
    with node.store.snapshot() as reader:
        state = State(reader)
        [cycle] = [cycle for _, cycle in state.scan(CYCLE_TABLE)]
        contract = next(contract for _, contract in state.scan(CONTRACT_TABLE))
        guarantee = next(g for _, g in state.scan(GUARANTEE_TABLE) if g.demands)
        return [
            f"/contracts/{contract.id.hex()}",
            f"/guarantees/{guarantee.id.hex()}",
            f"/netting/{cycle.id.hex()}",
            f"/members/{contract.supplier}",
            "/parameters",
            "/fund",
            "/nodes",
            "/blocks/40",
            "/blocks/40/0",
        ]


def test_every_proof_of_pages_of_every_kind_verifies_and_tells_what_it_proves(
    played: tuple[PlayedNode, str], page: Any, tmp_path: Path
) -> None:
    node, address = played
    genesis = tmp_path / "genesis.json"
    genesis.write_bytes(node.genesis_file)
    page.goto(f"{address}/en/verify")
    page.set_input_files("#genesis", genesis)
    page.locator("#genesis-state.good").wait_for()
    for path in _pages(node):
        page.goto(f"{address}/en{path}")
        page.locator("#genesis-state.good").wait_for()
        offers = page.locator("[data-kind]")
        assert offers.count() > 0, path
        for at in range(offers.count()):
            offer = offers.nth(at)
            offer.get_by_role("button").click()
            offer.locator(".verdict.good .facts").first.wait_for()
            assert "3 of 4 validators of epoch 0" in offer.inner_text()
    assert page.complaints == []


def test_a_record_that_changed_since_is_told_from_one_that_is_shown(
    played: tuple[PlayedNode, str], page: Any, tmp_path: Path
) -> None:
    node, address = played
    genesis = tmp_path / "genesis.json"
    genesis.write_bytes(node.genesis_file)
    page.goto(f"{address}/en{_pages(node)[0]}")
    page.set_input_files("#genesis", genesis)
    page.locator("#genesis-state.good").wait_for()
    offer = page.locator("[data-kind]").first
    offer.evaluate("one => { one.dataset.value = '00'.repeat(32); }")
    offer.get_by_role("button").click()
    offer.get_by_text("the record is another one now than this page shows").wait_for()
    assert offer.locator(".verdict.good").count() == 0
