"""What the receiver of a lot does: arrival, inspection, acceptance, rejection; and the cure.

The receiver inspects and decides, or an independent inspector does if either side asks for one.
Silence is answered by a reminder, and silence after it is acceptance. What is rejected may be cured
by its shipper, or goes back.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from contracts.barter.claims import contract_of
from contracts.barter.consequences import CREDITS, ENDS_TRANSIT, STEP_EVENTS, STEP_POSTS
from contracts.barter.course import terms_of
from contracts.barter.events import DocumentFiled, LotMoved
from contracts.barter.lot_records import LOT, Lot, LotState
from contracts.barter.lots import (
    LOT_ID,
    Documents,
    ShippingDocuments,
    bring_back,
    close,
    file_documents,
    lot_of,
    move_lot,
    settle,
    transit_limit,
)
from contracts.barter.parameters import BarterParameters
from contracts.barter.records import LIVE
from contracts.barter.terms import Quantity, least_value
from contracts.errors import (
    ALREADY_DECIDED,
    BAD_DOCUMENT,
    CONFLICT_OF_INTEREST,
    DEADLINE_PASSED,
    INVALID_TERMS,
    NOT_AUTHORISED,
    NOT_ENTITLED,
    OVER_LOT,
    VALUE_ROUNDS_TO_ZERO,
    WRONG_STATE,
)
from contracts.framework.authority import holder_of, member
from contracts.framework.context import Context
from contracts.framework.operation import Operation, operation, transition
from contracts.framework.party import PARTY, Right, Role
from contracts.framework.types import Lei, Line, ObjectId, Reason
from ledger.errors import CodedError
from ledger.state import State

_SETTLES = (*CREDITS, *ENDS_TRANSIT, *STEP_POSTS)
_DECIDES = (NOT_ENTITLED, WRONG_STATE, DEADLINE_PASSED, OVER_LOT, VALUE_ROUNDS_TO_ZERO)


@operation(
    policy="delivery",
    by=member(Right.SETTLE),
    emits=(LotMoved, DocumentFiled),
    errors=(NOT_ENTITLED, WRONG_STATE, ALREADY_DECIDED, BAD_DOCUMENT),
    text={
        "en": "Confirm the arrival of lot {lot}, with documents {documents}",
        "ru": "Подтвердить прибытие партии {lot}, документы {documents}",
        "zh": "确认批次 {lot} 到货，单据 {documents}",
    },
)
class Arrive(Operation, tag="barter.Arrive"):
    """Confirm that a lot arrived; the time for inspection starts."""

    lot: Annotated[ObjectId, LOT_ID]
    documents: Documents = ()


@operation(
    policy="delivery",
    by=member(Right.SETTLE),
    emits=(LotMoved,),
    errors=(NOT_ENTITLED, WRONG_STATE, NOT_AUTHORISED, CONFLICT_OF_INTEREST, ALREADY_DECIDED),
    text={
        "en": "Have lot {lot} inspected by {inspector}",
        "ru": "Поручить инспекцию партии {lot} инспектору {inspector}",
        "zh": "委托 {inspector} 检验批次 {lot}",
    },
)
class RequestInspection(Operation, tag="barter.RequestInspection"):
    """Ask an independent inspector to decide on a lot, once per lot."""

    lot: Annotated[ObjectId, LOT_ID]
    inspector: Annotated[Lei, Meta(description="Who inspects.")]


@operation(
    policy="inspection",
    by=holder_of(Role.INSPECTOR),
    posts=_SETTLES,
    emits=(*STEP_EVENTS, DocumentFiled),
    errors=(*_DECIDES, BAD_DOCUMENT),
    text={
        "en": "Inspection of lot {lot}: {accepted} units conform; {reason}; report {documents}",
        "ru": "Инспекция партии {lot}: соответствует {accepted} ед.; {reason}; отчёт {documents}",
        "zh": "批次 {lot} 检验结果：{accepted} 单位合格；{reason}；报告 {documents}",
    },
)
class Inspect(Operation, tag="barter.Inspect"):
    """The inspector's report: how many units conform; the rest is rejected."""

    lot: Annotated[ObjectId, LOT_ID]
    accepted: Annotated[int, Meta(ge=0, le=10**12, description="How many units conform.")]
    documents: ShippingDocuments
    reason: Annotated[Line, Meta(description="Why the rest does not conform.")] = ""


@operation(
    policy="delivery",
    by=member(Right.SETTLE),
    posts=_SETTLES,
    emits=(*STEP_EVENTS, DocumentFiled),
    errors=(*_DECIDES, INVALID_TERMS, BAD_DOCUMENT),
    text={
        "en": "Accept {quantity} of lot {lot}; rest rejected because: {reason}",
        "ru": "Принять {quantity} ед. партии {lot}; остальное отклонить: {reason}",
        "zh": "接受批次 {lot} 中的 {quantity}；其余拒收原因：{reason}",
    },
)
class AcceptLot(Operation, tag="barter.AcceptLot"):
    """Accept a lot, or part of it and reject the rest with a reason."""

    lot: Annotated[ObjectId, LOT_ID]
    quantity: Annotated[Quantity, Meta(description="How many units are accepted.")]
    reason: Annotated[Line, Meta(description="Why the rest, if any, is rejected.")] = ""
    documents: Documents = ()


