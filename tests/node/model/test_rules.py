"""The rules by themselves: each forbids what it is there to forbid, and the promises follow."""

from __future__ import annotations

import pytest

from ledger.block import VoteKind
from node.model.abstract import AbstractValidator
from node.model.alphabet import GENESIS, ROOT, Alphabet
from node.model.explore import Size, Violation, explore
from node.model.rules import Said, broken, forbidden

NOTARIZE, NULLIFY, FINALIZE = VoteKind.NOTARIZE, VoteKind.NULLIFY, VoteKind.FINALIZE


@pytest.fixture
def alphabet() -> Alphabet:
    return Alphabet()


def test_each_rule_forbids_what_it_is_there_to_forbid(alphabet: Alphabet) -> None:
    one, other = (alphabet.block(1, GENESIS, 0, variant) for variant in (0, 1))
    above = alphabet.block(3, one, 1)

    def verdict(vote: Said, own: set[Said] = frozenset(), known: set[Said] = frozenset()) -> str:
        return forbidden(vote, own, known, alphabet.place_of, ROOT)[:2]

    first, second = Said(NOTARIZE, 1, one), Said(NOTARIZE, 1, other)
    assert verdict(first) == ""
    assert verdict(second, {first}) == "R2", "one notarize vote in a view"
    assert verdict(Said(NOTARIZE, 2, one)) == "R2", "the block belongs to another view"
    assert verdict(Said(NOTARIZE, 1, b"?" * 32)) == "R2", "nobody has proposed it"
    on = Said(NOTARIZE, 3, above)
    assert verdict(on) == "R2", "the parent is not notarized"
    assert verdict(on, known={first}) == "R2", "view 2 is not nullified"
    assert verdict(on, known={first, Said(NULLIFY, 2)}) == ""
    assert verdict(Said(FINALIZE, 1, one)) == "R3", "the notarization is not known"
    assert verdict(Said(FINALIZE, 1, one), {Said(NULLIFY, 1)}, {first}) == "R3"
    assert verdict(Said(FINALIZE, 1, one), {Said(FINALIZE, 1, other)}, {first}) == "R3"
    assert verdict(Said(FINALIZE, 1, one), known={first}) == ""
    assert verdict(Said(NULLIFY, 1), {Said(FINALIZE, 1, one)}) == "R4"
    assert verdict(Said(NULLIFY, 1), {first}) == ""
    assert verdict(Said(NULLIFY, 0)) == "vi", "genesis is decided"


def test_certificates_that_cannot_stand_side_by_side_are_named(alphabet: Alphabet) -> None:
    one, other = (alphabet.block(1, GENESIS, 0, variant) for variant in (0, 1))
    stray = alphabet.block(2, GENESIS, 0)

    def promise(*said: Said) -> str:
        return broken(said, alphabet.place_of, ROOT)[:2]

    notarized, final = Said(NOTARIZE, 1, one), Said(FINALIZE, 1, one)
    assert promise(notarized, final, Said(NULLIFY, 2)) == ""
    assert promise(notarized, Said(NULLIFY, 1), Said(NOTARIZE, 2, stray)) == ""
    assert promise(notarized, Said(NOTARIZE, 1, other)) == "P1"
    assert promise(final) == "P2", "final without a notarization"
    assert promise(notarized, final, Said(NULLIFY, 1)) == "P2"
    assert promise(notarized, final, Said(FINALIZE, 1, other)) in {"P2", "P4"}
    assert promise(notarized, final, Said(NOTARIZE, 2, stray)) == "P3"


def explored(size: Size) -> int:
    alphabet = Alphabet()
    found = explore(size, alphabet, lambda index: AbstractValidator(index, alphabet, size.views))
    assert found.complete and found.longest_chain == size.views, "finality is reachable"
    return found.states


@pytest.mark.parametrize("traitor", range(4))
def test_the_rules_keep_every_promise_in_two_views_whoever_is_the_traitor(traitor: int) -> None:
    assert explored(Size(4, frozenset({traitor}), views=2)) > 10_000


def test_two_traitors_among_four_are_one_too_many_and_the_exploration_shows_it() -> None:
    with pytest.raises(Violation) as found:
        explored(Size(4, frozenset({1, 2}), views=1))
    assert found.value.promise.startswith(("P1", "P2", "P4")) and found.value.path


def test_small_ledgers_without_traitors_are_explored_too() -> None:
    assert [explored(Size(n, frozenset(), views=2)) > 0 for n in (1, 2, 3)] == [True] * 3
