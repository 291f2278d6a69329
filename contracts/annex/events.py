"""What annexes tell. Every sealed key leaves such a trace."""

from __future__ import annotations

from contracts.annex.records import Capacity
from contracts.framework.event import Event
from contracts.framework.types import Count, Lei, ObjectId


class EncryptionKeyRegistered(Event, tag="annex.KeyRegistered"):
    """A party changed the key to which others encrypt for it."""

    owner: Lei
    key: bytes
    version: Count


class AnnexSealed(Event, tag="annex.Sealed"):
    """A confidential document was committed to."""

    annex: ObjectId
    author: Lei
    parties: tuple[Lei, ...]
    about: ObjectId | None
    size: Count


class AnnexGranted(Event, tag="annex.Granted"):
    """Somebody was given the key of an annex, by whom and why."""

    annex: ObjectId
    recipient: Lei
    capacity: Capacity
    by: Lei
    reason: str
