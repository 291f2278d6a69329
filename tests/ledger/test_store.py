"""The store: what a commit writes, reads back, survives and reports."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_chains import ACCOUNTS, LEIS, Build, certify, memory_chain, validator_set

from ledger.errors import STORE_CORRUPT, STORE_FULL, STORE_LOCKED, CodedError
from ledger.receipt import read_receipt
from ledger.store.chain import Store
from ledger.store.check import check
from ledger.store.disk import open_store
from ledger.store.interface import Anchor, ChainStore
from ledger.store.lmdb_environment import LmdbEnvironment
from ledger.store.memory import MemoryEnvironment
from ledger.store.tables import CHAIN_TABLES, Change, Table, each

HERE = Path(__file__).parent
REPO = HERE.parents[1]
TINY = 1
"""The environment starts as small as its tables allow."""


@pytest.fixture(params=["memory", "disk"])
def chain(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Build]:
    if request.param == "memory":
        yield memory_chain()
        return
    store = open_store(tmp_path / "chain", map_bytes=TINY)
    yield Build(store)
    store.close()


def contents(store: Store) -> dict[tuple[Table, bytes], bytes]:
    return {
        (table, key): value
        for table in CHAIN_TABLES
        for key, value in each(store.environment, table)
    }


def test_both_environments_serve_the_interface_of_a_chain_store() -> None:
    as_interface: ChainStore = Store(MemoryEnvironment())
    assert as_interface.head is None


def test_everything_that_a_block_says_reads_back(chain: Build) -> None:
    chain.grow(3)
    block = chain.block(5, deadlines=2, certified=False)
    chain.store.commit(block)
    store = chain.store
    assert store.head == block.header
    assert store.header(4) == block.header
    assert store.header(5) is None
    assert store.height_of(block.header.hash()) == 4
    assert store.height_of(bytes(32)) is None
    assert store.rows(4) == block.rows
    assert store.row(4, 6) == block.rows[6]
    assert store.row(4, 7) is None
    for position, found in enumerate(block.transactions):
        assert store.find_transaction(found) == (4, 2 + position)
    assert store.find_transaction(b"?") is None
    assert store.certificate(4) is None
    assert store.certificate(3) is not None
    assert store.next_certified(2) == (2, store.certificate(2))
    assert store.next_certified(4) is None
    assert store.validators(0) == chain.genesis.validators
    assert store.validators_since(0) == 0
    assert store.validators(1) is None
    assert store.get(b"no such key") is None
    assert store.get(b"") is None
    assert store.get(b"x" * 1000) is None
    assert store.history().size == 5


def test_state_scans_in_order_through_many_chunks(chain: Build) -> None:
    found = [key for key, _ in chain.store.scan(b"account/other-")]
    assert len(found) == 100
    assert found == sorted(found)
    middle = found[50]
    assert [key for key, _ in chain.store.scan(b"account/other-", middle)] == found[50:]
    assert list(chain.store.scan(b"account0")) == []


def test_events_are_listed_newest_first_in_pages_without_gap_or_repeat(chain: Build) -> None:
    chain.grow(5, 4)
    subject = LEIS[0].encode()
    everything = chain.store.events_of(subject, limit=1000)
    assert everything == [(height, index) for height in range(5, 0, -1) for index in (4, 3, 2, 1)]
    paged: list[tuple[int, int]] = []
    while page := chain.store.events_of(subject, before=paged[-1] if paged else None, limit=3):
        paged += page
    assert paged == everything
    assert chain.store.events_of(b"5493001KJTIIGC8Y1R1", limit=5) == []
    assert chain.store.events_of(subject + b"\xff", limit=5) == []


def test_an_account_reads_backwards_by_its_postings_and_jumps_by_anchors(chain: Build) -> None:
    chain.grow(5, 4)
    store = chain.store
    account = chain.state.get(ACCOUNTS, LEIS[1], "SCU")
    assert account is not None
    balances, place = [], account.last
    while place != (0, 0):
        row = store.row(*place)
        assert row is not None
        posting = read_receipt(row.receipt).postings[1]
        assert posting.account == LEIS[1]
        balances.append(posting.balance)
        place = posting.previous
    assert balances == list(range(20, 0, -1))
    assert store.anchor(LEIS[1], "SCU", 5) == Anchor(LEIS[1], "SCU", 8, 2, 4)
    assert store.anchor(LEIS[1], "SCU", 20) == Anchor(LEIS[1], "SCU", 20, 5, 4)
    assert store.anchor(LEIS[1], "SCU", 21) is None
    assert store.anchor(LEIS[1], "GV", 1) is None


def test_a_snapshot_stays_as_it_was_while_the_chain_grows(chain: Build) -> None:
    chain.grow(1)
    key = ACCOUNTS.key(LEIS[1], "SCU")
    with chain.store.snapshot() as before:
        head, value = before.head, before.get(key)
        chain.grow(1)
        assert before.head == head
        assert before.get(key) == value
        assert chain.store.head != head
        assert chain.store.get(key) != value
    with chain.store.snapshot() as after:
        assert after.head == chain.store.head


def test_a_block_that_does_not_fit_is_refused_and_nothing_is_written(chain: Build) -> None:
    chain.grow(1)
    good = chain.block()
    other = chain.block(1)
    before = contents(chain.store)
    header = good.header
    for wrong in (
        good._replace(header=other.header),
        good._replace(rows=good.rows[:-1]),
        good._replace(transactions=dict([*good.transactions.items()][:-1])),
        good._replace(certificate=certify(other.header)),
        good._replace(validators=validator_set(1)),
        chain.block(handover=True)._replace(certificate=None),
        chain.block(handover=True)._replace(validators=None),
    ):
        with pytest.raises(ValueError, match="block 2"):
            chain.store.commit(wrong)
    with pytest.raises(ValueError, match="0 does"):
        Store(MemoryEnvironment()).commit(good)
    assert contents(chain.store) == before
    assert chain.store.head is not None
    assert chain.store.head.height == header.height - 1
    chain.store.commit(good)


def test_a_store_reopens_where_it_was(tmp_path: Path) -> None:
    store = open_store(tmp_path / "chain")
    chain = Build(store)
    chain.grow(6)
    head, history, before = store.head, store.history(), contents(store)
    store.close()
    again = open_store(tmp_path / "chain")
    assert (again.head, again.history(), contents(again)) == (head, history, before)
    Build(again, salt=1000).grow(1)
    assert list(check(again)) == []
    again.close()


def test_the_map_grows_by_itself_from_a_tiny_size(tmp_path: Path) -> None:
    environment = LmdbEnvironment(tmp_path / "e", (Table.STATE,), map_bytes=TINY)
    for round_ in range(20):
        items = [(b"%d/%d" % (round_, index), os.urandom(1000)) for index in range(200)]
        environment.write([Change(Table.STATE, items)])
    assert len(list(each(environment, Table.STATE))) == 4000
    assert (tmp_path / "e" / "data.mdb").stat().st_size > 4_000_000
    assert list(environment.damaged()) == []
    environment.close()


def test_the_map_grows_while_other_threads_read(tmp_path: Path) -> None:
    environment = LmdbEnvironment(tmp_path / "e", (Table.STATE,), map_bytes=TINY)
    environment.write([Change(Table.STATE, [(b"fixed", b"value")])])
    stop = threading.Event()
    failures: list[object] = []
    reads = [0, 0, 0]

    def read(number: int) -> None:
        try:
            while not stop.is_set():
                with environment.snapshot() as snapshot:
                    assert snapshot.get(Table.STATE, b"fixed") == b"value"
                assert environment.get(Table.STATE, b"fixed") == b"value"
                assert environment.scan(Table.STATE, b"fixed", 1) == [(b"fixed", b"value")]
                reads[number] += 1
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=read, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for index in range(60):
        environment.write([Change(Table.STATE, [(b"%d" % index, os.urandom(50_000))])])
    stop.set()
    for thread in threads:
        thread.join()
    environment.close()
    assert not failures
    assert all(reads)


def test_readers_let_the_file_reuse_its_pages(tmp_path: Path) -> None:
    environment = LmdbEnvironment(tmp_path / "e", (Table.STATE,))
    for index in range(300):
        environment.write([Change(Table.STATE, [(b"key", bytes((index % 256,)) * 100_000)])])
        assert environment.get(Table.STATE, b"key") is not None
        with environment.snapshot() as snapshot:
            assert snapshot.get(Table.STATE, b"key") is not None
    assert (tmp_path / "e" / "data.mdb").stat().st_size < 2_000_000
    environment.close()


def test_a_store_is_opened_once(tmp_path: Path) -> None:
    store = open_store(tmp_path / "chain")
    with pytest.raises(CodedError) as refused:
        open_store(tmp_path / "chain")
    assert refused.value.code is STORE_LOCKED
    assert str(os.getpid()) in refused.value.message
    script = (
        "import sys; from pathlib import Path; from ledger.store.disk import open_store\n"
        "from ledger.errors import CodedError\n"
        "try: open_store(Path(sys.argv[1]))\n"
        "except CodedError as error: print(error.code.name)"
    )
    other = _python(script, tmp_path / "chain")
    assert other.stdout.strip() == "STORE_LOCKED"
    store.close()
    open_store(tmp_path / "chain").close()


def test_a_read_only_store_reads_beside_its_owner(tmp_path: Path) -> None:
    store = open_store(tmp_path / "chain")
    Build(store).grow(3)
    script = (
        "import sys; from pathlib import Path; from ledger.store.disk import open_store\n"
        "store = open_store(Path(sys.argv[1]), read_only=True); print(store.head.height)\n"
        "from ledger.store.check import check; print(len(list(check(store))))"
    )
    assert _python(script, tmp_path / "chain").stdout.split() == ["3", "0"]
    store.close()


_FOLLOW = """
import sys
from pathlib import Path
from ledger.store.disk import open_store
from ledger.store.check import check
store = open_store(Path(sys.argv[1]), read_only=True, map_bytes=1)
for line in sys.stdin:
    with store.snapshot() as reader:
        print(reader.head.height, len(reader.rows(reader.head.height)), flush=True)
