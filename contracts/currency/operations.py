"""What members can do with the settlement currency: pay, hold, ask, and take back."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from contracts.accounts import (
    AVAIL,
    HELD,
    PAY,
    REC,
)
from contracts.currency.events import (
    EscrowEnded,
    EscrowOpened,
    PaymentRequested,
    RequestChanged,
    ReversalEnded,
    ReversalProposed,
)
from contracts.currency.records import REQUEST_TABLE, REVERSAL_TABLE
from contracts.errors import (
    ALREADY_REVERSED,
    INSUFFICIENT_FUNDS,
    INVALID_TERMS,
    OVER_CREDIT_LINE,
    OVERPAID,
)
from contracts.framework.authority import member
from contracts.framework.operation import Operation, operation
from contracts.framework.party import Right
from contracts.framework.posting import entry
from contracts.framework.types import (
    Count,
    Digest,
    Instant,
    Lei,
    Line,
    Money,
    ObjectId,
    Reason,
    Title,
)
from ledger.codec import Struct
from ledger.limits import MAX_INT
from ledger.state import State

FUNDS = (INSUFFICIENT_FUNDS, OVER_CREDIT_LINE)
_HOLD = entry("payer", AVAIL, "payer", HELD)
_REFUND = entry("payer", HELD, "payer", AVAIL)
_OWE = entry("creditor", REC, "debtor", PAY)
_SETTLE = entry("debtor", PAY, "creditor", REC)
_PAYMENT = entry("payer", AVAIL, "payee", AVAIL)


class Leg(Struct):
    """One payment within a transfer."""

    payee: Annotated[Lei, Meta(description="Who receives.")]
    amount: Annotated[Money, Meta(description="How much.")]
    text: Annotated[Line, Meta(description="Remittance information for the payee.")] = ""


def _legs_total(state: State, op: Transfer, party: str) -> int:
    return min(sum([leg.amount for leg in op.legs]), MAX_INT)


@operation(
    policy="payment",
    by=member(Right.PAY),
    amount=_legs_total,
    posts=(_PAYMENT,),
    errors=FUNDS,
    text={"en": "Pay {legs}", "ru": "Заплатить {legs}", "zh": "支付 {legs}"},
)
class Transfer(Operation, tag="currency.Transfer"):
    """Pay one or more parties at once: all legs or none. Final as soon as it is recorded."""

    legs: Annotated[
        tuple[Leg, ...],
        Meta(min_length=1, max_length=256, description="Who receives how much."),
    ]


class ExchangeLeg(Struct):
    """One payment within an exchange."""

    payer: Annotated[Lei, Meta(description="Who pays.")]
    payee: Annotated[Lei, Meta(description="Who receives.")]
    amount: Annotated[Money, Meta(description="How much.")]
    text: Annotated[Line, Meta(description="Remittance information for the payee.")] = ""


def _payers(state: State, author: str, op: Exchange) -> tuple[str, ...]:
    return tuple(dict.fromkeys(leg.payer for leg in op.legs if leg.payer != author))


def _paid_by(state: State, op: Exchange, party: str) -> int:
    return min(sum(leg.amount for leg in op.legs if leg.payer == party), MAX_INT)


@operation(
    policy="payment",
    by=member(Right.PAY),
    amount=_paid_by,
    cosigners=_payers,
    cosigned_by="every other payer",
    posts=(_PAYMENT,),
    errors=FUNDS,
    text={"en": "Exchange {legs}", "ru": "Обменять {legs}", "zh": "交换 {legs}"},
)
class Exchange(Operation, tag="currency.Exchange"):
    """Payments of several payers, all or none; each payer signs."""

    legs: Annotated[
        tuple[ExchangeLeg, ...],
        Meta(min_length=2, max_length=64, description="Who pays whom how much."),
    ]


# Escrow


@operation(
    policy="payment",
    by=member(Right.OBLIGE),
    amount=lambda state, op, party: op.amount,
    posts=(_HOLD,),
    emits=(EscrowOpened,),
    errors=(*FUNDS, INVALID_TERMS),
    text={
        "en": "Hold {amount} for {payee} until {signer} finds: {condition}",
        "ru": "Удержать {amount} для {payee} до подтверждения {signer}: {condition}",
        "zh": "为 {payee} 冻结 {amount}，待 {signer} 确认：{condition}",
    },
)
class OpenEscrow(Operation, tag="currency.OpenEscrow"):
    """Set money aside for a payee until a named party finds a condition met.

    The payer or the signer releases it, the payee may refund it, and at its expiry it goes back.
    """

    payee: Annotated[Lei, Meta(description="For whom.")]
    amount: Annotated[Money, Meta(description="How much.")]
    signer: Annotated[Lei, Meta(description="Who finds that the condition is met.")]
    condition: Annotated[Title, Meta(description="The condition.")]
    expires: Annotated[Instant, Meta(description="Last moment before the money goes back.")]
    document: Annotated[Digest | None, Meta(description="Commitment to the terms.")] = None


@operation(
    policy="payment",
    by=member(Right.SETTLE),
    posts=(entry("payer", HELD, "payee", AVAIL),),
    emits=(EscrowEnded,),
    text={
        "en": "Release escrow {escrow}",
        "ru": "Выплатить из удержания {escrow}",
        "zh": "放行托管 {escrow}",
    },
)
class ReleaseEscrow(Operation, tag="currency.ReleaseEscrow"):
    """Pay the money of an escrow to the payee: by the payer or the condition's signer."""

    escrow: Annotated[ObjectId, Meta(description="Which escrow.")]


