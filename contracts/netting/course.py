"""The course of a cycle by itself: freezing, verifying, applying and clearing away in steps.

Each step is one deadline, so each block does a bounded part. Whether a cycle was applied is decided
at one point: when its proposal has been verified, nothing can stop it, and what is still to be
applied can neither be paid otherwise nor contested. Small cycles are applied in a single step.
"""

from __future__ import annotations

from typing import Final

from contracts.accounts import AVAIL
from contracts.currency.bulk import net_debts
from contracts.currency.debts import Binding, binds_debts
from contracts.currency.records import PaymentRequest
from contracts.framework.context import Context
from contracts.framework.posting import Unit, balance_of
from contracts.netting.accounts import CLEARING, LIQUIDITY
from contracts.netting.certificate import check_arcs, check_members
from contracts.netting.events import CycleEnded, CycleFrozen, MemberNetted, ProposalEnded
from contracts.netting.records import (
    ARC_PAGE,
    CURRENT,
    CYCLE,
    CYCLE_TABLE,
    FLOW_PAGE,
    MEMBER_PAGE,
    PAGE_TABLES,
    POTENTIAL_PAGE,
    TALLY_PAGE,
    ArcPage,
    Current,
    Cycle,
    MemberPage,
    NettingParameters,
    TallyPage,
)
from contracts.netting.snapshot import (
    MEMBERS,
    cleared_debts,
    freeze_debts,
    freeze_members,
    frozen,
    members_of,
    reserved,
)

_MS_PER_HOUR: Final = 3_600_000
_ARCS = "arcs"


@CYCLE.on_lapse("freeze")
def freeze(ctx: Context, cycle: Cycle) -> None:
    """The announced time has come: from now on the debts stand still."""
    until = ctx.time + ctx.params(NettingParameters).proposal_hours * _MS_PER_HOUR
    ctx.move(CYCLE, cycle, "freeze", due=ctx.time, frozen_at=ctx.time, until=until, phase=MEMBERS)
    ctx.put(CURRENT, Current(cycle.id, ctx.time, False))


@CYCLE.on_lapse("snapshot")
def take_snapshot(ctx: Context, cycle: Cycle) -> None:
    """One step of freezing."""
    if cycle.phase == MEMBERS:
        ctx.go_on(CYCLE, freeze_members(ctx, cycle), ctx.time)
        return
    cycle, done = freeze_debts(ctx, cycle)
    if not done:
        ctx.go_on(CYCLE, cycle, ctx.time)
        return
    if not cycle.arcs:
        void(ctx, cycle, "no debts to net")
        return
    cycle = ctx.move(CYCLE, cycle, "snapshot", due=cycle.until)
    ctx.emit(
        CycleFrozen(cycle.id, cycle.snapshot, cycle.members, cycle.arcs, cycle.debts, cycle.total)
    )