"""


def test_a_read_only_store_follows_its_owner_beyond_the_size_of_the_map(tmp_path: Path) -> None:
    store = open_store(tmp_path / "chain", map_bytes=1)
    chain = Build(store)
    process = subprocess.Popen(
        [sys.executable, "-c", _FOLLOW, str(tmp_path / "chain")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPO,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    for _ in range(4):
        process.stdin.write("next\n")
        process.stdin.flush()
        assert process.stdout.readline().split()[0] == str(store.head and store.head.height)
        chain.grow(1, 500)
    process.stdin.close()
    assert process.wait() == 0
    store.close()


def test_a_damaged_record_is_reported_where_it_is_read(tmp_path: Path) -> None:
    store = open_store(tmp_path / "chain")
    Build(store).grow(1)
    row = store.row(1, 1)
    store.close()
    assert row is not None
    file = tmp_path / "chain" / "data.mdb"
    file.write_bytes(file.read_bytes().replace(row.receipt, bytes(len(row.receipt))))
    store = open_store(tmp_path / "chain")
    for read in (lambda: store.row(1, 1), lambda: store.rows(1)):
        with pytest.raises(CodedError) as found:
            read()
        assert found.value.code is STORE_CORRUPT
        assert "table row" in found.value.message
    assert store.row(1, 2) is not None
    store.close()


def test_a_store_that_cannot_be_opened_is_left_unlocked(tmp_path: Path) -> None:
    environment = LmdbEnvironment(tmp_path / "chain", CHAIN_TABLES)
    environment.write([Change(Table.META, [(b"format", (99).to_bytes(4, "big"))])])
    environment.close()
    for _ in range(2):
        with pytest.raises(CodedError, match="layout 99"):
            open_store(tmp_path / "chain")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "data.mdb").write_bytes(b"no database" * 1000)
    for _ in range(2):
        with pytest.raises(CodedError) as found:
            open_store(tmp_path / "other")
        assert found.value.code is STORE_CORRUPT


def test_a_forked_process_may_not_write(tmp_path: Path) -> None:
    environment = LmdbEnvironment(tmp_path / "e", (Table.STATE,))
    environment._pid += 1  # as a child of a fork would see it
    with pytest.raises(RuntimeError, match="fork"):
        environment.write([Change(Table.STATE, [(b"a", b"b")])])
    environment.close()


def test_a_store_of_another_layout_is_refused() -> None:
    environment = MemoryEnvironment()
    environment.write([Change(Table.META, [(b"format", (99).to_bytes(4, "big"))])])
    with pytest.raises(CodedError, match="layout 99") as refused:
        Store(environment)
    assert refused.value.code is STORE_CORRUPT


_COMMIT_FOREVER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from ledger.store.disk import open_store
from ledger_chains import Build
store = open_store(Path(sys.argv[1]), map_bytes=1 << 15)
chain = Build(store, salt=store.head.height * 1000 if store.head else 0)
while True:
    chain.grow(1, 8)
    print(store.head.height, flush=True)
"""


