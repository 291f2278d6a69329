"""Explicit-state exploration: every state that a cluster can reach within a number of views.

The network needs no model of its own. What was said once can arrive at any time, in any order,
again, or never; so a message is available from the moment it exists, and a validator that has not
received it yet is simply in a state in which it has not taken that step. The traitors' votes are
always available: a certificate can exist as soon as the correct validators' votes fill the rest of
its quorum. Both make the adversary as strong as the protocol's model allows, and the state is what
the correct validators are in and nothing else.

Reductions, all of which leave every reachable set of votes reachable: what a validator learns
without voting concerns nobody else and can be learned later just as well, so it is explored only
together with the vote that follows; a traitor's proposal stands
on genesis or a block that can be notarized by then (one on anything else is not voted for before);
a traitor makes at most ``variants`` blocks on one parent (two suffice to be two-faced).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from ledger.block import VoteKind
from node.model.alphabet import GENESIS, ROOT, Alphabet
from node.model.rules import broken

_BITS = 24
"""A validator's state number has so many bits in the number of the whole state."""


class Violation(Exception):
    """A promise is broken; ``path`` tells step by step how to get there."""

    def __init__(self, promise: str, path: Sequence[str] = ()) -> None:
        super().__init__(promise)
        self.promise = promise
        self.path = tuple(path)


class World(NamedTuple):
    """What a correct validator may come to know.

    ``certified`` is a set by the alphabet; ``cast`` are the correct validators' votes, each a set,
    empty where single votes are not explored.
    """

    validators: int
    certified: int
    proposals: tuple[bytes, ...]
    cast: tuple[int, ...] = ()

    def parents_below(self, view: int, alphabet: Alphabet) -> Iterator[tuple[bytes, int]]:
        """Blocks that a block of ``view`` might stand on, with their views."""
        yield GENESIS, 0
        for said in alphabet.members(self.certified):
            if said.kind is VoteKind.NOTARIZE and said.view < view:
                yield said.block, said.view


class Step(NamedTuple):
    """What a validator can do next, in words, and its state then."""

    what: str
    state: int


class Participant(Protocol):
    """A correct validator as an automaton whose states are numbers below 2^24."""

    @property
    def initial(self) -> int: ...

    def votes(self, state: int) -> int:
        """The votes cast so far, as a set by the alphabet."""
        ...

    def steps(self, state: int, world: World) -> Iterable[Step]:
        """Everything that can happen to it next. Raises :class:`Violation`."""
        ...


class Size(NamedTuple):
    """What is explored: ``n`` validators, the traitors among them, and how far.

    A traitor makes at most ``variants`` blocks on one parent.
    """

    validators: int
    traitors: frozenset[int]
    views: int
    variants: int = 2
    by_vote: frozenset[int] = frozenset()
    """Validators at which votes also arrive one by one; at the others only whole certificates."""

    @property
    def correct(self) -> tuple[int, ...]:
        """The others."""
        return tuple(i for i in range(self.validators) if i not in self.traitors)

    @property
    def needed(self) -> int:
        """Correct votes without which no certificate exists: n - f, less the traitors' own."""
        return self.validators - (self.validators - 1) // 3 - len(self.traitors)


class Explored(NamedTuple):
    """How much there was: ``states`` of the cluster, ``certified`` distinct certificate sets."""

    states: int
    transitions: int
    certified: int
    local_states: int
    longest_chain: int
    complete: bool


