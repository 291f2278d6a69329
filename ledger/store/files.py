"""Files and folders that appear on disk whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
"""What the system says when a disk, a quota or a file's limit is full."""

PART = ".part"
"""The ending of what is not complete; whatever bears it after a crash may be removed."""


def write_durably(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file, whole or not at all; on return it survives a power failure."""
    partial = path.with_name(path.name + PART)
    with partial.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    rename_durably(partial, path)


def rename_durably(source: Path, target: Path) -> None:
    """Rename a file or folder, replacing a file; on return the new name survives."""
    source.replace(target)
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
