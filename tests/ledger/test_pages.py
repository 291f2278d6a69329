"""The walk over a file's pages: with it and the checksums, no flipped bit of the content passes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from ledger_chains import Build

from ledger.store.check import check_file
from ledger.store.disk import open_store
from ledger.store.lmdb_environment import LmdbEnvironment
from ledger.store.pages import check_pages
from ledger.store.tables import CHAIN_TABLES, Change, Table

HERE = Path(__file__).parent
REPO = HERE.parents[1]
PAGE = 4096

READ_ALL = """
import hashlib, sys
from pathlib import Path
from ledger.store.disk import open_store
from ledger.store.tables import CHAIN_TABLES, each
store = open_store(Path(sys.argv[1]), read_only=True)
assert not list(store.environment.damaged())
whole = hashlib.sha256()
for table in CHAIN_TABLES:
    for key, value in each(store.environment, table):
        whole.update(b"%d %d %b %d %b" % (table, len(key), key, len(value), value))
print(whole.hexdigest())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with trees of several levels, large values and free pages."""
    found: Path = tmp_path_factory.mktemp("store")
    store = open_store(found)
    chain = Build(store)
    chain.grow(40, 20)
    environment = store.environment
    big = [(b"zz-big-%d" % n, bytes((n,)) * 9_000) for n in range(20)]
    environment.write([Change(Table.EVENT, big)])
    environment.write([Change(Table.EVENT, [(key, None) for key, _ in big[::2]])])
    store.close()
    return found


def content(folder: Path) -> str | None:
    """A digest of all records, read in a process of its own; None if that fails in any way."""
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=REPO,
        timeout=60,
    )
    return done.stdout.strip() if done.returncode == 0 else None


def test_a_sound_file_yields_nothing_as_it_grows_and_shrinks(tmp_path: Path) -> None:
    environment = LmdbEnvironment(tmp_path, CHAIN_TABLES)
    random = Random(5)
    for _ in range(40):
        items: dict[bytes, bytes | None] = {}
        for _ in range(random.randrange(200)):
            key = random.randbytes(random.choice((1, 8, 40, 300)))
            items[key] = random.choice(
                (None, random.randbytes(random.choice((0, 9, 2_100, 9_000))))
            )
        environment.write([Change(random.choice(CHAIN_TABLES), sorted(items.items()))])
        assert list(check_pages(tmp_path / "data.mdb")) == []
    environment.close()


def flips(folder: Path, count: int, seed: int) -> Iterator[tuple[int, int]]:
    """Bits of the file, more of them where structure lies: heads, pointers, meta pages."""
    size, random = (folder / "data.mdb").stat().st_size, Random(seed)
    for number in range(count):
        page = random.randrange(size // PAGE) if number % 4 else random.randrange(3)
        at = random.randrange(PAGE) if number % 2 else random.randrange(64)
        yield page * PAGE + at, 1 << random.randrange(8)


def test_a_flipped_bit_anywhere_is_found_or_changes_nothing(folder: Path, tmp_path: Path) -> None:
    sound = (folder / "data.mdb").read_bytes()
    expected = content(folder)
    assert expected is not None
    found = silent = 0
    for at, bit in flips(folder, 600, seed=11):
        damaged = bytearray(sound)
        damaged[at] ^= bit
        copy = tmp_path / "copy"
        copy.mkdir(exist_ok=True)
        (copy / "data.mdb").write_bytes(damaged)
        if list(check_file(copy)):
            found += 1
            continue
        silent += 1
        if silent <= 60:  # the file's structure is sound: now every record is read
            read = content(copy)
            assert read is None or read == expected, f"byte {at}, bit {bit}"
    assert found > 100, "structure is covered"


UNUSED = {*range(8, 10), *range(12, 16), *range(24, 40), *range(88, 92)}
"""Bytes of a meta page that LMDB does not read, or may change freely: padding, the address and the
size of the map."""


@pytest.mark.parametrize("page", [0, 1])
def test_every_bit_of_the_meta_pages_is_covered(folder: Path, tmp_path: Path, page: int) -> None:
    """One of them tells where the newest state begins; the other becomes it if its number grows."""
    sound = (folder / "data.mdb").read_bytes()
    for at in sorted(set(range(136)) - UNUSED) + list(range(144, 152)):
        for bit in range(8):
            damaged = bytearray(sound)
            damaged[page * PAGE + at] ^= 1 << bit
            (tmp_path / "data.mdb").write_bytes(damaged)
            assert list(check_file(tmp_path)), f"byte {at}, bit {bit}"


def test_a_file_in_use_is_left_alone(folder: Path) -> None:
    store = open_store(folder)
    try:
        assert list(check_file(folder)) == []
    finally:
        store.close()
