"""What is told of nodes and epochs."""

from __future__ import annotations

from contracts.framework.event import Event
from contracts.framework.types import Count, Lei, ObjectId, PartyKey


class NodeRegistered(Event, tag="validators.NodeRegistered"):
    """A guarantor's node has an entry, or will have another one from the next epoch on."""

    party: Lei
    vote_key: PartyKey
    address: str


class NodeMoved(Event, tag="validators.NodeMoved"):
    """A node's part in consensus has changed or is about to."""

    party: Lei
    state: str
    reason: str


class EpochEnded(Event, tag="validators.EpochEnded"):
    """This block is the last of its epoch: other validators decide the next one."""

    epoch: Count
    validators: Count
    quorum: Count
    entered: tuple[Lei, ...]
    left: tuple[Lei, ...]
    rotated: tuple[Lei, ...]


class FaultProven(Event, tag="validators.FaultProven"):
    """Two votes that no correct validator signs both: a guarantor's node is at fault."""

    party: Lei
    vote_key: PartyKey
    epoch: Count
    view: Count
    reporter: Lei


class NodeDecided(Event, tag="validators.NodeDecided"):
    """The guarantors have decided about a node."""

    party: Lei
    ballot: ObjectId
    decision: str
