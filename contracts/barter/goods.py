"""Finished goods: the holder of a claim calls them off, the maker delivers, either may be late."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from contracts.barter.claims import contract_of, free
from contracts.barter.consequences import SHIPS, STEP_EVENTS, STEP_POSTS
from contracts.barter.course import (
    change_item,
    date_of,
    fall_late,
    refresh,
    terms_of,
)
from contracts.barter.events import DocumentFiled
from contracts.barter.lot_records import LOT, LOT_TABLE, OPEN_LOTS, Lot, LotState
from contracts.barter.lots import (
    LOT_ID,
    ShippingDocuments,
    begin_transit,
    file_documents,
    lot_of,
    move_lot,
    new_lot,
    require_live,
    transit_limit,
)
from contracts.barter.offers import CONTRACT_ID
from contracts.barter.parameters import BarterParameters
from contracts.barter.records import CONTRACT, TERMS, Contract
from contracts.barter.terms import Quantity, Side, most_value
from contracts.errors import (
    BAD_DOCUMENT,
    INVALID_TERMS,
    NOT_ENTITLED,
    OVER_OPEN_CLAIM,
    OVER_SCHEDULE,
    TOO_EARLY,
    VALUE_ROUNDS_TO_ZERO,
    WRONG_STATE,
)
from contracts.framework.authority import member
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.context import Context
from contracts.framework.operation import Operation, operation, transition
from contracts.framework.party import Right
from contracts.framework.types import Count, Instant, ObjectId
from ledger.errors import CodedError
from ledger.state import State


def _called_value(state: State, op: Any, party: str) -> int:
    terms = state.get(TERMS, op.contract)
    items = () if terms is None else terms.terms.goods.items
    return most_value(items[op.item].price, op.quantity) if op.item < len(items) else 0


@operation(
    policy="call-off",
    by=member(Right.SETTLE),
    amount=_called_value,
    posts=STEP_POSTS,
    emits=STEP_EVENTS,
    errors=(
        NOT_ENTITLED,
        WRONG_STATE,
        TOO_EARLY,
        INVALID_TERMS,
        OVER_OPEN_CLAIM,
        OVER_SCHEDULE,
        VALUE_ROUNDS_TO_ZERO,
    ),
    text={
        "en": "Call off {quantity} of finished goods {item} under barter contract {contract} "
        "by {due}",
        "ru": "Затребовать {quantity} ед. готовой продукции, позиция {item}, по бартерному "
        "договору {contract}, к сроку {due}",
        "zh": "在易货合同 {contract} 下提货第 {item} 项成品 {quantity}，期限 {due}",
    },
)
class CallOff(Operation, tag="barter.CallOff"):
    """Call for finished goods by a date, against the author's open claim."""

    contract: Annotated[ObjectId, CONTRACT_ID]
    item: Annotated[Count, Meta(description="The item's place in the price list, from 0.")]
    quantity: Annotated[Quantity, Meta(description="How many units.")]
    due: Annotated[Instant, Meta(description="By when they are to be shipped.")]


@operation(
    policy="call-off",
    by=member(Right.SETTLE),
    posts=STEP_POSTS,
    emits=STEP_EVENTS,
    errors=(NOT_ENTITLED, WRONG_STATE),
    text={
        "en": "Cancel call-off {lot}",
        "ru": "Отменить заявку {lot}",
        "zh": "取消提货 {lot}",
    },
)
class CancelCallOff(Operation, tag="barter.CancelCallOff"):
    """Cancel an own call-off that was not shipped."""

    lot: Annotated[ObjectId, LOT_ID]


@operation(
    policy="shipment",
    by=member(Right.SETTLE),
    posts=(*SHIPS, *STEP_POSTS),
    emits=(*STEP_EVENTS, DocumentFiled),
    errors=(NOT_ENTITLED, WRONG_STATE, BAD_DOCUMENT),
    text={
        "en": "Ship finished goods for call-off {lot}, with documents {documents}",
        "ru": "Отгрузить готовую продукцию по заявке {lot}, документы {documents}",
        "zh": "按提货 {lot} 发运成品，单据 {documents}",
    },
)
class Fulfil(Operation, tag="barter.Fulfil"):
    """Ship what was called off, with the documents that travel with it."""

    lot: Annotated[ObjectId, LOT_ID]
    documents: ShippingDocuments


