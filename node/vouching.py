"""Peers vouch for a restarted node: whether it still knows every vote that they have seen of it.

A machine put back to an earlier state (a snapshot of its disk, a clone) cannot tell by itself what
it signed since. So a validator that has voted before starts by asking its peers for its own newest
votes, and takes no part in consensus before so many have answered that the ledger could not go on
without it anyway. Nobody is believed: a vote that it forgot bears its own signature.
"""

from __future__ import annotations

from collections.abc import Iterable

from ledger import keys
from ledger.block import Vote, vote_bytes, votes_in
from ledger.store.interface import ChainReader
from ledger.validators import ValidatorSet
from node.messages import MAX_VOTES_IN_VOUCHER, Voucher

_BLOCKS = 64
"""Blocks back from the newest in which a peer's signature is looked for."""


def known_view(head: int, journal: Iterable[Vote], signer: int, abstain_below: int) -> int:
    """The newest view in which a validator need not fear a vote that it does not know.

    ``head`` is the view of its newest block, beyond which it goes on to vote. What it forgot below
    ``abstain_below`` was allowed for when it was activated: no vote there can contradict it.
    """
    return max([head, abstain_below - 1, *(v.view for v in journal if v.signer == signer)])


class Vouching:
    """Counts answers until ``needed`` peers have vouched. ``known`` is a
    :func:`known_view`."""

    def __init__(self, chain_id: bytes, public: bytes, known: int, needed: int) -> None:
        self._chain_id = chain_id
        self._public = public
        self._known = known
        self._needed = needed
        self._answered: set[int] = set()

    @property
    def done(self) -> bool:
        """Whether this node may take part."""
        return len(self._answered) >= self._needed

    def answered(self, peer: int, voucher: Voucher) -> Vote | None:
        """Take an answer; returns a vote of this node that it does not know of, if there is one."""
        for vote in voucher.votes:
            if vote.view > self._known and self._is_own(vote):
                return vote
        self._answered.add(peer)
        return None

    def waiting_for(self) -> str:
        """What is awaited, as a sentence."""
        return (
            f"the word of {self._needed - len(self._answered)} more guarantors that this node "
            "still knows its votes"
        )

    def _is_own(self, vote: Vote) -> bool:
        signed = vote_bytes(self._chain_id, vote.kind, vote.epoch, vote.view, vote.block)
        return keys.verify(self._public, signed, vote.signature)


def voucher(
    reader: ChainReader, validators: ValidatorSet, signer: int, held: tuple[Vote, ...]
) -> Voucher:
    """The newest votes of a validator: those ``held`` above the newest block, and what it signed
    of the newest blocks."""
    found = list(held)
    head = reader.head
    height = -1 if head is None else head.height
    for at in range(height, max(-1, height - _BLOCKS), -1):
        certificate = reader.certificate(at)
        if certificate is None:
            continue
        if certificate.epoch != validators.epoch:
            break
        signed = votes_in(certificate, signer)
        if signed:
            found += signed
            break
    found.sort(key=lambda vote: vote.view, reverse=True)
    return Voucher(tuple(found[:MAX_VOTES_IN_VOUCHER]))
