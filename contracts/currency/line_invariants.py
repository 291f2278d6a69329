"""What is true of credit lines, states' positions and the payment queue after every block."""

from __future__ import annotations

from collections.abc import Iterator

from contracts.accounts import AVAIL, ISSUED
from contracts.capacity import COVER
from contracts.currency.line_records import (
    GRANTED,
    LINE_TABLE,
    PURPOSE,
    STATE_POSITION,
    LineState,
)
from contracts.currency.positions import home_of, swing_of
from contracts.currency.queue_records import QUEUE, QUEUE_COUNT, QUEUED_TABLE, QueuedState
from contracts.framework.capability import invariant
from contracts.framework.posting import LINE, Unit, balance_of, balances, kind_of, owner_of
from ledger.state import State

_OPEN_LIMITS = (LineState.ACTIVE, LineState.REDUCED)


@invariant("credit-within-lines", 3)
def credit_within_lines(state: State) -> Iterator[str]:
    """Nobody's money is below zero by more than its guarantor has committed to cover."""
    for account, _, balance in balances(state):
        if kind_of(account) is AVAIL and balance.amount < 0:
            line = state.get(LINE_TABLE, owner_of(account))
            cover = 0 if line is None or line.state is LineState.CLOSED else line.cover
            if -balance.amount > cover:
                yield f"{account} stands at {balance.amount}, {cover} is covered"


@invariant("lines-in-books", 3)
def lines_in_books(state: State) -> Iterator[str]:
    """Lines, what their guarantors granted and committed, and what is counted agree."""
    limits: dict[str, int] = {}
    granted: dict[str, int] = {}
    covered: dict[str, int] = {}
    counted: dict[str, int] = {}
    for _, line in state.scan(LINE_TABLE):
        if line.state is LineState.CLOSED:
            continue
        guarantor = line.guarantor
        in_force = line.limit if line.state in _OPEN_LIMITS else 0
        limits[line.member] = in_force
        granted[guarantor] = granted.get(guarantor, 0) + in_force
        covered[guarantor] = covered.get(guarantor, 0) + line.cover
        counted[line.country] = counted.get(line.country, 0) + line.limit
    for account, _, balance in balances(state):
        owner, kind = owner_of(account), kind_of(account)
        if kind is LINE and balance.amount != limits.get(owner, 0):
            yield f"{account} is {balance.amount}, the line in force {limits.get(owner, 0)}"
        elif kind is GRANTED and -balance.amount != granted.get(owner, 0):
            yield f"{account} is {balance.amount}, lines add up to {granted.get(owner, 0)}"
    for guarantor, cover in sorted(covered.items()):
        committed = balance_of(state, COVER.of(guarantor, PURPOSE))
        if committed != cover:
            yield f"{guarantor} committed {committed} for lines with a cover of {cover}"
    for _, position in state.scan(STATE_POSITION):
        if position.lines != counted.get(position.country, 0):
            yield f"{position.country}: lines of {position.lines} are counted"


@invariant("swing-within-limit", 3)
def swing_within_limit(state: State) -> Iterator[str]:
    """States' net positions are what balances say, within their limits or marked as over."""
    net: dict[str, int] = {}
    for account, _, balance in balances(state):
        kind = kind_of(account)
        if kind.unit is Unit.SCU and (kind.money or kind is ISSUED):
            home = home_of(state, owner_of(account))
            if home:
                net[home] = net.get(home, 0) + balance.amount
    kept = {position.country: position for _, position in state.scan(STATE_POSITION)}
    for country in sorted(net.keys() | kept.keys()):
        found = kept.get(country)
        stated = 0 if found is None else found.net
        if stated != net.get(country, 0):
            yield f"{country}: a position of {stated} is kept, balances say {net.get(country, 0)}"
        limit = swing_of(state, country)
        if limit and abs(stated) > limit and not (found is not None and found.over_since):
            yield f"{country}: a position of {stated} is over its limit of {limit} and not marked"


@invariant("queue-indexed", 12)
def queue_indexed(state: State) -> Iterator[str]:
    """The queue holds each waiting payment once, and counts those of each payer."""
    waiting = {
        payment.id: payment.payer
        for _, payment in state.scan(QUEUED_TABLE)
        if payment.state is QueuedState.QUEUED
    }
    indexed = [entry.payment for _, entry in state.scan(QUEUE)]
    if sorted(indexed) != sorted(waiting):
        yield f"{len(indexed)} payments stand in the queue, {len(waiting)} wait"
    payers = list(waiting.values())
    for key, entry in state.scan(QUEUE_COUNT):
        payer = key[len(QUEUE_COUNT.prefix) : -1].decode()
        if entry.count != payers.count(payer):
            yield f"{payer} has {payers.count(payer)} waiting payments, {entry.count} are counted"


LINE_INVARIANTS = (credit_within_lines, lines_in_books, swing_within_limit, queue_indexed)
