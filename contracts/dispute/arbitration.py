"""Arbitration, awards and orders: who may, then the step itself."""

from __future__ import annotations

from contracts.dispute import operations as ops
from contracts.dispute.events import (
    ArbitrationRequested,
    ArbitratorAppointed,
    Awarded,
    AwardExtended,
    ClaimAnswered,
    Ordered,
    Recused,
)
from contracts.dispute.execution import carry_out, close, hold, release_holds
from contracts.dispute.interest import (
    by_rule,
    interest_of,
    leave_case,
    require_hearer,
    take_case,
)
from contracts.dispute.records import (
    DISPUTE,
    Dispute,
    DisputeState,
    Nomination,
)
from contracts.dispute.rules import as_party, check_ruling, dispute_of, params
from contracts.dispute.subjects import order_named
from contracts.errors import (
    CONFLICT_OF_INTEREST,
    INVALID_TERMS,
    NOT_ENTITLED,
    OVER_CLAIM,
    WRONG_STATE,
)
from contracts.framework.calendar import after_days
from contracts.framework.context import Context
from contracts.framework.evidence import require_evidence
from contracts.framework.operation import transition
from contracts.framework.party import Role
from ledger.errors import CodedError

# Arbitration


@transition(ops.RequestArbitration)
def request_arbitration(ctx: Context, op: ops.RequestArbitration) -> None:
    """Ask for an award; the respondent answers next."""
    dispute = as_party(ctx, op.dispute)
    until = ctx.in_days(params(ctx).response_days)
    ctx.move(DISPUTE, dispute, "request", due=until)
    ctx.emit(ArbitrationRequested(dispute.id, ctx.author, until))


@transition(ops.AnswerClaim)
def answer_claim(ctx: Context, op: ops.AnswerClaim) -> None:
    """Take the respondent's answer; an arbitrator is chosen next."""
    dispute = dispute_of(ctx, op.dispute)
    ctx.require_author(dispute.respondent, capacity="the respondent")
    ctx.require_open(DISPUTE, dispute, "respond")
    require_evidence(ctx, op.documents, field="documents")
    ctx.move(
        DISPUTE,
        dispute,
        "respond",
        due=ctx.in_days(params(ctx).appointment_days),
        response=op.statement,
        counterclaim=op.counterclaim,
    )
    ctx.emit(ClaimAnswered(dispute.id, dispute.respondent, op.counterclaim))


@DISPUTE.on_lapse("no response")
def no_response(ctx: Context, dispute: Dispute) -> None:
    """Silence admits nothing and stops nothing."""
    due = ctx.in_days(params(ctx).appointment_days)
    ctx.move(DISPUTE, dispute, "no response", due=due)


@transition(ops.NominateArbitrator)
def nominate_arbitrator(ctx: Context, op: ops.NominateArbitrator) -> None:
    """Note a party's choice; a choice of both is an appointment."""
    dispute = as_party(ctx, op.dispute)
    ctx.require_open(DISPUTE, dispute, "appoint")
    roles = (Role.ARBITRATOR, Role.TRIBUNAL)
    require_hearer(ctx, op.arbitrator, roles, dispute, field="arbitrator")
    others = tuple(n for n in dispute.nominations if n.party != ctx.author)
    if any(n.arbitrator == op.arbitrator for n in others):
        _appoint(ctx, dispute, op.arbitrator, "agreed by the parties")
        return
    nominations = (*others, Nomination(ctx.author, op.arbitrator))
    ctx.amend(DISPUTE, dispute, nominations=nominations)


@transition(ops.AppointArbitrator)
def appoint_arbitrator(ctx: Context, op: ops.AppointArbitrator) -> None:
    """Fill a vacancy."""
    dispute = dispute_of(ctx, op.dispute)
    if dispute.state is not DisputeState.VACANT:
        raise CodedError(
            WRONG_STATE, f"the dispute is {dispute.state.value}; the tribunal fills vacancies only"
        )
    roles = (Role.ARBITRATOR, Role.TRIBUNAL)
    require_hearer(ctx, op.arbitrator, roles, dispute, field="arbitrator")
    _appoint(ctx, dispute, op.arbitrator, "named by the tribunal")


