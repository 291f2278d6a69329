"""Disputes about guarantees: what freezes, what a ruling does, and what a tribunal may order.

A dispute stops neither examination nor payment. Only an order does, for manifest abuse. Between
beneficiary and guarantor, a dispute about a demand that was rejected keeps that demand alive past
the guarantee's term; a ruling for its full amount finds it complying and has it paid as a
guarantee's payment, with everything that follows from one.
"""

from __future__ import annotations

from contracts.dispute.records import Dispute, Ruling
from contracts.dispute.subjects import Disputable, disputable, subject_id
from contracts.errors import NOT_FOUND, WRONG_STATE
from contracts.framework.context import Context
from contracts.guarantee import demands, payments
from contracts.guarantee.records import (
    DEMANDED,
    GUARANTEE_TABLE,
    DemandState,
    Guarantee,
    GuaranteeState,
)
from contracts.guarantee.undertaking import guarantee_of
from ledger.errors import CodedError
from ledger.state import State

_STAYS = {GuaranteeState.STAYED, GuaranteeState.PAYMENT_STAYED}


def _sides(state: State, id: bytes) -> tuple[str, ...]:
    guarantee = state.get(GUARANTEE_TABLE, id)
    if guarantee is None:
        raise CodedError(NOT_FOUND, "there is no such guarantee", field="subject.id")
    return (guarantee.beneficiary, guarantee.guarantor, guarantee.applicant)


def _is_about_rejection(guarantee: Guarantee, dispute: Dispute) -> bool:
    """Whether the beneficiary claims payment from the guarantor."""
    return (dispute.claimant, dispute.respondent) == (guarantee.beneficiary, guarantee.guarantor)


def _freeze(ctx: Context, dispute: Dispute) -> None:
    guarantee = guarantee_of(ctx, subject_id(dispute))
    if not _is_about_rejection(guarantee, dispute):
        return
    newest = demands.newest_demand(ctx, guarantee)
    if guarantee.state is not GuaranteeState.ISSUED or newest is None:
        return
    # A demand complies or does not: a claim to less of it could not uphold it.
    if newest.state is DemandState.REJECTED and dispute.claim >= newest.amount:
        demands.contest(ctx, guarantee.id)


def _thaw(ctx: Context, dispute: Dispute) -> None:
    guarantee = guarantee_of(ctx, subject_id(dispute))
    if guarantee.state is GuaranteeState.CONTESTED and _is_about_rejection(guarantee, dispute):
        demands.dismiss(ctx, guarantee.id, "the dispute about the rejection ended")
    elif guarantee.state in _STAYS and guarantee.stayed_by == dispute.id:
        demands.resume(ctx, guarantee.id)


def _resolve(ctx: Context, dispute: Dispute, ruling: Ruling) -> int:
    guarantee = guarantee_of(ctx, subject_id(dispute))
    contested = guarantee.state is GuaranteeState.CONTESTED
    if contested and _is_about_rejection(guarantee, dispute):
        demand = demands.demand_of(ctx, guarantee)
        if ruling.payer == guarantee.guarantor and ruling.amount >= demand.amount:
            return payments.pay_awarded(ctx, guarantee.id).amount
    _thaw(ctx, dispute)
    return 0


def _stay(ctx: Context, dispute: Dispute) -> None:
    demands.stay(ctx, subject_id(dispute), dispute.id)


def _lift(ctx: Context, dispute: Dispute) -> None:
    guarantee = guarantee_of(ctx, subject_id(dispute))
    if guarantee.state not in _STAYS or guarantee.stayed_by != dispute.id:
        raise CodedError(WRONG_STATE, "no order in this dispute stays a demand")
    demands.resume(ctx, guarantee.id)


def _dismiss(ctx: Context, dispute: Dispute) -> None:
    guarantee = guarantee_of(ctx, subject_id(dispute))
    if guarantee.state not in DEMANDED:
        raise CodedError(
            WRONG_STATE, f"the guarantee is {guarantee.state.value}: no open demand to dismiss"
        )
    demands.dismiss(ctx, guarantee.id, "dismissed by a tribunal for manifest abuse")


GUARANTEE = disputable(
    Disputable(
        kind="guarantee",
        sides=_sides,
        freeze=_freeze,
        thaw=_thaw,
        resolve=_resolve,
        orders={"stay demand": _stay, "lift stay": _lift, "dismiss demand": _dismiss},
    )
)
