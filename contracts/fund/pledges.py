"""Pledges: how states' money comes into the fund, and what happens to a state in arrears."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import structs

from contracts.accounts import AVAIL
from contracts.errors import INVALID_TERMS, MOTION_OPEN, NOT_ENTITLED
from contracts.framework.ballot import (
    Ballot,
    leave_ballots,
    on_decision,
    open_ballot,
    open_motion,
    suspends_votes,
)
from contracts.framework.context import Context
from contracts.framework.operation import transition
from contracts.framework.party import PARTY, Role, holder
from contracts.framework.posting import Unit
from contracts.framework.types import BASIS_POINTS
from contracts.fund import operations as ops
from contracts.fund.accounts import THE_FIRST_LOSS, THE_POOL
from contracts.fund.events import PledgeChanged
from contracts.fund.firstloss import tally_of
from contracts.fund.parameters import FundParameters
from contracts.fund.records import (
    ARREARS,
    PLEDGE,
    PLEDGE_TABLE,
    TALLY,
    Arrears,
    Pledge,
    PledgeState,
)
from contracts.register.hooks import binds_state
from contracts.register.membership import guarantors
from ledger.errors import CodedError
from ledger.state import State

RELEASE: Final = "fund.release"


@transition(ops.Pledge)
def pledge(ctx: Context, op: ops.Pledge) -> None:
    """A state's promise."""
    _require_guarantor(ctx, op.country)
    made = ctx.open(PLEDGE, Pledge(ctx.new_id(), op.country, op.amount, PledgeState.PLEDGED))
    _tell(ctx, made)


@transition(ops.CallPledge)
def call_pledge(ctx: Context, op: ops.CallPledge) -> None:
    """Start the time for paying; a part that is called becomes a pledge of its own."""
    found = _pledge_of(ctx, op.pledge)
    ctx.require_open(PLEDGE, found, "call")
    if op.amount > found.amount:
        raise CodedError(
            INVALID_TERMS, f"the pledge is of {found.amount} (minor units)", field="amount"
        )
    due = ctx.in_days(ctx.params(FundParameters).call_days)
    if op.amount == found.amount:
        called = ctx.move(PLEDGE, found, "call", due=due, reason=op.reason)
    else:
        rest = ctx.amend(PLEDGE, found, amount=found.amount - op.amount)
        part = Pledge(
            ctx.new_id(), rest.country, op.amount, PledgeState.CALLED, due, rest.id, op.reason
        )
        called = ctx.open(PLEDGE, part)
        _tell(ctx, rest)
    _tell(ctx, called)


