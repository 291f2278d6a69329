"""One kept demo for all readers: four nodes on which the reference scenario was played."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import pytest

from ledger.state import State
from ledger.store.disk import open_store
from node.explorer.pages import PAGES
from tests.e2e.command_line import Iic
from tests.node.explorer.javascript import chromium

_HREF = re.compile(r'href="/en(/[^"?#]*)"')
_PART = re.compile(r"\{(\w+)(:\w+)?\}")
_SHAPES = {":int": r"\d+", ":path": r".+", None: r"[^/]+"}


def _shape(path: str) -> re.Pattern[str]:
    """Addresses of a declared page."""
    return re.compile(_PART.sub(lambda found: _SHAPES[found[2]], path))


class Demo:
    """A cluster that played the scenario, its wallets, and what can be reached on its pages."""

    def __init__(self, iic: Iic, folder: Path) -> None:
        self.iic = iic
        self.folder = folder
        kept = json.loads((folder / "demo.json").read_text())
        self.url: str = kept["urls"][0]
        self.home = Path(kept["nodes"][0]["home"])
        self.genesis = folder / "genesis.json"
        self.http = httpx.Client(base_url=self.url, trust_env=False, follow_redirects=True)

    def ask(self, path: str, **query: str) -> Any:
        """An answer of the node's API."""
        answer = self.http.get(f"/v1/{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pay(self, reference: str, payee: str = "Volga Bearings") -> dict[str, Any]:
        """A payment of Ural Gear Works, final when this returns."""
        done = self.iic("wallet", "pay", payee, "1.00", "--ref", reference, "--yes", "--json")
        assert done.status == 0, done.out + done.err
        paid: dict[str, Any] = done.json
        return paid

    def run(self, *arguments: object) -> Any:
        """A command that must succeed, with JSON."""
        done = self.iic(*arguments, "--json")
        assert done.status == 0, done.out + done.err
        return done.json

    @cached_property
    def addresses(self) -> dict[str, str]:
        """An instance of every declared page, found by following links as a reader does."""
        found = {page.path: page.path for page in PAGES if "{" not in page.path}
        shapes = {page.path: _shape(page.path) for page in PAGES if "{" in page.path}
        to_read = list(found.values())
        while to_read and len(found) < len(PAGES):
            answer = self.http.get(f"/en{to_read.pop(0)}".rstrip("/"))
            for path in dict.fromkeys(_HREF.findall(answer.text)):
                for declared, shape in shapes.items():
                    if declared not in found and shape.fullmatch(path):
                        found[declared] = path
                        to_read.append(path)
        return found

    def shows(self, path: str, text: str) -> None:
        """Wait until a page says something: its index follows the chain at its own pace."""
        deadline = time.monotonic() + 60
        while text not in self.http.get(path).text:
            assert time.monotonic() < deadline, f"{path} never says {text!r}"
            time.sleep(0.1)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    iic = Iic(tmp_path_factory.mktemp("explorer"))
    folder = iic.folder / "demo"
    played = iic("demo", "--keep", folder)
    assert played.status == 0, played.out + played.err
    made = Demo(iic, folder)
    made.shows("/en/transactions", made.pay("FIRST-LOOK")["id"])
    yield made
    made.http.close()
    assert iic("demo", "stop", folder).status == 0


@pytest.fixture(scope="module")
def browser(demo: Demo) -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def state(demo: Demo) -> Iterator[State]:
    """The node's own committed state, read beside it."""
    store = open_store(demo.home / "data" / "ledger", read_only=True)
    try:
        with store.snapshot() as found:
            yield State(found)
    finally:
        store.close()
