"""What a party has open in settlement currency passes to its successor: debts and escrows.

Requests that are not accepted and proposals lapse by themselves; redemptions are answered within
days. A debt that is contested or frozen for netting follows when that ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from contracts.accounts import AVAIL, HELD
from contracts.currency.debts import (
    debts_by,
    debts_to,
    outstanding,
    pass_debt,
    require_unfrozen,
)
from contracts.currency.events import EscrowEnded
from contracts.currency.records import (
    DUE,
    ESCROW,
    ESCROW_TABLE,
    Escrow,
    EscrowState,
    PaymentRequest,
)
from contracts.errors import DEBT_FROZEN
from contracts.framework.context import Context
from contracts.framework.machine import ITEM
from contracts.framework.posting import Unit
from contracts.register.hooks import on_succession
from ledger.errors import CodedError
from ledger.state import State


@on_succession("currency")
def debts_and_escrows_pass(ctx: Context, old: str, new: str, limit: int) -> int:
    """Pass debts in both directions, then escrows."""
    passed = 0
    owed = list(islice(_passable(ctx.state, debts_by(ctx.state, old)), limit))
    for debt in owed:
        pass_debt(ctx, debt.id, debtor=new)
        passed += 1
    due = list(islice(_passable(ctx.state, debts_to(ctx.state, old)), limit - passed))
    for debt in due:
        pass_debt(ctx, debt.id, creditor=new)
        passed += 1
    items = [item.key for _, item in ctx.state.scan(ITEM, old, ESCROW.name)]
    for key in items[: limit - passed]:
        escrow = ctx.get(ESCROW_TABLE, *key)
        if escrow is not None and _pass_escrow(ctx, escrow, old, new):
            passed += 1
    return passed


def _passable(state: State, debts: Iterator[PaymentRequest]) -> Iterator[PaymentRequest]:
    """Those of some debts that may change sides now."""
    for debt in debts:
        left = outstanding(state, debt.id)
        if debt.state not in DUE or left < 1 or left != debt.remaining:
            continue
        try:
            require_unfrozen(state, debt)
        except CodedError as error:
            if error.code is not DEBT_FROZEN:
                raise
            continue
        yield debt


def _pass_escrow(ctx: Context, escrow: Escrow, old: str, new: str) -> bool:
    """Put the successor in a party's place; whether that was possible now."""
    if escrow.state is not EscrowState.HELD or ctx.time > escrow.due:
        return False
    sides = {escrow.payer, escrow.payee}
    if old in sides and new in sides:
        # Payer and payee become one: what was held for oneself is one's own again.
        ended = ctx.move(ESCROW, escrow, "refund")
        ctx.post(Unit.SCU, HELD.of(escrow.payer), AVAIL.of(escrow.payer), escrow.amount)
        ctx.emit(EscrowEnded(ended.id, ended.payer, ended.payee, ended.state.value))
        return True
    if escrow.payer == old:
        ctx.post(Unit.SCU, HELD.of(old), HELD.of(new), escrow.amount)
    places = ("payer", "payee", "signer")
    ctx.amend(ESCROW, escrow, **{p: new for p in places if getattr(escrow, p) == old})
    return True
