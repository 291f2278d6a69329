"""Who signed two recoveries of one epoch, where a correct node signs one. Pure."""

from __future__ import annotations

from ledger.block import Vote, VoteKind
from ledger.evidence import DoubleVote, conflicting, double_vote
from ledger.validators import ValidatorSet
from node.recovery.documents import Recovery, bad


def signed_both(
    one: Recovery, other: Recovery, chain_id: bytes, validators: ValidatorSet
) -> list[DoubleVote]:
    """Proofs against every validator whose genuine signatures are in both, in order.

    ``validators`` are those of the epoch that both end; raises ``BAD_RECOVERY`` if they do not.
    """
    if not one.header.epoch == other.header.epoch == validators.epoch:
        raise bad(f"the recoveries are of epochs {one.header.epoch} and {other.header.epoch}", "")
    theirs = {vote.signer: vote for vote in _votes(other)}
    return [
        double_vote(vote, theirs[vote.signer])
        for vote in _votes(one)
        if vote.signer in theirs
        and conflicting(vote, theirs[vote.signer])
        and vote.verify(chain_id, validators)
        and theirs[vote.signer].verify(chain_id, validators)
    ]


def _votes(recovery: Recovery) -> list[Vote]:
    epoch, block = recovery.header.epoch, recovery.header.hash()
    return [
        Vote(VoteKind.RECOVER, epoch, recovery.view, block, entry.signer, entry.signature)
        for entry in recovery.signatures
    ]