def explore(
    size: Size,
    alphabet: Alphabet,
    make: Callable[[int], Participant],
    limit: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Explored:
    """Visit every reachable state; raises :class:`Violation` at the first broken promise.

    ``limit`` bounds the number of states; then the result may be incomplete and says so.
    """
    return _Exploration(size, alphabet, make).run(limit, progress)


class _Exploration:
    def __init__(self, size: Size, alphabet: Alphabet, make: Callable[[int], Participant]) -> None:
        self._size = size
        self._alphabet = alphabet
        self._parts = [make(index) for index in size.correct]
        self._worlds: dict[tuple[int, ...], int] = {}
        self._world: list[World] = []
        self._world_numbers: dict[World, int] = {}
        self._steps: list[dict[tuple[int, int], tuple[int, ...]]] = [{} for _ in self._parts]
        self._locals: list[set[int]] = [set() for _ in self._parts]
        self._mask = (1 << _BITS) - 1
        self._longest = 0

    def run(self, limit: int | None, progress: Callable[[int], None] | None) -> Explored:
        shifts = [_BITS * at for at in range(len(self._parts))]
        start = sum(p.initial << s for p, s in zip(self._parts, shifts, strict=True))
        came_from: dict[int, int] = {start: -1}
        waiting = [start]
        transitions = 0
        try:
            while waiting:
                here = waiting.pop()
                locals_ = [(here >> shift) & self._mask for shift in shifts]
                world = self._number_of_world(locals_)
                for at, shift in enumerate(shifts):
                    base = here ^ (locals_[at] << shift)
                    for there in self._next(at, locals_[at], world):
                        transitions += 1
                        state = base | (there << shift)
                        if state not in came_from:
                            came_from[state] = here
                            waiting.append(state)
                            if progress is not None and len(came_from) % 500_000 == 0:
                                progress(len(came_from))
                if limit is not None and len(came_from) >= limit:
                    break
        except Violation as violation:
            raise Violation(
                violation.promise, [*self._path(came_from, here), *violation.path]
            ) from violation.__cause__
        return Explored(
            len(came_from),
            transitions,
            len(self._world),
            sum(map(len, self._locals)),
            self._longest,
            complete=not waiting,
        )

    def _next(self, at: int, state: int, world: int) -> tuple[int, ...]:
        """The states after a validator's next vote, whatever it silently learns before."""
        memo = self._steps[at]
        known = memo.get((state, world))
        if known is None:
            known = memo[state, world] = tuple(self._until_a_vote(at, state, world))
        return known

    def _until_a_vote(self, at: int, state: int, world: int) -> dict[int, tuple[str, ...]]:
        """By state after the next vote, the steps that lead there."""
        part = self._parts[at]
        votes = part.votes(state)
        silent: dict[int, tuple[str, ...]] = {state: ()}
        waiting = [state]
        voted: dict[int, tuple[str, ...]] = {}
        while waiting:
            here = waiting.pop()
            try:
                for what, there in part.steps(here, self._world[world]):
                    if part.votes(there) != votes:
                        voted.setdefault(there, (*silent[here], what))
                    elif there not in silent:
                        silent[there] = (*silent[here], what)
                        waiting.append(there)
            except Violation as violation:
                steps = self._in_words(at, (*silent[here], *violation.path))
                raise Violation(violation.promise, steps) from violation
        self._locals[at].update(silent)
        return voted

    def _number_of_world(self, states: Sequence[int]) -> int:
        votes = tuple(p.votes(s) for p, s in zip(self._parts, states, strict=True))
        number = self._worlds.get(votes)
        if number is None:
            world = World(
                self._size.validators,
                self._certified(votes),
                self._proposed(votes),
                votes if self._size.by_vote else (),
            )
            number = self._world_numbers.setdefault(world, len(self._world))
            if number == len(self._world):
                self._world.append(world)
                self._check(world)
            self._worlds[votes] = number
        return number

    def _certified(self, votes: Sequence[int]) -> int:
        """What correct votes and the traitors' together certify."""
        at_least = [-1, *([0] * len(votes))]
        for mask in votes:
            for count in range(len(votes), 0, -1):
                at_least[count] |= at_least[count - 1] & mask
        return at_least[self._size.needed]

    def _proposed(self, votes: Sequence[int]) -> tuple[bytes, ...]:
        blocks = [
            said.block
            for index, mask in zip(self._size.correct, votes, strict=True)
            for said in self._alphabet.members(mask)
            if said.kind is VoteKind.NOTARIZE and said.view % self._size.validators == index
        ]
        certified = World(self._size.validators, self._certified(votes), ())
        for view in range(1, self._size.views + 1):
            if view % self._size.validators in self._size.traitors:
                for parent, parent_view in certified.parents_below(view, self._alphabet):
                    blocks += (
                        self._alphabet.block(view, parent, parent_view, variant)
                        for variant in range(self._size.variants)
                    )
        return tuple(dict.fromkeys(blocks))

    def _check(self, world: World) -> None:
        said = self._alphabet.members(world.certified)
        promise = broken(said, self._alphabet.place_of, ROOT)
        if promise:
            raise Violation(promise, [f"certified: {self._alphabet.show(s)}" for s in said])
        self._longest = max(self._longest, sum(s.kind is VoteKind.FINALIZE for s in said))

    def _path(self, came_from: dict[int, int], state: int) -> list[str]:
        """Who did what from the start to a state, looked up again in the automata."""
        states = [state]
        while came_from[states[-1]] >= 0:
            states.append(came_from[states[-1]])
        lines = []
        for before, after in zip(states[::-1], states[-2::-1], strict=False):
            for at in range(len(self._parts)):
                one, other = (s >> (_BITS * at) & self._mask for s in (before, after))
                if one != other:
                    world = self._number_of_world(self._split(before))
                    lines += self._in_words(at, self._until_a_vote(at, one, world)[other])
        return lines

    def _in_words(self, at: int, steps: Sequence[str]) -> list[str]:
        return [f"validator {self._size.correct[at]} {what}" for what in steps]

    def _split(self, state: int) -> list[int]:
        return [(state >> (_BITS * at)) & self._mask for at in range(len(self._parts))]
