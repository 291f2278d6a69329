"""What payment requests do. An accepted request is a debt in the books of both sides."""

from __future__ import annotations

from contracts.currency.debts import credit_debt, enter_books, pay_debt, tell_request
from contracts.currency.events import PaymentRequested
from contracts.currency.operations import (
    AcceptRequest,
    CreditRequest,
    PayRequest,
    RejectRequest,
    RequestPayment,
)
from contracts.currency.records import (
    REQUEST,
    REQUEST_TABLE,
    CurrencyParameters,
    PaymentRequest,
    RequestState,
)
from contracts.errors import INVALID_TERMS
from contracts.framework.context import Context
from contracts.framework.operation import transition
from contracts.framework.party import Right
from ledger.errors import CodedError


@transition(RequestPayment)
def request_payment(ctx: Context, op: RequestPayment) -> None:
    """Put a request to the debtor."""
    place_request(ctx, op.debtor, op.amount, op.payable, op.subject, op.document)


def place_request(
    ctx: Context, debtor: str, amount: int, payable: int, subject: str, document: bytes | None
) -> PaymentRequest:
    """Put a request to a debtor in the author's name, payable until ``payable`` (ms).

    Raises ``INVALID_TERMS``, ``UNKNOWN_PARTY`` or ``STANDING_FORBIDS``.
    """
    if debtor == ctx.author:
        raise CodedError(INVALID_TERMS, "the debtor is another party", field="debtor")
    ctx.party(debtor, Right.OBLIGE, field="debtor")
    respond_by = ctx.in_days(ctx.params(CurrencyParameters).response_days)
    if payable <= ctx.time:
        raise CodedError(INVALID_TERMS, "a request is payable after now", field="payable")
    request = PaymentRequest(
        ctx.new_id(),
        ctx.author,
        debtor,
        amount,
        0,
        payable,
        subject,
        document,
        RequestState.ISSUED,
        respond_by,
    )
    ctx.open(REQUEST, request)
    ctx.emit(PaymentRequested(request.id, ctx.author, debtor, amount, payable))
    return request


@transition(AcceptRequest)
def accept_request(ctx: Context, op: AcceptRequest) -> None:
    """Turn a request into a debt.

    One whose date has passed while the debtor could still answer is payable by the end of today.
    """
    request = _request_of(ctx, op.request)
    ctx.require_author(request.debtor, capacity="the debtor")
    due = max(request.payable, ctx.in_days(0))
    accepted = ctx.move(REQUEST, request, "accept", due=due, payable=due, since=ctx.time)
    enter_books(ctx, accepted)
    tell_request(ctx, accepted)


@transition(RejectRequest)
def reject_request(ctx: Context, op: RejectRequest) -> None:
    """Refuse a request."""
    request = _request_of(ctx, op.request)
    ctx.require_author(request.debtor, capacity="the debtor")
    tell_request(ctx, ctx.move(REQUEST, request, "reject", reason=op.reason))


@transition(PayRequest)
def pay_request(ctx: Context, op: PayRequest) -> None:
    """Pay a debt, in full or in part."""
    request = _request_of(ctx, op.request)
    ctx.require_author(request.debtor, capacity="the debtor")
    pay_debt(ctx, op.request, op.amount)


@transition(CreditRequest)
def credit_request(ctx: Context, op: CreditRequest) -> None:
    """Give up what remains of the author's request."""
    request = _request_of(ctx, op.request)
    ctx.require_author(request.creditor, capacity="the creditor")
    if request.state is RequestState.ISSUED:
        tell_request(ctx, ctx.move(REQUEST, request, "credit", reason=op.reason))
    else:
        credit_debt(ctx, request, op.reason)


@REQUEST.on_lapse("lapse")
def request_lapses(ctx: Context, request: PaymentRequest) -> None:
    """Silence is not consent."""
    tell_request(ctx, ctx.move(REQUEST, request, "lapse"))


@REQUEST.on_lapse("fall overdue")
def request_falls_overdue(ctx: Context, request: PaymentRequest) -> None:
    """The debt remains, and both sides know that it is late."""
    tell_request(ctx, ctx.move(REQUEST, request, "fall overdue"))


def _request_of(ctx: Context, request: bytes) -> PaymentRequest:
    return ctx.find(REQUEST_TABLE, request, what="payment request", field="request")
