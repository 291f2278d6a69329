"""RFC 9457 problem details: every refusal has a stable code and a sentence, never a traceback."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ledger.errors import CodedError, ErrorCode
from node.api.models import Problem
from node.errors import (
    BAD_REQUEST,
    INTERNAL,
    METHOD_NOT_ALLOWED,
    NO_SUCH_RESOURCE,
    NOT_READY,
    UNSUPPORTED_MEDIA_TYPE,
    Busy,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

PROBLEM_MEDIA_TYPE = "application/problem+json"

_BY_STATUS: Mapping[int, ErrorCode] = {
    404: NO_SUCH_RESOURCE,
    405: METHOD_NOT_ALLOWED,
    415: UNSUPPORTED_MEDIA_TYPE,
    503: NOT_READY,
}

_log = structlog.get_logger("node.api")


def problem(
    code: ErrorCode, detail: str, *, field: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """The response for one refusal. ``type`` leads to the code's description on this node."""
    body = Problem(
        type=f"/v1/errors/{code.name}",
        title=code.meaning,
        status=code.status,
        detail=detail,
        code=code.name,
        field=field,
    )
    return Response(
        msgspec.json.encode(body),
        status_code=code.status,
        media_type=PROBLEM_MEDIA_TYPE,
        headers=dict(headers or {}),
    )


def problem_of(error: CodedError) -> Response:
    """The response for a coded error, with ``Retry-After`` when it says when to come back."""
    headers: dict[str, str] = {}
    if isinstance(error, Busy):
        headers["Retry-After"] = str(error.retry_after_s)
    if error.code.status == 413:
        # The rest of the body is never read, so the connection cannot be used again.
        headers["Connection"] = "close"
    return problem(error.code, error.message, field=error.field, headers=headers)


def unexpected(request_path: str, error: Exception) -> Response:
    """The response for a failure nobody foresaw: logged in full, told without detail."""
    _log.error("request failed", path=request_path, exc_info=error)
    return problem(INTERNAL, "the node could not answer; nothing was changed by this request")


def install(app: FastAPI) -> None:
    """Turn everything that a route raises into problem details."""

    async def coded(request: Request, error: Exception) -> Response:
        assert isinstance(error, CodedError)
        if error.code.status >= 500 and not isinstance(error, Busy):
            _log.error("request failed", path=request.url.path, code=error.code.name)
        return problem_of(error)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        where = [str(part) for part in first.get("loc", ())]
        return problem(BAD_REQUEST, str(first.get("msg", "invalid")), field=".".join(where[1:]))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = _BY_STATUS.get(error.status_code)
        if code is None:
            code = BAD_REQUEST if error.status_code < 500 else INTERNAL
        detail = {
            404: f"there is nothing at {request.url.path[:200]}",
            405: f"{request.method[:20]} is not one of this resource's methods",
        }.get(error.status_code, "the request cannot be served")
        return problem(code, detail, headers=error.headers)

    app.add_exception_handler(CodedError, coded)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
