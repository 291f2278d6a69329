"""What governance tells."""

from __future__ import annotations

from contracts.framework.event import Event
from contracts.framework.types import Count, Digest, Instant, Lei, ObjectId


class ProposalMade(Event, tag="governance.ProposalMade"):
    """A change was put to the vote, to be enacted at a height (0: as soon as it passes)."""

    proposal: ObjectId
    kind: str
    proposer: Lei
    ballot: ObjectId
    height: Count


class ProposalMoved(Event, tag="governance.ProposalMoved"):
    """A proposal passed, was enacted, or ended without effect."""

    proposal: ObjectId
    kind: str
    state: str
    reason: str


class ParameterChanged(Event, tag="governance.ParameterChanged"):
    """A parameter has another value from this block on; values are JSON."""

    proposal: ObjectId
    capability: str
    name: str
    before: str
    after: str


class GuarantorDecided(Event, tag="governance.GuarantorDecided"):
    """A state's guarantor comes in, or its withdrawal begins."""

    proposal: ObjectId
    party: Lei
    country: str
    change: str
    node: Digest | None


class UpgradeDecided(Event, tag="governance.UpgradeDecided"):
    """The ledger follows another version of its protocol from this height on."""

    proposal: ObjectId
    protocol: Count
    height: Count
    release: Digest


class ClassPaused(Event, tag="governance.ClassPaused"):
    """A class of operations is refused until a time."""

    proposal: ObjectId
    policy: str
    until: Instant
    reason: str


class ClassResumed(Event, tag="governance.ClassResumed"):
    """A class of operations is accepted again."""

    policy: str
    reason: str
