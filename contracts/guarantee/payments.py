"""Payment under a guarantee: money, subrogation and recovery in one atomic step.

The beneficiary is paid, capacity is freed, and its claim passes to the guarantor, so that nobody
recovers twice. When payment falls due by time, the guarantor's own money comes first, then its
collateral, then whoever supports guarantors; what is still lacking becomes a debt of the guarantor
to the beneficiary, so the claim behind the guarantee passes whole and none is left hanging.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec import structs

from contracts.accounts import AVAIL
from contracts.capacity import COLLATERAL, uncommit
from contracts.currency.debts import create_debt
from contracts.errors import INSUFFICIENT_FUNDS, NOTHING_TO_RECOVER
from contracts.framework.context import Context
from contracts.framework.posting import Unit, balance_of
from contracts.guarantee.demands import demand_of, return_to_issued
from contracts.guarantee.events import ClaimConverted, ClaimPassed, GuaranteePaid
from contracts.guarantee.hooks import Change, pass_claim, recover_claim, support, tell
from contracts.guarantee.records import (
    DEMAND,
    GUARANTEE,
    PAYMENT,
    PAYMENT_OF,
    SUBROGATION,
    Demand,
    DemandState,
    Guarantee,
    GuaranteeParameters,
    GuaranteePayment,
    GuaranteeState,
    Payment,
    Subrogation,
)
from contracts.guarantee.undertaking import PURPOSE, end, guarantee_of
from ledger.errors import CodedError

ORIGIN: Final = "guarantee"
"""The origin of the debts that payments create."""


class Sources(NamedTuple):
    """Where a payment comes from, in minor units."""

    cash: int = 0
    collateral: int = 0
    support: int = 0
    owed: int = 0
    goods: int = 0


def own_sources(ctx: Context, guarantor: str, amount: int) -> Sources:
    """How much of ``amount`` a guarantor pays itself: money first, then collateral.

    A credit line is not drawn. ``owed`` is what is lacking.
    """
    cash = min(amount, max(0, balance_of(ctx.state, AVAIL.of(guarantor))))
    collateral = min(amount - cash, balance_of(ctx.state, COLLATERAL.of(guarantor)))
    return Sources(cash, collateral, owed=amount - cash - collateral)


def pay(ctx: Context, guarantee: Guarantee, *, recover_in_cash: bool = False) -> Payment:
    """Pay the open demand. Consent: the guarantor.

    Raises ``INSUFFICIENT_FUNDS`` if its money and collateral do not reach; support and debt are for
    payments that fall due. With ``recover_in_cash`` the passed claim becomes a debt at once.
    """
    ctx.require_open(GUARANTEE, guarantee, "pay")
    demand = demand_of(ctx, guarantee)
    sources = own_sources(ctx, guarantee.guarantor, demand.amount)
    if sources.owed:
        raise CodedError(
            INSUFFICIENT_FUNDS,
            f"{guarantee.guarantor} has {sources.cash} available and {sources.collateral} posted "
            f"as collateral, needs {demand.amount} (minor units)",
        )
    payment = _settle(ctx, guarantee, demand, "pay", sources)
    if recover_in_cash:
        passed = ctx.find(SUBROGATION, payment.id, what="passed claim")
        if passed.recoverable:
            convert(ctx, payment.id, passed.recoverable)
    return payment


@GUARANTEE.on_lapse("pay")
def payment_falls_due(ctx: Context, guarantee: Guarantee) -> None:
    """The guarantor did not pay in time: the ledger books it from whatever there is."""
    pay_from_all(ctx, guarantee, demand_of(ctx, guarantee))


def pay_awarded(ctx: Context, id: bytes) -> Payment:
    """Pay a contested demand that an award found complying. Consent: a tribunal."""
    guarantee = guarantee_of(ctx, id)
    demand = demand_of(ctx, guarantee)
    demand = structs.replace(demand, upheld=True)
    ctx.put(DEMAND, demand, demand.id)
    return pay_from_all(ctx, guarantee, demand)


def pay_from_all(ctx: Context, guarantee: Guarantee, demand: Demand) -> Payment:
    """Pay from the guarantor's money, its collateral and its supporters; owe the rest."""
    sources = own_sources(ctx, guarantee.guarantor, demand.amount)
    if sources.owed:
        supported = support(ctx, guarantee, sources.owed)
        sources = sources._replace(support=supported, owed=sources.owed - supported)
    return _settle(ctx, guarantee, demand, "pay", sources)


def confirm_goods(ctx: Context, guarantee: Guarantee) -> Payment:
    """Count performance in kind as payment of the open demand. Consent: the beneficiary."""
    ctx.require_open(GUARANTEE, guarantee, "confirm goods")
    demand = demand_of(ctx, guarantee)
    return _settle(ctx, guarantee, demand, "confirm goods", Sources(goods=demand.amount))