@operation(
    policy="payment",
    by=member(Right.SETTLE),
    posts=(_REFUND,),
    emits=(EscrowEnded,),
    text={
        "en": "Refund escrow {escrow}",
        "ru": "Вернуть удержание {escrow}",
        "zh": "退还托管 {escrow}",
    },
)
class RefundEscrow(Operation, tag="currency.RefundEscrow"):
    """Give the money of an escrow back to the payer: by the payee."""

    escrow: Annotated[ObjectId, Meta(description="Which escrow.")]


# Payment requests


@operation(
    policy="obligation",
    by=member(Right.OBLIGE),
    emits=(PaymentRequested,),
    errors=(INVALID_TERMS,),
    text={
        "en": "Ask {debtor} to pay {amount} by {payable} for {subject}",
        "ru": "Запросить у {debtor} оплату {amount} до {payable}: {subject}",
        "zh": "请 {debtor} 于 {payable} 前支付 {amount}：{subject}",
    },
)
class RequestPayment(Operation, tag="currency.RequestPayment"):
    """Ask a debtor to pay by a date. Until it accepts, nothing is owed; silence is not consent."""

    debtor: Annotated[Lei, Meta(description="Who is to pay.")]
    amount: Annotated[Money, Meta(description="How much.")]
    payable: Annotated[Instant, Meta(description="Last moment at which payment is in time.")]
    subject: Annotated[Title, Meta(description="For what.")]
    document: Annotated[Digest | None, Meta(description="Commitment to the invoice.")] = None


def _requested_amount(state: State, op: AcceptRequest, party: str) -> int | None:
    record = state.get(REQUEST_TABLE, op.request)
    return None if record is None else record.amount


@operation(
    policy="obligation",
    by=member(Right.OBLIGE),
    amount=_requested_amount,
    posts=(_OWE,),
    emits=(RequestChanged,),
    text={
        "en": "Accept request {request}",
        "ru": "Принять счёт {request}",
        "zh": "接受付款请求 {request}",
    },
)
class AcceptRequest(Operation, tag="currency.AcceptRequest"):
    """Accept a payment request: from now on it is a debt."""

    request: Annotated[ObjectId, Meta(description="Which request.")]


@operation(
    policy="obligation",
    by=member(Right.SETTLE),
    emits=(RequestChanged,),
    text={
        "en": "Reject request {request}: {reason}",
        "ru": "Отклонить счёт {request}: {reason}",
        "zh": "拒绝付款请求 {request}：{reason}",
    },
)
class RejectRequest(Operation, tag="currency.RejectRequest"):
    """Reject a payment request with a reason; impossible once it was accepted."""

    request: Annotated[ObjectId, Meta(description="Which request.")]
    reason: Annotated[Reason, Meta(description="Why.")]


