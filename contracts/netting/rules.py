"""What the operations on netting do."""

from __future__ import annotations

from contracts.currency.debts import require_unfrozen
from contracts.currency.records import OWED, REQUEST, REQUEST_TABLE, PaymentRequest
from contracts.errors import (
    BAD_PAGE,
    CYCLE_OPEN,
    DEBT_FROZEN,
    INVALID_TERMS,
    NOT_FOUND,
    OTHER_SNAPSHOT,
    WRONG_STATE,
)
from contracts.framework.context import Context
from contracts.framework.operation import transition
from contracts.netting.course import void
from contracts.netting.events import (
    ClearingProposed,
    CycleEnded,
    CycleOpened,
    DebtOptedOut,
    MandateEnded,
    MandateGiven,
)
from contracts.netting.operations import (
    CancelCycle,
    EndMandate,
    GiveMandate,
    OpenCycle,
    OptIn,
    OptOut,
    PostFlows,
    PostPotentials,
    Propose,
    Seal,
)
from contracts.netting.records import (
    ARC_PAGE,
    CURRENT,
    CYCLE,
    CYCLE_TABLE,
    FLOW_PAGE,
    MANDATE,
    MEMBER_PAGE,
    POTENTIAL_PAGE,
    Current,
    Cycle,
    CycleState,
    FlowPage,
    Mandate,
    NettingParameters,
    PotentialPage,
)
from ledger.errors import CodedError


@transition(GiveMandate)
def give_mandate(ctx: Context, op: GiveMandate) -> None:
    """Record the author's consent."""
    _require_mandate_free(ctx)
    ctx.put(MANDATE, Mandate(ctx.author, ctx.time, op.liquidity), ctx.author)
    ctx.emit(MandateGiven(ctx.author, op.liquidity))


@transition(EndMandate)
def end_mandate(ctx: Context, op: EndMandate) -> None:
    """Forget the author's consent."""
    ctx.find(MANDATE, ctx.author, what="mandate for netting")
    _require_mandate_free(ctx)
    ctx.delete(MANDATE, ctx.author)
    ctx.emit(MandateEnded(ctx.author))


def _require_mandate_free(ctx: Context) -> None:
    """Raise ``DEBT_FROZEN`` while a frozen cycle stands on the author's mandate."""
    current, mandate = ctx.get(CURRENT), ctx.get(MANDATE, ctx.author)
    if current is None or mandate is None or mandate.since >= current.frozen_at:
        return
    raise CodedError(
        DEBT_FROZEN, f"netting cycle {current.cycle.hex()[:16]}… is frozen with this mandate in it"
    )


@transition(OptOut)
def opt_out(ctx: Context, op: OptOut) -> None:
    """Keep a debt of the author's out."""
    debt = _debt(ctx, op.debt)
    require_unfrozen(ctx.state, debt)
    if not debt.nettable:
        raise CodedError(WRONG_STATE, "the debt is out of netting already", field="debt")
    changed = ctx.amend(REQUEST, debt, nettable=False, opted_out_by=ctx.author)
    ctx.emit(DebtOptedOut(changed.id, ctx.author, False))


@transition(OptIn)
def opt_in(ctx: Context, op: OptIn) -> None:
    """Let a debt take part again, from the next freeze on."""
    debt = _debt(ctx, op.debt)
    if debt.nettable:
        raise CodedError(WRONG_STATE, "the debt is in netting already", field="debt")
    if debt.opted_out_by not in ("", ctx.author):
        raise CodedError(INVALID_TERMS, "the other side opted the debt out", field="debt")
    changed = ctx.amend(REQUEST, debt, nettable=True, opted_out_by="", since=ctx.time)
    ctx.emit(DebtOptedOut(changed.id, ctx.author, True))


def _debt(ctx: Context, id: bytes) -> PaymentRequest:
    debt = ctx.find(REQUEST_TABLE, id, what="debt", field="debt")
    ctx.require_author(debt.debtor, debt.creditor, capacity="a side of the debt")
    if debt.state not in OWED:
        raise CodedError(WRONG_STATE, f"the request is {debt.state.value}: no debt", field="debt")
    return debt


# The solver


