"""The ledger's records as JSON, by what their declarations say of each field.

Fields keep the JSON form of the declarations' schemas (integers, hex), so they can be sent back;
the texts of amounts and times stand beside them. The parties that occur are collected, so that an
answer can name them.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from functools import cache
from typing import Any

from contracts.executor import REFERENCE, Candidate, read_trusted
from contracts.framework.authority import DAILY_SPEND
from contracts.framework.calendar import CALENDAR
from contracts.framework.event import Event, name_of, subjects_of
from contracts.framework.fields import fields_of
from contracts.framework.forms import format_amount, format_instant, to_named
from contracts.framework.machine import ITEM, Machine
from contracts.framework.operation import Operation
from contracts.framework.parameters import all_parameters, parameters_table_of
from contracts.framework.party import HOLDING, KEYRING, PARTY
from contracts.framework.posting import BALANCE, owner_of
from contracts.framework.render import words
from contracts.framework.schedule import DEADLINE
from contracts.framework.types import Kind
from contracts.registry import CAPABILITIES
from ledger.block import Header
from ledger.codec import Struct, from_plain
from ledger.receipt import NO_PLACE, Posting, Receipt, read_receipt
from ledger.state import State, Table
from ledger.store.interface import ChainReader, Row
from node.api.models import (
    EventView,
    Money,
    OperationView,
    PostingView,
    ReceiptView,
    RowView,
)
from node.api.words import moment

LEI_CHARS = 20
_TOLD = frozenset({Kind.PARTY, Kind.AMOUNT, Kind.INSTANT})


@cache
def events_by_name() -> dict[str, type[Event]]:
    """The declared kinds of events."""
    return {name_of(event): event for c in CAPABILITIES for event in c.events}


@cache
def tables() -> dict[str, Table[Any]]:
    """The state's tables by name."""
    shared: tuple[Table[Any], ...] = (
        BALANCE, PARTY, KEYRING, HOLDING, ITEM, DEADLINE, DAILY_SPEND, REFERENCE, CALENDAR,
        *(parameters_table_of(kind) for kind in all_parameters().values()),
    )  # fmt: skip
    found = {table.name: table for table in shared}
    found |= {table.name: table for c in CAPABILITIES for table in c.tables}
    return dict(sorted(found.items()))


@cache
def machines() -> dict[str, Machine[Any]]:
    """The declared state machines by name."""
    return {machine.name: machine for c in CAPABILITIES for machine in c.machines}


def money(amount: int, unit: str) -> Money:
    """An amount in minor units of a unit, with its text."""
    return Money(amount=amount, text=format_amount(amount), unit=unit)