@transition(ops.PayPledge)
def pay_pledge(ctx: Context, op: ops.PayPledge) -> None:
    """Money into the pool, and the ring-fenced part of it into the first-loss tranche."""
    found = _pledge_of(ctx, op.pledge)
    _require_guarantor(ctx, found.country)
    late = found.state is PledgeState.ARREARS
    if found.state is PledgeState.CALLED and ctx.time > found.due:
        found = _into_arrears(ctx, found)
        late = True
    paid = ctx.move(PLEDGE, found, "pay")
    share = ctx.params(FundParameters).first_loss_share
    ring_fenced = -(-paid.amount * share // BASIS_POINTS)
    free = paid.amount - ring_fenced
    payer = AVAIL.of(ctx.author)
    if ring_fenced:
        ctx.post(Unit.SCU, payer, THE_FIRST_LOSS, ring_fenced)
    if free:
        ctx.post(Unit.SCU, payer, THE_POOL, free)
    tally = tally_of(ctx.state)
    tally = structs.replace(
        tally,
        paid_in=tally.paid_in + paid.amount,
        to_pool=tally.to_pool + free,
        to_first_loss=tally.to_first_loss + ring_fenced,
    )
    ctx.put(TALLY, tally)
    if late:
        ctx.delete(ARREARS, paid.country, paid.id)
    _tell(ctx, paid)


@PLEDGE.on_lapse("fall into arrears")
def pledge_falls_into_arrears(ctx: Context, found: Pledge) -> None:
    """The state's vote is suspended until it pays."""
    _into_arrears(ctx, found)


def _into_arrears(ctx: Context, found: Pledge) -> Pledge:
    late = ctx.move(PLEDGE, found, "fall into arrears")
    ctx.put(ARREARS, Arrears(late.id), late.country, late.id)
    _tell(ctx, late)
    guarantor = holder(ctx.state, Role.GUARANTOR, late.country)
    if guarantor is not None:
        leave_ballots(ctx, guarantor)
    return late


@suspends_votes
def arrears_suspend(state: State, lei: str) -> str:
    """A guarantor has no vote while a state that it guarantees for is in arrears."""
    party = state.get(PARTY, lei)
    for office in party.offices if party is not None else ():
        if office.role is Role.GUARANTOR and next(state.scan(ARREARS, office.scope), None):
            return f"{office.scope} is in arrears with its pledges to the joint fund"
    return ""


@binds_state
def pledges_bind(state: State, country: str) -> Iterator[str]:
    """A state that withdraws pays what it pledged, or is released from it."""
    for pledge in pledges_by(state, country):
        if not PLEDGE.is_end(pledge.state):
            yield f"a pledge of {pledge.amount} to the joint fund is {pledge.state.value}"


def pledges_by(state: State, country: str) -> Iterator[Pledge]:
    """Every pledge of a state, in the order of ids."""
    for _, pledge in state.scan(PLEDGE_TABLE):
        if pledge.country == country:
            yield pledge


@transition(ops.ProposeRelease)
def propose_release(ctx: Context, op: ops.ProposeRelease) -> None:
    """Ask the other states."""
    found = _pledge_of(ctx, op.pledge)
    ctx.require_open(PLEDGE, found, "release")
    guarantor = holder(ctx.state, Role.GUARANTOR, found.country)
    subject = guarantor or ctx.author
    if open_motion(ctx, RELEASE, subject) is not None:
        raise CodedError(MOTION_OPEN, "a ballot on a pledge of this state is open", field="pledge")
    parameters = ctx.params(FundParameters)
    open_ballot(
        ctx,
        RELEASE,
        subject,
        terms=(found.id, found.country, found.amount),
        reason=op.reason,
        majority=parameters.approval,
        voters=guarantors(ctx),
        conflicted=() if guarantor is None else (guarantor,),
        due=ctx.in_days(parameters.vote_days),
    )


@on_decision(RELEASE)
def release_decided(ctx: Context, ballot: Ballot, passed: bool) -> None:
    """Release what the council decided on, unless it was paid or split meanwhile."""
    id, _, amount = ballot.terms
    found = _pledge_of(ctx, id)
    if not passed or found.amount != amount or PLEDGE.target(found.state, "release") is None:
        return
    if found.state is PledgeState.CALLED and ctx.time > found.due:
        found = _into_arrears(ctx, found)
    if found.state is PledgeState.ARREARS:
        ctx.delete(ARREARS, found.country, found.id)
    _tell(ctx, ctx.move(PLEDGE, found, "release", reason=ballot.reason))


def _pledge_of(ctx: Context, id: bytes) -> Pledge:
    return ctx.find(PLEDGE_TABLE, id, what="pledge", field="pledge")


def _require_guarantor(ctx: Context, country: str) -> None:
    if not ctx.party(ctx.author).holds(Role.GUARANTOR, country):
        raise CodedError(NOT_ENTITLED, f"only the guarantor of {country} may do this")


def _tell(ctx: Context, found: Pledge) -> None:
    guarantor = holder(ctx.state, Role.GUARANTOR, found.country) or ""
    ctx.emit(
        PledgeChanged(found.id, found.country, guarantor, found.amount, found.state, found.due)
    )
