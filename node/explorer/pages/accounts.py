"""Accounts with their running balances, and the trial balance at any height."""

from __future__ import annotations

from itertools import islice
from typing import Any, Final, NamedTuple

from contracts.framework.forms import parse_instant
from contracts.framework.posting import (
    BALANCE,
    Balance,
    account_kinds,
    kind_of,
    owner_of,
)
from ledger.errors import CodedError
from ledger.state import State
from node.api.accounts import known_account
from node.api.history import Step, held, postings
from node.errors import BAD_REQUEST
from node.explorer.balances import step_before
from node.explorer.index.records import Series
from node.explorer.language import msg
from node.explorer.proofs import of_record
from node.explorer.site import Group, Page
from node.explorer.table import Column, Format, Money, Slice, Table, cut, key_of, number_of
from node.explorer.told import Told, told_at
from node.explorer.view import View

_OTHERS: Final = 4
"""Of the other sides of a movement, so many are named."""


class Row(NamedTuple):
    """An account in the list."""

    account: str
    unit: str
    record: Balance

    @property
    def balance(self) -> Money:
        """What stands on it."""
        return Money(self.record.amount, self.unit)


def _accounts(view: View, cursor: str, limit: int) -> Slice:
    start = key_of(cursor)
    rows: list[Row] = []
    for key, record in view.state.records(BALANCE, BALANCE.prefix, BALANCE.prefix + start):
        account, unit, _ = key[len(BALANCE.prefix) :].decode().split("\0")
        if len(rows) == limit:
            return Slice(rows, key[len(BALANCE.prefix) :].hex())
        rows.append(Row(account, unit, record))
    return Slice(rows)


ACCOUNTS: Table[Row] = Table(
    "accounts",
    msg("Accounts by owner"),
    columns=(
        Column("account", msg("Account"), Format.ACCOUNT, lambda a: a.account),
        Column("owner", msg("Owner"), Format.PARTY, lambda a: owner_of(a.account)),
        Column("balance", msg("Balance"), Format.AMOUNT, lambda a: a.balance),
        Column("postings", msg("Postings"), Format.COUNT, lambda a: a.record.count),
        Column(
            "last_height",
            msg("Last moved in block"),
            Format.COUNT,
            lambda a: a.record.height,
            lambda a: f"/blocks/{a.record.height}",
        ),
    ),
    read=_accounts,
)


def accounts(view: View) -> dict[str, Any]:
    """Every account of the books."""
    return {
        "intro": view.text(
            msg(
                "Double entry throughout: a credit raises a balance, an asset stands below zero, "
                "and each unit sums to zero at all times."
            )
        ),
        "tables": [view.show(ACCOUNTS)],
    }


class Movement(NamedTuple):
    """A posting of the account that is shown, with its receipt."""

    told: Told
    amount: Money
    balance: Money
    sequence: int
    others: tuple[str, ...]


def _requested(view: View) -> tuple[str, str]:
    account: str = view.parameters["account"]
    return account, known_account(account)


def _movements(view: View, cursor: str, limit: int) -> Slice:
    account, unit = _requested(view)
    if cursor:
        height, index, sequence = (number_of(part or "-") for part in _three(cursor))
        step = Step(height, index, sequence)
    else:
        step = step_before(view.reader, account, unit, (_height(view) + 1, 0))[0]
    rows: list[Movement] = []
    owner = owner_of(account)
    for entry in held(postings(view.reader, account, unit, step)):
        told = told_at(view, (entry.height, entry.position))
        others = (other for other in told.owners if other != owner)
        rows.append(
            Movement(
                told,
                Money(entry.posting.amount, unit),
                Money(entry.posting.balance, unit),
                entry.posting.sequence,
                tuple(islice(others, _OTHERS)),
            )
        )
        step = entry.before
        if len(rows) == limit:
            break
    if step.sequence and step.height < view.base:
        return Slice(rows, torn=True)
    following = f"{step.height}.{step.position}.{step.sequence}" if step.sequence else ""
    return Slice(rows, following if rows else "")


def _three(cursor: str) -> tuple[str, str, str]:
    height, _, rest = cursor.partition(".")
    index, _, sequence = rest.partition(".")
    return height, index, sequence


MOVEMENTS: Table[Movement] = Table(
    "postings",
    msg("Postings, newest first, with the running balance"),
    columns=(
        Column("number", msg("Posting"), Format.COUNT, lambda m: m.sequence),
        Column("time", msg("Time"), Format.INSTANT, lambda m: m.told.header.time),
        Column(
            "height",
            msg("Height"),
            Format.COUNT,
            lambda m: m.told.header.height,
            seen=False,
        ),
        Column("words", msg("What was stated"), Format.WORDS, lambda m: m.told.sentence),
        Column("others", msg("Other side"), Format.PARTIES, lambda m: m.others),
        Column("reference", msg("Reference"), Format.TEXT, lambda m: m.told.reference),
        Column("amount", msg("Amount"), Format.AMOUNT, lambda m: m.amount),
        Column("balance", msg("Balance"), Format.AMOUNT, lambda m: m.balance),
        Column("id", msg("Id"), Format.ID, lambda m: m.told.receipt.subject, lambda m: m.told.path),
    ),
    read=_movements,
    empty=msg("Nothing was posted to this account up to then."),
)


