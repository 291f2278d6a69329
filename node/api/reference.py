"""What the ledger offers and holds as a whole: operations, and the supply of currency."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from contracts.accounts import ATTESTED, ISSUED, RESERVE
from contracts.currency.records import ATTESTATION
from contracts.framework.event import name_of
from contracts.framework.forms import operation_from_named
from contracts.framework.operation import Declaration, read_operation
from contracts.framework.party import HOLDING, Role
from contracts.framework.posting import balance_of
from contracts.framework.render import exact_words
from contracts.framework.schema import operation_schema
from contracts.registry import CAPABILITIES
from ledger.errors import MALFORMED, TOO_LARGE, CodedError
from ledger.limits import MAX_TRANSACTION_BYTES
from ledger.state import State
from ledger.transaction import read_content
from node.api.context import Api
from node.api.describe import Describer, money
from node.api.models import (
    DeclarationsAnswer,
    DeclarationView,
    RenderAnswer,
    RenderRequest,
    SupplyAnswer,
    SupplyState,
)
from node.api.schema import answers, reference
from node.api.words import language_named, moment, respond, statement_view


def declaration_view(declared: Declaration, capability: str) -> DeclarationView:
    """A declared operation as the API tells it."""
    return DeclarationView(
        name=declared.name,
        title=declared.title,
        capability=capability,
        meaning=declared.meaning,
        policy=declared.policy,
        by=declared.by.words,
        signing=declared.signing.words,
        cosigned_by=declared.cosigned_by,
        posts=[entry.words for entry in declared.posts],
        emits=[name_of(event) for event in declared.emits],
        errors=[code.name for code in declared.errors],
        text=dict(declared.text),
        schema=operation_schema(declared),
    )


@cache
def declaration_views() -> tuple[DeclarationView, ...]:
    """All operations, by capability and in the order of their declaration."""
    return tuple(
        declaration_view(kind.declaration, capability.name)
        for capability in CAPABILITIES
        for kind in capability.operations
    )


def operation_schemas() -> dict[str, Any]:
    """The operations' JSON Schemas as components of the OpenAPI document."""
    return {f"operation.{view.name}": view.schema for view in declaration_views()}


def supply_states(state: State) -> list[tuple[str, str]]:
    """States that have an issuer, and the issuer's LEI, in the order of country codes."""
    found = []
    for key, holding in state.scan(HOLDING, Role.ISSUER.value):
        scope = key[len(HOLDING.key(Role.ISSUER.value)) :].split(b"\0", 1)[0]
        found.append((scope.decode(), holding.lei))
    return found


def _supply(state: State, country: str, issuer: str, time_ms: int) -> SupplyState:
    attestation = state.get(ATTESTATION, country)
    return SupplyState(
        state=country,
        issuer=issuer,
        outstanding=money(-balance_of(state, ISSUED.of(country)), ISSUED.unit.value),
        reserve=money(-balance_of(state, ATTESTED.of(country)), ATTESTED.unit.value),
        free=money(balance_of(state, RESERVE.of(country)), RESERVE.unit.value),
        attested=None if attestation is None else moment(attestation.time),
        fresh_until=None if attestation is None else moment(attestation.fresh_until),
        fresh=attestation is not None and time_ms <= attestation.fresh_until,
    )


_rendering = msgspec.json.Decoder(RenderRequest)


def rendered(chain_id: bytes, body: bytes, height: int) -> RenderAnswer:
    """Operations or a transaction's content in the words that are signed.

    Raises ``MALFORMED``, ``BAD_REQUEST`` and whatever the operations themselves may be refused for.
    """
    try:
        request = _rendering.decode(body)
        content = bytes.fromhex(request.content)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        raise CodedError(
            MALFORMED, 'the body is {"operations": […]} or {"content": "<hex>"}'
        ) from None
    language = language_named(request.language, "language")
    if bool(content) is bool(request.operations):
        raise CodedError(MALFORMED, "give operations or a transaction's content, one of the two")
    if not content:
        operations = [operation_from_named(document) for document in request.operations]
        texts = [exact_words(op, language) for op in operations]
        return RenderAnswer(height=height, texts=texts)
    transaction = read_content(chain_id, content)
    texts = [exact_words(read_operation(plain), language) for plain in transaction.operations]
    return RenderAnswer(height=height, texts=texts, statement=statement_view(transaction, language))


def routes(api: Api) -> APIRouter:
    """``/v1/operations`` and ``/v1/supply``."""
    router = APIRouter(prefix="/v1", tags=["reference"])

    @router.get(
        "/operations", summary="Declared operations", openapi_extra=answers(DeclarationsAnswer)
    )
    async def operations() -> Response:
        """What a transaction may carry: meaning, who may, what it books, JSON Schema."""
        views = list(declaration_views())
        return respond(DeclarationsAnswer(height=api.node.head().height, operations=views))

    @router.post(
        "/operations/render",
        summary="Operations in words",
        openapi_extra=answers(
            RenderAnswer,
            requestBody={
                "required": True,
                "content": {"application/json": {"schema": reference(RenderRequest)}},
            },
        ),
    )
    async def render(request: Request) -> Response:
        """What somebody would sign, before it is signed: the words, and of a whole content
        their hash. Nothing is stored.
        """
        body = await request.body()
        if len(body) > 4 * MAX_TRANSACTION_BYTES:
            raise CodedError(TOO_LARGE, f"at most {4 * MAX_TRANSACTION_BYTES} bytes")
        return respond(rendered(api.node.chain_id, body, api.node.head().height))

    @router.get("/supply", summary="Supply of currency", openapi_extra=answers(SupplyAnswer))
    async def supply() -> Response:
        """What each state's issuer has outstanding, and the reserve behind it."""
        with api.snapshot() as (reader, head):
            state = State(reader)
            told = Describer(reader, api.node.chain_id)
            states = []
            for country, issuer in supply_states(state):
                told.mention(issuer)
                states.append(_supply(state, country, issuer, head.time))
            names = told.names()
        return respond(
            SupplyAnswer(
                height=head.height,
                states=states,
                outstanding=money(sum(one.outstanding.amount for one in states), ISSUED.unit.value),
                reserve=money(sum(one.reserve.amount for one in states), ATTESTED.unit.value),
                names=names,
            )
        )

    return router
