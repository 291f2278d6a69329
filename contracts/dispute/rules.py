"""Opening a dispute, mediation and settlement: who may, then the step itself."""

from __future__ import annotations

from contracts.dispute import operations as ops
from contracts.dispute.events import (
    DisputeOpened,
    MediationBegan,
    MediationEnded,
    MediationProposed,
    SettlementProposed,
)
from contracts.dispute.execution import carry_out, close, hold, open_key
from contracts.dispute.interest import (
    require_hearer,
)
from contracts.dispute.records import (
    DISPUTE,
    DISPUTE_TABLE,
    OPEN_DISPUTE,
    Dispute,
    DisputeParameters,
    DisputeState,
    Mediation,
    OpenDispute,
    Ruling,
    Settlement,
)
from contracts.dispute.subjects import rules_of, sides_of
from contracts.errors import (
    ALREADY_DECIDED,
    ALREADY_DISPUTED,
    INVALID_TERMS,
    NOT_ENTITLED,
    WRONG_STATE,
)
from contracts.framework.context import Context
from contracts.framework.evidence import require_evidence
from contracts.framework.operation import transition
from contracts.framework.party import Right, Role
from ledger.errors import CodedError


def dispute_of(ctx: Context, id: bytes) -> Dispute:
    """The dispute of an id; raises ``NOT_FOUND``."""
    return ctx.find(DISPUTE_TABLE, id, what="dispute", field="dispute")


def as_party(ctx: Context, id: bytes) -> Dispute:
    """The dispute, for one of its parties; raises ``NOT_FOUND`` or ``NOT_ENTITLED``."""
    dispute = dispute_of(ctx, id)
    ctx.require_author(*dispute.parties, capacity="a party to the dispute")
    return dispute


def params(ctx: Context) -> DisputeParameters:
    """The windows in force."""
    return ctx.params(DisputeParameters)


# Opening and withdrawing


@transition(ops.OpenDispute)
def open_dispute(ctx: Context, op: ops.OpenDispute) -> None:
    """Open a dispute, freeze its subject and hold the liquid money that it is about."""
    if op.respondent == ctx.author:
        raise CodedError(INVALID_TERMS, "nobody disputes with itself", field="respondent")
    ctx.party(op.respondent, Right.SETTLE, field="respondent")
    sides = sides_of(ctx.state, op.subject)
    if op.subject.id is not None:
        if ctx.author not in sides:
            raise CodedError(NOT_ENTITLED, "only its parties dispute about an object")
        if op.respondent not in sides:
            raise CodedError(
                INVALID_TERMS, "the respondent is no party to the object", field="respondent"
            )
    require_evidence(ctx, op.documents, field="documents")
    dispute = Dispute(
        id=ctx.new_id(),
        claimant=ctx.author,
        respondent=op.respondent,
        subject=op.subject,
        claim=op.claim,
        statement=op.statement,
        opened=ctx.time,
        state=DisputeState.OPEN,
        due=ctx.in_days(params(ctx).agreement_days),
    )
    if ctx.get(OPEN_DISPUTE, open_key(dispute)) is not None:
        raise CodedError(ALREADY_DISPUTED, "the two have an open dispute about this")
    ctx.open(DISPUTE, dispute)
    ctx.put(OPEN_DISPUTE, OpenDispute(dispute.id), open_key(dispute))
    ctx.emit(DisputeOpened(dispute.id, dispute.claimant, dispute.respondent, op.subject, op.claim))
    rules = rules_of(op.subject)
    rules.freeze(ctx, dispute)
    liquid = rules.liquid(ctx.state, dispute)
    if liquid is not None:
        hold(ctx, dispute, liquid.owner, min(liquid.amount, op.claim))


@transition(ops.WithdrawClaim)
def withdraw_claim(ctx: Context, op: ops.WithdrawClaim) -> None:
    """End a dispute as if it had not been opened."""
    dispute = dispute_of(ctx, op.dispute)
    ctx.require_author(dispute.claimant, capacity="the claimant")
    close(ctx, dispute, "withdraw", op.reason)


# Mediation


@transition(ops.AgreeMediation)
def agree_mediation(ctx: Context, op: ops.AgreeMediation) -> None:
    """Propose a mediator, or begin with the one whom the other party proposed."""
    dispute = as_party(ctx, op.dispute)
    ctx.require_open(DISPUTE, dispute, "mediate")
    require_hearer(ctx, op.mediator, (Role.MEDIATOR,), dispute, field="mediator")
    if dispute.mediator != op.mediator or dispute.mediator_by == ctx.author:
        ctx.amend(DISPUTE, dispute, mediator=op.mediator, mediator_by=ctx.author)
        ctx.emit(MediationProposed(dispute.id, ctx.author, op.mediator))
        return
    until = ctx.in_days(params(ctx).mediation_days)
    ctx.move(DISPUTE, dispute, "mediate", due=until, mediation=Mediation.HELD)
    ctx.emit(MediationBegan(dispute.id, op.mediator, until))


