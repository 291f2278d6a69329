"""Requests to pages: language, caching, tables as files, refusals as pages."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import cached_property
from typing import Any, Final
from urllib.parse import quote

import msgspec
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from contracts.framework.render import LANGUAGES
from ledger.block import Header
from ledger.errors import TOO_LARGE, CodedError
from ledger.state import State
from ledger.store.interface import ChainReader
from node.api.context import Api
from node.api.guard import HEIGHT_HEADER
from node.api.lane import Lane
from node.api.words import pruned, respond
from node.errors import BAD_REQUEST, INTERNAL, NO_SUCH_RESOURCE, Busy
from node.explorer import download, standalone, status
from node.explorer.assets import PREFIX, assets
from node.explorer.index.reader import IndexReader
from node.explorer.index.writer import Index
from node.explorer.language import msg, preferred
from node.explorer.pages import PAGES
from node.explorer.proofs import of_block
from node.explorer.rendering import render
from node.explorer.sessions import SESSION_COOKIE, Challenge, Login, Sessions
from node.explorer.settings import ExplorerSettings
from node.explorer.site import Elsewhere, Group, Page
from node.explorer.table import Table, machine_values
from node.explorer.view import View
from node.logs import logger

Endpoint = Callable[[Request], Awaitable[Response]]

LOGIN_PATH: Final = "/explorer/login"
MAX_LOGIN_BYTES: Final = 2_000
MAX_QUERY_CHARS: Final = 2_000
MAX_DOWNLOAD_ROWS: Final = 200_000
DOWNLOAD_SLICE: Final = 500
TOLD_LAG: Final = 20
"""An index that lacks more blocks than this is told of on every page."""
FINALITY_BLOCKS: Final = 100
"""Of so many last blocks the time to finality is told."""

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Nothing from elsewhere, nothing written into a page runs, no page is framed."""

_ERROR_PAGE = Page(
    "/error", msg("This cannot be shown"), render=lambda view: {}, template="error.html"
)

_log = logger("explorer")


