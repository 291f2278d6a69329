"""Evidence: two votes that no correct validator signs both.

A correct validator signs at most one notarize and one finalize vote in a view, and never both a
finalize and a nullify vote. Two such votes prove a fault to anybody who knows the validator set,
for ever and without trust in who reports it. (A notarize vote for one block and a finalize vote for
another are no fault: the second follows the quorum.)

A recovery is signed by a node once in an epoch, in a view above all in which it voted, and it votes
no more in that epoch. So two recoveries of different blocks prove a fault, and so does one beside a
vote of its view or a later one.
"""

from __future__ import annotations

from ledger import keys
from ledger.block import Verify, Vote, VoteKind
from ledger.codec import Struct
from ledger.errors import BAD_FAULT_PROOF, CodedError
from ledger.validators import ValidatorSet


class DoubleVote(Struct, tag=1):
    """Two conflicting votes of one validator, ordered so that the same pair has one encoding."""

    first: Vote
    second: Vote

    def verify(
        self, chain_id: bytes, validators: ValidatorSet, verify: Verify = keys.verify
    ) -> int:
        """The index of the validator that this convicts; raises ``BAD_FAULT_PROOF`` if none."""
        if not conflicting(self.first, self.second):
            raise CodedError(BAD_FAULT_PROOF, "a correct validator may sign both votes")
        if _order(self.first) >= _order(self.second):
            raise CodedError(BAD_FAULT_PROOF, "the votes are in ascending order of kind and block")
        for vote in (self.first, self.second):
            if not vote.verify(chain_id, validators, verify):
                raise CodedError(
                    BAD_FAULT_PROOF, "both votes must verify in the same validator set"
                )
        return self.first.signer


def double_vote(one: Vote, other: Vote) -> DoubleVote:
    """The evidence of two conflicting votes, in its one order."""
    assert conflicting(one, other), "only conflicting votes are evidence"
    first, second = sorted((one, other), key=_order)
    return DoubleVote(first, second)


def conflicting(one: Vote, other: Vote) -> bool:
    """Whether the two votes, if both signatures are genuine, prove a fault."""
    if (one.signer, one.epoch) != (other.signer, other.epoch):
        return False
    if one.kind is VoteKind.RECOVER:
        return one.block != other.block if other.kind is one.kind else other.view >= one.view
    if other.kind is VoteKind.RECOVER:
        return one.view >= other.view
    if one.view != other.view:
        return False
    if one.kind is other.kind:
        return one.block != other.block
    return {one.kind, other.kind} == {VoteKind.NULLIFY, VoteKind.FINALIZE}


def _order(vote: Vote) -> tuple[int, bytes]:
    return (vote.kind, vote.block)
