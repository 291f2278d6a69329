"""The books of simulated clusters are checked after every block, and a wrong one is found."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from msgspec import structs

from cli.main import main
from contracts.framework.context import Context
from contracts.framework.posting import BALANCE
from node.sim.run import Job, run_one


@pytest.mark.parametrize("seed", range(3))
def test_every_block_of_a_faulty_cluster_keeps_the_invariants(seed: int) -> None:
    outcome = run_one(Job(seed, invariants=True))
    assert outcome.violation == ""
    assert outcome.blocks >= 3


def test_money_that_a_rule_makes_is_found_in_its_block(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Context.post

    def generous(ctx: Context, unit: object, debit: str, credit: str, amount: int) -> None:
        honest(ctx, unit, debit, credit, amount)  # type: ignore[arg-type]
        balance = ctx.get(BALANCE, credit, "SCU")
        ctx.put(BALANCE, structs.replace(balance, amount=balance.amount + 1), credit, "SCU")

    monkeypatch.setattr(Context, "post", generous)
    assert run_one(Job(1, invariants=True)).violation.startswith("invariant ")


def test_bare_cores_have_no_books() -> None:
    result = CliRunner().invoke(main, ["sim", "--core", "--invariants"])
    assert result.exit_code == 2
    result = CliRunner().invoke(main, ["sim", "--seeds", "1", "--invariants", "--json"])
    assert json.loads(result.stdout)["invariants"] is True