@CYCLE.on_lapse("verify")
def verify(ctx: Context, cycle: Cycle) -> None:
    """One step of verifying; the last one decides."""
    parameters = ctx.params(NettingParameters)
    state = ctx.state
    potentials: list[int] = []
    money: list[int] = []
    owed: list[int] = []
    claimed: list[int] = []
    for number in range(cycle.member_pages):
        members = _page(ctx, cycle, number)
        posted = state.get(POTENTIAL_PAGE, cycle.id, number)
        if posted is None or posted.proposal != cycle.proposal:
            _fail(ctx, cycle, f"page {number} of the potentials is missing")
            return
        tally = state.get(TALLY_PAGE, cycle.id, number) if cycle.position else None
        potentials += posted.potentials
        money += members.money
        owed += [0] * len(members.members) if tally is None else tally.owed
        claimed += [0] * len(members.members) if tally is None else tally.claimed
    cleared, weighted = cycle.cleared, cycle.weighted
    end = min(cycle.pages, cycle.position + parameters.verify_step)
    for number in range(cycle.position, end):
        arcs, flows = _arcs(ctx, cycle, number), state.get(FLOW_PAGE, cycle.id, number)
        if flows is None or flows.proposal != cycle.proposal:
            _fail(ctx, cycle, f"page {number} of the flows is missing")
            return
        weights = [parameters.overdue_weight if late else 1 for late in arcs.overdue]
        more, more_weighted, wrong = check_arcs(
            arcs.debtors, arcs.creditors, arcs.amounts, weights, flows.flows,
            potentials, owed, claimed,
        )  # fmt: skip
        if wrong:
            _fail(ctx, cycle, f"page {number}: {wrong}")
            return
        cleared += more
        weighted += more_weighted
    if end == cycle.pages:
        wrong = check_members(owed, claimed, money, potentials, cycle.potential)
        if wrong:
            _fail(ctx, cycle, wrong)
            return
    at = 0
    for number in range(cycle.member_pages):
        size = len(_page(ctx, cycle, number).members)
        tally = TallyPage(tuple(owed[at : at + size]), tuple(claimed[at : at + size]))
        ctx.put(TALLY_PAGE, tally, cycle.id, number)
        at += size
    cycle = ctx.amend(CYCLE, cycle, cleared=cleared, weighted=weighted)
    if end < cycle.pages:
        ctx.go_on(CYCLE, cycle, ctx.time, position=end)
        return
    cycle = ctx.move(CYCLE, cycle, "verify", due=ctx.time, phase=_ARCS, position=0)
    ctx.put(CURRENT, Current(cycle.id, cycle.frozen_at, True))
    ctx.emit(ProposalEnded(cycle.id, cycle.proposal, True, cleared, ""))


def _fail(ctx: Context, cycle: Cycle, reason: str) -> None:
    cycle = ctx.go_on(CYCLE, cycle, ctx.time)  # this step is in time
    ctx.move(CYCLE, cycle, "fail", due=cycle.until, reason=reason, position=0)
    ctx.emit(ProposalEnded(cycle.id, cycle.proposal, False, 0, reason))


@CYCLE.on_lapse("apply")
def apply(ctx: Context, cycle: Cycle) -> None:
    """One step of applying: first the debts, page by page, then each member's money."""
    budget = ctx.params(NettingParameters).apply_step
    if cycle.phase == _ARCS:
        members = members_of(ctx.state, cycle)
        end = min(cycle.pages, cycle.position + budget)
        for number in range(cycle.position, end):
            _apply_page(ctx, cycle, number, members)
        if end < cycle.pages:
            ctx.go_on(CYCLE, cycle, ctx.time, position=end)
            return
        budget -= end - cycle.position
        cycle = ctx.amend(CYCLE, cycle, phase=MEMBERS, position=0)
    end = min(cycle.member_pages, cycle.position + budget)
    for number in range(cycle.position, end):
        _settle_members(ctx, cycle, number)
    if end < cycle.member_pages:
        ctx.go_on(CYCLE, cycle, ctx.time, position=end)
        return
    if balance_of(ctx.state, CLEARING.of(cycle.operator)):
        raise ValueError("a verified clearing leaves nothing between its members")
    ctx.delete(CURRENT)
    ctx.move(CYCLE, cycle, "apply")
    ctx.emit(CycleEnded(cycle.id, True, cycle.cleared, ""))


def _apply_page(ctx: Context, cycle: Cycle, number: int, members: list[str]) -> None:
    """Extinguish what a page clears, and forget the page."""
    arcs, posted = _arcs(ctx, cycle, number), ctx.get(FLOW_PAGE, cycle.id, number)
    flows = (0,) * len(arcs.amounts) if posted is None else posted.flows
    pairs = (
        (members[debtor], members[creditor], debts, flow)
        for debtor, creditor, debts, flow in cleared_debts(arcs, flows)
    )
    net_debts(ctx, pairs, cycle.id)
    ctx.delete(ARC_PAGE, cycle.id, number)
    ctx.delete(FLOW_PAGE, cycle.id, number)


