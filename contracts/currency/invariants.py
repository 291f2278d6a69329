"""What is true of the currency's books after every block.

The numbers are those of the list that auditors check.
"""

from __future__ import annotations

from collections.abc import Iterator

from contracts.accounts import ATTESTED, BACKING, HELD, ISSUED, PAY, REC, RESERVE
from contracts.currency.records import (
    ESCROW_TABLE,
    OPEN_DEBT,
    OWED,
    REDEMPTION_TABLE,
    REQUEST_TABLE,
    EscrowState,
    RedemptionState,
)
from contracts.framework.capability import invariant
from contracts.framework.party import HOLDERS, PARTY
from contracts.framework.posting import Side, Unit, balances, kind_of, owner_of
from ledger.state import State

_LEI_CHARS = 20


@invariant("books-balance", 1)
def books_balance(state: State) -> Iterator[str]:
    """Per unit, all balances sum to zero."""
    totals = dict.fromkeys(Unit, 0)
    for _, unit, balance in balances(state):
        totals[unit] += balance.amount
    for unit, total in totals.items():
        if total:
            yield f"balances in {unit.value} sum to {total}"


@invariant("accounts-within-bounds", 1)
def accounts_within_bounds(state: State) -> Iterator[str]:
    """Every account is in its own unit and on its own side of zero."""
    for account, unit, balance in balances(state):
        kind = kind_of(account)
        if unit is not kind.unit:
            yield f"{account} is kept in {unit.value}, not {kind.unit.value}"
        wrong = (kind.side is Side.CREDIT and balance.amount < 0) or (
            kind.side is Side.DEBIT and balance.amount > 0
        )
        if wrong:
            yield f"{account} stands at {balance.amount}"


@invariant("money-equals-issue", 2)
def money_equals_issue(state: State) -> Iterator[str]:
    """Members' money, what was drawn on credit lines deducted, equals issue less redemption."""
    money = issued = 0
    for account, _, balance in balances(state):
        kind = kind_of(account)
        if kind.money:
            money += balance.amount
        elif kind is ISSUED:
            issued -= balance.amount
    if money != issued:
        yield f"members hold {money}, {issued} is issued and not redeemed"


@invariant("issue-within-reserve", 4)
def issue_within_reserve(state: State) -> Iterator[str]:
    """Per state, issue less redemption equals its backing and is within the attested reserve."""
    by_kind: dict[tuple[str, str], int] = {}
    for account, _, balance in balances(state):
        by_kind[owner_of(account), kind_of(account).name] = balance.amount
    for country in sorted({owner for owner, _ in by_kind if len(owner) != _LEI_CHARS}):
        issued = -by_kind.get((country, ISSUED.name), 0)
        backing = by_kind.get((country, BACKING.name), 0)
        free = by_kind.get((country, RESERVE.name), 0)
        attested = -by_kind.get((country, ATTESTED.name), 0)
        if issued != backing:
            yield f"{country}: {issued} is issued, {backing} backs it"
        if issued > attested or backing + free != attested:
            yield f"{country}: {issued} is issued on a reserve of {attested}"


@invariant("held-equals-open", 5)
def held_equals_open(state: State) -> Iterator[str]:
    """Each member's held money is the sum of its open escrows and redemptions."""
    expected: dict[str, int] = {}
    for _, escrow in state.scan(ESCROW_TABLE):
        if escrow.state in {EscrowState.HELD, EscrowState.DISPUTED}:
            expected[escrow.payer] = expected.get(escrow.payer, 0) + escrow.amount
    for _, redemption in state.scan(REDEMPTION_TABLE):
        if redemption.state is RedemptionState.REQUESTED:
            member = redemption.member
            expected[member] = expected.get(member, 0) + redemption.amount
    actual = {
        owner_of(account): balance.amount
        for account, _, balance in balances(state)
        if kind_of(account) is HELD and balance.amount
    }
    for owner in sorted(expected.keys() | actual.keys()):
        if expected.get(owner, 0) != actual.get(owner, 0):
            yield f"{owner} holds {actual.get(owner, 0)} for {expected.get(owner, 0)} open"


@invariant("debts-mirror", 6)
def debts_mirror(state: State) -> Iterator[str]:
    """What a creditor may claim is what its debtor owes: the sum of their open debts."""
    expected: dict[tuple[str, str], int] = {}
    for _, request in state.scan(REQUEST_TABLE):
        if request.state in OWED:
            pair = (request.creditor, request.debtor)
            expected[pair] = expected.get(pair, 0) + request.remaining
    claims: dict[tuple[str, str], int] = {}
    debts: dict[tuple[str, str], int] = {}
    for account, _, balance in balances(state):
        if kind_of(account) is REC:
            owner, _, other = account.split("/")
            claims[owner, other] = -balance.amount
        elif kind_of(account) is PAY:
            owner, _, other = account.split("/")
            debts[other, owner] = balance.amount
    for pair in sorted(expected.keys() | claims.keys() | debts.keys()):
        found = (claims.get(pair, 0), debts.get(pair, 0), expected.get(pair, 0))
        if len(set(found)) != 1:
            yield f"{pair[0]} claims {found[0]} from {pair[1]}, owed {found[1]}, open {found[2]}"


@invariant("debts-indexed", 6)
def debts_indexed(state: State) -> Iterator[str]:
    """Each open debt stands in the index of debts once, at its place, and nothing else does."""
    expected = {
        OPEN_DEBT.key(debt.debtor, debt.creditor, debt.payable, debt.id): debt.id
        for _, debt in state.scan(REQUEST_TABLE)
        if debt.state in OWED
    }
    found = {key: entry.debt for key, entry in state.scan(OPEN_DEBT)}
    for key in sorted(expected.keys() ^ found.keys()):
        debt = expected.get(key) or found[key]
        wrong = "missing from" if key in expected else "wrongly in"
        yield f"debt {debt.hex()} is {wrong} the index"
    for debt in sorted(set(expected.values())):
        record = state.get(REQUEST_TABLE, debt)
        if record is not None and record.remaining <= 0:
            yield f"debt {debt.hex()} is open with {record.remaining} remaining"


@invariant("closed-system", 14)
def closed_system(state: State) -> Iterator[str]:
    """Only members hold balances: everybody else's are zero."""
    for account, _, balance in balances(state):
        owner = owner_of(account)
        if balance.amount == 0 or len(owner) != _LEI_CHARS:
            continue
        party = state.get(PARTY, owner)
        if party is None or party.state not in HOLDERS:
            standing = "unknown" if party is None else party.state.value
            yield f"{account} holds {balance.amount}, its owner is {standing}"


INVARIANTS = (
    books_balance,
    accounts_within_bounds,
    money_equals_issue,
    issue_within_reserve,
    held_equals_open,
    debts_mirror,
    debts_indexed,
    closed_system,
)
