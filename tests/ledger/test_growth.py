"""Long readers do not block writers, are named, and give up before they fill a disk."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ledger.store import growth
from ledger.store.lmdb_environment import LmdbEnvironment
from ledger.store.tables import CHAIN_TABLES, Change, Table

REPO = Path(__file__).parents[2]
READER = """
import sys
from pathlib import Path
from ledger.store.disk import open_store
store = open_store(Path(sys.argv[1]), read_only=True)
with store.environment.snapshot() as reader:
    print("reading", flush=True)
    sys.stdin.read()
"""


def test_a_reader_of_another_process_is_named_and_forgotten_when_it_is_gone(
    tmp_path: Path,
) -> None:
    environment = LmdbEnvironment(tmp_path, CHAIN_TABLES)
    assert environment.oldest_reader() is None
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=REPO,
    )
    assert reader.stdout is not None and reader.stdin is not None
    assert reader.stdout.readline() == b"reading\n"
    for number in range(7):
        environment.write([Change(Table.EVENT, [(bytes((number,)), b"x")])])
    found = environment.oldest_reader()
    assert found is not None and found[0] == reader.pid and found[1] >= 7
    reader.kill()
    reader.wait()
    assert environment.oldest_reader() is None
    reader.stdin.close()
    reader.stdout.close()
    environment.close()


def test_a_process_that_only_reads_ends_when_the_file_has_grown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(growth, "BYTES", 1_000)
    monkeypatch.setattr(growth, "_POLL_S", 0.01)
    data, ended = tmp_path / "data.mdb", threading.Event()
    data.write_bytes(bytes(100))
    growth.end_process_when_grown(data, lambda code: ended.set())
    assert not growth.Room(data).used_up
    data.write_bytes(bytes(2_000))
    assert ended.wait(10)


def test_readers_that_live_on_in_reference_cycles_take_no_places(tmp_path: Path) -> None:
    environment = LmdbEnvironment(tmp_path, CHAIN_TABLES)
    environment.write([Change(Table.EVENT, [(b"k", b"v")])])
    gc.disable()
    try:
        for _ in range(300):  # LMDB has 126 places by default
            with environment.snapshot() as reader:
                cycle: list[object] = [reader]
                cycle.append(cycle)
                assert reader.get(Table.EVENT, b"k") == b"v"
    finally:
        gc.enable()
    environment.close()
