"""Final blocks byte for byte, for whoever verifies them: followers, mirrors, auditors' tools."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from ledger import limits, segment
from node.api.context import Api
from node.api.guard import HEIGHT_HEADER
from node.api.schema import answers_bytes

SEGMENT_MEDIA_TYPE = "application/vnd.iic.blocks"
USUAL_BYTES = 1024 * 1024
MOST_BYTES = 4 * 1024 * 1024


def routes(api: Api) -> APIRouter:
    """``/v1/segments``."""
    router = APIRouter(prefix="/v1", tags=["blocks"])

    @router.get(
        "/segments",
        summary="Final blocks, complete",
        openapi_extra=answers_bytes(
            "Consecutive blocks in the ledger's canonical encoding.", SEGMENT_MEDIA_TYPE
        ),
    )
    async def read(
        start: Annotated[
            int, Query(alias="from", ge=0, le=limits.MAX_INT, description="The first height.")
        ],
        size: Annotated[
            int, Query(ge=0, le=MOST_BYTES, description="About so many bytes.")
        ] = USUAL_BYTES,
        blocks: Annotated[
            int, Query(ge=1, le=segment.MAX_BLOCKS, description="At most so many blocks.")
        ] = segment.MAX_BLOCKS,
        content: Annotated[
            bool, Query(description="False: headers and finalizations without what they record.")
        ] = True,
        wait: Annotated[
            float, Query(ge=0, le=60, description="Seconds to wait for the first of them.")
        ] = 0,
    ) -> Response:
        """Header, transactions, receipts and finalization of each block from a height on.

        It ends in a block with a finalization of its own and may exceed both bounds to reach one;
        it is empty where this node has none yet. Believe nothing in it: `ledger/segment.py`
        says how it is encoded and `contracts/verifier.py` how it is verified.
        """
        found = await _published(api, start, size, blocks, content, wait)
        return Response(
            segment.write(found),
            media_type=SEGMENT_MEDIA_TYPE,
            headers={HEIGHT_HEADER: str(found.height)},
        )

    return router


async def _published(
    api: Api, start: int, size: int, blocks: int, content: bool, wait: float
) -> segment.Segment:
    """The segment, once there is one or the time is up. Raises ``BUSY`` if too many wait."""
    deadline = time.monotonic() + min(wait, api.settings.max_wait_s)
    while True:
        head = api.node.head().height
        if start <= head:
            async with api.long_read() as (reader, _):
                found = segment.publish(reader, start, size=size, blocks=blocks, content=content)
        else:
            found = segment.Segment(head, ())
        left = deadline - time.monotonic()
        if found.blocks or left <= 0:
            return found
        with api.waiter(), suppress(TimeoutError):
            await asyncio.wait_for(api.node.wait_for_height(max(start, head + 1)), left)
