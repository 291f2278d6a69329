"""Byzantine machines: an honest replica behind a strategy that alters what leaves it.

The replica inside keeps the machine in step with the others; the strategy holds the same key and
may withhold, alter, forge and add messages. A twin needs no strategy of its own: it is two machines
with one key, each honest by itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ledger.block import (
    NO_BLOCK,
    Certificate,
    SignerSignature,
    Vote,
    VoteKind,
    sign_vote,
)
from ledger.codec import encode
from ledger.keys import SIGNATURE_BYTES, PrivateKey
from ledger.transaction import SignedTransaction, open_envelope
from ledger.validators import ValidatorSet
from node.messages import (
    Batch,
    BlockResponse,
    FullBlock,
    Message,
    Proposal,
    Status,
    ViewResponse,
    sign_proposal,
)

if TYPE_CHECKING:
    from node.sim.host import Process


class Frame(NamedTuple):
    """Bytes on the wire that need not be a message."""

    kind: int
    data: bytes


class Wicked:
    """A strategy; this one behaves, and so serves for twins."""

    def __init__(
        self, chain_id: bytes, validators: ValidatorSet, index: int, key: PrivateKey, rng: Random
    ) -> None:
        self.chain_id = chain_id
        self.validators = validators
        self.index = index
        self.key = key
        self.rng = rng
        self.name = type(self).__name__.lower()

    def tamper(self, process: Process) -> None:
        """Alter the process that was just made."""

    def sends(self, target: int, message: Message) -> Iterable[Message | Frame]:
        """What really goes to ``target`` when the replica sends it ``message``."""
        return (message,)

    def provoked(self, message: Message) -> Iterable[tuple[int, Message]]:
        """What it sends of its own accord, and to whom, when ``message`` arrives."""
        return ()

    def others(self) -> list[int]:
        """The indices of the other validators."""
        return [i for i in range(self.validators.size) if i != self.index]

    def vote(self, kind: VoteKind, view: int, block: bytes) -> Vote:
        """A genuine vote of its key."""
        epoch = self.validators.epoch
        return sign_vote(self.chain_id, self.key, self.index, kind, epoch, view, block)


class Equivocator(Wicked):
    """Shows some of the others another block, and votes for everything it sees.

    As a leader it signs two proposals: the second with another time, or an old block's content on
    that block's parent, past blocks that may be final; or the same header with other batches or
    another view of the parent, which the block's hash does not cover. As a voter it notarizes and
    finalizes whatever anybody proposes, and nullifies the same view.
    """

    def __init__(
        self, chain_id: bytes, validators: ValidatorSet, index: int, key: PrivateKey, rng: Random
    ) -> None:
        super().__init__(chain_id, validators, index, key, rng)
        self._other: dict[bytes, Proposal] = {}
        self._fooled: dict[bytes, frozenset[int]] = {}
        self._seen: dict[bytes, Proposal] = {}

    def sends(self, target: int, message: Message) -> Iterator[Message]:
        """One of the others, half of them or all get the other block and votes for it."""
        if isinstance(message, Proposal) and message.header.view % self.validators.size == (
            self.index
        ):
            other = self._other.get(message.block)
            if other is None:
                other = self._other[message.block] = self._second(message)
                others = self.others()
                count = self.rng.choice((1, max(1, len(others) // 2), len(others)))
                self._fooled[message.block] = frozenset(self.rng.sample(others, count))
            if target in self._fooled[message.block]:
                yield other
                yield self.vote(VoteKind.NOTARIZE, other.header.view, other.block)
                yield self.vote(VoteKind.FINALIZE, other.header.view, other.block)
            else:
                yield message
        elif not (isinstance(message, Vote) and target in self._fooled.get(message.block, ())):
            yield message

    def _second(self, first: Proposal) -> Proposal:
        match self.rng.randrange(8):
            case 0:
                return sign_proposal(self.key, first.header, first.parent_view + 1, first.batches)
            case 1:
                return sign_proposal(self.key, first.header, first.parent_view, first.batches[1:])
            case 2:
                strange = (*first.batches, self.rng.randbytes(32))
                return sign_proposal(self.key, first.header, first.parent_view, strange)
            case _:
                pass
        model = first
        if self._seen and self.rng.random() < 0.5:
            model = self.rng.choice(list(self._seen.values())[-2:])
        header = msgspec.structs.replace(
            model.header, view=first.header.view, time=model.header.time + 1
        )
        return sign_proposal(self.key, header, model.parent_view, model.batches)

    def provoked(self, message: Message) -> Iterator[tuple[int, Message]]:
        """All three votes for any proposal, each to some."""
        if isinstance(message, Proposal) and message.block not in self._seen:
            self._seen[message.block] = message
            view = message.header.view
            for target in self.others():
                yield target, self.vote(VoteKind.NOTARIZE, view, message.block)
                if self.rng.random() < 0.7:
                    yield target, self.vote(VoteKind.FINALIZE, view, message.block)
                if self.rng.random() < 0.5:
                    yield target, self.vote(VoteKind.NULLIFY, view, NO_BLOCK)


class Silent(Wicked):
    """Listens and says nothing, for long stretches or for ever."""

    def __init__(
        self, chain_id: bytes, validators: ValidatorSet, index: int, key: PrivateKey, rng: Random
    ) -> None:
        super().__init__(chain_id, validators, index, key, rng)
        self._for_ever = rng.random() < 0.5
        self._left = 0
        self._talking = False

    def sends(self, target: int, message: Message) -> Iterable[Message]:
        """Nothing, or everything for a while."""
        if self._for_ever:
            return ()
        self._left -= 1
        if self._left <= 0:
            self._talking = not self._talking
            self._left = self.rng.randrange(20, 300)
        return (message,) if self._talking else ()


class Forger(Wicked):
    """Answers with stale certificates, forged certificates, forged votes and absurd numbers."""

    def __init__(
        self, chain_id: bytes, validators: ValidatorSet, index: int, key: PrivateKey, rng: Random
    ) -> None:
        super().__init__(chain_id, validators, index, key, rng)
        self._kept: deque[Certificate] = deque(maxlen=64)

    def provoked(self, message: Message) -> Iterator[tuple[int, Message]]:
        """Now and then something wrong, made of what is genuine."""
        if isinstance(message, Certificate):
            self._kept.append(message)
        if not self._kept or self.rng.random() < 0.8:
            return
        target = self.rng.choice(self.others())
        genuine = self.rng.choice(self._kept)
        yield target, genuine
        yield target, self._forged(genuine)
        for vote in self._forged_votes(genuine.view):
            yield target, vote

    def _forged(self, genuine: Certificate) -> Certificate:
        rng, replace = self.rng, msgspec.structs.replace
        signatures = genuine.signatures
        garbage = rng.randbytes(SIGNATURE_BYTES)
        match rng.randrange(8):
            case 0:
                return replace(genuine, view=genuine.view + rng.choice((1, 2, 1_000_000)))
            case 1:
                return replace(genuine, block=rng.randbytes(32))
            case 2:
                return replace(genuine, signatures=signatures[:-1] or signatures)
            case 3:
                return replace(genuine, signatures=(signatures[0],) * len(signatures))
            case 4:
                return replace(genuine, epoch=genuine.epoch + 1)
            case 5:
                absurd = SignerSignature(self.validators.size + rng.randrange(3), garbage)
                return replace(genuine, signatures=(*signatures[:-1], absurd))
            case 6:
                kinds = [k for k in VoteKind if k is not genuine.kind]
                return replace(genuine, kind=rng.choice(kinds))
            case _:
                wrong = SignerSignature(signatures[-1].signer, garbage)
                return replace(genuine, signatures=(*signatures[:-1], wrong))

    def _forged_votes(self, view: int) -> Iterator[Vote]:
        """Equal votes in everybody's name, and one of nobody, for a view near or far."""
        rng = self.rng
        kind = rng.choice(list(VoteKind))
        block = NO_BLOCK if kind is VoteKind.NULLIFY else rng.randbytes(32)
        at = view + rng.choice((0, 1, 2, 1_000_000))
        for signer in range(self.validators.size + 1):
            signature = rng.randbytes(SIGNATURE_BYTES)
            yield Vote(kind, self.validators.epoch, at, block, signer, signature)


