"""What the pool and its workers say to each other over pipes: length-prefixed MessagePack.

A job is ``[number, [wire, …]]``; its answer ``[number, [[id, code, reason, field], …]]``, one
entry per transaction in order.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import msgpack

from node import limits

HEADER = struct.Struct(">I")

PlainVerdict = tuple[bytes, str, str, str]
"""Transaction id (empty if the bytes do not decode), error code ("" if accepted), reason, field."""


def encode_frame(value: Any) -> bytes:
    """A value with its length in front."""
    data = bytes(msgpack.packb(value))
    return HEADER.pack(len(data)) + data


def decode_body(data: bytes) -> Any:
    """The value of a frame's body; raises ValueError for anything but one MessagePack value."""
    return msgpack.unpackb(data, use_list=False)


def length_of(header: bytes) -> int:
    """The body's length; raises ValueError above the limit."""
    (length,) = HEADER.unpack(header)
    if length > limits.WORKER_FRAME_BYTES:
        raise ValueError(f"a pipe frame of {length} bytes")
    return int(length)


def encode_job(number: int, wires: Sequence[bytes]) -> bytes:
    """A job as the pool writes it."""
    return encode_frame((number, list(wires)))


def encode_answer(number: int, verdicts: Sequence[PlainVerdict]) -> bytes:
    """An answer as the worker writes it."""
    return encode_frame((number, list(verdicts)))
