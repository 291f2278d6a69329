"""Proofs as files: of a record or its absence, of a receipt, and that a ledger extends another."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from ledger import limits, proof
from ledger.errors import CodedError
from ledger.state import KeyPart
from ledger.store.proofs import prove_extension, prove_receipt, prove_state
from node.api.context import Api
from node.api.cursors import MAX_POSITION
from node.api.describe import tables
from node.api.schema import answers_bytes
from node.api.words import PROOF_MEDIA_TYPE, file, missing
from node.errors import BAD_REQUEST

MAX_PARTS = 8

AHeight = Annotated[int, Query(ge=0, le=limits.MAX_INT, description="A block's height.")]


def _part(text: str, at: int) -> KeyPart:
    """A key's part: ``s:text``, ``i:number`` or ``x:hex``."""
    kind, colon, value = text.partition(":")
    if colon and kind == "s":
        return value
    if colon and kind == "i" and value.isascii() and value.isdigit() and len(value) <= 20:
        return int(value)
    if colon and kind == "x" and len(value) == 64:
        try:
            return bytes.fromhex(value)
        except ValueError:
            pass
    raise CodedError(
        BAD_REQUEST, "a part is s:text, i:number or x: and 64 hex digits", field=f"part[{at}]"
    )


def state_key(table: str, parts: list[str]) -> bytes:
    """The state's key of a table's name and the parts of a request; raises ``BAD_REQUEST``."""
    found = tables().get(table)
    if found is None:
        raise CodedError(
            BAD_REQUEST, f"the state's tables are: {', '.join(tables())}", field="table"
        )
    return found.key(*(_part(part, at) for at, part in enumerate(parts)))


def routes(api: Api) -> APIRouter:
    """``/v1/proofs``."""
    router = APIRouter(prefix="/v1/proofs", tags=["proofs"])

    @router.get(
        "/state/{table}",
        summary="A record of the state, or its absence",
        openapi_extra=answers_bytes("A self-contained proof of one key.", PROOF_MEDIA_TYPE),
    )
    async def state(
        table: Annotated[str, Path(max_length=32, description="The table's name.")],
        part: Annotated[
            list[str],
            Query(
                max_length=MAX_PARTS,
                description="Parts of the key in order: `s:text`, `i:number`, `x:` and hex.",
            ),
        ] = [],  # noqa: B006 - FastAPI copies it
    ) -> Response:
        """Proves the record at the newest certified height, or that there is none.

        `balance` with `part=s:ACCOUNT&part=s:SCU` proves an account's balance.
        """
        if sum(map(len, part)) > 2 * limits.MAX_STATE_KEY_BYTES:
            raise CodedError(BAD_REQUEST, "a key has at most 400 bytes", field="part")
        key = state_key(table, part)
        proven, read_at = await api.prove(lambda reader: prove_state(reader, key))
        return file(proof.write(proven), f"{table}.proof", PROOF_MEDIA_TYPE, read_at)

    @router.get(
        "/inclusion",
        summary="One receipt by its place",
        openapi_extra=answers_bytes("A self-contained receipt.", PROOF_MEDIA_TYPE),
    )
    async def inclusion(
        height: AHeight,
        index: Annotated[int, Query(ge=0, le=MAX_POSITION, description="Its position.")],
    ) -> Response:
        """As a transaction's receipt file, for deadlines too."""
        proven, read_at = await api.prove(lambda reader: prove_receipt(reader, height, index))
        if proven is None:
            raise missing(f"receipt {index} of block {height}", read_at)
        name = f"{height}-{index}.receipt"
        return file(proof.write(proven), name, PROOF_MEDIA_TYPE, read_at)

    @router.get(
        "/consistency",
        summary="Today's ledger extends an earlier one",
        openapi_extra=answers_bytes("A self-contained proof of extension.", PROOF_MEDIA_TYPE),
    )
    async def consistency(
        first: Annotated[
            int,
            Query(alias="from", ge=0, le=limits.MAX_INT, description="The older block's height."),
        ],
    ) -> Response:
        """Compare the older header's hash in the file with the one that you kept."""
        proven, read_at = await api.prove(lambda reader: prove_extension(reader, first))
        if proven is None:
            raise missing(f"block {first}", read_at)
        name = f"{first}-{proven.finality.header.height}.extension"
        return file(proof.write(proven), name, PROOF_MEDIA_TYPE, read_at)

    return router
