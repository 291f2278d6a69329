"""The way of a proposal: check, vote, enactment at its height."""

from __future__ import annotations

from typing import Any, Final

from contracts.errors import INVALID_TERMS, MOTION_OPEN
from contracts.framework.ballot import (
    Ballot,
    BallotState,
    cancel_ballot,
    on_decision,
    open_ballot,
    open_motion,
)
from contracts.framework.context import Context
from contracts.framework.event import as_tuples
from contracts.framework.operation import (
    Operation,
    read_trusted_operation,
    transition,
    write_operation,
)
from contracts.framework.schedule import at_height, deadline
from contracts.governance.changes import KINDS, Kind
from contracts.governance.events import ProposalMade, ProposalMoved
from contracts.governance.operations import (
    ProposeGuarantor,
    ProposeParameters,
    ProposePause,
    ProposeResumption,
    ProposeRole,
    ProposeUpgrade,
    WithdrawProposal,
)
from contracts.governance.records import (
    PROPOSAL,
    PROPOSAL_TABLE,
    GovernanceParameters,
    Proposal,
    ProposalState,
)
from contracts.register.membership import guarantors
from ledger.errors import CodedError

ENACT: Final = "governance.enact"


def _propose(ctx: Context, op: Operation, height: int) -> None:
    kind = KINDS[type(op)]
    params = ctx.params(GovernanceParameters)
    if not kind.urgent:
        _check_height(ctx, height, params)
    kind.check(ctx, op)
    subject = kind.subject(op) or ctx.author
    if open_motion(ctx, kind.name, subject) is not None:
        raise CodedError(MOTION_OPEN, f"a ballot of this kind about {subject} is open")
    id = ctx.new_id()
    reason: str = getattr(op, "reason")  # noqa: B009 - every kind of proposal has one
    ballot = open_ballot(
        ctx,
        kind.name,
        subject,
        terms=(id,),
        reason=reason,
        majority=kind.quorum(params, op),
        voters=guarantors(ctx),
        conflicted=kind.conflicted(ctx, op),
        due=ctx.in_days(params.emergency_days if kind.urgent else params.vote_days),
    )
    proposal = Proposal(
        id,
        kind.name,
        ctx.author,
        as_tuples(write_operation(op)),
        ballot.id,
        height,
        ProposalState.VOTING,
    )
    ctx.open(PROPOSAL, proposal)
    ctx.emit(ProposalMade(id, kind.name, ctx.author, ballot.id, height))


def _check_height(ctx: Context, height: int, params: GovernanceParameters) -> None:
    earliest = ctx.height + params.notice_blocks
    latest = ctx.height + params.horizon_blocks
    if not earliest <= height <= latest:
        raise CodedError(
            INVALID_TERMS,
            f"a proposal made now is enacted from height {earliest} to {latest}",
            field="height",
        )


@transition(ProposeParameters)
def propose_parameters(ctx: Context, op: ProposeParameters) -> None:
    """Put new values to the vote."""
    _propose(ctx, op, op.height)


@transition(ProposeRole)
def propose_role(ctx: Context, op: ProposeRole) -> None:
    """Put an office to the vote."""
    _propose(ctx, op, op.height)


@transition(ProposeGuarantor)
def propose_guarantor(ctx: Context, op: ProposeGuarantor) -> None:
    """Put a guarantor to the vote."""
    _propose(ctx, op, op.height)


@transition(ProposeUpgrade)
def propose_upgrade(ctx: Context, op: ProposeUpgrade) -> None:
    """Put a protocol version to the vote."""
    _propose(ctx, op, op.height)


@transition(ProposePause)
def propose_pause(ctx: Context, op: ProposePause) -> None:
    """Put a pause to the vote."""
    _propose(ctx, op, 0)


@transition(ProposeResumption)
def propose_resumption(ctx: Context, op: ProposeResumption) -> None:
    """Put the end of a pause to the vote."""
    _propose(ctx, op, 0)


@transition(WithdrawProposal)
def withdraw_proposal(ctx: Context, op: WithdrawProposal) -> None:
    """End a proposal and its ballot."""
    proposal = _proposal(ctx, op.proposal)
    ctx.require_author(proposal.proposer, capacity="the proposer")
    _move(ctx, proposal, "withdraw", "withdrawn by the proposer")
    change = read_trusted_operation(proposal.operation)
    subject = KINDS[type(change)].subject(change) or proposal.proposer
    cancel_ballot(ctx, proposal.kind, subject)


def _decided(ctx: Context, ballot: Ballot, passed: bool) -> None:
    """Plan the enactment of what passed in time, or end the proposal."""
    proposal = _proposal(ctx, ballot.terms[0])
    if not passed:
        expired = ballot.state is BallotState.EXPIRED
        reason = "no decision in time" if expired else "the guarantors did not agree"
        _move(ctx, proposal, "expire" if expired else "refuse", reason)
        return
    if proposal.height == 0:
        _enact(ctx, _move(ctx, proposal, "pass", ""))
    elif proposal.height <= ctx.height:
        _move(ctx, proposal, "expire", f"decided after its height {proposal.height}")
    else:
        _move(ctx, proposal, "pass", "")
        at_height(ctx, proposal.height, ENACT, proposal.id)


for _kind in KINDS.values():
    on_decision(_kind.name)(_decided)


@deadline(ENACT)
def height_is_reached(ctx: Context, id: bytes) -> None:
    """Enact a proposal at its height."""
    _enact(ctx, _proposal(ctx, id))


def _enact(ctx: Context, proposal: Proposal) -> None:
    """Make the change, unless it would break a rule by now."""
    op: Any = read_trusted_operation(proposal.operation)
    kind: Kind = KINDS[type(op)]
    try:
        kind.check(ctx, op)
    except CodedError as error:
        _move(ctx, proposal, "void", f"{error.code.name}: {error.message}"[:400])
        return
    kind.effect(ctx, op, proposal)
    _move(ctx, proposal, "enact", "", enacted=ctx.height)


def _proposal(ctx: Context, id: bytes) -> Proposal:
    return ctx.find(PROPOSAL_TABLE, id, what="proposal", field="proposal")


def _move(ctx: Context, proposal: Proposal, event: str, reason: str, **changes: Any) -> Proposal:
    moved = ctx.move(PROPOSAL, proposal, event, reason=reason, **changes)
    ctx.emit(ProposalMoved(moved.id, moved.kind, moved.state.value, reason))
    return moved
