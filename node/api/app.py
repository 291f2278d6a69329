"""The application: every route over one node, behind one guard."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from node.api import (
    accounts,
    alarms,
    blocks,
    events,
    histories,
    parties,
    problems,
    proofs,
    reference,
    schema,
    segments,
    submissions,
    system,
    todo,
    transactions,
    validators,
)
from node.api.connection import Connections
from node.api.context import Api
from node.api.describe import concerns
from node.api.feed import Feed
from node.api.guard import Guard
from node.api.handle import NodeHandle
from node.api.settings import ApiSettings
from node.explorer.routes import Site
from node.explorer.settings import DEFAULT_EXPLORER, ExplorerSettings

DESCRIPTION = """\
The ledger of an industrial cluster, as one of its guarantor nodes tells it.

Everything under `/v1` reads committed state, and every answer states the height that it reflects
(`X-Ledger-Height`, and `height` in the body). Ids, hashes and keys are lower-case hex; amounts are
integers in minor units (1 SCU = 100) with their text beside; times are ISO 8601 in UTC with
milliseconds since the Unix epoch beside. Refusals are problem details (RFC 9457) with a stable
`code`. You need not trust this node: receipts and proofs verify offline from the genesis file.
"""


def _operation_id(route: APIRoute) -> str:
    """``get_parties_lei_todo``: the method and the path's words."""
    words = re.findall("[a-z]+", route.path_format.removeprefix("/v1"))
    return "_".join([min(route.methods or {"get"}).lower(), *words])


def create_app(
    node: NodeHandle,
    settings: ApiSettings | None = None,
    *,
    clock_ms: Callable[[], int] = system.wall_clock_ms,
    explorer: ExplorerSettings = DEFAULT_EXPLORER,
) -> FastAPI:
    """The ASGI application of a node; used on the node's own event loop.

    ``clock_ms`` is the wall clock, for ages that people read. The application is made once per
    node: it adds its metrics to the node's registry.
    """
    api = Api(node, settings or ApiSettings())
    site = Site(api, explorer, clock_ms) if explorer.served else None
    feed = Feed(api, partial(concerns, node.chain_id))
    app = FastAPI(
        title="iic ledger node",
        version=node.describe()["version"],
        description=DESCRIPTION,
        openapi_url="/v1/openapi.json",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        lifespan=None if site is None else lambda app: site.running(),
    )
    problems.install(app)
    for router in (
        submissions.routes(api),
        transactions.routes(api),
        blocks.routes(api),
        segments.routes(api),
        proofs.routes(api),
        parties.routes(api),
        todo.routes(api),
        histories.routes(api),
        accounts.routes(api),
        reference.routes(api),
        events.routes(api, feed),
        system.routes(api, clock_ms),
        alarms.routes(api),
        validators.routes(api),
    ):
        app.include_router(router)
    if site is not None:
        site.install(app)
    app.state.explorer = site
    app.add_middleware(
        Guard, rates=api.request_rates, metrics=api.metrics, height=lambda: node.head().height
    )

    def openapi() -> dict[str, Any]:
        return schema.document(app, reference.operation_schemas())

    # Streams never end by themselves: the server closes them before it waits for connections.
    app.state.close_streams = feed.close
    app.state.connections = Connections(api.settings, api.metrics)
    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way
    return app