def _settle(
    ctx: Context, guarantee: Guarantee, demand: Demand, event: str, sources: Sources
) -> Payment:
    payment = Payment(
        id=ctx.new_id(),
        guarantee=guarantee.id,
        demand=demand.id,
        guarantor=guarantee.guarantor,
        beneficiary=guarantee.beneficiary,
        amount=demand.amount,
        cash=sources.cash,
        collateral=sources.collateral,
        support=sources.support,
        owed=sources.owed,
        goods=sources.goods,
        time=ctx.time,
    )
    if sum(sources) != payment.amount:
        raise ValueError("the parts of a payment sum up to it")
    ctx.put(PAYMENT, payment, payment.id)
    ctx.put(PAYMENT_OF, GuaranteePayment(payment.id), guarantee.id, payment.id)
    _move_money(ctx, payment)
    uncommit(ctx, guarantee.guarantor, PURPOSE, payment.amount)
    paid = return_to_issued(
        ctx,
        guarantee,
        event,
        DemandState.PAID,
        remaining=guarantee.remaining - payment.amount,
        paid=guarantee.paid + payment.amount,
    )
    ctx.emit(
        GuaranteePaid(
            paid.id,
            demand.id,
            payment.id,
            paid.guarantor,
            paid.beneficiary,
            payment.amount,
            payment.cash,
            payment.collateral,
            payment.support,
            payment.owed,
            payment.goods,
        )
    )
    _subrogate(ctx, paid, payment)
    tell(ctx, paid, Change.PAID)
    paid = guarantee_of(ctx, paid.id)  # the contract that was told may have released it
    if paid.remaining == 0 and paid.state is GuaranteeState.ISSUED:
        end(ctx, paid, "exhaust", "paid in full")
    return payment


def _move_money(ctx: Context, payment: Payment) -> None:
    payee = AVAIL.of(payment.beneficiary)
    if payment.cash:
        ctx.post(Unit.SCU, AVAIL.of(payment.guarantor), payee, payment.cash)
    if payment.collateral:
        ctx.post(Unit.SCU, COLLATERAL.of(payment.guarantor), payee, payment.collateral)
    if payment.owed:
        create_debt(
            ctx,
            payment.beneficiary,
            payment.guarantor,
            payment.owed,
            ctx.in_days(1),
            origin=(ORIGIN, payment.guarantee),
        )


def _subrogate(ctx: Context, guarantee: Guarantee, payment: Payment) -> None:
    """Pass the beneficiary's claim: a goods claim as it is, everything else as a debt."""
    goods = pass_claim(ctx, guarantee, payment)
    cash = payment.amount - goods
    debts: tuple[bytes, ...] = ()
    if cash:
        debts = (_reimbursement(ctx, guarantee, cash),)
    ctx.put(
        SUBROGATION,
        Subrogation(
            payment=payment.id,
            guarantee=guarantee.id,
            guarantor=guarantee.guarantor,
            applicant=guarantee.applicant,
            amount=payment.amount,
            goods=goods,
            cash=cash,
            debts=debts,
        ),
        payment.id,
    )
    ctx.emit(ClaimPassed(payment.id, guarantee.guarantor, guarantee.applicant, goods, cash))


def _reimbursement(ctx: Context, guarantee: Guarantee, amount: int) -> bytes:
    due = ctx.in_days(ctx.params(GuaranteeParameters).reimbursement_days)
    return create_debt(
        ctx,
        guarantee.guarantor,
        guarantee.applicant,
        amount,
        due,
        origin=(ORIGIN, guarantee.id),
    )


def convert(ctx: Context, payment_id: bytes, amount: int) -> bytes:
    """Turn so much of a passed goods claim into the applicant's debt. Consent: the guarantor.

    Returns the debt's id. Raises ``NOTHING_TO_RECOVER``.
    """
    passed = _passed(ctx, payment_id, amount)
    guarantee = guarantee_of(ctx, passed.guarantee)
    recover_claim(ctx, guarantee, passed, amount)
    # Read again: the secured contract may have told of deliveries meanwhile.
    passed = _passed(ctx, payment_id, amount)
    debt = _reimbursement(ctx, guarantee, amount)
    changed = structs.replace(
        passed, converted=passed.converted + amount, debts=(*passed.debts, debt)
    )
    ctx.put(SUBROGATION, changed, payment_id)
    ctx.emit(ClaimConverted(payment_id, passed.guarantor, passed.applicant, amount, debt))
    return debt


def received(ctx: Context, payment_id: bytes, amount: int) -> None:
    """Count goods that the guarantor received against a passed claim; for secured contracts.

    Raises ``NOTHING_TO_RECOVER``.
    """
    passed = _passed(ctx, payment_id, amount)
    ctx.put(SUBROGATION, structs.replace(passed, received=passed.received + amount), payment_id)


def _passed(ctx: Context, payment_id: bytes, amount: int) -> Subrogation:
    passed = ctx.find(SUBROGATION, payment_id, what="passed claim", field="payment")
    if amount > passed.recoverable:
        raise CodedError(
            NOTHING_TO_RECOVER,
            f"of the passed claim of {passed.amount}, {passed.recoverable} is left in goods; "
            f"{amount} is more (minor units)",
            field="amount",
        )
    return passed
