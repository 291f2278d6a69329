"""Dealing in claims: assignment, settlement of a residue in money, waiver by agreement."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from contracts.accounts import AVAIL
from contracts.barter.accounts import GCLAIM
from contracts.barter.claims import contract_of, reduce, transfer_claim
from contracts.barter.consequences import STEP_EVENTS, STEP_POSTS
from contracts.barter.course import change_item, progress_of, refresh, terms_of
from contracts.barter.events import ClaimAssigned, ClaimEnded, QuantityWaived
from contracts.barter.lots import require_live
from contracts.barter.offers import CONTRACT_ID
from contracts.barter.records import CONTRACT_TABLE, Contract
from contracts.barter.terms import Quantity, Side, scheduled
from contracts.currency.assets import asset_kind
from contracts.errors import (
    FROZEN_BY_DISPUTE,
    INSUFFICIENT_FUNDS,
    INVALID_TERMS,
    NOT_ASSIGNABLE,
    NOT_ENTITLED,
    OVER_CREDIT_LINE,
    OVER_OPEN_CLAIM,
    OVER_SCHEDULE,
    STANDING_FORBIDS,
    WRONG_STATE,
)
from contracts.framework.authority import member
from contracts.framework.context import Context
from contracts.framework.operation import Operation, operation, transition
from contracts.framework.party import Right
from contracts.framework.posting import Unit, entry
from contracts.framework.types import Count, GoodsValue, Lei, MoneyOrNone, ObjectId
from ledger.errors import CodedError
from ledger.state import State


def _assignee(state: State, author: str, op: Any) -> tuple[str, ...]:
    return (op.assignee,) if op.assignee != author else ()


def _amount(state: State, op: Any, party: str) -> int:
    amount: int = op.amount
    return amount


@operation(
    policy="claim",
    by=member(Right.SETTLE),
    amount=_amount,
    cosigners=_assignee,
    cosigned_by="the assignee",
    posts=(entry("assignee", GCLAIM, "holder", GCLAIM),),
    emits=(ClaimAssigned,),
    errors=(
        NOT_ASSIGNABLE,
        OVER_OPEN_CLAIM,
        INVALID_TERMS,
        STANDING_FORBIDS,
        WRONG_STATE,
        FROZEN_BY_DISPUTE,
    ),
    text={
        "en": "Assign {amount} of the goods claim under barter contract {contract} to {assignee}",
        "ru": "Уступить {assignee} требование на {amount} по бартерному договору {contract}",
        "zh": "将易货合同 {contract} 下 {amount} 的货物债权转让给 {assignee}",
    },
)
class Assign(Operation, tag="barter.Assign"):
    """Assign part of an own goods claim to another member, with notice to the maker."""

    contract: Annotated[ObjectId, CONTRACT_ID]
    assignee: Annotated[Lei, Meta(description="Who holds it from now on.")]
    amount: Annotated[GoodsValue, Meta(description="How much goods value, minor units.")]


def _maker_or_holder(state: State, author: str, op: Any) -> tuple[str, ...]:
    contract = state.get(CONTRACT_TABLE, op.contract)
    if contract is None:
        return ()
    return tuple(p for p in dict.fromkeys((op.holder, contract.maker)) if p != author)


@operation(
    policy="payment",
    by=member(Right.SETTLE),
    amount=lambda state, op, party: op.price,
    cosigners=_maker_or_holder,
    cosigned_by="maker and holder of the claim, whichever is not the author",
    posts=(entry("maker", AVAIL, "holder", AVAIL), *STEP_POSTS),
    emits=(ClaimEnded, *STEP_EVENTS),
    errors=(
        NOT_ENTITLED,
        OVER_OPEN_CLAIM,
        INSUFFICIENT_FUNDS,
        OVER_CREDIT_LINE,
        WRONG_STATE,
        FROZEN_BY_DISPUTE,
    ),
    text={
        "en": "Settle {amount} of the goods claim of {holder} under barter contract {contract} "
        "for {price}",
        "ru": "Погасить требование {holder} на {amount} по бартерному договору {contract} "
        "за {price}",
        "zh": "以 {price} 结清 {holder} 在易货合同 {contract} 下的货物债权 {amount}",
    },
)
class TopUp(Operation, tag="barter.TopUp"):
    """Settle what is left of a claim in money, at a price that maker and holder agree on."""

    contract: Annotated[ObjectId, CONTRACT_ID]
    holder: Annotated[Lei, Meta(description="Whose claim.")]
    amount: Annotated[GoodsValue, Meta(description="How much goods value ends, minor units.")]
    price: Annotated[MoneyOrNone, Meta(description="What the maker pays for it, minor units.")]


def _other_party(state: State, author: str, op: Any) -> tuple[str, ...]:
    contract = state.get(CONTRACT_TABLE, op.contract)
    return () if contract is None else tuple(p for p in contract.parties if p != author)


@operation(
    policy="barter",
    by=member(Right.SETTLE),
    cosigners=_other_party,
    cosigned_by="the other party to the contract",
    posts=STEP_POSTS,
    emits=(QuantityWaived, *STEP_EVENTS),
    errors=(NOT_ENTITLED, WRONG_STATE, INVALID_TERMS, OVER_SCHEDULE),
    text={
        "en": "Waive {quantity} of item {item} of the {side} under barter contract {contract}",
        "ru": "Отказаться от {quantity} ед. позиции {item} ({side}) по бартерному договору "
        "{contract}",
        "zh": "放弃易货合同 {contract} 下第 {item} 项（{side}）的 {quantity}",
    },
)
class Waive(Operation, tag="barter.Waive"):
    """Agree that part of what is scheduled need not be shipped."""

    contract: Annotated[ObjectId, CONTRACT_ID]
    side: Annotated[Side, Meta(description="Components or finished goods.")]
    item: Annotated[Count, Meta(description="The item's place in the price list, from 0.")]
    quantity: Annotated[Quantity, Meta(description="How many units.")]


def _require_unfrozen(contract: Contract) -> None:
    if contract.disputes:
        raise CodedError(
            FROZEN_BY_DISPUTE, "a dispute about the contract is open: its claims do not move"
        )


@transition(Assign)
def assign(ctx: Context, op: Assign) -> None:
    """The claim passes as it is; what is called off stays with who called it off."""
    _pass_on(ctx, op.contract, ctx.author, op.assignee, op.amount, reason="assignment")


@asset_kind("goods claim")
def deliver_claim(ctx: Context, giver: str, taker: str, asset: bytes, amount: int) -> None:
    """Claim against currency: part of a goods claim is one leg of an exchange."""
    _pass_on(ctx, asset, giver, taker, amount, reason="exchange")


def _pass_on(
    ctx: Context, contract_id: bytes, holder: str, assignee: str, amount: int, *, reason: str
) -> None:
    contract = contract_of(ctx, contract_id)
    require_live(contract)
    _require_unfrozen(contract)
    if not terms_of(ctx.state, contract.id).assignable:
        raise CodedError(NOT_ASSIGNABLE, "the terms exclude assignment of the claim")
    ctx.party(assignee, Right.OBLIGE, field="assignee")
    transfer_claim(ctx, contract, holder, assignee, amount, reason=reason)


@transition(TopUp)
def top_up(ctx: Context, op: TopUp) -> None:
    """Money against goods value, both at once."""
    contract = contract_of(ctx, op.contract)
    ctx.require_author(contract.maker, op.holder, capacity="the maker or the holder of the claim")
    require_live(contract)
    _require_unfrozen(contract)
    contract = reduce(ctx, contract, op.holder, op.amount, "topped")
    if op.price:
        ctx.party(op.holder, Right.RECEIVE, field="holder")
        ctx.party(contract.maker, Right.PAY)
        ctx.post(Unit.SCU, AVAIL.of(contract.maker), AVAIL.of(op.holder), op.price)
    refresh(ctx, contract)


@transition(Waive)
def waive(ctx: Context, op: Waive) -> None:
    """The waived quantity counts as performed."""
    contract = contract_of(ctx, op.contract)
    ctx.require_author(*contract.parties, capacity="a party to the contract")
    require_live(contract)
    flow = terms_of(ctx.state, contract.id).flow(op.side)
    if op.item >= len(flow.items):
        raise CodedError(INVALID_TERMS, "the contract has no such item", field="item")
    progress = progress_of(ctx.state, contract.id).flow(op.side)[op.item]
    limit = scheduled(flow, op.item) - progress.performed
    if op.quantity > limit:
        raise CodedError(
            OVER_SCHEDULE,
            f"{op.quantity} is over the limit of the schedule, of which {max(limit, 0)} is left",
            field="quantity",
        )
    change_item(ctx, contract.id, op.side, op.item, waived=op.quantity)
    ctx.emit(QuantityWaived(contract.id, op.side, op.item, op.quantity))
    refresh(ctx, contract)
