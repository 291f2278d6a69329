"""Freezing: from the debts in the books to the pages of a snapshot, in bounded steps.

Everything that decides whether a debt is in a cycle was fixed before the freeze and cannot change
until the cycle ends, so it does not matter at which step a debt is read:

* both sides gave a mandate earlier, and mandates do not change while a cycle is frozen;
* the debt arose, was last out of dispute and last opted in earlier (``since``);
* nobody opted it out, and its parties may neither pay, credit nor dispute it while it is frozen.

Contracts and awards may still change a frozen debt; then the cycle is void.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from contracts.accounts import AVAIL
from contracts.currency.records import DUE, OPEN_DEBT, REQUEST_TABLE, PaymentRequest
from contracts.framework.context import Context
from contracts.framework.posting import LINE, Unit, balance_of
from contracts.netting.accounts import LIQUIDITY
from contracts.netting.records import (
    ARC_PAGE,
    CURRENT,
    CYCLE,
    CYCLE_TABLE,
    FLOW_PAGE,
    MANDATE,
    MEMBER_PAGE,
    ArcPage,
    Cycle,
    CycleState,
    Mandate,
    MemberPage,
    NettingParameters,
)
from ledger.hashing import Tag, digest
from ledger.state import State

MEMBERS, DEBTS = "members", "debts"
"""The phases of freezing."""


def is_in(state: State, debt: PaymentRequest, frozen_at: int) -> bool:
    """Whether a debt is in a cycle that was frozen then, as far as its own record says."""
    return debt.since < frozen_at and debt.nettable and debt.state in DUE


def _mandated(state: State, member: str, frozen_at: int) -> bool:
    mandate = state.get(MANDATE, member)
    return mandate is not None and mandate.since < frozen_at


def frozen(state: State, debt: PaymentRequest) -> str:
    """``""``, or why the parties of a debt may not change it now."""
    current = state.get(CURRENT)
    if current is None or not current.frozen_at:
        return ""
    at = current.frozen_at
    if not is_in(state, debt, at):
        return ""
    if not (_mandated(state, debt.debtor, at) and _mandated(state, debt.creditor, at)):
        return ""
    cycle = state.get(CYCLE_TABLE, current.cycle)
    until = "it is applied" if cycle is None or current.verified else f"{cycle.until} at the latest"
    return f"the debt is frozen in netting cycle {current.cycle.hex()[:16]}… until {until}"


# Steps


def freeze_members(ctx: Context, cycle: Cycle) -> Cycle:
    """Number the next members by their mandates and set their money aside."""
    parameters = ctx.params(NettingParameters)
    members: list[str] = []
    money: list[int] = []
    after = b""
    for seen, (key, mandate) in enumerate(ctx.state.scan(MANDATE, after=cycle.after or None)):
        if seen == parameters.freeze_step:
            break
        after = key
        if mandate.since < cycle.frozen_at:
            members.append(mandate.member)
            money.append(_set_aside(ctx, cycle, mandate))
    else:
        after = b""
    position = cycle.member_pages
    snapshot = cycle.snapshot
    for start in range(0, len(members), parameters.page_members):
        end = start + parameters.page_members
        page = MemberPage(tuple(members[start:end]), tuple(money[start:end]))
        ctx.put(MEMBER_PAGE, page, cycle.id, position)
        snapshot = _chain(ctx, snapshot, MEMBER_PAGE.encode(page))
        position += 1
    return ctx.amend(
        CYCLE,
        cycle,
        members=cycle.members + len(members),
        snapshot=snapshot,
        phase=MEMBERS if after else DEBTS,
        member_pages=position,
        after=after,
    )


def _set_aside(ctx: Context, cycle: Cycle, mandate: Mandate) -> int:
    if not (cycle.liquidity and mandate.liquidity):
        return 0
    member = mandate.member
    headroom = balance_of(ctx.state, AVAIL.of(member)) + balance_of(ctx.state, LINE.of(member))
    amount = min(mandate.liquidity, max(0, headroom))
    if amount:
        ctx.post(Unit.SCU, AVAIL.of(member), LIQUIDITY.of(member), amount)
    return amount


def freeze_debts(ctx: Context, cycle: Cycle) -> tuple[Cycle, bool]:
    """Turn the next debts into arcs; also whether these were the last."""
    parameters = ctx.params(NettingParameters)
    state = ctx.state
    numbers = {lei: i for i, lei in enumerate(members_of(state, cycle))}
    pages = _Pages(parameters.page_arcs)
    room = parameters.freeze_step
    limit = parameters.largest_cycle - cycle.debts
    after = cycle.after
    while True:
        pair = _next_pair(state, after)
        if pair is None or limit <= 0:
            after, done = b"", True
            break
        if room <= 0:
            done = False
            break
        debtor, creditor, first = pair
        number, other = numbers.get(debtor), numbers.get(creditor)
        most = min(parameters.debts_per_pair, limit)
        if number is None or other is None:
            room -= 1
            # Nothing of a debtor without a mandate is netted: go on after all of its debts.
            after = _past(OPEN_DEBT.key(debtor) if number is None else OPEN_DEBT.key(*pair[:2]))
            continue
        taken = 0
        for _, entry in state.records(OPEN_DEBT, first, first):
            room -= 1
            debt = state.get(REQUEST_TABLE, entry.debt)
            if debt is not None and is_in(state, debt, cycle.frozen_at):
                pages.add(number, other, debt, debt.payable < cycle.frozen_at)
                taken += 1
                if taken == most:
                    break
        limit -= taken
        pages.close_pair()
        after = _past(first)
    snapshot, position = cycle.snapshot, cycle.pages
    arcs = debts = total = 0
    for page in pages.finish():
        ctx.put(ARC_PAGE, page, cycle.id, position)
        snapshot = _chain(ctx, snapshot, ARC_PAGE.encode(page))
        position += 1
        arcs += len(page.amounts)
        debts += len(page.debts)
        total += sum(page.amounts)
    cycle = ctx.amend(
        CYCLE,
        cycle,
        pages=position,
        arcs=cycle.arcs + arcs,
        debts=cycle.debts + debts,
        total=cycle.total + total,
        snapshot=snapshot,
        after=after,
    )
    return cycle, done


def _past(prefix: bytes) -> bytes:
    """The first key after all that start with a prefix that ends in NUL."""
    return prefix[:-1] + b"\x01"


def _next_pair(state: State, start: bytes) -> tuple[str, str, bytes] | None:
    """The first pair with open debts from a key on: debtor, creditor, prefix of their keys."""
    for key, _ in state.records(OPEN_DEBT, OPEN_DEBT.prefix, start):
        debtor, creditor, _rest = key[len(OPEN_DEBT.prefix) :].split(b"\0", 2)
        names = debtor.decode(), creditor.decode()
        return (*names, OPEN_DEBT.key(*names))
    return None


def _chain(ctx: Context, snapshot: bytes, page: bytes) -> bytes:
    return digest(Tag.OBJECT, ctx.chain_id, snapshot + page)


class _Pages:
    """Gathers debts into arcs and arcs into pages; a pair is never split."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._done: list[ArcPage] = []
        self._clear()

    def _clear(self) -> None:
        self._debtors: list[int] = []
        self._creditors: list[int] = []
        self._amounts: list[int] = []
        self._overdue: list[bool] = []
        self._counts: list[int] = []
        self._debts: list[bytes] = []
        self._pair: tuple[int, int, bool] | None = None

    def add(self, debtor: int, creditor: int, debt: PaymentRequest, overdue: bool) -> None:
        """Add a debt; debts come oldest due first, so overdue ones come before the rest."""
        arc = (debtor, creditor, overdue)
        if arc != self._pair:
            self._pair = arc
            self._debtors.append(debtor)
            self._creditors.append(creditor)
            self._amounts.append(0)
            self._overdue.append(overdue)
            self._counts.append(0)
        self._amounts[-1] += debt.remaining
        self._counts[-1] += 1
        self._debts.append(debt.id)

    def close_pair(self) -> None:
        """All debts of a pair are in: a full page ends here."""
        if len(self._amounts) >= self._size:
            self._flush()

    def _flush(self) -> None:
        if self._amounts:
            self._done.append(
                ArcPage(
                    tuple(self._debtors),
                    tuple(self._creditors),
                    tuple(self._amounts),
                    tuple(self._overdue),
                    tuple(self._counts),
                    tuple(self._debts),
                )
            )
        self._clear()

    def finish(self) -> list[ArcPage]:
        """All pages, the last of them as full as it is."""
        self._flush()
        return self._done


