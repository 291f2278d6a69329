"""Whether this node still knows what it signed.

A validator that forgets its votes and votes again can contradict itself: evidence against its
guarantor, made by its own hand. So the first start leaves the same random mark beside the keys
(``keys/started``) and in the vote journal's folder (``data/votes/started``). Keys with a mark
whose journal has none, or another, have lost their votes: the node does not start until
:func:`activate` has set a view below which it abstains.

A backup of a whole home, restored, carries both marks. It is known by its place: the journal's
folder also holds which file the keys' mark is (its inode and the time at which that was last
written), and no copy has those. A disk put back to an earlier state has them too; that is found out
by asking peers (:mod:`node.vouching`) and noted by :func:`doubt`. In both cases the node runs as an
observer, casting no vote, until :func:`activate`.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from ledger.errors import CodedError
from ledger.store.files import write_durably
from node.config import Home
from node.errors import VOTES_LOST
from node.identity import KEYS

MARK = "started"
ABSTAIN = "abstain-below"
PLACE = "place"
RECOVERY = "recovery"
DOUBT = "doubt"

NEVER = 2**62
"""A view that is not reached: a node that abstains below it is an observer."""


def require_votes(home: Home) -> int:
    """The view below which this node casts no vote, 0 for none; marks a first start.

    :data:`NEVER` if the home is a copy, or if a peer has shown a vote that it does not know.
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
    if not _read(home.votes / PLACE):
        _write(home.votes / PLACE, _place(home))
    if _is_copied(home):
        doubt(home, "this home is a copy of the one that voted")
    if reason_for_doubt(home):
        return NEVER
    return abstains_below(home)


def abstains_below(home: Home) -> int:
    """The view below which votes were forgotten, as far as :func:`activate` was told; 0 if none."""
    abstain = _read(home.votes / ABSTAIN)
    return int(abstain) if abstain.isdecimal() else 0


def has_voted(home: Home) -> bool:
    """Whether the node has been started before."""
    return bool(_read(home.path / KEYS / MARK))


def doubt(home: Home, reason: str) -> None:
    """Cast no vote from the next start on, because of what is said in one line."""
    _write(home.votes / DOUBT, reason)


def reason_for_doubt(home: Home) -> str:
    """Why this node casts no vote; empty if it may."""
    return _read(home.votes / DOUBT)


def activate(home: Home, below: int) -> None:
    """Let the node run again, casting no vote in views below ``below``; never lowers it."""
    below = max(below, abstains_below(home))
    home.votes.mkdir(parents=True, exist_ok=True)
    _write(home.votes / ABSTAIN, str(below))
    _mark(home, secrets.token_hex(16))
    (home.votes / DOUBT).unlink(missing_ok=True)


def recovery_signed(home: Home) -> tuple[int, str]:
    """The epoch and block (hex) of the newest recovery that this node signed; -1 if none."""
    epoch, _, block = _read(home.votes / RECOVERY).partition(" ")
    return (int(epoch), block) if epoch else (-1, "")


def note_recovery(home: Home, epoch: int, block: str) -> None:
    """Cast no more vote in an epoch: a recovery that ends it is about to be signed.

    Whoever runs the node asks :func:`recovery_signed` in each epoch.
    """
    _write(home.votes / RECOVERY, f"{epoch} {block}")


def adopt(home: Home, reason: str) -> None:
    """Let keys from a backup run in this home, as an observer."""
    home.votes.mkdir(parents=True, exist_ok=True)
    doubt(home, reason)
    _mark(home, secrets.token_hex(16))


def _is_copied(home: Home) -> bool:
    """Whether the keys' mark is another file than the one that this journal belongs to."""
    place = _read(home.votes / PLACE)
    return bool(place) and place != _place(home)


def _place(home: Home) -> str:
    found = (home.path / KEYS / MARK).stat()
    return f"{found.st_ino} {found.st_ctime_ns}"


def _mark(home: Home, mark: str) -> None:
    home.votes.mkdir(parents=True, exist_ok=True)
    _write(home.votes / MARK, mark)
    _write(home.path / KEYS / MARK, mark)
    _write(home.votes / PLACE, _place(home))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def _write(path: Path, text: str) -> None:
    write_durably(path, [text.encode() + b"\n"])
