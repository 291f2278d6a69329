"""What a key has signed, on disk before any signature leaves the signer.

One file per ledger, JSON lines, each synced before the signature that it tells of is handed out. A
torn last line is a signature that never left. When the file has grown it is written anew, whole or
not at all. The file lies beside the key and moves with it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import IO

from ledger.errors import CodedError
from node.errors import BAD_KEY_FILE
from node.signer.guard import Act, Past, Signed

REWRITE_LINES = 20_000
"""A file that has so many lines is written anew."""


class Memory:
    """The past of a key on one ledger, durable. Open it once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.past = Past()
        self._lines = 0
        self._load()
        self._file: IO[bytes] = path.open("ab")
        path.chmod(0o600)

    def bind(self, new: Signed) -> None:
        """Remember, durably, that ``new`` is about to be signed.

        Raises :class:`~node.signer.guard.Refused` if it must not be, and ``OSError`` if it cannot
        be remembered: then nothing may be signed any more.
        """
        if not self.past.check(new):
            return
        self._append(_line(new))
        self.past.note(new)
        if self._lines > REWRITE_LINES:
            self._rewrite()

    def _append(self, entry: dict[str, object]) -> None:
        self._file.write(json.dumps(entry).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._lines += 1

    def _load(self) -> None:
        if not self._path.exists():
            return
        data = self._path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):  # the last write was cut off: its signature was never made
            with self._path.open("r+b") as file:
                file.truncate(len(whole))
                os.fsync(file.fileno())
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                entry = json.loads(line)
                if "floor" in entry:
                    self.past.close(int(entry["floor"]))
                else:
                    block, epoch = bytes.fromhex(entry["block"]), int(entry.get("epoch", 0))
                    self.past.note(Signed(Act(entry["act"]), int(entry["view"]), block, epoch))
            except (ValueError, KeyError, TypeError):
                raise CodedError(
                    BAD_KEY_FILE,
                    f"{self._path} is damaged in line {number}; without it this key may contradict "
                    f"itself: rotate the key, see iic node rotate --help",
                ) from None
            self._lines = number

    def _rewrite(self) -> None:
        part = self._path.with_name(self._path.name + ".part")
        with part.open("wb") as file:
            part.chmod(0o600)
            lines: list[dict[str, object]] = [{"floor": self.past.floor}]
            lines += map(_line, self.past.entries())
            file.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())
        part.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._file.close()
        self._file = self._path.open("ab")
        self._lines = len(lines)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _line(signed: Signed) -> dict[str, object]:
    line: dict[str, object] = {
        "act": signed.act,
        "view": signed.view,
        "block": signed.block.hex(),
    }
    return line | {"epoch": signed.epoch} if signed.act is Act.RECOVER else line
