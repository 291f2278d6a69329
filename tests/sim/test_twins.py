"""The Twins enumeration holds every scenario once, and finds what it was made to find."""

from __future__ import annotations

import json
from itertools import product

import pytest
from click.testing import CliRunner

from cli.main import main
from node.sim.plan import Round
from node.sim.run import Job, run_one
from node.sim.twins import CANDIDATE, SAME, TWIN, _renamed, numbered, plan_of
from tests.sim import test_mutations as bugs


@pytest.mark.parametrize(("rounds", "count"), [(1, 18), (2, 400), (3, 10_368)])
def test_every_scenario_is_there_once(rounds: int, count: int) -> None:
    found = numbered(rounds)
    assert len(found) == len(set(found)) == count
    if rounds < 3:
        sides = [(0, *rest) for rest in product((0, 1), repeat=4)]
        one = [Round(leader, side) for leader in (TWIN, CANDIDATE) for side in sides]
        for scenario in product(one, repeat=rounds):
            names = [scenario, *(_renamed(scenario, exchanges) for exchanges in SAME)]
            assert min(names) in found


def test_two_views_break_nothing() -> None:
    for number in range(0, 400, 4):
        assert run_one(Job(number, twins=2)).violation == ""


def test_a_scenario_parts_the_machines_and_sets_the_leaders() -> None:
    numbers = [n for n, s in enumerate(numbered(2)) if s[0].leader == CANDIDATE]
    trace = run_one(Job(numbers[len(numbers) // 2], twins=2, tracing=True))
    assert trace.faults["messages cut off"] > 0
    first = next(line for line in trace.trace if "in view 1," in line and "proposes" in line)
    assert f"m{CANDIDATE} proposes" in first


@pytest.mark.parametrize(
    "plant",
    [
        bugs.quorum_off_by_one,
        bugs.votes_not_deduplicated,
        bugs.nullify_after_finalize,
        bugs.notarize_twice,
    ],
)
def test_a_planted_bug_is_found_within_the_scenarios_of_two_views(
    plant: bugs.Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    assert any(run_one(Job(n, twins=2)).violation for n in range(len(numbered(2))))


def test_the_command_counts_scenarios() -> None:
    result = CliRunner().invoke(
        main, ["sim", "--twins", "2", "--first", "394", "--jobs", "1", "--json"]
    )
    assert result.exit_code == 0
    assert json.loads(result.stdout)["seeds"] == 6
    assert plan_of(394, 2).rounds == numbered(2)[394]
    result = CliRunner().invoke(main, ["sim", "--twins", "2", "--first", "400"])
    assert result.exit_code == 2
