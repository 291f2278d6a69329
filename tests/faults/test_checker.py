"""The judge of the fault suite is judged: every lie that is planted into a right run is found."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.checker import Ledger, Recorded, judge
from tests.faults.history import History, Outcome, Payment, Read
from tests.faults.linear import NEVER, Step, is_linearizable

OPENING = {"a": 100, "b": 100}


def a_right_run() -> tuple[History, list[Ledger]]:
    """Three payments, of which one was never answered, two reads, and two nodes that agree."""
    history = History(
        payments=[
            Payment(0, "g0", 0.0, 1.0, "p1", "a", "b", 10, Outcome.FINAL, 1, 0),
            Payment(1, "g1", 0.5, 3.0, "p2", "b", "a", 5, Outcome.UNKNOWN),
            Payment(0, "g0", 2.0, 4.0, "p3", "a", "b", 1, Outcome.FINAL, 2, 1),
            Payment(0, "g0", 4.5, 4.6, "p4", "a", "b", 1, Outcome.REFUSED),
        ],
        reads=[Read(2, "g1", 1.5, 1.8, "a", 90, 1), Read(2, "g1", 5.0, 5.5, "a", 94, 2)],
    )
    blocks = [
        {},
        {0: Recorded("p1", True, {"a": -10, "b": 10})},
        {0: Recorded("p2", True, {"a": 5, "b": -5}), 1: Recorded("p3", True, {"a": -1, "b": 1})},
    ]
    return history, [Ledger(node, ["h0", "h1", "h2"], blocks) for node in ("g0", "g1")]


def test_a_right_run_is_passed() -> None:
    assert judge(*a_right_run(), OPENING) == []


def lost(history: History, ledgers: list[Ledger]) -> None:
    ledgers[1] = replace(ledgers[1], blocks=[{}, {}, ledgers[1].blocks[2]])


def never_recorded(history: History, ledgers: list[Ledger]) -> None:
    history.add(Payment(3, "liar", 3.0, 3.5, "p9", "a", "b", 1, Outcome.FINAL, 2, 2))


def moved(history: History, ledgers: list[Ledger]) -> None:
    history.payments[0] = replace(history.payments[0], height=2)


def refused_but_recorded(history: History, ledgers: list[Ledger]) -> None:
    history.payments[1] = replace(history.payments[1], outcome=Outcome.REFUSED)


def twice(history: History, ledgers: list[Ledger]) -> None:
    for number, ledger in enumerate(ledgers):
        again = [{}, ledger.blocks[1], {**ledger.blocks[2], 2: ledger.blocks[1][0]}]
        ledgers[number] = replace(ledger, blocks=again)


def fork(history: History, ledgers: list[Ledger]) -> None:
    ledgers[1] = replace(ledgers[1], hashes=["h0", "h1", "other"])


def stale(history: History, ledgers: list[Ledger]) -> None:
    history.reads[1] = replace(history.reads[1], balance=90, height=1)


def false_balance(history: History, ledgers: list[Ledger]) -> None:
    history.reads[0] = replace(history.reads[0], balance=91)


def from_the_future(history: History, ledgers: list[Ledger]) -> None:
    history.reads[0] = replace(history.reads[0], balance=94, height=2)


def made_from_nothing(history: History, ledgers: list[Ledger]) -> None:
    for number, ledger in enumerate(ledgers):
        more = {**ledger.blocks[2], 1: Recorded("p3", True, {"a": -1, "b": 2})}
        ledgers[number] = replace(ledger, blocks=[*ledger.blocks[:2], more])


def sent_by_nobody(history: History, ledgers: list[Ledger]) -> None:
    del history.payments[1]


LIES: list[tuple[Callable[[History, list[Ledger]], None], str]] = [
    (lost, "lost p1"),
    (never_recorded, "lost p9"),
    (moved, "has p1"),
    (refused_but_recorded, "records p2"),
    (twice, "records p1 2 times"),
    (fork, "different blocks at height 2"),
    (stale, "consistent read from height 1"),
    (false_balance, "where it is 90"),
    (from_the_future, "showed p3 before anybody asked"),
    (made_from_nothing, "p3 moves"),
    (sent_by_nobody, "p2, which nobody sent"),
]


@pytest.mark.parametrize(("lie", "words"), LIES, ids=[lie.__name__ for lie, _ in LIES])
def test_a_lie_is_found_and_named(lie: Callable[[History, list[Ledger]], None], words: str) -> None:
    history, ledgers = a_right_run()
    lie(history, ledgers)
    found = judge(history, ledgers, OPENING)
    assert any(words in sentence for sentence in found), found


def test_a_stale_read_is_found_without_heights() -> None:
    before = [Step(0.0, 1.0, add=5), Step(2.0, 3.0, read=100)]
    assert not is_linearizable(100, before)
    overlapping = [Step(0.0, 2.5, add=5), Step(2.0, 3.0, read=100)]
    assert is_linearizable(100, overlapping)


def test_reads_that_go_back_are_found() -> None:
    wavering = [Step(0.0, 9.0, add=5), Step(1.0, 2.0, read=105), Step(3.0, 4.0, read=100)]
    assert not is_linearizable(100, wavering)


def test_what_was_never_answered_may_have_happened_or_not() -> None:
    perhaps = Step(0.0, NEVER, add=5, may_not=True)
    assert is_linearizable(100, [perhaps, Step(1.0, 2.0, read=100)])
    assert is_linearizable(100, [perhaps, Step(1.0, 2.0, read=105)])
    assert not is_linearizable(100, [perhaps, Step(1.0, 2.0, read=110)])


@st.composite
def few_steps(draw: st.DrawFn) -> list[Step]:
    """Up to six operations that overlap at random, with values that sometimes fit."""
    steps = []
    for _ in range(draw(st.integers(0, 6))):
        begin = draw(st.integers(0, 8))
        end = begin + draw(st.integers(0, 4))
        if draw(st.booleans()):
            steps.append(Step(begin, end, add=draw(st.integers(1, 2))))
        else:
            steps.append(Step(begin, end, read=draw(st.integers(0, 4))))
    return steps


def by_trying_every_order(steps: list[Step]) -> bool:
    for order in itertools.permutations(steps):
        in_time = all(
            not later.end < earlier.begin for earlier, later in itertools.combinations(order, 2)
        )
        value, fits = 0, True
        for step in order:
            fits = fits and step.read in (None, value)
            value += step.add
        if in_time and fits:
            return True
    return False


@given(few_steps())
def test_the_search_agrees_with_trying_every_order(steps: list[Step]) -> None:
    assert is_linearizable(0, steps) == by_trying_every_order(steps)
