"""Proven faults and decisions about nodes: suspension, removal, reinstatement, replacement."""

from __future__ import annotations

from typing import Any, Final

from contracts.errors import ALREADY_REPORTED, INVALID_TERMS, MOTION_OPEN, WRONG_STATE
from contracts.framework.ballot import Ballot, BallotState, on_decision, open_motion
from contracts.framework.context import Context
from contracts.framework.event import as_tuples
from contracts.framework.operation import transition
from contracts.framework.party import PARTY, Role
from contracts.governance.hooks import on_guarantor_change
from contracts.governance.records import GuarantorChange
from contracts.register.hooks import on_office_end
from contracts.register.membership import ask_council
from contracts.validators.epochs import move, plan_end
from contracts.validators.events import FaultProven, NodeDecided
from contracts.validators.operations import (
    Card,
    CastKind,
    NodeStep,
    ProposeNode,
    ReportFault,
    SeenVote,
)
from contracts.validators.records import (
    EPOCH,
    NODE,
    OFFENCE,
    Epoch,
    Node,
    NodeState,
    Offence,
    ValidatorParameters,
)
from contracts.validators.rules import change_entry, checked_card, own_node
from ledger.block import Vote, VoteKind
from ledger.codec import from_plain, to_plain
from ledger.errors import CodedError
from ledger.evidence import DoubleVote
from ledger.validators import Validator, ValidatorSet

BALLOT: Final = "validators.node"
FAULT: Final = "fault"
"""The question that evidence opens: yes removes the node, no lets it return."""
_KINDS: Final = {
    CastKind.NOTARIZE: VoteKind.NOTARIZE,
    CastKind.NULLIFY: VoteKind.NULLIFY,
    CastKind.FINALIZE: VoteKind.FINALIZE,
}


def report_of(proof: DoubleVote) -> ReportFault:
    """The operation that reports a proof."""
    first, second = (
        SeenVote(CastKind(vote.kind.name.lower()), vote.block, vote.signature)
        for vote in (proof.first, proof.second)
    )
    vote = proof.first
    return ReportFault(vote.epoch, vote.view, vote.signer, first, second)


def proof_of(op: ReportFault) -> DoubleVote:
    """The proof that an operation reports; nothing about it is verified."""
    first, second = (
        Vote(_KINDS[seen.kind], op.epoch, op.view, seen.block, op.signer, seen.signature)
        for seen in (op.first, op.second)
    )
    return DoubleVote(first, second)


def voters_of(number: int, epoch: Epoch) -> ValidatorSet:
    """An epoch's validators as far as verifying its votes needs them."""
    return ValidatorSet(
        number,
        tuple(
            Validator(m.party, "validator", "XX", m.vote_key, b"", "none") for m in epoch.members
        ),
    )


@transition(ReportFault)
def report_fault(ctx: Context, op: ReportFault) -> None:
    """Record the first proof against a vote key, end its vote, and ask the guarantors."""
    epoch = ctx.find(EPOCH, op.epoch, what="epoch", field="epoch")
    proof = proof_of(op)
    signer = epoch.members[proof.verify(ctx.chain_id, voters_of(op.epoch, epoch))]
    if ctx.get(OFFENCE, signer.vote_key) is not None:
        raise CodedError(ALREADY_REPORTED, f"a fault of this key of {signer.party} is recorded")
    offence = Offence(signer.party, signer.vote_key, proof, ctx.author, ctx.height)
    ctx.put(OFFENCE, offence, signer.vote_key)
    ctx.emit(FaultProven(signer.party, signer.vote_key, op.epoch, op.view, ctx.author))
    node = ctx.get(NODE, signer.party)
    if node is None:
        return
    in_use = node.validator.vote_key == signer.vote_key
    if in_use and node.state in {NodeState.VOTING, NodeState.LEAVING}:
        move(ctx, node, "convict", f"it contradicted itself in view {op.view}")
        plan_end(ctx)
    elif in_use and node.state is NodeState.JOINING:
        move(ctx, node, "stand back", "its vote key is convicted of a fault")
    if node.state is not NodeState.REMOVED:
        reason = f"its node contradicted itself in view {op.view} of epoch {op.epoch}"
        _ask(ctx, signer.party, (FAULT, None), reason)


