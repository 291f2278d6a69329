"""What payments, exchanges, escrows and reversals do.

Issue and redemption are in :mod:`contracts.currency.supply`, payment requests in
:mod:`contracts.currency.requests`.
"""

from __future__ import annotations

from contracts.accounts import AVAIL, HELD
from contracts.currency.events import EscrowEnded, EscrowOpened, ReversalEnded, ReversalProposed
from contracts.currency.operations import (
    ConsentReversal,
    DeclineReversal,
    Exchange,
    OpenEscrow,
    ProposeReversal,
    RefundEscrow,
    ReleaseEscrow,
    Transfer,
)
from contracts.currency.records import (
    ESCROW,
    ESCROW_TABLE,
    REVERSAL,
    REVERSAL_TABLE,
    REVERSED_LEG,
    CurrencyParameters,
    Escrow,
    EscrowState,
    Reversal,
    ReversalState,
    ReversedLeg,
)
from contracts.errors import ALREADY_REVERSED, INVALID_TERMS
from contracts.framework.context import Context
from contracts.framework.operation import transition
from contracts.framework.party import Right
from contracts.framework.posting import Unit
from ledger.errors import CodedError


@transition(Transfer)
def transfer(ctx: Context, op: Transfer) -> None:
    """Move each leg from the author to its payee."""
    payer = AVAIL.of(ctx.author)
    for index, leg in enumerate(op.legs):
        ctx.party(leg.payee, Right.RECEIVE, field=f"legs[{index}].payee")
        ctx.post(Unit.SCU, payer, AVAIL.of(leg.payee), leg.amount)


@transition(Exchange)
def exchange(ctx: Context, op: Exchange) -> None:
    """Move each leg from its payer to its payee."""
    for index, leg in enumerate(op.legs):
        ctx.party(leg.payer, Right.PAY, field=f"legs[{index}].payer")
        ctx.party(leg.payee, Right.RECEIVE, field=f"legs[{index}].payee")
        ctx.post(Unit.SCU, AVAIL.of(leg.payer), AVAIL.of(leg.payee), leg.amount)


# Escrow


@transition(OpenEscrow)
def open_escrow(ctx: Context, op: OpenEscrow) -> None:
    """Set the author's money aside."""
    ctx.party(op.payee, Right.RECEIVE, field="payee")
    ctx.party(op.signer, Right.SETTLE, field="signer")
    if op.payee == ctx.author:
        raise CodedError(INVALID_TERMS, "the payee is another party", field="payee")
    latest = ctx.in_days(ctx.params(CurrencyParameters).escrow_days)
    if not ctx.time < op.expires <= latest:
        raise CodedError(
            INVALID_TERMS,
            f"an escrow expires after now and at {latest} at the latest",
            field="expires",
        )
    escrow = Escrow(
        ctx.new_id(),
        ctx.author,
        op.payee,
        op.amount,
        op.signer,
        op.condition,
        op.document,
        EscrowState.HELD,
        op.expires,
    )
    ctx.open(ESCROW, escrow)
    ctx.post(Unit.SCU, AVAIL.of(ctx.author), HELD.of(ctx.author), op.amount)
    ctx.emit(EscrowOpened(escrow.id, escrow.payer, op.payee, op.signer, op.amount, op.expires))


@transition(ReleaseEscrow)
def release_escrow(ctx: Context, op: ReleaseEscrow) -> None:
    """Pay an escrow to its payee."""
    escrow = ctx.find(ESCROW_TABLE, op.escrow, what="escrow", field="escrow")
    ctx.require_author(escrow.payer, escrow.signer, capacity="the payer and the condition's signer")
    end_escrow(ctx, escrow, "release")


@transition(RefundEscrow)
def refund_escrow(ctx: Context, op: RefundEscrow) -> None:
    """Give an escrow back to its payer."""
    escrow = ctx.find(ESCROW_TABLE, op.escrow, what="escrow", field="escrow")
    ctx.require_author(escrow.payee, capacity="the payee")
    end_escrow(ctx, escrow, "refund")


@ESCROW.on_lapse("expire")
def escrow_expires(ctx: Context, escrow: Escrow) -> None:
    """The condition was not found met in time: the money goes back."""
    end_escrow(ctx, escrow, "expire")


def end_escrow(ctx: Context, escrow: Escrow, event: str) -> Escrow:
    """Move a held escrow by one of its machine's events, and its money with it."""
    ended = ctx.move(ESCROW, escrow, event)
    released = ended.state is EscrowState.RELEASED
    to = AVAIL.of(escrow.payee if released else escrow.payer)
    ctx.post(Unit.SCU, HELD.of(escrow.payer), to, escrow.amount)
    ctx.emit(EscrowEnded(escrow.id, escrow.payer, escrow.payee, ended.state.value))
    return ended


# Reversal


@transition(ProposeReversal)
def propose_reversal(ctx: Context, op: ProposeReversal) -> None:
    """Ask the other side of a payment for its consent."""
    ctx.require_author(op.payer, op.payee, capacity="a side of the payment")
    if op.payer == op.payee:
        raise CodedError(INVALID_TERMS, "payer and payee are two parties", field="payee")
    ctx.party(op.payer, Right.SETTLE, field="payer")
    ctx.party(op.payee, Right.SETTLE, field="payee")
    if ctx.get(REVERSED_LEG, op.original, op.leg) is not None:
        raise CodedError(ALREADY_REVERSED, "this leg has a reversal", field="leg")
    days = ctx.params(CurrencyParameters).reversal_days
    reversal = Reversal(
        ctx.new_id(),
        op.original,
        op.leg,
        op.payer,
        op.payee,
        op.amount,
        ctx.author,
        op.reason,
        ReversalState.PROPOSED,
        ctx.in_business_days(days),
    )
    ctx.open(REVERSAL, reversal)
    ctx.put(REVERSED_LEG, ReversedLeg(reversal.id), op.original, op.leg)
    ctx.emit(ReversalProposed(reversal.id, op.original, op.payer, op.payee, op.amount))


@transition(ConsentReversal)
def consent_reversal(ctx: Context, op: ConsentReversal) -> None:
    """Pay the leg back."""
    reversal = ctx.find(REVERSAL_TABLE, op.reversal, what="reversal", field="reversal")
    ctx.require_author(reversal.other, capacity="the side that did not propose the reversal")
    posted = ctx.move(REVERSAL, reversal, "consent")
    ctx.post(Unit.SCU, AVAIL.of(posted.payee), AVAIL.of(posted.payer), posted.amount)
    _tell_reversal(ctx, posted)


@transition(DeclineReversal)
def decline_reversal(ctx: Context, op: DeclineReversal) -> None:
    """End a proposal by either side."""
    reversal = ctx.find(REVERSAL_TABLE, op.reversal, what="reversal", field="reversal")
    ctx.require_author(reversal.payer, reversal.payee, capacity="a side of the payment")
    _drop_reversal(ctx, reversal, "decline")


@REVERSAL.on_lapse("lapse")
def reversal_lapses(ctx: Context, reversal: Reversal) -> None:
    """Silence is not consent."""
    _drop_reversal(ctx, reversal, "lapse")


def _drop_reversal(ctx: Context, reversal: Reversal, event: str) -> None:
    ended = ctx.move(REVERSAL, reversal, event)
    ctx.delete(REVERSED_LEG, reversal.original, reversal.leg)
    _tell_reversal(ctx, ended)


def _tell_reversal(ctx: Context, reversal: Reversal) -> None:
    ctx.emit(
        ReversalEnded(
            reversal.id, reversal.original, reversal.payer, reversal.payee, reversal.state.value
        )
    )
