"""The chart of accounts for people's own tools: each kind of account under one of five roots.

Programs for plain-text accounting know Assets, Liabilities, Equity, Income and Expenses, and count
debits as positive; the ledger counts credits as positive. The chart is seen from the ledger as a
whole: money that a member holds is what the ledger owes it, so it stands under Liabilities, and
what a state's issuer has outstanding is backed outside and stands under Assets. Memo accounts hold
promises and limits, no value; they stand under Equity, each kind against its other side.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from contracts.framework.posting import AccountKind, account_kinds, kind_of


class Root(StrEnum):
    """The five roots."""

    ASSETS = "Assets"
    LIABILITIES = "Liabilities"
    EQUITY = "Equity"
    INCOME = "Income"
    EXPENSES = "Expenses"


_MEMO: Final = (
    *("attested", "reserve", "backing"),
    *("posted", "capacity", "cover"),
    *("granted", "line"),
    *("shipped", "transit"),
)
_ROOTS: Final[dict[str, Root]] = {
    **dict.fromkeys(("issued", "rec", "gclaim", "provision", "written-off"), Root.ASSETS),
    **dict.fromkeys(("avail", "held", "contested", "liquidity", "windup"), Root.LIABILITIES),
    **dict.fromkeys(("contribution", "collateral", "clr", "pay", "gdel"), Root.LIABILITIES),
    **dict.fromkeys(("pool", "first-loss", "tranches"), Root.LIABILITIES),
    **dict.fromkeys(("loss", "loan-loss"), Root.EXPENSES),
    **dict.fromkeys(_MEMO, Root.EQUITY),
}
"""By kind of account. ``provision`` and ``written-off`` are taken off the fund's loans, which stand
under ``rec``. A ledger earns nothing for itself, so nothing stands under Income here."""


def root_of(kind: AccountKind) -> Root:
    """The root of a kind; raises ``KeyError`` for one that the chart does not know."""
    return _ROOTS[kind.name]


def chart() -> list[tuple[AccountKind, Root]]:
    """Every declared kind of account with its root, by name."""
    return [(kind, root_of(kind)) for kind in account_kinds().values()]


_OWED: Final = frozenset(
    ("avail", "held", "contested", "liquidity", "windup", "contribution", "collateral", "clr")
) | {"pool", "first-loss", "tranches"}
"""Kinds that hold money of their owner: what the ledger owes it, and an asset in its own books."""


def owed_to_owner(kind: AccountKind) -> bool:
    """Whether an account holds its owner's money, so that its own books count it the other way."""
    return kind.name in _OWED


def own_root_of(kind: AccountKind) -> Root:
    """The root of a kind in the books of its owner."""
    if owed_to_owner(kind):
        return Root.ASSETS
    return Root.EQUITY if kind.name == "issued" else root_of(kind)


def own_path_of(account: str) -> str:
    """An account's name in its owner's own journal.

    >>> own_path_of("5493001KJTIIGC8Y1R12/avail"), own_path_of("KZ/issued")
    ('Assets:Avail', 'Equity:Issued')
    """
    _, name, *references = account.split("/")
    root = own_root_of(kind_of(account))
    return ":".join(_part(part) for part in (root.value, name, *references))


def path_of(account: str) -> str:
    """An account's name in journals: ``Liabilities:5493001KJTIIGC8Y1R12:Avail``.

    Parts begin with a capital letter or digit and ids are in capitals, as beancount asks; two
    accounts never share a name, because owners, kinds and ids differ in more than capitals.

    >>> path_of("KZ/issued"), path_of("5493001KJTIIGC8Y1R12/cover/lines")
    ('Assets:KZ:Issued', 'Equity:5493001KJTIIGC8Y1R12:Cover:Lines')
    """
    owner, kind, *references = account.split("/")
    parts = (root_of(kind_of(account)).value, owner, kind, *references)
    return ":".join(_part(part) for part in parts)


def _part(text: str) -> str:
    return text.upper() if len(text) == _ID_CHARS else text[:1].upper() + text[1:]


_ID_CHARS: Final = 64
