"""Peers vouch for a restarted node, and no lie of theirs can keep it from voting."""

from __future__ import annotations

from ledger.block import VoteKind, sign_vote
from ledger.keys import PrivateKey
from node.messages import Voucher
from node.vouching import Vouching, known_view

CHAIN, KEY, OTHER = bytes(32), PrivateKey(b"k" * 32), PrivateKey(b"o" * 32)


def vote(view: int, key: PrivateKey = KEY) -> Voucher:
    return Voucher((sign_vote(CHAIN, key, 1, VoteKind.FINALIZE, 0, view, b"b" * 32),))


def vouching(known: int = 10, needed: int = 2) -> Vouching:
    return Vouching(CHAIN, KEY.public, known, needed)


def test_a_node_takes_part_once_enough_different_peers_have_vouched() -> None:
    asked = vouching()
    assert asked.answered(0, vote(10)) is None and not asked.done
    assert asked.answered(0, Voucher(())) is None and not asked.done, "one peer counts once"
    assert asked.answered(2, Voucher(())) is None and asked.done
    assert vouching(needed=0).done


def test_an_own_vote_that_the_journal_lacks_is_shown_to_it() -> None:
    asked = vouching()
    forgotten = asked.answered(0, vote(11))
    assert forgotten is not None and forgotten.view == 11
    assert not asked.done


def test_a_vote_by_another_key_is_no_vote_of_this_node() -> None:
    asked = vouching(needed=1)
    assert asked.answered(0, vote(10_000, OTHER)) is None
    assert asked.done


def test_what_an_activated_node_forgot_below_its_abstention_holds_it_back_no_more() -> None:
    recalled = [*vote(9).votes, *vote(12, OTHER).votes]
    assert known_view(5, recalled, 1, abstain_below=0) == 12
    assert known_view(5, recalled, 0, abstain_below=0) == 5, "votes of others are not its own"
    activated = vouching(known_view(5, recalled, 1, abstain_below=30), needed=1)
    assert activated.answered(0, vote(29)) is None and activated.done
    assert vouching(known_view(5, recalled, 1, abstain_below=30)).answered(0, vote(30)) is not None
