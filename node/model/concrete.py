"""A correct validator as the code has it: the running core, one event at a time, memorised.

A state is a core with what its disk holds; two cores that would act alike from now on are one
state. Left out of that comparison is what only decides *when* something is said: timers, patience,
who was heard lately, which certificates were asked for. In exchange every timer may fire at any
time, so whatever these could bring about is explored.

Each vote that the core casts is held against :mod:`node.model.rules` with what the core knew, each
certificate that it sends is counted, and an assertion that fails is a broken promise.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import NamedTuple

from ledger import keys
from ledger.block import NO_BLOCK, Certificate, Vote, VoteKind, assemble, sign_vote
from ledger.keys import PrivateKey
from ledger.validators import Validator, ValidatorSet
from node.consensus import effects as fx
from node.consensus import events as ev
from node.consensus.config import CoreConfig, Identity, Recovered
from node.consensus.simplex import Core
from node.consensus.state import Held, Round
from node.model.alphabet import GENESIS, Alphabet
from node.model.explore import Size, Step, Violation, World
from node.model.rules import Place, Said, forbidden

CHAIN = b"C" * 32
_verify = lru_cache(maxsize=None)(keys.verify)
_NEVER_SILENT = 1_000_000


class Local(NamedTuple):
    """One validator: its core in memory, and what its disk would give back."""

    core: Core
    votes: tuple[Vote, ...] = ()
    certificates: tuple[Certificate, ...] = ()


class CoreValidator:
    """The automaton of one real core.

    ``restarts`` lets it lose power at any time. Where the size says so, votes arrive one by one,
    two-faced ones included, besides whole certificates.
    """

    def __init__(
        self,
        index: int,
        alphabet: Alphabet,
        size: Size,
        *,
        restarts: bool = False,
    ) -> None:
        self._index = index
        self._alphabet = alphabet
        self._size = size
        self._restarts = restarts
        self._by_vote = index in size.by_vote
        self._set = validators(size.validators)
        self._numbers: dict[object, int] = {}
        self._locals: list[Local] = []
        self._cast: list[int] = []
        self._memo: dict[tuple[int, ev.AnyEvent | None], int] = {}
        first = Local(self._core(Recovered(0, GENESIS)))
        self._start = self._number(self._run(first, ev.Start(), ev.WorkChanged(pending=True)))

    @property
    def initial(self) -> int:
        """Started, in view 1; as its leader it has proposed."""
        return self._start

    def votes(self, state: int) -> int:
        """The votes cast."""
        return self._cast[state]

    def steps(self, state: int, world: World) -> Iterator[Step]:
        """Every message that may arrive, the timer, and the power switch."""
        core = self._locals[state].core
        for what, event in self._events(core, world):
            yield self._step(what, state, event)
        if self._restarts:
            yield self._step("restarts", state, None)

    def _step(self, what: str, state: int, event: ev.AnyEvent | None) -> Step:
        try:
            return Step(what, self._after(state, event))
        except Violation as violation:
            raise Violation(violation.promise, [what]) from violation

    def _after(self, state: int, event: ev.AnyEvent | None) -> int:
        known = self._memo.get((state, event))
        if known is None:
            local = self._locals[state]
            if event is None:
                saved = Recovered(0, GENESIS, certificates=local.certificates, votes=local.votes)
                fresh = local._replace(core=self._core(saved))
                after = self._run(fresh, ev.Start(), ev.WorkChanged(pending=True))
            else:
                after = self._run(local._replace(core=clone(local.core)), event)
            known = self._memo[state, event] = self._number(after)
        return known

    # -- what may happen -------------------------------------------------------------------------

    def _events(self, core: Core, world: World) -> Iterator[tuple[str, ev.AnyEvent]]:
        show = self._alphabet.show
        for said in self._alphabet.members(world.certified):
            if said.view <= self._size.views:
                yield f"learns: {show(said)}", ev.CertificateArrived(self._certificate(said))
        for block in world.proposals:
            place = self._alphabet.place_of(block)
            assert place is not None, "a proposal has a place"
            if place.view % self._size.validators != self._index:
                yield (
                    f"hears the proposal {self._alphabet.name(block)}",
                    ev.ProposalArrived(place.view, block, place.parent, place.parent_view),
                )
        if core.view <= self._size.views:
            yield "runs out of patience", ev.TimerFired(ev.Timer.VIEW, core.view)
        if self._by_vote:
            yield from self._single_votes(world)

    def _single_votes(self, world: World) -> Iterator[tuple[str, ev.AnyEvent]]:
        for signer, said in self._votes_around(world):
            vote = _vote(signer, said)
            yield (
                f"gets validator {signer}'s {self._alphabet.show(said)}",
                ev.VoteArrived(vote),
            )

    def _votes_around(self, world: World) -> Iterator[tuple[int, Said]]:
        """Votes that others may have cast: the traitors any, the correct ones what they did."""
        everything = [Said(VoteKind.NULLIFY, view) for view in range(1, self._size.views + 1)]
        for block in world.proposals:
            place = self._alphabet.place_of(block)
            assert place is not None, "a proposal has a place"
            everything.append(Said(VoteKind.NOTARIZE, place.view, block))
            everything.append(Said(VoteKind.FINALIZE, place.view, block))
        for said in everything:
            for signer in sorted(self._size.traitors):
                yield signer, said
        for signer, mask in zip(self._size.correct, world.cast, strict=True):
            if signer != self._index:
                for said in self._alphabet.members(mask):
                    yield signer, said

    # -- running the core ------------------------------------------------------------------------

    def _core(self, recovered: Recovered) -> Core:
        config = CoreConfig(CHAIN, silent_views=_NEVER_SILENT)
        identity = Identity(self._index, key(self._index))
        return Core(config, self._set, identity, recovered, _verify)

    def _run(self, local: Local, *events: ev.AnyEvent) -> Local:
        core, votes, certificates = local
        waiting = list(events)
        while waiting:
            event = waiting.pop(0)
            known = self._known(core)
            root = Place(core.finalized[0], core.finalized[1], core.finalized[0])
            try:
                done = core.handle(event)
            except AssertionError as failed:
                raise Violation(f"an assertion of the core fails: {failed}") from failed
            known |= self._known(core)
            for effect in done:
                match effect:
                    case fx.Persist(cast, gained):
                        for vote in cast:
                            self._permitted(vote, votes, known, root)
                            votes = (*votes, vote)
                        certificates = (*certificates, *gained)
                    case fx.CastVote(vote) if vote not in votes:
                        raise Violation(f"R7: {self._show(vote)} leaves before it is durable")
                    case fx.SendCertificate(certificate):
                        self._sound(certificate)
                    case fx.Fork(one, other):
                        raise Violation(f"a fork: {self._show(one)} beside {self._show(other)}")
                    case fx.Equivocation(evidence):
                        if evidence.first.signer not in self._size.traitors:
                            raise Violation(f"correct validator {evidence.first.signer} is accused")
                    case fx.Build(view, parent, parent_view) if view <= self._size.views:
                        block = self._alphabet.block(view, parent, parent_view)
                        waiting.append(ev.BlockBuilt(view, block, parent, parent_view))
                    case fx.Judge(view, block):
                        waiting.append(ev.BlockJudged(view, block, valid=True))
        return Local(core, votes, certificates)

    def _permitted(
        self, vote: Vote, earlier: tuple[Vote, ...], known: set[Said], root: Place
    ) -> None:
        own = {Said(v.kind, v.view, v.block) for v in earlier}
        said = Said(vote.kind, vote.view, vote.block)
        reason = forbidden(said, own, known, self._alphabet.place_of, root)
        if reason:
            raise Violation(f"{self._show(vote)} is against {reason}")

    def _sound(self, certificate: Certificate) -> None:
        signers = {s.signer for s in certificate.signatures}
        quorum = self._size.needed + len(self._size.traitors)
        if len(signers) < quorum:
            raise Violation(f"{self._show(certificate)} has {len(signers)} signers of {quorum}")

    def _known(self, core: Core) -> set[Said]:
        found = {
            Said(c.kind, c.view, c.block)
            for known in rounds(core).values()
            for c in known.certificates.values()
        }
        found.add(Said(VoteKind.FINALIZE, *core.finalized))
        return found

    def _show(self, of: Vote | Certificate) -> str:
        return self._alphabet.show(Said(of.kind, of.view, of.block))

    def _certificate(self, said: Said) -> Certificate:
        """Signed by the traitors and so many of the others; which of them makes no difference."""
        signers = sorted([*self._size.traitors, *self._size.correct[: self._size.needed]])
        return _certificate(tuple(signers), said)

    # -- which states are one --------------------------------------------------------------------

    def _number(self, local: Local) -> int:
        disk = (
            frozenset((c.kind, c.view, c.block) for c in local.certificates)
            if self._restarts
            else None
        )
        cast = 0
        for vote in local.votes:
            cast |= self._alphabet.bit(Said(vote.kind, vote.view, vote.block))
        identity = (cast, fingerprint(local.core, votes=self._by_vote), disk)
        number = self._numbers.setdefault(identity, len(self._locals))
        if number == len(self._locals):
            self._locals.append(local)
            self._cast.append(cast)
        return number


def fingerprint(core: Core, *, votes: bool) -> object:
    """All of a core that decides what it may still say, as a value."""
    return (
        core.view,
        core.finalized,
        core._halted,
        core._building,
        tuple(
            (
                view,
                known.proposal,
                known.judging,
                known.valid,
                frozenset((v.kind, v.block) for v in known.own.values()),
                frozenset((c.kind, c.block) for c in known.certificates.values()),
                _slots(known) if votes else None,
            )
            for view, known in sorted(rounds(core).items())
            if view >= core.finalized[0]
        ),
    )


def _slots(known: Round) -> frozenset[tuple[VoteKind, int, bytes, bool]]:
    return frozenset(
        (kind, signer, held.vote.block, held.checked)
        for kind, slots in known.votes.items()
        for signer, held in slots.items()
    )


def rounds(core: Core) -> dict[int, Round]:
    """The views that a core remembers."""
    return core._views._rounds


def clone(core: Core) -> Core:
    """An independent core in the same state, much faster than a deep copy."""
    twin = copy.copy(core)
    twin._views = copy.copy(core._views)
    twin._views._rounds = {view: _clone_round(known) for view, known in rounds(core).items()}
    twin._pacing = copy.copy(core._pacing)
    twin._presence = copy.deepcopy(core._presence)
    twin._inward, twin._outward = [], []
    twin._unsaved_votes = list(core._unsaved_votes)
    twin._unsaved_certificates = list(core._unsaved_certificates)
    return twin


def _clone_round(known: Round) -> Round:
    twin = copy.copy(known)
    twin.votes = {
        kind: {signer: Held(held.vote, held.checked) for signer, held in slots.items()}
        for kind, slots in known.votes.items()
    }
    twin.certificates = dict(known.certificates)
    twin.own = dict(known.own)
    twin.convicted = set(known.convicted)
    return twin


@cache
def key(index: int) -> PrivateKey:
    """The vote key of a validator; only for exploring."""
    return PrivateKey(bytes([index + 1]) * 32)


@cache
def validators(n: int) -> ValidatorSet:
    """The validators that are explored."""
    return ValidatorSet(
        0,
        tuple(
            Validator(f"{i:020d}", f"g{i}", "DE", key(i).public, b"", f"h{i}:1") for i in range(n)
        ),
    )


@cache
def _vote(signer: int, said: Said) -> Vote:
    return sign_vote(CHAIN, key(signer), signer, said.kind, 0, said.view, said.block or NO_BLOCK)


@cache
def _certificate(signers: tuple[int, ...], said: Said) -> Certificate:
    return assemble([_vote(signer, said) for signer in signers])
