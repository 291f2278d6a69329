"""What the operations on the settlement currency do."""

from __future__ import annotations

from contracts.accounts import AVAIL
from contracts.currency.operations import Transfer
from contracts.framework.context import Context
from contracts.framework.operation import transition
from contracts.framework.party import Right
from contracts.framework.posting import Unit


@transition(Transfer)
def transfer(ctx: Context, op: Transfer) -> None:
    """Move each leg from the author to its payee."""
    payer = AVAIL.of(ctx.author)
    for index, leg in enumerate(op.legs):
        ctx.party(leg.payee, Right.RECEIVE, field=f"legs[{index}].payee")
        ctx.post(Unit.SCU, payer, AVAIL.of(leg.payee), leg.amount)
