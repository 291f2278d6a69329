"""A correct validator as the rules describe it: whatever may be signed is signed at any time."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.block import VoteKind
from node.model.alphabet import ROOT, Alphabet
from node.model.explore import Step, World
from node.model.rules import Said, forbidden


class AbstractValidator:
    """Its state is the set of its votes. It knows every certificate that can exist.

    That is the most that any real validator can know, and knowing less only makes it vote later;
    so what holds here holds for every validator that keeps the rules.
    """

    def __init__(self, index: int, alphabet: Alphabet, views: int) -> None:
        self._index = index
        self._alphabet = alphabet
        self._views = views
        self._numbers: dict[int, int] = {0: 0}
        self._votes: list[int] = [0]

    @property
    def initial(self) -> int:
        """No votes."""
        return 0

    def votes(self, state: int) -> int:
        """The votes cast."""
        return self._votes[state]

    def steps(self, state: int, world: World) -> Iterator[Step]:
        """One more vote that the rules permit."""
        cast = self._votes[state]
        own = self._alphabet.members(cast)
        known = set(self._alphabet.members(world.certified))
        for vote in self._candidates(world):
            bit = self._alphabet.bit(vote)
            if not cast & bit and not forbidden(vote, own, known, self._alphabet.place_of, ROOT):
                yield Step(f"votes {self._alphabet.show(vote)}", self._number(cast | bit))

    def _number(self, votes: int) -> int:
        number = self._numbers.setdefault(votes, len(self._votes))
        if number == len(self._votes):
            self._votes.append(votes)
        return number

    def _candidates(self, world: World) -> Iterator[Said]:
        for block in world.proposals:
            place = self._alphabet.place_of(block)
            assert place is not None, "a proposal has a place"
            yield Said(VoteKind.NOTARIZE, place.view, block)
        for view in range(1, self._views + 1):
            yield Said(VoteKind.NULLIFY, view)
            if view % world.validators == self._index:
                yield from self._own_proposals(view, world)
        for said in self._alphabet.members(world.certified):
            if said.kind is VoteKind.NOTARIZE:
                yield Said(VoteKind.FINALIZE, said.view, said.block)

    def _own_proposals(self, view: int, world: World) -> Iterator[Said]:
        """A correct leader makes one block, on any parent that it may have."""
        for parent, parent_view in world.parents_below(view, self._alphabet):
            block = self._alphabet.block(view, parent, parent_view)
            yield Said(VoteKind.NOTARIZE, view, block)
