"""The store's indexes of a block, made from its rows alone.

Executing a block yields them on the way (:mod:`contracts.executor`). A node that began with a
snapshot, or that imports blocks from an archive, has rows that it need not execute again, and makes
from them what execution would have made.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from contracts.executor import ANCHOR_EVERY
from contracts.framework.event import Event, name_of, subjects_of
from contracts.registry import CAPABILITIES
from ledger.codec import decode_trusted, from_plain
from ledger.receipt import Receipt, read_receipt
from ledger.store.interface import Anchor, EventEntry, Row
from ledger.transaction import SignedTransaction, Transaction


class Indexes(NamedTuple):
    """What leads to a block's receipts. ``ids`` are transactions by receipt index."""

    ids: list[tuple[int, bytes]]
    anchors: list[Anchor]
    events: list[EventEntry]


def indexes_of(height: int, rows: Sequence[Row]) -> Indexes:
    """The indexes of a block from its verified rows."""
    found = Indexes([], [], [])
    for index, row in enumerate(rows):
        receipt = read_receipt(row.receipt)
        if row.wire:
            found.ids.append((index, receipt.subject))
        for posting in receipt.postings:
            if posting.sequence % ANCHOR_EVERY == 0:
                place = (height, index)
                found.anchors.append(
                    Anchor(posting.account, posting.unit, posting.sequence, *place)
                )
        subjects = dict.fromkeys(_subjects(receipt, row.wire))
        found.events.extend(EventEntry(s, height, index) for s in subjects)
    return found


def _subjects(receipt: Receipt, wire: bytes) -> list[bytes]:
    if not receipt.applied:
        # A refusal names no party by itself; its author finds it under its own LEI.
        return [_author(wire).encode()] if wire else []
    kinds = _kinds()
    return [
        subject
        for plain in receipt.events
        for subject in subjects_of(from_plain(plain, kinds[str(plain[0])]))
    ]


def _author(wire: bytes) -> str:
    content = decode_trusted(wire, SignedTransaction).content
    return decode_trusted(content, Transaction).author


@cache
def _kinds() -> dict[str, type[Event]]:
    """The declared kinds of events."""
    return {name_of(event): event for c in CAPABILITIES for event in c.events}
