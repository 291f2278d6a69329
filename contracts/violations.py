"""What verifying a ledger can find wrong, named so that anybody can look at the place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple


class Check(StrEnum):
    """The checks, each by what it holds against what."""

    LINK = "link"
    """A header against the one below it: hash, height, time, view, epoch, history, validators."""
    CERTIFICATE = "certificate"
    """A finalization against the epoch's validators: quorum, distinct signers, signatures."""
    CONTENT = "content"
    """Transactions, byte for byte, against the root in their header."""
    SIGNATURE = "signature"
    """A transaction's encoding and the signatures of its members."""
    TRANSITION = "transition"
    """A recorded transaction against the rules: was it to be recorded, and there?"""
    RECEIPT = "receipt"
    """A published receipt against the one that executing the block makes."""
    ROOT = "root"
    """A header against the one that executing the block makes."""
    INVARIANT = "invariant"
    """One of the sixteen invariants against the state, or the block's changes."""
    ONCE = "once"
    """What happens at most once in a ledger: deadlines, payments of demands, rulings, cycles."""
    ARCHIVE = "archive"
    """Every byte of an archive against its manifest, and its parts against each other."""
    CHECKPOINT = "checkpoint"
    """An archive's checkpoint against the one that replaying the blocks below it makes."""
    STORE = "store"
    """A store's records against their checksums, its indexes and state against its blocks."""


MEANINGS: Final[Mapping[Check, str]] = {
    Check.LINK: "each header follows the one below: hash, height, time, view, epoch, validators",
    Check.CERTIFICATE: "each block is final by distinct signatures of a quorum of its epoch",
    Check.CONTENT: "each block's transactions are, byte for byte, those its header commits to",
    Check.SIGNATURE: "each transaction is canonical and each of its signatures verifies",
    Check.TRANSITION: "each recorded transaction was authorised and admissible at its place",
    Check.RECEIPT: "each receipt is the one that executing the block makes",
    Check.ROOT: "each header is the one that executing the block makes, state root included",
    Check.INVARIANT: "the sixteen invariants hold after each block and in the newest state",
    Check.ONCE: "no deadline, demand, ruling or cycle has its effect twice",
    Check.ARCHIVE: "each byte of an archive is the one its manifest names",
    Check.CHECKPOINT: "each checkpoint is the one that replaying the blocks below it makes",
    Check.STORE: "each record of a store passes its checksum and fits the blocks",
}
"""What holds where a check passes, in a line each."""


class Violation(NamedTuple):
    """One thing that is wrong with a ledger, or with what somebody shows of it.

    ``position`` is the receipt's index in its block and ``object`` names the transaction, account
    or record, where the check concerns one. ``certified`` says that a quorum of the guarantors
    signed this very thing; without it, only whoever showed it is to blame.
    """

    check: Check
    height: int
    what: str
    position: int | None = None
    object: str = ""
    certified: bool = False

    def __str__(self) -> str:
        where = f"block {self.height}"
        if self.position is not None:
            where += f", receipt {self.position}"
        return f"{where}: {self.check}: {self.what}"


class Violated(Exception):
    """Verification ended at these violations; nothing from there on was believed."""

    def __init__(self, violations: Iterable[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__("; ".join(map(str, self.violations)))


class Forked(Violated):
    """A quorum finalized a chain that leaves the verified one below its newest block."""


def violated(
    check: Check,
    height: int,
    what: str,
    *,
    position: int | None = None,
    object: str = "",
    certified: bool = False,
) -> Violated:
    """The exception of one violation."""
    return Violated((Violation(check, height, what, position, object, certified),))