def _appoint(ctx: Context, dispute: Dispute, arbitrator: str, how: str) -> None:
    until = ctx.in_days(params(ctx).award_days)
    ctx.move(
        DISPUTE,
        dispute,
        "appoint",
        due=until,
        arbitrator=arbitrator,
        appointed=ctx.time,
        nominations=(),
        settlement=None,
    )
    take_case(ctx, arbitrator)
    ctx.emit(ArbitratorAppointed(dispute.id, arbitrator, how, until))


@DISPUTE.on_lapse("no agreement")
def nobody_agreed(ctx: Context, dispute: Dispute) -> None:
    """The parties named nobody together, so the rule does."""
    _fill(ctx, dispute, "no agreement")


@DISPUTE.on_lapse("miss")
def award_missed(ctx: Context, dispute: Dispute) -> None:
    """Who does not decide in time loses the case to another, named by the rule."""
    missed = dispute.arbitrator or ""
    leave_case(ctx, missed)
    ctx.emit(Recused(dispute.id, missed, "the time for the award has passed"))
    _fill(
        ctx, dispute, "miss", arbitrator=None, excluded=(*dispute.excluded, missed), settlement=None
    )


def _fill(ctx: Context, dispute: Dispute, event: str, **changes: object) -> None:
    due = ctx.in_days(params(ctx).vacancy_days)
    dispute = ctx.move(DISPUTE, dispute, event, due=due, **changes)
    found = by_rule(ctx, dispute)
    if found is not None:
        _appoint(ctx, dispute, found, "named by the rule")


@DISPUTE.on_lapse("lapse")
def dispute_lapses(ctx: Context, dispute: Dispute) -> None:
    """Nobody pursued the claim, or nobody could hear it: what was frozen is free again."""
    waited = dispute.state is DisputeState.FAILED
    why = "arbitration was not requested in time" if waited else "no arbitrator was found in time"
    close(ctx, dispute, "lapse", why)


@transition(ops.Recuse)
def recuse(ctx: Context, op: ops.Recuse) -> None:
    """Leave a case; the parties choose anew."""
    dispute = dispute_of(ctx, op.dispute)
    if dispute.state is DisputeState.MEDIATION:
        ctx.require_author(dispute.mediator or "", capacity="the mediator")
        event, days, gone = "recuse mediator", params(ctx).agreement_days, {"mediator": None}
    else:
        ctx.require_open(DISPUTE, dispute, "recuse")
        ctx.require_author(dispute.arbitrator or "", capacity="the arbitrator")
        event, days, gone = "recuse", params(ctx).appointment_days, {"arbitrator": None}
        leave_case(ctx, ctx.author)
    ctx.move(
        DISPUTE,
        dispute,
        event,
        due=ctx.in_days(days),
        excluded=(*dispute.excluded, ctx.author),
        settlement=None,
        **gone,
    )
    ctx.emit(Recused(dispute.id, ctx.author, op.reason))


# Award


def _as_arbitrator(ctx: Context, id: bytes) -> Dispute:
    dispute = dispute_of(ctx, id)
    ctx.require_author(dispute.arbitrator or "", capacity="the arbitrator")
    return dispute


@transition(ops.ExtendAward)
def extend_award(ctx: Context, op: ops.ExtendAward) -> None:
    """Take more time, counted from the appointment."""
    dispute = _as_arbitrator(ctx, op.dispute)
    ctx.require_open(DISPUTE, dispute, "extend")
    longest = after_days(dispute.appointed, params(ctx).longest_award_days)
    if not dispute.due < op.until <= longest:
        raise CodedError(
            INVALID_TERMS,
            f"the award is due at {dispute.due}; it can be extended to {longest} at most",
            field="until",
        )
    ctx.move(DISPUTE, dispute, "extend", due=op.until)
    ctx.emit(AwardExtended(dispute.id, op.until, op.reason))