def _ask(ctx: Context, party: str, terms: tuple[Any, ...], reason: str) -> None:
    """Open a ballot about a node, unless one is open or nobody could vote."""
    found = ctx.get(PARTY, party)
    if found is None or open_motion(ctx, BALLOT, party) is not None:
        return
    params = ctx.params(ValidatorParameters)
    try:
        ask_council(
            ctx,
            BALLOT,
            found,
            reason=reason,
            majority=params.decisions,
            days=params.vote_days,
            terms=terms,
        )
    except CodedError:
        # The only guarantor cannot judge itself; the fault stays on record.
        return


@transition(ProposeNode)
def propose_node(ctx: Context, op: ProposeNode) -> None:
    """Put a decision about a node to the vote."""
    node = own_node(ctx, op.party, field="party")
    if (op.card is not None) is not (op.change is NodeStep.REPLACE):
        raise CodedError(INVALID_TERMS, "a card is named exactly to replace one", field="card")
    if op.card is not None:
        checked_card(ctx, op.party, op.card)
    returns = node.state in {NodeState.CONVICTED, NodeState.SUSPENDED}
    if op.change is NodeStep.REINSTATE and not returns:
        raise CodedError(WRONG_STATE, f"the node is {node.state.value}, not suspended")
    if open_motion(ctx, BALLOT, op.party) is not None:
        raise CodedError(MOTION_OPEN, f"a ballot about the node of {op.party} is open")
    params = ctx.params(ValidatorParameters)
    ask_council(
        ctx,
        BALLOT,
        ctx.party(op.party),
        reason=op.reason,
        majority=params.decisions,
        days=params.vote_days,
        terms=(op.change.value, None if op.card is None else as_tuples(to_plain(op.card))),
    )


@on_decision(BALLOT)
def node_is_decided(ctx: Context, ballot: Ballot, passed: bool) -> None:
    """Do what the guarantors decided, as far as it still can be done."""
    question, plain = ballot.terms
    node = ctx.get(NODE, ballot.subject)
    decision = question if passed else "nothing"
    if question == FAULT:
        decision = NodeStep.REMOVE.value if passed else NodeStep.REINSTATE.value
        if ballot.state is BallotState.EXPIRED:
            decision = "nothing"
    if node is not None and node.state is not NodeState.REMOVED:
        decision = _carry_out(ctx, node, decision, plain)
    ctx.emit(NodeDecided(ballot.subject, ballot.id, decision))


def _carry_out(ctx: Context, node: Node, decision: str, plain: Any) -> str:
    if decision == NodeStep.REMOVE:
        remove(ctx, node, "the guarantors removed it")
    elif decision == NodeStep.REINSTATE and node.state is NodeState.SUSPENDED:
        move(ctx, node, "readmit", "the guarantors reinstated it")
    elif decision == NodeStep.REINSTATE and node.state is NodeState.CONVICTED:
        move(ctx, node, "reinstate", "the guarantors reinstated it")
    elif decision == NodeStep.REPLACE:
        try:
            validator = checked_card(ctx, node.party, from_plain(plain, Card))
            change_entry(ctx, node, validator)
        except CodedError:
            return "nothing"
    return decision


def remove(ctx: Context, node: Node, reason: str) -> None:
    """End a node's part for good: a validator's with the epoch, any other's now."""
    if node.state in {NodeState.VOTING, NodeState.LEAVING, NodeState.CONVICTED}:
        move(ctx, node, "expel", reason)
        plan_end(ctx)
    elif node.state not in {NodeState.REMOVING, NodeState.REMOVED}:
        move(ctx, node, "remove", reason)


@on_guarantor_change
def node_follows_decision(ctx: Context, change: GuarantorChange) -> None:
    """The council removes a guarantor: its node stops voting before its state has withdrawn."""
    node = ctx.get(NODE, change.party)
    if change.change == "remove" and node is not None:
        remove(ctx, node, "the council removes the guarantor")


@on_office_end
def node_follows_office(ctx: Context, lei: str) -> None:
    """A party that is no guarantor any more has no node."""
    node = ctx.get(NODE, lei)
    if node is not None and not ctx.party(lei).holds(Role.GUARANTOR):
        remove(ctx, node, "its office has ended")
