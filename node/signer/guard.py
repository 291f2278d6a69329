"""What a vote key may sign next, given what it has signed. Pure.

The rules are those of ``docs/consensus.md`` as far as they concern one validator's own votes: one
notarize and one finalize vote in a view, never finalize beside nullify; one proposal in a view; one
recovery in an epoch, above all votes, and nothing after it in that epoch.
Everything at or below a floor is refused, so the memory stays small. What is no vote or proposal
(batches, hellos, the node's card, approvals of a genesis) contradicts nothing and is signed freely;
what has none of a node's tags is refused.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

from ledger.block import NO_BLOCK, Header
from ledger.codec import decode_plain, from_plain
from ledger.errors import CodedError
from ledger.hashing import HASH_BYTES, Tag

KEPT_VIEWS = 1_024
"""Views below the newest that are remembered; older ones are refused altogether."""


class Act(StrEnum):
    """What was signed in a view."""

    PROPOSE = "propose"
    NOTARIZE = "notarize"
    NULLIFY = "nullify"
    FINALIZE = "finalize"
    RECOVER = "recover"


class Signed(NamedTuple):
    """One thing that binds the key: ``block`` is empty for a nullify vote.

    The epoch is remembered of recoveries alone.
    """

    act: Act
    view: int
    block: bytes
    epoch: int = 0


class Refused(Exception):
    """The key has signed something that excludes this; the text says what."""


_VOTES = {
    Tag.NOTARIZE: Act.NOTARIZE,
    Tag.NULLIFY: Act.NULLIFY,
    Tag.FINALIZE: Act.FINALIZE,
    Tag.RECOVER: Act.RECOVER,
}
_FREE = (
    Tag.BATCH_SIGNATURE,
    Tag.HELLO,
    Tag.NODE_CARD,
    Tag.GENESIS_APPROVAL,
    Tag.TRANSACTION_SIGNATURE,  # by which a node reports what others signed twice
    Tag.SURVIVOR,
)


def read(message: bytes) -> tuple[bytes, Signed] | None:
    """The chain id and what a message to be signed binds the key to; None if to nothing.

    Raises :class:`Refused` for what a node's key never signs.
    """
    for tag in (*_VOTES, Tag.PROPOSAL, Tag.REPROPOSAL):
        if message.startswith(tag.value):
            start = len(tag.value)
            chain_id, body = message[start : start + HASH_BYTES], message[start + HASH_BYTES :]
            try:
                return chain_id, _binding(tag, decode_plain(body))
            except (CodedError, ValueError) as error:
                raise Refused(f"it cannot be read: {error}") from None
    if any(message.startswith(tag.value) for tag in _FREE):
        return None
    raise Refused("it is nothing that a node's key signs")


def _binding(tag: Tag, body: Any) -> Signed:
    match tag, body:
        case Tag.PROPOSAL, (header, int(), tuple()):
            found = from_plain(header, Header)
            return Signed(Act.PROPOSE, found.view, found.hash(), found.epoch)
        case Tag.REPROPOSAL, (int(epoch), int(view), bytes(block), int()):
            return Signed(Act.PROPOSE, view, block, epoch)
        case _, (int(epoch), int(view), bytes(block)) if tag in _VOTES:
            return Signed(_VOTES[tag], view, b"" if block == NO_BLOCK else block, epoch)
    raise ValueError("it has not the shape of its kind")


class Past:
    """What the key has signed on one ledger."""

    def __init__(self) -> None:
        self._views: dict[int, dict[Act, bytes]] = {}
        self.floor = 0
        """Nothing is signed in this view or below."""
        self.recovery: Signed | None = None
        """The newest recovery: its epoch and those before it are over for this key."""

    @property
    def newest(self) -> int:
        """The highest view in which anything was signed."""
        return max(self._views, default=self.floor)

    def check(self, new: Signed) -> bool:
        """Whether ``new`` has to be remembered; False if it was signed before.

        Raises :class:`Refused` if it contradicts the past.
        """
        done = self.recovery
        again = done is not None and new._replace(view=done.view) == done
        if done is not None and new.epoch <= done.epoch and not again:
            raise Refused(f"a recovery that ends epoch {done.epoch} has its signature")
        if new.act is Act.RECOVER:
            if new.view <= self.newest:
                raise Refused(f"view {self.newest} was voted in, the recovery is of {new.view}")
            return new != done
        if new.view <= self.floor:
            raise Refused(f"view {new.view} is long past, the floor is {self.floor}")
        here = self._views.get(new.view, {})
        known = here.get(new.act)
        if known is not None and known != new.block:
            raise Refused(f"another block has its {new.act} signature in view {new.view}")
        if new.act is Act.FINALIZE and Act.NULLIFY in here:
            raise Refused(f"view {new.view} was voted null")
        if new.act is Act.NULLIFY and Act.FINALIZE in here:
            raise Refused(f"view {new.view} was voted final")
        return known is None

    def note(self, new: Signed) -> None:
        """Remember; what has fallen too far behind is forgotten and its views are closed."""
        if new.act is Act.RECOVER:
            self.recovery = new
            return
        self._views.setdefault(new.view, {})[new.act] = new.block
        floor = self.newest - KEPT_VIEWS
        if floor > self.floor:
            self.close(floor)

    def close(self, floor: int) -> None:
        """Sign nothing at or below ``floor`` any more."""
        self.floor = max(self.floor, floor)
        self._views = {v: acts for v, acts in self._views.items() if v > self.floor}

    def entries(self) -> list[Signed]:
        """Everything remembered: the recovery, then the rest in order of views."""
        recoveries = [] if self.recovery is None else [self.recovery]
        return recoveries + [
            Signed(act, view, block)
            for view, acts in sorted(self._views.items())
            for act, block in acts.items()
        ]
