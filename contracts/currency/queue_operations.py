"""Payments that wait, that others make, that repeat, and exchanges of money for claims."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from contracts.accounts import AVAIL, PAY, REC
from contracts.currency.assets import consents_of, worth_of
from contracts.currency.events import (
    AssetDelivered,
    PaymentMandateEnded,
    PaymentMandateGiven,
    PaymentMandateUsed,
    PaymentQueued,
    QueuedPaymentEnded,
    StandingOrderChanged,
)
from contracts.errors import (
    INSUFFICIENT_FUNDS,
    INVALID_TERMS,
    NOT_FOUND,
    OVER_CREDIT_LINE,
    OVER_MANDATE,
    OVER_SWING,
    QUEUE_FULL,
    UNKNOWN_ASSET,
)
from contracts.framework.authority import member
from contracts.framework.operation import Operation, operation
from contracts.framework.party import Right
from contracts.framework.posting import entry
from contracts.framework.types import Instant, Lei, Line, Money, MoneyOrNone, ObjectId
from ledger.codec import Struct
from ledger.limits import MAX_INT
from ledger.state import State

_PAYMENT = entry("payer", AVAIL, "payee", AVAIL)
_FUNDS = (INSUFFICIENT_FUNDS, OVER_CREDIT_LINE, OVER_SWING)
_PAYEE = Meta(description="Who receives.")
_MUCH = Meta(description="How much.")
_TEXT = Meta(description="Remittance information for the payee.")


@operation(
    policy="payment",
    by=member(Right.PAY),
    amount=lambda state, op, party: op.amount,
    posts=(_PAYMENT,),
    emits=(PaymentQueued, QueuedPaymentEnded),
    errors=(INVALID_TERMS, QUEUE_FULL),
    text={
        "en": "Pay {amount} to {payee} as soon as there is money, by {until}: {text}",
        "ru": "Заплатить {amount} {payee} при наличии средств до {until}: {text}",
        "zh": "资金到位即向 {payee} 支付 {amount}，截止 {until}：{text}",
    },
)
class QueuePayment(Operation, tag="currency.QueuePayment"):
    """Pay as soon as there is money: at once if it is there, else in turn, until a time.

    Queued payments that can only be made together, because each payer waits for another, are made
    together.
    """

    payee: Annotated[Lei, _PAYEE]
    amount: Annotated[Money, _MUCH]
    until: Annotated[Instant, Meta(description="Last moment at which it is still to be paid.")]
    text: Annotated[Line, _TEXT] = ""


@operation(
    policy="payment",
    by=member(Right.SETTLE),
    emits=(QueuedPaymentEnded,),
    text={
        "en": "Cancel queued payment {payment}",
        "ru": "Отменить платёж в очереди {payment}",
        "zh": "取消排队付款 {payment}",
    },
)
class CancelQueued(Operation, tag="currency.CancelQueued"):
    """Cancel one's own payment while it still waits."""

    payment: Annotated[ObjectId, Meta(description="Which queued payment.")]


@operation(
    policy="obligation",
    by=member(Right.OBLIGE),
    amount=lambda state, op, party: op.total or None,
    emits=(PaymentMandateGiven,),
    errors=(INVALID_TERMS,),
    text={
        "en": "Let {operator} pay on our behalf until {until}: at most {per_payment} at once, "
        "{per_period} in {period_days} days, {total} in all, to {payees}",
        "ru": "Разрешить {operator} платить от нашего имени до {until}: не более {per_payment} за "
        "раз, {per_period} за {period_days} дней, {total} всего, получателям {payees}",
        "zh": "授权 {operator} 在 {until} 前代付：每次不超过 {per_payment}，"
        "每 {period_days} 天不超过 {per_period}，总计 {total}，收款人 {payees}",
    },
)
class GivePaymentMandate(Operation, tag="currency.GivePaymentMandate"):
    """Let an operator pay on one's behalf within limits; a limit of 0 is none."""

    operator: Annotated[Lei, Meta(description="Who may pay.")]
    until: Annotated[Instant, Meta(description="Last moment at which it may.")]
    total: Annotated[MoneyOrNone, Meta(description="Most in all; 0 for no limit.")] = 0
    per_payment: Annotated[MoneyOrNone, Meta(description="Most at once; 0 for no limit.")] = 0
    per_period: Annotated[MoneyOrNone, Meta(description="Most in a period; 0 for no limit.")] = 0
    period_days: Annotated[
        int, Meta(ge=1, le=366, description="Length of a period in days, from now on.")
    ] = 1
    payees: Annotated[
        tuple[Lei, ...], Meta(max_length=32, description="Who may be paid; none for anybody.")
    ] = ()


@operation(
    policy="obligation",
    by=member(Right.SETTLE),
    emits=(PaymentMandateEnded,),
    text={
        "en": "End payment mandate {mandate}",
        "ru": "Отозвать платёжное поручительство {mandate}",
        "zh": "终止代付授权 {mandate}",
    },
)
class EndPaymentMandate(Operation, tag="currency.EndPaymentMandate"):
    """End a payment mandate, as its payer or its operator."""

    mandate: Annotated[ObjectId, Meta(description="Which mandate.")]


