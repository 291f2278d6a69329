"""Two ledgers part where they part, and what the state said at a time is proven offline."""

from __future__ import annotations

from pathlib import Path

import pytest
from ledgers import OnDisk, iic, on_disk
from msgspec import structs

from cli.audit_compare import _milliseconds
from cli.bench.accounts import account
from cli.bench.bulk import BLOCK_MS, START
from ledger.archive import PartKind, Writer, open_archive
from ledger.errors import CodedError
from ledger.segment import Segment


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> OnDisk:
    return on_disk(tmp_path_factory.mktemp("ledger"))


@pytest.fixture(scope="module")
def archive(ledger: OnDisk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "whole.iic"
    done = iic(
        *("audit", "export", "archive", ledger.store, path, "--genesis", ledger.genesis_file),
        *("--checkpoint-every", 8, "--quiet"),
    )
    assert done.code == 0
    return path


def test_a_store_and_its_archive_agree(ledger: OnDisk, archive: Path) -> None:
    done = iic("audit", "diff", ledger.store, archive, "--genesis", ledger.genesis_file, "--json")
    assert done.code == 0 and done.json["agree"] and done.json["compared"] == 10
    quiet = iic("audit", "diff", archive, ledger.store, "--genesis", ledger.genesis_file, "-q")
    assert quiet == (0, "")


def test_ledgers_that_part_say_where_and_in_what(ledger: OnDisk, tmp_path: Path) -> None:
    """Other payments from the same genesis: nine blocks of one, another number of the other."""
    (tmp_path / "other").mkdir()
    other = on_disk(tmp_path / "other", transactions=12)
    options = ("--genesis", ledger.genesis_file, "--json")
    done = iic("audit", "diff", ledger.store, other.store, *options)
    assert done.code == 1
    found = done.json["difference"]
    assert found["height"] == 5, "both begin with funding the same accounts"
    assert found["only_left"] and found["only_right"] and not found["receipts"]
    assert "transactions_root" in found["header"]
    assert any(key.startswith("balance/BENCH") for key in found["state"])


def test_what_an_archive_shows_otherwise_under_the_same_header_is_told(
    ledger: OnDisk, archive: Path, tmp_path: Path
) -> None:
    opened = open_archive(archive)
    work = tmp_path / "altered.iic"
    with Writer(work, ledger.genesis.chain_id, ledger.genesis.network) as writer:
        for index, part in enumerate(opened.manifest.parts):
            if part.kind is PartKind.BLOCKS:
                found = opened.segment(index)
                block = found.blocks[-1]
                row = block.rows[-1]
                altered = structs.replace(row, receipt=row.receipt[:-1] + b"\x7e")
                last = structs.replace(block, rows=(*block.rows[:-1], altered))
                writer.blocks(Segment(found.height, (*found.blocks[:-1], last)))
        writer.close()
    done = iic("audit", "diff", ledger.store, work, "--genesis", ledger.genesis_file, "--json")
    assert done.code == 1 and done.json["difference"]["header"] == ""
    assert done.json["difference"]["receipts"]


@pytest.mark.parametrize("source", ["store", "archive"])
def test_membership_and_its_absence_are_proven_at_a_height(
    ledger: OnDisk, archive: Path, tmp_path: Path, source: str
) -> None:
    where = ledger.store if source == "store" else archive
    genesis = ("--genesis", ledger.genesis_file, "--json")
    for name, present in ((ledger.accounts[0].lei, True), (account(7_777).lei, False)):
        out = tmp_path / f"{name}.proof"
        made = iic("audit", "prove", where, "member", name, "--at", 6, "--out", out, *genesis)
        assert made.code == 0 and made.json["height"] == 6
        verified = iic("audit", "verify-state", out, *genesis)
        assert verified.code == 0
        assert verified.json["present"] is present and verified.json["height"] == 6
        assert name in verified.json["words"]
        assert ("nobody" in verified.json["words"]) is not present


def test_a_balance_and_keys_are_those_of_their_time(ledger: OnDisk, tmp_path: Path) -> None:
    genesis = ("--genesis", ledger.genesis_file, "--json")
    lei = ledger.accounts[0].lei
    said = []
    for height in (4, 10):
        out = tmp_path / f"{height}.proof"
        arguments = ("account", f"{lei}/avail", "--at", height, "--out", out)
        assert iic("audit", "prove", ledger.store, *arguments, *genesis).code == 0
        said.append(iic("audit", "verify-state", out, *genesis).json["words"])
    assert said[0].startswith(
        f"account {lei}/avail stands at 1,000,000 minor units of SCU after 1 "
    )
    assert said[0] != said[1]
    out = tmp_path / "keys.proof"
    made = iic("audit", "prove", ledger.store, "keys", lei, "--out", out, *genesis)
    assert made.json["words"].endswith("(director) valid")


def test_a_flipped_byte_anywhere_in_a_proof_proves_nothing(ledger: OnDisk, tmp_path: Path) -> None:
    out, work = tmp_path / "proof", tmp_path / "work"
    genesis = ("--genesis", ledger.genesis_file, "--json")
    lei = ledger.accounts[0].lei
    assert iic("audit", "prove", ledger.store, "member", lei, "--out", out, *genesis).code == 0
    sound = out.read_bytes()
    from ledger import proof

    for at in range(len(sound)):
        try:
            found = proof.read(sound[:at] + bytes((sound[at] ^ 1 << at % 8,)) + sound[at + 1 :])
        except CodedError:
            continue
        assert isinstance(found, proof.ProvenState)
        with pytest.raises(CodedError):
            proof.verify_state(found, ledger.genesis)
    work.write_bytes(sound[:40] + bytes((sound[40] ^ 1,)) + sound[41:])
    assert iic("audit", "verify-state", work, *genesis).code in {1, 6}


def test_a_later_ledger_extends_the_one_seen_earlier(
    ledger: OnDisk, archive: Path, tmp_path: Path
) -> None:
    genesis = ("--genesis", ledger.genesis_file, "--json")
    for source, number in ((ledger.store, 1), (archive, 2)):
        out = tmp_path / f"{number}.proof"
        made = iic("audit", "consistency", source, "--from", 3, "--to", 8, "--out", out, *genesis)
        assert made.code == 0 and made.json["to"]["height"] == 8
        known = made.json["from"]["hash"]
        verified = iic("audit", "verify-extension", out, "--known", known, *genesis)
        assert verified.code == 0
        assert (verified.json["from_height"], verified.json["height"]) == (3, 8)
        other = iic("audit", "verify-extension", out, "--known", "00" * 32, *genesis)
        assert other.code == 1


def test_dates_mean_their_end_and_moments_themselves(ledger: OnDisk, tmp_path: Path) -> None:
    assert _milliseconds("1970-01-02") == 2 * 86_400_000 - 1
    assert _milliseconds("1970-01-01T00:00:01Z") == 1_000
    with pytest.raises(CodedError):
        _milliseconds("yesterday")
    from datetime import UTC, datetime

    moment = datetime.fromtimestamp((START + 4 * BLOCK_MS) / 1000, UTC).isoformat()
    genesis = ("--genesis", ledger.genesis_file, "--json")
    out = tmp_path / "proof"
    lei = ledger.accounts[0].lei
    made = iic(
        "audit", "prove", ledger.store, "member", lei, "--at", moment, "--out", out, *genesis
    )
    assert made.json["height"] == 4
    early = iic(
        "audit", "prove", ledger.store, "member", lei, "--at", "1999-01-01",
        "--out", tmp_path / "none", *genesis,
    )  # fmt: skip
    assert early.json["error"]["code"] == "BAD_MOMENT"