@operation(
    policy="delivery",
    by=member(Right.SETTLE),
    posts=(*ENDS_TRANSIT, *STEP_POSTS),
    emits=(*STEP_EVENTS, DocumentFiled),
    errors=(NOT_ENTITLED, WRONG_STATE, DEADLINE_PASSED, BAD_DOCUMENT),
    text={
        "en": "Reject lot {lot}: {reason}",
        "ru": "Отклонить партию {lot}: {reason}",
        "zh": "拒收批次 {lot}：{reason}",
    },
)
class RejectLot(Operation, tag="barter.RejectLot"):
    """Reject all that is left of a lot, also when it did not arrive after the reminder."""

    lot: Annotated[ObjectId, LOT_ID]
    reason: Annotated[Reason, Meta(description="What does not conform.")]
    documents: Documents = ()


@operation(
    policy="shipment",
    by=member(Right.SETTLE),
    emits=(LotMoved, DocumentFiled),
    errors=(NOT_ENTITLED, WRONG_STATE, DEADLINE_PASSED, BAD_DOCUMENT),
    text={
        "en": "Cure lot {lot}, with documents {documents}",
        "ru": "Устранить недостатки партии {lot}, документы {documents}",
        "zh": "补救批次 {lot}，单据 {documents}",
    },
)
class CureLot(Operation, tag="barter.CureLot"):
    """Ship replacements for what was rejected; it is inspected again."""

    lot: Annotated[ObjectId, LOT_ID]
    documents: ShippingDocuments


@operation(
    policy="shipment",
    by=member(Right.SETTLE),
    posts=(*ENDS_TRANSIT, *STEP_POSTS),
    emits=STEP_EVENTS,
    errors=(NOT_ENTITLED, WRONG_STATE, DEADLINE_PASSED),
    text={
        "en": "Take back the rejected rest of lot {lot}",
        "ru": "Забрать отклонённый остаток партии {lot}",
        "zh": "收回批次 {lot} 被拒收的部分",
    },
)
class TakeBack(Operation, tag="barter.TakeBack"):
    """Take back what was rejected instead of curing it."""

    lot: Annotated[ObjectId, LOT_ID]


def interested(state: State, lei: str, parties: tuple[str, ...]) -> bool:
    """Whether somebody is one of the parties, owns one, or is owned by one."""
    if lei in parties:
        return True
    own = state.get(PARTY, lei)
    owners = {o.lei for o in own.profile.owners} if own is not None else set()
    if not owners.isdisjoint(parties):
        return True
    found = (state.get(PARTY, p) for p in parties)
    return any(p is not None and any(o.lei == lei for o in p.profile.owners) for p in found)


def _inspection_limit(ctx: Context) -> int:
    return ctx.in_business_days(ctx.params(BarterParameters).inspection_days)


@transition(Arrive)
def arrive(ctx: Context, op: Arrive) -> None:
    """Start the time for inspection; a lot arrives once per journey."""
    lot = lot_of(ctx, op.lot)
    ctx.require_author(lot.receiver, capacity="the receiver")
    if lot.arrived_at:
        raise CodedError(ALREADY_DECIDED, "the arrival of this lot is confirmed", field="lot")
    file_documents(ctx, lot.id, op.documents, "documents")
    move_lot(ctx, lot, "arrive", due=_inspection_limit(ctx), arrived_at=ctx.time)


@transition(RequestInspection)
def request_inspection(ctx: Context, op: RequestInspection) -> None:
    """Hand the decision to an inspector that has no interest in it."""
    lot = lot_of(ctx, op.lot)
    ctx.require_author(lot.shipper, lot.receiver, capacity="shipper or receiver")
    ctx.require_open(LOT, lot, "inspect")
    if lot.inspector:
        raise CodedError(ALREADY_DECIDED, f"{lot.inspector} was asked to inspect", field="lot")
    inspector = ctx.party(op.inspector, Right.SERVE, field="inspector")
    if not inspector.holds(Role.INSPECTOR):
        raise CodedError(NOT_AUTHORISED, f"{op.inspector} is no inspector", field="inspector")
    contract = contract_of(ctx, lot.contract)
    if interested(ctx.state, op.inspector, (*contract.parties, lot.receiver)):
        raise CodedError(
            CONFLICT_OF_INTEREST, f"{op.inspector} has an interest in the lot", field="inspector"
        )
    move_lot(ctx, lot, "inspect", due=_inspection_limit(ctx), inspector=op.inspector)


