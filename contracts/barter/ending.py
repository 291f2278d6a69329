"""How a contract ends before everything is done: agreement, tribunal, exclusion, force majeure.

What is open then becomes a receivable in money, holder by holder. What is on its way still arrives:
accepted components become a receivable too, accepted goods are booked against what is set aside for
them. The maker's guarantee stays in force behind the receivable; the supplier's is released.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from contracts.barter.claims import contract_of, convert_free
from contracts.barter.consequences import STEP_EVENTS, STEP_POSTS
from contracts.barter.course import advance, overran, refresh, resume, terms_of
from contracts.barter.events import ContractMoved
from contracts.barter.goods import drop_call_offs
from contracts.barter.offers import CONTRACT_ID, fall_through
from contracts.barter.parameters import BarterParameters
from contracts.barter.records import CONTRACT, CONTRACT_TABLE, Contract, ContractState
from contracts.barter.terms import OnExclusion, Side
from contracts.errors import (
    BAD_DOCUMENT,
    DEADLINE_PASSED,
    FROZEN_BY_DISPUTE,
    NOT_ENTITLED,
    WRONG_STATE,
)
from contracts.framework.authority import holder_of, member
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.context import Context
from contracts.framework.evidence import Evidence, require_evidence
from contracts.framework.machine import ITEM
from contracts.framework.operation import Operation, operation, transition
from contracts.framework.party import PARTY, Right, Role, Standing
from contracts.framework.schedule import deadline
from contracts.framework.types import ObjectId, Reason
from contracts.guarantee import undertaking
from ledger.errors import CodedError
from ledger.state import State

STANDING = "barter.standing"


def _both(state: State, author: str, op: Any) -> tuple[str, ...]:
    contract = state.get(CONTRACT_TABLE, op.contract)
    return () if contract is None else tuple(p for p in contract.parties if p != author)


@operation(
    policy="barter",
    by=member(Right.SETTLE),
    cosigners=_both,
    cosigned_by="the other party to the contract",
    posts=STEP_POSTS,
    emits=STEP_EVENTS,
    errors=(NOT_ENTITLED, WRONG_STATE, DEADLINE_PASSED, FROZEN_BY_DISPUTE),
    text={
        "en": "End barter contract {contract} by agreement: {reason}",
        "ru": "Расторгнуть бартерный договор {contract} по соглашению: {reason}",
        "zh": "协议终止易货合同 {contract}：{reason}",
    },
)
class Terminate(Operation, tag="barter.Terminate"):
    """End a contract by agreement of both parties; open goods value becomes a receivable."""

    contract: Annotated[ObjectId, CONTRACT_ID]
    reason: Annotated[Reason, Meta(description="Why.")]


@operation(
    policy="tribunal",
    by=holder_of(Role.TRIBUNAL),
    posts=STEP_POSTS,
    emits=STEP_EVENTS,
    errors=(WRONG_STATE, DEADLINE_PASSED),
    text={
        "en": "The tribunal ends barter contract {contract}: {reason}",
        "ru": "Трибунал прекращает бартерный договор {contract}: {reason}",
        "zh": "仲裁庭终止易货合同 {contract}：{reason}",
    },
)
class OrderTermination(Operation, tag="barter.OrderTermination"):
    """The tribunal ends a contract; open goods value becomes a receivable."""

    contract: Annotated[ObjectId, CONTRACT_ID]
    reason: Annotated[Reason, Meta(description="Grounds of the order.")]


@operation(
    policy="barter",
    by=member(Right.SETTLE),
    emits=(ContractMoved,),
    errors=(NOT_ENTITLED, WRONG_STATE, DEADLINE_PASSED, BAD_DOCUMENT),
    text={
        "en": "Declare force majeure under barter contract {contract}: {reason}; "
        "documents {documents}",
        "ru": "Заявить о форс-мажоре по бартерному договору {contract}: {reason}; "
        "документы {documents}",
        "zh": "就易货合同 {contract} 声明不可抗力：{reason}；单据 {documents}",
    },
)
class DeclareForceMajeure(Operation, tag="barter.DeclareForceMajeure"):
    """Suspend the schedule because of an event outside the author's control, with evidence."""

    contract: Annotated[ObjectId, CONTRACT_ID]
    reason: Annotated[Reason, Meta(description="What happened.")]
    documents: Annotated[
        tuple[Evidence, ...], Meta(min_length=1, max_length=8, description="Evidence of the event.")
    ]


@operation(
    policy="barter",
    by=member(Right.SETTLE),
    emits=(ContractMoved,),
    errors=(NOT_ENTITLED, WRONG_STATE, DEADLINE_PASSED),
    text={
        "en": "End force majeure under barter contract {contract}",
        "ru": "Заявить об окончании форс-мажора по бартерному договору {contract}",
        "zh": "声明易货合同 {contract} 的不可抗力结束",
    },
)
class EndForceMajeure(Operation, tag="barter.EndForceMajeure"):
    """The event is over; every date of the schedule moves by the time that it took."""

    contract: Annotated[ObjectId, CONTRACT_ID]


