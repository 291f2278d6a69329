"""The books: accounts, units and balances, double entry throughout.

An account is ``owner/kind`` or ``owner/kind/reference``: a member's LEI or a state's country code,
a declared kind, and what else tells it apart (the other party of a debt, a contract's id). A
movement debits one account and credits another by the same amount of one unit, so every unit sums
to zero at all times. A credit raises the signed balance; assets of a member against others, such as
``rec``, therefore stand below zero.

>>> kind = account_kind("example", "Of this example.", unit=Unit.SCU, side=Side.CREDIT)
>>> kind.of("KZ"), owner_of("KZ/example")
('KZ/example', 'KZ')
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ledger.codec import Struct, Uint
from ledger.receipt import Signed
from ledger.state import State, Table


class Unit(StrEnum):
    """What is counted. Units never mix in one movement."""

    SCU = "SCU"
    """Settlement currency unit; 1 SCU = 100 minor units."""
    GV = "GV"
    """Goods value of barter claims: not spendable."""
    LINE = "LINE"
    """Memo: credit lines."""
    GTEE = "GTEE"
    """Memo: guarantees."""
    RSV = "RSV"
    """Memo: reserves attested by states."""
    GIT = "GIT"
    """Memo: goods in transit."""


MEMO: Final = frozenset({Unit.LINE, Unit.GTEE, Unit.RSV, Unit.GIT})


class Side(StrEnum):
    """On which side of zero a balance must stay, checked when an operation ends."""

    CREDIT = "credit"
    """Never below zero."""
    DEBIT = "debit"
    """Never above zero."""
    LINE = "line"
    """Never below minus the owner's credit line."""
    FREE = "free"
    """Either side."""


class Balance(Struct, tag=1):
    """An account in the state.

    ``amount`` is in minor units, credit positive; ``count`` the number of its postings; the last of
    them stands in the receipt at (``height``, ``index``).
    """

    amount: Signed
    count: Uint
    height: Uint
    index: Uint


BALANCE: Final = Table("balance", Balance)
"""By account and unit."""


@dataclass(frozen=True, slots=True)
class AccountKind:
    """A declared kind of account.

    ``money`` marks kinds that count as a member's money: their balances sum to what is issued.
    """

    name: str
    meaning: str
    unit: Unit
    side: Side
    money: bool = False

    def of(self, owner: str, *references: str) -> str:
        """The account of an owner (an LEI or a country code)."""
        account = f"{owner}/{self.name}"
        return "/".join((account, *references)) if references else account


_KINDS: dict[str, AccountKind] = {}


def account_kind(
    name: str, meaning: str, *, unit: Unit, side: Side, money: bool = False
) -> AccountKind:
    """Declare a kind of account; a name is declared once."""
    if name in _KINDS or "/" in name:
        raise ValueError(f"account kind {name!r} is declared twice or contains /")
    kind = _KINDS[name] = AccountKind(name, meaning, unit, side, money)
    return kind


def account_kinds() -> dict[str, AccountKind]:
    """All declared kinds by name."""
    return dict(sorted(_KINDS.items()))


def kind_of(account: str) -> AccountKind:
    """The kind of an account."""
    return _KINDS[account.split("/", 2)[1]]


def owner_of(account: str) -> str:
    """The LEI or country code that an account belongs to."""
    return account.split("/", 1)[0]


@dataclass(frozen=True, slots=True)
class Entry:
    """A movement that an operation may book, for its declaration.

    ``debit`` and ``credit`` name account kinds; ``debtor`` and ``creditor`` say whose.
    """

    debit: AccountKind
    debtor: str
    credit: AccountKind
    creditor: str

    @property
    def words(self) -> str:
        """``Dr payer.avail / Cr payee.avail``."""
        return f"Dr {self.debtor}.{self.debit.name} / Cr {self.creditor}.{self.credit.name}"


def entry(debtor: str, debit: AccountKind, creditor: str, credit: AccountKind) -> Entry:
    """Declare a movement: whose account of which kind is debited, and credited."""
    return Entry(debit, debtor, credit, creditor)


def balance_of(state: State, account: str, unit: Unit | None = None) -> int:
    """The balance of an account in minor units, credit positive; 0 if it was never used."""
    record = state.get(BALANCE, account, (unit or kind_of(account).unit).value)
    return 0 if record is None else record.amount


def balances(state: State) -> Iterator[tuple[str, Unit, Balance]]:
    """Every account, its unit and its record, in the order of the state's keys."""
    for key, record in state.scan(BALANCE):
        account, unit, _ = key[len(BALANCE.prefix) :].split(b"\0")
        yield account.decode(), Unit(unit.decode()), record


def accounts_of(state: State, owner: str) -> Iterator[tuple[str, Unit, Balance]]:
    """The accounts of one owner, as :func:`balances`."""
    prefix = BALANCE.prefix + owner.encode() + b"/"
    for key, record in state.records(BALANCE, prefix):
        account, unit, _ = key[len(BALANCE.prefix) :].split(b"\0")
        yield account.decode(), Unit(unit.decode()), record


LINE: Final = account_kind(
    "line", "Memo: the owner's credit line.", unit=Unit.LINE, side=Side.CREDIT
)
