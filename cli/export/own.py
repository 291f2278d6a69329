"""A party's own books: its accounts as its accountant sees them, every posting proven.

What the ledger owes the party is the party's asset, so money counts the other way round than in
the books of the ledger. What a receipt changes on all of the party's accounts together is matched
by one line: Income or Expenses with the other party, for settlement currency; Equity where currency
was bought from or given back to a state's issuer, and for goods value and memo units, which are no
income in money.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from cli.export.journals import Booking, Line, told
from contracts.accounts import ISSUED
from contracts.extracts.chart import Root, owed_to_owner, own_path_of
from contracts.extracts.evidence import Evidence, Gatherer
from contracts.extracts.source import Source
from contracts.framework.operation import read_operation
from contracts.framework.posting import BALANCE, Unit, kind_of, owner_of
from ledger.proof import Summary
from ledger.receipt import Posting

_SEVERAL: Final = "Several"


def gather(source: Source, lei: str) -> Gatherer:
    """Every posting of every account of a party, and the names of whom it dealt with.

    Which accounts there are is what the source's index says; each of them is proven whole.
    """
    found = Gatherer(source)
    for account, unit in source.accounts(lei):
        for _ in found.walk_back(account, unit):
            pass
    owners = {
        owner_of(posting.account)
        for summary in found.summaries.values()
        for posting in summary.receipt.postings
    }
    authors = {s.transaction.author for s in found.summaries.values() if s.transaction is not None}
    for owner in sorted(owners | authors | {lei}):
        found.fetch_party(owner)
    return found


class OwnBooks:
    """The journal of one party's accounts, read from evidence alone."""

    def __init__(self, evidence: Evidence, lei: str) -> None:
        self.title = f"Books of {evidence.name(lei)} on ledger {evidence.genesis.network}"
        self.begins = evidence.genesis.time
        self._evidence = evidence
        self._lei = lei
        self._accounts = {
            (account, unit): evidence.require_whole(account, unit)
            for account, unit in _accounts(evidence)
        }
        self._owners: dict[str, str] = {}

    def bookings(self) -> Iterator[Booking]:
        """The receipts that book on the party's accounts, up to their proven balances."""
        for place in self._evidence.places():
            summary = self._evidence.summaries[place]
            own = [p for p in summary.receipt.postings if self._counts(p)]
            if own:
                yield self._booking(summary, own)

    def _counts(self, posting: Posting) -> bool:
        """Whether a posting is of the party's accounts and before their proven balance."""
        key = BALANCE.key(posting.account, posting.unit)
        proved = self._evidence.proved.get(key)
        if owner_of(posting.account) != self._lei or proved is None or proved.value is None:
            return False
        return posting.sequence <= BALANCE.decode(proved.value).count

    def _booking(self, summary: Summary, own: list[Posting]) -> Booking:
        transaction = summary.transaction
        operations = () if transaction is None else transaction.operations
        lines = [Line(own_path_of(p.account), _amount(p), p.unit) for p in own]
        for line in lines:
            self._owners[line.path] = self._evidence.name(self._lei)
        return Booking(
            summary.time,
            "Ledger" if transaction is None else self._evidence.name(transaction.author),
            told(tuple(map(read_operation, operations)), self._evidence.name),
            summary.subject.hex(),
            f"{summary.height}/{summary.position}",
            (*lines, *self._matching(summary, lines)),
        )

    def _matching(self, summary: Summary, lines: list[Line]) -> Iterator[Line]:
        """One line for each unit in which the party's accounts changed as a whole."""
        sums: defaultdict[str, int] = defaultdict(int)
        for line in lines:
            sums[line.unit] += line.amount
        for unit, amount in sums.items():
            if amount:
                path, owner = self._other(summary, unit, gains=amount > 0)
                self._owners[path] = owner
                yield Line(path, -amount, unit)

    def _other(self, summary: Summary, unit: str, *, gains: bool) -> tuple[str, str]:
        others = {
            owner_of(p.account): kind_of(p.account)
            for p in summary.receipt.postings
            if p.unit == unit and owner_of(p.account) != self._lei
        }
        name = next(iter(others)) if len(others) == 1 else _SEVERAL
        told_name = self._evidence.name(name)
        if unit != Unit.SCU:
            return f"{Root.EQUITY}:Others:{unit}:{name}", told_name
        if ISSUED in others.values():
            return f"{Root.EQUITY}:Currency:{name}", told_name
        return f"{Root.INCOME if gains else Root.EXPENSES}:{name}", told_name

    def closings(self) -> list[Line]:
        """The proven balance of each of the party's accounts."""
        found = []
        for account, unit in self._accounts:
            balance = self._evidence.record(BALANCE, account, unit)
            amount = 0 if balance is None else balance.amount
            sign = 1 if owed_to_owner(kind_of(account)) else -1
            found.append(Line(own_path_of(account), sign * amount, unit))
        return found

    def owner(self, path: str) -> str:
        """The party itself, or whom it dealt with."""
        return self._owners[path]

    def closing_time(self) -> int:
        """The newest block that a balance is proven at."""
        return max((p.time for p in self._evidence.proved.values()), default=self.begins)

    def facts(self) -> list[tuple[str, str]]:
        """How far the books go."""
        proved = [self._evidence.proved[BALANCE.key(*entry)] for entry in self._accounts]
        heights = [found.height for found in proved]
        reach = f"{min(heights, default=0)} to {max(heights, default=0)}"
        genesis = self._evidence.genesis
        return [
            ("Ledger", f"{genesis.network} {genesis.chain_id.hex()}"),
            ("Party", f"{self._lei} {self._evidence.name(self._lei)}"),
            ("Accounts, each whole", str(len(self._accounts))),
            ("Postings", str(sum(map(len, self._accounts.values())))),
            ("Balances proven at blocks", reach),
            ("Time zone", "UTC"),
        ]


def _accounts(evidence: Evidence) -> list[tuple[str, str]]:
    """Accounts whose balance is proven, by name and unit."""
    found = []
    for key in sorted(evidence.proved):
        if key.startswith(BALANCE.prefix):
            account, unit, _ = key[len(BALANCE.prefix) :].decode().split("\0")
            found.append((account, unit))
    return found


def _amount(posting: Posting) -> int:
    return posting.amount if owed_to_owner(kind_of(posting.account)) else -posting.amount
