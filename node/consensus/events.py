"""Everything that can happen to the consensus core: the inputs of :meth:`Core.handle`.

The surrounding replica creates these. Nothing else reaches the core: no clock, no randomness, no
network. Views are positive integers, blocks 32-byte header hashes, indices positions in the epoch's
validator set.
"""

from __future__ import annotations

from enum import Enum
from typing import dataclass_transform

import msgspec

from ledger.block import Certificate, Vote


class Timer(Enum):
    """The core's timers. At most one of each is running; setting it again replaces it."""

    LEADER = "leader"
    """The leader has not proposed in time."""
    VIEW = "view"
    """The view has not ended in time."""
    RESEND = "resend"
    """Messages of this view may have been lost."""
    HEARTBEAT = "heartbeat"
    """The leader of an idle view proposes now, although there is nothing to record."""


@dataclass_transform(frozen_default=True)
class Event(msgspec.Struct, frozen=True):
    """An input of the core."""


class Start(Event):
    """The first event of every core, once."""


class ProposalArrived(Event):
    """The view's leader proposes ``block`` on ``parent``, which stands in ``parent_view``.

    The replica has checked that the proposal names this ledger and epoch and bears the signature
    of the leader of ``view``, and keeps it. It need not hold the block's batches yet.
    """

    view: int
    block: bytes
    parent: bytes
    parent_view: int


class BlockJudged(Event):
    """The answer to :class:`~node.consensus.effects.Judge`: the replica holds the whole block and
    has executed it on its parent; ``valid`` tells whether the header is what it should be.
    """

    view: int
    block: bytes
    valid: bool


class BlockBuilt(Event):
    """The answer to :class:`~node.consensus.effects.Build`: this replica's own proposal is ready.

    It is not sent yet: :class:`~node.consensus.effects.Propose` tells when. The replica may leave
    a ``Build`` unanswered when it cannot build (it misses the parent's content).
    """

    view: int
    block: bytes
    parent: bytes
    parent_view: int


class VoteArrived(Event):
    """A vote came in from anybody. Nothing about it is checked yet."""

    vote: Vote


class CertificateArrived(Event):
    """A certificate came in from anybody. Nothing about it is checked yet."""

    certificate: Certificate


class TimerFired(Event):
    """A timer set in ``view`` has run out. One that was replaced or cancelled may still fire."""

    timer: Timer
    view: int


class WorkChanged(Event):
    """Whether there is something to propose: the replica knows of transactions that wait.

    A level, not an edge: the replica reports each change, and the core remembers the last.
    """

    pending: bool


AnyEvent = (
    Start
    | ProposalArrived
    | BlockJudged
    | BlockBuilt
    | VoteArrived
    | CertificateArrived
    | TimerFired
    | WorkChanged
)
"""The closed list of events."""
