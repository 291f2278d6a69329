"""``iic audit follow`` as scripts use it: a process, its report and its exit codes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from msgspec import structs
from published import Ledger, example, four_guarantors, signed_anyway

from cli.output import Exit
from tests.e2e.command_line import Ended, Iic

sys.path.insert(0, str(Path(__file__).parents[1] / "node" / "follower"))

from publishers import Publisher, genesis_file, serving


class Once:
    """A follower that catches up, as a process in a folder of its own."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self.iic = Iic(folder)
        self.genesis = genesis_file(ledger, folder)

    def __call__(self, *peers: str, json: bool = True) -> Ended:
        named = [part for peer in peers for part in ("--peer", peer)]
        where = ("--genesis", self.genesis, "--home", self.iic.folder / "home", "--workers", 1)
        return self.iic("audit", "follow", "--once", *where, *named, *(["--json"] if json else []))


@pytest.fixture
def ledger() -> Ledger:
    return example()


def test_a_script_learns_that_all_is_well_or_which_block_is_not(
    ledger: Ledger, tmp_path: Path
) -> None:
    once = Once(tmp_path, ledger)
    publisher, silent = Publisher(ledger), Publisher(ledger, "g1")
    silent.hidden = 3
    with serving(publisher, silent) as urls:
        publisher.hidden = 3
        fine = once(*urls)
        assert fine.status == Exit.OK and fine.json["alarms"] == []
        assert fine.json["height"] == 5 and fine.json["verified"]["complete_block"] == 5
        publisher.hidden = 0
        publisher.alter = lambda block: (
            signed_anyway(block, lambda header: {"receipts_root": bytes(32)})
            if block.header.height == 7
            else block
        )
        wrong = once(*urls)
        assert wrong.status == Exit.VIOLATION and wrong.json["frozen"]
        [alarm] = wrong.json["alarms"]
        assert (alarm["code"], alarm["block"], alarm["freezes"]) == ("ROOT", 7, True)
        assert wrong.json["height"] == 6
        text = once(*urls, json=False)
        assert text.status == Exit.VIOLATION and "receipts_root" in text.out


def test_nothing_shown_and_nobody_there_are_not_all_is_well(ledger: Ledger, tmp_path: Path) -> None:
    once = Once(tmp_path, ledger)
    publisher = Publisher(ledger)
    with serving(publisher) as urls:
        publisher.height = 500
        withheld = once(*urls, json=False)
        assert withheld.status == Exit.UNKNOWN and "show none" in withheld.err
    nobody = once(*urls)
    assert nobody.status == Exit.UNREACHABLE and nobody.code == "NODE_UNREACHABLE"
    assert nobody.json["error"]["report"]["alarms"] == []


def test_what_is_mistyped_is_said(ledger: Ledger, tmp_path: Path) -> None:
    once = Once(tmp_path, ledger)
    assert once("ftp://a.example").status == Exit.USAGE
    assert once("http://127.0.0.1:9").status == Exit.UNREACHABLE
    other = Ledger(structs.replace(four_guarantors(), network="another"))
    once.genesis = genesis_file(other, tmp_path)
    refused = once("http://127.0.0.1:9", json=False)
    assert refused.status == Exit.LOCAL and "--home" in refused.err
