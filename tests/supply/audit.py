"""``make audit-deps``: is anything that the lock files name known to be vulnerable?

A known vulnerability fails. An advisory service that cannot be asked, or answers for a part only,
does not: nobody's network decides whether a change passes. It is said plainly what was not audited.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

LOCKS = ("requirements.lock", "requirements-dev.lock")


class Finding(NamedTuple):
    """What an audit of one lock file came to."""

    audited: int
    skipped: int
    vulnerable: tuple[str, ...]


def finding(report: dict[str, Any] | None) -> Finding:
    """Read a report in pip-audit's JSON."""
    found = [] if report is None else report.get("dependencies", [])
    skipped = sum("skip_reason" in one for one in found)
    vulnerable = tuple(
        f"{one['name']} {one['version']}: {flaw['id']}"
        + (f", mended in {', '.join(flaw['fix_versions'])}" if flaw.get("fix_versions") else "")
        for one in found
        for flaw in one.get("vulns", ())
    )
    return Finding(len(found) - skipped, skipped, vulnerable)


def told(lock: str, found: Finding) -> tuple[bool, str]:
    """Whether a lock file passes, and the sentence that says why."""
    if found.vulnerable:
        return False, "\n".join((f"{lock}: VULNERABLE", *(f"  {v}" for v in found.vulnerable)))
    if not found.audited:
        return True, f"{lock}: NOT AUDITED; the advisory service gave no answer"
    rest = f"; NOT AUDITED: {found.skipped}, of which it gave no answer" if found.skipped else ""
    return True, f"{lock}: {found.audited} packages audited, none known to be vulnerable{rest}"


def _report(lock: str) -> dict[str, Any] | None:
    command = ["--progress-spinner", "off", "--disable-pip", "--no-deps", "--timeout", "10"]
    made = subprocess.run(
        [sys.executable, "-m", "pip_audit", *command, "--format", "json", "-r", lock],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        report: dict[str, Any] = json.loads(made.stdout)
    except ValueError:
        print(made.stderr.strip().splitlines()[-1:] or "", file=sys.stderr)
        return None
    return report


def main() -> int:
    """Audit every lock file: 0 unless something is known to be vulnerable."""
    root = Path(__file__).parents[2]
    answers = [told(lock, finding(_report(str(root / lock)))) for lock in LOCKS]
    print("\n".join(sentence for _, sentence in answers))
    return 0 if all(passes for passes, _ in answers) else 1


if __name__ == "__main__":
    sys.exit(main())
