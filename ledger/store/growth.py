"""How much a store may grow while another process reads one content of it from end to end.

An open read transaction keeps LMDB from using pages again, so a reader that takes long makes the
file grow, and the disk belongs to the node that writes. Readers from end to end (checks, backups,
snapshots) therefore give up when the file has grown too much.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

SHARE = 0.5
BYTES = 256 * 1024 * 1024
"""The file may grow by the larger of these."""

_POLL_S = 0.5


class Room:
    """What is left of it, from the moment at which this is made."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._before = data.stat().st_size
        self.bytes = max(BYTES, int(self._before * SHARE))

    @property
    def used_up(self) -> bool:
        """Whether the file has grown by more than is allowed."""
        return self._data.stat().st_size > self._before + self.bytes


def end_process_when_grown(data: Path, end: Callable[[int], None] = os._exit) -> None:
    """End this process, with a line on standard error, once ``data`` has grown too much.

    For processes that do nothing but read: what they hold open ends with them.
    """
    room = Room(data)

    def watch() -> None:
        while not room.used_up:
            threading.Event().wait(_POLL_S)
        print(
            f"STORE_BUSY: {data} grew by more than {room.bytes:,} bytes meanwhile", file=sys.stderr
        )
        end(1)

    threading.Thread(target=watch, daemon=True, name="growth").start()
