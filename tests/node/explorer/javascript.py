"""Running the explorer's scripts as they run for a reader: in Chromium, and under Node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from node.explorer.assets import FOLDER

CHROMIUM = Path("/usr/bin/chromium")
NO_CHROMIUM = not CHROMIUM.exists() and "CI" not in os.environ
"""A developer may lack the browser; continuous integration may not."""

NEEDS_CHROMIUM = pytest.mark.skipif(NO_CHROMIUM, reason=f"{CHROMIUM}: apt-get install chromium")
_QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--no-first-run"),
)
ORIGIN = "http://localhost"
"""Browsers offer WebCrypto where nobody between can change a page: at home, or over TLS."""

_RUN = """
export async function run({ genesis, proofs = [], signatures = [] }) {
  const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  const verdict = async (work) => {
    try {
      const found = await work();
      return found === undefined ? "" : found;
    } catch (error) {
      return error.code ?? `${error}`;
    }
  };
  let trusted;
  const opened = await verdict(async () => { trusted = await readGenesis(genesis); });
  const told = [];
  const recoveries = [];
  for (const hex of opened === "" ? proofs : []) {
    told.push(await verdict(async () => {
      const { signers } = await verifyProof(bytes(hex), trusted);
      recoveries.push(signers.recoveries.map(
        (r) => [Number(r.height), Number(r.epoch), r.signed, r.lost, r.liesBorne, r.confirms]));
    }));
  }
  const accepted = [];
  for (const [key, signature, data] of signatures) {
    accepted.push(await verifySignature(bytes(key), bytes(signature), bytes(data)));
  }
  return { genesis: opened, proofs: told, recoveries, signatures: accepted };
}
"""
_IMPORT = 'import { readGenesis, verifyProof, verifySignature } from "./verify.mjs";\n'


def engines() -> list[Any]:
    """What is installed here; the browser is what a reader has, so it must not be missing."""
    return [
        pytest.param("chromium", marks=NEEDS_CHROMIUM),
        pytest.param(
            "node", marks=pytest.mark.skipif(shutil.which("node") is None, reason="no Node here")
        ),
    ]


def verdicts(engine: str, folder: Path, work: dict[str, Any]) -> dict[str, Any]:
    """What ``verify.js`` says: for the genesis, each proof (its code, empty for verified) and each
    signature; and the recoveries that each verified proof rests on."""
    return _in_node(folder, work) if engine == "node" else _in_chromium(work)


def _in_node(folder: Path, work: dict[str, Any]) -> dict[str, Any]:
    (folder / "verify.mjs").write_bytes((FOLDER / "verify.js").read_bytes())
    main = "".join(
        (
            _IMPORT,
            _RUN,
            'let text = ""; for await (const part of process.stdin) text += part;\n',
            "console.log(JSON.stringify(await run(JSON.parse(text))));\n",
        )
    )
    (folder / "main.mjs").write_text(main)
    done = subprocess.run(
        ["node", str(folder / "main.mjs")],
        input=json.dumps(work),
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextmanager
def chromium() -> Iterator[Any]:
    """Debian's Chromium, with a folder of its own that is deleted with it."""
    from playwright.sync_api import sync_playwright  # only where it is used

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=_QUIET)
        try:
            yield browser
        finally:
            browser.close()


def _in_chromium(work: dict[str, Any]) -> dict[str, Any]:
    files = {
        "/": ("text/html", "<!doctype html><title>scripts</title>"),
        "/verify.mjs": ("text/javascript", (FOLDER / "verify.js").read_text()),
        "/main.mjs": ("text/javascript", _IMPORT + _RUN),
    }
    with chromium() as browser:
        page = browser.new_page()

        def fulfil(route: Any) -> None:
            kind, body = files[route.request.url.removeprefix(ORIGIN)]
            route.fulfill(status=200, content_type=kind, body=body)

        page.route("**/*", fulfil)
        page.goto(f"{ORIGIN}/")
        found: dict[str, Any] = page.evaluate(
            "async (work) => (await import('/main.mjs')).run(work)", work
        )
        return found


def hexes(parts: Sequence[bytes]) -> list[str]:
    """Byte strings as a script is given them."""
    return [part.hex() for part in parts]
