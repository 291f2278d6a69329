"""Everything the consensus core can ask for: the outputs of :meth:`Core.handle`.

The replica carries them out strictly in the order given, and every ``handle`` call's effects before
the next call's. :class:`Persist` is a barrier: nothing after it happens before it is durable.
"""

from __future__ import annotations

from typing import dataclass_transform

import msgspec

from ledger.block import Certificate, Vote
from ledger.evidence import DoubleVote
from node.consensus.events import Timer


@dataclass_transform(frozen_default=True)
class Effect(msgspec.Struct, frozen=True):
    """An output of the core."""


class Persist(Effect):
    """Make these durable (synced) before any later effect; hand them back in ``Recovered``.

    At most one per ``handle`` call. It also carries the certificates gained since the last one:
    the votes stand on them. With a notarize vote the replica persists, in the same write, the
    proposal and whatever of its content is not durable yet: the vote promises others that this
    node can hand out the block, even after a power cut everywhere. Records of views at or below
    the last *committed* block's view may be forgotten.
    """

    votes: tuple[Vote, ...]
    certificates: tuple[Certificate, ...]


class CastVote(Effect):
    """Send this own vote to all validators and observers."""

    vote: Vote


class SendCertificate(Effect):
    """Send this certificate to everybody."""

    certificate: Certificate


class Propose(Effect):
    """Send the proposal for ``block``, built earlier by this replica, to everybody.

    Comes again when it may have been lost and after a restart; a replica that has lost the content
    does nothing.
    """

    view: int
    block: bytes


class Build(Effect):
    """Build a block for ``view`` on ``parent``, executed; answer with ``BlockBuilt``."""

    view: int
    parent: bytes
    parent_view: int


class Judge(Effect):
    """Obtain the whole proposed block and its parent, execute and check it; answer with
    ``BlockJudged``. Comes at most once per view. The parent is notarized, so enough correct
    validators hold it. Judging may stop once a later view is entered.
    """

    view: int
    block: bytes
    parent: bytes
    parent_view: int


class SetTimer(Effect):
    """Deliver ``TimerFired(timer, view)`` after ``delay_ms``; replaces one of the same name."""

    timer: Timer
    view: int
    delay_ms: int


class CancelTimer(Effect):
    """Forget the timer of that name."""

    timer: Timer


class Finalize(Effect):
    """``block`` and all its ancestors are final. Obtain what is missing and commit in order.

    The replica checks that the block descends from the last final one; if it does not, more than f
    validators are faulty and it stops.
    """

    view: int
    block: bytes
    certificate: Certificate


class NeedViews(Effect):
    """Ask peers how these views ended; they answer with ``Core.certificates(views)``.

    ``ask`` is the index of a validator that should know, or None: ask all. Asked again on the
    resend timer for as long as it matters.
    """

    views: tuple[int, ...]
    ask: int | None


class Equivocation(Effect):
    """A validator is proven faulty by two of its own votes; both signatures are checked."""

    evidence: DoubleVote


class Fork(Effect):
    """Two certificates that cannot both exist unless more than f validators are faulty.

    The evidence against at least f+1 of them precedes this as :class:`Equivocation` effects. The
    core votes no more; the replica stops committing and alarms its operator.
    """

    first: Certificate
    second: Certificate


class EnteredView(Effect):
    """For logs, metrics and the replica's housekeeping: a new view began, and why."""

    view: int
    leader: int
    why: str


AnyEffect = (
    Persist
    | CastVote
    | SendCertificate
    | Propose
    | Build
    | Judge
    | SetTimer
    | CancelTimer
    | Finalize
    | NeedViews
    | Equivocation
    | Fork
    | EnteredView
)
"""The closed list of effects."""
