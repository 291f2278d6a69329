"""Debts in settlement currency: who owes whom how much, since when, and how it ends.

Accepted payment requests are debts, and other contracts create more: guarantees (reimbursement),
barter (termination), disputes (what an award lacked), the fund (loans), the register (run-off).
Every debt is one record and one amount in the books: ``Dr creditor.rec/debtor / Cr
debtor.pay/creditor`` when it arises, the reverse when it is extinguished, for any reason.

    debt = create_debt(ctx, creditor, debtor, amount, due, origin=("guarantee", guarantee.id))
    settle_debt(ctx, debt, amount, "award")     # moves no money: whoever calls has moved value
    pay_debt(ctx, debt, amount)                 # moves the debtor's money and settles

Debts that a netting cycle has frozen cannot be changed by their parties; a contract's rule or an
award still changes them, and the cycle reacts (:func:`binds_debts`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from contracts.accounts import AVAIL, PAY, REC
from contracts.currency.events import DebtCreated, DebtPassed, RequestChanged
from contracts.currency.origins import follower_of
from contracts.currency.records import (
    DUE,
    OPEN_DEBT,
    OWED,
    REQUEST,
    REQUEST_TABLE,
    OpenDebt,
    PaymentRequest,
    RequestState,
)
from contracts.errors import DEBT_FROZEN, INVALID_TERMS, OVERPAID
from contracts.framework.context import Context
from contracts.framework.posting import Unit, accounts_of, kind_of
from ledger.errors import CodedError
from ledger.state import State

Origin = tuple[str, bytes]
"""What created a debt: the kind of the object and its id."""

PAYMENT, NETTING, CREDIT = "payment", "netting", "credit"
"""Ways of extinguishing a debt that have an end state of their own; all others end as settled."""


class Binding(NamedTuple):
    """What a capability that takes debts into a common settlement decides about each of them.

    ``frozen(state, debt)`` is ``""`` or why its parties may not change it now;
    ``reserved(state, debt)`` how much of it is irrevocably spoken for; ``broken(ctx, debt)`` is
    told before a contract or an award changes a debt all the same.
    """

    frozen: Callable[[State, PaymentRequest], str]
    reserved: Callable[[State, PaymentRequest], int]
    broken: Callable[[Context, PaymentRequest], None]


_BINDINGS: list[Binding] = []


def binds_debts(binding: Binding) -> Binding:
    """Declare a capability that freezes debts for a common settlement."""
    _BINDINGS.append(binding)
    return binding


# Reading


def debt_of(state: State, debt: bytes) -> PaymentRequest | None:
    """The record of a debt (or of a payment request that is not one yet), or None."""
    return state.get(REQUEST_TABLE, debt)


def outstanding(state: State, debt: bytes) -> int:
    """What may still be extinguished of a debt, in minor units; 0 if it is none or has ended."""
    record = state.get(REQUEST_TABLE, debt)
    if record is None or record.state not in OWED:
        return 0
    return record.remaining - sum(binding.reserved(state, record) for binding in _BINDINGS)


def debts_between(state: State, debtor: str, creditor: str) -> Iterator[PaymentRequest]:
    """What a debtor owes to a creditor, oldest due first."""
    for _, entry in state.scan(OPEN_DEBT, debtor, creditor):
        yield _indexed(state, entry)


def debts_by(state: State, debtor: str) -> Iterator[PaymentRequest]:
    """Everything that a party owes, by creditor, then oldest due first."""
    for _, entry in state.scan(OPEN_DEBT, debtor):
        yield _indexed(state, entry)


def debts_to(state: State, creditor: str) -> Iterator[PaymentRequest]:
    """Everything that is owed to a party, by debtor, then oldest due first."""
    for account, _, balance in accounts_of(state, creditor):
        if kind_of(account) is REC and balance.amount:
            yield from debts_between(state, account.rsplit("/", 1)[1], creditor)


def _indexed(state: State, entry: OpenDebt) -> PaymentRequest:
    record = state.get(REQUEST_TABLE, entry.debt)
    if record is None:
        raise ValueError("the index of debts names one that does not exist")
    return record


# Creating and extinguishing


def create_debt(
    ctx: Context,
    creditor: str,
    debtor: str,
    amount: int,
    due: int,
    *,
    origin: Origin,
    subject: str = "",
    nettable: bool = True,
) -> bytes:
    """Make ``debtor`` owe ``amount`` minor units to ``creditor``, payable until ``due`` (ms).

    A date that has passed becomes the end of today. Returns the debt's id. Raises
    ``INVALID_TERMS`` for a debt to oneself, ``STANDING_FORBIDS`` if either is no member.
    """
    if creditor == debtor:
        raise CodedError(INVALID_TERMS, "creditor and debtor are two parties")
    payable = max(due, ctx.in_days(0))
    kind, id = origin
    debt = PaymentRequest(
        id=ctx.new_id(),
        creditor=creditor,
        debtor=debtor,
        amount=amount,
        paid=0,
        payable=payable,
        subject=subject,
        document=None,
        state=RequestState.ACCEPTED,
        due=payable,
        origin=kind,
        origin_id=id,
        since=ctx.time,
        nettable=nettable,
    )
    ctx.open(REQUEST, debt)
    enter_books(ctx, debt)
    ctx.emit(DebtCreated(debt.id, creditor, debtor, amount, payable, kind, id))
    return debt.id


def enter_books(ctx: Context, debt: PaymentRequest) -> None:
    """Book and index what remains of a debt that has just arisen or changed sides."""
    claim, due = REC.of(debt.creditor, debt.debtor), PAY.of(debt.debtor, debt.creditor)
    ctx.post(Unit.SCU, claim, due, debt.remaining)
    ctx.put(OPEN_DEBT, OpenDebt(debt.id), debt.debtor, debt.creditor, debt.payable, debt.id)


def settle_debt(ctx: Context, debt: bytes, amount: int, how: str) -> PaymentRequest:
    """Extinguish so much of a debt by something that has just happened, named by ``how``.

    For contracts and awards: frozen debts change too. Moves no money. Raises ``NOT_FOUND``,
    ``WRONG_STATE`` or ``OVERPAID``.
    """
    record = _as_of_now(ctx, ctx.find(REQUEST_TABLE, debt, what="debt"))
    for binding in _BINDINGS:
        binding.broken(ctx, record)
    free = outstanding(ctx.state, debt)
    if record.state in OWED and amount > free:
        raise _overpaid(free, amount)
    return _extinguish(ctx, record, amount, how)


def pay_debt(ctx: Context, debt: bytes, amount: int) -> PaymentRequest:
    """Pay so much of a debt from the debtor's available money.

    Raises ``NOT_FOUND``, ``WRONG_STATE``, ``OVERPAID`` or ``DEBT_FROZEN``.
    """
    record = ctx.find(REQUEST_TABLE, debt, what="debt", field="request")
    record = _as_of_now(ctx, record)
    ctx.require_open(REQUEST, record, "pay")
    if amount > record.remaining:
        raise _overpaid(record.remaining, amount)
    require_unfrozen(ctx.state, record)
    payee = follower_of(record).payee(ctx.state, record)
    ctx.post(Unit.SCU, AVAIL.of(record.debtor), payee, amount)
    return _extinguish(ctx, record, amount, PAYMENT)


def credit_debt(ctx: Context, record: PaymentRequest, reason: str) -> PaymentRequest:
    """Give up what remains of a debt. Consent: the creditor.

    Raises ``WRONG_STATE`` or ``DEBT_FROZEN``.
    """
    record = _as_of_now(ctx, record)
    ctx.require_open(REQUEST, record, "credit")
    require_unfrozen(ctx.state, record)
    return _extinguish(ctx, record, record.remaining, CREDIT, reason)


def _as_of_now(ctx: Context, debt: PaymentRequest) -> PaymentRequest:
    """A debt whose date has passed is overdue, even before its own deadline has fired."""
    if debt.state in _IN_TIME and ctx.time > debt.due:
        return ctx.move(REQUEST, debt, "fall overdue")
    return debt


_IN_TIME = (RequestState.ACCEPTED, RequestState.PART_PAID)


def require_unfrozen(state: State, debt: PaymentRequest) -> None:
    """Raise ``DEBT_FROZEN`` if a common settlement has the debt, saying until when."""
    for binding in _BINDINGS:
        why = binding.frozen(state, debt)
        if why:
            raise CodedError(DEBT_FROZEN, why)


def _overpaid(remaining: int, amount: int) -> CodedError:
    return CodedError(
        OVERPAID,
        f"{remaining} (minor units) remains to be paid, {amount} is offered",
        field="amount",
    )


def _extinguish(
    ctx: Context, record: PaymentRequest, amount: int, how: str, reason: str = ""
) -> PaymentRequest:
    if amount <= 0:
        raise ValueError("a debt is extinguished by a positive amount")
    paid = record.paid + amount
    full = paid == record.amount
    event = {PAYMENT: "pay", NETTING: "net", CREDIT: "credit"}.get(how, "settle")
    due = 0
    if not full:
        event = _PARTS.get(record.state, "reduce")
        due = record.due
    more = {"reason": reason} if reason else {}
    changed = ctx.move(REQUEST, record, event, due=due, paid=paid, how=how, by=ctx.id, **more)
    leave_books(ctx, record, amount, full=full)
    tell_request(ctx, changed)
    follower_of(record).reduced(ctx, record, amount, how)
    return changed


_PARTS = {
    RequestState.OVERDUE: "reduce arrears",
    RequestState.DISPUTED: "reduce contested",
}


def leave_books(ctx: Context, debt: PaymentRequest, amount: int, *, full: bool) -> None:
    """Take so much of a debt out of the books, and out of the index if nothing remains."""
    claim, due = REC.of(debt.creditor, debt.debtor), PAY.of(debt.debtor, debt.creditor)
    ctx.post(Unit.SCU, due, claim, amount)
    if full:
        ctx.delete(OPEN_DEBT, debt.debtor, debt.creditor, debt.payable, debt.id)


# Disputes and succession


def dispute_debt(ctx: Context, debt: bytes) -> PaymentRequest:
    """A dispute about a debt opened: it is barred from netting and does not fall overdue.

    Raises ``NOT_FOUND``, ``WRONG_STATE``, or ``DEBT_FROZEN`` while a netting cycle has it.
    """
    record = _as_of_now(ctx, ctx.find(REQUEST_TABLE, debt, what="debt"))
    ctx.require_open(REQUEST, record, "dispute")
    require_unfrozen(ctx.state, record)
    changed = ctx.move(REQUEST, record, "dispute")
    tell_request(ctx, changed)
    return changed


def resume_debt(ctx: Context, debt: bytes) -> PaymentRequest:
    """The dispute about a debt ended and something of it remains: it is due as before."""
    record = ctx.find(REQUEST_TABLE, debt, what="debt")
    if record.state is not RequestState.DISPUTED:
        return record
    if ctx.time > record.payable:
        changed = ctx.move(REQUEST, record, "resume late", since=ctx.time)
    else:
        event = "resume in part" if record.paid else "resume"
        changed = ctx.move(REQUEST, record, event, due=record.payable, since=ctx.time)
    tell_request(ctx, changed)
    return changed


def pass_debt(
    ctx: Context, debt: bytes, *, creditor: str | None = None, debtor: str | None = None
) -> bytes:
    """Move what remains of a debt to another creditor or debtor (succession, assignment).

    The old record ends as settled by ``succession`` and a new one, whose id is returned, takes its
    place with the same date and origin. If both sides become one party the debt just ends and its
    own id is returned. Consent is the caller's to have. Raises ``NOT_FOUND``, ``WRONG_STATE``, or
    ``INVALID_TERMS`` for a debt that is in dispute.
    """
    record = ctx.find(REQUEST_TABLE, debt, what="debt")
    if record.state not in DUE:
        raise CodedError(INVALID_TERMS, f"a debt that is {record.state.value} cannot pass")
    amount = outstanding(ctx.state, debt)
    new_creditor, new_debtor = creditor or record.creditor, debtor or record.debtor
    settle_debt(ctx, debt, amount, "succession")
    if new_creditor == new_debtor:
        follower_of(record).merged(ctx, record)
        return debt
    origin = (record.origin, record.origin_id or record.id)
    successor = create_debt(
        ctx,
        new_creditor,
        new_debtor,
        amount,
        record.payable,
        origin=origin,
        subject=record.subject,
        nettable=record.nettable,
    )
    ctx.emit(DebtPassed(debt, successor, new_creditor, new_debtor, amount))
    follower_of(record).passed(ctx, record, successor)
    return successor


def tell_request(ctx: Context, request: PaymentRequest) -> None:
    """Tell both sides of a request's new state."""
    ctx.emit(
        RequestChanged(
            request.id,
            request.creditor,
            request.debtor,
            request.state.value,
            request.remaining,
            request.reason,
        )
    )