def test_a_killed_process_leaves_whole_blocks_and_none_that_it_reported_is_lost(
    tmp_path: Path,
) -> None:
    path = tmp_path / "chain"
    reported = 0
    for lines in (1, 4, 9, 2, 7):
        process = subprocess.Popen(
            [sys.executable, "-c", _COMMIT_FOREVER, str(path), str(HERE)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPO,
        )
        assert process.stdout is not None
        for _ in range(lines):
            reported = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split("\n")
        process.wait()
        # A line that was cut by the signal is no report.
        reported = max([reported, *(int(line) for line in rest[:-1] if line)])
        store = open_store(path)
        assert store.head is not None
        assert store.head.height >= reported
        assert list(check(store)) == []
        store.close()
    assert reported > 20


_FILL_DISK = """
import sys, resource
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from ledger.errors import CodedError
from ledger.store.disk import open_store
from ledger_chains import Build
store = open_store(Path(sys.argv[1]))
chain = Build(store)
limit = int(sys.argv[3])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
try:
    while True:
        chain.grow(1, 50)
except CodedError as error:
    print(error.code.name, store.head.height)
try:
    chain.grow(1)
except OSError as error:
    print("refused")
assert store.rows(store.head.height)
"""


def test_a_full_disk_stops_the_store_with_an_instruction_and_loses_nothing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "chain"
    result = _python(_FILL_DISK, path, HERE, 1_000_000)
    code, height, refused = result.stdout.split()
    assert (code, refused) == (STORE_FULL.name, "refused")
    store = open_store(path)
    assert store.head is not None
    assert store.head.height == int(height) > 0
    assert list(check(store)) == []
    Build(store, salt=10**6).grow(2)
    assert list(check(store)) == []
    store.close()


def test_a_full_file_system_is_reported_as_such(tmp_path: Path) -> None:
    mount = tmp_path / "small"
    mount.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mount)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode:
        pytest.skip("this user may not mount a small file system")
    try:
        result = _python(_FILL_DISK, mount / "chain", HERE, 0)
        assert result.stdout.split()[0] == STORE_FULL.name
        assert result.stdout.split()[2] == "refused"
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=True)


def test_a_failed_write_is_never_retried(tmp_path: Path) -> None:
    environment = LmdbEnvironment(tmp_path / "e", (Table.STATE,))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, hard))
    try:
        with pytest.raises(CodedError):
            environment.write([Change(Table.STATE, [(b"a", bytes(500_000))])])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with pytest.raises(OSError, match="failed earlier"):
        environment.write([Change(Table.STATE, [(b"a", b"b")])])
    assert environment.get(Table.STATE, b"a") is None
    environment.close()


def _python(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=REPO,
        check=True,
    )
