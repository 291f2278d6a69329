"""One ledger, executed again by every Python that is here: ``make determinism``.

Records the reference scenario with this interpreter, then has each supported version that is
installed verify it from the genesis file, with several hash seeds. A verification executes every
block again and compares each root with the certified header, so an iteration order, a default or a
library that differs between versions would be found and named with its block.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.cli.recorded import Recorded, recorded_scenario

VERSIONS = ("3.11", "3.12", "3.13")
HASH_SEEDS = ("0", "1", "4294967295")
ROOT = Path(__file__).resolve().parents[2]


def interpreter(version: str) -> str | None:
    """A Python of this version: on the path, or one that pyenv keeps."""
    found = shutil.which(f"python{version}")
    if found is not None and works(found):
        return found
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = sorted(kept.glob(f"{version}.*/bin/python"))
    return str(candidates[-1]) if candidates else None


def works(python: str) -> bool:
    """Whether it starts: a version manager's stand-in may not."""
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


def environment(version: str, python: str) -> Path:
    """An environment with the locked dependencies for this version."""
    folder = ROOT / f".venv-{version}"
    done = folder / ".runtime"
    lock = ROOT / "requirements.lock"
    if not done.exists() or done.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run([python, "-m", "venv", str(folder)], check=True)
        pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet"]
        options = ["--disable-pip-version-check", "--require-hashes", "--no-deps"]
        subprocess.run([*pip, *options, "-r", str(lock)], check=True)
        done.touch()
    return folder / "bin/python"


def verify(python: Path, recorded: Recorded, seed: str, scratch: Path) -> int:
    """Have a Python execute every block again; how many, if every root is as recorded."""
    progress = scratch / "progress"
    done = subprocess.run(
        [
            str(python), "-m", "cli.main", "audit", "verify", str(recorded.folder), "--again",
            "--genesis", str(recorded.genesis_file), "--progress", str(progress), "--json",
        ],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{python} with hash seed {seed}: {done.stdout}{done.stderr}")
    return int(json.loads(done.stdout)["height"])


def main() -> None:
    """Print a line for each run; fail at the first version that computes anything else."""
    compared = 0
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        recorded = recorded_scenario(scratch)
        head = recorded.memory.head
        assert head is not None
        print(f"recorded by Python {sys.version.split()[0]}: state root {head.state_root.hex()}")
        for version in VERSIONS:
            python = interpreter(version)
            if python is None:
                print(f"Python {version}: not installed here, not compared")
                continue
            ready = environment(version, python)
            for seed in HASH_SEEDS:
                blocks = verify(ready, recorded, seed, scratch)
                print(f"Python {version}, hash seed {seed}: {blocks} blocks, every root the same")
            compared += 1
    print(f"{compared} versions agree")


if __name__ == "__main__":
    main()
