"""Small conversions between the ledger's values and the API's JSON."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from starlette.responses import Response

from ledger.errors import CodedError
from node.api.guard import HEIGHT_HEADER
from node.api.models import Answer, Moment, View
from node.errors import BAD_REQUEST, NO_SUCH_RESOURCE

MINOR_DIGITS = 2
"""Decimal places of every unit's text: 1 SCU is 100 minor units."""


def respond(body: View, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON response; it states the height that an :class:`Answer` reflects."""
    extra = dict(headers or {})
    if isinstance(body, Answer):
        extra[HEIGHT_HEADER] = str(body.height)
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        media_type="application/json",
        headers=extra,
    )


def file(content: bytes, name: str, media_type: str, height: int) -> Response:
    """A file to save."""
    return Response(
        content,
        media_type=media_type,
        headers={
            HEIGHT_HEADER: str(height),
            "Content-Disposition": f'attachment; filename="{name}"',
        },
    )


def moment(ms: int) -> Moment:
    """A time in both forms. A time beyond the calendar's end reads as the last one in it."""
    seconds, rest = divmod(ms, 1000)
    try:
        when = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1000)
    except (OverflowError, ValueError, OSError):
        when = datetime.max.replace(tzinfo=UTC)
    text = when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return Moment(iso=text, ms=ms)


def parse_id(text: str, field: str = "id") -> bytes:
    """A 32-byte id from its 64 hex digits; raises ``BAD_REQUEST``."""
    try:
        data = bytes.fromhex(text) if len(text) == 64 and text.isalnum() else b""
    except ValueError:
        data = b""
    if len(data) != 32:
        raise CodedError(BAD_REQUEST, "an id is 64 hexadecimal digits", field=field)
    return data


def missing(what: str, height: int) -> CodedError:
    """The refusal of a read that finds nothing in the committed state."""
    return CodedError(NO_SUCH_RESOURCE, f"{what} is not on the ledger at height {height}")
