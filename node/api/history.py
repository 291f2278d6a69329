"""Histories from the committed store, newest first, at constant cost per entry.

An account's postings form a chain: each names the place of the one before it. What concerns a party
or an object without moving money is found through the store's index of events.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

from ledger.errors import PRUNED, CodedError
from ledger.receipt import NO_PLACE, Posting, Receipt, read_receipt
from ledger.store.interface import ChainReader, Row
from node.api.words import pruned
from node.errors import BAD_CURSOR

T = TypeVar("T")

PLACES_PER_READ = 64


class Step(NamedTuple):
    """A posting of an account by its place and number; number 0 is before the first."""

    height: int
    position: int
    sequence: int


class Entry(NamedTuple):
    """One posting with the receipt that holds it, and the step to the posting before it."""

    posting: Posting
    height: int
    position: int
    row: Row
    receipt: Receipt
    before: Step


def postings(reader: ChainReader, account: str, unit: str, start: Step) -> Iterator[Entry]:
    """The postings of an account from ``start`` back to its first.

    Raises ``BAD_CURSOR`` if ``start`` is not a posting of this account, and ``PRUNED`` where the
    history goes on in blocks that this node does not hold: it never ends early unnoticed.
    """
    step = start
    place = NO_PLACE
    base = reader.base
    while step.sequence > 0:
        if step.height < base:
            raise pruned(base)
        if place != (step.height, step.position):
            place = (step.height, step.position)
            row = reader.row(*place)
            receipt = None if row is None else read_receipt(row.receipt)
            mine = {
                posting.sequence: posting
                for posting in (receipt.postings if receipt is not None else ())
                if posting.account == account and posting.unit == unit
            }
        posting = mine.get(step.sequence)
        if posting is None or row is None or receipt is None:
            raise CodedError(BAD_CURSOR, "the cursor is no place of this history", field="cursor")
        before = Step(*posting.previous, posting.sequence - 1)
        yield Entry(posting, step.height, step.position, row, receipt, before)
        step = before


def places_of(
    reader: ChainReader, subject: bytes, before: tuple[int, int] | None
) -> Iterator[tuple[int, int]]:
    """Places (height, index) of receipts that concern a subject, newest first, before a place."""
    while True:
        found = reader.events_of(subject, before=before, limit=PLACES_PER_READ)
        yield from found
        if len(found) < PLACES_PER_READ:
            return
        before = found[-1]


class Track(NamedTuple):
    """An account followed in a merged history, and its next posting to show."""

    account: str
    unit: str
    step: Step


class Merged(NamedTuple):
    """A place in a merged history and where every source stands after it."""

    height: int
    position: int
    tracks: tuple[Track, ...]


def merged(
    reader: ChainReader,
    subject: bytes,
    before: tuple[int, int] | None,
    tracks: Sequence[Track],
) -> Iterator[Merged]:
    """Places that concern ``subject`` or move one of its accounts, newest first, each once.

    Raises ``PRUNED`` instead of ending if this node does not hold blocks from the first on.
    """
    events = places_of(reader, subject, before)
    walks = [postings(reader, track.account, track.unit, track.step) for track in tracks]
    steps = [track.step for track in tracks]
    heap: list[tuple[int, int, int]] = []

    def push(source: int) -> None:
        """Put the next place of a source on the heap: -1 is the index, others are accounts."""
        if source < 0:
            place = next(events, None)
            if place is not None:
                heapq.heappush(heap, (-place[0], -place[1], source))
        elif steps[source].sequence > 0:
            step = steps[source]
            heapq.heappush(heap, (-step.height, -step.position, source))

    for source in range(-1, len(walks)):
        push(source)
    while heap:
        height, index = -heap[0][0], -heap[0][1]
        if height < reader.base:
            break
        while heap and (-heap[0][0], -heap[0][1]) == (height, index):
            source = heapq.heappop(heap)[2]
            if source >= 0:
                # Leave the receipt: an account may have several postings in it.
                while steps[source].sequence and steps[source][:2] == (height, index):
                    steps[source] = next(walks[source]).before
            push(source)
        yield Merged(
            height,
            index,
            tuple(
                Track(track.account, track.unit, step)
                for track, step in zip(tracks, steps, strict=True)
            ),
        )
    if reader.base:
        raise pruned(reader.base)


def held(entries: Iterator[T]) -> Iterator[T]:
    """The entries up to where a history leaves what this node holds, perhaps none."""
    try:
        yield from entries
    except CodedError as error:
        if error.code is not PRUNED:
            raise


def as_far_as_held(entries: Iterator[T]) -> Iterator[T]:
    """The entries up to where a history leaves what this node holds; raises if that is at once."""
    some = False
    try:
        for entry in entries:
            some = True
            yield entry
    except CodedError as error:
        if error.code is not PRUNED or not some:
            raise
