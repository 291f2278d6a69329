"""The running core, explored exhaustively; and planted bugs, which the exploration must find."""

from __future__ import annotations

import pytest

from node.consensus.simplex import Core
from node.model.alphabet import Alphabet
from node.model.concrete import CoreValidator
from node.model.explore import Explored, Size, Violation, explore
from tests.sim import test_mutations as planted


def explored(size: Size, *, restarts: bool = False, limit: int | None = None) -> Explored:
    alphabet = Alphabet()
    return explore(
        size,
        alphabet,
        lambda index: CoreValidator(index, alphabet, size, restarts=restarts),
        limit,
    )


def test_the_core_keeps_every_promise_in_every_state_of_two_views() -> None:
    found = explored(Size(4, frozenset({0}), views=2))
    assert found.complete and found.states > 50_000
    assert found.longest_chain == 2, "both views can become final"


@pytest.mark.parametrize("traitor", range(4))
def test_the_core_keeps_every_promise_though_anybody_restarts_at_any_time(traitor: int) -> None:
    found = explored(Size(4, frozenset({traitor}), views=1), restarts=True)
    assert found.complete and found.longest_chain == 1


def test_single_votes_two_faced_ones_too_lead_nowhere_else() -> None:
    found = explored(Size(4, frozenset({0}), views=1, by_vote=frozenset({1})))
    assert found.complete and found.longest_chain == 1


@pytest.mark.parametrize(
    ("plant", "size", "restarts"),
    [
        (planted.finalize_after_nullify, Size(4, frozenset({0}), 1), False),
        (planted.nullify_after_finalize, Size(4, frozenset({0}), 2), False),
        (planted.notarize_twice, Size(4, frozenset({1}), 1), False),
        (planted.parent_not_checked, Size(4, frozenset({2}), 2), False),
        (planted.own_votes_forgotten_on_restart, Size(4, frozenset({1}), 1), True),
        (
            planted.quorum_off_by_one,
            Size(4, frozenset({0}), 1, by_vote=frozenset({1})),
            False,
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_planted_bug_is_found(
    plant: planted.Plant, size: Size, restarts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    with pytest.raises(Violation) as found:
        explored(size, restarts=restarts)
    assert found.value.path, "the steps that lead there are told"


def test_a_vote_that_leaves_before_it_is_durable_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handle = Core.handle

    def hasty(self, event):
        done = handle(self, event)
        return [e for e in done if type(e).__name__ != "Persist"]

    monkeypatch.setattr(Core, "handle", hasty)
    with pytest.raises(Violation, match="R7"):
        explored(Size(4, frozenset({0}), 1))
