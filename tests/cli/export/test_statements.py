"""Statements reconcile with the books in every format, and nothing can be left out or changed."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from msgspec import structs

from cli.export import camt, paper
from cli.export.statements import table
from cli.main import main
from contracts.accounts import AVAIL, HELD
from contracts.extracts import statement as statements
from contracts.extracts.source import StoreSource
from contracts.extracts.statement import Statement, StatementFile
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.posting import balance_of, balances
from ledger.codec import decode
from ledger.errors import CodedError
from ledger.receipt import read_receipt
from ledger.state import State
from ledger.store.chain import Store
from tests.cli.generated import GENESIS, MEMBERS, STEPS, played
from tests.cli.recorded import Recorded
from tests.contracts.ledger_in_memory import START, lei

ALWAYS = 1 << 60
DATA = Path(__file__).parents[2] / "data/iso20022"


@cache
def schema(message: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(DATA / f"{message}.001.08.xsd"))


@pytest.fixture(scope="module")
def source(scenario: Recorded) -> StoreSource:
    return StoreSource(scenario.memory, scenario.genesis)


def figures(message: bytes, kind: str) -> tuple[dict[str, int], list[tuple[str, int]]]:
    """Balances by code and entries (reference, amount) of a message that its schema allows."""
    document = etree.fromstring(message)
    schema(kind).assertValid(document)
    spaces = {"c": document.nsmap[None]}

    def signed(node: Any) -> int:
        amount = node.find("c:Amt", spaces).text.replace(".", "")
        return int(amount) * (-1 if node.find("c:CdtDbtInd", spaces).text == "DBIT" else 1)

    stated = {
        node.find("c:Tp/c:CdOrPrtry/c:Cd", spaces).text: signed(node)
        for node in document.iterfind(".//c:Bal", spaces)
    }
    entries = [
        (node.find("c:AcctSvcrRef", spaces).text, signed(node))
        for node in document.iterfind(".//c:Ntry", spaces)
    ]
    counted = document.find(".//c:TtlNtries/c:NbOfNtries", spaces).text
    assert int(counted) == len(entries)
    return stated, entries


def read(source: StoreSource, account: str, since: int = 0, until: int = ALWAYS) -> Statement:
    proofs = statements.write(statements.gather(source, account, since, until))
    return statements.read(proofs, source.genesis)


def test_every_account_of_the_scenario_closes_at_its_balance_in_the_books(
    scenario: Recorded, source: StoreSource
) -> None:
    messages = 0
    for account, unit, balance in balances(scenario.stage.mirror.state):
        found = read(source, account)
        assert (found.opening, found.closing) == (0, balance.amount)
        assert sum(entry.amount for entry in found.entries) == balance.amount
        if unit != "SCU" or len(account) > 34:
            continue
        stated, entries = figures(camt.statement(found), "camt.053")
        assert stated == {"OPBD": 0, "CLBD": balance.amount}
        assert entries == [(e.id.hex()[:32], e.amount) for e in found.entries]
        assert figures(camt.notice(found), "camt.054") == ({}, entries)
        messages += 1
    assert messages > 50


def by_hand(store: Store, account: str, since: int, until: int) -> tuple[int, int, list[int]]:
    """Opening, closing and amounts by reading every receipt, with no proof and no index."""
    opening, amounts = 0, []
    head = store.head
    assert head is not None
    for height in range(1, head.height + 1):
        header = store.header(height)
        assert header is not None
        for row in store.rows(height):
            for posting in read_receipt(row.receipt).postings:
                if posting.account == account and header.time < since:
                    opening += posting.amount
                elif posting.account == account and header.time < until:
                    amounts.append(posting.amount)
    return opening, opening + sum(amounts), amounts


@settings(max_examples=30)
@given(STEPS, st.integers(0, 12), st.integers(1, 8), st.sampled_from(MEMBERS))
def test_any_period_of_any_ledger_states_what_reading_every_receipt_finds(
    steps: Any, first: int, days: int, who: str
) -> None:
    town = played(steps)
    source = StoreSource(town.store, GENESIS)
    since = START - START % MS_PER_DAY + first * MS_PER_DAY
    until = since + days * MS_PER_DAY
    for kind in (AVAIL, HELD):
        account = kind.of(lei(who))
        try:
            found = read(source, account, since, until)
        except CodedError as error:
            assert error.code.name == "NOT_FOUND"
            assert by_hand(town.store, account, 0, ALWAYS)[2] == []
            continue
        opening, closing, amounts = by_hand(town.store, account, since, until)
        assert (found.opening, found.closing) == (opening, closing)
        assert [entry.amount for entry in found.entries] == amounts
        stated, entries = figures(camt.statement(found), "camt.053")
        assert stated == {"OPBD": opening, "CLBD": closing}
        assert [amount for _, amount in entries] == amounts
        rows = list(csv.DictReader(io.StringIO(table(found).decode())))
        assert [int(row["amount"].replace(".", "")) for row in rows[1:-1]] == amounts
        assert int(rows[-1]["balance"].replace(".", "")) == closing


MAIN = "DEMO00RUURALGEAR0110/avail"


@pytest.mark.parametrize("lost", ["first", "middle", "last"])
def test_a_statement_without_one_of_its_entries_proves_nothing(
    source: StoreSource, lost: str
) -> None:
    file = statements.gather(source, MAIN, 0, ALWAYS)
    at = {"first": 0, "middle": len(file.receipts) // 2, "last": len(file.receipts) - 1}[lost]
    shorter = structs.replace(file, receipts=file.receipts[:at] + file.receipts[at + 1 :])
    with pytest.raises(CodedError) as error:
        statements.read(statements.write(shorter), source.genesis)
    assert error.value.code.name == "BAD_PROOF"


def test_a_period_in_the_middle_needs_the_posting_on_either_side(source: StoreSource) -> None:
    whole = read(source, MAIN)
    since, until = whole.entries[8].time, whole.entries[20].time
    file = statements.gather(source, MAIN, since, until)
    found = statements.read(statements.write(file), source.genesis)
    assert found.entries and found.entries[0].time >= since and found.entries[-1].time < until
    assert found.opening == found.entries[0].balance - found.entries[0].amount != 0
    for cut in (slice(1, None), slice(None, -1)):
        shorter = structs.replace(file, receipts=file.receipts[cut])
        with pytest.raises(CodedError) as error:
            statements.read(statements.write(shorter), source.genesis)
        assert error.value.code.name == "BAD_PROOF"


@pytest.fixture(scope="module")
def pages(source: StoreSource) -> dict[str, bytes]:
    proofs = statements.write(statements.gather(source, MAIN, 0, ALWAYS))
    return {lang: paper.page(proofs, source.genesis, lang) for lang in ("en", "ru", "zh")}


@given(st.data())
@settings(max_examples=60)
def test_no_byte_of_a_page_can_be_changed(
    source: StoreSource, pages: dict[str, bytes], data: st.DataObject
) -> None:
    page = pages["en"]
    at = data.draw(st.integers(0, len(page) - 1))
    bit = data.draw(st.sampled_from((1, 2, 4, 8, 16, 32, 64, 128)))
    changed = page[:at] + bytes([page[at] ^ bit]) + page[at + 1 :]
    with pytest.raises(CodedError):
        paper.read(changed, source.genesis)


def test_a_changed_figure_is_located(source: StoreSource, pages: dict[str, bytes]) -> None:
    closing = pages["en"].index(b"2,795,600.00")
    line = pages["en"][:closing].count(b"\n") + 1
    with pytest.raises(CodedError) as error:
        paper.read(pages["en"].replace(b"2,795,600.00", b"9,795,600.00", 1), source.genesis)
    assert error.value.code.name == "BAD_PROOF" and f"line {line}:" in error.value.message


def test_a_page_is_in_its_readers_language_and_needs_nothing_from_elsewhere(
    pages: dict[str, bytes],
) -> None:
    assert "Выписка по счёту" in pages["ru"].decode() and "Заплатить" in pages["ru"].decode()
    assert "账户对账单" in pages["zh"].decode() and "支付" in pages["zh"].decode()
    for page in pages.values():
        tree = etree.fromstring(page, etree.HTMLParser())
        assert not tree.xpath("//@src | //@href | //link")
        assert b"url(" not in page and b"@import" not in page


def run(command: str, *arguments: object) -> Any:
    group = ["audit"] if command == "verify-statement" else ["audit", "export"]
    return CliRunner().invoke(main, [*group, command, *map(str, arguments)])


def test_the_command_writes_a_page_that_the_other_command_verifies(
    scenario: Recorded, tmp_path: Path
) -> None:
    out = tmp_path / "statement.html"
    day = datetime.fromtimestamp(scenario.genesis.time / 1000, UTC).date()
    ledger = ("--store", scenario.folder, "--genesis", scenario.genesis_file)
    done = run("statement", MAIN, *ledger, "--from", day, "--to", day, "--lang", "ru", "-o", out)
    assert done.exit_code == 0, done.output
    verified = run("verify-statement", out, "--genesis", scenario.genesis_file)
    assert verified.exit_code == 0 and "whole and unchanged" in verified.output
    out.write_bytes(out.read_bytes().replace(b"Ural Gear", b"Oral Gear"))
    refused = run("verify-statement", out, "--genesis", scenario.genesis_file)
    assert refused.exit_code == 1 and "was changed at line" in refused.output


def test_the_scanned_codes_prove_the_last_balance(
    scenario: Recorded, source: StoreSource, tmp_path: Path
) -> None:
    file = statements.gather(source, MAIN, 0, ALWAYS)
    found = statements.read(statements.write(file), source.genesis)
    texts = paper.last_entry(file, found)
    scan = tmp_path / "scanned.txt"
    scan.write_text("\n".join(texts), encoding="ascii")
    done = run("verify-statement", scan, "--genesis", scenario.genesis_file)
    balance = balance_of(scenario.stage.mirror.state, MAIN)
    assert done.exit_code == 0 and f"{balance // 100:,}.{balance % 100:02}" in done.output
    scan.write_text("\n".join(texts)[:-9] + "000000000", encoding="ascii")
    assert run("verify-statement", scan, "--genesis", scenario.genesis_file).exit_code != 0


def test_messages_are_refused_for_what_they_cannot_say(
    scenario: Recorded, source: StoreSource
) -> None:
    claims = next(a for a, u, _ in balances(State(scenario.memory)) if u == "GV")
    with pytest.raises(CodedError) as error:
        camt.statement(read(source, claims))
    assert error.value.code.name == "INVALID_FIELD" and "SCU" in error.value.message


def test_an_account_of_no_declared_kind_is_named(scenario: Recorded, tmp_path: Path) -> None:
    ledger = ("--store", scenario.folder, "--genesis", scenario.genesis_file)
    done = run("csv", "DEMO00RUURALGEAR0110/purse", *ledger, "-o", tmp_path / "x.csv")
    assert done.exit_code == 2 and "avail" in done.output
    assert not list(tmp_path.iterdir())


def test_the_proofs_of_a_page_are_a_statement_file(
    source: StoreSource, pages: dict[str, bytes]
) -> None:
    file = statements.gather(source, MAIN, 0, ALWAYS)
    assert decode(statements.write(file), StatementFile, limit=statements.MAX_BYTES) == file