@operation(
    policy="payment",
    by=member(Right.SETTLE),
    amount=lambda state, op, party: op.amount,
    posts=(_PAYMENT, _SETTLE),
    emits=(RequestChanged,),
    errors=(*FUNDS, OVERPAID),
    text={
        "en": "Pay {amount} of request {request}",
        "ru": "Оплатить {amount} по счёту {request}",
        "zh": "就付款请求 {request} 支付 {amount}",
    },
)
class PayRequest(Operation, tag="currency.PayRequest"):
    """Pay an accepted payment request, in full or in part."""

    request: Annotated[ObjectId, Meta(description="Which request.")]
    amount: Annotated[Money, Meta(description="How much of it.")]


@operation(
    policy="obligation",
    by=member(Right.SETTLE),
    posts=(_SETTLE,),
    emits=(RequestChanged,),
    text={
        "en": "Credit what remains of request {request}: {reason}",
        "ru": "Списать остаток счёта {request}: {reason}",
        "zh": "冲销付款请求 {request} 的余额：{reason}",
    },
)
class CreditRequest(Operation, tag="currency.CreditRequest"):
    """Give up what remains of one's own payment request, with a reason (a credit note)."""

    request: Annotated[ObjectId, Meta(description="Which request.")]
    reason: Annotated[Reason, Meta(description="Why.")]


# Reversal


def _offered_amount(state: State, op: ProposeReversal, party: str) -> int | None:
    """The payee's proposal is its consent to pay; the payer's moves none of its own money."""
    return op.amount if party == op.payee else None


@operation(
    policy="payment",
    by=member(Right.SETTLE),
    amount=_offered_amount,
    emits=(ReversalProposed,),
    errors=(INVALID_TERMS, ALREADY_REVERSED),
    text={
        "en": "Propose that {payee} pays {amount} of {original} back to {payer}: {reason}",
        "ru": "Предложить возврат {amount} от {payee} к {payer} по {original}: {reason}",
        "zh": "提议 {payee} 将 {original} 的 {amount} 退还 {payer}：{reason}",
    },
)
class ProposeReversal(Operation, tag="currency.ProposeReversal"):
    """Propose that a leg of a payment is paid back; either side may propose, the other consents.

    Whether the leg was paid as stated is for the other side to check before it consents: the
    receipt of the original shows it. The original is never changed.
    """

    original: Annotated[ObjectId, Meta(description="Transaction id of the payment.")]
    leg: Annotated[Count, Meta(description="Which of its legs, counted from 0.")]
    payer: Annotated[Lei, Meta(description="Who paid then.")]
    payee: Annotated[Lei, Meta(description="Who received then.")]
    amount: Annotated[Money, Meta(description="How much is paid back.")]
    reason: Annotated[Reason, Meta(description="Why.")]


def _reversed_amount(state: State, op: ConsentReversal, party: str) -> int | None:
    record = state.get(REVERSAL_TABLE, op.reversal)
    return None if record is None or record.payee != party else record.amount


@operation(
    policy="payment",
    by=member(Right.SETTLE),
    amount=_reversed_amount,
    posts=(entry("payee", AVAIL, "payer", AVAIL),),
    emits=(ReversalEnded,),
    errors=FUNDS,
    text={
        "en": "Consent to reversal {reversal}",
        "ru": "Согласиться на возврат {reversal}",
        "zh": "同意冲回 {reversal}",
    },
)
class ConsentReversal(Operation, tag="currency.ConsentReversal"):
    """Consent to a reversal that the other side proposed; the money goes back at once."""

    reversal: Annotated[ObjectId, Meta(description="Which reversal.")]


@operation(
    policy="obligation",
    by=member(Right.SETTLE),
    emits=(ReversalEnded,),
    text={
        "en": "Decline reversal {reversal}",
        "ru": "Отклонить возврат {reversal}",
        "zh": "拒绝冲回 {reversal}",
    },
)
class DeclineReversal(Operation, tag="currency.DeclineReversal"):
    """Decline a proposed reversal, or withdraw one's own proposal."""

    reversal: Annotated[ObjectId, Meta(description="Which reversal.")]
