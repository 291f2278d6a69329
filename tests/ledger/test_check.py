"""The check of a whole store finds every damage and names it; a sound store yields nothing."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import lmdb
import msgspec
import pytest
from ledger_chains import ACCOUNTS, LEIS, Account, Build, memory_chain

from ledger.codec import encode
from ledger.receipt import NO_PLACE, read_receipt
from ledger.store import prune
from ledger.store.chain import Store
from ledger.store.check import check
from ledger.store.disk import open_store
from ledger.store.memory import MemoryEnvironment
from ledger.store.tables import Change, Table, each, height_key, place

HERE = Path(__file__).parent
REPO = HERE.parents[1]


def _sound() -> tuple[Build, MemoryEnvironment]:
    chain = memory_chain()
    chain.grow(4)
    chain.grow(1, handover=True)
    chain.grow(3)
    environment = chain.store.environment
    assert isinstance(environment, MemoryEnvironment)
    return chain, environment


def _findings(environment: MemoryEnvironment) -> list[str]:
    return [str(finding) for finding in check(Store(environment)) if not finding.note]


def test_a_sound_store_yields_nothing_and_reports_progress() -> None:
    chain, _ = _sound()
    seen: list[tuple[int, int]] = []
    assert list(check(chain.store, progress=lambda *at: seen.append(at))) == []
    assert seen == [(height, 8) for height in range(9)]
    assert list(check(Store(MemoryEnvironment()))) == []


def test_blocks_without_finalization_above_them_are_a_note_only() -> None:
    chain, _ = _sound()
    chain.grow(2, certified=False)
    (finding,) = check(chain.store)
    assert finding.note
    assert finding.where == "blocks 9 to 10"


Damage = Callable[[Build, MemoryEnvironment], list[Change]]


def _delete(table: Table, key: bytes) -> Damage:
    return lambda chain, environment: [Change(table, [(key, None)])]


def _flip(table: Table, key: bytes, at: int = -1) -> Damage:
    def change(chain: Build, environment: MemoryEnvironment) -> list[Change]:
        value = environment.get(table, key)
        assert value is not None
        damaged = bytearray(value)
        damaged[at] ^= 1
        return [Change(table, [(key, bytes(damaged))])]

    return change


def _set(table: Table, key: bytes, value: bytes) -> Damage:
    return lambda chain, environment: [Change(table, [(key, value)])]


def _first_transaction(chain: Build, environment: MemoryEnvironment) -> bytes:
    return next(key for key, _ in each(environment, Table.TRANSACTION))


OTHER = encode(Account(5, 5, NO_PLACE))
DAMAGES: dict[str, tuple[Damage, str]] = {
    "a lost header": (_delete(Table.HEADER, height_key(3)), "block 3: the header is missing"),
    "a lost row": (_delete(Table.ROW, place(3, 1)), "block 3: has 3 receipts"),
    "a changed receipt": (_flip(Table.ROW, place(3, 0)), "block 3: the receipts root"),
    "a changed transaction": (_flip(Table.ROW, place(3, 1), 60), "block 3, receipt 1"),
    "a changed signature": (
        lambda chain, environment: _break_signature(chain),
        "does not verify",
    ),
    "a lost certificate of a handover": (
        _delete(Table.CERTIFICATE, height_key(5)),
        "block 5: it changes the validators without a finalization",
    ),
    "a changed certificate": (
        _flip(Table.CERTIFICATE, height_key(4)),
        "block 4: the certificate does not verify",
    ),
    "another block's certificate": (
        lambda chain, environment: [
            Change(
                Table.CERTIFICATE,
                [(height_key(3), environment.get(Table.CERTIFICATE, height_key(2)))],
            )
        ],
        "block 3: the certificate is no finalization of it",
    ),
    "a lost transaction index": (
        lambda chain, environment: [
            Change(Table.TRANSACTION, [(_first_transaction(chain, environment), None)])
        ],
        "the index of transactions does not lead to it",
    ),
    "an index of no transaction": (
        _set(Table.TRANSACTION, bytes(32), place(1, 1)),
        "table transaction: has",
    ),
    "a changed history node": (
        _flip(Table.HISTORY, b"\x01" + bytes(8)),
        "block 1: history node 0 of level 1",
    ),
    "a changed state record": (
        _set(Table.STATE, ACCOUNTS.key(LEIS[0], "SCU"), OTHER),
        f"record {ACCOUNTS.key(LEIS[0], 'SCU').hex()}: is not what the state tree commits to",
    ),
    "an added state record": (
        _set(Table.STATE, ACCOUNTS.key("nobody", "SCU"), OTHER),
        "is not what the state tree commits to",
    ),
    "a lost state record": (
        _delete(Table.STATE, ACCOUNTS.key("other-5", "SCU")),
        "state tree: commits to 102 records, 101 are stored",
    ),
    "a lost page": (_delete(Table.PAGE, b"/\x05"), "state tree page 5 is missing"),
    "a changed page": (_flip(Table.PAGE, b"/\x05"), "state tree page 5 has another hash"),
    "a changed root page": (_flip(Table.PAGE, b"/"), "state tree: the root"),
    "an added page": (_set(Table.PAGE, b"/\x05\x05", b"\x00"), "has pages that its root"),
    "a lost hash index": (
        lambda chain, environment: [
            Change(Table.BLOCK_HASH, [(chain.store.header(2).hash(), None)])  # type: ignore[union-attr]
        ],
        "block 2: the index of block hashes",
    ),
    "lost validators": (
        _delete(Table.VALIDATORS, height_key(1)),
        "block 5: the validators of epoch 1 are missing",
    ),
    "changed validators": (
        _flip(Table.VALIDATORS, height_key(0)),
        "block 0: the stored validators of epoch 0",
    ),
    "an anchor to nowhere": (
        _set(Table.ANCHOR, f"{LEIS[0]}\0SCU\0".encode() + (4).to_bytes(8, "big"), place(1, 1)),
        "does not lead to its posting",
    ),
    "an event of no receipt": (
        _set(Table.EVENT, b"\x01x" + bytes(12), b""),
        "does not lead to a receipt",
    ),
    "a rewritten block": (
        lambda chain, environment: [
            Change(
                Table.HEADER,
                [(height_key(3), environment.get(Table.HEADER, height_key(2)))],
            )
        ],
        "block 3: the header says height 2",
    ),
}


def _break_signature(chain: Build) -> list[Change]:
    row = chain.store.row(2, 2)
    assert row is not None
    wire = bytearray(row.wire)
    wire[-1] ^= 1
    value = len(wire).to_bytes(4, "big") + bytes(wire) + row.receipt
    return [Change(Table.ROW, [(place(2, 2), value)])]


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_found_and_named(name: str) -> None:
    chain, environment = _sound()
    change, expected = DAMAGES[name]
    environment.write(change(chain, environment))
    findings = _findings(environment)
    assert any(expected in finding for finding in findings), findings


def test_a_posting_that_does_not_continue_its_account_is_found() -> None:
    chain = memory_chain()
    chain.grow(2)
    good = chain.store.row(1, 3)
    assert good is not None
    environment = chain.store.environment
    # Block 1's receipt 3 is replaced, so block 2's postings lead to other balances.
    receipt = read_receipt(good.receipt)
    posting = msgspec.structs.replace(receipt.postings[0], balance=99)
    changed = msgspec.structs.replace(receipt, postings=(posting, receipt.postings[1]))
    value = len(good.wire).to_bytes(4, "big") + good.wire + encode(changed)
    environment.write([Change(Table.ROW, [(place(1, 3), value)])])
    assert any(
        "block 2, receipt 1: posting 4" in str(f) and "does not continue" in str(f)
        for f in check(chain.store)
    )


_CHECK = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from ledger.store.disk import open_store
from ledger.store.check import check
from test_store import contents
import hashlib
store = open_store(Path(sys.argv[1]))
for finding in check(store, signatures=False):
    print("finding", finding)
digest = hashlib.sha256()
for (table, key), value in sorted(contents(store).items()):
    digest.update(repr((table, key, value)).encode())
print("content", store.head and store.head.height, digest.hexdigest())
"""