@transition(ops.WaiveMediation)
def waive_mediation(ctx: Context, op: ops.WaiveMediation) -> None:
    """Go on without mediation once both said so."""
    dispute = as_party(ctx, op.dispute)
    ctx.require_open(DISPUTE, dispute, "waive")
    if ctx.author in dispute.waivers:
        raise CodedError(ALREADY_DECIDED, "the author has waived mediation")
    dispute = ctx.amend(DISPUTE, dispute, waivers=(*dispute.waivers, ctx.author))
    if set(dispute.waivers) == set(dispute.parties):
        _end_mediation(ctx, dispute, "waive", Mediation.WAIVED)


@transition(ops.EndMediation)
def end_mediation(ctx: Context, op: ops.EndMediation) -> None:
    """Say that mediation has failed."""
    dispute = dispute_of(ctx, op.dispute)
    ctx.require_author(*dispute.parties, dispute.mediator or "", capacity="a party or the mediator")
    _end_mediation(ctx, dispute, "fail", Mediation.HELD)


@DISPUTE.on_lapse("no mediation")
def mediation_not_agreed(ctx: Context, dispute: Dispute) -> None:
    """The parties did not agree on mediation in time, unless it was held before."""
    held = dispute.mediation is Mediation.HELD
    outcome = Mediation.HELD if held else Mediation.NOT_AGREED
    _end_mediation(ctx, dispute, "no mediation", outcome)


@DISPUTE.on_lapse("fail")
def mediation_fails(ctx: Context, dispute: Dispute) -> None:
    """Mediation took as long as it may."""
    _end_mediation(ctx, dispute, "fail", Mediation.HELD)


def _end_mediation(ctx: Context, dispute: Dispute, event: str, outcome: Mediation) -> None:
    due = ctx.in_days(params(ctx).request_days)
    ctx.move(DISPUTE, dispute, event, due=due, mediation=outcome, settlement=None, mediator=None)
    ctx.emit(MediationEnded(dispute.id, outcome))


# Settlement


def _hearer(dispute: Dispute) -> str:
    """Who hears the parties now; raises ``WRONG_STATE`` if nobody does."""
    by_state = {
        DisputeState.MEDIATION: dispute.mediator,
        DisputeState.ARBITRATION: dispute.arbitrator,
    }
    found = by_state.get(dispute.state)
    if found is None:
        raise CodedError(
            WRONG_STATE,
            f"the dispute is {dispute.state.value}; parties settle in mediation or arbitration",
        )
    return found


def check_ruling(dispute: Dispute, ruling: Ruling) -> None:
    """Raise ``INVALID_TERMS`` unless a ruling fits its dispute."""
    if ruling.payer not in dispute.parties:
        raise CodedError(INVALID_TERMS, "one of the two parties pays", field="ruling.payer")
    if ruling.discharged and dispute.subject.id is None:
        raise CodedError(
            INVALID_TERMS, "a bare claim has nothing to discharge", field="ruling.discharged"
        )


@transition(ops.ProposeSettlement)
def propose_settlement(ctx: Context, op: ops.ProposeSettlement) -> None:
    """Put a settlement before the others; who proposes has signed it."""
    dispute = dispute_of(ctx, op.dispute)
    ctx.require_open(DISPUTE, dispute, "settle")
    hearer = _hearer(dispute)
    ctx.require_author(*dispute.parties, hearer, capacity="a party or whoever hears them")
    check_ruling(dispute, op.ruling)
    ctx.amend(DISPUTE, dispute, settlement=Settlement(op.ruling, op.text, (ctx.author,)))
    ctx.emit(SettlementProposed(dispute.id, ctx.author, op.ruling))


@transition(ops.SignSettlement)
def sign_settlement(ctx: Context, op: ops.SignSettlement) -> None:
    """Sign; the last signature carries the settlement out."""
    dispute = dispute_of(ctx, op.dispute)
    ctx.require_open(DISPUTE, dispute, "settle")
    hearer = _hearer(dispute)
    ctx.require_author(*dispute.parties, hearer, capacity="a party or whoever hears them")
    settlement = dispute.settlement
    if settlement is None or settlement.ruling != op.ruling:
        raise CodedError(INVALID_TERMS, "this is not the settlement that is proposed")
    if ctx.author in settlement.consents:
        raise CodedError(ALREADY_DECIDED, "the author has signed this settlement")
    consents = (*settlement.consents, ctx.author)
    signed = Settlement(settlement.ruling, settlement.text, consents)
    dispute = ctx.amend(DISPUTE, dispute, settlement=signed)
    if set(consents) == {*dispute.parties, hearer}:
        carry_out(ctx, dispute, "settle", settlement.ruling)
