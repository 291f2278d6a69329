"""Journals pass the checks of the programs they are for, and add up to the trial balance."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from beancount import loader
from beancount.core import realization
from click.testing import CliRunner
from hypothesis import given, settings

from cli.export import journals, own
from cli.export.journals import WholeLedger
from cli.main import main
from contracts.extracts.chart import chart, owed_to_owner, own_path_of, path_of
from contracts.extracts.source import StoreSource
from contracts.extracts.walk import Walk
from contracts.framework.party import PARTY
from contracts.framework.posting import account_kinds, accounts_of, balances, kind_of
from ledger.errors import CodedError
from ledger.genesis import Genesis
from ledger.state import State
from ledger.store.chain import Store
from tests.cli.generated import GENESIS, STEPS, Town, played
from tests.cli.recorded import Recorded
from tests.contracts.ledger_in_memory import lei

Figures = Mapping[tuple[str, str], int]


def figures(state: State) -> Figures:
    """Each account of a state by its name in journals and its unit, debits positive."""
    return {(path_of(a), u.value): -b.amount for a, u, b in balances(state) if b.amount}


def by_beancount(text: str) -> Figures:
    """What beancount makes of a journal that has no errors."""
    entries, errors, _ = loader.load_string(text)
    assert errors == []
    found: dict[tuple[str, str], int] = {}
    for account in realization.iter_children(realization.realize(entries)):
        for position in account.balance:
            found[account.account, position.units.currency] = int(position.units.number * 100)
    return {entry: amount for entry, amount in found.items() if amount}


@pytest.fixture(scope="module")
def hledger() -> str:
    """The program; continuous integration has it, a developer's machine may not."""
    found = shutil.which("hledger")
    if found is None:
        assert not os.environ.get("CI"), "hledger is missing"
        pytest.skip("hledger is not installed")
    return found


