"""A whole ledger verifies from the genesis file alone, and what is wrong with one is found."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledgers import OnDisk, iic, on_disk

from cli.auditing.progress import Meter, Resume
from cli.auditing.verify import identity_of, verify_archive
from cli.auditing.workers import replay_stretch, stretches_of
from cli.output import Exit
from contracts.violations import Check, Violated
from ledger.archive import MAGIC, Archive, PartKind, open_archive
from ledger.errors import BAD_ARCHIVE, CodedError
from ledger.store import tables
from ledger.store.chain import Store
from ledger.store.disk import open_store
from node.config import Home


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> OnDisk:
    return on_disk(tmp_path_factory.mktemp("ledger"))


@pytest.fixture(scope="module")
def archive(ledger: OnDisk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file, with two checkpoints."""
    path = tmp_path_factory.mktemp("archive") / "whole.iic"
    done = iic(
        "audit", "export", "archive", ledger.store, path, "--genesis", ledger.genesis_file,
        "--checkpoint-every", 8, "--json",
    )  # fmt: skip
    assert done.code == 0 and done.json["checkpoints"] == 3 and done.json["transactions"] == 28
    return path


def everything_in(store: Store) -> list[tuple[str, bytes, bytes]]:
    return [
        (table.name, key, value)
        for table in tables.CHAIN_TABLES
        for key, value in tables.each(store.environment, table)
    ]


def test_an_archive_verifies_and_says_so(ledger: OnDisk, archive: Path) -> None:
    done = iic("audit", "verify", archive, "--genesis", ledger.genesis_file, "--json")
    assert done.code == 0
    assert done.json["verified"] and done.json["transactions"] == done.json["replayed"] == 28
    quiet = iic("audit", "verify", archive, "--genesis", ledger.genesis_file, "--quiet")
    assert quiet == (0, "")
    assert not archive.with_name(f"{archive.name}.verify").exists()


def test_checkpoints_cut_an_archive_into_stretches_of_equal_length(
    ledger: OnDisk, tmp_path: Path
) -> None:
    path, every = tmp_path / "cut.iic", 6
    options = ("--genesis", ledger.genesis_file, "--checkpoint-every", every, "--quiet")
    assert iic("audit", "export", "archive", ledger.store, path, *options).code == 0
    opened = open_archive(path)
    blocks = [
        [block.header.transactions for part in task.blocks for block in opened.segment(part).blocks]
        for task in stretches_of(opened)
    ]
    largest = max(map(max, blocks))
    done = 0
    for number, stretch in enumerate(blocks[:-1], start=1):
        done += sum(stretch)
        assert abs(done - every * number) <= largest / 2 + 1, "no block would end nearer to it"


def test_a_store_verifies_and_is_left_as_it_was(ledger: OnDisk) -> None:
    before = {p.name: p.read_bytes() for p in ledger.store.iterdir() if p.name != "lock.mdb"}
    done = iic("audit", "verify", ledger.store, "--genesis", ledger.genesis_file, "--json")
    assert done.code == 0 and done.json["replayed"] == 28 and not done.json["uncertified_blocks"]
    after = {p.name: p.read_bytes() for p in ledger.store.iterdir() if p.name != "lock.mdb"}
    assert before == after


