"""Customs and lots: relief granted or refused per lot, with the declaration's number.

The ledger cannot create an exemption. It records what customs of the receiving state signed; a
granted relief is what a preference certificate proves, a refused one books the shipper's part of
the charge by the terms.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from contracts.barter.claims import contract_of, owe
from contracts.barter.consequences import ENDS_TRANSIT, STEP_EVENTS, STEP_POSTS
from contracts.barter.course import terms_of
from contracts.barter.events import PreferenceGranted, ReliefRefused
from contracts.barter.lot_records import LOT, Charge, Lot, LotState
from contracts.barter.lots import LOT_ID, bring_back, lot_of
from contracts.barter.parameters import BarterParameters
from contracts.barter.terms import Risk
from contracts.errors import (
    ALREADY_DECIDED,
    DEADLINE_PASSED,
    INVALID_TERMS,
    NOT_ENTITLED,
    WRONG_STATE,
)
from contracts.framework.authority import holder_of
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.context import Context
from contracts.framework.operation import Operation, operation, transition
from contracts.framework.party import Role
from contracts.framework.types import MoneyOrNone, ObjectId, Title
from ledger.errors import CodedError

_SETTLED = frozenset({LotState.ACCEPTED, LotState.DEEMED_ACCEPTED})
_ON_THE_WAY = frozenset(
    {LotState.DISPATCHED, LotState.ARRIVED, LotState.INSPECTING, LotState.REMINDED, LotState.CURE}
)


@operation(
    policy="customs",
    by=holder_of(Role.CUSTOMS),
    posts=(*ENDS_TRANSIT, *STEP_POSTS),
    emits=(PreferenceGranted, ReliefRefused, *STEP_EVENTS),
    errors=(NOT_ENTITLED, WRONG_STATE, ALREADY_DECIDED, DEADLINE_PASSED, INVALID_TERMS),
    text={
        "en": "Customs decide on lot {lot}, declaration {declaration_number}: "
        "relief granted {granted}, decision {decision}, charge {charge}",
        "ru": "Таможня решает по партии {lot}, декларация {declaration_number}: "
        "льгота предоставлена {granted}, решение {decision}, начислено {charge}",
        "zh": "海关就批次 {lot}（报关单 {declaration_number}）作出决定：准予减免 {granted}，"
        "决定书 {decision}，应征 {charge}",
    },
)
class DeclareLot(Operation, tag="barter.DeclareLot"):
    """Customs of the receiving state decide on a lot's relief, once, stating the charge if any."""

    lot: Annotated[ObjectId, LOT_ID]
    granted: Annotated[bool, Meta(description="Whether the lot is relieved of duty and tax.")]
    decision: Annotated[Title, Meta(description="Number of the decision.")]
    declaration_number: Annotated[Title, Meta(description="Number of the customs declaration.")]
    charge: Annotated[
        MoneyOrNone, Meta(description="Duty and tax assessed, minor units; 0 if granted.")
    ] = 0


def shippers_part(risk: Risk, charge: int) -> int:
    """What of a charge the shipper bears, in minor units; an odd unit of a half is the receiver's.

    >>> [shippers_part(risk, 7) for risk in (Risk.SHARED, Risk.SHIPPER, Risk.RECEIVER)]
    [3, 7, 0]
    """
    match risk:
        case Risk.SHIPPER:
            return charge
        case Risk.SHARED:
            return charge // 2
        case Risk.RECEIVER | Risk.RETURN:
            return 0


@transition(DeclareLot)
def declare_lot(ctx: Context, op: DeclareLot) -> None:
    """Record the decision and draw its consequence for the lot's value."""
    lot = lot_of(ctx, op.lot)
    country = ctx.party(lot.receiver).profile.home
    if not ctx.party(ctx.author).holds(Role.CUSTOMS, country):
        raise CodedError(NOT_ENTITLED, f"only customs of {country} may do this")
    if op.granted and op.charge:
        raise CodedError(INVALID_TERMS, "a lot that is relieved has no charge", field="charge")
    if lot.charge is not None:
        raise CodedError(ALREADY_DECIDED, "customs have decided on this lot", field="lot")
    if lot.state not in _ON_THE_WAY | _SETTLED:
        raise CodedError(WRONG_STATE, f"the lot is {lot.state.value}: nothing enters with it")
    last = lot.settled_at + ctx.params(BarterParameters).customs_days * MS_PER_DAY
    if lot.state in _SETTLED and ctx.time > last:
        raise CodedError(DEADLINE_PASSED, f"customs could decide on the lot until {last}")
    flow = terms_of(ctx.state, lot.contract).flow(lot.side)
    decision = Charge(
        country, ctx.author, op.granted, op.decision, op.declaration_number, op.charge
    )
    borne = 0 if op.granted else shippers_part(flow.risk, op.charge)
    lot = ctx.amend(LOT, lot, charge=decision, borne=borne)
    if op.granted:
        _certify(ctx, lot, decision)
        return
    ctx.emit(
        ReliefRefused(
            lot.contract,
            lot.id,
            country,
            ctx.author,
            op.decision,
            op.declaration_number,
            op.charge,
            borne,
        )
    )
    if lot.state in _SETTLED:
        if borne:
            contract = contract_of(ctx, lot.contract)
            owe(ctx, contract, lot.receiver, lot.shipper, borne)
            ctx.amend(LOT, lot, deducted=borne)
    elif flow.risk is Risk.RETURN:
        event = "take back" if lot.state is LotState.CURE else "send back"
        bring_back(ctx, lot, event, "customs refused relief")


def _certify(ctx: Context, lot: Lot, decision: Charge) -> None:
    flow = terms_of(ctx.state, lot.contract).flow(lot.side)
    item = flow.items[lot.item]
    ctx.emit(
        PreferenceGranted(
            contract=lot.contract,
            lot=lot.id,
            country=decision.country,
            customs=decision.customs,
            decision=decision.decision,
            declaration=decision.declaration,
            procedure=flow.procedure,
            hs=item.hs,
            unit=item.unit,
            quantity=lot.quantity,
            value=lot.value + lot.credited,
            shipper=lot.shipper,
            receiver=lot.receiver,
        )
    )
