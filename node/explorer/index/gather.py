"""From a block to the index's records: pure, one block after the other.

A :class:`Batch` collects the records of several blocks over what is stored already; the writer
then stores it whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Final, NamedTuple

from contracts.executor import read_trusted
from contracts.framework.event import Event, subjects_of
from contracts.framework.fields import Field, fields_of, named_values
from contracts.framework.operation import declaration_named
from contracts.framework.posting import kind_of, owner_of
from contracts.framework.types import Kind
from contracts.register.events import (
    HomeChanged,
    KeyExpired,
    KeyExpiring,
    KeyFrozen,
    KeyRegistered,
    KeyRevoked,
    PartyApplied,
    PolicyChanged,
    RecoveryEnded,
    RecoveryProposed,
    RoleGranted,
    RoleRevoked,
    StandingChanged,
)
from ledger.block import Header
from ledger.codec import from_plain
from ledger.receipt import Receipt, read_receipt
from ledger.store.interface import Row
from node.api.describe import LEI_CHARS, events_by_name
from node.explorer.index import records
from node.explorer.index.records import LEVELS, Bucket, Series

Read = Callable[[bytes], bytes | None]
"""What is stored under a key already."""

Homes = Callable[[str], str]
"""The state that vouches for a party at the height that is being read; empty if unknown."""

Held = Callable[[str, int, int], Iterable[tuple[str, str, int]]]
"""A party's accounts, units and balances before a place (height, index)."""

PARTY_EVENTS: Final = (
    PartyApplied, StandingChanged, HomeChanged, RoleGranted, RoleRevoked, PolicyChanged,
    KeyRegistered, KeyRevoked, KeyFrozen, KeyExpiring, KeyExpired, RecoveryProposed, RecoveryEnded,
)  # fmt: skip
"""What makes up a party's own history: its standing, its offices, its keys."""


class Block(NamedTuple):
    """A committed block."""

    header: Header
    rows: list[Row]


class Batch:
    """Records of consecutive blocks on top of what is stored.

    ``touched`` are LEIs whose listing may have changed, and ``objects`` the ids that were told of
    for the first time, with the place. Their present records are looked up when the batch is
    stored.
    """

    def __init__(self, chain_id: bytes, stored: Read, home: Homes, held: Held) -> None:
        self.puts: dict[bytes, bytes | None] = {}
        self.touched: set[str] = set()
        self.objects: dict[bytes, tuple[int, int]] = {}
        self.receipts = 0
        self._chain_id = chain_id
        self._stored = stored
        self._home = home
        self._held = held
        self._homes: dict[str, str] = {}

    def add(self, block: Block) -> None:
        """The records of the next block."""
        header = block.header
        first = header.receipts - header.transactions
        refused = 0
        for index, row in enumerate(block.rows):
            receipt = read_receipt(row.receipt)
            refused += not receipt.applied
            where = records.newest(header.height, index)
            if row.wire:
                self._transaction(row, receipt, header.height, index, where)
            self._events(receipt, header.height, index, where)
            self._postings(receipt, header.height)
        self._count_time(header, refused, first)
        self.receipts += len(block.rows)

    def _transaction(
        self, row: Row, receipt: Receipt, height: int, index: int, where: bytes
    ) -> None:
        candidate = read_trusted(self._chain_id, row.wire)
        transaction = candidate.transaction
        numbered = self.count("transactions")
        self.puts[records.NUMBER + records.number(numbered)] = records.place(height, index)
        for name in {op.declaration.name for op in candidate.operations}:
            self.puts[records.named(records.OPERATION, name) + where] = b""
            self.count(f"operation {name}")
        if not receipt.applied:
            self.count(f"refusal {receipt.code}")
        if transaction.reference:
            key = records.named(records.REFERENCE, transaction.reference.casefold())
            self.puts[key + where] = b""
        for op in candidate.operations:
            if _names_goods(op.declaration.name):
                for code in set(named_values(op, _GOODS)):
                    self.puts[records.named(records.GOODS, code) + where] = b""

    def _events(self, receipt: Receipt, height: int, index: int, where: bytes) -> None:
        for plain in receipt.events:
            kind = events_by_name().get(str(plain[0]))
            if kind is None:
                continue
            event = from_plain(plain, kind)
            for subject in subjects_of(event):
                if len(subject) == LEI_CHARS:
                    self.touched.add(subject.decode())
                elif subject not in self.objects and not self._get(records.OBJECT + subject):
                    self.objects[subject] = (height, index)
            if isinstance(event, PARTY_EVENTS):
                self._party(event, height, index, where)

    def _party(self, event: Event, height: int, index: int, where: bytes) -> None:
        lei: str = event.party  # type: ignore[attr-defined]  # all of PARTY_EVENTS have one
        self.puts[records.named(records.KEYS, lei) + where] = b""
        if isinstance(event, PartyApplied):
            self._homes[lei] = event.home
        elif isinstance(event, HomeChanged):
            for account, unit, amount in self._held(lei, height, index):
                kind = kind_of(account).name
                self._move(Series(kind, unit, event.before), -amount, height)
                self._move(Series(kind, unit, event.after), amount, height)
            self._homes[lei] = event.after

    def _postings(self, receipt: Receipt, height: int) -> None:
        for posting in receipt.postings:
            owner = owner_of(posting.account)
            series = Series(kind_of(posting.account).name, posting.unit, self.state_of(owner))
            self._move(series, posting.amount, height)

    def state_of(self, owner: str) -> str:
        """Whose total an owner's accounts belong to, at the height that was read last."""
        if len(owner) == LEI_CHARS:
            found = self._homes.get(owner)
            if found is None:
                found = self._homes[owner] = self._home(owner)
            return found
        return owner if len(owner) == 2 else ""

    @property
    def homes(self) -> dict[str, str]:
        """The states of parties as far as they were asked for or changed."""
        return self._homes

    def _move(self, series: Series, amount: int, height: int) -> None:
        after = records.total(self.total_of(series) + amount)
        self.puts[records.series_prefix(records.TOTAL, series)] = after
        self.puts[records.series_key(series, height)] = after

    def total_of(self, series: Series) -> int:
        """The newest total of what was posted."""
        found = self._get(records.series_prefix(records.TOTAL, series))
        return 0 if found is None else records.read_total(found)

    def count(self, name: str) -> int:
        """Raise a tally by one; returns what it was before."""
        key = records.TALLY + name.encode()
        stored = self._get(key)
        before = 0 if stored is None else records.read_number(stored)
        self.puts[key] = records.number(before + 1)
        return before

    def _count_time(self, header: Header, refused: int, deadlines: int) -> None:
        for length in LEVELS:
            start = header.time - header.time % length
            key = records.bucket_key(length, start)
            stored = self._get(key)
            old = (
                Bucket(start, 0, 0, 0, 0, 0) if stored is None else records.read_bucket(key, stored)
            )
            self.puts[key] = records.bucket_value(
                Bucket(
                    start,
                    old.blocks + 1,
                    old.transactions + header.transactions,
                    old.refused + refused,
                    old.deadlines + deadlines,
                    header.height,
                )
            )

    def _get(self, key: bytes) -> bytes | None:
        found = self.puts.get(key)
        return found if found is not None else self._stored(key)


_GOODS: Final = frozenset({Kind.HS})


@cache
def _names_goods(operation: str) -> bool:
    return any(map(_is_goods, fields_of(declaration_named(operation).kind)))


def _is_goods(field: Field) -> bool:
    return field.kind is Kind.HS or any(map(_is_goods, field.parts))
