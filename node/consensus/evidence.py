"""Finding evidence in pairs of certificates that exclude each other."""

from __future__ import annotations

from ledger.block import Certificate, Vote, VoteKind
from ledger.evidence import DoubleVote, conflicting, double_vote


def exclusive(one: Certificate, other: Certificate) -> bool:
    """Whether two certificates of one view cannot both exist with at most f faults.

    Two blocks notarized, two blocks finalized, one notarized and another finalized, or a view
    finalized and nullified. (A view both notarized and nullified is ordinary.)
    """
    if (one.epoch, one.view) != (other.epoch, other.view):
        return False
    kinds = {one.kind, other.kind}
    if VoteKind.NULLIFY in kinds:
        return VoteKind.FINALIZE in kinds
    return one.block != other.block


def double_votes(one: Certificate, other: Certificate) -> list[DoubleVote]:
    """The proof against every validator whose votes in the two certificates conflict.

    Two quorums share at least ``2·quorum - n`` ≥ f+1 signers, so of two notarizations, two
    finalizations, or a finalization and a nullification the proof names at least f+1. A
    notarization beside the finalization of another block convicts nobody by itself; the finalized
    block's own notarization does.
    """
    theirs = {vote.signer: vote for vote in votes_of(other)}
    return [
        double_vote(vote, theirs[vote.signer])
        for vote in votes_of(one)
        if vote.signer in theirs and conflicting(vote, theirs[vote.signer])
    ]


def votes_of(certificate: Certificate) -> list[Vote]:
    """The votes that make up a certificate, in order of signers."""
    c = certificate
    return [Vote(c.kind, c.epoch, c.view, c.block, s.signer, s.signature) for s in c.signatures]
