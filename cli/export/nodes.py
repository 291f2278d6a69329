"""A node's API as a source of proofs: whatever it says is verified, whoever it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

from cli import calls
from cli.calls import Call
from cli.client import Client
from cli.errors import BAD_ANSWER
from contracts.annex.records import ANNEX
from contracts.extracts.source import ANNEX_KIND, key_event_names, no_receipt
from ledger import proof
from ledger.errors import CodedError
from ledger.genesis import Genesis
from ledger.proof import ProvenReceipt, ProvenState
from ledger.receipt import Place
from ledger.state import Table
from node.api.models import HistoryPage, RowView

_PAGE = 200
_LEI_CHARS = 20


class _Page(Protocol):
    @property
    def next(self) -> str: ...


P = TypeVar("P", bound=_Page)


class NodeSource:
    """Proofs from a node; several addresses are tried in turn."""

    def __init__(self, client: Client, genesis: Genesis) -> None:
        self._client = client
        self.genesis = genesis

    def receipt(self, place: Place) -> ProvenReceipt:
        """The receipt at a place."""
        found = proof.read(self._client.do(calls.inclusion_proof(*place)))
        if not isinstance(found, ProvenReceipt):
            raise no_receipt(place)
        return found

    def record(self, key: bytes, table: Table[Any], parts: tuple[Any, ...]) -> ProvenState:
        """The newest record of a key, or its absence."""
        found = proof.read(self._client.do(calls.state_proof(table.name, parts)))
        if not isinstance(found, ProvenState):
            raise CodedError(BAD_ANSWER, "the node's answer is no proof of a record")
        return found

    def concerning(self, subject: bytes) -> list[Place]:
        """Places that concern a subject, oldest first."""
        return [_place(row) for row in self._history(subject)][::-1]

    def key_events(self, lei: str) -> list[Place]:
        """Places of receipts that tell of a party's keys, oldest first."""
        names = key_event_names()
        return [
            _place(row)
            for row in self._history(lei.encode())
            if any(event.name in names for event in row.receipt.events)
        ][::-1]

    def refusals(self, lei: str) -> list[Place]:
        """Places of receipts that refuse a transaction of a party, oldest first."""
        rows = self._history(lei.encode())
        return [_place(row) for row in rows if not row.receipt.applied][::-1]

    def accounts(self, owner: str) -> list[tuple[str, str]]:
        """Accounts of an owner and their units."""
        pages = self._pages(lambda cursor: calls.accounts(owner, cursor=cursor, limit=_PAGE))
        return [(view.account, view.balance.unit) for page in pages for view in page.accounts]

    def party_named(self, name: str) -> str | None:
        """The LEI of the party with a registered name, as the node says."""
        pages = self._pages(lambda cursor: calls.parties(name, cursor=cursor, limit=_PAGE))
        found = [
            view.lei
            for page in pages
            for view in page.parties
            if view.name.casefold() == name.casefold()
        ]
        return found[0] if len(found) == 1 else None

    def kind_of(self, id: bytes) -> str | None:
        """The kind of the object with this id, as the node says."""
        try:
            return self._client.do(calls.object(id)).machine
        except CodedError as error:
            if error.code.name != "NOT_FOUND":
                raise
        annex = self.record(ANNEX.key(id), ANNEX, (id,))
        return None if annex.value is None else ANNEX_KIND

    def _history(self, subject: bytes) -> Iterator[RowView]:
        """Rows that concern a subject, newest first."""

        def ask(cursor: str) -> Call[HistoryPage]:
            if len(subject) == _LEI_CHARS:
                return calls.history(subject.decode(), cursor=cursor, limit=_PAGE)
            return calls.object_history(subject, cursor=cursor, limit=_PAGE)

        for page in self._pages(ask):
            yield from page.entries

    def _pages(self, ask: Callable[[str], Call[P]]) -> Iterator[P]:
        cursor = ""
        while True:
            page = self._client.do(ask(cursor))
            yield page
            cursor = page.next
            if not cursor:
                return


def _place(row: RowView) -> Place:
    return (row.receipt.at, row.receipt.index)
