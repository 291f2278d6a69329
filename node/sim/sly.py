"""Byzantine machines that give nobody a proof: they hold back, mislead by silence, or babble."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random

from ledger.block import NO_BLOCK, Certificate, Vote, VoteKind
from ledger.keys import PrivateKey
from ledger.validators import ValidatorSet
from node.messages import (
    Batch,
    BatchRequest,
    BlockRequest,
    Message,
    Proposal,
    Status,
    ViewRequest,
    ViewResponse,
    encode_message,
    sign_batch,
)
from node.sim.application import lei
from node.sim.byzantine import (
    Equivocator,
    Forger,
    Frame,
    Misleader,
    Silent,
    Wicked,
    Withholder,
)
from node.sim.host import Process
from node.sim.plan import Strategy


class Shunner(Wicked):
    """Honest towards some, and for ever silent towards the others."""

    def __init__(
        self, chain_id: bytes, validators: ValidatorSet, index: int, key: PrivateKey, rng: Random
    ) -> None:
        super().__init__(chain_id, validators, index, key, rng)
        others = self.others()
        self._shunned = frozenset(rng.sample(others, rng.randint(1, len(others))))

    def sends(self, target: int, message: Message) -> Iterable[Message]:
        """Nothing to those it shuns."""
        return () if target in self._shunned else (message,)


class Hoarder(Wicked):
    """Keeps one kind of message to itself: batches, or one kind of certificate or vote."""

    def __init__(
        self, chain_id: bytes, validators: ValidatorSet, index: int, key: PrivateKey, rng: Random
    ) -> None:
        super().__init__(chain_id, validators, index, key, rng)
        self._what = rng.choice((Batch, Certificate, Vote))
        self._kind = rng.choice(list(VoteKind))

    def sends(self, target: int, message: Message) -> Iterable[Message]:
        """Everything else, and answers without what it hoards."""
        if isinstance(message, self._what) and (
            isinstance(message, Batch) or message.kind is self._kind
        ):
            return ()
        if isinstance(message, ViewResponse) and self._what is Certificate:
            kept = tuple(c for c in message.certificates if c.kind is not self._kind)
            return (ViewResponse(kept, message.proposals),)
        return (message,)


class Splitter(Wicked):
    """Shares other batches with each half of the others, some with bytes that are no transaction.

    Batches that overlap, that repeat a transaction or that nobody may share must neither record
    anything twice nor stop anybody.
    """

    def sends(self, target: int, message: Message) -> Iterable[Message]:
        """Odd targets get a batch that differs."""
        if not (isinstance(message, Batch) and message.author == self.index and target % 2):
            return (message,)
        wires = message.transactions
        match self.rng.randrange(4):
            case 0:
                wires = (*wires, wires[0])
            case 1:
                wires = (*reversed(wires),)
            case 2:
                wires = (*wires, self.rng.randbytes(100))
            case _:
                return ()
        return (sign_batch(self.chain_id, self.key, message.epoch, self.index, wires), message)


class Babbler(Wicked):
    """Frames of garbage, genuine frames with a bit flipped, and well-formed nonsense."""

    def sends(self, target: int, message: Message) -> Iterator[Message | Frame]:
        """The truth, at times in a damaged frame, at times with noise behind it."""
        kind, data = encode_message(message)
        if self.rng.random() < 0.1:
            damaged = bytearray(data)
            damaged[self.rng.randrange(len(damaged))] ^= 1 << self.rng.randrange(8)
            yield Frame(kind, bytes(damaged))
        else:
            yield message
        if self.rng.random() < 0.05:
            yield Frame(
                self.rng.choice((kind, self.rng.randrange(256))),
                self.rng.randbytes(self.rng.randrange(1, 200)),
            )
        if self.rng.random() < 0.05:
            yield self._nonsense()

    def _nonsense(self) -> Message:
        rng = self.rng
        number = rng.choice((0, 1, 2**31, 2**53))
        views = tuple(rng.choice((0, 1, 7, number)) for _ in range(rng.randint(1, 32)))
        return rng.choice(
            (
                Status(number, number),
                ViewRequest(views),
                BlockRequest(number, number),
                BatchRequest((rng.randbytes(32),)),
                ViewResponse((), ()),
                self.vote(VoteKind.NULLIFY, max(1, number), NO_BLOCK),
                self.vote(VoteKind.FINALIZE, max(1, number), rng.randbytes(32)),
            )
        )


class Drifter(Wicked):
    """Behaves, with a clock at the very bound of what the others accept (the plan sets it)."""


class Censor(Wicked):
    """Leaves one member's transactions out of its blocks and votes for no block that has them."""

    victim = lei(0).encode()
    """The member: whatever pays it or is paid by it."""

    def __init__(
        self, chain_id: bytes, validators: ValidatorSet, index: int, key: PrivateKey, rng: Random
    ) -> None:
        super().__init__(chain_id, validators, index, key, rng)
        self._hidden: dict[bytes, bool] = {}
        self._refused: set[bytes] = set()

    def tamper(self, process: Process) -> None:
        """Have the replica choose batches as if the member's did not exist."""
        intake = getattr(process, "intake", None)
        if intake is None:
            return  # a bare core chooses nothing
        pool = intake.pool
        honest = pool.choose

        def choose(taken: Iterable[bytes], first: int) -> tuple[bytes, ...]:
            hidden = {b.digest for b in pool.ready() if self._hides(b.batch)}
            chosen: tuple[bytes, ...] = honest({*taken, *hidden}, first)
            return chosen

        pool.choose = choose

    def _hides(self, batch: Batch) -> bool:
        digest = batch.digest(self.chain_id)
        known = self._hidden.get(digest)
        if known is None:
            known = any(self.victim in wire for wire in batch.transactions)
            self._hidden[digest] = known
        return known

    def provoked(self, message: Message) -> Iterable[tuple[int, Message]]:
        """Note which batches and blocks hold the member's transactions."""
        if isinstance(message, Batch):
            self._hides(message)
        elif isinstance(message, Proposal) and any(map(self._hidden.get, message.batches)):
            self._refused.add(message.block)
        return ()

    def sends(self, target: int, message: Message) -> Iterable[Message]:
        """No vote and no certificate for such a block."""
        if isinstance(message, Vote | Certificate) and message.block in self._refused:
            return ()
        return (message,)


STRATEGIES: dict[Strategy, type[Wicked]] = {
    Strategy.EQUIVOCATE: Equivocator,
    Strategy.TWIN: Wicked,
    Strategy.SILENT: Silent,
    Strategy.FORGE: Forger,
    Strategy.WITHHOLD: Withholder,
    Strategy.MISLEAD: Misleader,
    Strategy.SHUN: Shunner,
    Strategy.HOARD: Hoarder,
    Strategy.SPLIT: Splitter,
    Strategy.BABBLE: Babbler,
    Strategy.DRIFT: Drifter,
    Strategy.CENSOR: Censor,
}
