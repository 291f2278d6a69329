"""The Parquet dataset is read by an engine we did not write, and adds up to the trial balance."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given, settings

from cli.export import dataset
from cli.main import main
from contracts.books import Line
from contracts.extracts.tables import LISTINGS, TABLES
from contracts.extracts.walk import Walk
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.party import PARTY
from contracts.framework.posting import balances
from ledger.errors import CodedError
from ledger.state import State
from tests.cli.generated import GENESIS, STEPS, Town, played
from tests.cli.recorded import Recorded

TRIAL_BALANCE = """
with last as (
    select account, unit, kind, sum(amount) as balance from read_parquet('{folder}/postings/*/*')
    group by all
)
select kind, unit, count(*), sum(greatest(-balance, 0)), sum(greatest(balance, 0))
from last group by kind, unit order by unit, kind
"""


def by_duckdb(folder: Path) -> list[Line]:
    """The trial balance as DuckDB adds it up from the files."""
    rows = duckdb.sql(TRIAL_BALANCE.format(folder=folder)).fetchall()
    return [Line(k, u, n, int(d * 100), int(c * 100)) for k, u, n, d, c in rows]


def by_state(state: State) -> list[Line]:
    """The trial balance of the stored balances."""
    lines: dict[tuple[str, str], list[int]] = {}
    for account, unit, balance in balances(state):
        line = lines.setdefault((unit.value, account.split("/")[1]), [0, 0, 0])
        line[0] += 1
        line[1] += max(-balance.amount, 0)
        line[2] += max(balance.amount, 0)
    return [Line(kind, unit, *line) for (unit, kind), line in sorted(lines.items())]


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def run(*arguments: object) -> Any:
    return CliRunner().invoke(main, ["audit", "export", *map(str, arguments)])


def test_duckdb_makes_the_scenarios_trial_balance(scenario: Recorded, tmp_path: Path) -> None:
    ledger = ("--store", scenario.folder, "--genesis", scenario.genesis_file)
    done = run("parquet", tmp_path / "data", *ledger, "--json")
    assert done.exit_code == 0, done.output
    assert by_duckdb(tmp_path / "data") == by_state(scenario.stage.mirror.state)
    stated = json.loads(done.stdout)
    head = scenario.memory.head
    assert head is not None and stated["height"] == head.height


def test_running_it_again_changes_nothing(scenario: Recorded, tmp_path: Path) -> None:
    ledger = ("--store", scenario.folder, "--genesis", scenario.genesis_file)
    assert run("parquet", tmp_path, *ledger).exit_code == 0
    before = files(tmp_path)
    again = run("parquet", tmp_path, *ledger, "--json")
    assert json.loads(again.stdout)["added_blocks"] == 0
    assert files(tmp_path) == before


@settings(max_examples=6)
@given(first=STEPS, then=STEPS)
def test_a_dataset_grown_day_by_day_is_that_of_the_whole_ledger(
    first: Any, then: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("dataset")
    town = played(first)
    dataset.append(folder, Walk(town.store, GENESIS))
    before = files(folder)
    continued(town, then)
    known = dataset.reached(folder, GENESIS.chain_id)
    dataset.append(folder, Walk(town.store, GENESIS, since=known.height))
    after = files(folder)
    for name, content in before.items():
        assert not name.startswith("postings/") or after[name] == content
    assert by_duckdb(folder) == by_state(State(town.store))
    whole = tmp_path_factory.mktemp("whole")
    dataset.append(whole, Walk(town.store, GENESIS))
    for table in TABLES:
        assert rows_of(folder, table.name) == rows_of(whole, table.name)


def continued(town: Town, steps: Any) -> None:
    """More steps on a ledger that exists, the first of them a day later."""
    town.issue("Ural Gear", 700, MS_PER_DAY)
    for _, (payer, payee), amount, pause in steps:
        town.pay(payer, payee, amount, pause)


def rows_of(folder: Path, table: str) -> list[Any]:
    if not (folder / table).exists():
        return []
    text = f"select * exclude (day) from read_parquet('{folder}/{table}/*/*') order by all"
    return duckdb.sql(text).fetchall()


def test_every_file_says_what_it_holds_and_lies_under_its_day(tmp_path: Path) -> None:
    town = played([("issue", ("Ural Gear", "Volga Bearings"), 5, MS_PER_DAY)] * 3)
    dataset.append(tmp_path, Walk(town.store, GENESIS))
    for table in TABLES:
        for path in (tmp_path / table.name).rglob("*.parquet"):
            about = {k.decode(): v.decode() for k, v in pq.read_metadata(path).metadata.items()}
            assert about["iic.table"] == table.name
            assert about["iic.chain_id"] == GENESIS.chain_id.hex()
            content = pq.read_table(path, partitioning=None)
            assert content.num_rows == int(about["iic.rows"])
            assert content.column_names == [column.name for column in table.columns]
            days = {str(value.date()) for value in content["time"].to_pylist()}
            assert days == {path.parent.name.removeprefix("day=")}
    assert len(list((tmp_path / "blocks").iterdir())) == 4


def test_names_and_the_chart_come_along(scenario: Recorded, tmp_path: Path) -> None:
    dataset.append(tmp_path, Walk(scenario.memory, scenario.genesis))
    names = dict(duckdb.sql(f"select lei, name from '{tmp_path}/parties.parquet'").fetchall())
    state = State(scenario.memory)
    assert names == {p.lei: p.profile.name for _, p in state.scan(PARTY)}
    joined = duckdb.sql(
        f"select root, sum(amount) from read_parquet('{tmp_path}/postings/*/*') "
        f"join '{tmp_path}/account_kinds.parquet' using (kind, unit) group by root"
    ).fetchall()
    assert sum(amount for _, amount in joined) == Decimal(0) and len(joined) >= 3
    assert {listing.name for listing in LISTINGS} == {"parties", "account_kinds"}


def test_what_an_interrupted_run_left_is_written_again(tmp_path: Path) -> None:
    town = played([("issue", ("Ural Gear", "Volga Bearings"), 5, MS_PER_DAY)] * 2)

    class PowerCut(Exception):
        pass

    def cut(walk: Walk, at: int) -> Any:
        for block in type(walk).blocks(walk):
            if block.header.height == at:
                raise PowerCut
            yield block

    walk = Walk(town.store, GENESIS)
    walk.blocks = lambda: cut(walk, 4)  # type: ignore[method-assign]
    with pytest.raises(PowerCut):
        dataset.append(tmp_path, walk)
    known = dataset.reached(tmp_path, GENESIS.chain_id)
    assert 0 < known.height < 4
    orphan = tmp_path / "postings/day=2027-01-01/part-0000000004-0000000009.parquet"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"half a file")
    dataset.append(tmp_path, Walk(town.store, GENESIS, since=known.height))
    assert not orphan.exists()
    assert not [path for path in tmp_path.rglob(".*") if path.is_file()]
    assert by_duckdb(tmp_path) == by_state(State(town.store))


def test_a_folder_of_something_else_is_left_alone(scenario: Recorded, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    ledger = ("--store", scenario.folder, "--genesis", scenario.genesis_file)
    refused = run("parquet", tmp_path, *ledger)
    assert refused.exit_code == 6 and "DATASET_DIFFERS" in refused.output
    assert files(tmp_path) == {"thesis.txt": b"mine"}


def test_another_ledgers_dataset_is_not_continued(scenario: Recorded, tmp_path: Path) -> None:
    dataset.append(tmp_path, Walk(played([]).store, GENESIS))
    before = files(tmp_path)
    with pytest.raises(CodedError) as error:
        dataset.reached(tmp_path, scenario.genesis.chain_id)
    assert error.value.code.name == "DATASET_DIFFERS"
    assert files(tmp_path) == before


def test_no_table_lacks_a_meaning() -> None:
    for table in (*TABLES, *LISTINGS):
        names = [column.name for column in table.columns]
        assert len(set(names)) == len(names)
        assert table.meaning.endswith(".") and all(c.meaning for c in table.columns)
