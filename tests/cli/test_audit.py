"""The verifier shares no code with the node, and needs nothing but two files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from cli.main import main

ROOT = Path(__file__).resolve().parents[2]


def test_it_imports_nothing_of_the_node_and_no_http() -> None:
    script = (
        "import sys, cli.audit\n"
        "bad = [m for m in sys.modules if m.split('.')[0] in "
        "('node', 'httpx', 'fastapi', 'lmdb', 'uvicorn')]\n"
        "print(bad)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_missing_file_is_local_trouble_with_a_code(tmp_path: Path) -> None:
    (tmp_path / "g").write_text("{}")
    for arguments in (
        ("verify-receipt", "none", "--genesis", str(tmp_path / "g")),
        ("verify-state", "none", "--genesis", str(tmp_path / "none")),
    ):
        result = CliRunner().invoke(main, ["audit", *arguments, "--json"])
        assert result.exit_code == 6
        assert json.loads(result.stdout)["error"]["code"]


def test_a_genesis_is_always_asked_for(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, ["audit", "verify-receipt", "file"]).exit_code == 2
