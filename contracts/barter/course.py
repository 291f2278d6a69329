"""The course of a contract: which date comes next, who is late, when everything is done.

Called after everything that happens to a lot or claim. Dates of the schedule move with force
majeure and, where they are steps of a chain, with the chain. The maker is never late with goods
that the open claim does not cover, and always has the agreed days after the last credited lot. What
is called off has the date of its call-off instead.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from msgspec import structs

from contracts.barter.chain_records import CHAIN
from contracts.barter.claims import claims_of, convert_free
from contracts.barter.events import ContractMoved
from contracts.barter.parameters import BarterParameters
from contracts.barter.records import (
    CONTRACT,
    CONTRACT_TABLE,
    LIVE,
    PROGRESS,
    TERMS,
    Contract,
    ContractState,
    ItemProgress,
    Progress,
)
from contracts.barter.terms import Flow, Milestone, Side, Terms, scheduled, value_of
from contracts.errors import NOT_FOUND
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.context import Context
from contracts.framework.parameters import parameters_of
from contracts.guarantee import undertaking
from ledger.errors import CodedError
from ledger.state import State

RUNNING = frozenset({ContractState.ACTIVE, ContractState.PARTIAL})
_WAITS_FOR_CURE = frozenset({ContractState.OVERDUE, ContractState.GRACE})


class Horizon(NamedTuple):
    """The next date at which somebody is late: ``due`` in ms, and in which flow (None: nobody)."""

    due: int
    side: Side | None


def terms_of(state: State, contract: bytes) -> Terms:
    """The terms of a contract; raises ``NOT_FOUND``."""
    found = state.get(TERMS, contract)
    if found is None:
        raise CodedError(NOT_FOUND, "there is no such barter contract", field="contract")
    return found.terms


def progress_of(state: State, contract: bytes) -> Progress:
    """How far a contract is; raises ``NOT_FOUND``."""
    found = state.get(PROGRESS, contract)
    if found is None:
        raise CodedError(NOT_FOUND, "the barter contract was never accepted", field="contract")
    return found


def change_item(ctx: Context, contract: bytes, side: Side, item: int, **more: int) -> ItemProgress:
    """Add to an item's counters; returns what they were."""
    progress = progress_of(ctx.state, contract)
    flow = list(progress.flow(side))
    before = flow[item]
    flow[item] = structs.replace(
        before, **{name: getattr(before, name) + amount for name, amount in more.items()}
    )
    ctx.put(PROGRESS, structs.replace(progress, **{side.value: tuple(flow)}), contract)
    return before


def date_of(state: State, contract: Contract, terms: Terms, milestone: Milestone) -> int:
    """When a milestone is due now, in ms."""
    due = milestone.due
    if milestone.step and terms.chain is not None:
        chain = state.get(CHAIN, terms.chain)
        if chain is not None:
            due = chain.steps[milestone.step - 1].due
    return due + contract.shift


def unmet(flow: Flow, progress: tuple[ItemProgress, ...]) -> list[Milestone]:
    """Milestones that what was shipped does not reach yet, in the order of the schedule."""
    totals = [0] * len(flow.items)
    missing = []
    for milestone in flow.schedule:
        totals[milestone.item] += milestone.quantity
        if totals[milestone.item] > progress[milestone.item].performed:
            missing.append(milestone)
    return missing


def components_done(terms: Terms, progress: Progress) -> bool:
    """Whether every component is accepted or waived."""
    return all(
        entry.accepted + entry.waived >= scheduled(terms.components, index)
        for index, entry in enumerate(progress.components)
    )


def horizon(state: State, contract: Contract) -> Horizon:
    """The next date at which one of the parties is late, if nothing happens until then."""
    terms = terms_of(state, contract.id)
    progress = progress_of(state, contract.id)
    params = parameters_of(state, BarterParameters)
    if contract.late_calls:
        return Horizon(1, Side.GOODS)  # missed already: any time is too late
    dates: list[Horizon] = []
    late = unmet(terms.components, progress.components)
    if late:
        first = min(date_of(state, contract, terms, m) for m in late)
        dates.append(Horizon(first, Side.COMPONENTS))
    earliest = contract.credited_at + terms.make_days * MS_PER_DAY
    claims = list(claims_of(state, contract.id))
    owed = sum(claim.free for claim in claims)
    missing = [
        m
        for m in unmet(terms.goods, progress.goods)
        if any(unit_value(terms, m) <= claim.free for claim in claims)
    ]
    if owed > 0 and missing:
        first = min(date_of(state, contract, terms, m) for m in missing)
        dates.append(Horizon(max(first, earliest), Side.GOODS))
    last = max(
        date_of(state, contract, terms, m)
        for m in (*terms.components.schedule, *terms.goods.schedule)
    )
    if owed > 0 and not missing and not late:
        settle_by = max(last, earliest) + params.residue_days * MS_PER_DAY
        dates.append(Horizon(settle_by, Side.GOODS))
    if dates:
        return min(dates, key=lambda h: h.due)
    return Horizon(last + params.residue_days * MS_PER_DAY, None)


