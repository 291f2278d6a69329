"""The node itself: what it does and why it waits, health, metrics, genesis, error catalogue."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from contracts.framework.protocol import Protocol, is_known
from contracts.governance.views import protocol_ahead
from ledger.errors import CodedError, catalogue
from ledger.state import State
from node.api.blocks import block_view
from node.api.context import Api
from node.api.handle import Description, Peer
from node.api.models import ErrorCatalogue, ErrorView, NodeView, PeerView, Readiness, UpgradeView
from node.api.schema import answers, answers_bytes
from node.api.words import file, moment, respond
from node.errors import NO_SUCH_RESOURCE


def not_ready_because(about: Description, head_age_s: float, recent_s: float) -> str:
    """Why the node cannot serve its clients now; empty when it can.

    It can if it is not catching up and either its newest block is recent or enough validators for
    a quorum are reachable, so that submissions will become final. A node that knows better says so.
    """
    if "not_ready" in about:
        return about["not_ready"]
    if about["syncing"]:
        return "the node is catching up with the other validators"
    if head_age_s <= recent_s or about["reachable"] >= about["quorum"]:
        return ""
    return (
        f"{about['reachable']} of {about['validators']} validators are reachable, "
        f"{about['quorum']} are needed, and the newest block is {int(head_age_s)} s old"
    )


def routes(api: Api, clock_ms: Callable[[], int]) -> APIRouter:
    """Everything about the node rather than the ledger."""
    router = APIRouter()
    node = api.node

    def reason() -> str:
        age_s = (clock_ms() - node.head().time) / 1000
        return not_ready_because(node.describe(), age_s, api.settings.ready_block_age_s)

    @router.get("/healthz", tags=["node"], summary="Alive", openapi_extra=answers(Readiness))
    async def healthz() -> Response:
        """200 for as long as the process answers; says nothing about the ledger."""
        return respond(Readiness(height=node.head().height, ready=True, reason=""))

    @router.get("/readyz", tags=["node"], summary="Ready", openapi_extra=answers(Readiness))
    async def readyz() -> Response:
        """200 when submissions can become final, else 503 with the reason."""
        why = reason()
        body = Readiness(height=node.head().height, ready=not why, reason=why)
        return respond(body, status=503 if why else 200)

    @router.get(
        "/metrics",
        tags=["node"],
        summary="Prometheus metrics",
        openapi_extra=answers_bytes("Prometheus text format.", "text/plain"),
    )
    async def metrics() -> Response:
        """All counters and gauges of the node."""
        return Response(generate_latest(node.metrics), media_type=CONTENT_TYPE_LATEST)

    @router.get("/v1/node", tags=["node"], summary="The node", openapi_extra=answers(NodeView))
    async def describe() -> Response:
        """What the node is doing, why it waits, and how it sees the other validators."""
        about = node.describe()
        why = reason()
        with api.snapshot() as (reader, head):
            view = block_view(head, reader.certificate(head.height))
            history_from = reader.base
            coming = protocol_ahead(State(reader))
        return respond(
            NodeView(
                height=head.height,
                chain_id=node.chain_id.hex(),
                network=node.genesis.network,
                version=about["version"],
                name=about["name"],
                role=about["role"],
                index=about["index"],
                head=view,
                clock=moment(clock_ms()),
                started=moment(about["started_ms"]),
                view=about["view"],
                epoch=about["epoch"],
                leader=about["leader"],
                waiting_for=about["waiting_for"],
                ready=not why,
                not_ready_because=why,
                validators=about["validators"],
                quorum=about["quorum"],
                reachable=about["reachable"],
                further_failures_tolerated=max(0, about["reachable"] - about["quorum"]),
                peers=[_peer(peer) for peer in about["peers"]],
                pending_transactions=about["pending_transactions"],
                pending_bytes=about["pending_bytes"],
                syncing=about["syncing"],
                protocol=head.protocol,
                upgrade=None if coming is None else _upgrade(coming),
                history_from=history_from,
                entry=about.get("entry", ""),
            )
        )

    @router.get(
        "/v1/genesis",
        tags=["node"],
        summary="The genesis file",
        openapi_extra=answers_bytes("The genesis file, as signed.", "application/json"),
    )
    async def genesis() -> Response:
        """Compare its chain id with the one you were given by another way than this node."""
        return file(node.genesis_file, f"{node.genesis.network}.genesis", "application/json", 0)

    @router.get(
        "/v1/errors",
        tags=["reference"],
        summary="Error codes",
        openapi_extra=answers(ErrorCatalogue),
    )
    async def errors() -> Response:
        """Every stable code with its HTTP status and meaning."""
        return respond(
            ErrorCatalogue(
                height=node.head().height,
                errors=[
                    ErrorView(code=code.name, status=code.status, meaning=code.meaning)
                    for code in catalogue().values()
                ],
            )
        )

    @router.get(
        "/v1/errors/{code}",
        tags=["reference"],
        summary="One error code",
        openapi_extra=answers(ErrorView),
    )
    async def error(code: Annotated[str, Path(max_length=64)]) -> Response:
        """What problem details' `type` leads to."""
        found = catalogue().get(code)
        if found is None:
            raise CodedError(NO_SUCH_RESOURCE, "there is no such error code", field="code")
        return respond(ErrorView(code=found.name, status=found.status, meaning=found.meaning))

    return router


def _peer(peer: Peer) -> PeerView:
    seen, expires = peer["last_seen_ms"], peer.get("certificate_expires_ms")
    return PeerView(
        index=peer["index"],
        name=peer["name"],
        party=peer["party"],
        address=peer["address"],
        reachable=peer["reachable"],
        height=peer["height"],
        lag=peer["lag"],
        last_seen=None if seen is None else moment(seen),
        certificate_expires=None if expires is None else moment(expires),
    )


def wall_clock_ms() -> int:
    """The machine's clock, for ages that people read; nothing is decided by it."""
    return time.time_ns() // 1_000_000


def _upgrade(coming: Protocol) -> UpgradeView:
    return UpgradeView(
        protocol=coming.version,
        from_height=coming.height,
        release=None if coming.release is None else coming.release.hex(),
        known=is_known(coming),
    )