@transition(CallOff)
def call_off(ctx: Context, op: CallOff) -> None:
    """Set part of the claim aside and start the maker's time."""
    contract = contract_of(ctx, op.contract)
    require_live(contract)
    terms = terms_of(ctx.state, contract.id)
    earliest = ctx.time + terms.lead_days * MS_PER_DAY
    if op.due < earliest:
        raise CodedError(
            TOO_EARLY,
            f"the terms give the maker {terms.lead_days} days, so not before {earliest}",
            field="due",
        )
    residue = ctx.params(BarterParameters).residue_days * MS_PER_DAY
    last = max(date_of(ctx.state, contract, terms, m) for m in terms.goods.schedule)
    latest = max(last, ctx.time) + residue + terms.lead_days * MS_PER_DAY
    if op.due > latest:
        raise CodedError(
            INVALID_TERMS, f"{latest} is the latest date that the contract allows", field="due"
        )
    new_lot(
        ctx,
        contract,
        Side.GOODS,
        op.item,
        op.quantity,
        ctx.author,
        LotState.CALLED_OFF,
        op.due,
    )
    refresh(ctx, contract)


@transition(CancelCallOff)
def cancel_call_off(ctx: Context, op: CancelCallOff) -> None:
    """The claim is free again."""
    lot = lot_of(ctx, op.lot)
    ctx.require_author(lot.receiver, capacity="whoever called the goods off")
    refresh(ctx, drop_call_off(ctx, contract_of(ctx, lot.contract), lot, "cancel", "cancelled"))


@transition(Fulfil)
def fulfil(ctx: Context, op: Fulfil) -> None:
    """The goods are on their way, in time or late."""
    lot = lot_of(ctx, op.lot)
    ctx.require_author(lot.shipper, capacity="the maker")
    contract = contract_of(ctx, lot.contract)
    was_late = lot.state is LotState.LATE
    due = transit_limit(ctx, contract, Side.GOODS)
    lot = move_lot(ctx, lot, "ship", due=due)
    file_documents(ctx, lot.id, op.documents, "documents")
    contract = begin_transit(ctx, contract, lot)
    if was_late:
        contract = ctx.amend(CONTRACT, contract, late_calls=contract.late_calls - 1)
    refresh(ctx, contract)


def drop_call_off(ctx: Context, contract: Contract, lot: Lot, event: str, reason: str) -> Contract:
    """End a call-off; what it set aside is free again."""
    was_late = lot.state is LotState.LATE
    value = lot.value
    if ctx.time > lot.due:  # its time limit passed and did not take effect yet
        if was_late:
            event = "expire"
        else:
            due = ctx.in_days(ctx.params(BarterParameters).late_days)
            lot = move_lot(ctx, lot, "miss", due=due)
    moved = move_lot(ctx, lot, event, reason=reason, value=0)
    change_item(ctx, contract.id, Side.GOODS, moved.item, moving=-moved.quantity)
    free(ctx, contract, moved.receiver, value)
    if was_late:
        contract = ctx.amend(CONTRACT, contract, late_calls=contract.late_calls - 1)
    return contract


def drop_call_offs(ctx: Context, contract: Contract, reason: str) -> Contract:
    """End every call-off of a contract that was not shipped."""
    for _, index in list(ctx.state.scan(OPEN_LOTS, contract.id)):
        lot = ctx.find(LOT_TABLE, index.lot, what="lot")
        if lot.state in {LotState.CALLED_OFF, LotState.LATE}:
            contract = drop_call_off(ctx, contract, lot, "cancel", reason)
    return contract


@LOT.on_lapse("miss")
def call_off_missed(ctx: Context, lot: Lot) -> None:
    """Not shipped by its date: late, and the contract overdue unless it is worse already."""
    due = ctx.in_days(ctx.params(BarterParameters).late_days)
    move_lot(ctx, lot, "miss", due=due)
    contract = contract_of(ctx, lot.contract)
    contract = ctx.amend(CONTRACT, contract, late_calls=contract.late_calls + 1)
    fall_late(ctx, contract, Side.GOODS, "a call-off was not shipped in time")


@LOT.on_lapse("expire")
def late_call_off_expires(ctx: Context, lot: Lot) -> None:
    """Too late to matter: the call-off is void, the claim is free again."""
    contract = contract_of(ctx, lot.contract)
    refresh(ctx, drop_call_off(ctx, contract, lot, "expire", "void after its date"))
