"""What a replica asks of its surroundings."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from ledger.store.interface import BlockCommit
from ledger.validators import ValidatorSet
from node.messages import Message
from node.replica.events import Peer


class Send(NamedTuple):
    """Send a message to one peer; loss is allowed."""

    peer: Peer
    message: Message


class Broadcast(NamedTuple):
    """Send a message to every connected validator."""

    message: Message


class SetTimer(NamedTuple):
    """Fire ``TimerFired(token)`` after ``delay`` milliseconds; setting again replaces."""

    token: str
    delay: int


class CancelTimer(NamedTuple):
    """Forget a timer, if it is set."""

    token: str


class Persist(NamedTuple):
    """Append records to the vote journal and sync, then drop records below ``prune_before``.

    A barrier: later effects wait until the records are durable.
    """

    records: tuple[bytes, ...]
    prune_before: int | None = None


class Check(NamedTuple):
    """Decode transactions and verify their signatures, off the event loop.

    ``urgent`` jobs (a proposal waits for them) go before others.
    """

    token: int
    wires: tuple[bytes, ...]
    urgent: bool


class Commit(NamedTuple):
    """Write a final block in one transaction; answered by ``Committed``."""

    block: BlockCommit


class SubmissionStatus(StrEnum):
    """What is known of a submitted transaction. ``REFUSED`` with a height is recorded as such."""

    UNKNOWN = "unknown"
    PENDING = "pending"
    FINAL = "final"
    REFUSED = "refused"


class Submission(NamedTuple):
    """The state of one submission.

    ``height`` and ``position`` (of the receipt in its block) are set once a final block records
    it; ``code``, ``reason`` and ``field`` say why it was refused.
    """

    id: bytes
    status: SubmissionStatus
    height: int | None = None
    position: int | None = None
    code: str = ""
    reason: str = ""
    field: str = ""


class Answer(NamedTuple):
    """The answer to ``Submitted``, one entry per transaction in order."""

    request: int
    submissions: tuple[Submission, ...]


class Announce(NamedTuple):
    """A block has become final and durable; subscribers may be told."""

    block: BlockCommit


class EpochBegins(NamedTuple):
    """Other validators decide from here on; ``own`` is this node's index, None for an observer.

    Peers are numbered by ``validators`` in every effect after this one.
    """

    validators: ValidatorSet
    own: int | None


class Alarm(NamedTuple):
    """Something an operator must see. ``fatal`` stops the node before it can do harm."""

    code: str
    text: str
    fatal: bool = False


Effect = (
    Send
    | Broadcast
    | SetTimer
    | CancelTimer
    | Persist
    | Check
    | Commit
    | Answer
    | Announce
    | EpochBegins
    | Alarm
)
