"""How far a long verification is: for the person who waits, and for the next attempt."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contracts.replay import Told

_FORMAT = "iic-verify-1"
_REDRAW_S = 0.2
_SPEED_OVER_S = 10.0

Clock = Callable[[], float]


class Meter:
    """A line on standard error with progress, speed and remaining time; only on a terminal."""

    def __init__(self, total: int, done: int = 0, *, quiet: bool, clock: Clock = time.monotonic):
        self._total, self._done = total, done
        self._shown = not quiet and sys.stderr.isatty()
        self._clock = clock
        self._drawn = 0.0
        self._marks = [(clock(), done)]

    def advance(self, transactions: int) -> None:
        """So many more transactions are replayed."""
        self._done += transactions
        now = self._clock()
        if self._shown and now - self._drawn >= _REDRAW_S:
            self._drawn = now
            sys.stderr.write(f"\r\x1b[K{self.line(now)}")
            sys.stderr.flush()

    def line(self, now: float) -> str:
        """The line at a time (s)."""
        self._marks.append((now, self._done))
        while len(self._marks) > 2 and now - self._marks[1][0] > _SPEED_OVER_S:
            del self._marks[0]
        (since, before), total = self._marks[0], max(self._total, self._done)
        speed = (self._done - before) / (now - since) if now > since else 0.0
        share = 100 * self._done // total if total else 100
        left = _span((total - self._done) / speed) if speed else "–"
        return f"{self._done:,} of {total:,} transactions, {share} %, {speed:,.0f}/s, {left} left"

    def end(self) -> None:
        """Remove the line."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _span(seconds: float) -> str:
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02d} h" if hours else f"{minutes}:{whole % 60:02d} min"


class Resume:
    """What earlier attempts have verified, in a folder beside the input.

    ``identity`` names exactly what is verified: another archive, ledger or genesis starts anew. The
    folder is written whole or not at all, so a killed attempt leaves a sound one behind; it is
    removed when everything is verified.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self._folder = folder
        self._identity = identity
        self.stretches: dict[int, list[Told]] = {}
        """The stretches of an archive that are verified, and what they told."""
        self.checkpoint: bytes | None = None
        """Of a ledger without checkpoints: where the last attempt was."""
        self._load()

    def _load(self) -> None:
        try:
            found = json.loads((self._folder / "progress.json").read_text(encoding="utf-8"))
            if found["format"] != _FORMAT or found["input"] != self._identity:
                return
            self.stretches = {
                int(number): [Told(what, bytes.fromhex(id), *place) for what, id, *place in told]
                for number, told in found["stretches"].items()
            }
            if found["checkpoint"]:
                self.checkpoint = (self._folder / found["checkpoint"]).read_bytes()
        except (OSError, ValueError, KeyError, TypeError):
            self.stretches, self.checkpoint = {}, None

    def stretch(self, number: int, told: list[Told]) -> None:
        """A stretch is verified."""
        self.stretches[number] = told
        self._save("")

    def reached(self, data: bytes, height: int, told: list[Told]) -> None:
        """Everything up to a checkpoint is verified."""
        name = f"checkpoint-{height}"
        self._folder.mkdir(exist_ok=True)
        _replace(self._folder / name, data)
        self.stretches = {0: told}
        self._save(name)
        for other in self._folder.glob("checkpoint-*"):
            if other.name != name:
                other.unlink()

    def _save(self, checkpoint: str) -> None:
        body: dict[str, Any] = {
            "format": _FORMAT,
            "input": self._identity,
            "checkpoint": checkpoint,
            "stretches": {
                str(number): [(t.what, t.object.hex(), t.height, t.position) for t in told]
                for number, told in self.stretches.items()
            },
        }
        self._folder.mkdir(exist_ok=True)
        _replace(self._folder / "progress.json", json.dumps(body).encode())

    def forget(self) -> None:
        """Everything is verified."""
        if self._folder.is_dir():
            shutil.rmtree(self._folder)


def _replace(path: Path, data: bytes) -> None:
    work = path.with_suffix(".new")
    with work.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    work.replace(path)
