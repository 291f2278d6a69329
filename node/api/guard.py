"""What stands before every route: rates per client, metrics, the height header, last resort."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.requests import ClientDisconnect

from ledger.errors import CodedError
from node.api.problems import problem_of, unexpected
from node.errors import RATE_LIMITED, Busy

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEIGHT_HEADER = "X-Ledger-Height"
_UNLIMITED = frozenset({"/healthz", "/readyz", "/metrics"})


class ApiMetrics:
    """The API's metric families, in the node's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "iic_api_requests",
            "Requests answered, by route, method and status.",
            ("route", "method", "status"),
            registry=registry,
        )
        self.duration = Histogram(
            "iic_api_request_seconds",
            "Time from a request's head to the end of its answer, event streams excepted.",
            ("route",),
            buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 60.0),
            registry=registry,
        )
        self.submitted = Counter(
            "iic_api_transactions",
            "Transactions submitted, by first answer (status, or code when refused).",
            ("answer",),
            registry=registry,
        )
        self.subscribers = Gauge(
            "iic_api_event_subscribers", "Open event streams.", registry=registry
        )
        self.shed = Counter(
            "iic_api_event_subscribers_shed",
            "Event streams ended because their reader was too slow.",
            registry=registry,
        )
        self.connections = Gauge("iic_api_connections", "Open connections.", registry=registry)
        self.connections_refused = Counter(
            "iic_api_connections_refused",
            "Connections too many: of one client, of all, or a flood that was cut off unanswered.",
            ("reason",),
            registry=registry,
        )
        self.connections_shed = Counter(
            "iic_api_connections_shed",
            "Connections cut off: slow head, slow body, slow reader, size of a request, memory.",
            ("reason",),
            registry=registry,
        )
        self.unsent = Gauge(
            "iic_api_unsent_bytes", "Answers that wait for slow readers.", registry=registry
        )
        self.downloads = Gauge("iic_api_downloads", "Files being gathered.", registry=registry)


class Rates:
    """Token buckets per client; the longest idle client is forgotten first."""

    def __init__(self, rate: float, burst: int, clients: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._clients = clients
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, cost: float, now: float) -> float:
        """0.0 when ``cost`` tokens were taken, else the seconds until they are there."""
        level, since = self._buckets.pop(client, (self._burst, now))
        level = min(self._burst, level + (now - since) * self._rate)
        cost = min(cost, self._burst)
        wait = 0.0
        if level >= cost:
            level -= cost
        else:
            wait = (cost - level) / self._rate
        self._buckets[client] = (level, now)
        if len(self._buckets) > self._clients:
            self._buckets.popitem(last=False)
        return wait

    def require(self, client: str, cost: float) -> None:
        """Raise ``RATE_LIMITED`` with the time to wait, or take the tokens."""
        wait = self.take(client, cost, time.monotonic())
        if wait > 0:
            raise Busy(
                "this client sends faster than the node allows",
                retry_after_s=max(1, math.ceil(wait)),
                code=RATE_LIMITED,
            )


def client_of(scope: Scope) -> str:
    """Whose bucket a request draws from: an IPv4 address, an IPv6 /64, or "local"."""
    client = scope.get("client")
    if not client:
        return "local"
    host = str(client[0])
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.IPv6Network((address.packed[:8] + bytes(8), 64)))
    return host


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(
        self, app: ASGIApp, *, rates: Rates, metrics: ApiMetrics, height: Callable[[], int]
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._height = height
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                name = HEIGHT_HEADER.lower().encode()
                headers = message.setdefault("headers", [])
                if not any(key.lower() == name for key, _ in headers):
                    message["headers"] = [*headers, (name, str(self._height()).encode())]
            await send(message)

        try:
            if scope["path"] not in _UNLIMITED:
                self._rates.require(client_of(scope), 1.0)
            await self._app(scope, receive, sending)
        except CodedError as error:
            if status:
                raise
            await problem_of(error)(scope, receive, sending)
        except ClientDisconnect:
            return
        except Exception as error:
            if status:
                raise
            await unexpected(scope["path"], error)(scope, receive, sending)
        finally:
            self._count(scope, status, time.monotonic() - began)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        # The template, not the path: a path is the client's and would grow the metrics forever.
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if scope["method"] in {"GET", "POST", "HEAD"} else "other"
        self._metrics.requests.labels(route, method, str(status)).inc()
        if route != "/v1/events":
            self._metrics.duration.labels(route).observe(seconds)
