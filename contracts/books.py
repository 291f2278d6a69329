"""The books of a ledger, kept from its receipts alone: a trial balance that trusts no total.

Whoever reads receipts in order (an export, the demo's ending, the explorer) gives each to
:meth:`Bookkeeping.take`. What does not follow from what came before is found there and then, so
figures that come out at the end are those of the postings, all of them.

>>> from ledger.receipt import NO_PLACE, Posting, Receipt
>>> kept = Bookkeeping()
>>> kept.take(Receipt(bytes(32), postings=(
...     Posting("KZ/issued", "SCU", -500, -500, 1, NO_PLACE),
...     Posting("5493001KJTIIGC8Y1R12/avail", "SCU", 500, 500, 1, NO_PLACE),
... )))
>>> [(line.kind, line.debit, line.credit) for line in kept.books().trial_balance()]
[('avail', 0, 500), ('issued', 500, 0)]
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Final, NamedTuple

from contracts.framework.posting import balances, owner_of
from ledger.errors import STORE_CORRUPT, CodedError
from ledger.receipt import Receipt
from ledger.state import State


class Line(NamedTuple):
    """A kind of account in a trial balance, in minor units; assets stand on the debit side."""

    kind: str
    unit: str
    accounts: int
    debit: int
    credit: int


class Sums(NamedTuple):
    """All accounts of a state's parties in a unit, in minor units."""

    state: str
    unit: str
    debit: int
    credit: int


SHARED: Final = "joint"
"""The state of accounts that no party owns, such as the joint fund's."""


class Books(NamedTuple):
    """What receipts say: each account's balance by account and unit, and how much was read."""

    balances: dict[tuple[str, str], int]
    blocks: int
    receipts: int
    postings: int

    def trial_balance(self) -> list[Line]:
        """One line for each kind of account, by unit and name."""
        accounts: Counter[tuple[str, str]] = Counter()
        debits: defaultdict[tuple[str, str], int] = defaultdict(int)
        credits: defaultdict[tuple[str, str], int] = defaultdict(int)
        for (account, unit), amount in self.balances.items():
            key = (unit, account.split("/", 2)[1])
            accounts[key] += 1
            debits[key] += max(-amount, 0)
            credits[key] += max(amount, 0)
        return [
            Line(kind, unit, accounts[unit, kind], debits[unit, kind], credits[unit, kind])
            for unit, kind in sorted(accounts)
        ]

    def by_state(self, homes: Mapping[str, str]) -> list[Sums]:
        """One line for each state and unit; ``homes`` are owners' home states.

        An account that is a state's own counts there. In each unit all states together balance.
        """
        states = set(homes.values())
        found: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        for (account, unit), amount in self.balances.items():
            owner = owner_of(account)
            state = homes.get(owner, owner if owner in states else SHARED)
            found[state, unit][amount > 0] += abs(amount)
        return [Sums(*key, *found[key]) for key in sorted(found)]

    def total(self, kind: str) -> int:
        """The sum of the balances of a kind of account, credit positive."""
        return sum(
            amount
            for (account, _), amount in self.balances.items()
            if account.split("/", 2)[1] == kind
        )


def stored_balances(state: State) -> dict[tuple[str, str], int]:
    """Every balance of a state by account and unit, in minor units, credit positive."""
    return {(account, unit.value): balance.amount for account, unit, balance in balances(state)}


class Bookkeeping:
    """Books under way: receipts come in the order of the ledger, from its first one.

    With ``resumed`` they begin somewhere later, and an account's first posting is taken as it is.
    """

    def __init__(self, *, resumed: bool = False) -> None:
        self._resumed = resumed
        self._balances: dict[tuple[str, str], int] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._receipts = 0
        self._postings = 0

    def take(self, receipt: Receipt) -> None:
        """Add the next receipt's postings.

        Raises ``STORE_CORRUPT`` if it does not balance in each unit, or if an account's balance or
        number of postings is not what its postings so far make.
        """
        sums: dict[str, int] = {}
        for posting in receipt.postings:
            key = (posting.account, posting.unit)
            if self._resumed and key not in self._counts:
                self._balances[key] = posting.balance - posting.amount
                self._counts[key] = posting.sequence - 1
            balance = self._balances.get(key, 0) + posting.amount
            count = self._counts.get(key, 0) + 1
            if (balance, count) != (posting.balance, posting.sequence):
                raise CodedError(
                    STORE_CORRUPT,
                    f"{posting.account} does not follow from its postings "
                    f"at receipt {receipt.subject.hex()}",
                )
            self._balances[key], self._counts[key] = balance, count
            sums[posting.unit] = sums.get(posting.unit, 0) + posting.amount
        if any(sums.values()):
            raise CodedError(STORE_CORRUPT, f"receipt {receipt.subject.hex()} does not balance")
        self._receipts += 1
        self._postings += len(receipt.postings)

    def books(self, blocks: int = 0) -> Books:
        """The books as they stand; ``blocks`` is how many were read for them."""
        return Books(dict(self._balances), blocks, self._receipts, self._postings)

    def require(self, stored: Mapping[tuple[str, str], int]) -> None:
        """Raise ``STORE_CORRUPT`` unless stored balances are exactly those of the postings.

        Resumed books know only the accounts that moved since.
        """
        known = self._balances.keys()
        for entry in sorted(known if self._resumed else stored.keys() | known):
            kept, made = stored.get(entry, 0), self._balances.get(entry, 0)
            if kept != made:
                raise CodedError(
                    STORE_CORRUPT,
                    f"{entry[0]} ({entry[1]}) stands at {kept}, its postings make {made}",
                )
