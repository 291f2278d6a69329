"""What payment mandates, standing orders and exchanges of assets do."""

from __future__ import annotations

from contracts.accounts import AVAIL
from contracts.currency.assets import deliver
from contracts.currency.events import (
    AssetDelivered,
    PaymentMandateEnded,
    PaymentMandateGiven,
    PaymentMandateUsed,
    StandingOrderChanged,
)
from contracts.currency.queue import enqueue
from contracts.currency.queue_operations import (
    CancelOrder,
    Deliver,
    EndPaymentMandate,
    GivePaymentMandate,
    OrderPayments,
    PayUnderMandate,
)
from contracts.currency.queue_records import (
    ORDER,
    ORDER_TABLE,
    PAYMENT_MANDATE,
    PAYMENT_MANDATE_TABLE,
    QUEUED_TABLE,
    MandateState,
    OrderState,
    PaymentMandate,
    QueuedState,
    StandingOrder,
)
from contracts.currency.records import CurrencyParameters
from contracts.errors import INVALID_TERMS, OVER_MANDATE, QUEUE_FULL
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.context import Context
from contracts.framework.operation import transition
from contracts.framework.party import PARTY, Right
from contracts.framework.posting import Unit
from ledger.errors import CodedError
from ledger.state import State

# Mandates


@transition(GivePaymentMandate)
def give_payment_mandate(ctx: Context, op: GivePaymentMandate) -> None:
    """Let an operator pay."""
    if op.operator == ctx.author:
        raise CodedError(INVALID_TERMS, "the operator is another party", field="operator")
    ctx.party(op.operator, Right.PAY, field="operator")
    _require_end(ctx, op.until, "until")
    if not (op.total or op.per_payment or op.per_period):
        raise CodedError(INVALID_TERMS, "a mandate has at least one limit", field="total")
    if list(op.payees) != list(dict.fromkeys(op.payees)) or ctx.author in op.payees:
        raise CodedError(INVALID_TERMS, "payees are others, each named once", field="payees")
    mandate = PaymentMandate(
        ctx.new_id(),
        ctx.author,
        op.operator,
        op.payees,
        op.per_payment,
        op.per_period,
        op.period_days,
        op.total,
        ctx.time,
        MandateState.ACTIVE,
        op.until,
    )
    ctx.open(PAYMENT_MANDATE, mandate)
    ctx.emit(PaymentMandateGiven(mandate.id, ctx.author, op.operator, op.until))


def _require_end(ctx: Context, until: int, field: str) -> None:
    latest = ctx.in_days(ctx.params(CurrencyParameters).standing_days)
    if not ctx.time < until <= latest:
        raise CodedError(INVALID_TERMS, f"it ends after now and by {latest}", field=field)


@transition(EndPaymentMandate)
def end_payment_mandate(ctx: Context, op: EndPaymentMandate) -> None:
    """Revoke a mandate."""
    mandate = _mandate(ctx, op.mandate)
    ctx.require_author(mandate.payer, mandate.operator, capacity="the payer and the operator")
    _end_mandate(ctx, mandate, "revoke")


@PAYMENT_MANDATE.on_lapse("expire")
def mandate_expires(ctx: Context, mandate: PaymentMandate) -> None:
    """Its time is over."""
    _end_mandate(ctx, mandate, "expire")


def _end_mandate(ctx: Context, mandate: PaymentMandate, event: str) -> None:
    ended = ctx.move(PAYMENT_MANDATE, mandate, event)
    ctx.emit(PaymentMandateEnded(ended.id, ended.payer, ended.operator, ended.state.value))


@transition(PayUnderMandate)
def pay_under_mandate(ctx: Context, op: PayUnderMandate) -> None:
    """Pay from the payer's money if the mandate's limits allow it."""
    mandate = _mandate(ctx, op.mandate)
    ctx.require_author(mandate.operator, capacity="the operator of the mandate")
    ctx.require_open(PAYMENT_MANDATE, mandate, "use up")
    if mandate.payees and op.payee not in mandate.payees:
        raise CodedError(OVER_MANDATE, "the mandate does not name this payee", field="payee")
    if op.payee == mandate.payer:
        raise CodedError(INVALID_TERMS, "the payee is another party", field="payee")
    ctx.party(mandate.payer, Right.PAY, field="mandate")
    ctx.party(op.payee, Right.RECEIVE, field="payee")
    period = (ctx.time - mandate.given) // (mandate.period_days * MS_PER_DAY)
    before = mandate.in_period if period == mandate.period else 0
    for limit, spent, words in (
        (mandate.per_payment, 0, "at once"),
        (mandate.per_period, before, f"in {mandate.period_days} days"),
        (mandate.total, mandate.used, "in all"),
    ):
        if limit and spent + op.amount > limit:
            raise CodedError(
                OVER_MANDATE,
                f"the mandate's limit {words} is {limit}, {spent} of it is used, "
                f"{op.amount} is to be paid (minor units)",
                field="amount",
            )
    used = mandate.used + op.amount
    mandate = ctx.amend(
        PAYMENT_MANDATE, mandate, period=period, in_period=before + op.amount, used=used
    )
    ctx.post(Unit.SCU, AVAIL.of(mandate.payer), AVAIL.of(op.payee), op.amount)
    ctx.emit(
        PaymentMandateUsed(
            mandate.id, mandate.payer, mandate.operator, op.payee, op.amount, op.text
        )
    )
    if used == mandate.total:
        _end_mandate(ctx, mandate, "use up")


