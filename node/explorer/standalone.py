"""The page for offline verification: one file with everything in it, which trusts no node.

Its policy names the digests of its own script and style and allows nothing else, so that even a
changed copy could not send anywhere what it is given.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import Final

from markupsafe import Markup

from node.explorer.assets import assets
from node.explorer.rendering import render

_IMPORT: Final = "import { "
MEDIA_TYPE: Final = "text/html; charset=utf-8"


@cache
def page(language: str) -> bytes:
    """The page in one language."""
    script = f"\n{_text('verify.js')}\n{_without_import(_text('verify-page.js'))}"
    style = f"\n{_text('explorer.css')}"
    for text, end in ((script, "</script"), (style, "</style")):
        assert end not in text.lower(), "a file of the explorer would end its own element"
    policy = f"default-src 'none'; script-src {_digest(script)}; style-src {_digest(style)}"
    values = {"policy": policy, "script": Markup(script), "style": Markup(style)}  # noqa: S704
    return render(language, "standalone.html", values)


def _text(name: str) -> str:
    return assets()[name].content.decode()


def _without_import(script: str) -> str:
    """The second script without its import: the first one stands above it."""
    lines = script.splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(_IMPORT)]
    assert len(kept) == len(lines) - 1, "the page's script imports the verifier in one line"
    return "".join(kept)


def _digest(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
