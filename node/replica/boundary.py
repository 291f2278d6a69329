"""Messages of other epochs: kept until this node is there, or answered with the way there.

Nodes do not end an epoch at the same instant. What comes from the next epoch is kept, a bounded
number, until this node begins it. Who still votes in an earlier epoch is shown the finalization
that ended it, at most once in a while; without that a node whose vote the new epoch needs could
wait for ever.
"""

from __future__ import annotations

from collections import deque

from ledger.block import Certificate, Vote
from ledger.store.interface import ChainReader
from ledger.validators import ValidatorSet
from node.messages import Message, Proposal, Reproposal
from node.replica.events import Peer

KEPT = 1_024
"""Messages of the next epoch that are kept."""

OfEpoch = Vote | Certificate | Proposal | Reproposal


def epoch_of(message: OfEpoch) -> int:
    """The epoch that a message belongs to."""
    return message.header.epoch if isinstance(message, Proposal) else message.epoch


class Boundary:
    """What waits for the next epoch, and whom this node told of the end of an earlier one."""

    def __init__(self, store: ChainReader, pause_ms: int) -> None:
        self._store = store
        self._pause_ms = pause_ms
        self._early: deque[tuple[Peer, Message]] = deque(maxlen=KEPT)
        self._told: dict[Peer, int] = {}
        self._asked = -pause_ms

    def early(self, peer: Peer, message: OfEpoch, now: int) -> bool:
        """Keep a message of the next epoch; whether to ask for blocks, as this node is behind."""
        self._early.append((peer, message))
        return self._may_ask(now)

    def is_over(self, recovery: Certificate, validators: ValidatorSet, now: int) -> bool:
        """Whether to ask for blocks, as a recovery seems to have ended these validators' epoch."""
        if recovery.epoch != validators.epoch:
            return False
        return self._may_ask(now)

    def _may_ask(self, now: int) -> bool:
        if now - self._asked < self._pause_ms:
            return False
        self._asked = now
        return True

    def late(self, peer: Peer, message: OfEpoch, now: int) -> Certificate | None:
        """The finalization that ended the message's epoch, if its sender is to be told now."""
        if isinstance(message, Certificate) or now - self._told.get(peer, -self._pause_ms) < (
            self._pause_ms
        ):
            return None
        height = self._store.validators_since(epoch_of(message) + 1)
        if height is None:
            return None
        self._told[peer] = now
        return self._store.certificate(height)

    def begin_epoch(self) -> list[tuple[Peer, Message]]:
        """Hand out what was kept. Peers have other numbers from now on."""
        kept = list(self._early)
        self._early.clear()
        self._told.clear()
        return kept