@transition(OpenCycle)
def open_cycle(ctx: Context, op: OpenCycle) -> None:
    """Announce a cycle."""
    current = ctx.get(CURRENT)
    if current is not None:
        raise CodedError(CYCLE_OPEN, f"netting cycle {current.cycle.hex()} has not ended")
    latest = ctx.in_days(ctx.params(NettingParameters).longest_notice_days)
    if not ctx.time < op.freeze_at <= latest:
        raise CodedError(
            INVALID_TERMS, f"a cycle freezes after now and by {latest}", field="freeze_at"
        )
    id = ctx.new_id()
    ctx.open(
        CYCLE, Cycle(id, ctx.author, CycleState.OPEN, op.freeze_at, op.freeze_at, op.liquidity)
    )
    ctx.put(CURRENT, Current(id, 0, False))
    ctx.emit(CycleOpened(id, ctx.author, op.freeze_at, op.liquidity))


@transition(CancelCycle)
def cancel_cycle(ctx: Context, op: CancelCycle) -> None:
    """End a cycle without effect."""
    cycle = _cycle(ctx, op.cycle)
    ctx.require_author(cycle.operator, capacity="the solver that opened the cycle")
    if cycle.state is CycleState.OPEN:
        ctx.move(CYCLE, cycle, "cancel", reason=op.reason)
        ctx.delete(CURRENT)
        ctx.emit(CycleEnded(cycle.id, False, 0, op.reason))
    else:
        ctx.require_open(CYCLE, cycle, "void")
        void(ctx, cycle, op.reason)


@transition(Propose)
def propose(ctx: Context, op: Propose) -> None:
    """Begin a proposal."""
    cycle = _cycle(ctx, op.cycle)
    if op.snapshot != cycle.snapshot:
        raise CodedError(
            OTHER_SNAPSHOT,
            f"the cycle's snapshot is {cycle.snapshot.hex()[:16]}…",
            field="snapshot",
        )
    cycle = ctx.move(
        CYCLE,
        cycle,
        "propose",
        due=cycle.until,
        proposal=cycle.proposal + 1,
        solver=ctx.author,
        potential=op.potential,
        cleared=0,
        weighted=0,
        position=0,
    )
    ctx.emit(ClearingProposed(cycle.id, ctx.author, cycle.proposal))


@transition(PostFlows)
def post_flows(ctx: Context, op: PostFlows) -> None:
    """Store a page of flows."""
    cycle = _own_proposal(ctx, op.cycle)
    arcs = ctx.get(ARC_PAGE, cycle.id, op.page)
    if arcs is None or len(arcs.amounts) != len(op.flows):
        raise _bad_page(op.page, 0 if arcs is None else len(arcs.amounts), len(op.flows))
    for index, (flow, amount) in enumerate(zip(op.flows, arcs.amounts, strict=True)):
        if flow > amount:
            raise CodedError(
                BAD_PAGE, f"{flow} of {amount} cannot be cleared", field=f"flows[{index}]"
            )
    ctx.put(FLOW_PAGE, FlowPage(cycle.proposal, op.flows), cycle.id, op.page)


@transition(PostPotentials)
def post_potentials(ctx: Context, op: PostPotentials) -> None:
    """Store a page of the certificate."""
    cycle = _own_proposal(ctx, op.cycle)
    members = ctx.get(MEMBER_PAGE, cycle.id, op.page)
    if members is None or len(members.members) != len(op.potentials):
        size = 0 if members is None else len(members.members)
        raise _bad_page(op.page, size, len(op.potentials))
    ctx.put(POTENTIAL_PAGE, PotentialPage(cycle.proposal, op.potentials), cycle.id, op.page)


@transition(Seal)
def seal(ctx: Context, op: Seal) -> None:
    """Have the proposal verified."""
    cycle = _own_proposal(ctx, op.cycle)
    ctx.move(CYCLE, cycle, "seal", due=ctx.time, cleared=0, weighted=0, position=0, reason="")


def _bad_page(page: int, expected: int, found: int) -> CodedError:
    return CodedError(
        BAD_PAGE, f"page {page} has {expected} entries, {found} are posted", field="page"
    )


def _cycle(ctx: Context, id: bytes) -> Cycle:
    cycle = ctx.get(CYCLE_TABLE, id)
    if cycle is None:
        raise CodedError(NOT_FOUND, "there is no such netting cycle", field="cycle")
    return cycle


def _own_proposal(ctx: Context, id: bytes) -> Cycle:
    cycle = _cycle(ctx, id)
    ctx.require_open(CYCLE, cycle, "seal")
    ctx.require_author(cycle.solver, capacity="the solver whose proposal it is")
    return cycle
