"""Small conversions between the ledger's values and the API's JSON."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import Query
from starlette.responses import Response

from contracts.framework.forms import format_instant
from contracts.framework.render import LANGUAGES
from contracts.framework.statement import statement
from ledger.errors import PRUNED, CodedError
from ledger.transaction import Transaction
from node.api.guard import HEIGHT_HEADER
from node.api.models import Answer, Moment, StatementView, View
from node.errors import BAD_REQUEST, NO_SUCH_RESOURCE

PROOF_MEDIA_TYPE = "application/vnd.iic.proof"

Language = Annotated[
    str, Query(max_length=16, description=f"Language of words: {', '.join(LANGUAGES)}.")
]


def language_named(text: str, field: str = "lang") -> str:
    """A language that operations have words in; raises ``BAD_REQUEST``."""
    if text not in LANGUAGES:
        raise CodedError(BAD_REQUEST, f"one of {', '.join(LANGUAGES)}", field=field)
    return text


def statement_view(transaction: Transaction, language: str) -> StatementView:
    """What the signers of a transaction signed, in words."""
    said = statement(transaction, language)
    return StatementView(language=said.language, text=said.text, sha256=said.sha256.hex())


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
    """A time in both forms."""
    return Moment(iso=format_instant(ms), ms=ms)


def parse_id(text: str, field: str = "id") -> bytes:
    """A 32-byte id from its 64 hex digits; raises ``BAD_REQUEST``."""
    try:
        data = bytes.fromhex(text) if len(text) == 64 and text.isalnum() else b""
    except ValueError:
        data = b""
    if len(data) != 32:
        raise CodedError(BAD_REQUEST, "an id is 64 hexadecimal digits", field=field)
    return data


def pruned(base: int) -> CodedError:
    """The refusal of a read that needs blocks which this node no longer, or never, held."""
    return CodedError(
        PRUNED,
        f"this node holds what blocks record from block {base} on; ask another node or an archive",
    )


def missing(what: str, height: int) -> CodedError:
    """The refusal of a read that finds nothing in the committed state."""
    return CodedError(NO_SUCH_RESOURCE, f"{what} is not on the ledger at height {height}")