class Describer:
    """Turns records of one snapshot into JSON and remembers whom they mention."""

    def __init__(self, reader: ChainReader, chain_id: bytes, language: str = "en") -> None:
        self._state = State(reader)
        self._chain_id = chain_id
        self._language = language
        self._parties: dict[str, None] = {}

    def names(self) -> dict[str, str]:
        """The registered names of the parties mentioned so far, by LEI."""
        found = {lei: self._state.get(PARTY, lei) for lei in sorted(self._parties)}
        return {lei: party.profile.name for lei, party in found.items() if party is not None}

    def name(self, lei: str) -> str:
        """The registered name of a party; of one that is not in the register, its LEI."""
        self.mention(lei)
        party = self._state.get(PARTY, lei)
        return lei if party is None else party.profile.name

    def mention(self, *owners: str) -> None:
        """Remember parties; countries and empty names are no parties."""
        for owner in owners:
            if len(owner) == LEI_CHARS:
                self._parties[owner] = None

    def fields(self, record: Struct) -> tuple[dict[str, Any], dict[str, str]]:
        """A declared structure's fields in their JSON form, and the texts of amounts and times."""
        if not _is_declared(type(record)):
            return _bare(record), {}
        shown: dict[str, str] = {}
        self._look(record, "", shown)
        return to_named(record), shown

    def _look(self, record: Struct, where: str, shown: dict[str, str]) -> None:
        """Note parties, amounts and times anywhere in a structure."""
        for field in fields_of(type(record)):
            value = getattr(record, field.name)
            if value is None or (field.group is None and field.kind not in _TOLD):
                continue
            path = f"{where}{field.name}"
            many = field.many is not None
            for at, item in enumerate(value if many else (value,)):
                here = f"{path}[{at}]" if many else path
                if field.group is not None:
                    self._look(item, f"{here}.", shown)
                elif field.kind is Kind.PARTY:
                    self.mention(item)
                elif field.kind is Kind.AMOUNT:
                    shown[here] = format_amount(item)
                else:
                    shown[here] = format_instant(item)

    def operation(self, op: Operation) -> OperationView:
        """One operation: its name, its words and its fields."""
        declared = op.declaration
        fields, shown = self.fields(op)
        return OperationView(
            name=declared.name,
            text=words(op, self._language, self.name),
            fields=fields,
            shown=shown,
        )

    def event(self, plain: tuple[Any, ...]) -> EventView:
        """One event of a receipt; of a kind unknown to this version, its bare values."""
        name = str(plain[0])
        kind = events_by_name().get(name)
        if kind is None:
            return EventView(name=name, fields={"values": [_bare(item) for item in plain[1:]]})
        fields, shown = self.fields(from_plain(plain, kind))
        return EventView(name=name, fields=fields, shown=shown)

    def posting(self, posting: Posting) -> PostingView:
        """One side of an entry."""
        self.mention(owner_of(posting.account))
        return PostingView(
            account=posting.account,
            amount=money(posting.amount, posting.unit),
            balance=money(posting.balance, posting.unit),
            sequence=posting.sequence,
            previous=None if posting.previous == NO_PLACE else posting.previous,
        )

    def receipt(self, receipt: Receipt, header: Header, index: int) -> ReceiptView:
        """A receipt at its place."""
        deadline = index < header.receipts - header.transactions
        return ReceiptView(
            subject=receipt.subject.hex(),
            kind="deadline" if deadline else "transaction",
            at=header.height,
            index=index,
            time=moment(header.time),
            applied=receipt.applied,
            code=receipt.code,
            reason=receipt.reason,
            field=receipt.field,
            postings=[self.posting(posting) for posting in receipt.postings],
            events=[self.event(event) for event in receipt.events],
        )

    def candidate(self, row: Row) -> Candidate | None:
        """The transaction of a row; None for a deadline."""
        return read_trusted(self._chain_id, row.wire) if row.wire else None

    def operations(self, candidate: Candidate | None) -> list[OperationView]:
        """A transaction's operations; none for a deadline."""
        if candidate is None:
            return []
        self.mention(candidate.transaction.author)
        return [self.operation(op) for op in candidate.operations]

    def row(self, row: Row, header: Header, index: int) -> RowView:
        """A row of a block: what was asked, and what happened."""
        receipt = read_receipt(row.receipt)
        candidate = self.candidate(row)
        return RowView(
            id=receipt.subject.hex(),
            author="" if candidate is None else candidate.transaction.author,
            reference="" if candidate is None else candidate.transaction.reference,
            operations=self.operations(candidate),
            receipt=self.receipt(receipt, header, index),
        )


@cache
def _is_declared(kind: type[Struct]) -> bool:
    """Whether every field of a record has a declared kind; a ballot's terms are any values."""
    try:
        fields_of(kind)
    except TypeError:
        return False
    return True


def _bare(value: Any) -> Any:
    """A value by its shape alone."""
    if isinstance(value, Struct):
        return {name: _bare(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return [_bare(item) for item in value]
    return value


def counterparties(receipt: Receipt, account: str) -> Iterable[str]:
    """Owners of the receipt's other accounts, each once, in the order of its postings."""
    mine = owner_of(account)
    return dict.fromkeys(owner for p in receipt.postings if (owner := owner_of(p.account)) != mine)


def concerns(chain_id: bytes, wire: bytes, receipt: Receipt) -> frozenset[str]:
    """Whom a transaction concerns: its author, owners of accounts it moved, what it tells of."""
    found = {owner_of(posting.account) for posting in receipt.postings}
    if wire:
        found.add(read_trusted(chain_id, wire).transaction.author)
    for plain in receipt.events:
        kind = events_by_name().get(str(plain[0]))
        if kind is not None:
            for subject in subjects_of(from_plain(plain, kind)):
                found.add(subject.decode() if len(subject) == LEI_CHARS else subject.hex())
    return frozenset(found)