class Withholder(Wicked):
    """Keeps content back: batches, proposals, answers and votes reach only some of the others."""

    def __init__(
        self, chain_id: bytes, validators: ValidatorSet, index: int, key: PrivateKey, rng: Random
    ) -> None:
        super().__init__(chain_id, validators, index, key, rng)
        others = self.others()
        self._friends = frozenset(rng.sample(others, max(1, len(others) // 2)))

    def sends(self, target: int, message: Message) -> Iterable[Message]:
        """Friends get everything else; nobody gets an answer to a question."""
        if isinstance(message, ViewResponse | BlockResponse):
            return ()
        if isinstance(message, Batch | Proposal | Certificate) and target not in self._friends:
            return ()
        if isinstance(message, Vote) and self.rng.random() < 0.3:
            return ()
        return (message,)


class Misleader(Wicked):
    """Misleads those who catch up: false heights, and altered answers to requests for blocks."""

    def sends(self, target: int, message: Message) -> Iterable[Message]:
        """Truth about consensus, lies about the past."""
        match message:
            case Status(height, view):
                return (Status(self.rng.choice((0, height, height + 1_000_000)), view),)
            case BlockResponse(blocks) if blocks:
                return self._altered(blocks)
            case ViewResponse(certificates, _):
                return (ViewResponse(certificates[:1], ()),)
            case _:
                return (message,)

    def _altered(self, blocks: tuple[FullBlock, ...]) -> Iterable[Message]:
        replace = msgspec.structs.replace
        at = self.rng.randrange(len(blocks))
        block = blocks[at]
        match self.rng.randrange(7):
            case 0:
                return ()
            case 6 if block.transactions:
                bare = encode(SignedTransaction(open_envelope(block.transactions[0]).content))
                block = replace(block, transactions=(bare, *block.transactions[1:]))
            case 1:
                block = replace(block, header=replace(block.header, time=block.header.time + 1))
            case 2:
                block = replace(block, certificate=None)
            case 3:
                block = replace(block, transactions=block.transactions[1:])
            case 4:
                return (BlockResponse(blocks[at:]), BlockResponse(tuple(reversed(blocks))))
            case _:
                other = self.rng.choice(blocks)
                block = replace(block, certificate=other.certificate)
        return (BlockResponse((*blocks[:at], block, *blocks[at + 1 :])),)
