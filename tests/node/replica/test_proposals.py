"""What one leader signs of one block convicts no block that others vouch for."""

from __future__ import annotations

from ledger.validators import ValidatorSet
from node.messages import Proposal, sign_proposal
from node.replica.proposals import Heard, ProposalBook
from node.sim.application import BareApplication, validator_keys
from node.sim.bare import bare_header

VALIDATORS: ValidatorSet = BareApplication(4).validators
BATCH = b"B" * 32


def proposal(content: int = 0, *batches: bytes, parent_view: int = 0) -> Proposal:
    """The leader of view 1 proposes a block, with batches that its hash does not cover."""
    header = bare_header(b"S" * 32, VALIDATORS, 1, None, 1_000, bytes([content]) * 32)
    return sign_proposal(validator_keys(4)[1], header, parent_view, batches)


RIGHT, WRONG = proposal(0, BATCH), proposal(0)


def test_the_hash_of_a_block_does_not_cover_how_it_is_proposed() -> None:
    assert RIGHT.block == WRONG.block == proposal(0, parent_view=7).block


def test_the_first_two_blocks_of_a_view_are_kept_and_a_wanted_one() -> None:
    book = ProposalBook()
    assert [book.add(proposal(n), 0, 1) for n in range(3)] == [True, True, False]
    book.want(proposal(2).block, 1)
    assert book.add(proposal(2), 0, 1)


def test_another_proposal_of_a_block_counts_only_once_a_certificate_names_it() -> None:
    book = ProposalBook()
    assert book.add(WRONG, 0, 1)
    assert not book.add(RIGHT, 0, 2)
    book.want(RIGHT.block, 1)
    assert not book.add(RIGHT, 0, 1), "one from each peer"
    assert book.add(RIGHT, 0, 2)
    assert not book.add(RIGHT, 0, 3), "known"
    assert [heard.sender for heard in book.variants(RIGHT.block)] == [1, 2]


def test_a_wrong_proposal_is_not_taken_again_and_its_sender_has_had_its_turn() -> None:
    book = ProposalBook()
    book.add(WRONG, 0, 1)
    book.reject(Heard(WRONG, 0, 1))
    assert book.is_wrong(WRONG.block)
    assert not book.add(WRONG, 0, 2)
    assert not book.add(proposal(0, BATCH, BATCH), 0, 1)
    assert book.add(RIGHT, 0, 2)
    assert not book.is_wrong(RIGHT.block)


def test_the_right_proposal_is_the_one_that_is_kept_and_handed_on() -> None:
    book = ProposalBook()
    book.want(RIGHT.block, 1)
    book.add(WRONG, 0, 1)
    book.add(RIGHT, 0, 2)
    book.settle(book.variants(RIGHT.block)[1])
    heard = book.get(RIGHT.block)
    assert heard is not None and heard.proposal == RIGHT
    assert list(book.of_view(1)) == [RIGHT]
    book.prune(1)
    assert book.get(RIGHT.block) is None and not book.is_wanted(RIGHT.block)
