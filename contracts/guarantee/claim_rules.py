"""What the operations on demands and payments do: who may, then the step itself."""

from __future__ import annotations

from contracts.errors import INVALID_TERMS
from contracts.framework.context import Context
from contracts.framework.operation import transition
from contracts.guarantee import claims, demands, payments
from contracts.guarantee.events import GoodsAgreed
from contracts.guarantee.records import GUARANTEE, SUBROGATION, GuaranteeParameters
from contracts.guarantee.rules import as_beneficiary, as_guarantor
from ledger.errors import CodedError


@transition(claims.PresentDemand)
def present_demand(ctx: Context, op: claims.PresentDemand) -> None:
    """Start the examination."""
    demands.present(
        ctx,
        as_beneficiary(ctx, op.guarantee),
        amount=op.amount,
        statement=op.statement,
        documents=op.documents,
        extend_to=op.extend_to,
    )


@transition(claims.WithdrawDemand)
def withdraw_demand(ctx: Context, op: claims.WithdrawDemand) -> None:
    """Take the demand back."""
    demands.withdraw(ctx, as_beneficiary(ctx, op.guarantee), op.reason)


@transition(claims.RejectDemand)
def reject_demand(ctx: Context, op: claims.RejectDemand) -> None:
    """Reject for everything at once."""
    demands.reject(ctx, as_guarantor(ctx, op.guarantee), op.discrepancies)


@transition(claims.AcceptDemand)
def accept_demand(ctx: Context, op: claims.AcceptDemand) -> None:
    """Make payment due."""
    demands.accept(ctx, as_guarantor(ctx, op.guarantee))


@transition(claims.SuspendPayment)
def suspend_payment(ctx: Context, op: claims.SuspendPayment) -> None:
    """Let payment wait for an extension."""
    demands.suspend(ctx, as_guarantor(ctx, op.guarantee))


@transition(claims.ExtendGuarantee)
def extend_guarantee(ctx: Context, op: claims.ExtendGuarantee) -> None:
    """Extend instead of paying."""
    demands.extend(ctx, as_guarantor(ctx, op.guarantee))


@transition(claims.PayDemand)
def pay_demand(ctx: Context, op: claims.PayDemand) -> None:
    """Pay, pass the claim, free capacity."""
    payments.pay(ctx, as_guarantor(ctx, op.guarantee), recover_in_cash=op.recover_in_cash)


@transition(claims.AgreeOnGoods)
def agree_on_goods(ctx: Context, op: claims.AgreeOnGoods) -> None:
    """Wait for performance in kind, which takes the demand as complying."""
    guarantee = as_guarantor(ctx, op.guarantee)
    demand = demands.demand_of(ctx, guarantee)
    longest = ctx.in_days(ctx.params(GuaranteeParameters).goods_days)
    if not ctx.time < op.until <= longest:
        raise CodedError(
            INVALID_TERMS,
            f"performance in kind is due after now and by {longest} at the latest",
            field="until",
        )
    ctx.move(GUARANTEE, guarantee, "agree on goods", due=op.until)
    ctx.emit(GoodsAgreed(guarantee.id, demand.id, op.until, op.text))


@transition(claims.ConfirmGoods)
def confirm_goods(ctx: Context, op: claims.ConfirmGoods) -> None:
    """Count the goods as payment."""
    payments.confirm_goods(ctx, as_beneficiary(ctx, op.guarantee))


@transition(claims.RecoverInCash)
def recover_in_cash(ctx: Context, op: claims.RecoverInCash) -> None:
    """Turn a passed goods claim into a debt."""
    passed = ctx.find(SUBROGATION, op.payment, what="passed claim", field="payment")
    ctx.require_author(passed.guarantor, capacity="the guarantor that paid")
    payments.convert(ctx, op.payment, op.amount)
