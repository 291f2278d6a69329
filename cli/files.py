"""Files that only their owner may reach, written whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from cli.errors import FILE_EXISTS, FILE_MISSING, FILE_MODE
from ledger.errors import CodedError


def require_private(path: Path) -> None:
    """Raise ``FILE_MODE`` unless the file belongs to this user and to nobody else's eyes.

    A missing file is ``FILE_MISSING``. The remedy is part of the sentence.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        raise CodedError(FILE_MISSING, f"{path} does not exist") from None
    if not stat.S_ISREG(status.st_mode):
        raise CodedError(FILE_MODE, f"{path} is not a regular file")
    if status.st_uid not in (os.getuid(), 0):
        raise CodedError(FILE_MODE, f"{path} belongs to another user")
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise CodedError(
            FILE_MODE, f"{path} has mode {mode:04o}, others can reach it; do: chmod 600 {path}"
        )


def write_private(path: Path, data: bytes, *, exclusive: bool) -> None:
    """Write a file of mode 0600 whole or not at all, durably.

    With ``exclusive`` an existing file is ``FILE_EXISTS``; else it is replaced atomically.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if exclusive:
            try:
                os.link(temporary, path)
            except FileExistsError:
                raise CodedError(FILE_EXISTS, f"{path} exists") from None
        else:
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def write_new(path: Path, chunks: Iterable[bytes]) -> int:
    """Write a new file that others may read, whole or not at all, durably; its size in bytes.

    An existing file is ``FILE_EXISTS``. Whatever ``chunks`` raises leaves nothing behind.
    """
    if path.exists():
        raise CodedError(FILE_EXISTS, f"{path} exists")
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    size = 0
    try:
        with temporary.open("xb") as file:
            for chunk in chunks:
                size += file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            raise CodedError(FILE_EXISTS, f"{path} exists") from None
    finally:
        temporary.unlink(missing_ok=True)
    return size