def _compact(source: Path, target: Path) -> bytes:
    """The data file without free pages, so that most bits of it matter."""
    target.mkdir()
    with lmdb.open(str(source), readonly=True, max_dbs=20) as environment:
        environment.copy(str(target), compact=True)
    return (target / "data.mdb").read_bytes()


def test_a_flipped_bit_on_disk_is_found_or_touches_no_record(tmp_path: Path) -> None:
    """One bit anywhere in the file: reported, or it lay in bytes that hold nothing."""
    source = tmp_path / "chain"
    store = open_store(source)
    Build(store).grow(6, 10)
    store.close()
    data = _compact(source, tmp_path / "compact")

    def examine(content: bytes, name: str) -> tuple[bool, str]:
        copy = tmp_path / name
        copy.mkdir()
        (copy / "data.mdb").write_bytes(content)
        result = subprocess.run(
            [sys.executable, "-c", _CHECK, str(copy), str(HERE)],
            check=False,
            capture_output=True,
            text=True,
            cwd=REPO,
            timeout=60,
        )
        found = result.returncode != 0 or "finding" in result.stdout
        return found, result.stdout.splitlines()[-1] if result.stdout else ""

    found, sound = examine(data, "sound")
    assert not found
    rng = random.Random(20)
    reported = 0
    # The first two pages hold LMDB's own roots: the older one is spare by design.
    for number in range(24):
        bit = rng.randrange(2 * 4096 * 8, len(data) * 8)
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        found, content = examine(bytes(damaged), f"copy{number}")
        assert found or content == sound, f"bit {bit} went unnoticed"
        reported += found
    assert reported > 8


def test_every_bit_of_a_stored_value_is_covered_by_its_checksum(tmp_path: Path) -> None:
    source = tmp_path / "chain"
    store = open_store(source)
    Build(store).grow(2)
    row = store.row(1, 1)
    store.close()
    assert row is not None
    data = _compact(source, tmp_path / "compact")
    start = data.index(row.receipt)
    assert data.find(row.receipt, start + 1) == -1
    for at in (0, len(row.receipt) // 2, len(row.receipt) - 1):
        damaged = bytearray(data)
        damaged[start + at] ^= 0x10
        (source / "data.mdb").write_bytes(bytes(damaged))
        again = open_store(source)
        findings = [str(finding) for finding in check(again)]
        again.close()
        assert findings == [f"table row, record {place(1, 1).hex()}: fails its checksum"]


def test_pruning_that_ends_between_rows_and_indexes_leaves_a_sound_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, environment = _sound()
    with monkeypatch.context() as cut:
        cut.setattr(prune, "_index", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            prune.prune(environment, 5)
    store = Store(environment)
    assert store.base == 5 and _findings(environment) == []
    for lei in LEIS:
        assert all(height >= 5 for height, _ in store.events_of(lei.encode()))
        found = store.anchor(lei, "SCU", 1)
        assert found is None or found.height >= 5
    assert prune.prune(environment, 5) > 0, "the next one takes the rest away"
    assert _findings(environment) == []
