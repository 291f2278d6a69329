"""What can happen to a replica."""

from __future__ import annotations

from typing import NamedTuple

from node.messages import Message

Peer = int
"""A validator's index, or a negative number for a connected observer."""


class Received(NamedTuple):
    """A decoded message from an authenticated peer."""

    peer: Peer
    message: Message


class PeerUp(NamedTuple):
    """A peer is connected."""

    peer: Peer


class PeerDown(NamedTuple):
    """A peer is no longer connected."""

    peer: Peer


class TimerFired(NamedTuple):
    """A timer set by ``SetTimer`` has run out."""

    token: str


class Submitted(NamedTuple):
    """A client's transactions as wire bytes; answered by ``Answer`` with the same request."""

    request: int
    wires: tuple[bytes, ...]


class Verdict(NamedTuple):
    """The stateless check of one transaction: its id, or why it was refused.

    ``id`` is empty when the bytes could not be decoded; ``code`` is empty when all is well.
    """

    id: bytes
    code: str = ""
    reason: str = ""
    field: str = ""


class Checked(NamedTuple):
    """The answer to ``Check``: one verdict per transaction, in order."""

    token: int
    verdicts: tuple[Verdict, ...]


class Committed(NamedTuple):
    """The answer to ``Commit``: the block at ``height`` is durable."""

    height: int


class MayVote(NamedTuple):
    """The node may vote from here on: so far it followed, because its votes were in doubt."""


Event = Received | PeerUp | PeerDown | TimerFired | Submitted | Checked | Committed | MayVote
