"""The books, rebuilt from every receipt since genesis: a trial balance that trusts no total."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from cli import calls
from cli.client import Client
from cli.output import Exit, Failure

_PAGE = 200


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


SHARED = "joint"
"""The state of accounts that no party owns, such as the joint fund's."""


class Books(NamedTuple):
    """What receipts say: each account's balance, and how much was read."""

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
            owner = account.split("/", 1)[0]
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


def rebuild(client: Client, height: int) -> Books:
    """Read every receipt up to ``height`` and add up its postings.

    Raises a failure if a receipt does not balance or an account's balance is not what its postings
    make: neither can happen unless a node tells something that is not so.
    """
    balances: defaultdict[tuple[str, str], int] = defaultdict(int)
    receipts = postings = 0
    for block in range(1, height + 1):
        cursor = ""
        while True:
            page = client.do(calls.block_rows(block, cursor=cursor, limit=_PAGE))
            for row in page.rows:
                receipts += 1
                sums: defaultdict[str, int] = defaultdict(int)
                for posting in row.receipt.postings:
                    postings += 1
                    key = (posting.account, posting.amount.unit)
                    balances[key] += posting.amount.amount
                    sums[posting.amount.unit] += posting.amount.amount
                    if balances[key] != posting.balance.amount:
                        raise _wrong(f"{posting.account} does not follow from its postings", block)
                if any(sums.values()):
                    raise _wrong(f"receipt {row.id} does not balance", block)
            cursor = page.next
            if not cursor:
                break
    return Books(dict(balances), height, receipts, postings)


def _wrong(sentence: str, block: int) -> Failure:
    return Failure("BOOKS_WRONG", f"block {block}: {sentence}", Exit.VIOLATION)