@transition(Inspect)
def inspect(ctx: Context, op: Inspect) -> None:
    """What the inspector found decides."""
    lot = lot_of(ctx, op.lot)
    ctx.require_author(lot.inspector, capacity="the inspector of the lot")
    if lot.state is not LotState.INSPECTING:
        raise CodedError(WRONG_STATE, f"the lot is {lot.state.value}, not under inspection")
    ctx.require_open(LOT, lot, "accept")
    file_documents(ctx, lot.id, op.documents, "documents")
    if op.accepted:
        decide(ctx, lot, op.accepted, op.reason or "does not conform")
    else:
        reject(ctx, lot, op.reason or "does not conform")


@transition(AcceptLot)
def accept_lot(ctx: Context, op: AcceptLot) -> None:
    """Accept in full, or in part; while an inspector is at work, in full only."""
    lot = lot_of(ctx, op.lot)
    ctx.require_author(lot.receiver, capacity="the receiver")
    ctx.require_open(LOT, lot, "accept")
    if op.quantity < lot.remaining:
        if not op.reason:
            raise CodedError(
                INVALID_TERMS, "rejecting the rest of a lot needs a reason", field="reason"
            )
        _require_no_inspector(lot)
    file_documents(ctx, lot.id, op.documents, "documents")
    decide(ctx, lot, op.quantity, op.reason)


@transition(RejectLot)
def reject_lot(ctx: Context, op: RejectLot) -> None:
    """Reject the rest."""
    lot = lot_of(ctx, op.lot)
    ctx.require_author(lot.receiver, capacity="the receiver")
    ctx.require_open(LOT, lot, "reject")
    _require_no_inspector(lot)
    file_documents(ctx, lot.id, op.documents, "documents")
    reject(ctx, lot, op.reason)


def _require_no_inspector(lot: Lot) -> None:
    if lot.state is LotState.INSPECTING:
        raise CodedError(NOT_ENTITLED, f"{lot.inspector} inspects the lot and decides")


def decide(ctx: Context, lot: Lot, quantity: int, reason: str) -> None:
    """Accept so many units and reject the rest. Raises ``OVER_LOT``, ``VALUE_ROUNDS_TO_ZERO``."""
    if quantity > lot.remaining:
        raise CodedError(
            OVER_LOT,
            f"{quantity} is over the limit of the lot, of which {lot.remaining} is undecided",
            field="quantity",
        )
    price = terms_of(ctx.state, lot.contract).flow(lot.side).items[lot.item].price
    if quantity < lot.remaining and least_value(price, quantity) == 0:
        raise CodedError(
            VALUE_ROUNDS_TO_ZERO, "the part is worth less than one minor unit", field="quantity"
        )
    lot = settle(ctx, lot, quantity)
    if lot.remaining:
        reject(ctx, lot, reason)
    else:
        close(ctx, move_lot(ctx, lot, "accept"))


def reject(ctx: Context, lot: Lot, reason: str) -> None:
    """The rest may be cured while the contract lives and cures are left; else it goes back."""
    params = ctx.params(BarterParameters)
    contract = contract_of(ctx, lot.contract)
    if contract.state not in LIVE or lot.cures >= params.max_cures:
        bring_back(ctx, lot, "send back", reason)
    else:
        move_lot(ctx, lot, "reject", due=ctx.in_days(params.cure_days), reason=reason)


@transition(CureLot)
def cure_lot(ctx: Context, op: CureLot) -> None:
    """What was rejected is on its way again."""
    lot = lot_of(ctx, op.lot)
    ctx.require_author(lot.shipper, capacity="the shipper")
    ctx.require_open(LOT, lot, "cure")
    contract = contract_of(ctx, lot.contract)
    if contract.state not in LIVE:
        raise CodedError(WRONG_STATE, f"the contract is {contract.state.value}: nothing is cured")
    file_documents(ctx, lot.id, op.documents, "documents")
    due = transit_limit(ctx, contract, lot.side)
    move_lot(ctx, lot, "cure", due=due, cures=lot.cures + 1, arrived_at=0, inspector="")


@transition(TakeBack)
def take_back(ctx: Context, op: TakeBack) -> None:
    """The rejected rest goes back."""
    lot = lot_of(ctx, op.lot)
    ctx.require_author(lot.shipper, capacity="the shipper")
    bring_back(ctx, lot, "take back", "taken back by its shipper")


@LOT.on_lapse("remind")
def receiver_is_reminded(ctx: Context, lot: Lot) -> None:
    """Carriage or inspection took too long: the receiver is reminded once."""
    due = ctx.in_business_days(ctx.params(BarterParameters).reminder_days)
    move_lot(ctx, lot, "remind", due=due)


@LOT.on_lapse("deem accepted")
def silence_accepts(ctx: Context, lot: Lot) -> None:
    """No answer to the reminder: all that is left is accepted."""
    lot = settle(ctx, lot, lot.remaining, silent=True)
    close(ctx, move_lot(ctx, lot, "deem accepted"))


@LOT.on_lapse("give up")
def cure_lapses(ctx: Context, lot: Lot) -> None:
    """Not cured in time: it goes back."""
    bring_back(ctx, lot, "give up", "not cured in time")