def _settle_members(ctx: Context, cycle: Cycle, number: int) -> None:
    """Move what members of a page pay and receive, return the rest, and forget the page."""
    page, tally = _page(ctx, cycle, number), ctx.get(TALLY_PAGE, cycle.id, number)
    clearing = CLEARING.of(cycle.operator)
    for index, (member, money) in enumerate(zip(page.members, page.money, strict=True)):
        owed, claimed = (0, 0) if tally is None else (tally.owed[index], tally.claimed[index])
        paid, received = max(0, owed - claimed), max(0, claimed - owed)
        if paid:
            ctx.post(Unit.SCU, LIQUIDITY.of(member), clearing, paid)
        if received:
            ctx.post(Unit.SCU, clearing, AVAIL.of(member), received)
        if money > paid:
            ctx.post(Unit.SCU, LIQUIDITY.of(member), AVAIL.of(member), money - paid)
        if owed or claimed:
            ctx.emit(MemberNetted(cycle.id, member, owed, claimed, paid, received))
    for table in (MEMBER_PAGE, POTENTIAL_PAGE, TALLY_PAGE):
        ctx.delete(table, cycle.id, number)


# Without effect


def void(ctx: Context, cycle: Cycle, reason: str) -> None:
    """End a cycle without effect: its debts are free at once, its money in the next blocks."""
    if ctx.time > cycle.due:  # a step that is due in this very block
        cycle = ctx.go_on(CYCLE, cycle, ctx.time)
    _release(ctx, ctx.move(CYCLE, cycle, "void", due=ctx.time, reason=reason), reason)


@CYCLE.on_lapse("expire")
def expire(ctx: Context, cycle: Cycle) -> None:
    """No proposal was verified in time."""
    reason = cycle.reason or "no proposal in time"
    _release(ctx, ctx.move(CYCLE, cycle, "expire", due=ctx.time, reason=reason), reason)


def _release(ctx: Context, cycle: Cycle, reason: str) -> None:
    ctx.amend(CYCLE, cycle, position=0)
    ctx.put(CURRENT, Current(cycle.id, 0, False))
    ctx.emit(CycleEnded(cycle.id, False, 0, reason))


@CYCLE.on_lapse("unwind")
def unwind(ctx: Context, cycle: Cycle) -> None:
    """One step of returning money and forgetting pages."""
    last = max(cycle.member_pages, cycle.pages)
    end = min(last, cycle.position + ctx.params(NettingParameters).apply_step)
    for number in range(cycle.position, end):
        page = ctx.get(MEMBER_PAGE, cycle.id, number)
        if page is not None:
            for member, money in zip(page.members, page.money, strict=True):
                if money:
                    ctx.post(Unit.SCU, LIQUIDITY.of(member), AVAIL.of(member), money)
        for table in PAGE_TABLES:
            ctx.delete(table, cycle.id, number)
    if end < last:
        ctx.go_on(CYCLE, cycle, ctx.time, position=end)
        return
    ctx.delete(CURRENT)
    ctx.move(CYCLE, cycle, "unwind")


def break_cycle(ctx: Context, debt: PaymentRequest) -> None:
    """A contract or an award changes a frozen debt: unless it is verified, the cycle is void."""
    current = ctx.get(CURRENT)
    if current is None or current.verified or not frozen(ctx.state, debt):
        return
    cycle = ctx.find(CYCLE_TABLE, current.cycle, what="netting cycle")
    void(ctx, cycle, f"debt {debt.id.hex()[:16]}… changed by contract or award")


binds_debts(Binding(frozen, reserved, break_cycle))


def _page(ctx: Context, cycle: Cycle, number: int) -> MemberPage:
    return ctx.find(MEMBER_PAGE, cycle.id, number, what="page of members")


def _arcs(ctx: Context, cycle: Cycle, number: int) -> ArcPage:
    return ctx.find(ARC_PAGE, cycle.id, number, what="page of arcs")
