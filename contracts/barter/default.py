"""Default: notice, grace, the guarantee's call and what its payment does to the claim.

The injured party gives notice, the late one has the days of grace, then the contract is in default
and the injured party may demand payment from the guarantee (:mod:`contracts.guarantee`). What a
guarantor pays for the maker passes to it as a claim to finished goods; what it pays for the
supplier is damages, and no goods claim passes.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from contracts.barter.claims import ORIGIN, contract_of, pass_to_guarantor, reduce
from contracts.barter.course import advance, overran, refresh
from contracts.barter.events import ContractMoved, NoticeGiven
from contracts.barter.goods import drop_call_offs
from contracts.barter.offers import CONTRACT_ID
from contracts.barter.parameters import BarterParameters
from contracts.barter.records import CONTRACT, CONTRACT_TABLE, Contract, ContractState
from contracts.barter.terms import Side
from contracts.errors import DEADLINE_PASSED, NOT_ENTITLED, WRONG_STATE
from contracts.framework.authority import member
from contracts.framework.context import Context
from contracts.framework.operation import Operation, operation, transition
from contracts.framework.party import Right
from contracts.framework.types import ObjectId, Reason
from contracts.guarantee.hooks import Change, on_change, on_link, on_payment, on_recovery
from contracts.guarantee.records import Guarantee, Payment, Subrogation
from ledger.errors import CodedError

_CALLABLE = frozenset({ContractState.DEFAULTED, ContractState.SUBROGATED})


@operation(
    policy="barter",
    by=member(Right.SETTLE),
    emits=(NoticeGiven, ContractMoved),
    errors=(NOT_ENTITLED, WRONG_STATE, DEADLINE_PASSED),
    text={
        "en": "Give notice of default under barter contract {contract}: {reason}",
        "ru": "Уведомить о неисполнении бартерного договора {contract}: {reason}",
        "zh": "就易货合同 {contract} 发出违约通知：{reason}",
    },
)
class GiveNotice(Operation, tag="barter.GiveNotice"):
    """Tell the late party that it is in breach; its days of grace start."""

    contract: Annotated[ObjectId, CONTRACT_ID]
    reason: Annotated[Reason, Meta(description="What is overdue.")]


@transition(GiveNotice)
def give_notice(ctx: Context, op: GiveNotice) -> None:
    """Start the days of grace."""
    contract = contract_of(ctx, op.contract)
    ctx.require_open(CONTRACT, contract, "give notice")
    side = contract.breach or Side.GOODS
    late = contract.obligor(side)
    injured = contract.other(late)
    ctx.require_author(injured, capacity="the injured party")
    until = ctx.in_days(ctx.params(BarterParameters).grace_days)
    ctx.emit(NoticeGiven(contract.id, injured, late, until, op.reason))
    advance(ctx, contract, "give notice", due=until, reason=op.reason)


@CONTRACT.on_lapse("default")
def grace_is_over(ctx: Context, contract: Contract) -> None:
    """Nothing came: the injured party may call the guarantee."""
    due = ctx.in_days(ctx.params(BarterParameters).default_days)
    contract = advance(ctx, contract, "default", due=due)
    if contract.breach is Side.GOODS:
        contract = drop_call_offs(ctx, contract, "the contract is in default")
    refresh(ctx, contract)


@CONTRACT.on_lapse("fall back")
def call_unanswered(ctx: Context, contract: Contract) -> None:
    """The call led to nothing in its time."""
    refresh(ctx, _fall_back(ctx, contract, "the guarantee was not paid in time"))


def _fall_back(ctx: Context, contract: Contract, reason: str) -> Contract:
    due = ctx.in_days(ctx.params(BarterParameters).default_days)
    return advance(ctx, contract, "fall back", due=due, reason=reason)


# What guarantees ask and tell


@on_link(ORIGIN)
def further_guarantee(ctx: Context, id: bytes, applicant: str, beneficiary: str) -> None:
    """A further guarantee may secure a contract that is not over, between its own parties."""
    contract = contract_of(ctx, id, field="underlying.id")
    if {applicant, beneficiary} != set(contract.parties):
        raise CodedError(
            NOT_ENTITLED, "applicant and beneficiary are the contract's parties", field="underlying"
        )
    if CONTRACT.is_end(contract.state):
        raise CodedError(WRONG_STATE, f"the contract is {contract.state.value}", field="underlying")


@on_payment(ORIGIN)
def claim_passes(ctx: Context, guarantee: Guarantee, payment: Payment) -> int:
    """The beneficiary's goods claim passes to the guarantor as far as it was paid for.

    What the beneficiary had called off and did not get is no longer its to call.
    """
    contract = _behind(ctx, guarantee)
    if contract is None or guarantee.applicant != contract.maker:
        return 0
    contract = drop_call_offs(ctx, contract, "a guarantee was paid")
    _, goods = pass_to_guarantor(ctx, contract, guarantee.beneficiary, payment)
    return goods


@on_recovery(ORIGIN)
def guarantor_elects_cash(
    ctx: Context, guarantee: Guarantee, subrogation: Subrogation, amount: int
) -> None:
    """The guarantor's claim shrinks, because the guarantee booked a receivable for it."""
    contract = _behind(ctx, guarantee)
    if contract is None:
        return
    contract = reduce(ctx, contract, subrogation.guarantor, amount, "converted", recovered=True)
    if not CONTRACT.is_end(contract.state):
        refresh(ctx, contract)


@on_change(ORIGIN)
def guarantee_changes(ctx: Context, guarantee: Guarantee, change: Change) -> None:
    """A demand, its payment or its refusal moves a contract that is in default."""
    contract = _behind(ctx, guarantee)
    if contract is None or overran(ctx, contract):
        return
    params = ctx.params(BarterParameters)
    called = contract.state is ContractState.GUARANTEE_CALLED
    if change is Change.DEMANDED and contract.state in _CALLABLE:
        advance(ctx, contract, "call", due=ctx.in_days(params.call_days))
    elif change is Change.PAID:
        if called:
            contract = advance(ctx, contract, "pay", due=ctx.in_days(params.recovery_days))
        refresh(ctx, contract)
    elif called and change in {Change.REJECTED, Change.ENDED}:
        _fall_back(ctx, contract, f"the guarantee is {guarantee.state.value}")


def _behind(ctx: Context, guarantee: Guarantee) -> Contract | None:
    id = guarantee.underlying.id
    return None if id is None else ctx.get(CONTRACT_TABLE, id)
