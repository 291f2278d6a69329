"""Every branch of the consensus core is reached by simulation and transcripts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_branch_event_and_effect_of_the_core_is_reached() -> None:
    """In a process of its own: it measures, and this one may be measured already."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.sim.reach"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 events, 13 effects" in done.stdout
