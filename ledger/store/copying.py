"""Copying a store that another process may be writing: ``python -m ledger.store.copying FROM TO``.

The copy is of one unchanging content and compact: pages that are free in the original are not in
it. It runs as a process of its own, so that whoever started it can end it (:func:`copy`): while it
reads, the original cannot use pages again, and on a disk that fills up the node goes first.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import lmdb

import ledger
from ledger.errors import STORE_BUSY, STORE_CORRUPT, STORE_FULL, CodedError
from ledger.store.files import sync_folder
from ledger.store.growth import Room
from ledger.store.lmdb_environment import is_full
from ledger.store.tables import Table

DATA = "data.mdb"
_POLL_S = 0.1
_ROOT = str(Path(ledger.__file__).parents[1])


def copy(source: Path, target: Path) -> int:
    """Write a compact copy of the LMDB directory ``source`` into the new directory ``target``.

    Returns its size in bytes. Raises ``STORE_BUSY`` if the original grew too much meanwhile,
    ``STORE_FULL``, ``STORE_CORRUPT`` or ``OSError``; ``target`` then holds nothing of use.
    """
    room = Room(source / DATA)
    target.mkdir(parents=True)
    command = [sys.executable, "-P", "-m", "ledger.store.copying", str(source), str(target)]
    child = subprocess.Popen(  # noqa: S603  # our own interpreter and module
        command, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": _ROOT}
    )
    try:
        while child.poll() is None:
            if room.used_up:
                raise CodedError(
                    STORE_BUSY,
                    f"{source} grew by more than {room.bytes:,} bytes while it was copied; "
                    "copy it when less is written, or stop the node first",
                )
            with suppress(subprocess.TimeoutExpired):
                child.wait(_POLL_S)
    finally:
        if child.returncode is None:
            child.kill()
        _, said = child.communicate()
    if child.returncode:
        if is_full(target, (source / DATA).stat().st_size):
            raise CodedError(
                STORE_FULL,
                f"no space left to copy {source} to {target}; the original is as it was. "
                "Free disk space or raise the quota, then copy again",
            )
        reason = said.strip().splitlines()[-1] if said.strip() else f"exit {child.returncode}"
        raise CodedError(STORE_CORRUPT, f"{source} could not be copied: {reason}")
    return (target / DATA).stat().st_size


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> int:
    """The child: one read transaction from beginning to end."""
    source, target = map(Path, sys.argv[1:3])
    environment = lmdb.open(
        str(source), readonly=True, create=False, readahead=True, max_dbs=len(Table)
    )
    try:
        environment.copy(str(target), compact=True)
    except lmdb.Error as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        environment.close()
    with (target / DATA).open("rb") as file:
        os.fsync(file.fileno())
    sync_folder(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
