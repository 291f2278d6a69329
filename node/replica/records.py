"""The vote journal's records: what must survive a crash before the store has the block.

A record is a message as it would travel: one byte for its kind, then its canonical bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from ledger.block import Certificate, Vote
from ledger.errors import MALFORMED, CodedError
from node.messages import Batch, Message, Proposal, Reproposal, decode_message, encode_message


class Recalled(NamedTuple):
    """A journal's content by kind."""

    votes: tuple[Vote, ...]
    certificates: tuple[Certificate, ...]
    proposals: tuple[Proposal, ...]
    batches: tuple[Batch, ...]
    reproposals: tuple[Reproposal, ...] = ()


def write_record(message: Message) -> bytes:
    """The journal record of a message."""
    kind, data = encode_message(message)
    return bytes((kind,)) + data


def recall(records: Iterable[bytes]) -> Recalled:
    """The messages of journal records, in order of their kind; raises ``MALFORMED``."""
    votes: list[Vote] = []
    certificates: list[Certificate] = []
    proposals: list[Proposal] = []
    batches: list[Batch] = []
    reproposals: list[Reproposal] = []
    for record in records:
        if not record:
            raise CodedError(MALFORMED, "a journal record is empty")
        message = decode_message(record[0], record[1:])
        match message:
            case Vote():
                votes.append(message)
            case Certificate():
                certificates.append(message)
            case Proposal():
                proposals.append(message)
            case Batch():
                batches.append(message)
            case Reproposal():
                reproposals.append(message)
            case _:
                raise CodedError(MALFORMED, f"no {type(message).__name__} is ever journaled")
    return Recalled(
        tuple(votes), tuple(certificates), tuple(proposals), tuple(batches), tuple(reproposals)
    )


class JournalCursor:
    """Which records may be dropped once a block of some view is in the store."""

    def __init__(self, next_sequence: int) -> None:
        self._next = next_sequence
        self._spans: deque[tuple[int, int]] = deque()

    def appended(self, count: int, view: int) -> None:
        """``count`` records were appended, none of a view above ``view``."""
        self._next += count
        self._spans.append((self._next, view))

    def prunable(self, committed_view: int) -> int | None:
        """The first sequence number still needed, if that has moved."""
        before = None
        while self._spans and self._spans[0][1] <= committed_view:
            before = self._spans.popleft()[0]
        return before
