"""What beneficiaries and guarantors can do about a demand, its payment and the claim behind it."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from contracts.accounts import AVAIL, PAY, REC
from contracts.capacity import CAPACITY, COLLATERAL, COVER
from contracts.currency.events import DebtCreated, RequestChanged
from contracts.errors import (
    BAD_DOCUMENT,
    GUARANTEE_TOO_LONG,
    INSUFFICIENT_FUNDS,
    INVALID_TERMS,
    NOT_PRESENTED,
    NOTHING_TO_RECOVER,
    OUT_OF_CALENDAR,
    OVER_GUARANTEE,
    PRECLUDED,
)
from contracts.framework.authority import member
from contracts.framework.evidence import Evidence
from contracts.framework.operation import Operation, operation
from contracts.framework.party import Right
from contracts.framework.posting import entry
from contracts.framework.types import Instant, Line, Money, ObjectId, Reason
from contracts.guarantee.events import (
    ClaimConverted,
    ClaimPassed,
    DemandEnded,
    DemandPresented,
    DemandRejected,
    DemandSuspended,
    DemandUpheld,
    GoodsAgreed,
    GuaranteeExtended,
    GuaranteePaid,
)
from contracts.guarantee.operations import ENDING, OF_AN_OBJECT, POLICY, WHICH, WHY, stated
from contracts.guarantee.records import DEMAND, GUARANTEE_TABLE, Discrepancy
from ledger.state import State


def _demanded(state: State, op: Any, party: str) -> int:
    found = state.get(GUARANTEE_TABLE, op.guarantee)
    if found is None or found.demand is None:
        return 0
    demand = state.get(DEMAND, found.demand)
    return 0 if demand is None else demand.amount


PAYING = (
    entry("guarantor", AVAIL, "beneficiary", AVAIL),
    entry("guarantor", COLLATERAL, "beneficiary", AVAIL),
    entry("guarantor", COVER, "guarantor", CAPACITY),
    entry("guarantor", REC, "applicant", PAY),
    entry("applicant", PAY, "beneficiary", REC),
)
# What the secured contract tells besides depends on its kind.
PASSING = (GuaranteePaid, ClaimPassed, *ENDING, DebtCreated, RequestChanged)


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    amount=stated,
    emits=(DemandPresented,),
    errors=(
        *OF_AN_OBJECT,
        OVER_GUARANTEE,
        BAD_DOCUMENT,
        INVALID_TERMS,
        GUARANTEE_TOO_LONG,
        OUT_OF_CALENDAR,
    ),
    text={
        "en": "Demand {amount} under guarantee {guarantee}: {statement}",
        "ru": "Потребовать {amount} по гарантии {guarantee}: {statement}",
        "zh": "就担保 {guarantee} 索付 {amount}：{statement}",
    },
)
class PresentDemand(Operation, tag="guarantee.PresentDemand"):
    """Demand payment, stating in what respect the applicant is in breach."""

    guarantee: Annotated[ObjectId, WHICH]
    amount: Annotated[Money, Meta(description="How much.")]
    statement: Annotated[Reason, Meta(description="In what respect the applicant is in breach.")]
    documents: Annotated[
        tuple[Evidence, ...], Meta(max_length=32, description="The documents presented.")
    ] = ()
    extend_to: Annotated[
        Instant | None, Meta(description="An extension that would be accepted instead of payment.")
    ] = None


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    emits=(DemandEnded,),
    errors=OF_AN_OBJECT,
    text={
        "en": "Withdraw the demand under guarantee {guarantee}: {reason}",
        "ru": "Отозвать требование по гарантии {guarantee}: {reason}",
        "zh": "撤回对担保 {guarantee} 的索付：{reason}",
    },
)
class WithdrawDemand(Operation, tag="guarantee.WithdrawDemand"):
    """Take the open demand back."""

    guarantee: Annotated[ObjectId, WHICH]
    reason: Annotated[Reason, WHY]


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    amount=_demanded,
    emits=(DemandRejected,),
    errors=(*OF_AN_OBJECT, PRECLUDED, NOT_PRESENTED, INVALID_TERMS),
    text={
        "en": "Reject the demand under guarantee {guarantee} for: {discrepancies}",
        "ru": "Отклонить требование по гарантии {guarantee}: {discrepancies}",
        "zh": "拒绝对担保 {guarantee} 的索付：{discrepancies}",
    },
)
class RejectDemand(Operation, tag="guarantee.RejectDemand"):
    """Reject a demand in time, naming every discrepancy at once; later ones are precluded."""

    guarantee: Annotated[ObjectId, WHICH]
    discrepancies: Annotated[
        tuple[Discrepancy, ...],
        Meta(min_length=1, max_length=32, description="Everything that does not comply."),
    ]


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    amount=_demanded,
    emits=(DemandUpheld,),
    errors=OF_AN_OBJECT,
    text={
        "en": "Accept the demand under guarantee {guarantee}; payment is due",
        "ru": "Признать требование по гарантии {guarantee}; наступает срок платежа",
        "zh": "接受对担保 {guarantee} 的索付；应当付款",
    },
)
class AcceptDemand(Operation, tag="guarantee.AcceptDemand"):
    """Find a demand complying; payment is due within days."""

    guarantee: Annotated[ObjectId, WHICH]


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    amount=_demanded,
    emits=(DemandSuspended,),
    errors=(*OF_AN_OBJECT, INVALID_TERMS),
    text={
        "en": "Suspend payment under guarantee {guarantee} while an extension is considered",
        "ru": "Приостановить платёж по гарантии {guarantee} до решения о продлении",
        "zh": "在考虑延期期间中止担保 {guarantee} 的付款",
    },
)
class SuspendPayment(Operation, tag="guarantee.SuspendPayment"):
    """Let payment wait for an extension that the demand accepts instead."""

    guarantee: Annotated[ObjectId, WHICH]


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    amount=_demanded,
    emits=(GuaranteeExtended,),
    errors=OF_AN_OBJECT,
    text={
        "en": "Extend guarantee {guarantee} instead of paying",
        "ru": "Продлить гарантию {guarantee} вместо платежа",
        "zh": "延长担保 {guarantee} 以代替付款",
    },
)
class ExtendGuarantee(Operation, tag="guarantee.ExtendGuarantee"):
    """Grant the extension that the demand accepts instead of payment."""

    guarantee: Annotated[ObjectId, WHICH]


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    amount=_demanded,
    posts=PAYING,
    emits=(*PASSING, ClaimConverted),
    errors=(*OF_AN_OBJECT, INSUFFICIENT_FUNDS),
    text={
        "en": "Pay the demand under guarantee {guarantee} (recover in cash: {recover_in_cash})",
        "ru": "Оплатить требование по гарантии {guarantee} (взыскать деньгами: {recover_in_cash})",
        "zh": "支付担保 {guarantee} 的索付（以现金追偿：{recover_in_cash}）",
    },
)
class PayDemand(Operation, tag="guarantee.PayDemand"):
    """Pay the open demand: the beneficiary is paid and its claim passes to the guarantor."""

    guarantee: Annotated[ObjectId, WHICH]
    recover_in_cash: Annotated[
        bool, Meta(description="Whether a passed goods claim becomes a debt in money at once.")
    ] = False


def _beneficiary(state: State, author: str, op: AgreeOnGoods) -> tuple[str, ...]:
    found = state.get(GUARANTEE_TABLE, op.guarantee)
    return () if found is None or found.beneficiary == author else (found.beneficiary,)


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    amount=_demanded,
    cosigners=_beneficiary,
    cosigned_by="the beneficiary",
    emits=(GoodsAgreed,),
    errors=(*OF_AN_OBJECT, INVALID_TERMS),
    text={
        "en": "Perform in kind until {until} instead of paying under guarantee {guarantee}: {text}",
        "ru": "Исполнить в натуре до {until} вместо платежа по гарантии {guarantee}: {text}",
        "zh": "在 {until} 前以实物履行代替担保 {guarantee} 的付款：{text}",
    },
)
class AgreeOnGoods(Operation, tag="guarantee.AgreeOnGoods"):
    """Agree that the guarantor delivers the goods itself instead of paying."""

    guarantee: Annotated[ObjectId, WHICH]
    until: Annotated[Instant, Meta(description="By when the beneficiary will have confirmed.")]
    text: Annotated[Line, Meta(description="What is delivered.")]


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    amount=_demanded,
    posts=PAYING[2:],
    emits=PASSING,
    errors=OF_AN_OBJECT,
    text={
        "en": "Confirm performance in kind under guarantee {guarantee}",
        "ru": "Подтвердить исполнение в натуре по гарантии {guarantee}",
        "zh": "确认担保 {guarantee} 已以实物履行",
    },
)
class ConfirmGoods(Operation, tag="guarantee.ConfirmGoods"):
    """Confirm, as beneficiary, that the guarantor performed in kind; the demand is met."""

    guarantee: Annotated[ObjectId, WHICH]


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    amount=stated,
    posts=(entry("guarantor", REC, "applicant", PAY),),
    emits=(ClaimConverted, DebtCreated),
    errors=(*OF_AN_OBJECT, NOTHING_TO_RECOVER),
    text={
        "en": "Recover {amount} of the claim passed by payment {payment} in cash",
        "ru": "Взыскать деньгами {amount} требования, перешедшего по платежу {payment}",
        "zh": "就付款 {payment} 所转移的债权以现金追偿 {amount}",
    },
)
class RecoverInCash(Operation, tag="guarantee.RecoverInCash"):
    """Turn a passed goods claim into a debt of the applicant, as guarantor."""

    payment: Annotated[ObjectId, Meta(description="The payment by which the claim passed.")]
    amount: Annotated[Money, Meta(description="How much.")]