def test_a_nodes_home_stands_for_its_store(ledger: OnDisk, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.ledger.parent.mkdir(parents=True)
    home.ledger.symlink_to(ledger.store)
    done = iic("audit", "verify", home.path, "--genesis", ledger.genesis_file, "--json")
    assert done.code == 0 and done.json["replayed"] == 28
    nothing = iic("audit", "verify", tmp_path, "--genesis", ledger.genesis_file, "--json")
    assert nothing.code == Exit.LOCAL and nothing.json["error"]["code"] == "FILE_MISSING"


def test_a_folder_and_a_file_hold_the_same_archive(
    ledger: OnDisk, archive: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "whole"
    options = ("--genesis", ledger.genesis_file, "--checkpoint-every", 8, "--quiet")
    assert iic("audit", "export", "archive", ledger.store, folder, *options).code == 0
    one, many = open_archive(archive), open_archive(folder)
    assert one.manifest == many.manifest
    parts = range(len(one.manifest.parts))
    assert [one.part(index) for index in parts] == [many.part(index) for index in parts]
    assert iic("audit", "verify", folder, "--genesis", ledger.genesis_file, "-q").code == 0


def test_an_archive_without_checkpoints_verifies_too(ledger: OnDisk, tmp_path: Path) -> None:
    path = tmp_path / "plain.iic"
    options = ("--genesis", ledger.genesis_file, "--checkpoint-every", 0, "--quiet")
    assert iic("audit", "export", "archive", ledger.store, path, *options).code == 0
    done = iic("audit", "verify", path, "--genesis", ledger.genesis_file, "--json")
    assert done.code == 0 and done.json["replayed"] == 28


def test_an_import_is_the_exported_store_to_the_last_record(
    ledger: OnDisk, archive: Path, tmp_path: Path
) -> None:
    made = tmp_path / "store"
    options = ("--genesis", ledger.genesis_file, "--json")
    assert iic("audit", "import", archive, made, *options).json["transactions"] == 28
    first, second = open_store(ledger.store, read_only=True), open_store(made)
    try:
        assert everything_in(first) == everything_in(second)
    finally:
        first.close()
        second.close()
    again = iic("audit", "import", archive, made, *options)
    assert again.code == 6 and again.json["error"]["code"] == "FILE_EXISTS"


def test_another_ledgers_genesis_is_refused(archive: Path, tmp_path: Path) -> None:
    other = on_disk(tmp_path, transactions=1, accounts=3)
    done = iic("audit", "verify", archive, "--genesis", other.genesis_file, "--json")
    assert done.code == 6 and done.json["error"]["code"] == "BAD_GENESIS"


def test_every_check_is_named() -> None:
    named = iic("audit", "verify", "--json", "--list-checks").json
    assert [entry["check"] for entry in named] == [str(check) for check in Check]
    assert all(entry["means"] for entry in named)


# tampering ----------------------------------------------------------------------------------------


def fault_in(archive: Archive, ledger: OnDisk) -> Violated | CodedError | None:
    """The first fault of an archive, found without worker processes."""
    try:
        for task in stretches_of(archive):
            replay_stretch(ledger.genesis, archive, task)
    except (Violated, CodedError) as error:
        return error
    return None


def test_one_flipped_byte_anywhere_in_an_archive_is_found_in_its_part(
    ledger: OnDisk, tmp_path: Path
) -> None:
    """Every byte, one after the other: of the magic number, each part and the manifest."""
    small = on_disk(tmp_path, transactions=3, accounts=2, per_block=3)
    path, work = tmp_path / "small.iic", tmp_path / "work.iic"
    options = ("--genesis", small.genesis_file, "--checkpoint-every", 2, "--quiet")
    assert iic("audit", "export", "archive", small.store, path, *options).code == 0
    opened = open_archive(path)
    assert fault_in(opened, small) is None
    parts = opened.manifest.parts
    for index, part in enumerate(parts):
        sound = opened.part(index)
        for at in range(part.size):
            with pytest.raises(CodedError) as caught:
                Archive(path, opened.manifest, Shown(flipped(sound, at))).part(index)
            assert caught.value.field == part.name, at
    sound = path.read_bytes()
    start = len(MAGIC)
    end = start + sum(part.size for part in parts)
    for at in (*range(start), *range(end, len(sound))):
        work.write_bytes(flipped(sound, at))
        with pytest.raises(CodedError) as caught:
            open_archive(work)
        assert caught.value.code is BAD_ARCHIVE, at


class Shown(NamedTuple):
    """A container that shows the same bytes for every part."""

    data: bytes

    def read(self, index: int) -> bytes:
        return self.data


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((data[at] ^ 1 << at % 8,)) + data[at + 1 :]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_flipped_byte_is_located_by_block(
    ledger: OnDisk, archive: Path, tmp_path: Path, data: st.DataObject
) -> None:
    sound = archive.read_bytes()
    parts = open_archive(archive).manifest.parts
    at = data.draw(st.integers(len(MAGIC), len(MAGIC) + sum(p.size for p in parts) - 1))
    altered = bytearray(sound)
    altered[at] ^= 1 << data.draw(st.integers(0, 7))
    work = tmp_path / "altered.iic"
    work.write_bytes(altered)
    offset = len(MAGIC)
    for part in parts:
        if offset <= at < offset + part.size:
            break
        offset += part.size
    fault = fault_in(open_archive(work), ledger)
    assert isinstance(fault, Violated)
    violation = fault.violations[0]
    if violation.check is Check.ARCHIVE:
        assert violation.object == part.name
    else:
        # What an altered header or certificate contradicts may be the block above it.
        assert part.first <= violation.height <= part.last + 1
    assert not violation.certified


def consistently_altered(
    ledger: OnDisk, archive: Path, work: Path, number: int
) -> tuple[Archive, int]:
    """An archive that names its altered block part rightly, as whoever alters one would."""
    from msgspec import structs

    from ledger.archive import Writer
    from ledger.segment import Segment

    opened = open_archive(archive)
    altered_at = 0
    with Writer(work, ledger.genesis.chain_id, ledger.genesis.network) as writer:
        for index, part in enumerate(opened.manifest.parts):
            if part.kind is PartKind.STATE:
                writer.checkpoint(opened.part(index))
                continue
            found = opened.segment(index)
            if index == number:
                block = found.blocks[0]
                altered_at = block.header.height
                row = block.rows[0]
                receipt = bytearray(row.receipt)
                receipt[-1] ^= 1
                rows = (structs.replace(row, receipt=bytes(receipt)), *block.rows[1:])
                found = Segment(
                    found.height, (structs.replace(block, rows=rows), *found.blocks[1:])
                )
            writer.blocks(found)
        writer.close()
    return open_archive(work), altered_at


def test_the_first_fault_is_told_exactly_although_stretches_run_side_by_side(
    ledger: OnDisk, archive: Path, tmp_path: Path
) -> None:
    parts = open_archive(archive).manifest.parts
    blocks = [index for index, part in enumerate(parts) if part.kind is PartKind.BLOCKS]
    for number in (blocks[-1], blocks[len(blocks) // 2]):
        work = tmp_path / f"{number}.iic"
        altered, height = consistently_altered(ledger, archive, work, number)
        done = iic("audit", "verify", work, "--genesis", ledger.genesis_file, "--json")
        assert done.code == 1
        [fault, *_] = done.json["faults"]
        assert (fault["check"], fault["height"], fault["receipt"]) == ("receipt", height, 0)
        assert not fault["certified"]
        with pytest.raises(Violated) as caught:
            verify_archive(
                altered, ledger.genesis, jobs=1, resume=Resume(tmp_path / "none", str(number))
            )
        assert caught.value.violations[0].height == height


def test_a_checkpoint_that_replay_does_not_make_is_named_with_its_record(
    ledger: OnDisk, archive: Path, tmp_path: Path
) -> None:
    from ledger import checkpoint
    from ledger.archive import Writer

    opened = open_archive(archive)
    work = tmp_path / "lie.iic"
    with Writer(work, ledger.genesis.chain_id, ledger.genesis.network) as writer:
        for index, part in enumerate(opened.manifest.parts):
            if part.kind is PartKind.BLOCKS:
                writer.blocks(opened.segment(index))
                continue
            shown = opened.checkpoint(index)
            state = dict(shown.state)
            key = next(k for k in state if k.startswith(b"balance/BENCH"))
            state[key] = state[key][:-1] + b"\x7f"
            writer.checkpoint(
                checkpoint.write(
                    shown.header,
                    shown.history,
                    shown.validators,
                    shown.open,
                    sorted(state.items()),
                )
            )
        writer.close()
    done = iic("audit", "verify", work, "--genesis", ledger.genesis_file, "--json")
    assert done.code == 1
    first = next(part for part in opened.manifest.parts if part.kind is PartKind.STATE)
    [fault] = done.json["faults"]
    assert (fault["check"], fault["height"]) == ("checkpoint", first.last)
    assert "balance/BENCH" in fault["what"]


@settings(
    deadline=None,
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_an_altered_record_of_a_store_is_found(
    ledger: OnDisk, tmp_path: Path, data: st.DataObject
) -> None:
    """Through LMDB itself, with a right checksum: nothing but verification can tell."""
    work = tmp_path / "store"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(ledger.store, work)
    store = open_store(work)
    try:
        names = (tables.Table.ROW, tables.Table.HEADER, tables.Table.STATE, tables.Table.PAGE,
                 tables.Table.CERTIFICATE, tables.Table.TRANSACTION, tables.Table.HISTORY,
                 tables.Table.VALIDATORS, tables.Table.BLOCK_HASH)  # fmt: skip
        table = data.draw(st.sampled_from(names))
        key, value = data.draw(st.sampled_from(list(tables.each(store.environment, table))))
        altered = bytearray(value)
        altered[data.draw(st.integers(0, len(value) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        store.environment.write([tables.Change(table, [(key, bytes(altered))])])
    finally:
        store.close()
    done = iic("audit", "verify", work, "--genesis", ledger.genesis_file, "--json")
    assert done.code != 0, (table, key)


def test_a_flipped_byte_of_a_stores_file_is_found_or_says_nothing(
    ledger: OnDisk, tmp_path: Path
) -> None:
    """Sampled over the file. What is not found is a byte that no record stands in: then what the
    store says is the same, to the last record."""
    sound = (ledger.store / "data.mdb").read_bytes()
    original = open_store(ledger.store, read_only=True)
    content = everything_in(original)
    original.close()
    found = 0
    for at in range(17, len(sound), len(sound) // 10):
        work = tmp_path / str(at)
        work.mkdir()
        altered = bytearray(sound)
        altered[at] ^= 0x10
        (work / "data.mdb").write_bytes(altered)
        script = (
            "import sys\nfrom cli.main import main\n"
            "sys.argv = ['iic', 'audit', 'verify', *sys.argv[1:]]\nmain()"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, str(work), "--genesis", str(ledger.genesis_file), "-q"],
            capture_output=True,
            check=False,
        )
        if done.returncode:
            found += 1
            continue
        store = open_store(work, read_only=True)
        assert everything_in(store) == content, at
        store.close()
    assert found


# going on -----------------------------------------------------------------------------------------


def test_a_killed_verification_goes_on_where_it_was(ledger: OnDisk, archive: Path) -> None:
    """The process kills itself right after the first stretch is recorded."""
    folder = archive.with_name(f"{archive.name}.verify")
    script = (
        "import os, signal, sys\n"
        "from cli.auditing import progress\n"
        "save = progress.Resume.stretch\n"
        "def stretch(self, number, told):\n"
        "    save(self, number, told)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "progress.Resume.stretch = stretch\n"
        "from cli.main import main\n"
        "if __name__ == '__main__':\n"
        "    sys.argv = ['iic', 'audit', 'verify', *sys.argv[1:]]\n"
        "    main()\n"
    )
    program = archive.with_name("killed.py")
    program.write_text(script, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(program), str(archive), "--genesis", str(ledger.genesis_file),
         "--jobs", "1"],
        capture_output=True, check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL
    assert folder.is_dir()
    again = iic("audit", "verify", archive, "--genesis", ledger.genesis_file, "--json")
    assert again.code == 0
    assert 0 < again.json["replayed"] < again.json["transactions"]
    assert not folder.exists()


def test_progress_of_another_input_is_none(ledger: OnDisk, archive: Path, tmp_path: Path) -> None:
    opened = open_archive(archive)
    first = Resume(tmp_path / "p", identity_of(opened, ledger.genesis))
    first.stretch(0, [])
    assert Resume(tmp_path / "p", identity_of(opened, ledger.genesis)).stretches == {0: []}
    assert Resume(tmp_path / "p", "another").stretches == {}
    (tmp_path / "p" / "progress.json").write_text("{", encoding="utf-8")
    assert Resume(tmp_path / "p", identity_of(opened, ledger.genesis)).stretches == {}


def test_the_meter_tells_progress_speed_and_what_is_left() -> None:
    now = [0.0]
    meter = Meter(10_000, quiet=True, clock=lambda: now[0])
    for second in range(1, 4):
        now[0] = float(second)
        meter.advance(1_000)
    assert meter.line(3.0) == "3,000 of 10,000 transactions, 30 %, 1,000/s, 0:07 min left"