@transition(ops.MakeAward)
def make_award(ctx: Context, op: ops.MakeAward) -> None:
    """Decide, or correct what was decided; never beyond what was claimed."""
    dispute = _as_arbitrator(ctx, op.dispute)
    corrected = dispute.state is DisputeState.AWARDED
    ctx.require_open(DISPUTE, dispute, "correct" if corrected else "award")
    check_ruling(dispute, op.ruling)
    claimed = dispute.claim if op.ruling.payer == dispute.respondent else dispute.counterclaim
    if op.ruling.amount > claimed:
        raise CodedError(
            OVER_CLAIM,
            f"{claimed} is claimed from {op.ruling.payer}, {op.ruling.amount} is more "
            "(minor units)",
            field="ruling.amount",
        )
    if corrected:
        until = dispute.due
        ctx.move(DISPUTE, dispute, "correct", due=until, award=op.ruling)
    else:
        until = ctx.in_days(params(ctx).execution_days)
        ctx.move(DISPUTE, dispute, "award", due=until, award=op.ruling, settlement=None)
    ctx.emit(Awarded(dispute.id, ctx.author, op.ruling, corrected, until))


@transition(ops.ExecuteAward)
def execute_award(ctx: Context, op: ops.ExecuteAward) -> None:
    """Carry the award out now."""
    award_is_executed(ctx, dispute_of(ctx, op.dispute))


@DISPUTE.on_lapse("execute")
def award_is_executed(ctx: Context, dispute: Dispute) -> None:
    """Carry the award out, without any party's signature."""
    ctx.require_open(DISPUTE, dispute, "execute")
    if dispute.award is None:
        raise ValueError("an awarded dispute has an award")
    carry_out(ctx, dispute, "execute", dispute.award)


# Orders


def _as_tribunal(ctx: Context, id: bytes) -> Dispute:
    """The open dispute, for its arbitrator or for a tribunal without an interest in it."""
    dispute = dispute_of(ctx, id)
    if DISPUTE.is_end(dispute.state):
        raise CodedError(WRONG_STATE, f"the dispute is {dispute.state.value}: nothing to order")
    if ctx.author == dispute.arbitrator:
        return dispute
    if not ctx.party(ctx.author).holds(Role.TRIBUNAL):
        raise CodedError(NOT_ENTITLED, "only the arbitrator or the tribunal may do this")
    interest = interest_of(ctx.state, ctx.author, dispute)
    if interest:
        raise CodedError(CONFLICT_OF_INTEREST, f"the tribunal may not: {interest}")
    return dispute


@transition(ops.MakeOrder)
def make_order(ctx: Context, op: ops.MakeOrder) -> None:
    """Order something about the subject."""
    dispute = _as_tribunal(ctx, op.dispute)
    order_named(dispute.subject, op.order)(ctx, dispute)
    ctx.emit(Ordered(dispute.id, ctx.author, op.order, op.reason, op.document))


@transition(ops.HoldMoney)
def hold_money(ctx: Context, op: ops.HoldMoney) -> None:
    """Hold money of a party, up to what is claimed from it."""
    dispute = _as_tribunal(ctx, op.dispute)
    if op.owner not in dispute.parties:
        raise CodedError(INVALID_TERMS, "the owner is no party to the dispute", field="owner")
    claimed = dispute.claim if op.owner == dispute.respondent else dispute.counterclaim
    claimed = max(claimed, dispute.held_of(op.owner))
    if op.amount > claimed:
        raise CodedError(
            OVER_CLAIM,
            f"{claimed} is claimed from {op.owner}, {op.amount} is more (minor units)",
            field="amount",
        )
    hold(ctx, dispute, op.owner, op.amount - dispute.held_of(op.owner))
    ctx.emit(Ordered(dispute.id, ctx.author, "hold money", op.reason, op.document))


@transition(ops.ReleaseMoney)
def release_money(ctx: Context, op: ops.ReleaseMoney) -> None:
    """Give all held money back."""
    dispute = _as_tribunal(ctx, op.dispute)
    release_holds(ctx, dispute)
    ctx.emit(Ordered(dispute.id, ctx.author, "release money", op.reason, op.document))
