"""Opaque, resumable cursors: a position in a history that a later request continues from.

A cursor is the canonical encoding of its place and of what it belongs to, so one that was cut,
altered or taken from another endpoint is refused rather than misread. It holds no secret.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

import msgspec

from ledger.codec import Struct, Uint, decode, encode
from ledger.errors import CodedError
from node.errors import BAD_CURSOR

MAX_CURSOR_CHARS = 400


class Place(Struct, tag=1):
    """A place in the history of ``subject``: the entry at (height, index) comes next or came last,
    as ``kind`` says; ``extra`` is the posting's sequence number in an account's history."""

    kind: Annotated[str, msgspec.Meta(max_length=16)]
    subject: Annotated[bytes, msgspec.Meta(max_length=200)]
    height: Uint
    index: Uint
    extra: Uint = 0


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
