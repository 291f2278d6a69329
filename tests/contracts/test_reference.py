"""The reference pages are what the declarations say."""

from __future__ import annotations

from pathlib import Path

from contracts.reference import main, pages

DIRECTORY = Path(__file__).parents[2] / "docs" / "reference"


def test_the_pages_on_disk_have_not_drifted() -> None:
    assert main(["--check", "--directory", str(DIRECTORY)]) == 0


def test_a_page_that_differs_is_noticed_and_rewritten(tmp_path: Path) -> None:
    assert main(["--check", "--directory", str(tmp_path)]) == 1
    assert main(["--directory", str(tmp_path)]) == 0
    assert main(["--check", "--directory", str(tmp_path)]) == 0
    (tmp_path / "errors.md").write_text("something else", encoding="utf-8")
    assert main(["--check", "--directory", str(tmp_path)]) == 1


def test_the_pages_name_what_there_is() -> None:
    assert "### currency.Transfer" in pages()["operations.md"]
    assert "`INSUFFICIENT_FUNDS`" in pages()["errors.md"]
    assert "stateDiagram-v2" in pages()["state-machines.md"]
