"""Whether this node still knows what it signed.

A validator that forgets its votes and votes again can contradict itself: evidence against its
guarantor, made by its own hand. So the first start leaves the same random mark beside the keys
(``keys/started``) and in the vote journal's folder (``data/votes/started``). Keys with a mark
whose journal has none, or another, have lost their votes: the node does not start until
:func:`activate` has set a view below which it abstains.

A backup of a whole home, restored, carries both marks and cannot be told apart from the original:
whoever restores one activates it before it runs.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from ledger.errors import CodedError
from node.config import Home
from node.errors import VOTES_LOST
from node.identity import KEYS

MARK = "started"
ABSTAIN = "abstain-below"


def require_votes(home: Home) -> int:
    """The view below which this node casts no vote, 0 for none; marks a first start.

    Raises ``VOTES_LOST`` if the node has voted before and its journal is not the one it wrote.
    """
    expected = _read(home.path / KEYS / MARK)
    found = _read(home.votes / MARK)
    if not expected:
        # The journal's mark comes first: a crash in between leaves a first start again.
        _mark(home, found or secrets.token_hex(16))
    elif found != expected:
        raise CodedError(
            VOTES_LOST,
            f"{home.votes} is not the vote journal that this node wrote; voting again could "
            f"contradict votes it has forgotten. See: iic node activate --help",
        )
    abstain = _read(home.votes / ABSTAIN)
    return int(abstain) if abstain.isdecimal() else 0


def activate(home: Home, below: int) -> None:
    """Let the node run again, casting no vote in views below ``below``; never lowers it."""
    known = _read(home.votes / ABSTAIN)
    below = max(below, int(known) if known.isdecimal() else 0)
    home.votes.mkdir(parents=True, exist_ok=True)
    _write(home.votes / ABSTAIN, str(below))
    _mark(home, secrets.token_hex(16))


def _mark(home: Home, mark: str) -> None:
    home.votes.mkdir(parents=True, exist_ok=True)
    _write(home.votes / MARK, mark)
    _write(home.path / KEYS / MARK, mark)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""


def _write(path: Path, text: str) -> None:
    """Replace a small file durably: whole or not at all."""
    partial = path.with_name(path.name + ".part")
    with partial.open("w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
