"""The module page says what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.reference import page, sentence

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_of_modules_is_current() -> None:
    assert (ROOT / "docs/reference/modules.md").read_text("utf-8") == page(ROOT), (
        "run: make reference"
    )


def test_a_module_without_a_docstring_is_named_as_a_fault() -> None:
    with pytest.raises(ValueError, match="no docstring"):
        sentence("x = 1\n")
