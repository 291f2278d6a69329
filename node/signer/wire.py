"""What a node and its signer say to each other: length-prefixed canonical MessagePack.

A request is ``(1, message)``: sign exactly these bytes (:func:`ledger.hashing.message`); or
``(2, chain_id)``: what is the newest view signed on this ledger? The answer is ``(1, signature)``,
``(2, view)``, or ``(0, code, text)`` for a refusal. On connecting, the signer first says
``(3, public_key)``.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

from ledger.codec import decode_plain, encode
from ledger.errors import MALFORMED, CodedError

MAX_BYTES = 64 * 1024
"""A frame's size: the largest thing that is signed is a proposal."""
SIGN, NEWEST, HELLO, REFUSED = 1, 2, 3, 0
_LENGTH = struct.Struct(">I")


def send(connection: socket.socket, *parts: Any) -> None:
    """Send one frame."""
    data = encode(parts)
    connection.sendall(_LENGTH.pack(len(data)) + data)


def receive(connection: socket.socket) -> tuple[Any, ...]:
    """Wait for one frame; raises ``ConnectionError`` at the end and ``MALFORMED``."""
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
    if length > MAX_BYTES:
        raise CodedError(MALFORMED, f"a frame of {length} bytes, at most {MAX_BYTES} are accepted")
    parts = decode_plain(_exactly(connection, length))
    if not isinstance(parts, tuple) or not parts or not isinstance(parts[0], int):
        raise CodedError(MALFORMED, "a frame is an array that starts with its kind")
    return parts


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        chunk = connection.recv(count - len(data))
        if not chunk:
            raise ConnectionError("the other side has closed the connection")
        data += chunk
    return data
