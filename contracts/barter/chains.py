"""Chains: contracts that build on each other and share one schedule.

Whoever opens a chain states its steps (a name and a date each). Contracts join by their terms, and
milestones that name a step are due when the step is. A step moves only if every party of every
contract in the chain agrees. A link whose shipper waits for a late link before it is not overdue.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, structs

from contracts.barter.chain_records import (
    CHAIN,
    OPEN_SHIFT,
    SHIFT,
    SHIFT_TABLE,
    Chain,
    OpenShift,
    Shift,
    ShiftState,
    Step,
)
from contracts.barter.course import refresh
from contracts.barter.events import ChainOpened, ShiftMoved
from contracts.barter.parameters import BarterParameters
from contracts.barter.records import CONTRACT, CONTRACT_TABLE
from contracts.errors import (
    ALREADY_DECIDED,
    DEADLINE_PASSED,
    INVALID_TERMS,
    NOT_ENTITLED,
    WRONG_STATE,
)
from contracts.framework.authority import member
from contracts.framework.context import Context
from contracts.framework.operation import Operation, operation, transition
from contracts.framework.party import Right
from contracts.framework.types import Count, Instant, ObjectId, Reason, Title
from ledger.codec import Struct
from ledger.errors import CodedError

CHAIN_ID = Meta(description="The chain.")


class PlannedStep(Struct):
    """A date that contracts of a chain share."""

    name: Annotated[Title, Meta(description="What is to be done by then.")]
    due: Annotated[Instant, Meta(description="The date.")]


@operation(
    policy="barter",
    by=member(Right.OBLIGE),
    emits=(ChainOpened,),
    errors=(INVALID_TERMS,),
    text={
        "en": "Open chain {name} with the shared schedule {steps}",
        "ru": "Открыть цепочку {name} с общим графиком {steps}",
        "zh": "开立链条 {name}，共同进度表 {steps}",
    },
)
class OpenChain(Operation, tag="barter.OpenChain"):
    """Open a shared schedule that barter contracts can join."""

    name: Annotated[Title, Meta(description="Name of the common project.")]
    steps: Annotated[
        tuple[PlannedStep, ...],
        Meta(min_length=1, max_length=64, description="The schedule, ascending by date."),
    ]


@operation(
    policy="barter",
    by=member(Right.SETTLE),
    emits=(ShiftMoved,),
    errors=(NOT_ENTITLED, INVALID_TERMS, WRONG_STATE),
    text={
        "en": "Propose to move step {step} of chain {chain} to {to}: {reason}",
        "ru": "Предложить перенести этап {step} цепочки {chain} на {to}: {reason}",
        "zh": "提议将链条 {chain} 的第 {step} 步改至 {to}：{reason}",
    },
)
class ProposeShift(Operation, tag="barter.ProposeShift"):
    """Propose to move one step of the shared schedule; all parties must agree."""

    chain: Annotated[ObjectId, CHAIN_ID]
    step: Annotated[Count, Meta(description="Which step, from 1.")]
    to: Annotated[Instant, Meta(description="Its new date.")]
    reason: Annotated[Reason, Meta(description="Why.")]


@operation(
    policy="barter",
    by=member(Right.SETTLE),
    emits=(ShiftMoved,),
    errors=(NOT_ENTITLED, WRONG_STATE, DEADLINE_PASSED, ALREADY_DECIDED),
    text={
        "en": "Answer proposal {shift} to move the schedule: agreed {agree}",
        "ru": "Ответить на предложение {shift} о переносе срока: согласие {agree}",
        "zh": "答复改期提议 {shift}：同意 {agree}",
    },
)
class AnswerShift(Operation, tag="barter.AnswerShift"):
    """Agree to a proposed shift or refuse it; one refusal ends it."""

    shift: Annotated[ObjectId, Meta(description="The proposal.")]
    agree: Annotated[bool, Meta(description="Whether the author agrees.")]


def chain_parties(ctx: Context, chain: Chain) -> tuple[str, ...]:
    """Everybody who is a party to a contract of the chain that is not over, in its order."""
    found: dict[str, None] = {}
    for id in chain.contracts:
        contract = ctx.get(CONTRACT_TABLE, id)
        if contract is not None and not CONTRACT.is_end(contract.state):
            found.update(dict.fromkeys(contract.parties))
    return tuple(found)


@transition(OpenChain)
def open_chain(ctx: Context, op: OpenChain) -> None:
    """Nothing binds anybody until a contract joins."""
    earlier = ctx.time
    for index, step in enumerate(op.steps):
        if step.due <= earlier:
            raise CodedError(
                INVALID_TERMS, "steps ascend by date, after now", field=f"steps[{index}].due"
            )
        earlier = step.due
    latest = ctx.in_days(ctx.params(BarterParameters).contract_days)
    if earlier > latest:
        raise CodedError(INVALID_TERMS, f"the limit for the last step is {latest}", field="steps")
    steps = tuple(Step(step.name, step.due) for step in op.steps)
    chain = Chain(ctx.new_id(), ctx.author, op.name, steps)
    ctx.put(CHAIN, chain, chain.id)
    ctx.emit(ChainOpened(chain.id, ctx.author, op.name))


@transition(ProposeShift)
def propose_shift(ctx: Context, op: ProposeShift) -> None:
    """The proposer agrees by proposing."""
    chain = ctx.find(CHAIN, op.chain, what="chain", field="chain")
    parties = chain_parties(ctx, chain)
    ctx.require_author(*parties, capacity="a party to a contract of the chain")
    if not 1 <= op.step <= len(chain.steps):
        raise CodedError(INVALID_TERMS, "the chain has no such step", field="step")
    if ctx.get(OPEN_SHIFT, chain.id) is not None:
        raise CodedError(WRONG_STATE, "another shift of this chain is proposed", field="chain")
    _check_order(ctx, chain, op.step, op.to)
    shift = Shift(
        id=ctx.new_id(),
        chain=chain.id,
        step=op.step,
        to=op.to,
        proposer=ctx.author,
        parties=parties,
        agreed=(ctx.author,),
        state=ShiftState.PROPOSED,
        due=ctx.in_days(ctx.params(BarterParameters).shift_days),
        reason=op.reason,
    )
    ctx.open(SHIFT, shift)
    ctx.put(OPEN_SHIFT, OpenShift(shift.id), chain.id)
    _tell(ctx, shift)


def _check_order(ctx: Context, chain: Chain, step: int, to: int) -> None:
    before = chain.steps[step - 2].due if step > 1 else ctx.time
    after = chain.steps[step].due if step < len(chain.steps) else None
    latest = ctx.in_days(ctx.params(BarterParameters).contract_days)
    if to <= max(before, ctx.time) or (after is not None and to >= after) or to > latest:
        raise CodedError(
            INVALID_TERMS,
            "a step stays between its neighbours, after now, and within the limit of "
            f"{latest}; move the later steps first",
            field="to",
        )


def _tell(ctx: Context, shift: Shift) -> None:
    ctx.emit(ShiftMoved(shift.id, shift.chain, shift.step, shift.to, shift.state, shift.parties))


@transition(AnswerShift)
def answer_shift(ctx: Context, op: AnswerShift) -> None:
    """The last agreement moves the step for every contract of the chain."""
    shift = ctx.find(SHIFT_TABLE, op.shift, what="proposal", field="shift")
    ctx.require_author(*shift.parties, capacity="a party to a contract of the chain")
    ctx.require_open(SHIFT, shift, "agree")
    if not op.agree:
        _close(ctx, shift, "refuse")
        return
    if ctx.author in shift.agreed:
        raise CodedError(ALREADY_DECIDED, "the author has agreed", field="shift")
    shift = ctx.amend(SHIFT, shift, agreed=(*shift.agreed, ctx.author))
    if set(shift.agreed) == set(shift.parties):
        _move_step(ctx, _close(ctx, shift, "agree"))


@SHIFT.on_lapse("lapse")
def shift_lapses(ctx: Context, shift: Shift) -> None:
    """Silence is not consent."""
    _close(ctx, shift, "lapse")


def _close(ctx: Context, shift: Shift, event: str) -> Shift:
    closed = ctx.move(SHIFT, shift, event)
    ctx.delete(OPEN_SHIFT, closed.chain)
    _tell(ctx, closed)
    return closed


def _move_step(ctx: Context, shift: Shift) -> None:
    chain = ctx.find(CHAIN, shift.chain, what="chain")
    steps = list(chain.steps)
    steps[shift.step - 1] = structs.replace(steps[shift.step - 1], due=shift.to)
    ctx.put(CHAIN, structs.replace(chain, steps=tuple(steps)), chain.id)
    for id in chain.contracts:
        contract = ctx.get(CONTRACT_TABLE, id)
        if contract is not None:
            refresh(ctx, contract)
