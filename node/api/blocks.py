"""Blocks: their headers, and what each records."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from ledger import limits
from ledger.block import Certificate, Header, VoteKind
from ledger.errors import CodedError
from node.api import cursors
from node.api.context import Api
from node.api.cursors import Place
from node.api.describe import Describer
from node.api.models import BlockAnswer, BlockPage, BlockRows, BlockView, CertificateView, RowView
from node.api.schema import answers
from node.api.words import missing, moment, pruned, respond
from node.errors import BAD_REQUEST

_ROWS = "rows"

MAX_SIDES = 2_000
"""Postings after which a page ends early; a single transaction may carry hundreds."""

Limit = Annotated[int | None, Query(ge=1, le=1000, description="Entries per page at most.")]
CursorParameter = Annotated[
    str, Query(max_length=cursors.MAX_CURSOR_CHARS, description="`next` of the page before.")
]

_KINDS = {
    VoteKind.NOTARIZE: "notarization",
    VoteKind.NULLIFY: "nullification",
    VoteKind.FINALIZE: "finalization",
    VoteKind.RECOVER: "recovery",
}


def certificate_view(certificate: Certificate) -> CertificateView:
    """A certificate's facts; its signatures are in the receipt files."""
    return CertificateView(
        kind=_KINDS[certificate.kind],  # type: ignore[arg-type]  # one of the literals
        epoch=certificate.epoch,
        view=certificate.view,
        signers=[signature.signer for signature in certificate.signatures],
    )


def block_view(header: Header, certificate: Certificate | None) -> BlockView:
    """A header as the API tells it."""
    return BlockView(
        block=header.height,
        hash=header.hash().hex(),
        view=header.view,
        epoch=header.epoch,
        parent=header.parent.hex(),
        time=moment(header.time),
        transactions=header.transactions,
        receipts=header.receipts,
        transactions_root=header.transactions_root.hex(),
        receipts_root=header.receipts_root.hex(),
        state_root=header.state_root.hex(),
        history_root=header.history_root.hex(),
        validators_hash=header.validators_hash.hex(),
        next_validators_hash=header.next_validators_hash.hex(),
        protocol=header.protocol,
        certificate=None if certificate is None else certificate_view(certificate),
    )


def page_size(api: Api, limit: int | None) -> int:
    """The number of entries of a page: what was asked for, within the node's bounds."""
    return min(limit or api.settings.default_page, api.settings.max_page)


def _height(text: str, head: int) -> int:
    if text == "latest":
        return head
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise CodedError(BAD_REQUEST, "a block is named by its height or `latest`", field="height")
    return int(text)


def _not_held(wanted: int, head: int, base: int) -> CodedError:
    return pruned(base) if wanted <= head else missing(f"block {wanted}", head)


def routes(api: Api) -> APIRouter:
    """``/v1/blocks``."""
    router = APIRouter(prefix="/v1/blocks", tags=["blocks"])

    @router.get("", summary="Blocks, newest first", openapi_extra=answers(BlockPage))
    async def blocks(
        before: Annotated[
            int | None,
            Query(ge=0, le=limits.MAX_INT, description="Only blocks below this height."),
        ] = None,
        limit: Limit = None,
    ) -> Response:
        """Headers of final blocks."""
        with api.snapshot() as (reader, head):
            height = head.height if before is None else min(before - 1, head.height)
            views: list[BlockView] = []
            while height >= 0 and len(views) < page_size(api, limit):
                header = reader.header(height)
                if header is None:
                    break  # older than what this node holds
                views.append(block_view(header, reader.certificate(height)))
                height -= 1
        more = bool(views) and views[-1].block > 0
        return respond(
            BlockPage(height=head.height, blocks=views, before=views[-1].block if more else None)
        )

    @router.get("/{height}", summary="One block", openapi_extra=answers(BlockAnswer))
    async def block(
        height: Annotated[str, Path(max_length=20, description="A height, or `latest`.")],
    ) -> Response:
        """One header, and its finalization if it has one of its own."""
        with api.snapshot() as (reader, head):
            wanted = _height(height, head.height)
            header = reader.header(wanted)
            if header is None:
                raise missing(f"block {wanted}", head.height)
            view = block_view(header, reader.certificate(wanted))
        return respond(BlockAnswer(height=head.height, block=view))

    @router.get(
        "/{height}/transactions",
        summary="What a block records",
        openapi_extra=answers(BlockRows),
    )
    async def rows(
        height: Annotated[str, Path(max_length=20, description="A height, or `latest`.")],
        cursor: CursorParameter = "",
        limit: Limit = None,
    ) -> Response:
        """Receipts in order: deadlines that fired first, then transactions."""
        async with api.long_read() as (reader, head):
            wanted = _height(height, head.height)
            header = reader.header(wanted)
            if header is None or (header.receipts and wanted < reader.base):
                raise _not_held(wanted, head.height, reader.base)
            subject = wanted.to_bytes(8, "big")
            first = cursors.read(cursor, _ROWS, subject).index if cursor else 0
            told = Describer(reader, api.node.chain_id)
            views: list[RowView] = []
            sides = 0
            index = first
            while index < header.receipts and len(views) < page_size(api, limit):
                row = reader.row(wanted, index)
                if row is None:
                    break
                view = told.row(row, header, index)
                views.append(view)
                index += 1
                sides += len(view.receipt.postings)
                if sides >= MAX_SIDES:
                    break
            names = told.names()
        following = ""
        if index < header.receipts:
            following = cursors.write(Place(_ROWS, subject, wanted, index))
        return respond(
            BlockRows(height=head.height, block=wanted, rows=views, names=names, next=following)
        )

    return router