def unit_value(terms: Terms, milestone: Milestone) -> int:
    """What one unit of a milestone's finished goods is worth, rounded up, in minor units."""
    price = terms.goods.items[milestone.item].price
    return -(-price.numerator // price.denominator)


def advance(
    ctx: Context, contract: Contract, event: str, *, due: int = 0, reason: str = "", **changes: Any
) -> Contract:
    """Take a contract one step further and tell."""
    before = contract.state
    if reason:
        changes["reason"] = reason
    moved = ctx.move(CONTRACT, contract, event, due=due, **changes)
    if moved.state is not before:
        ctx.emit(ContractMoved(moved.id, moved.supplier, moved.maker, before, moved.state, reason))
    return moved


def next_date(ctx: Context, contract: Contract) -> int:
    """The time limit of a running contract, in ms: never before now."""
    return max(horizon(ctx.state, contract).due, ctx.time)


def refresh(ctx: Context, contract: Contract) -> Contract:
    """Draw the consequences after a lot, claim or quantity changed."""
    if contract.state is ContractState.TERMINATED:
        if contract.disputes == 0:
            contract = convert_free(ctx, contract)
        return _release_if_settled(ctx, contract)
    if contract.state not in LIVE or overran(ctx, contract):
        return contract  # what a passed time limit does comes first, and calls this again
    if is_done(ctx.state, contract):
        return discharge(ctx, contract)
    if contract.state in RUNNING:
        if contract.state is ContractState.ACTIVE and contract.totals.delivered:
            return advance(ctx, contract, "deliver", due=next_date(ctx, contract))
        due = next_date(ctx, contract)
        return contract if due == contract.due else advance(ctx, contract, "proceed", due=due)
    if contract.state in _WAITS_FOR_CURE and not is_late(ctx, contract):
        return resume(ctx, contract)
    return contract


def overran(ctx: Context, contract: Contract) -> bool:
    """Whether the time limit of the contract's state has passed and did not take effect yet.

    So it is when an earlier deadline of the same block touches the contract.
    """
    return 0 < contract.due < ctx.time


def is_late(ctx: Context, contract: Contract) -> bool:
    """Whether somebody is late at this time."""
    ahead = horizon(ctx.state, contract)
    return ahead.side is not None and ahead.due <= ctx.time


def resume(ctx: Context, contract: Contract, *, reason: str = "", **changes: Any) -> Contract:
    """Back to normal after lateness or force majeure."""
    ahead = structs.replace(contract, **changes)
    due = next_date(ctx, ahead)
    contract = advance(ctx, contract, "resume", due=due, reason=reason, breach=None, **changes)
    if contract.totals.delivered:
        return advance(ctx, contract, "deliver", due=due)
    return contract


def is_done(state: State, contract: Contract) -> bool:
    """Whether components are complete, no claim is open and nothing is on its way or in dispute."""
    if contract.totals.open or contract.open_lots or contract.disputes:
        return False
    return components_done(terms_of(state, contract.id), progress_of(state, contract.id))


def discharge(ctx: Context, contract: Contract) -> Contract:
    """Everything is done: the contract ends and the guarantees are released."""
    contract = advance(ctx, contract, "discharge", breach=None)
    release_covers(ctx, contract, "the contract is discharged")
    return contract


def release_covers(ctx: Context, contract: Contract, why: str) -> None:
    """Release both guarantees, except one on which a demand is open: that runs its course."""
    for id in (contract.maker_cover, contract.supplier_cover):
        if id is not None:
            guarantee = undertaking.guarantee_of(ctx, id)
            if guarantee.in_force and guarantee.demand is None:
                undertaking.release(ctx, id, why)


def _release_if_settled(ctx: Context, contract: Contract) -> Contract:
    if contract.totals.open == 0 and contract.open_lots == 0 and contract.totals.converted == 0:
        release_covers(ctx, contract, "the contract ended with nothing owed")
    return contract


def excused(state: State, contract: Contract, side: Side) -> bool:
    """Whether a link before this one in the chain is late towards whoever is late here."""
    terms = terms_of(state, contract.id)
    chain = None if terms.chain is None else state.get(CHAIN, terms.chain)
    if chain is None:
        return False
    late = contract.obligor(side)
    for id in chain.contracts:
        link = state.get(CONTRACT_TABLE, id)
        if link is None or id == contract.id or link.breach is None:
            continue
        if link.state in _WAITS_FOR_CURE and link.other(link.obligor(link.breach)) == late:
            return True
    return False


@CONTRACT.on_lapse("fall due")
def date_passes(ctx: Context, contract: Contract) -> None:
    """A date passed: overdue, unless nobody is late or a late link before this one excuses it."""
    params = ctx.params(BarterParameters)
    ahead = horizon(ctx.state, contract)
    late = ahead.side if ahead.side is not None and ahead.due < ctx.time else None
    contract = advance(ctx, contract, "fall due", due=ctx.in_days(params.overdue_days), breach=late)
    if late is None or excused(ctx.state, contract, late):
        wait = params.wait_days * MS_PER_DAY
        due = ahead.due if ahead.due >= ctx.time else ctx.time + wait
        contract = advance(ctx, contract, "resume", due=due, breach=None)
        if contract.totals.delivered:
            contract = advance(ctx, contract, "deliver", due=due)
    refresh(ctx, contract)


def fall_late(ctx: Context, contract: Contract, side: Side, reason: str) -> Contract:
    """A duty outside the schedule (a call-off) was missed."""
    if contract.state not in RUNNING or overran(ctx, contract):
        return contract
    due = ctx.in_days(ctx.params(BarterParameters).overdue_days)
    return advance(ctx, contract, "fall due", due=due, reason=reason, breach=side)


def value_from(terms: Terms, side: Side, item: int, before: int, quantity: int) -> int:
    """What ``quantity`` more units of an item are worth after ``before`` units, minor units."""
    return value_of(terms.flow(side).items[item].price, before, quantity)