@operation(
    policy="mandate",
    by=member(Right.PAY),
    amount=lambda state, op, party: op.amount,
    posts=(_PAYMENT,),
    emits=(PaymentMandateUsed, PaymentMandateEnded),
    errors=(*_FUNDS, OVER_MANDATE),
    text={
        "en": "Pay {amount} to {payee} under mandate {mandate}: {text}",
        "ru": "Заплатить {amount} {payee} по поручению {mandate}: {text}",
        "zh": "依授权 {mandate} 向 {payee} 支付 {amount}：{text}",
    },
)
class PayUnderMandate(Operation, tag="currency.PayUnderMandate"):
    """Pay on a payer's behalf, as the operator of its mandate and within its limits."""

    mandate: Annotated[ObjectId, Meta(description="Which mandate.")]
    payee: Annotated[Lei, _PAYEE]
    amount: Annotated[Money, _MUCH]
    text: Annotated[Line, _TEXT] = ""


def _in_all(state: State, op: OrderPayments, party: str) -> int:
    return min(op.amount * op.times, MAX_INT)


@operation(
    policy="payment",
    by=member(Right.PAY),
    amount=_in_all,
    posts=(_PAYMENT,),
    emits=(StandingOrderChanged, PaymentQueued),
    errors=(INVALID_TERMS,),
    text={
        "en": "Pay {amount} to {payee} {times} times, every {every_days} days from {first}: {text}",
        "ru": "Платить {amount} {payee} {times} раз, каждые {every_days} дней с {first}: {text}",
        "zh": "自 {first} 起每 {every_days} 天向 {payee} 支付 {amount}，共 {times} 次：{text}",
    },
)
class OrderPayments(Operation, tag="currency.OrderPayments"):
    """Pay the same amount again and again (a standing order).

    An instalment for which there is no money joins the queue until the next one is due.
    """

    payee: Annotated[Lei, _PAYEE]
    amount: Annotated[Money, Meta(description="How much each time.")]
    first: Annotated[Instant, Meta(description="When the first instalment is paid.")]
    every_days: Annotated[int, Meta(ge=1, le=366, description="Days between two instalments.")]
    times: Annotated[int, Meta(ge=1, le=1_200, description="How many instalments.")]
    text: Annotated[Line, _TEXT] = ""


@operation(
    policy="payment",
    by=member(Right.SETTLE),
    emits=(StandingOrderChanged,),
    text={
        "en": "Cancel standing order {order}",
        "ru": "Отменить постоянное поручение {order}",
        "zh": "取消定期付款 {order}",
    },
)
class CancelOrder(Operation, tag="currency.CancelOrder"):
    """Cancel what is still to come of one's own standing order."""

    order: Annotated[ObjectId, Meta(description="Which standing order.")]


class AssetLeg(Struct):
    """One side's delivery within an exchange."""

    giver: Annotated[Lei, Meta(description="Who gives, and signs.")]
    taker: Annotated[Lei, Meta(description="Who gets it.")]
    kind: Annotated[Line, Meta(description="What: money, debt, or another kind of claim.")]
    amount: Annotated[Money, _MUCH]
    asset: Annotated[
        ObjectId | None, Meta(description="Which debt or contract; none for money.")
    ] = None


def _others(state: State, author: str, op: Deliver) -> tuple[str, ...]:
    signers = [leg.giver for leg in op.legs]
    for leg in op.legs:
        signers += consents_of(state, leg)
    return tuple(dict.fromkeys(signer for signer in signers if signer != author))


def _given(state: State, op: Deliver, party: str) -> int:
    return min(sum(worth_of(leg) for leg in op.legs if leg.giver == party), MAX_INT)


@operation(
    policy="payment",
    by=member(Right.PAY),
    amount=_given,
    cosigners=_others,
    cosigned_by="every other giver, and whose consent an asset needs",
    posts=(_PAYMENT, entry("debtor", PAY, "giver", REC), entry("taker", REC, "debtor", PAY)),
    emits=(AssetDelivered,),
    errors=(*_FUNDS, UNKNOWN_ASSET, NOT_FOUND, INVALID_TERMS),
    text={
        "en": "Exchange, all or nothing: {legs}",
        "ru": "Обменять, всё или ничего: {legs}",
        "zh": "同时交割，全部或全不：{legs}",
    },
)
class Deliver(Operation, tag="currency.Deliver"):
    """Exchange money and claims, all legs or none, each leg signed by who gives it.

    Delivery versus payment: a claim against money. A ``debt`` passes whole, with everything of it
    that remains; other capabilities add kinds, such as goods claims of barter contracts.
    """

    legs: Annotated[
        tuple[AssetLeg, ...],
        Meta(min_length=2, max_length=32, description="Who gives whom what."),
    ]
