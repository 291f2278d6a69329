"""A member's own reader: annexes decrypted in memory and shown in the browser of this machine.

It listens on 127.0.0.1 alone, under a path that only this wallet and the explorer's page know, and
answers to no other name, so that neither other people of the machine nor pages from elsewhere can
reach it. What it shows, it shows under a policy that lets nothing run and nothing out; browsers
refuse any other origin to look into it. Keys and contents leave this process for that page alone.
"""

from __future__ import annotations

import html
import secrets
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, NamedTuple

from ledger.errors import CodedError

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_PICTURES: Final = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_STYLE: Final = (
    ":root{color-scheme:light dark}body{font:1rem/1.6 system-ui,sans-serif;max-width:60rem;"
    "margin:2rem auto;padding:0 1rem}pre{white-space:pre-wrap;overflow-wrap:anywhere;padding:1rem;"
    "border:1px solid;border-radius:8px}img{max-width:100%}dt{opacity:.75}dd{margin:0 0 .5rem}"
)


class Document(NamedTuple):
    """A decrypted annex: its title, its content, and what was checked, as label and value."""

    title: str
    content: bytes
    facts: tuple[tuple[str, str], ...]


class Listed(NamedTuple):
    """An annex file of the folder, by commitment in hex."""

    commitment: str
    title: str


Open = Callable[[str], Document]
"""From a commitment in hex to its document; raises coded errors."""


class Reader(ThreadingHTTPServer):
    """The reader on a free port. ``address`` is what the explorer is told: ``port/secret``."""

    daemon_threads = True

    def __init__(self, open_: Open, listed: Callable[[], list[Listed]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self._turn = threading.Lock()
        self._open = open_
        self._listed = listed
        self.secret = secrets.token_urlsafe(24)

    def open(self, commitment: str) -> Document:
        """The document of a commitment, one at a time; raises coded errors."""
        with self._turn:
            return self._open(commitment)

    def listed(self) -> list[Listed]:
        """The annex files that are there."""
        with self._turn:
            return self._listed()

    @property
    def address(self) -> str:
        """Port and secret path."""
        return f"{self.server_port}/{self.secret}"

    @property
    def url(self) -> str:
        """Where a person of this machine looks."""
        return f"http://127.0.0.1:{self.address}/"


class _Handler(BaseHTTPRequestHandler):
    server: Reader
    server_version = "iic"
    sys_version = ""

    def do_GET(self) -> None:
        parts = self.path.split("/")[1:]
        here = f"127.0.0.1:{self.server.server_port}"
        if self.headers.get("Host") != here or not secrets.compare_digest(
            parts[0].encode(), self.server.secret.encode()
        ):
            self._page(404, "Not here", "<p>Open the address that your wallet printed.</p>")
            return
        match parts[1:]:
            case [] | [""]:
                self._list()
            case ["annex", commitment]:
                self._show(commitment)
            case ["annex", commitment, "content"]:
                self._content(commitment)
            case _:
                self._page(404, "Not here", "<p>There is no such page.</p>")

    def _list(self) -> None:
        rows = "".join(
            f'<li><a href="/{self.server.secret}/annex/{a.commitment}">{html.escape(a.title)}</a> '
            f"<code>{a.commitment[:16]}…</code></li>"
            for a in self.server.listed()
        )
        self._page(200, "Your annexes", f"<ul>{rows or '<li>No annex file here.</li>'}</ul>")

    def _open(self, commitment: str) -> Document | None:
        try:
            return self.server.open(commitment)
        except CodedError as error:
            told = f"<p><code>{error.code.name}</code> {html.escape(error.message)}</p>"
            self._page(404, "This annex does not open", told)
            return None

    def _show(self, commitment: str) -> None:
        found = self._open(commitment)
        if found is None:
            return
        facts = "".join(
            f"<dt>{html.escape(label)}</dt><dd><code>{html.escape(value)}</code></dd>"
            for label, value in found.facts
        )
        source = f"/{self.server.secret}/annex/{html.escape(commitment)}/content"
        text = _text_of(found.content)
        if text is not None:
            shown = f"<pre>{html.escape(text)}</pre>"
        elif _picture_of(found.content):
            shown = f'<img src="{source}" alt="{html.escape(found.title)}">'
        else:
            shown = ""
        save = f'<p><a href="{source}" download>Save the content</a></p>'
        self._page(200, found.title, f"{shown}{save}<dl>{facts}</dl>")

    def _content(self, commitment: str) -> None:
        found = self._open(commitment)
        if found is not None:
            kind = _picture_of(found.content) or "application/octet-stream"
            self._send(200, kind, found.content)

    def _page(self, status: int, title: str, body: str) -> None:
        name = html.escape(title)
        page = (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
            f"<style>{_STYLE}</style></head><body><main><h1>{name}</h1>{body}</main></body></html>"
        )
        self._send(status, "text/html; charset=utf-8", page.encode())

    def _send(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the path is a secret."""


def _text_of(content: bytes) -> str | None:
    """The content as text, if it is text that people read."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return None
    return None if any(ord(c) < 32 and c not in "\t\r\n\f" for c in text) else text


def _picture_of(content: bytes) -> str | None:
    return next((kind for start, kind in _PICTURES.items() if content.startswith(start)), None)
