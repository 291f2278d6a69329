"""What the documents name as proof is there: a promise whose test is gone is a promise no more."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACE = re.compile(r"`((?:tests|node|ledger|contracts|cli|docs|scenarios)/[\w./-]+)`")
TARGET = re.compile(r"`make ([a-z-]+)")


@pytest.mark.parametrize("name", ["SECURITY.md", "docs/reliability.md"])
def test_every_place_that_a_document_names_exists(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    named = set(PLACE.findall(text))
    assert len(named) > 10
    assert [place for place in sorted(named) if not (ROOT / place).exists()] == []
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert [t for t in TARGET.findall(text) if not re.search(rf"^{t}:", makefile, re.M)] == []


def test_every_threat_has_a_mechanism_and_a_test() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if re.match(r"\| [A-Z]\d+ \|", line)]
    assert len(rows) > 20
    for row in rows:
        _, number, threat, mechanism, shown, _ = row.split("|")
        assert threat.strip() and mechanism.strip(), number
        assert PLACE.search(shown) or TARGET.search(shown) or "iic " in shown, number
