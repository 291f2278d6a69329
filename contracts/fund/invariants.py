"""What is true of the joint fund after every block. The numbers are those that auditors check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from contracts.currency.records import OWED, REQUEST_TABLE
from contracts.framework.capability import invariant
from contracts.framework.posting import balance_of, balances, kind_of
from contracts.fund.accounts import (
    THE_FIRST_LOSS,
    THE_LOAN_LOSS,
    THE_POOL,
    THE_PROVISION,
    THE_WRITTEN_OFF,
    TRANCHES,
    tranches_of,
)
from contracts.fund.firstloss import tally_of
from contracts.fund.loans import LOAN
from contracts.fund.records import (
    APPLICATION_TABLE,
    ARREARS,
    CASE,
    DRAW,
    INSTALMENT_OF,
    INSTALMENT_TABLE,
    PLEDGE_TABLE,
    TRANCHE_TABLE,
    InstalmentState,
    PledgeState,
    TrancheState,
)
from ledger.state import State


@invariant("fund-tranches-held", 5)
def tranches_are_held(state: State) -> Iterator[str]:
    """What is held for an application is the sum of its tranches that are held."""
    held: Counter[str] = Counter()
    for _, tranche in state.scan(TRANCHE_TABLE):
        if tranche.state is TrancheState.HELD:
            held[tranches_of(tranche.application)] += tranche.amount
    found = {
        account: balance.amount
        for account, _, balance in balances(state)
        if kind_of(account) is TRANCHES and balance.amount
    }
    for account in sorted(held.keys() | found.keys()):
        if held[account] != found.get(account, 0):
            yield f"{account} holds {found.get(account, 0)} for tranches of {held[account]}"


@invariant("fund-applications-add-up", 5)
def applications_add_up(state: State) -> Iterator[str]:
    """Of a funded application, what was released, returned and is held is what was approved."""
    held: Counter[bytes] = Counter()
    count: Counter[bytes] = Counter()
    funded: set[bytes] = set()
    for _, tranche in state.scan(TRANCHE_TABLE):
        funded.add(tranche.application)
        if tranche.state is TrancheState.HELD:
            held[tranche.application] += tranche.amount
            count[tranche.application] += 1
    for _, application in state.scan(APPLICATION_TABLE):
        total = application.released + application.returned + held[application.id]
        name = f"application {application.id.hex()[:16]}"
        if total != (application.amount if application.id in funded else 0):
            yield f"{name}: {total} of {application.amount} is accounted for"
        if application.open_tranches != count[application.id]:
            yield f"{name}: {application.open_tranches} of {count[application.id]} tranches"


@invariant("fund-money-adds-up", 2)
def money_adds_up(state: State) -> Iterator[str]:
    """What was paid in is in the pool, held, given away, lent and not repaid, or lost."""
    tally = tally_of(state)
    if tally.paid_in != tally.to_pool + tally.to_first_loss:
        yield f"{tally.paid_in} was paid in, {tally.to_pool + tally.to_first_loss} was booked"
    paid = sum(p.amount for _, p in state.scan(PLEDGE_TABLE) if p.state is PledgeState.PAID)
    if paid != tally.paid_in:
        yield f"pledges of {paid} are paid, {tally.paid_in} was paid in"
    held = sum(b.amount for a, _, b in balances(state) if kind_of(a) is TRANCHES)
    pool = balance_of(state, THE_POOL)
    came_back = tally.repaid - tally.not_in_money
    expected = tally.to_pool - tally.granted - tally.lent + came_back
    if pool + held != expected:
        yield f"the pool has {pool} and holds {held}, not {expected}"


@invariant("fund-first-loss-is-ring-fenced", 2)
def first_loss_is_ring_fenced(state: State) -> Iterator[str]:
    """The first-loss tranche is what was paid in and recovered less what it bore: no grants."""
    tally = tally_of(state)
    left = balance_of(state, THE_FIRST_LOSS)
    expected = tally.to_first_loss - tally.drawn + tally.recovered
    if left != expected:
        yield f"the first-loss tranche has {left}, {expected} is accounted for"
    by_case: Counter[tuple[str, bytes]] = Counter()
    for _, draw in state.scan(DRAW):
        by_case[draw.kind, draw.cause] += draw.amount
    if sum(by_case.values()) != tally.drawn:
        yield f"draws of {sum(by_case.values())}, {tally.drawn} is counted"
    for (kind, cause), amount in sorted(by_case.items()):
        case = state.get(CASE, kind, cause)
        if case is None or case.drawn != amount:
            yield f"the case {kind} drew {amount}, which is not what is counted"


@invariant("fund-loans-are-debts", 6)
def loans_are_debts(state: State) -> Iterator[str]:
    """Each open instalment is an open debt of its amount, and provided for if in default."""
    seen: set[bytes] = set()
    provided = lost = lent = repaid = 0
    for _, instalment in state.scan(INSTALMENT_TABLE):
        name = f"instalment {instalment.id.hex()[:16]}"
        lent += instalment.amount
        repaid += instalment.repaid
        provided += instalment.provision
        lost += instalment.written_off
        debt = state.get(REQUEST_TABLE, instalment.debt)
        index = state.get(INSTALMENT_OF, instalment.debt)
        if debt is None or index is None or index.instalment != instalment.id:
            yield f"{name}: no debt, or another's"
            continue
        open_debt = debt.remaining if debt.state in OWED else 0
        if open_debt != instalment.open or instalment.open < 0:
            yield f"{name}: {instalment.open} is open, the debt has {open_debt}"
        default = instalment.state is InstalmentState.DEFAULTED
        if instalment.provision != (instalment.open if default else 0):
            yield f"{name}: {instalment.provision} is provided for {instalment.open}"
        if open_debt:
            seen.add(debt.id)
    for _, debt in state.scan(REQUEST_TABLE):
        if debt.origin == LOAN and debt.state in OWED and debt.id not in seen:
            yield f"debt {debt.id.hex()[:16]} of a loan is no instalment"
    tally = tally_of(state)
    if (lent, repaid, lost) != (tally.lent, tally.repaid, tally.written_off):
        yield f"loans {lent}, repaid {repaid}, lost {lost} differ from what is counted"
    books = (
        balance_of(state, THE_PROVISION),
        balance_of(state, THE_WRITTEN_OFF),
        -balance_of(state, THE_LOAN_LOSS),
    )
    if books != (provided, lost, provided + lost):
        yield f"provision, write-offs and losses are booked as {books}"


@invariant("fund-arrears-indexed", 13)
def arrears_are_indexed(state: State) -> Iterator[str]:
    """The list of states in arrears, whose vote is suspended, is that of their pledges."""
    expected = {
        ARREARS.key(p.country, p.id)
        for _, p in state.scan(PLEDGE_TABLE)
        if p.state is PledgeState.ARREARS
    }
    found = {key for key, _ in state.scan(ARREARS)}
    if expected != found:
        yield f"{len(expected)} pledges are in arrears, {len(found)} are listed"


INVARIANTS = (
    tranches_are_held,
    applications_add_up,
    money_adds_up,
    first_loss_is_ring_fenced,
    loans_are_debts,
    arrears_are_indexed,
)
