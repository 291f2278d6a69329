"""What people ask of the currency. Reads only; used by the node's API, the explorer and wallets."""

from __future__ import annotations

from typing import NamedTuple

from contracts.accounts import AVAIL, HELD
from contracts.currency.records import ATTESTATION
from contracts.currency.supply import attested, outstanding
from contracts.framework.authority import DAILY_SPEND
from contracts.framework.calendar import day_of
from contracts.framework.party import KEYRING
from contracts.framework.posting import BALANCE, LINE, accounts_of, balance_of, kind_of
from ledger.policy import Rule, rules_for
from ledger.receipt import NO_PLACE, Place
from ledger.state import State


class AccountHead(NamedTuple):
    """Where a statement starts: an account's balance and its newest posting.

    ``balance`` is in minor units, credit positive; ``postings`` is how many there are, and
    ``newest`` the place (height, receipt index) of the last, from which each names the one before.
    """

    account: str
    unit: str
    meaning: str
    balance: int
    postings: int
    newest: Place


def accounts(state: State, owner: str) -> list[AccountHead]:
    """Every account of a member or of a state (by its country code), in order of their names."""
    return [
        AccountHead(
            account,
            unit.value,
            kind_of(account).meaning,
            record.amount,
            record.count,
            (record.height, record.index),
        )
        for account, unit, record in accounts_of(state, owner)
    ]


def account_head(state: State, account: str, unit: str) -> AccountHead:
    """Where the statement of one account starts; an unused account has no postings."""
    record = state.get(BALANCE, account, unit)
    meaning = kind_of(account).meaning
    if record is None:
        return AccountHead(account, unit, meaning, 0, 0, NO_PLACE)
    place = (record.height, record.index)
    return AccountHead(account, unit, meaning, record.amount, record.count, place)


class Funds(NamedTuple):
    """What a member can spend: ``spendable`` is its own money and what its credit line adds."""

    available: int
    held: int
    line: int
    spendable: int


def funds(state: State, lei: str) -> Funds:
    """A member's money, in minor units."""
    available = balance_of(state, AVAIL.of(lei))
    line = balance_of(state, LINE.of(lei))
    held = balance_of(state, HELD.of(lei))
    return Funds(available, held, line, available + line)


class Allowance(NamedTuple):
    """A rule of a signing policy, and what it still approves today (None: any amount)."""

    rule: Rule
    left_today: int | None


def allowances(state: State, lei: str, operation_class: str, time: int) -> list[Allowance]:
    """What each rule of a party's policy still approves on the day of a block time."""
    keyring = state.get(KEYRING, lei)
    if keyring is None:
        return []
    spend = state.get(DAILY_SPEND, lei, operation_class)
    spent = spend.amount if spend is not None and spend.day == day_of(time) else 0
    return [
        Allowance(rule, None if rule.daily_limit is None else max(0, rule.daily_limit - spent))
        for rule in rules_for(keyring, operation_class)
    ]


class Supply(NamedTuple):
    """A state's issue against its reserve, in minor units; ``fresh_until`` is in ms."""

    country: str
    reserve: int
    outstanding: int
    free: int
    fresh_until: int


def supply(state: State) -> list[Supply]:
    """Every state whose reserve was ever attested."""
    return [
        Supply(
            record.country,
            attested(state, record.country),
            outstanding(state, record.country),
            attested(state, record.country) - outstanding(state, record.country),
            record.fresh_until,
        )
        for _, record in state.scan(ATTESTATION)
    ]
