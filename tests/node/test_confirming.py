"""A read is confirmed by a quorum's word, and no liar can make it early, late or wrong."""

from __future__ import annotations

import asyncio

import pytest

from ledger.block import Certificate, VoteKind, assemble, sign_vote
from ledger.keys import PrivateKey
from ledger.validators import Validator, ValidatorSet
from node.confirming import Question, Questions
from node.messages import Standing

CHAIN = bytes(32)
KEYS = [PrivateKey(bytes([number + 1]) * 32) for number in range(4)]
VALIDATORS = ValidatorSet(
    0,
    tuple(
        Validator("L" * 20, f"g{n}", "KZ", key.public, bytes([n + 1]), "127.0.0.1:1")
        for n, key in enumerate(KEYS)
    ),
)


def certificate(view: int, *signers: int) -> Certificate:
    return assemble(
        [
            sign_vote(CHAIN, KEYS[n], n, VoteKind.NOTARIZE, 0, view, bytes([view]) * 32)
            for n in signers
        ]
    )


def proven(view: int) -> Standing:
    return Standing(1, 0, view, certificate(view - 1, 0, 1, 2))


async def answered(question: Question) -> int | None:
    """The view, if a quorum has answered."""
    try:
        async with asyncio.timeout(0):
            return await question.view()
    except TimeoutError:
        return None


def asked(known: int = 10, own: tuple[int, int] | None = (0, 11)) -> Question:
    return Question(CHAIN, VALIDATORS, known, own)


async def test_a_quorum_is_needed_and_the_highest_view_counts() -> None:
    question = asked()
    question.answer(1, proven(13))
    assert await answered(question) is None
    question.answer(1, proven(13))  # the same once more
    assert await answered(question) is None
    question.answer(3, Standing(1, 0, 11, None))
    assert await answered(question) == 12


async def test_a_node_without_a_vote_needs_a_quorum_of_others() -> None:
    question = asked(own=None)
    for peer in (0, 1):
        question.answer(peer, Standing(1, 0, 9, None))
        assert await answered(question) is None
    question.answer(2, Standing(1, 0, 9, None))
    assert await answered(question) == 8


@pytest.mark.parametrize(
    "lie",
    [
        Standing(1, 0, 1_000_000, None),
        Standing(1, 0, 1_000_000, certificate(12, 0, 1, 2)),
        Standing(1, 0, 13, certificate(12, 0, 1)),
        Standing(1, 1, 11, None),
    ],
    ids=["unproven", "proof of a lower view", "no quorum", "another epoch"],
)
async def test_a_lie_does_not_count_and_the_others_suffice(lie: Standing) -> None:
    question = asked()
    question.answer(1, lie)
    question.answer(2, Standing(1, 0, 11, None))
    assert await answered(question) is None
    question.answer(3, Standing(1, 0, 11, None))
    assert await answered(question) == 10


async def test_answers_to_earlier_questions_and_of_strangers_do_not_count() -> None:
    questions = Questions(2)
    sent: list[int] = []
    asking = asyncio.create_task(questions.ask(asked(), sent.append))
    await asyncio.sleep(0)
    [number] = sent
    for peer, answer in ((1, number - 1), (2, number - 1), (-1, number), (4, number)):
        questions.answered(peer, Standing(answer, 0, 11, None))
    await asyncio.sleep(0)
    assert not asking.done()
    for peer in (1, 2):
        questions.answered(peer, Standing(number, 0, 11, None))
    assert await asking == 10
    questions.answered(3, Standing(number, 0, 11, None))  # nobody waits any more


async def test_questions_are_bounded_and_given_up_ones_are_forgotten() -> None:
    questions = Questions(1)
    asking = asyncio.create_task(questions.ask(asked(), lambda number: None))
    await asyncio.sleep(0)
    assert questions.is_full
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert not questions.is_full


async def test_one_guarantor_alone_is_a_quorum() -> None:
    alone = ValidatorSet(0, VALIDATORS.validators[:1])
    assert await answered(Question(CHAIN, alone, 10, (0, 11))) == 10
