"""First losses: the ring-fenced part of the fund pays before others' contributions do.

    borne = first_loss(ctx, payee, amount, cause=("guarantee", id), liable=guarantor)

The fund bears what it can and says how much; it never refuses, because those who ask are often
deadlines. Guarantees ask through :func:`~contracts.guarantee.hooks.on_shortfall` and run-off
through :func:`~contracts.register.hooks.covers_losses`.
"""

from __future__ import annotations

from typing import Final

from msgspec import structs

from contracts.accounts import AVAIL
from contracts.currency.debts import create_debt
from contracts.currency.origins import Follower, follows_debts
from contracts.currency.records import PaymentRequest
from contracts.framework.context import Context
from contracts.framework.party import HOLDERS, PARTY, Role, holder
from contracts.framework.posting import Unit, balance_of
from contracts.fund.accounts import THE_FIRST_LOSS
from contracts.fund.events import FirstLossBorne, FirstLossRecovered
from contracts.fund.parameters import FundParameters
from contracts.fund.records import CASE, DRAW, TALLY, Case, Draw, Tally
from contracts.guarantee.hooks import on_shortfall
from contracts.guarantee.records import Guarantee
from contracts.register.hooks import covers_losses
from ledger.state import State

RECOVERY: Final = "fund.first-loss"
"""The origin of debts to the fund for first losses that it bore for somebody."""
RUN_OFF: Final = "run-off"


def first_loss_left(state: State) -> int:
    """What the fund can still bear of first losses, in minor units."""
    return balance_of(state, THE_FIRST_LOSS)


def first_loss(
    ctx: Context, payee: str, amount: int, *, cause: tuple[str, bytes], liable: str = ""
) -> int:
    """Pay ``payee`` up to ``amount`` minor units from the first-loss tranche; what was paid.

    ``cause`` is the kind and id of what brought the loss about: one case draws no more than the
    fund's cap. ``liable`` is who owes it back to the fund, if anybody; if that party is no member
    or manages the fund itself, or nobody manages it, nothing could be recovered and nothing is
    paid.
    """
    kind, id = cause
    case = ctx.get(CASE, kind, id) or Case(0)
    cap = ctx.params(FundParameters).first_loss_cap
    part = min(amount, first_loss_left(ctx.state))
    if cap:
        part = min(part, max(0, cap - case.drawn))
    if part <= 0 or not _holds_balances(ctx.state, payee):
        return 0
    debt: bytes | None = None
    if liable:
        manager = holder(ctx.state, Role.FUND)
        if manager in {None, liable} or not _holds_balances(ctx.state, liable):
            return 0
        assert manager is not None
        debt = create_debt(
            ctx, manager, liable, part, ctx.in_days(1), origin=(RECOVERY, id), nettable=False
        )
    ctx.post(Unit.SCU, THE_FIRST_LOSS, AVAIL.of(payee), part)
    draw = Draw(ctx.new_id(), kind, id, payee, part, ctx.time, liable, debt)
    ctx.put(DRAW, draw, draw.id)
    ctx.put(CASE, Case(case.drawn + part), kind, id)
    tally = tally_of(ctx.state)
    ctx.put(TALLY, structs.replace(tally, drawn=tally.drawn + part))
    ctx.emit(FirstLossBorne(draw.id, kind, payee, part, liable, debt))
    return part


def tally_of(state: State) -> Tally:
    """The fund's totals since its beginning."""
    return state.get(TALLY) or Tally()


def _holds_balances(state: State, lei: str) -> bool:
    party = state.get(PARTY, lei)
    return party is not None and party.state in HOLDERS


@follows_debts(RECOVERY)
class Recovery(Follower):
    """What a guarantor pays back restores the first-loss tranche."""

    @staticmethod
    def payee(state: State, debt: PaymentRequest) -> str:
        """The first-loss tranche itself."""
        return THE_FIRST_LOSS

    @staticmethod
    def reduced(ctx: Context, before: PaymentRequest, amount: int, how: str) -> None:
        """Count what came back."""
        came = into_fund(ctx, before, amount, how, THE_FIRST_LOSS)
        if came:
            tally = tally_of(ctx.state)
            ctx.put(TALLY, structs.replace(tally, recovered=tally.recovered + came))
            ctx.emit(FirstLossRecovered(before.id, came))


def into_fund(ctx: Context, debt: PaymentRequest, amount: int, how: str, account: str) -> int:
    """How much of an extinguished debt reached an account of the fund, in minor units.

    Payments go there by themselves. Awards and guarantees pay the manager, who is the creditor by
    name, so the money moves on from there; a debt that was given up or passed on brings nothing.
    """
    if how == "payment":
        return amount
    if how in {"credit", "succession", "write-off"}:
        return 0
    manager = AVAIL.of(debt.creditor)
    came = min(amount, max(0, balance_of(ctx.state, manager)))
    if came:
        ctx.post(Unit.SCU, manager, account, came)
    return came


@on_shortfall
def supports_guarantor(ctx: Context, guarantee: Guarantee, lacking: int) -> int:
    """Pay a beneficiary what its guarantor lacks; the guarantor owes it to the fund."""
    return first_loss(
        ctx,
        guarantee.beneficiary,
        lacking,
        cause=("guarantee", guarantee.id),
        liable=guarantee.guarantor,
    )


@covers_losses
def bears_run_off(ctx: Context, loser: str, lacking: int) -> int:
    """Bear what a leaving member and its guarantor could not pay."""
    return first_loss(ctx, loser, lacking, cause=(RUN_OFF, loser.encode().ljust(32, b"\0")))