class Site:
    """The explorer over one node; :meth:`running` keeps its index up to date."""

    def __init__(self, api: Api, settings: ExplorerSettings, clock_ms: Callable[[], int]) -> None:
        self._api = api
        self._settings = settings
        self._clock_ms = clock_ms
        bounds = api.settings
        self._lane = Lane(
            rest=bounds.lane_rest, waiting=bounds.lane_waiting, burst=bounds.page_burst_s
        )
        self._sessions = Sessions(api.node.chain_id)
        self._finality_ms: deque[int] = deque(maxlen=FINALITY_BLOCKS)
        self._downloads = 0

    @cached_property
    def index(self) -> Index:
        """The derived index; opened when it is first needed, at worst for this run alone."""
        try:
            return Index(self._api.node, self._settings.folder)
        except (CodedError, OSError) as error:
            _log.error("the explorer's index is not kept on disk", reason=str(error))
            return Index(self._api.node)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the chain for as long as the application serves."""
        self.index.start()
        following = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            following.cancel()
            await asyncio.to_thread(self.index.close)

    async def _follow(self) -> None:
        """Tell the index of every block, and note how long blocks take until they are final."""
        node = self._api.node
        while True:
            await node.wait_for_height(node.head().height + 1)
            self._finality_ms.append(max(0, self._clock_ms() - node.head().time))
            self.index.tell()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[tuple[IndexReader, ChainReader, Header]]:
        """One unchanging index and chain, in the lane for reads that cost milliseconds.

        The index is taken first, so it is never ahead of the chain.
        """
        async with self._lane.turn():
            with self.index.snapshot() as index, self._api.snapshot() as (reader, head):
                yield index, reader, head

    def install(self, app: FastAPI) -> None:
        """Add every page, in every language, and the files that they use."""
        for language in LANGUAGES:
            for page in PAGES:
                path = f"/{language}{page.path}".rstrip("/")
                app.router.routes.append(Route(path, self._endpoint(page, language)))
            offline = f"/{language}/verify/offline"
            app.router.routes.append(Route(offline, _offline_page(language)))
            missing = self._endpoint(_nothing_page(), language)
            app.router.routes.append(Route(f"/{language}/{{rest:path}}", missing))
        challenge = Route(f"{LOGIN_PATH}/{{code}}", self._challenge, methods=["GET"])
        app.router.routes.append(challenge)
        app.router.routes.append(Route(f"{LOGIN_PATH}/{{code}}", self._signed, methods=["POST"]))
        app.router.routes.append(Route("/", _choose_language))
        app.router.routes.append(Route(f"{PREFIX}/{{name:path}}", _static))

    async def _challenge(self, request: Request) -> Response:
        """What the wallet signs for a code."""
        node = self._api.node
        nonce = self._sessions.challenge(request.path_params["code"])
        name = node.describe()["name"]
        return respond(
            Challenge(
                height=node.head().height,
                node=name,
                chain_id=node.chain_id.hex(),
                nonce=nonce.hex(),
            )
        )

    async def _signed(self, request: Request) -> Response:
        """The wallet's signature: the browser that showed the code is logged in."""
        async with self._api.body(request, MAX_LOGIN_BYTES) as body:
            try:
                login = msgspec.json.decode(body, type=Login)
            except msgspec.MsgspecError as error:
                raise CodedError(BAD_REQUEST, f"no login: {error}") from None
        with self._api.snapshot() as (reader, head):
            state = State(reader)
            self._sessions.sign(request.path_params["code"], login, state, head.time)
        return Response(status_code=204)

    def _endpoint(self, page: Page, language: str) -> Endpoint:
        async def answer(request: Request) -> Response:
            try:
                if len(request.url.query) > MAX_QUERY_CHARS:
                    raise CodedError(BAD_REQUEST, f"a query has at most {MAX_QUERY_CHARS} chars")
                wanted = request.query_params.get("download", "")
                if wanted:
                    return await self._download(request, page, language, wanted)
                return await self._page(request, page, language)
            except Elsewhere as other:
                address = f"/{language}{quote(other.path, safe='/')}"
                return RedirectResponse(address, 303, HEADERS)
            except CodedError as error:
                return await self._refused(request, language, error)
            except Exception as error:
                _log.error("page failed", path=request.url.path, exc_info=error)
                told = CodedError(INTERNAL, "the page could not be made; the node's log says why")
                return await self._refused(request, language, told)

        return answer

    async def _page(self, request: Request, page: Page, language: str) -> Response:
        private = page.private or SESSION_COOKIE in request.cookies
        async with self._turn() as (index, reader, head):
            tag = self._tag(request, index, head)
            if not private and request.headers.get("if-none-match") == tag:
                return Response(status_code=304, headers={**HEADERS, "ETag": tag})
            view = self._view(request, page, language, index, reader, head)
            given = page.render(view)
            body = render(language, page.template, self._values(view, page, given))
        answer = _html(body, head, {"Cache-Control": "no-store"} if private else {"ETag": tag})
        for name, (content, seconds) in view.keep.items():
            answer.set_cookie(
                name,
                content,
                max_age=seconds,
                httponly=True,
                samesite="strict",
                secure=request.url.scheme == "https",
            )
        return answer

    def _tag(self, request: Request, index: IndexReader, head: Header) -> str:
        """Whatever a page shows follows from these."""
        seen = status.of(self._api.node)
        ledger = (head.hash().hex(), str(index.height))
        parts = (request.url.path, request.url.query, *ledger, repr(seen))
        return f'W/"{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:24]}"'

    def _view(
        self,
        request: Request,
        page: Page,
        language: str,
        index: IndexReader,
        reader: ChainReader,
        head: Header,
    ) -> View:
        parameters: Mapping[str, Any] = request.path_params
        return View(
            self._api.node,
            index,
            reader,
            head,
            finality_ms=self._finality_ms,
            object_pages=OBJECT_PAGES,
            sessions=self._sessions,
            cookies=request.cookies,
            language=language,
            path=request.url.path.removeprefix(f"/{language}") or "/",
            parameters=parameters,
            query=dict(request.query_params),
        )

    def _values(self, view: View, page: Page, given: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "intro": "",
            "proofs": (of_block(view),),
            "title": view.text(page.title),
            **given,
            "view": view,
            "page": page,
            "status": status.of(self._api.node),
            "index_lag": self._index_lag(view),
            "navigation": NAVIGATION,
            "languages": [
                (code, f"/{code}{view.here().removeprefix('/' + view.language)}")
                for code in LANGUAGES
            ],
        }

    def _index_lag(self, view: View) -> int:
        """Blocks that the index lacks, if that is more than an instant's worth or will stay so."""
        lag = view.head.height - view.index.height
        return lag if lag > TOLD_LAG or (lag and self.index.failure) else 0

    async def _refused(self, request: Request, language: str, error: CodedError) -> Response:
        with self.index.snapshot() as index, self._api.snapshot() as (reader, head):
            view = self._view(request, _ERROR_PAGE, language, index, reader, head)
            values = {"code": error.code.name, "reason": error.message, "proofs": ()}
            body = render(language, _ERROR_PAGE.template, self._values(view, _ERROR_PAGE, values))
        wait = {"Retry-After": str(error.retry_after_s)} if isinstance(error, Busy) else {}
        return _html(body, head, wait, error.code.status)

    async def _download(self, request: Request, page: Page, language: str, wanted: str) -> Response:
        name, _, form = wanted.rpartition(".")
        table = next((one for one in page.tables if one.name == name), None)
        offered = ["csv", "parquet"] if download.has_parquet() else ["csv"]
        if table is None or form not in offered:
            raise CodedError(NO_SUCH_RESOURCE, f"this page has no table {wanted[:80]!r}")
        with self._downloading():
            rows, first, last = await self._all_rows(request, page, language, table)
        if form == "csv":
            content = download.csv_bytes(table.columns, rows)
        else:
            content = download.parquet_bytes(
                table.columns,
                rows,
                {
                    "ledger": self._api.node.chain_id.hex(),
                    "first_height": str(first.height),
                    "last_height": str(last.height),
                    "state_root": last.state_root.hex(),
                    "rows": str(len(rows)),
                },
            )
        file = f"{table.name}-{last.height}.{form}"
        return Response(
            content,
            media_type=download.MEDIA_TYPES[form],
            headers={
                **HEADERS,
                HEIGHT_HEADER: str(last.height),
                "X-First-Height": str(first.height),
                "X-Rows": str(len(rows)),
                "Content-Disposition": f'attachment; filename="{file}"',
            },
        )

    @contextmanager
    def _downloading(self) -> Iterator[None]:
        """Room for one whole table in memory; raises ``BUSY`` while all of it is taken."""
        if self._downloads >= self._api.settings.max_downloads:
            raise Busy("as many files as the node can hold are being made", retry_after_s=5)
        self._downloads += 1
        self._api.metrics.downloads.set(self._downloads)
        try:
            yield
        finally:
            self._downloads -= 1
            self._api.metrics.downloads.set(self._downloads)

    async def _all_rows(
        self, request: Request, page: Page, language: str, table: Table[Any]
    ) -> tuple[list[list[Any]], Header, Header]:
        """The whole table, slice by slice, so that no read holds the node up for long."""
        rows: list[list[Any]] = []
        cursor, first = "", None
        while True:
            async with self._turn() as (index, reader, head):
                view = self._view(request, page, language, index, reader, head)
                found = table.read(view, cursor, DOWNLOAD_SLICE)
                if found.torn:
                    raise pruned(view.base)
                rows += [machine_values(view, table.columns, row) for row in found.rows]
                first = first or head
            if len(rows) > MAX_DOWNLOAD_ROWS:
                raise CodedError(
                    TOO_LARGE,
                    f"the table has more than {MAX_DOWNLOAD_ROWS} rows; choose a part of it, or "
                    "export the ledger with: iic audit export",
                )
            cursor = found.next
            if not cursor:
                return rows, first, head