def account(view: View) -> dict[str, Any]:
    """One account: its balance now and at a height, and every posting."""
    name, unit = _requested(view)
    record = State(view.reader).get(BALANCE, name, unit)
    height = _height(view)
    at = step_before(view.reader, name, unit, (height + 1, 0))[1]
    return {
        "title": view.text(msg("Account")),
        "account_": name,
        "owner": owner_of(name),
        "kind": kind_of(name),
        "unit": unit,
        "record": record,
        "height": height,
        "at": at,
        "shown": view.show(MOVEMENTS),
        "proofs": (of_record(view, view.text(msg("The balance")), BALANCE, name, unit),),
    }


def _height(view: View) -> int:
    """The height that the query asks about: by ``height``, or the last before ``time`` ended."""
    text = view.query.get("height", "").strip()
    day = view.query.get("time", "").strip()
    if text:
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise CodedError(BAD_REQUEST, "a height is a whole number", field="height")
        return min(int(text), view.head.height)
    if day:
        try:
            time = parse_instant(day)
        except ValueError as error:
            raise CodedError(BAD_REQUEST, str(error), field="time") from None
        return _height_at(view, time)
    return view.head.height


def _height_at(view: View, time: int) -> int:
    """The newest block whose time is not past a time (ms); found by halving."""
    low, high = 0, view.head.height
    while low < high:
        middle = (low + high + 1) // 2
        header = view.reader.header(middle)
        if header is None or header.time <= time:
            low = middle
        else:
            high = middle - 1
    return low


class Total(NamedTuple):
    """A line of the trial balance."""

    series: Series
    amount: int

    @property
    def meaning(self) -> str:
        """What its kind of account means."""
        return account_kinds()[self.series.kind].meaning

    @property
    def debit(self) -> Money | None:
        """What stands below zero."""
        return Money(-self.amount, self.series.unit) if self.amount < 0 else None

    @property
    def credit(self) -> Money | None:
        """What stands above zero."""
        return Money(self.amount, self.series.unit) if self.amount > 0 else None


def totals(view: View) -> list[Total]:
    """Every total other than zero after the height asked for, by unit, kind and state."""
    found = view.index.trial_balance(_height(view))
    lines = [Total(series, amount) for series, amount in found.items() if amount]
    return sorted(lines, key=lambda t: (t.series.unit != "SCU", t.series.unit, *t.series))


TOTALS: Table[Total] = Table(
    "trial-balance",
    msg("Totals per unit, kind of account and state"),
    columns=(
        Column("kind", msg("Kind of account"), Format.ACCOUNT_KIND, lambda t: t.series.kind),
        Column("state", msg("Country"), Format.COUNTRY, lambda t: t.series.state or msg("fund")),
        Column("unit", msg("Unit"), Format.TEXT, lambda t: t.series.unit),
        Column("debit", msg("Debit"), Format.AMOUNT, lambda t: t.debit),
        Column("credit", msg("Credit"), Format.AMOUNT, lambda t: t.credit),
        Column(
            "meaning",
            msg("Meaning"),
            Format.WORDS,
            lambda t: t.meaning,
            told=lambda view, t: view.meaning(t.meaning),
        ),
    ),
    read=lambda view, cursor, limit: cut(totals(view), cursor, limit),
    size=400,
)


class Sum(NamedTuple):
    """Both sides of a unit."""

    unit: str
    debit: int
    credit: int

    @property
    def difference(self) -> Money:
        """Zero, always."""
        return Money(self.credit - self.debit, self.unit)


def _sums(view: View, cursor: str, limit: int) -> Slice:
    sides: dict[str, tuple[int, int]] = {}
    for total in totals(view):
        debit, credit = sides.get(total.series.unit, (0, 0))
        sides[total.series.unit] = (
            debit + max(0, -total.amount),
            credit + max(0, total.amount),
        )
    return Slice([Sum(unit, *both) for unit, both in sides.items()])


SUMS: Table[Sum] = Table(
    "sums",
    msg("Both sides of each unit"),
    columns=(
        Column("unit", msg("Unit"), Format.TEXT, lambda s: s.unit),
        Column("debit", msg("Debit"), Format.AMOUNT, lambda s: Money(s.debit, s.unit)),
        Column("credit", msg("Credit"), Format.AMOUNT, lambda s: Money(s.credit, s.unit)),
        Column("difference", msg("Difference"), Format.AMOUNT, lambda s: s.difference),
    ),
    read=_sums,
)


def trial_balance(view: View) -> dict[str, Any]:
    """The trial balance after a height or at the end of a day."""
    height = max(0, min(_height(view), view.index.height))
    header = view.reader.header(height)
    return {"height": height, "header": header, "tables": [view.show(SUMS), view.show(TOTALS)]}


PAGES = (
    Page(
        "/accounts",
        msg("Accounts"),
        render=accounts,
        template="list.html",
        group=Group.MONEY,
        tables=(ACCOUNTS,),
    ),
    Page(
        "/accounts/{account:path}",
        msg("Account"),
        render=account,
        template="account.html",
        parent="/accounts",
        tables=(MOVEMENTS,),
        live=True,
    ),
    Page(
        "/trial-balance",
        msg("Trial balance"),
        render=trial_balance,
        template="trial-balance.html",
        group=Group.MONEY,
        tables=(SUMS, TOTALS),
        live=True,
    ),
)
