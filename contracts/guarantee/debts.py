"""Guarantees that secure a debt in money: what a payment does to that debt."""

from __future__ import annotations

from typing import Final

from contracts.currency.debts import debt_of, outstanding, settle_debt
from contracts.errors import NOT_ENTITLED, NOT_FOUND, WRONG_STATE
from contracts.framework.context import Context
from contracts.guarantee.hooks import on_link, on_payment
from contracts.guarantee.records import Guarantee, Payment
from ledger.errors import CodedError

KIND: Final = "debt"


@on_link(KIND)
def secures_a_debt(ctx: Context, id: bytes, applicant: str, beneficiary: str) -> None:
    """A guarantee may secure an open debt of its applicant to its beneficiary."""
    debt = debt_of(ctx.state, id)
    if debt is None:
        raise CodedError(NOT_FOUND, "there is no such debt", field="underlying.id")
    if (debt.debtor, debt.creditor) != (applicant, beneficiary):
        raise CodedError(NOT_ENTITLED, "the debt is not the applicant's to the beneficiary")
    if not outstanding(ctx.state, id):
        raise CodedError(WRONG_STATE, "nothing of the debt is open")


@on_payment(KIND)
def debt_is_settled(ctx: Context, guarantee: Guarantee, payment: Payment) -> int:
    """The creditor is paid, so its claim ends; the guarantor's takes its place."""
    if guarantee.underlying.id is not None:
        part = min(payment.amount, outstanding(ctx.state, guarantee.underlying.id))
        if part:
            settle_debt(ctx, guarantee.underlying.id, part, "guarantee")
    return 0
