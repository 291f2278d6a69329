"""Coverage-guided fuzzing of every decoder: ``make fuzz SECONDS=300``.

One process per target (libFuzzer through atheris), as many at a time as there are cores, the time
shared out among them. An input that makes a target fail is kept in ``tests/fuzz/found``, named in
the output, and ends the run with exit status 1; moved to ``tests/fuzz/regressions/TARGET`` it
becomes a test for ever.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

FOUND = Path(__file__).with_name("found")
ROOT = Path(__file__).resolve().parents[2]
BYTES = 32_768


class Outcome(NamedTuple):
    """How one target fared."""

    target: str
    failed: bool
    inputs: int
    log: str


def fuzz(target: str, seconds: int, corpus: Path) -> Outcome:
    """Run one target in a process of its own."""
    corpus.mkdir(parents=True, exist_ok=True)
    FOUND.mkdir(exist_ok=True)
    done = subprocess.run(
        [
            sys.executable, "-m", "tests.fuzz.one", target, str(corpus),
            f"-max_total_time={seconds}", f"-max_len={BYTES}", "-timeout=20", "-rss_limit_mb=2048",
            f"-artifact_prefix={FOUND}/{target}-", "-print_final_stats=1",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )  # fmt: skip
    log = done.stdout + done.stderr
    executed = re.search(r"stat::number_of_executed_units: (\d+)", log)
    return Outcome(target, done.returncode != 0, int(executed[1]) if executed else 0, log)


def main() -> None:
    """Share the time out, print a line per target, fail if one failed."""
    from tests.fuzz.seeds import write_seeds
    from tests.fuzz.targets import TARGETS

    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--seconds", type=int, default=300, help="for all targets together")
    asked.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    asked.add_argument("targets", nargs="*", default=list(TARGETS), metavar="TARGET")
    options = asked.parse_args()
    each = max(2, options.seconds * options.jobs // len(options.targets))
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder)
        print(f"{write_seeds(corpus)} samples, {len(options.targets)} targets, {each} s each")
        with ThreadPoolExecutor(options.jobs) as pool:
            outcomes = list(pool.map(lambda name: fuzz(name, each, corpus / name), options.targets))
    for outcome in outcomes:
        print(f"{outcome.target:24} {outcome.inputs:>10,} inputs {'FAILED' * outcome.failed}")
        if outcome.failed:
            print(outcome.log[-4_000:])
    failed = sum(outcome.failed for outcome in outcomes)
    print(f"{sum(o.inputs for o in outcomes):,} inputs, {failed} targets failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
