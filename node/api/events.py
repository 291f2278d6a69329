"""``GET /v1/events``: final blocks as server-sent events, resumable, with gaps told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from sse_starlette.sse import EventSourceResponse, SendTimeoutError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ledger import limits
from ledger.errors import CodedError
from node.api.context import Api
from node.api.feed import Feed
from node.api.guard import client_of
from node.api.models import BlockEvent, GapEvent
from node.api.schema import reference
from node.errors import BAD_CURSOR, Busy

MAX_FILTERS = 32

_EXTRA = {
    "responses": {
        "200": {
            "description": (
                "`text/event-stream`. Event `block` (id = height) for each final block, without "
                "holes; event `gap` names blocks that are too old to be replayed here."
            ),
            "content": {
                "text/event-stream": {
                    "schema": {"oneOf": [reference(BlockEvent), reference(GapEvent)]}
                }
            },
        }
    }
}


def _start(first: int | None, last_id: str | None) -> int | None:
    """The first height to send: after the last id seen, else ``from``, else the next block."""
    if last_id:
        if not last_id.isascii() or not last_id.isdigit() or len(last_id) > 18:
            raise CodedError(BAD_CURSOR, "Last-Event-ID is a block's height", field="Last-Event-ID")
        return int(last_id) + 1
    return first


class _Stream(EventSourceResponse):
    """A stream whose reader is cut off, and counted, when it takes nothing for too long."""

    def __init__(self, api: Api, content: AsyncIterator[bytes]) -> None:
        settings = api.settings
        super().__init__(
            content, ping=settings.event_ping_s, send_timeout=settings.event_send_timeout_s
        )
        self._shed = api.metrics.shed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            self._shed.inc()


def routes(api: Api, feed: Feed) -> APIRouter:
    """The event stream."""
    router = APIRouter(tags=["events"])

    @router.get("/v1/events", summary="Follow final blocks", openapi_extra=_EXTRA)
    async def events(
        request: Request,
        first: Annotated[
            int | None,
            Query(alias="from", ge=0, le=limits.MAX_INT, description="First height to send."),
        ] = None,
        party: Annotated[
            list[Annotated[str, Query(pattern="^[0-9A-Z]{20}$")]],
            Query(
                max_length=MAX_FILTERS, description="Only transactions that concern these parties."
            ),
        ] = [],  # noqa: B006 - FastAPI copies it
        object: Annotated[
            list[Annotated[str, Query(pattern="^[0-9a-f]{64}$")]],
            Query(
                max_length=MAX_FILTERS, description="Only transactions that concern these objects."
            ),
        ] = [],  # noqa: B006
        last_event_id: Annotated[
            str | None, Header(description="Height of the last event seen; goes before `from`.")
        ] = None,
    ) -> Response:
        """Every block is sent, whatever the filters, so that ids stay contiguous.

        An id that is not its predecessor's plus one without a `gap` event between them is a
        defect. A reader that is too slow is cut off and resumes with `Last-Event-ID`.
        """
        client = client_of(request.scope)
        if not feed.has_room(client):
            raise Busy("too many event streams are open", retry_after_s=5)
        stream = feed.stream(client, _start(first, last_event_id), frozenset(party + object))
        return _Stream(api, stream)

    return router
