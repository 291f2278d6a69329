"""The explorer on a live cluster, in a real browser: every page, and what people do with them.

One cluster serves the whole module: it plays the reference scenario first.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from contracts.barter.records import CONTRACT_TABLE
from contracts.dispute.records import DISPUTE_TABLE
from contracts.guarantee.records import GUARANTEE_TABLE
from contracts.market.records import ENTRY_TABLE
from ledger.state import State
from node.explorer.pages import PAGES
from node.explorer.site import Page
from tests.e2e.explorer.conftest import Demo
from tests.e2e.explorer.reading import NARROW, WIDE, Reader, reader
from tests.node.explorer.javascript import NEEDS_CHROMIUM

pytestmark = [pytest.mark.e2e, NEEDS_CHROMIUM]

URAL = "DEMO00RUURALGEAR0110"
TOUCH = ("target-size", "scrollable-region-focusable", "color-contrast")
"""The rules whose outcome depends on the width."""


def _name(page: Page) -> str:
    return page.path.strip("/").replace("/", "-").translate(str.maketrans("", "", "{}:")) or "home"


every_page = pytest.mark.parametrize("declared", PAGES, ids=_name)


@pytest.fixture
def english(demo: Demo, browser: Any) -> Iterator[Reader]:
    with reader(browser, demo.url) as found:
        yield found


def test_links_lead_to_every_page(demo: Demo) -> None:
    assert {page.path for page in PAGES} - set(demo.addresses) == set()


@every_page
def test_a_page_is_fit_to_be_read_in_light_dark_narrow_and_on_paper(
    declared: Page, demo: Demo, english: Reader
) -> None:
    tab, name = english.opens(demo.addresses[declared.path]), _name(declared)
    assert tab.locator("main h1").count() == 1
    for scheme in ("light", "dark"):
        english.sees(scheme)
        assert english.barriers() == []
        assert english.overflow() <= 0
        english.keeps(f"{name}-en-{scheme}")
    english.sees("light", NARROW)
    assert english.barriers(TOUCH) == []
    assert english.overflow() <= 0, "the page scrolls sideways at 320 pixels"
    english.keeps(f"{name}-en-narrow")
    english.sees("light", WIDE)
    tab.emulate_media(media="print")
    english.keeps(f"{name}-en-print")


@every_page
@pytest.mark.parametrize("language", ["ru", "zh"])
def test_a_page_is_whole_in_another_language(
    declared: Page, language: str, demo: Demo, browser: Any
) -> None:
    with reader(browser, demo.url, language) as found:
        tab = found.opens(demo.addresses[declared.path])
        assert tab.locator("html").get_attribute("lang").startswith(language)
        found.keeps(f"{_name(declared)}-{language}")
        found.sees("dark", NARROW)
        assert found.overflow() <= 0
        assert found.barriers(TOUCH) == []


@every_page
def test_a_table_on_a_page_shows_the_rows_of_its_files(
    declared: Page, demo: Demo, browser: Any
) -> None:
    """Without scripts, so that what stands there is what the node said."""
    path = demo.addresses[declared.path]
    with reader(browser, demo.url, java_script_enabled=False) as found:
        tab = found.opens(path)
        assert tab.locator("main").inner_text().strip()
        for table in declared.tables:
            shown = tab.locator(f"section.table#{table.name} tbody tr")
            address = f"/en{path}".rstrip("/")
            answer = demo.http.get(address, params={"download": f"{table.name}.csv"})
            rows = list(csv.reader(io.StringIO(answer.text)))
            assert answer.status_code == 200 and int(answer.headers["x-rows"]) == len(rows) - 1
            if not shown.count():
                continue  # shown elsewhere, or empty
            further = tab.locator(f"section.table#{table.name} a[rel=next]").count()
            moving = shown.count() - (len(rows) - 1)  # a block may arrive between the two
            assert moving < 0 if further else abs(moving) <= 2, table.name


def test_a_payment_appears_on_an_open_page_that_is_not_loaded_again(
    demo: Demo, english: Reader
) -> None:
    tab = english.opens("/transactions")
    tab.evaluate("window.loadedOnce = true")
    before = int(tab.locator("#source b").nth(1).inner_text().replace(",", ""))
    identity = demo.pay("LIVE-1")["id"]
    tab.locator("#transactions").get_by_text("LIVE-1").wait_for()
    assert tab.locator(f'#transactions code[title="{identity}"]').count() == 1
    assert tab.evaluate("window.loadedOnce") is True
    assert int(tab.locator("#source b").nth(1).inner_text().replace(",", "")) > before
    assert tab.locator("#announce").inner_text() != ""


def test_everything_can_be_found_by_what_people_have_in_hand(
    demo: Demo, state: State, english: Reader
) -> None:
    paid = demo.pay("FIND-ME-7")
    demo.shows("/en/transactions", "FIND-ME-7")
    contract = next(contract for _, contract in state.scan(CONTRACT_TABLE))
    block = demo.ask("node")["head"]
    for wanted, address in (
        (URAL, f"/members/{URAL}"),
        (paid["id"], f"/transactions/{paid['id']}"),
        (contract.id.hex(), f"/contracts/{contract.id.hex()}"),
        (block["hash"], f"/blocks/{block['block']}"),
    ):
        tab = english.opens("")
        tab.get_by_role("searchbox").fill(wanted)
        tab.keyboard.press("Enter")
        tab.wait_for_url(f"**/en{address}")
    _, entry = next(iter(state.scan(ENTRY_TABLE)))
    for wanted, address in (
        ("Volga", "/members/"),
        ("FIND-ME-7", f"/transactions/{paid['id']}"),
        (entry.hs, f"/goods/{entry.hs}"),
        ("7", "/blocks/7"),
    ):
        tab = english.opens("")
        tab.get_by_role("searchbox").fill(wanted)
        tab.get_by_role("button", name="Search").click()
        tab.wait_for_load_state()
        assert tab.locator(f'main a[href^="/en{address}"]').count() or address in tab.url, wanted


def test_another_language_shows_the_same_page(english: Reader) -> None:
    tab = english.opens("/contracts?state=discharged")
    rows = tab.locator("#contracts tbody tr").count()
    for name, title in (
        ("Русский", "Бартер"),
        ("中文", ""),
        ("English", "Barter contracts"),
    ):
        tab.get_by_role("link", name=name).click()
        tab.wait_for_load_state()
        assert title in tab.locator("h1").inner_text()
        assert tab.locator("#contracts tbody tr").count() == rows > 0
        assert tab.url.endswith("?state=discharged")


def test_the_keyboard_alone_is_enough(english: Reader) -> None:
    tab = english.opens("/guarantees")
    focused = "document.activeElement"
    tab.keyboard.press("Tab")
    assert tab.evaluate(f"{focused}.className") == "skip"
    assert tab.evaluate(f"{focused}.getBoundingClientRect().left") >= 0
    reached: list[str] = []
    for _ in range(120):
        tab.keyboard.press("Tab")
        visible = tab.evaluate(
            f"""(() => {{ const one = {focused}, style = getComputedStyle(one);
            return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2; }})()"""
        )
        where = tab.evaluate(f"{focused}.getAttribute('href') ?? {focused}.id")
        assert visible, where
        reached.append(where)
        if where.startswith("/en/guarantees/"):
            break
    assert "search" in reached and "/en/blocks" in reached and "/zh/guarantees" in reached
    tab.keyboard.press("Enter")
    tab.wait_for_url(f"**{reached[-1]}")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    assert tab.evaluate(f"{focused}.id") == "content"


def test_files_that_a_reader_takes_can_be_read_and_agree(
    demo: Demo, english: Reader, tmp_path: Path
) -> None:
    tab = english.opens("/trial-balance?height=100")
    section, taken = tab.locator("section.table#trial-balance"), {}
    for form in ("CSV", "Parquet"):
        with tab.expect_download() as wait:
            section.get_by_role("link", name=form).click()
        taken[form] = tmp_path / wait.value.suggested_filename
        wait.value.save_as(taken[form])
    rows = list(csv.DictReader(io.StringIO(taken["CSV"].read_text())))
    columns = pyarrow.parquet.read_table(taken["Parquet"])
    assert columns.num_rows == len(rows) > 20
    by_unit: dict[str, int] = {}
    for row in rows:
        debit, credit = (int((row[side] or "0").replace(".", "")) for side in ("debit", "credit"))
        by_unit[row["unit"]] = by_unit.get(row["unit"], 0) + debit - credit
    assert set(by_unit) >= {"SCU", "GV", "RSV"} and not any(by_unit.values())


def test_figures_on_pages_are_those_of_the_interface_and_of_the_contracts(
    demo: Demo, state: State, english: Reader
) -> None:
    supply = demo.ask("supply")
    text = english.opens("").locator("main").inner_text()
    assert supply["outstanding"]["text"] in text
    for one in supply["states"]:
        assert one["outstanding"]["text"] in text and one["reserve"]["text"] in text
    member = demo.ask(f"parties/{URAL}")
    assert member["party"]["name"] in english.opens(f"/members/{URAL}").locator("h1").inner_text()
    for path, table in (
        ("contracts", CONTRACT_TABLE),
        ("guarantees", GUARANTEE_TABLE),
        ("disputes", DISPUTE_TABLE),
    ):
        known = {record.id.hex() for _, record in state.scan(table)}
        cells = english.opens(f"/{path}").locator(f"#{path} tbody th code")
        assert {cell.get_attribute("title") for cell in cells.all()} == known


def test_a_fact_is_verified_with_the_readers_genesis_and_refused_with_another(
    demo: Demo, state: State, english: Reader, tmp_path: Path
) -> None:
    contract = next(contract for _, contract in state.scan(CONTRACT_TABLE))
    tab = english.opens(f"/contracts/{contract.id.hex()}")
    tab.set_input_files("#genesis", demo.genesis)
    tab.locator("#genesis-state.good").wait_for()
    offer = tab.locator('[data-kind="state"]').first
    offer.get_by_role("button").click()
    offer.locator(".verdict.good").wait_for()
    english.keeps("verified-en")
    other = tmp_path / "genesis.json"
    other.write_text(demo.genesis.read_text().replace('"network": "demo"', '"network": "other"'))
    tab.set_input_files("#genesis", other)
    tab.get_by_text("BAD_GENESIS").wait_for()
    assert tab.locator("#genesis-state.bad").count() == 1


def test_an_annex_is_for_the_wallet_that_was_given_its_key(
    demo: Demo, english: Reader, browser: Any
) -> None:
    ural, volga = ("--profile", "demo"), ("--profile", "demo-volga-bearings")
    for profile in (ural, volga):
        demo.run("wallet", "annex", "key", "--yes", *profile)
    (demo.iic.folder / "prices.txt").write_text("the price is 12 per piece\n")
    demo.run("wallet", "annex", "seal", "prices.txt", "--title", "price list", "--party",
             "Volga Bearings", "--annex", "prices.annex", "--yes", *ural)  # fmt: skip
    commitment = demo.run("wallet", "annex", "verify", "prices.annex", *volga)["annex"]
    annex = f"/annexes/{commitment}"
    demo.shows("/en/annexes", commitment)
    tab = english.opens(annex)
    tab.get_by_role("link", name="Log in with your wallet").click()
    code = tab.locator("pre.code").inner_text().split()[-1]
    demo.run("wallet", "explorer", "login", code, "--no-reader", *volga)
    tab.get_by_role("link", name="I have signed").click()
    tab.get_by_text("You are logged in as Volga Bearings").wait_for()
    english.opens(annex).get_by_text("Yours to read").wait_for()
    assert "12 per piece" not in tab.content()
    english.keeps("annex-mine-en")
    with reader(browser, demo.url) as stranger:
        page = stranger.opens(annex)
        assert page.get_by_text("Yours to read").count() == 0
