"""Submitting transactions and asking what became of them."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from ledger.errors import MALFORMED, NOT_CANONICAL, TOO_LARGE, CodedError
from node.api.context import Api
from node.api.guard import client_of
from node.api.handle import Submission
from node.api.models import (
    StatusRequest,
    SubmissionAnswer,
    SubmissionRequest,
    SubmissionView,
)
from node.api.schema import answers, reference
from node.api.words import parse_id, respond
from node.errors import UNSUPPORTED_MEDIA_TYPE

MSGPACK = "application/msgpack"
_MSGPACK_NAMES = frozenset({MSGPACK, "application/vnd.msgpack", "application/octet-stream"})
_JSON = "application/json"

_wires = msgspec.msgpack.Decoder(list[bytes])
_submission = msgspec.json.Decoder(SubmissionRequest)
_ids = msgspec.json.Decoder(StatusRequest)

Wait = Annotated[
    Literal["none", "final"],
    Query(description="`final`: answer when none is pending any more, or at the time-out."),
]
Timeout = Annotated[float, Query(ge=0, le=60, description="Seconds to wait at most.")]


def read_wires(body: bytes, media_type: str) -> list[bytes]:
    """The envelopes in a submission's body.

    ``application/msgpack``: a canonical MessagePack array of byte strings. ``application/json``:
    ``{"transactions": ["<base64url>", …]}``. Raises ``MALFORMED``, ``NOT_CANONICAL`` or
    ``UNSUPPORTED_MEDIA_TYPE``; what the envelopes hold is not looked at here.
    """
    kind = media_type.partition(";")[0].strip().lower()
    if kind in _MSGPACK_NAMES:
        try:
            wires = _wires.decode(body)
        except msgspec.DecodeError:
            raise CodedError(
                MALFORMED, "the body is a MessagePack array of byte strings, one per envelope"
            ) from None
        if msgspec.msgpack.encode(wires) != body:
            raise CodedError(NOT_CANONICAL, "array and byte strings take their shortest form")
    elif kind == _JSON:
        try:
            request = _submission.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise CodedError(
                MALFORMED, 'the body is {"transactions": ["<base64url>", …]}'
            ) from None
        wires = [_from_base64(text, at) for at, text in enumerate(request.transactions)]
    else:
        raise CodedError(UNSUPPORTED_MEDIA_TYPE, f"send {MSGPACK} or {_JSON}")
    if not wires:
        raise CodedError(MALFORMED, "at least one transaction is submitted", field="transactions")
    return wires


def _from_base64(text: str, at: int) -> bytes:
    try:
        padded = text.rstrip("=").encode("ascii")
        return base64.b64decode(padded + b"=" * (-len(padded) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise CodedError(
            MALFORMED, "an envelope is URL-safe base64", field=f"transactions[{at}]"
        ) from None


def view(submission: Submission) -> SubmissionView:
    """A submission as the API tells it."""
    return SubmissionView(
        id=None if submission.id is None else submission.id.hex(),
        status=submission.status,
        height=submission.height,
        index=submission.index,
        code=submission.code,
        reason=submission.reason,
        field=submission.field,
    )


def _answer(api: Api, results: Sequence[Submission]) -> Response:
    height = api.node.head().height
    body = SubmissionAnswer(height=height, transactions=[view(result) for result in results])
    waiting = any(result.status == "pending" for result in results)
    return respond(body, status=202 if waiting else 200)


def routes(api: Api) -> APIRouter:
    """``/v1/transactions`` for writing, and statuses of many."""
    router = APIRouter(prefix="/v1/transactions", tags=["transactions"])
    settings = api.settings
    submission_bodies = {
        MSGPACK: {
            "schema": {
                "type": "string",
                "format": "binary",
                "description": "Canonical MessagePack array of envelopes' bytes.",
            }
        },
        _JSON: {"schema": reference(SubmissionRequest)},
    }
    submission_extra = answers(
        SubmissionAnswer,
        "No transaction is pending.",
        requestBody={"required": True, "content": submission_bodies},
    )
    submission_extra["responses"]["202"] = {
        "description": "At least one transaction is pending.",
        "content": {_JSON: {"schema": reference(SubmissionAnswer)}},
    }

    @router.post("", summary="Submit one or many transactions", openapi_extra=submission_extra)
    async def submit(request: Request, wait: Wait = "none", timeout: Timeout = 10.0) -> Response:
        """Submitting the same bytes again is safe: they get their first result.

        The answer has one entry per transaction. `429` with `Retry-After` means that nothing of
        this request was taken.
        """
        async with api.body(request, settings.max_submission_bytes) as body:
            wires = read_wires(body, request.headers.get("content-type", ""))
            if len(wires) > settings.max_submission_transactions:
                raise CodedError(
                    TOO_LARGE,
                    f"at most {settings.max_submission_transactions} transactions are accepted",
                    field="transactions",
                )
            api.transaction_rates.require(client_of(request.scope), len(wires))
            results = await api.node.submit(wires)
        for label, count in Counter(r.code or r.status for r in results).items():
            api.metrics.submitted.labels(label).inc(count)
        if wait == "final":
            results = await api.settle(results, timeout)
        return _answer(api, results)

    status_extra = answers(
        SubmissionAnswer,
        requestBody={"required": True, "content": {_JSON: {"schema": reference(StatusRequest)}}},
    )

    @router.post("/status", summary="Statuses of many transactions", openapi_extra=status_extra)
    async def statuses(request: Request, wait: Wait = "none", timeout: Timeout = 10.0) -> Response:
        """One entry per id, in order. With `wait=final`, ids unknown to this node do not wait."""
        async with api.body(request, settings.max_submission_bytes) as body:
            try:
                wanted = _ids.decode(body).ids
            except (msgspec.DecodeError, UnicodeDecodeError):
                raise CodedError(MALFORMED, 'the body is {"ids": ["<hex>", …]}') from None
            if len(wanted) > settings.max_submission_transactions:
                raise CodedError(
                    TOO_LARGE,
                    f"at most {settings.max_submission_transactions} ids are accepted",
                    field="ids",
                )
            known = [parse_id(text, f"ids[{at}]") for at, text in enumerate(wanted)]
        results = [api.node.status(identity) for identity in known]
        if wait == "final":
            results = await api.settle(results, timeout)
        answer = _answer(api, results)
        answer.status_code = 200
        return answer

    return router