def _navigation() -> list[tuple[str, list[Page]]]:
    groups = ((group, [page for page in PAGES if page.group is group]) for group in Group)
    return [(group.value, pages) for group, pages in groups if pages]


NAVIGATION: Final = _navigation()


OBJECT_PAGES: Final = {page.shows: page.path for page in PAGES if page.shows}


def _nothing_page() -> Page:
    def nothing(view: View) -> dict[str, Any]:
        raise CodedError(NO_SUCH_RESOURCE, f"there is no page {view.path[:200]}")

    return Page("/{rest:path}", msg("This cannot be shown"), render=nothing, template="error.html")


def _html(body: bytes, head: Header, extra: Mapping[str, str], status_code: int = 200) -> Response:
    headers = {
        **HEADERS,
        "Cache-Control": "no-cache",
        "Vary": "Accept-Encoding",
        HEIGHT_HEADER: str(head.height),
        **extra,
    }
    return Response(body, status_code, headers, "text/html; charset=utf-8")


async def _choose_language(request: Request) -> Response:
    language = preferred(request.headers.get("accept-language", ""))
    return RedirectResponse(f"/{language}", 303, {**HEADERS, "Vary": "Accept-Language"})


def _offline_page(language: str) -> Endpoint:
    async def answer(request: Request) -> Response:
        named = f'attachment; filename="iic-verify-{language}.html"'
        headers = {**HEADERS, "Content-Disposition": named, "Cache-Control": "no-cache"}
        return Response(standalone.page(language), 200, headers, standalone.MEDIA_TYPE)

    return answer


async def _static(request: Request) -> Response:
    asset = assets().get(request.path_params["name"])
    if asset is None:
        raise CodedError(NO_SUCH_RESOURCE, "there is no such file")
    for_ever = "public, max-age=31536000, immutable"
    headers = {**HEADERS, "Cache-Control": for_ever if request.url.query else "no-cache"}
    return Response(asset.content, media_type=asset.media_type, headers=headers)
