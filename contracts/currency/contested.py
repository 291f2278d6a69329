"""Escrows in disputes: the clock stops, and a ruling divides the money.

For the capability of disputes, which alone knows who may ask for this.
"""

from __future__ import annotations

from contracts.accounts import AVAIL, HELD
from contracts.currency.events import EscrowEnded
from contracts.currency.records import ESCROW, ESCROW_TABLE, Escrow, EscrowState
from contracts.errors import OVERPAID
from contracts.framework.context import Context
from contracts.framework.posting import Unit
from ledger.errors import CodedError


def contest_escrow(ctx: Context, id: bytes) -> Escrow:
    """Stop the clock of an escrow. Raises ``NOT_FOUND``, ``WRONG_STATE``, ``DEADLINE_PASSED``."""
    escrow = _escrow_of(ctx, id)
    return ctx.move(ESCROW, escrow, "contest", left=max(escrow.due - ctx.time, 1))


def resume_escrow(ctx: Context, id: bytes) -> Escrow:
    """Let the clock of a contested escrow run on for the time that was left."""
    escrow = _escrow_of(ctx, id)
    if escrow.state is not EscrowState.DISPUTED:
        return escrow
    return ctx.move(ESCROW, escrow, "resume", due=ctx.time + escrow.left, left=0)


def divide_escrow(ctx: Context, id: bytes, to_payee: int) -> Escrow:
    """Pay so much of a contested escrow to its payee and the rest back to its payer.

    Raises ``NOT_FOUND``, ``WRONG_STATE``, or ``OVERPAID`` if there is less.
    """
    escrow = _escrow_of(ctx, id)
    if to_payee > escrow.amount:
        raise CodedError(
            OVERPAID, f"the escrow holds {escrow.amount}, {to_payee} is more (minor units)"
        )
    ended = ctx.move(ESCROW, escrow, "award" if to_payee else "award back", left=0)
    held = HELD.of(escrow.payer)
    if to_payee:
        ctx.post(Unit.SCU, held, AVAIL.of(escrow.payee), to_payee)
    if to_payee < escrow.amount:
        ctx.post(Unit.SCU, held, AVAIL.of(escrow.payer), escrow.amount - to_payee)
    ctx.emit(EscrowEnded(escrow.id, escrow.payer, escrow.payee, ended.state.value))
    return ended


def _escrow_of(ctx: Context, id: bytes) -> Escrow:
    return ctx.find(ESCROW_TABLE, id, what="escrow", field="escrow")
