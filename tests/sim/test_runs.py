"""The simulator keeps its own promises: runs are clean, repeatable, and tell what they did."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import main
from contracts.framework.calendar import MS_PER_DAY
from ledger.codec import decode_trusted
from ledger.store.chain import Store
from ledger.transaction import Transaction, open_envelope
from ledger.validators import ValidatorSet
from node.sim.draw import draw
from node.sim.medium import DiskFault
from node.sim.plan import OBSERVER, Crash, Cut, Machine, Plan, Strategy
from node.sim.run import Job, run_one
from node.sim.settlement import Settlement
from node.sim.sly import Censor
from node.sim.wan import TABLES
from node.sim.world import World
from tests.sim.plans import FOUR, play, quiet_plan, whole_power_cuts, with_traitor

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("seed", range(12))
def test_whole_clusters_keep_every_promise(seed: int) -> None:
    outcome = run_one(Job(seed))
    assert outcome.violation == ""
    assert outcome.blocks >= 3


def test_bare_cores_keep_every_promise() -> None:
    assert [
        o.violation for o in (run_one(Job(s, core=True)) for s in range(60)) if o.violation
    ] == []


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 10])
def test_any_number_of_validators_goes_on(size: int) -> None:
    for seed in range(3):
        assert run_one(Job(seed, nodes=size, core=True)).violation == ""


@pytest.mark.parametrize("core", [True, False])
def test_a_seed_gives_the_same_run_in_every_process(core: bool) -> None:
    program = (
        "from node.sim.run import Job, run_one; import hashlib;"
        f"o = run_one(Job(7, core={core}, tracing=True));"
        "print(o.virtual_ms, hashlib.sha256('\\n'.join(o.trace).encode()).hexdigest())"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in (1, 2)
    }
    assert len(seen) == 1


def commits(plan: Plan) -> list[tuple[float, str]]:
    """When (seconds) which machine commits a block, in a run that keeps every promise."""
    outcome = play(plan)
    assert outcome.violation == "", "\n".join(outcome.trace)
    lines = [line.split() for line in outcome.trace if "commits block" in line]
    return [(float(line[0]), line[1]) for line in lines]


def test_one_dead_node_of_four_costs_no_progress() -> None:
    dead = quiet_plan(crashes=(Crash(3, 100, 6_000, wiped=False),))
    assert len([time for time, machine in commits(dead) if machine == "m0" and time < 6]) >= 4


def test_two_dead_nodes_of_four_stop_progress_until_one_returns() -> None:
    crashes = (Crash(2, 3_000, 9_000, wiped=False), Crash(3, 3_000, 20_000, wiped=False))
    times = [time for time, _ in commits(quiet_plan(crashes=crashes, heal=20_000))]
    assert not [time for time in times if 3.5 < time < 9]
    assert [time for time in times if 9 < time < 20]


def test_a_minority_cut_off_commits_nothing_and_catches_up() -> None:
    links = frozenset((a, b) for a in range(4) for b in range(4) if (a == 3) != (b == 3))
    made = commits(quiet_plan(cuts=(Cut(1_000, 6_000, links),)))
    assert not [time for time, machine in made if machine == "m3" and 1.5 < time < 6]
    assert [time for time, machine in made if machine == "m3" and time > 6]


def test_a_power_cut_of_the_whole_cluster_loses_no_final_block() -> None:
    for plan in whole_power_cuts():
        assert play(plan).violation == ""


@pytest.mark.parametrize("strategy", list(Strategy))
def test_one_traitor_of_four_can_do_no_harm(strategy: Strategy) -> None:
    assert commits(with_traitor(strategy))


@pytest.mark.parametrize("core", [True, False])
def test_an_equivocating_leader_is_convicted(core: bool) -> None:
    outcome = play(with_traitor(Strategy.EQUIVOCATE), core=core)
    assert any("evidence against validator 0" in line for line in outcome.trace)


def test_a_lost_disk_is_refilled_by_the_others() -> None:
    assert commits(quiet_plan(crashes=(Crash(2, 3_000, 3_500, wiped=True),)))


def test_an_observer_follows_and_catches_up() -> None:
    watched = quiet_plan(
        *FOUR, Machine(OBSERVER, None, 0), crashes=(Crash(4, 2_000, 4_000, False),)
    )
    made = commits(watched)
    assert [time for time, machine in made if machine == "m4" and time < 2]
    assert [time for time, machine in made if machine == "m4" and time > 4]


def test_seeds_draw_every_strategy_and_every_kind_of_fault() -> None:
    plans = [draw(seed) for seed in range(500)]
    assert {m.strategy for p in plans for m in p.machines} >= set(Strategy)
    assert {p.nodes for p in plans} >= {1, 4, 7}
    assert any(c.wiped for p in plans for c in p.crashes)
    assert any(len({c.machine for c in p.crashes}) == len(p.machines) > 3 for p in plans)
    assert {t.fault for p in plans for t in p.disks} == set(DiskFault)
    assert {p.wan for p in plans} == {"", *TABLES}
    assert any(p.nodes == 31 for p in map(draw, range(2_000)))
    assert any(p.lags for p in plans) and any(p.jumps for p in plans)
    assert any(p.cuts for p in plans) and any(p.loss for p in plans)
    assert any(m.validator == OBSERVER for p in plans for m in p.machines)
    for plan in plans:
        wicked = {m.validator for m in plan.machines if m.strategy}
        assert len(wicked) <= (plan.nodes - 1) // 3


def test_the_command_reports_as_json() -> None:
    result = CliRunner().invoke(main, ["sim", "--seeds", "3", "--core", "--jobs", "1", "--json"])
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert report["seeds"] == 3
    assert report["violations"] == 0
    assert report["blocks"] > 0
    assert report["virtual_seconds"] > 0


def test_the_command_fails_with_the_line_that_replays_a_violation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ValidatorSet, "quorum", property(lambda members: 1))
    result = CliRunner().invoke(
        main, ["sim", "--seeds", "2", "--first", "5", "--nodes", "4", "--core", "--jobs", "1"]
    )
    assert result.exit_code == 1
    assert "iic sim --seeds 1 --first 5 --nodes 4 --core --trace" in result.stderr
    replayed = CliRunner().invoke(
        main,
        ["sim", "--seeds", "1", "--first", "5", "--nodes", "4", "--core", "--trace", "--json"],
    )
    assert replayed.exit_code == 1
    assert "VIOLATION" in replayed.stderr
    assert json.loads(replayed.stdout)["failures"][0]["seed"] == 5


def test_what_one_leader_censors_the_next_honest_leader_records() -> None:
    plan = with_traitor(Strategy.CENSOR, crashes=())
    world = World(plan, Settlement(plan))
    assert world.run().violation == ""
    store = world.hosts[1].disk.store
    assert isinstance(store, Store) and store.head is not None
    headers = [store.header(height) for height in range(store.head.height + 1)]
    assert headers[0] is not None
    censored = 0
    for height, header in enumerate(headers):
        for row in store.rows(height):
            if Censor.victim not in row.wire:
                continue
            assert header is not None and header.view % 4 != 0, "the censor records none"
            content = open_envelope(row.wire).content
            made = decode_trusted(content, Transaction).valid_until - MS_PER_DAY
            honest = [h for h in headers if h and h.view % 4 != 0 and h.time > made + 300]
            short = made < headers[0].time  # some clients give less than a day
            assert short or not honest or height <= honest[0].height
            censored += 1
    assert censored > 3