def terminate(ctx: Context, contract: Contract, event: str, reason: str) -> Contract:
    """End a contract by one of its ending events, and convert what is open.

    While a dispute about the contract is open, conversion waits for it.
    """
    contract = advance(ctx, contract, event, reason=reason)
    contract = drop_call_offs(ctx, contract, "the contract ended")
    if contract.disputes == 0:
        contract = convert_free(ctx, contract)
    _release_supplier_cover(ctx, contract)
    return refresh(ctx, contract)


def _release_supplier_cover(ctx: Context, contract: Contract) -> None:
    id = contract.supplier_cover
    if id is not None and contract.breach is not Side.COMPONENTS:
        guarantee = undertaking.guarantee_of(ctx, id)
        if guarantee.in_force and guarantee.demand is None:
            undertaking.release(ctx, id, "the contract ended")


@transition(Terminate)
def terminate_by_agreement(ctx: Context, op: Terminate) -> None:
    """Both signed: the framework checked the other's signature."""
    contract = contract_of(ctx, op.contract)
    ctx.require_author(*contract.parties, capacity="a party to the contract")
    if contract.disputes:
        raise CodedError(FROZEN_BY_DISPUTE, "settle the dispute about the contract first")
    if contract.state is ContractState.ACCEPTED:
        fall_through(ctx, contract, "fall through", op.reason)
    else:
        terminate(ctx, contract, "terminate", op.reason)


@transition(OrderTermination)
def terminate_by_order(ctx: Context, op: OrderTermination) -> None:
    """An order needs no signature of the parties."""
    terminate(ctx, contract_of(ctx, op.contract), "terminate", op.reason)


@transition(DeclareForceMajeure)
def declare_force_majeure(ctx: Context, op: DeclareForceMajeure) -> None:
    """Suspend the schedule for what is left of the days that the ledger allows in all."""
    contract = contract_of(ctx, op.contract)
    ctx.require_author(*contract.parties, capacity="a party to the contract")
    ctx.require_open(CONTRACT, contract, "suspend")
    require_evidence(ctx, op.documents, field="documents")
    allowed = ctx.params(BarterParameters).force_majeure_days * MS_PER_DAY
    due = ctx.time + max(allowed - contract.majeure_used, 1)
    advance(
        ctx,
        contract,
        "suspend",
        due=due,
        reason=op.reason,
        majeure_since=ctx.time,
        majeure_by=ctx.author,
        breach=None,
    )


@transition(EndForceMajeure)
def end_force_majeure(ctx: Context, op: EndForceMajeure) -> None:
    """Move every date by the time that passed."""
    contract = contract_of(ctx, op.contract)
    ctx.require_open(CONTRACT, contract, "resume")
    if contract.state is not ContractState.FORCE_MAJEURE:
        raise CodedError(
            WRONG_STATE, f"the contract is {contract.state.value}: force majeure is not declared"
        )
    ctx.require_author(contract.majeure_by, capacity="whoever declared force majeure")
    passed = ctx.time - contract.majeure_since
    resume(
        ctx,
        contract,
        reason="force majeure is over",
        shift=contract.shift + passed,
        majeure_used=contract.majeure_used + passed,
        majeure_since=0,
        majeure_by="",
    )


def standing_changed(ctx: Context, lei: str) -> None:
    """React to a party's loss of standing, at the start of the next block.

    Not at once: the contracts' own time limits, which may have passed before, come first.
    """
    ctx.schedule(ctx.time, STANDING, lei)


@deadline(STANDING)
def end_for_standing(ctx: Context, lei: str) -> None:
    """Offers of an excluded party fall through; its contracts end where their terms say so."""
    party = ctx.get(PARTY, lei)
    if party is None or party.may(Right.OBLIGE):
        return
    leaving = party.state is not Standing.SUSPENDED
    reason = f"{lei} is {party.state.value}"
    for _, item in list(ctx.state.scan(ITEM, lei, CONTRACT.name)):
        contract = contract_of(ctx, item.key[0])
        if overran(ctx, contract):
            ctx.schedule(ctx.time, STANDING, lei)  # again, after the contract's own time limit
        elif contract.state in {ContractState.OFFERED, ContractState.ACCEPTED}:
            fall_through(ctx, contract, "fall through", reason)
        elif leaving and terms_of(ctx.state, contract.id).on_exclusion is OnExclusion.TERMINATE:
            terminate(ctx, contract, "terminate", reason)


@CONTRACT.on_lapse("outlast")
def force_majeure_outlasts(ctx: Context, contract: Contract) -> None:
    """It took longer than the ledger allows: the contract ends."""
    terminate(ctx, contract, "outlast", "force majeure lasted longer than allowed")


@CONTRACT.on_lapse("abandon")
def overdue_without_notice(ctx: Context, contract: Contract) -> None:
    """Nobody gave notice: the contract ends."""
    terminate(ctx, contract, "abandon", "overdue without notice")


@CONTRACT.on_lapse("wind up")
def default_without_call(ctx: Context, contract: Contract) -> None:
    """No guarantee was called: the contract ends."""
    terminate(ctx, contract, "wind up", "in default, no guarantee called")


@CONTRACT.on_lapse("convert")
def time_for_goods_is_over(ctx: Context, contract: Contract) -> None:
    """A guarantee was paid and no goods followed in time: what is open becomes money."""
    terminate(ctx, contract, "convert", "no goods followed the guarantee's payment")
