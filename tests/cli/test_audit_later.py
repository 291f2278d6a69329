"""Ledgers that begin later: verified after a proven block, compared where both are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ledgers import OnDisk, iic, on_disk
from msgspec import structs

from ledger import checkpoint
from ledger.archive import Manifest, PartKind, Writer, open_archive
from ledger.store import tables
from ledger.store.disk import open_store
from ledger.store.prune import prune

FROM = 7


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> OnDisk:
    return on_disk(tmp_path_factory.mktemp("ledger"))


@pytest.fixture(scope="module")
def later(ledger: OnDisk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The blocks from the seventh on, with a checkpoint in between."""
    path = tmp_path_factory.mktemp("archive") / "later.iic"
    done = iic(
        *("audit", "export", "archive", ledger.store, path, "--genesis", ledger.genesis_file),
        *("--from", FROM, "--checkpoint-every", 8, "--json"),
    )
    assert done.code == 0 and done.json["first"] == FROM and done.json["checkpoints"] == 2
    return path


@pytest.fixture
def pruned(ledger: OnDisk, tmp_path: Path) -> Path:
    """A copy of the store that gave up what its first blocks record."""
    archive, made = tmp_path / "whole.iic", tmp_path / "pruned"
    genesis = ("--genesis", ledger.genesis_file, "--quiet")
    assert iic("audit", "export", "archive", ledger.store, archive, *genesis).code == 0
    assert iic("audit", "import", archive, made, *genesis).code == 0
    store = open_store(made)
    prune(store.environment, FROM)
    store.close()
    return made


def refusal(*arguments: object) -> str:
    done = iic(*arguments, "--json")
    assert done.code not in (0, 1), done.out
    code: str = json.loads(done.out)["error"]["code"]
    return code


def test_an_archive_that_starts_later_is_verified_after_a_block_that_is_proven(
    ledger: OnDisk, later: Path, pruned: Path, tmp_path: Path
) -> None:
    genesis = ("--genesis", ledger.genesis_file, "--json")
    assert refusal("audit", "verify", later, *genesis[:2]) == "STARTS_LATER"
    for known in (ledger.store, pruned):  # a store keeps every header, however much it gave up
        done = iic("audit", "verify", later, "--after", known, *genesis)
        assert done.code == 0 and done.json["verified"], done.out
        assert (done.json["first"], done.json["height"]) == (FROM, 10)
        assert done.json["transactions"] == done.json["replayed"] == 16
    assert refusal("audit", "verify", later, "--after", later, *genesis[:2]) == "STARTS_LATER"
    (tmp_path / "shorter").mkdir()
    shorter = on_disk(tmp_path / "shorter", transactions=4)
    arguments = ("audit", "verify", later, "--after", shorter.store)
    assert refusal(*arguments, *genesis[:2]) == "STARTS_LATER"


def test_nothing_can_be_slipped_in_below_an_archive_that_starts_later(
    ledger: OnDisk, later: Path, tmp_path: Path
) -> None:
    genesis = ("--genesis", ledger.genesis_file, "--json")
    opened = open_archive(later)
    honest = opened.checkpoint(0)
    key, value = next(iter(sorted(honest.state.items())))
    (tmp_path / "other").mkdir()
    other = on_disk(tmp_path / "other", transactions=12)
    found = iic("audit", "verify", later, "--after", other.store, *genesis)
    assert found.code == 1 and found.json["faults"][0]["check"] == "checkpoint"
    altered = {
        "state": honest._replace(state={**honest.state, key: value + b"!"}),
        "history": honest._replace(
            history=honest.history._replace(peaks=(bytes(32), *honest.history.peaks[1:]))
        ),
        "validators": honest._replace(
            validators=structs.replace(
                honest.validators, validators=honest.validators.validators[::-1]
            )
        ),
    }
    for name, start in altered.items():
        path = tmp_path / f"{name}.iic"
        with Writer(path, ledger.genesis.chain_id, ledger.genesis.network, FROM) as writer:
            writer.checkpoint(
                checkpoint.write(
                    start.header, start.history, start.validators, start.open,
                    sorted(start.state.items()),
                )
            )  # fmt: skip
            for index, part in enumerate(opened.manifest.parts):
                if part.kind is PartKind.BLOCKS:
                    writer.blocks(opened.segment(index))
            made: Manifest = writer.close()
        assert made.first == FROM
        found = iic("audit", "verify", path, "--after", ledger.store, *genesis)
        assert found.code == 1 and not found.json["verified"], name


def test_a_store_goes_on_from_an_archive_that_starts_where_it_ends(
    ledger: OnDisk, later: Path, tmp_path: Path
) -> None:
    genesis = ("--genesis", ledger.genesis_file)
    assert refusal("audit", "import", later, tmp_path / "none", *genesis) == "STARTS_LATER"
    (tmp_path / "shorter").mkdir()
    shorter = on_disk(tmp_path / "shorter", transactions=4)
    arguments = ("audit", "import", later, tmp_path / "gap", "--after", shorter.store)
    assert refusal(*arguments, *genesis) == "STARTS_LATER"
    assert not (tmp_path / "gap").exists()
    made = tmp_path / "made"
    done = iic("audit", "import", later, made, "--after", ledger.store, *genesis, "--json")
    assert done.code == 0 and done.json["height"] == 10
    first, second = open_store(ledger.store, read_only=True), open_store(made, read_only=True)
    try:
        for table in tables.CHAIN_TABLES:
            assert list(tables.each(first.environment, table)) == list(
                tables.each(second.environment, table)
            )
    finally:
        first.close()
        second.close()


def test_a_pruned_store_is_refused_by_name_and_never_called_false(
    ledger: OnDisk, pruned: Path, tmp_path: Path
) -> None:
    genesis = ("--genesis", ledger.genesis_file)
    lei = ledger.accounts[0].lei
    for arguments in (
        ("verify", pruned),
        ("export", "archive", pruned, tmp_path / "out.iic"),
        ("prove", pruned, "member", lei, "--out", tmp_path / "out"),
        ("consistency", pruned, "--from", 8, "--out", tmp_path / "out"),
    ):
        assert refusal("audit", *arguments, *genesis) == "STARTS_LATER", arguments


def test_ledgers_are_compared_in_the_blocks_that_both_hold(
    ledger: OnDisk, later: Path, pruned: Path
) -> None:
    genesis = ("--genesis", ledger.genesis_file, "--json")
    for other in (pruned, later):
        for pair in ((ledger.store, other), (other, ledger.store)):
            done = iic("audit", "diff", *pair, *genesis)
            assert done.code == 0 and done.json["agree"]
            assert (done.json["from"], done.json["compared"]) == (FROM, 10)
