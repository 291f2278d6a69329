"""Frames: a 4-byte length, a 1-byte kind, and the payload. Sans-IO.

The length counts the payload alone. A kind's limit is checked as soon as the five header bytes are
there, before any of the payload is kept, so a frame that is too long costs its receiver five bytes.

>>> decoder = Decoder()
>>> decoder.feed(encode_frame(Kind.PING, b"")[:3])
[]
>>> decoder.feed(encode_frame(Kind.PING, b"")[3:])
[Frame(kind=129, payload=b'')]
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import NamedTuple

from ledger.errors import CodedError
from node import messages
from node.errors import FRAME_REFUSED

HEADER = struct.Struct(">IB")


class Kind(IntEnum):
    """Frames of the transport itself; the kinds below 128 are those of ``node.messages``."""

    HELLO = 128
    PING = 129


class Lane(IntEnum):
    """Priority classes, most urgent first."""

    CONSENSUS = 0
    BATCH = 1
    SYNC = 2


_SYNC = frozenset(
    {
        messages.BlockRequest,
        messages.BlockResponse,
        messages.SnapshotRequest,
        messages.SnapshotOffer,
        messages.PartRequest,
        messages.PartAnswer,
    }
)
_BATCH = frozenset(
    {messages.Batch, messages.BatchRequest, messages.ViewRequest, messages.ViewResponse}
)

HELLO_BYTES = 256

LIMITS: dict[int, int] = {kind: limit for kind, (_, limit) in messages.MESSAGE_KINDS.items()} | {
    Kind.HELLO: HELLO_BYTES,
    Kind.PING: 0,
}
"""Most payload bytes of each kind; other kinds are refused."""


def _lane(structure: type) -> Lane:
    if structure in _SYNC:
        return Lane.SYNC
    return Lane.BATCH if structure in _BATCH else Lane.CONSENSUS


LANES: dict[int, Lane] = {
    kind: _lane(structure) for kind, (structure, _) in messages.MESSAGE_KINDS.items()
}
"""The lane of each message kind: votes, certificates, proposals and status go first."""


class Frame(NamedTuple):
    """One frame as received."""

    kind: int
    payload: bytes


def encode_frame(kind: int, payload: bytes) -> bytes:
    """The bytes on the wire. What is too long for its kind never leaves this node.

    Raises ``FRAME_REFUSED``.
    """
    _require(kind, len(payload))
    return HEADER.pack(len(payload), kind) + payload


class Decoder:
    """Bytes in, frames out. After an error the connection is over: nothing can be in step again."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that ``data`` completes, in order.

        Raises ``FRAME_REFUSED`` for an unknown kind or a length above the kind's limit.
        """
        buffer = self._buffer
        buffer += data
        frames: list[Frame] = []
        start = 0
        while len(buffer) - start >= HEADER.size:
            length, kind = HEADER.unpack_from(buffer, start)
            _require(kind, length)
            end = start + HEADER.size + length
            if len(buffer) < end:
                break
            frames.append(Frame(kind, bytes(memoryview(buffer)[start + HEADER.size : end])))
            start = end
        if start:
            del buffer[:start]
        return frames

    @property
    def pending(self) -> int:
        """Bytes held of a frame that is not complete."""
        return len(self._buffer)


def _require(kind: int, length: int) -> None:
    limit = LIMITS.get(kind)
    if limit is None:
        raise CodedError(FRAME_REFUSED, f"frame kind {kind} is unknown")
    if length > limit:
        raise CodedError(
            FRAME_REFUSED, f"frame of kind {kind} announces {length} bytes, at most {limit} pass"
        )
