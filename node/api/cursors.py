"""Opaque, resumable cursors: a position in a history that a later request continues from.

A cursor is the canonical encoding of its place and of what it belongs to, so one that was cut,
altered or taken from another endpoint is refused rather than misread. It holds no secret.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

import msgspec

from ledger import limits
from ledger.codec import Struct, Uint, decode, encode
from ledger.errors import CodedError
from node.errors import BAD_CURSOR

MAX_CURSOR_CHARS = 2_000

MAX_POSITION = 2**32 - 1
"""Largest receipt index that a store's keys hold."""

Position = Annotated[int, msgspec.Meta(ge=0, le=MAX_POSITION)]
_Key = Annotated[bytes, msgspec.Meta(max_length=limits.MAX_STATE_KEY_BYTES)]


class Mark(Struct):
    """An account's next posting in a merged history."""

    account: Annotated[str, msgspec.Meta(max_length=100)]
    unit: Annotated[str, msgspec.Meta(max_length=8)]
    height: Uint
    index: Position
    sequence: Uint


class Place(Struct, tag=1):
    """A place in the list that ``kind`` and ``subject`` name.

    Lists of the state continue after ``key``; histories at (``height``, ``index``), with the
    posting's number in ``extra`` for an account's. ``marks`` are further places that a merged
    history goes on from.
    """

    kind: Annotated[str, msgspec.Meta(max_length=16)]
    subject: _Key = b""
    height: Uint = 0
    index: Position = 0
    extra: Uint = 0
    key: _Key = b""
    marks: Annotated[tuple[Mark, ...], msgspec.Meta(max_length=8)] = ()


def write(place: Place) -> str:
    """The cursor of a place: URL-safe text."""
    return base64.urlsafe_b64encode(encode(place)).rstrip(b"=").decode()


def read(cursor: str, kind: str, subject: bytes) -> Place:
    """The place of a cursor; raises ``BAD_CURSOR`` unless it is one of this history."""
    try:
        if len(cursor) > MAX_CURSOR_CHARS:
            raise ValueError
        data = base64.b64decode(
            cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True
        )
        place = decode(data, Place)
    except (CodedError, ValueError, binascii.Error):
        raise CodedError(
            BAD_CURSOR, "a cursor is the text that the previous page gave", field="cursor"
        ) from None
    if place.kind != kind or place.subject != subject:
        raise CodedError(BAD_CURSOR, "the cursor belongs to another history", field="cursor")
    return place
