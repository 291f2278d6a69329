"""A reader verifies what a page shows: on the page itself, and offline with a downloaded page."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from javascript import CHROMIUM, chromium
from served import served
from single_node import PAYEE, PAYER, SingleNode, demo_genesis

from node.api.app import create_app

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium here")


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
def browser(address: str) -> Iterator[Any]:
    # After the node: Playwright keeps a loop running in this thread.
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
