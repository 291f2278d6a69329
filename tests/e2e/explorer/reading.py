"""A reader of the explorer in Debian's Chromium, who notices whatever a page should not do."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe

ROOT = Path(__file__).resolve().parents[3]
SCREENSHOTS = Path(os.environ.get("IIC_SCREENSHOTS", ROOT / "build" / "screenshots"))

WIDE = {"width": 1280, "height": 900}
NARROW = {"width": 320, "height": 800}
"""1280 CSS pixels at a zoom of 400%: what WCAG 1.4.10 asks a page to fit into."""

RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
_AXE = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}

_WATCH = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy ${event.violatedDirective} ${event.blockedURI}`);
});
"""


class Reader:
    """One tab. ``complaints`` collects errors, breaches of policy and requests elsewhere."""

    def __init__(self, context: Any, base: str, language: str) -> None:
        self.base = base
        self.language = language
        self.complaints: list[str] = []
        self.tab = context.new_page()
        self.tab.add_init_script(_WATCH)
        self.tab.on("console", self._heard)
        self.tab.on("pageerror", lambda error: self.complaints.append(f"error {error}"))
        self.tab.on("request", self._asked)

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{self.tab.url}: {message.text}")

    def _asked(self, request: Any) -> None:
        if urlsplit(request.url)[:2] != urlsplit(self.base)[:2]:
            self.complaints.append(f"{self.tab.url} asks for {request.url}")

    def opens(self, path: str, status: int = 200) -> Any:
        """The tab, at a page of the reader's language."""
        address = f"{self.base}/{self.language}{path}".rstrip("/")
        answer = self.tab.goto(address)
        assert answer.status == status, (address, answer.status, answer.text()[:500])
        return self.tab

    def sees(self, scheme: str = "light", size: dict[str, int] = WIDE) -> None:
        """Look at the page in another way."""
        self.tab.emulate_media(color_scheme=scheme, media="screen")
        self.tab.set_viewport_size(size)

    def barriers(self, rules: Sequence[str] = ()) -> list[str]:
        """What axe-core finds against WCAG 2.2 AA, or against some rules of it alone."""
        options = {**_AXE, "runOnly": {"type": "rule", "values": list(rules)}} if rules else _AXE
        found = Axe().run(self.tab, options=options).response["violations"]
        return [
            f"{one['id']}: {node['target']} {node['failureSummary']}"
            for one in found
            for node in one["nodes"]
        ]

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        return int(self.tab.evaluate("document.documentElement.scrollWidth - innerWidth"))

    def keeps(self, name: str) -> None:
        """Keep a picture of the whole page for people to look at."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.tab.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


@contextmanager
def reader(browser: Any, base: str, language: str = "en", **options: Any) -> Iterator[Reader]:
    """A reader with nothing kept from before; at the end nothing may have been wrong."""
    context = browser.new_context(
        viewport=WIDE, color_scheme="light", timezone_id="UTC", reduced_motion="reduce", **options
    )
    try:
        found = Reader(context, base, language)
        yield found
        assert found.complaints == []
    finally:
        context.close()
