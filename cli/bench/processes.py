"""What processes cost, read from ``/proc``: CPU time and resident memory, children included."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_MIB = 1024 * 1024


def family(pid: int) -> list[int]:
    """A process and its living descendants. A process that has ended is left out."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        current = waiting.pop()
        try:
            tasks = list(Path(f"/proc/{current}/task").iterdir())
        except OSError:
            continue
        found.append(current)
        for task in tasks:
            try:
                waiting.extend(int(child) for child in (task / "children").read_text().split())
            except OSError:
                continue
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of processes and of their children that have ended already."""
    total = 0
    for pid in pids:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            continue
        # The second field is the command in parentheses and may hold anything; count from its end.
        fields = stat.rpartition(")")[2].split()
        total += sum(map(int, fields[11:15]))
    return total / _TICKS


def rss_mib(pids: Iterable[int]) -> float:
    """Resident memory, in MiB. Pages that several processes share count for each of them."""
    pages = 0
    for pid in pids:
        try:
            pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        except OSError:
            continue
    return pages * _PAGE / _MIB


def disk_bytes(directory: Path) -> int:
    """Disk space that the files below a directory take; sparse files count what they use."""
    total = 0
    for path in directory.rglob("*"):
        try:
            status = path.lstat()
        except OSError:
            continue
        total += status.st_blocks * 512
    return total
