"""What is installed is what was locked: every package has one version, and hashes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_every_locked_package_is_pinned_by_hash(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[A-Za-z0-9])", text.strip())
    assert len(entries) > 20
    for entry in entries:
        first = entry.splitlines()[0]
        assert re.match(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==", first), first
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), first
        assert "://" not in entry, "a lock file names no host"


def test_installing_demands_the_hashes() -> None:
    installs = [
        line
        for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
        if "pip install" in line and ".lock" in line
    ]
    assert len(installs) == 2
    assert all("--require-hashes" in line for line in installs)
