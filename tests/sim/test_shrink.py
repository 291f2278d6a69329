"""A failing plan shrinks to what matters, and the same command always shows the same run."""

from __future__ import annotations

import pytest

from node.sim.plan import Crash, Cut
from node.sim.run import Job, run_one
from node.sim.shrink import shrink
from tests.sim.plans import quiet_plan
from tests.sim.test_mutations import own_votes_forgotten_on_restart


def test_what_does_not_matter_is_left_out() -> None:
    crashes = tuple(Crash(m % 4, 100 * m, 100 * m + 50, wiped=False) for m in range(20))
    cut = Cut(1_000, 2_000, frozenset({(0, 1)}))
    plan = quiet_plan(crashes=crashes, cuts=(cut,), loss=250)
    smaller = shrink(plan, lambda p: Crash(3, 700, 750, wiped=False) in p.crashes)
    assert smaller.crashes == (Crash(3, 700, 750, wiped=False),)
    assert not smaller.cuts and smaller.loss == 0


def test_a_plan_of_which_all_matters_stays() -> None:
    plan = quiet_plan()
    assert shrink(plan, lambda p: p == plan) == plan


def test_a_failing_seed_shrinks_to_the_same_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    own_votes_forgotten_on_restart(monkeypatch)
    job = next(j for j in (Job(s, core=True) for s in range(40)) if run_one(j).violation)
    whole = run_one(job)
    small = run_one(job._replace(shrink=True, tracing=True))
    assert small.violation.partition(":")[0] == whole.violation.partition(":")[0]
    assert small == run_one(job._replace(shrink=True, tracing=True))
    assert sum(small.faults.values()) < sum(whole.faults.values())
