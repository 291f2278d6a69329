"""Whole replicas keep every promise while their validators change, and planted bugs are found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from node.replica.boundary import Boundary
from node.replica.catchup import CatchUp
from node.replica.replica import Replica
from node.sim.turnover import Turnover


@pytest.mark.parametrize("seed", range(6))
def test_clusters_go_on_while_their_validators_change(seed: int) -> None:
    outcome = Turnover(seed, traitor=seed % 3 == 0).run()
    assert outcome.violation == ""
    assert outcome.epochs >= 5
    assert outcome.convicted == (seed % 3 == 0)


def test_one_validator_becomes_five() -> None:
    outcome = Turnover(1, voting=1, cuts=0).run()
    assert outcome.violation == ""
    assert outcome.sizes[0] == 1 and max(outcome.sizes) >= 3


def test_a_node_that_signs_for_two_blocks_is_suspended_by_the_ledger() -> None:
    outcome = Turnover(6, cuts=2, traitor=True).run()
    assert (outcome.violation, outcome.convicted) == ("", 1)


def _core_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong epoch: the core goes on with the validators of the epoch that ended."""
    made = Replica._new_core

    def kept(self: Replica, *arguments: Any) -> Any:
        return self.core if hasattr(self, "core") else made(self, *arguments)

    monkeypatch.setattr(Replica, "_new_core", kept)


def _catch_up_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of the next epoch are held against the validators of the one before."""
    monkeypatch.setattr(CatchUp, "begin_epoch", lambda self, validators: None)


def _nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who votes in an epoch that has ended is not shown how it ended, nor asks for blocks."""
    monkeypatch.setattr(Boundary, "late", lambda self, peer, message, now: None)
    monkeypatch.setattr(Boundary, "early", lambda self, peer, message, now: False)
    monkeypatch.setattr(CatchUp, "ask", lambda self, now, force=False: None)


def _last_block_gets_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """The old validators build on the last block of their epoch."""
    monkeypatch.setattr("node.replica.blocktree.ExecutedBlock.is_last", False)


@pytest.mark.parametrize(
    "plant",
    [_core_is_kept, _catch_up_is_kept, _nobody_is_told, _last_block_gets_a_child],
    ids=lambda plant: plant.__name__.strip("_"),
)
def test_planted_bugs_are_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    assert any(Turnover(seed, patience_ms=30_000).run().violation for seed in range(4))
