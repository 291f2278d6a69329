"""Lots on their way, in either direction: shipping, settling, going back.

What a lot is worth stands in a memo while it is on its way. Acceptance books goods value by the
frozen price, net of what the shipper bears of customs' charges: a component lot raises the
supplier's claim, finished goods lower their receiver's. Finished goods are never booked above the
open claim; a fraction of a minor unit that would exceed it is the maker's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from msgspec import Meta

from contracts.barter.accounts import SHIPPED, TRANSIT
from contracts.barter.claims import claim_of, commit, contract_of, credit, free, owe, reduce
from contracts.barter.consequences import SHIPS, STEP_EVENTS, STEP_POSTS
from contracts.barter.course import change_item, progress_of, refresh, terms_of, value_from
from contracts.barter.events import DocumentFiled, LotMoved, LotSettled
from contracts.barter.lot_records import (
    DOCUMENT,
    LOT,
    LOT_TABLE,
    LOTS,
    OPEN_LOTS,
    Filed,
    Lot,
    LotEntry,
    LotState,
)
from contracts.barter.offers import CONTRACT_ID
from contracts.barter.records import CONTRACT, CONTRACT_TABLE, LIVE, TERMS, Contract, ContractState
from contracts.barter.securing import start
from contracts.barter.terms import Quantity, Side, least_value, most_value, scheduled
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
from contracts.framework.context import Context
from contracts.framework.evidence import Evidence, require_evidence
from contracts.framework.operation import Operation, operation, transition
from contracts.framework.party import Right
from contracts.framework.posting import Unit
from contracts.framework.types import Count, Lei, ObjectId
from ledger.errors import CodedError
from ledger.state import State

LOT_ID = Meta(description="The lot.")
Documents = Annotated[
    tuple[Evidence, ...], Meta(max_length=8, description="Documents, each signed by its issuer.")
]
ShippingDocuments = Annotated[
    tuple[Evidence, ...],
    Meta(min_length=1, max_length=8, description="Documents, each signed by its issuer."),
]


def _shipped_value(state: State, op: Any, party: str) -> int:
    terms = state.get(TERMS, op.contract)
    side = Side.COMPONENTS if isinstance(op, Ship) else Side.GOODS
    items = () if terms is None else terms.terms.flow(side).items
    return most_value(items[op.item].price, op.quantity) if op.item < len(items) else 0


@operation(
    policy="shipment",
    by=member(Right.SETTLE),
    amount=_shipped_value,
    posts=(*SHIPS, *STEP_POSTS),
    emits=(*STEP_EVENTS, DocumentFiled),
    errors=(
        NOT_ENTITLED,
        WRONG_STATE,
        TOO_EARLY,
        OVER_SCHEDULE,
        VALUE_ROUNDS_TO_ZERO,
        BAD_DOCUMENT,
    ),
    text={
        "en": "Ship {quantity} of component {item} under barter contract {contract}, "
        "with documents {documents}",
        "ru": "Отгрузить {quantity} ед. комплектующих, позиция {item}, по бартерному договору "
        "{contract}, документы {documents}",
        "zh": "在易货合同 {contract} 下发运第 {item} 项零部件 {quantity}，单据 {documents}",
    },
)
class Ship(Operation, tag="barter.Ship"):
    """Ship a lot of components, with the documents that travel with it."""

    contract: Annotated[ObjectId, CONTRACT_ID]
    item: Annotated[Count, Meta(description="The item's place in the price list, from 0.")]
    quantity: Annotated[Quantity, Meta(description="How many units.")]
    documents: ShippingDocuments


@operation(
    policy="shipment",
    by=member(Right.SETTLE),
    amount=_shipped_value,
    posts=(*SHIPS, *STEP_POSTS),
    emits=(*STEP_EVENTS, DocumentFiled),
    errors=(
        NOT_ENTITLED,
        WRONG_STATE,
        OVER_OPEN_CLAIM,
        OVER_SCHEDULE,
        VALUE_ROUNDS_TO_ZERO,
        BAD_DOCUMENT,
    ),
    text={
        "en": "Deliver {quantity} of finished goods {item} under barter contract {contract} to "
        "{receiver}, with documents {documents}",
        "ru": "Поставить {quantity} ед. готовой продукции, позиция {item}, по бартерному договору "
        "{contract}, получатель {receiver}, документы {documents}",
        "zh": "在易货合同 {contract} 下向 {receiver} 交付第 {item} 项成品 {quantity}，"
        "单据 {documents}",
    },
)
class Deliver(Operation, tag="barter.Deliver"):
    """Ship finished goods by the schedule, without a call-off, to a holder of the claim."""

    contract: Annotated[ObjectId, CONTRACT_ID]
    item: Annotated[Count, Meta(description="The item's place in the price list, from 0.")]
    quantity: Annotated[Quantity, Meta(description="How many units.")]
    receiver: Annotated[Lei, Meta(description="Who holds the claim.")]
    documents: ShippingDocuments


def lot_of(ctx: Context, id: bytes, *, field: str = "lot") -> Lot:
    """The lot of an id; raises ``NOT_FOUND``."""
    return ctx.find(LOT_TABLE, id, what="lot", field=field)


def file_documents(ctx: Context, lot: bytes, documents: Sequence[Evidence], field: str) -> None:
    """Check and remember documents; raises ``BAD_DOCUMENT``, also for one filed before."""
    require_evidence(ctx, documents, field=field)
    for index, document in enumerate(documents):
        if ctx.get(DOCUMENT, lot, document.digest) is not None:
            raise CodedError(
                BAD_DOCUMENT,
                "the document was filed for this lot before",
                field=f"{field}[{index}].digest",
            )
        filed = Filed(document.kind, document.issuer, ctx.author, ctx.time)
        ctx.put(DOCUMENT, filed, lot, document.digest)
        ctx.emit(DocumentFiled(lot, document.kind.value, document.digest, document.issuer))


def tell(ctx: Context, lot: Lot, reason: str = "") -> None:
    """Say in which state a lot is now."""
    ctx.emit(
        LotMoved(
            lot.contract,
            lot.id,
            lot.side,
            lot.item,
            lot.quantity,
            lot.shipper,
            lot.receiver,
            lot.state,
            reason,
        )
    )


def move_lot(
    ctx: Context, lot: Lot, event: str, *, due: int = 0, reason: str = "", **changes: Any
) -> Lot:
    """Take a lot one step further and tell."""
    if reason:
        changes["reason"] = reason
    moved = ctx.move(LOT, lot, event, due=due, **changes)
    if LOT.is_end(moved.state):
        ctx.delete(OPEN_LOTS, moved.contract, moved.id)
    tell(ctx, moved, reason)
    return moved


def new_lot(
    ctx: Context,
    contract: Contract,
    side: Side,
    item: int,
    quantity: int,
    receiver: str,
    state: LotState,
    due: int,
) -> Lot:
    """A lot that is shipped or called off, its quantity taken from the schedule.

    Raises ``INVALID_TERMS``, ``OVER_SCHEDULE`` or ``VALUE_ROUNDS_TO_ZERO``.
    """
    flow = terms_of(ctx.state, contract.id).flow(side)
    if item >= len(flow.items):
        raise CodedError(INVALID_TERMS, "the contract has no such item", field="item")
    progress = progress_of(ctx.state, contract.id).flow(side)[item]
    limit = scheduled(flow, item) - progress.performed
    if quantity > limit:
        raise CodedError(
            OVER_SCHEDULE,
            f"{quantity} is over the limit of the schedule, of which {max(limit, 0)} is left",
            field="quantity",
        )
    price = flow.items[item].price
    if least_value(price, quantity) == 0:
        raise CodedError(
            VALUE_ROUNDS_TO_ZERO, "the lot is worth less than one minor unit", field="quantity"
        )
    change_item(ctx, contract.id, side, item, moving=quantity)
    lot = Lot(
        id=ctx.new_id(),
        contract=contract.id,
        side=side,
        item=item,
        quantity=quantity,
        shipper=contract.obligor(side),
        receiver=receiver,
        state=state,
        due=due,
        value=most_value(price, quantity),
    )
    if side is Side.GOODS:
        commit(ctx, contract, receiver, lot.value, field="quantity")
    ctx.open(LOT, lot)
    ctx.put(LOTS, LotEntry(lot.id), contract.id, lot.id)
    ctx.put(OPEN_LOTS, LotEntry(lot.id), contract.id, lot.id)
    tell(ctx, lot)
    return lot


def begin_transit(ctx: Context, contract: Contract, lot: Lot) -> Contract:
    """Book the memo of a lot that leaves, and count it."""
    reference = contract.id.hex()
    ctx.post(
        Unit.GIT, SHIPPED.of(lot.shipper, reference), TRANSIT.of(lot.receiver, reference), lot.value
    )
    return ctx.amend(CONTRACT, contract, open_lots=contract.open_lots + 1)


def _end_transit(ctx: Context, lot: Lot, value: int) -> None:
    if value:
        reference = lot.contract.hex()
        ctx.post(
            Unit.GIT, TRANSIT.of(lot.receiver, reference), SHIPPED.of(lot.shipper, reference), value
        )


def transit_limit(ctx: Context, contract: Contract, side: Side) -> int:
    """When the receiver of a lot that leaves now is reminded, in ms."""
    return ctx.in_days(terms_of(ctx.state, contract.id).flow(side).transit_days)


def require_live(contract: Contract) -> None:
    """Raise ``WRONG_STATE`` unless lots may be shipped and called off."""
    if contract.state not in LIVE:
        raise CodedError(
            WRONG_STATE, f"the contract is {contract.state.value}, so nothing is shipped under it"
        )


@transition(Ship)
def ship(ctx: Context, op: Ship) -> None:
    """Ship components; the first lot after the agreed start also starts the contract."""
    contract = contract_of(ctx, op.contract)
    ctx.require_author(contract.supplier, capacity="the supplier")
    if contract.state is ContractState.SECURED:
        starts = terms_of(ctx.state, contract.id).starts
        if ctx.time < starts:
            raise CodedError(TOO_EARLY, f"nothing is shipped before {starts}")
        contract = start(ctx, contract)
    require_live(contract)
    due = transit_limit(ctx, contract, Side.COMPONENTS)
    lot = new_lot(
        ctx,
        contract,
        Side.COMPONENTS,
        op.item,
        op.quantity,
        contract.maker,
        LotState.DISPATCHED,
        due,
    )
    file_documents(ctx, lot.id, op.documents, "documents")
    refresh(ctx, begin_transit(ctx, contract, lot))


@transition(Deliver)
def deliver(ctx: Context, op: Deliver) -> None:
    """Ship finished goods to a holder whose open claim covers them."""
    contract = contract_of(ctx, op.contract)
    ctx.require_author(contract.maker, capacity="the maker")
    require_live(contract)
    due = transit_limit(ctx, contract, Side.GOODS)
    lot = new_lot(
        ctx, contract, Side.GOODS, op.item, op.quantity, op.receiver, LotState.DISPATCHED, due
    )
    file_documents(ctx, lot.id, op.documents, "documents")
    refresh(ctx, begin_transit(ctx, contract, lot))


def settle(ctx: Context, lot: Lot, quantity: int, *, silent: bool = False) -> Lot:
    """Book the acceptance of ``quantity`` units of a lot; the caller then moves the lot."""
    contract = ctx.find(CONTRACT_TABLE, lot.contract, what="barter contract")
    part = lot.value if quantity == lot.remaining else lot.value * quantity // lot.remaining
    before = change_item(ctx, contract.id, lot.side, lot.item, accepted=quantity, moving=-quantity)
    terms = terms_of(ctx.state, contract.id)
    gross = value_from(terms, lot.side, lot.item, before.accepted, quantity)
    deducted = min(gross, lot.borne - lot.deducted)
    net = gross - deducted
    _end_transit(ctx, lot, part)
    if lot.side is Side.COMPONENTS:
        if net:
            contract = credit(ctx, contract, contract.supplier, net)
        contract = ctx.amend(CONTRACT, contract, credited_at=ctx.time)
    else:
        net = min(net, claim_of(ctx.state, contract.id, lot.receiver).free + part)
        if net:
            reduce(ctx, contract, lot.receiver, net, "delivered", committed=part)
        else:
            free(ctx, contract, lot.receiver, part)
    ctx.emit(LotSettled(lot.contract, lot.id, lot.side, quantity, net, deducted, silent))
    return ctx.amend(
        LOT,
        lot,
        value=lot.value - part,
        accepted=lot.accepted + quantity,
        credited=lot.credited + net,
        deducted=lot.deducted + deducted,
        settled_at=ctx.time,
    )


def close(ctx: Context, lot: Lot) -> None:
    """Count a lot out that was settled or came back, and draw the consequences."""
    contract = ctx.find(CONTRACT_TABLE, lot.contract, what="barter contract")
    over = lot.borne - lot.deducted
    if over and lot.accepted:
        # The shipper's part of the charge was more than what the lot was credited with.
        owe(ctx, contract, lot.receiver, lot.shipper, over)
        ctx.amend(LOT, lot, deducted=lot.borne)
    contract = ctx.amend(CONTRACT, contract, open_lots=contract.open_lots - 1)
    refresh(ctx, contract)


def bring_back(ctx: Context, lot: Lot, event: str, reason: str) -> Lot:
    """What is left of a lot goes back: it counts as never shipped."""
    ctx.require_open(LOT, lot, event)
    change_item(ctx, lot.contract, lot.side, lot.item, moving=-lot.remaining)
    _end_transit(ctx, lot, lot.value)
    if lot.side is Side.GOODS:
        contract = ctx.find(CONTRACT_TABLE, lot.contract, what="barter contract")
        free(ctx, contract, lot.receiver, lot.value)
    moved = move_lot(ctx, lot, event, reason=reason, value=0)
    close(ctx, moved)
    return moved