def _mandate(ctx: Context, id: bytes) -> PaymentMandate:
    return ctx.find(PAYMENT_MANDATE_TABLE, id, what="payment mandate", field="mandate")


# Standing orders


@transition(OrderPayments)
def order_payments(ctx: Context, op: OrderPayments) -> None:
    """Set the first instalment's date."""
    if op.payee == ctx.author:
        raise CodedError(INVALID_TERMS, "the payee is another party", field="payee")
    ctx.party(op.payee, Right.RECEIVE, field="payee")
    _require_end(ctx, op.first, "first")
    _require_end(ctx, op.first + (op.times - 1) * op.every_days * MS_PER_DAY, "times")
    order = StandingOrder(
        ctx.new_id(),
        ctx.author,
        op.payee,
        op.amount,
        op.every_days,
        op.times,
        op.text,
        OrderState.ACTIVE,
        op.first,
    )
    ctx.open(ORDER, order)
    _tell_order(ctx, order, "given")


@transition(CancelOrder)
def cancel_order(ctx: Context, op: CancelOrder) -> None:
    """End the author's order."""
    order = ctx.find(ORDER_TABLE, op.order, what="standing order", field="order")
    ctx.require_author(order.payer, capacity="the payer")
    _tell_order(ctx, ctx.move(ORDER, order, "cancel"), "cancelled")


@ORDER.on_lapse("finish")
def instalment_is_due(ctx: Context, order: StandingOrder) -> None:
    """Pay one instalment, or have it wait for money until the next."""
    if not _possible(ctx.state, order):
        order = ctx.go_on(ORDER, order, ctx.time)
        _tell_order(ctx, ctx.move(ORDER, order, "cancel"), "a standing forbids it")
        return
    following = order.due + order.every_days * MS_PER_DAY
    try:
        queued = enqueue(
            ctx, order.payer, order.payee, order.amount, max(following, ctx.time + 1), order.text
        )
        record = ctx.get(QUEUED_TABLE, queued.id)
        paid = record is not None and record.state is QueuedState.COMPLETED
        outcome = "paid" if paid else "queued"
    except CodedError as error:
        if error.code is not QUEUE_FULL:
            raise
        outcome = "left out: too many payments wait"
    left = order.left - 1
    if left:
        changed = ctx.go_on(ORDER, order, following, left=left)
    else:
        changed = ctx.move(ORDER, order, "finish", left=0)
    _tell_order(ctx, changed, outcome)


def _possible(state: State, order: StandingOrder) -> bool:
    payer, payee = state.get(PARTY, order.payer), state.get(PARTY, order.payee)
    return (
        payer is not None
        and payee is not None
        and payer.may(Right.PAY)
        and payee.may(Right.RECEIVE)
    )


def _tell_order(ctx: Context, order: StandingOrder, outcome: str) -> None:
    ctx.emit(
        StandingOrderChanged(
            order.id, order.payer, order.payee, order.state.value, outcome, order.left
        )
    )


# Exchange


@transition(Deliver)
def deliver_all(ctx: Context, op: Deliver) -> None:
    """Move every leg, or none."""
    for index, leg in enumerate(op.legs):
        where = f"legs[{index}]"
        if leg.giver == leg.taker:
            raise CodedError(INVALID_TERMS, "giver and taker are two parties", field=where)
        ctx.party(leg.giver, Right.PAY, field=f"{where}.giver")
        ctx.party(leg.taker, Right.RECEIVE, field=f"{where}.taker")
        deliver(ctx, leg, where)
        if leg.asset is not None:
            ctx.emit(AssetDelivered(leg.giver, leg.taker, leg.kind, leg.asset, leg.amount))
