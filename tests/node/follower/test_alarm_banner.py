"""Whoever opens a follower's page in a browser cannot overlook what it found."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from published import example
from publishers import Publisher, serving, watching

from tests.node.explorer.javascript import NEEDS_CHROMIUM, chromium
from tests.node.follower.test_following import until, wrong


def _banners(url: str) -> list[tuple[str, float]]:
    """The text of each alert above a page, and how far from the top it stands."""
    with chromium() as browser:
        tab = browser.new_page(viewport={"width": 1280, "height": 800})
        tab.goto(url)
        alerts = tab.get_by_role("alert").all()
        found = [(one.inner_text(), one.bounding_box()["y"]) for one in alerts]
        alerts[0].get_by_role("link").click()
        tab.wait_for_url("**/en/alarms")
        assert "ROOT" in tab.locator("main").inner_text()
        return found


@NEEDS_CHROMIUM
async def test_an_alarm_stands_above_every_page_and_leads_to_its_reasons(tmp_path: Path) -> None:
    ledger = example()
    publisher = Publisher(ledger)
    publisher.alter, publisher.hidden = wrong(ledger), 4
    with serving(publisher) as urls, socket.create_server(("127.0.0.1", 0)) as probe:
        api = f"127.0.0.1:{probe.getsockname()[1]}"
        probe.close()
        async with watching(tmp_path, ledger, urls, api=api) as service:
            await until(lambda: bool(service.watch.frozen))
            [(text, top)] = await asyncio.to_thread(_banners, f"http://{api}/en/blocks")
    assert "state_root" in text and top < 300