def by_hledger(program: str, journal: Path) -> Figures:
    """What hledger makes of a journal that passes its strict checks."""
    checked = subprocess.run(
        [program, "-f", journal, "check", "--strict"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    told = subprocess.run(
        [program, "-f", journal, "balance", "--flat", "-N", "-O", "csv", "--layout=bare"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = list(csv.DictReader(io.StringIO(told)))
    return {
        (row["account"], row["commodity"]): int(row["balance"].replace(".", "")) for row in rows
    }


def text_of(form: Any, store: Store, genesis: Genesis) -> str:
    return "".join(form(WholeLedger(Walk(store, genesis))))


def run(*arguments: object) -> Any:
    return CliRunner().invoke(main, ["audit", "export", *map(str, arguments)])


def test_beancount_makes_the_scenarios_trial_balance(scenario: Recorded, tmp_path: Path) -> None:
    out = tmp_path / "ledger.beancount"
    done = run(
        "beancount", "--store", scenario.folder, "--genesis", scenario.genesis_file, "-o", out
    )
    assert done.exit_code == 0, done.output
    assert by_beancount(out.read_text()) == figures(scenario.stage.mirror.state)
    checked = subprocess.run(
        [Path(os.sys.executable).with_name("bean-check"), out], capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_hledger_makes_the_scenarios_trial_balance(
    scenario: Recorded, tmp_path: Path, hledger: str
) -> None:
    out = tmp_path / "ledger.journal"
    done = run("hledger", "--store", scenario.folder, "--genesis", scenario.genesis_file, "-o", out)
    assert done.exit_code == 0, done.output
    assert by_hledger(hledger, out) == figures(scenario.stage.mirror.state)


@settings(max_examples=20)
@given(STEPS)
def test_beancount_makes_the_trial_balance_of_any_ledger(steps: Any) -> None:
    town = played(steps)
    text = text_of(journals.beancount, town.store, GENESIS)
    assert by_beancount(text) == figures(State(town.store))


@settings(max_examples=8)
@given(steps=STEPS)
def test_hledger_makes_the_trial_balance_of_any_ledger(
    steps: Any, hledger: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    town = played(steps)
    journal = tmp_path_factory.mktemp("journal") / "any.journal"
    journal.write_text(text_of(journals.hledger, town.store, GENESIS), encoding="utf-8")
    assert by_hledger(hledger, journal) == figures(State(town.store))


def own_figures(state: State, lei: str) -> Figures:
    """A party's accounts in its own books: what it is owed is positive, what it owes negative."""
    return {
        (own_path_of(a), u.value): b.amount if owed_to_owner(kind_of(a)) else -b.amount
        for a, u, b in accounts_of(state, lei)
        if b.amount
    }


def without_counterparts(found: Figures, kept: Figures) -> Figures:
    """Only the party's own accounts: Income, Expenses and Equity match their changes."""
    return {entry: amount for entry, amount in found.items() if entry in kept}


def test_a_partys_own_books_make_its_balances_in_both_programs(
    scenario: Recorded, tmp_path: Path, hledger: str
) -> None:
    state = scenario.stage.mirror.state
    source = StoreSource(scenario.memory, scenario.genesis)
    for number, (_, party) in enumerate(state.scan(PARTY)):
        books = own.OwnBooks(own.gather(source, party.lei), party.lei)
        expected = own_figures(state, party.lei)
        found = by_beancount("".join(journals.beancount(books)))
        assert without_counterparts(found, expected) == expected
        for unit in {unit for _, unit in found}:
            assert sum(amount for (_, u), amount in found.items() if u == unit) == 0
        if number % 8 == 0:
            journal = tmp_path / f"{party.lei}.journal"
            journal.write_text("".join(journals.hledger(books)), encoding="utf-8")
            assert without_counterparts(by_hledger(hledger, journal), expected) == expected


def test_what_a_member_earns_is_income_and_what_it_pays_an_expense() -> None:
    town = played([("issue", ("Ural Gear", "Volga Bearings"), 900, 1_000)])
    town.pay("Ural Gear", "Volga Bearings", 400, 1_000)
    source = StoreSource(town.store, GENESIS)
    ural, volga = lei("Ural Gear"), lei("Volga Bearings")
    payer = by_beancount("".join(journals.beancount(own.OwnBooks(own.gather(source, ural), ural))))
    assert payer == {
        ("Assets:Avail", "SCU"): 500,
        ("Equity:Currency:KZ", "SCU"): -900,
        (f"Expenses:{volga}", "SCU"): 400,
    }
    payee = own.OwnBooks(own.gather(source, volga), volga)
    assert by_beancount("".join(journals.beancount(payee))) == {
        ("Assets:Avail", "SCU"): 400,
        (f"Income:{ural}", "SCU"): -400,
    }


def test_a_wrong_amount_is_found_by_beancount(scenario: Recorded) -> None:
    text = text_of(journals.beancount, scenario.memory, scenario.genesis)
    balance = re.compile(r"(?m)^(\S+ balance \S+  -?\d+)\.(\d\d) ~ 0.00 SCU$")
    wrong, changed = balance.subn(lambda m: f"{m[1]}.{int(m[2]) ^ 1:02d} ~ 0.00 SCU", text, count=1)
    assert changed == 1
    with pytest.raises(AssertionError):
        by_beancount(wrong)


def test_the_end_of_a_journal_states_how_far_it_goes(scenario: Recorded) -> None:
    head = scenario.memory.head
    assert head is not None
    for form in (journals.beancount, journals.hledger):
        stated = text_of(form, scenario.memory, scenario.genesis).splitlines()[-9:]
        assert f"; Blocks: 1 to {head.height}" in stated
        assert f"; State root: {head.state_root.hex()}" in stated
        assert "; Time zone: UTC" in stated
        assert any(line.startswith("; Receipts: ") for line in stated)


class Short:
    """A store that lost the last receipt of a block."""

    def __init__(self, store: Store, height: int) -> None:
        self._store, self._height = store, height

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def rows(self, height: int) -> Any:
        rows = self._store.rows(height)
        return rows[:-1] if height == self._height else rows


def test_a_ledger_that_lost_a_receipt_is_not_exported(tmp_path: Path) -> None:
    town = played([("issue", ("Ural Gear", "Volga Bearings"), 5, 1_000)])
    with pytest.raises(CodedError) as error:
        text_of(journals.beancount, Short(town.store, 2), GENESIS)  # type: ignore[arg-type]
    assert error.value.code.name == "STORE_CORRUPT" and "block 2" in error.value.message


def test_a_node_may_go_on_while_its_ledger_is_exported() -> None:
    town = played([("issue", ("Ural Gear", "Volga Bearings"), 900, 1_000)])
    before = figures(State(town.store))
    walk = Walk(town.store, GENESIS)
    town.pay("Ural Gear", "Volga Bearings", 400, 1_000)
    assert by_beancount("".join(journals.beancount(WholeLedger(walk)))) == before
    assert before != figures(State(town.store))


def test_an_export_ends_at_the_newest_block_that_a_quorum_certified() -> None:
    town = Town(certify_every=4)
    for _ in range(3):
        town.issue("Ural Gear", 900, 1_000)
    head = town.store.head
    assert head is not None and head.height == 7
    assert "; Blocks: 1 to 4\n" in text_of(journals.hledger, town.store, GENESIS)


def test_an_export_replaces_no_file_and_leaves_no_half_of_one(
    scenario: Recorded, tmp_path: Path
) -> None:
    out = tmp_path / "kept.beancount"
    out.write_text("mine")
    arguments = ("--store", scenario.folder, "--genesis", scenario.genesis_file, "-o", out)
    assert run("beancount", *arguments).exit_code == 6
    assert out.read_text() == "mine" and list(tmp_path.iterdir()) == [out]


def test_every_kind_of_account_has_its_root() -> None:
    assert [kind.name for kind, _ in chart()] == list(account_kinds())
