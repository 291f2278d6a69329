"""Hidden defects: notice after acceptance, within the time that the ledger allows.

An admitted defect undoes the credit of the defective units: for components it lowers the supplier's
claim, for finished goods it raises the claim again; where the contract is over or the claim too
small, a receivable takes its place. A contested one goes to a dispute.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from contracts.barter.claims import claim_of, contract_of, credit, owe, reduce
from contracts.barter.consequences import CREDITS, STEP_EVENTS, STEP_POSTS
from contracts.barter.course import refresh
from contracts.barter.events import ClaimEnded, DefectMoved, DocumentFiled
from contracts.barter.lot_records import DEFECT, DEFECT_TABLE, LOT, Defect, DefectState
from contracts.barter.lots import LOT_ID, ShippingDocuments, file_documents, lot_of
from contracts.barter.parameters import BarterParameters
from contracts.barter.records import LIVE
from contracts.barter.terms import Quantity, Side
from contracts.errors import (
    BAD_DOCUMENT,
    DEADLINE_PASSED,
    NOT_ENTITLED,
    OVER_LOT,
    VALUE_ROUNDS_TO_ZERO,
    WRONG_STATE,
)
from contracts.framework.authority import member
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.context import Context
from contracts.framework.operation import Operation, operation, transition
from contracts.framework.party import Right
from contracts.framework.types import ObjectId, Reason
from ledger.errors import CodedError

DEFECT_ID = Meta(description="The notice of defect.")


@operation(
    policy="delivery",
    by=member(Right.SETTLE),
    emits=(DefectMoved, DocumentFiled),
    errors=(
        NOT_ENTITLED,
        WRONG_STATE,
        DEADLINE_PASSED,
        OVER_LOT,
        VALUE_ROUNDS_TO_ZERO,
        BAD_DOCUMENT,
    ),
    text={
        "en": "Notify a hidden defect in {quantity} of lot {lot}: {reason}; documents {documents}",
        "ru": "Уведомить о скрытом дефекте {quantity} ед. партии {lot}: {reason}; "
        "документы {documents}",
        "zh": "通知批次 {lot} 中 {quantity} 存在隐蔽缺陷：{reason}；单据 {documents}",
    },
)
class NotifyDefect(Operation, tag="barter.NotifyDefect"):
    """Notify the shipper of a defect that inspection could not find, with evidence."""

    lot: Annotated[ObjectId, LOT_ID]
    quantity: Annotated[Quantity, Meta(description="How many units.")]
    reason: Annotated[Reason, Meta(description="What the defect is.")]
    documents: ShippingDocuments


@operation(
    policy="shipment",
    by=member(Right.SETTLE),
    posts=(*CREDITS, *STEP_POSTS),
    emits=(DefectMoved, ClaimEnded, *STEP_EVENTS),
    errors=(NOT_ENTITLED, WRONG_STATE, DEADLINE_PASSED),
    text={
        "en": "Admit defect {defect}",
        "ru": "Признать дефект {defect}",
        "zh": "承认缺陷 {defect}",
    },
)
class AdmitDefect(Operation, tag="barter.AdmitDefect"):
    """Admit a notified defect: the value of the defective units is given back."""

    defect: Annotated[ObjectId, DEFECT_ID]


@operation(
    policy="shipment",
    by=member(Right.SETTLE),
    emits=(DefectMoved,),
    errors=(NOT_ENTITLED, WRONG_STATE, DEADLINE_PASSED),
    text={
        "en": "Contest defect {defect}: {reason}",
        "ru": "Оспорить дефект {defect}: {reason}",
        "zh": "对缺陷 {defect} 提出异议：{reason}",
    },
)
class ContestDefect(Operation, tag="barter.ContestDefect"):
    """Contest a notified defect; the receiver may open a dispute."""

    defect: Annotated[ObjectId, DEFECT_ID]
    reason: Annotated[Reason, Meta(description="Why.")]


def _tell(ctx: Context, defect: Defect, reason: str) -> None:
    ctx.emit(
        DefectMoved(
            defect.id,
            defect.lot,
            defect.contract,
            defect.shipper,
            defect.receiver,
            defect.value,
            defect.state,
            reason,
        )
    )


@transition(NotifyDefect)
def notify_defect(ctx: Context, op: NotifyDefect) -> None:
    """A receiver has the time that the ledger allows since acceptance, for what was accepted."""
    lot = lot_of(ctx, op.lot)
    ctx.require_author(lot.receiver, capacity="the receiver")
    params = ctx.params(BarterParameters)
    if lot.accepted == 0:
        raise CodedError(WRONG_STATE, f"the lot is {lot.state.value}: nothing of it is accepted")
    last = lot.settled_at + params.latent_days * MS_PER_DAY
    if ctx.time > last:
        raise CodedError(DEADLINE_PASSED, f"hidden defects could be notified until {last}")
    limit = lot.accepted - lot.defective
    if op.quantity > limit:
        raise CodedError(
            OVER_LOT,
            f"{op.quantity} is over the limit of the lot, of which {limit} is accepted and not "
            "notified yet",
            field="quantity",
        )
    value = lot.credited * op.quantity // lot.accepted
    if value == 0:
        raise CodedError(
            VALUE_ROUNDS_TO_ZERO, "the units are worth less than one minor unit", field="quantity"
        )
    file_documents(ctx, lot.id, op.documents, "documents")
    ctx.amend(LOT, lot, defective=lot.defective + op.quantity)
    defect = Defect(
        id=ctx.new_id(),
        lot=lot.id,
        contract=lot.contract,
        quantity=op.quantity,
        value=value,
        shipper=lot.shipper,
        receiver=lot.receiver,
        state=DefectState.NOTIFIED,
        due=ctx.in_days(params.defect_days),
        reason=op.reason,
    )
    ctx.open(DEFECT, defect)
    _tell(ctx, defect, op.reason)


def _defect_of(ctx: Context, id: bytes) -> Defect:
    return ctx.find(DEFECT_TABLE, id, what="notice of defect", field="defect")


@transition(AdmitDefect)
def admit_defect(ctx: Context, op: AdmitDefect) -> None:
    """Give the value back: as goods value while the contract lives, else as a receivable."""
    defect = _defect_of(ctx, op.defect)
    ctx.require_author(defect.shipper, capacity="the shipper")
    defect = ctx.move(DEFECT, defect, "admit")
    _tell(ctx, defect, "")
    lot = lot_of(ctx, defect.lot)
    contract = contract_of(ctx, defect.contract)
    live = contract.state in LIVE
    if lot.side is Side.COMPONENTS:
        claim = claim_of(ctx.state, contract.id, contract.supplier)
        undone = min(defect.value, claim.free) if live else 0
        if undone:
            contract = reduce(ctx, contract, contract.supplier, undone, "cancelled")
    else:
        undone = defect.value if live else 0
        if undone:
            contract = credit(ctx, contract, defect.receiver, undone, "restored")
    rest = defect.value - undone
    if rest:
        owe(ctx, contract, defect.receiver, defect.shipper, rest)
    refresh(ctx, contract)


@transition(ContestDefect)
def contest_defect(ctx: Context, op: ContestDefect) -> None:
    """The notice stands contested."""
    defect = _defect_of(ctx, op.defect)
    ctx.require_author(defect.shipper, capacity="the shipper")
    defect = ctx.move(DEFECT, defect, "contest", reason=op.reason)
    _tell(ctx, defect, op.reason)


@DEFECT.on_lapse("lapse")
def silence_contests(ctx: Context, defect: Defect) -> None:
    """Silence is not consent."""
    _tell(ctx, ctx.move(DEFECT, defect, "lapse"), "no answer in time")
