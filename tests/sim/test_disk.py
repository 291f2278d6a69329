"""The simulated disk fails as real ones do, and the real store and journal live with it."""

from __future__ import annotations

from random import Random

import pytest

from ledger.errors import STORE_CORRUPT, STORE_FULL, CodedError
from ledger.journal import Journal
from ledger.store.tables import Change, Table
from node.sim.medium import DiskEnvironment, DiskFault, Medium, PowerCut
from node.sim.plan import DiskTrouble
from tests.sim.plans import play, quiet_plan

RECORDS = [bytes([n]) * 700 for n in range(3)]


def journal() -> tuple[Medium, Journal]:
    medium = Medium()
    return medium, Journal(DiskEnvironment(medium))


def reopened(medium: Medium) -> list[bytes]:
    return Journal(DiskEnvironment(medium)).load()


def test_a_power_cut_leaves_all_of_a_write_or_nothing_whatever_was_torn() -> None:
    seen = set()
    for seed in range(40):
        medium, kept = journal()
        kept.append(RECORDS[:1])
        medium.cutting = Random(seed)
        with pytest.raises(PowerCut):
            kept.append(RECORDS[1:])
        medium.cutting = None
        found = reopened(medium)
        seen.add(len(found))
        assert found in (RECORDS[:1], RECORDS)
        again = Journal(DiskEnvironment(medium))
        again.append([b"after"])
        assert reopened(medium) == [*found, b"after"]
    assert seen == {1, 3}


@pytest.mark.parametrize(
    ("fault", "error"), [(DiskFault.FULL, CodedError), (DiskFault.FAILED_SYNC, OSError)]
)
def test_after_a_failed_write_nothing_is_accepted_until_it_is_opened_again(
    fault: DiskFault, error: type[Exception]
) -> None:
    medium, kept = journal()
    kept.append(RECORDS[:1])
    medium.fault = fault
    with pytest.raises(error) as failed:
        kept.append(RECORDS[1:])
    if isinstance(failed.value, CodedError):
        assert failed.value.code is STORE_FULL
    medium.fault = None
    with pytest.raises(OSError, match="failed earlier"):
        kept.append(RECORDS[1:])
    assert reopened(medium) == RECORDS[:1]


def test_every_flipped_bit_of_a_record_is_found() -> None:
    for seed in range(300):
        medium, kept = journal()
        kept.append(RECORDS)
        environment = DiskEnvironment(medium)
        assert environment.rot(Random(seed))
        assert set(environment.damaged()) == environment.rotten() != set()
        with pytest.raises(CodedError) as found:
            reopened(medium)
        assert found.value.code is STORE_CORRUPT


def test_a_rotten_record_that_is_written_anew_is_sound() -> None:
    medium = Medium()
    environment = DiskEnvironment(medium)
    environment.write([Change(Table.META, [(b"key", b"old")])])
    assert environment.rot(Random(1))
    environment.write([Change(Table.META, [(b"key", b"new")])])
    assert not environment.rotten()
    assert environment.get(Table.META, b"key") == b"new"
    environment.write([Change(Table.META, [(b"key", None)])])
    assert DiskEnvironment(medium).scan(Table.META, b"", 9) == []


@pytest.mark.parametrize("core", [True, False])
@pytest.mark.parametrize("fault", list(DiskFault))
def test_a_node_whose_disk_misbehaves_harms_nobody_and_comes_back(
    fault: DiskFault, core: bool
) -> None:
    plan = quiet_plan(disks=(DiskTrouble(2, fault, 1_500, 4_000),))
    outcome = play(plan, core=core)
    assert outcome.violation == "", "\n".join(outcome.trace)
    assert outcome.faults[fault] == 1
    stops = [line for line in outcome.trace if "m2 stops" in line]
    assert bool(stops) == (fault in (DiskFault.FULL, DiskFault.FAILED_SYNC)) or (
        fault is DiskFault.ROT
    )


def test_rot_that_the_checksums_do_not_find_breaks_a_promise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("node.sim.medium.is_intact", lambda *_: True)
    monkeypatch.setattr("node.sim.medium.unseal", lambda table, key, stored: stored[:-4])
    plans = [
        quiet_plan(seed=seed, disks=(DiskTrouble(2, DiskFault.ROT, 1_500, 4_000),))
        for seed in range(10)
    ]
    assert any(play(plan, core=True).violation for plan in plans)
