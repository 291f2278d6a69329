"""``python -m tests.faults``: run the fault suite in a network and a mount namespace of its own.

Where the kernel or a container does not permit namespaces, it says so and ends with status 77,
which test harnesses read as "skipped".
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import NoReturn

SKIPPED = 77
UNSHARE = ("unshare", "--map-root-user", "--net", "--mount", "--")


def main() -> int:
    """Check that the suite can run here, then become it; returns only if it cannot."""
    refused = _attempt(
        *UNSHARE, "sh", "-c", "ip link add iicprobe type veth peer name iicprobe2"
        " && mount -t tmpfs iic /mnt"
    )  # fmt: skip
    if not refused:
        enter()
    print(f"the fault suite is skipped: no namespaces here: {refused}", file=sys.stderr)
    return SKIPPED


def enter() -> NoReturn:
    """Go on as the suite, within."""
    suite = (sys.executable, "-m", "pytest", "-n", "0", "-s", "-m", "faults", "tests/faults")
    script = 'ip link set lo up && exec "$@"'
    os.execvp(UNSHARE[0], (*UNSHARE, "sh", "-c", script, "sh", *suite, *sys.argv[1:]))


def _attempt(*command: str) -> str:
    """Why a command fails; empty if it does not."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    return "" if done.returncode == 0 else done.stderr.strip() or f"exit {done.returncode}"


if __name__ == "__main__":
    sys.exit(main())
