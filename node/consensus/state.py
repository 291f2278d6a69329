"""What the core remembers of one view: the proposal, the votes, the certificates, its own votes.

Votes are checked late. A vote takes its signer's slot unchecked; its signature is verified when a
quorum may stand on it or when another vote contests the slot. So a forged vote can neither complete
a quorum nor keep a genuine one out, and in the normal case only a quorum's signatures are verified.
"""

from __future__ import annotations

from collections.abc import Callable

from ledger.block import NO_BLOCK, Certificate, Vote, VoteKind, assemble
from ledger.evidence import DoubleVote, conflicting, double_vote
from node.consensus.events import ProposalArrived

Check = Callable[[Vote], bool]
"""Whether a vote's signature verifies in the epoch's validator set."""

_RIVAL = {VoteKind.NULLIFY: VoteKind.FINALIZE, VoteKind.FINALIZE: VoteKind.NULLIFY}


class Held:
    """A vote in its signer's slot, and whether its signature is known to verify."""

    __slots__ = ("checked", "vote")

    def __init__(self, vote: Vote, checked: bool) -> None:
        self.vote = vote
        self.checked = checked

    def verified(self, check: Check) -> bool:
        """Verify at most once."""
        self.checked = self.checked or check(self.vote)
        return self.checked


class Round:
    """One view as this node knows it."""

    __slots__ = (
        "certificates",
        "convicted",
        "judging",
        "own",
        "proposal",
        "valid",
        "view",
        "votes",
    )

    def __init__(self, view: int) -> None:
        self.view = view
        self.proposal: ProposalArrived | None = None
        """The first one of the view's leader; later ones never count."""
        self.judging = False
        """Whether the replica was asked to judge it."""
        self.valid: bool | None = None
        """What the replica found."""
        self.votes: dict[VoteKind, dict[int, Held]] = {kind: {} for kind in VoteKind}
        self.certificates: dict[VoteKind, Certificate] = {}
        self.own: dict[VoteKind, Vote] = {}
        """This node's votes, durable before they leave. A slot once filled never changes."""
        self.convicted: set[int] = set()

    def cast(self, vote: Vote) -> None:
        """Note an own vote.

        The two rules that all of safety rests on: one notarize and one finalize vote in a view,
        and never a finalize beside a nullify vote.
        """
        assert not any(conflicting(vote, mine) for mine in self.own.values()), "own votes conflict"
        assert vote.kind not in self.own, "an own vote is cast once"
        self.own[vote.kind] = vote
        self.votes[vote.kind][vote.signer] = Held(vote, checked=True)

    def receive(self, vote: Vote, check: Check) -> DoubleVote | None:
        """Give a vote its signer's slot; returns proof if the signer contradicts itself."""
        slots = self.votes[vote.kind]
        held = slots.get(vote.signer)
        if held is None or (held.vote != vote and not held.verified(check)):
            slots[vote.signer] = Held(vote, checked=False)
            return self._against_rival(vote, check)
        if held.vote.block == vote.block or vote.signer in self.convicted or not check(vote):
            return None
        return self._convict(held.vote, vote)

    def _against_rival(self, vote: Vote, check: Check) -> DoubleVote | None:
        """Nullify and finalize votes of one signer exclude each other."""
        rival = _RIVAL.get(vote.kind)
        other = self.votes[rival].get(vote.signer) if rival is not None else None
        if rival is None or other is None or vote.signer in self.convicted:
            return None
        if not self.votes[vote.kind][vote.signer].verified(check):
            del self.votes[vote.kind][vote.signer]
            return None
        if not other.verified(check):
            del self.votes[rival][vote.signer]
            return None
        return self._convict(other.vote, vote)

    def _convict(self, one: Vote, other: Vote) -> DoubleVote:
        self.convicted.add(one.signer)
        return double_vote(one, other)

    def is_checked(self, vote: Vote) -> bool:
        """Whether exactly this vote is held with a verified signature."""
        held = self.votes[vote.kind].get(vote.signer)
        return held is not None and held.checked and held.vote == vote

    def signers(self, kind: VoteKind, block: bytes = NO_BLOCK) -> list[int]:
        """Who is held to have cast this vote (signatures perhaps unchecked), ascending."""
        return sorted(i for i, held in self.votes[kind].items() if held.vote.block == block)

    def quorum(self, kind: VoteKind, block: bytes, need: int, check: Check) -> Certificate | None:
        """The certificate of ``need`` distinct signers, once so many genuine votes are held."""
        signers = self.signers(kind, block)
        if len(signers) < need:
            return None
        slots = self.votes[kind]
        genuine = []
        for signer in signers:
            if slots[signer].verified(check):
                genuine.append(slots[signer].vote)
            else:
                del slots[signer]
            if len(genuine) == need:
                return assemble(genuine)
        return None

    def forget_votes(self) -> None:
        """Let go of others' votes, long after the view; certificates and own votes stay."""
        for slots in self.votes.values():
            slots.clear()
