"""What verifying a ledger can find wrong, named so that anybody can look at the place."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


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
