"""Disputes about debts and escrows: what freezes, and what a ruling does to them."""

from __future__ import annotations

from contracts.currency.contested import contest_escrow, divide_escrow, resume_escrow
from contracts.currency.debts import (
    debt_of,
    dispute_debt,
    outstanding,
    resume_debt,
    settle_debt,
)
from contracts.currency.records import ESCROW_TABLE
from contracts.dispute.records import Dispute, Ruling
from contracts.dispute.subjects import Disputable, Liquid, disputable, subject_id
from contracts.errors import NOT_FOUND
from contracts.framework.context import Context
from ledger.errors import CodedError
from ledger.state import State


def _debt_sides(state: State, id: bytes) -> tuple[str, ...]:
    debt = debt_of(state, id)
    if debt is None:
        raise CodedError(NOT_FOUND, "there is no such debt", field="subject.id")
    return (debt.creditor, debt.debtor)


def _owed(state: State, dispute: Dispute) -> Liquid | None:
    """What is owed is the liquid sum, whoever opened the dispute."""
    id = subject_id(dispute)
    debt = debt_of(state, id)
    return None if debt is None else Liquid(debt.debtor, outstanding(state, id))


def _contest_debt(ctx: Context, dispute: Dispute) -> None:
    dispute_debt(ctx, subject_id(dispute))


def _resume_debt(ctx: Context, dispute: Dispute) -> None:
    resume_debt(ctx, subject_id(dispute))


def _resolve_debt(ctx: Context, dispute: Dispute, ruling: Ruling) -> int:
    """What the ruling discharges of the debt ends; the rest is due again."""
    id = subject_id(dispute)
    part = min(ruling.discharged, outstanding(ctx.state, id))
    if part:
        settle_debt(ctx, id, part, "ruling")
    resume_debt(ctx, id)
    return 0


def _escrow_sides(state: State, id: bytes) -> tuple[str, ...]:
    escrow = state.get(ESCROW_TABLE, id)
    if escrow is None:
        raise CodedError(NOT_FOUND, "there is no such escrow", field="subject.id")
    return (escrow.payer, escrow.payee)


def _contest_escrow(ctx: Context, dispute: Dispute) -> None:
    contest_escrow(ctx, subject_id(dispute))


def _resume_escrow(ctx: Context, dispute: Dispute) -> None:
    resume_escrow(ctx, subject_id(dispute))


def _resolve_escrow(ctx: Context, dispute: Dispute, ruling: Ruling) -> int:
    """The escrow pays what its payer owes by the ruling; the rest goes back."""
    id = subject_id(dispute)
    escrow = ctx.find(ESCROW_TABLE, id, what="escrow")
    to_payee = min(ruling.amount, escrow.amount) if ruling.payer == escrow.payer else 0
    divide_escrow(ctx, id, to_payee)
    return to_payee


DEBT = disputable(
    Disputable(
        kind="debt",
        sides=_debt_sides,
        liquid=_owed,
        freeze=_contest_debt,
        thaw=_resume_debt,
        resolve=_resolve_debt,
    )
)

ESCROW = disputable(
    Disputable(
        kind="escrow",
        sides=_escrow_sides,
        freeze=_contest_escrow,
        thaw=_resume_escrow,
        resolve=_resolve_escrow,
    )
)
