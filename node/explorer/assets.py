"""Style sheets, scripts and pictures: read once, served with names that change with content."""

from __future__ import annotations

import hashlib
import mimetypes
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

FOLDER: Final = Path(__file__).parent / "static"
PREFIX: Final = "/static"

_TYPES: Final = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


class Asset(NamedTuple):
    """A file of the explorer's own."""

    content: bytes
    media_type: str
    address: str
    """Where it is served; the content's digest in it makes it cacheable for ever."""


@cache
def assets() -> dict[str, Asset]:
    """All files by their path under ``static``."""
    found = {}
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file():
            name = path.relative_to(FOLDER).as_posix()
            content = path.read_bytes()
            version = hashlib.sha256(content).hexdigest()[:12]
            guessed = mimetypes.guess_type(name)[0] or "application/octet-stream"
            kind = _TYPES.get(path.suffix, guessed)
            found[name] = Asset(content, kind, f"{PREFIX}/{name}?v={version}")
    return found
