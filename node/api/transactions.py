"""What became of one transaction, in words, and the file that proves it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from ledger import proof
from ledger.errors import CodedError
from ledger.receipt import read_receipt
from ledger.store.proofs import prove_transaction
from node.api.context import Api
from node.api.describe import Describer
from node.api.handle import Submission
from node.api.models import TransactionView
from node.api.schema import answers, answers_bytes
from node.api.submissions import view
from node.api.words import (
    PROOF_MEDIA_TYPE,
    Language,
    file,
    language_named,
    missing,
    moment,
    parse_id,
    pruned,
    respond,
    statement_view,
)
from node.errors import NOT_FINAL

TransactionId = Annotated[
    str, Path(min_length=64, max_length=64, description="The transaction's id, 64 hex digits.")
]


def routes(api: Api) -> APIRouter:
    """``/v1/transactions/{id}`` for reading."""
    router = APIRouter(prefix="/v1/transactions/{id}", tags=["transactions"])
    node = api.node

    @router.get("", summary="One transaction", openapi_extra=answers(TransactionView))
    async def transaction(
        id: TransactionId,
        wait: Annotated[Literal["none", "final"], Query()] = "none",
        timeout: Annotated[float, Query(ge=0, le=60)] = 10.0,
        lang: Language = "en",
    ) -> Response:
        """Its status; once it is recorded, also its content and its receipt, in words.

        `statement` is what its signers signed, in the language asked for, with its hash.

        An id that this node has never seen is `unknown`, not an error; so is one in a block that
        the node does not hold (`history_from` of `/v1/node`).
        """
        identity = parse_id(id)
        language = language_named(lang)
        known = node.status(identity)
        if wait == "final":
            [known] = await api.settle([known], timeout)
        with api.snapshot() as (reader, head):
            place = reader.find_transaction(identity)
            if place is None:
                return respond(TransactionView(height=head.height, submission=view(known)))
            height, index = place
            row, header = reader.row(height, index), reader.header(height)
            assert row is not None and header is not None, "the index names a stored row"
            told = Describer(reader, node.chain_id, language)
            receipt = read_receipt(row.receipt)
            candidate = told.candidate(row)
            assert candidate is not None, "a transaction's row holds its bytes"
            recorded = Submission(
                identity,
                "final" if receipt.applied else "refused",
                height,
                index,
                receipt.code,
                receipt.reason,
                receipt.field,
            )
            body = TransactionView(
                height=head.height,
                submission=view(recorded),
                author=candidate.transaction.author,
                reference=candidate.transaction.reference,
                valid_until=moment(candidate.transaction.valid_until),
                operations=told.operations(candidate),
                signers=[key.hex() for key in candidate.signers],
                statement=statement_view(candidate.transaction, language),
                receipt=told.receipt(receipt, header, index),
                names=told.names(),
            )
        return respond(body)

    @router.get(
        "/receipt",
        summary="The receipt as a file",
        openapi_extra=answers_bytes(
            "A self-contained receipt; `iic audit verify-receipt` verifies it offline.",
            PROOF_MEDIA_TYPE,
        ),
    )
    async def receipt(id: TransactionId) -> Response:
        """Verifies offline from the genesis file alone. `NOT_FINAL` while it is pending."""
        identity = parse_id(id)
        proven, read_at = await api.prove(lambda reader: prove_transaction(reader, identity))
        if proven is None:
            if node.status(identity).status == "pending":
                raise CodedError(NOT_FINAL, "the transaction is pending; ask again shortly")
            base = node.store.base
            raise pruned(base) if base else missing(f"transaction {id[:16]}…", read_at)
        return file(proof.write(proven), f"{id[:8]}.receipt", PROOF_MEDIA_TYPE, read_at)

    return router
