"""Two ledgers where there should be one: what they say, who signed them, whom that convicts."""

from __future__ import annotations

from typing import NamedTuple

from ledger.block import Certificate, Header
from ledger.evidence import DoubleVote
from ledger.validators import ValidatorSet
from node.consensus.evidence import double_votes


class Side(NamedTuple):
    """One of two ledgers from where they part: the first block that is another, the finalization
    that makes it final and the height of the block that this is about."""

    header: Header
    certificate: Certificate
    certified: int


class Fork(NamedTuple):
    """Both sides from the first divergent height, and the evidence in their certificates.

    ``both`` are the guarantors that signed both sides: their names, in the order of the epoch.
    """

    height: int
    text: str
    both: tuple[str, ...]
    evidence: tuple[DoubleVote, ...]


def describe_fork(ours: Side, theirs: Side, validators: ValidatorSet, source: str) -> Fork:
    """A fork in words; ``validators`` are those of the first divergent block's epoch."""
    height = ours.header.height
    both = [
        validators.validators[signer].name
        for signer in sorted(_signers(ours) & _signers(theirs))
        if signer < validators.size
    ]
    blame = (
        f"signed both: {', '.join(both)}"
        if both
        else "no guarantor's signature is in both certificates"
    )
    return Fork(
        height,
        f"the ledger was forked at height {height}: the verified block is "
        f"{_side(ours, validators)}; {source} shows {_side(theirs, validators)}; {blame}",
        tuple(both),
        tuple(double_votes(ours.certificate, theirs.certificate)),
    )


def _signers(side: Side) -> set[int]:
    return {entry.signer for entry in side.certificate.signatures}


def _side(side: Side, validators: ValidatorSet) -> str:
    names = ", ".join(
        validators.validators[signer].name
        for signer in sorted(_signers(side))
        if signer < validators.size
    )
    later = "" if side.certified == side.header.height else f" through block {side.certified}"
    return f"{side.header.hash().hex()}, view {side.header.view}, finalized{later} by {names}"