# Reading a snapshot


def members_of(state: State, cycle: Cycle) -> list[str]:
    """The members of a cycle in the order of their numbers."""
    return [lei for page in member_pages(state, cycle) for lei in page.members]


def member_pages(state: State, cycle: Cycle) -> Iterator[MemberPage]:
    """The pages of a cycle's members, in order."""
    for _, page in state.scan(MEMBER_PAGE, cycle.id):
        yield page


def reserved(state: State, debt: PaymentRequest) -> int:
    """What a verified cycle that is being applied will still clear of a debt, minor units."""
    current = state.get(CURRENT)
    if current is None or not current.verified or not frozen(state, debt):
        return 0
    cycle = state.get(CYCLE_TABLE, current.cycle)
    if cycle is None or cycle.state is not CycleState.VERIFIED:
        return 0
    members = members_of(state, cycle)
    pair = tuple(bisect_right(members, lei) - 1 for lei in (debt.debtor, debt.creditor))
    number = _page_with(state, cycle, (pair[0], pair[1]))
    page = state.get(ARC_PAGE, cycle.id, number)
    flows = state.get(FLOW_PAGE, cycle.id, number)
    if page is None or flows is None:
        return 0  # applied already
    for _, _, debts, flow in cleared_debts(page, flows.flows):
        if debt.id in debts:
            left = flow
            for id in debts:
                other = state.get(REQUEST_TABLE, id)
                part = min(left, 0 if other is None else other.remaining)
                if id == debt.id:
                    return part
                left -= part
    return 0


def _page_with(state: State, cycle: Cycle, pair: tuple[int, int]) -> int:
    """The last page that starts at or before a pair; applied ones count as before it."""
    low, high = 0, cycle.pages - 1
    while low < high:
        middle = (low + high + 1) // 2
        page = state.get(ARC_PAGE, cycle.id, middle)
        if page is None or (page.debtors[0], page.creditors[0]) <= pair:
            low = middle
        else:
            high = middle - 1
    return low


def cleared_debts(
    page: ArcPage, flows: tuple[int, ...]
) -> Iterator[tuple[int, int, tuple[bytes, ...], int]]:
    """Per pair of a page of which something is cleared: debtor, creditor, debts, how much.

    The debts stand oldest due first.
    """
    at = 0
    arc, arcs = 0, len(page.amounts)
    while arc < arcs:
        start, flow = at, flows[arc]
        at += page.counts[arc]
        following = arc + 1
        if (
            following < arcs
            and page.debtors[following] == page.debtors[arc]
            and page.creditors[following] == page.creditors[arc]
        ):
            flow += flows[following]
            at += page.counts[following]
            arc = following
        if flow:
            yield page.debtors[arc], page.creditors[arc], page.debts[start:at], flow
        arc += 1
