"""Running ``iic`` as people and scripts do: a process with its own configuration."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Ended(NamedTuple):
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document that it printed."""
        return json.loads(self.out)

    @property
    def code(self) -> str:
        """The code of the failure that it printed as JSON."""
        return str(self.json["error"]["code"])


class Iic:
    """The command with a configuration directory and a working directory of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "IIC_CONFIG_DIR": str(folder / "config"),
            "IIC_RUNTIME_DIR": str(folder / "run"),
        }
        self.environment.pop("IIC_PROFILE", None)

    def __call__(self, *arguments: object, typed: str = "") -> Ended:
        """Run it to its end."""
        done = subprocess.run(
            [sys.executable, "-P", "-m", "cli.main", *map(str, arguments)],
            cwd=self.folder,
            env=self.environment,
            input=typed,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start it and return while it runs."""
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "cli.main", *map(str, arguments)],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
