"""Where proofs come from: a store on disk here, a node's API in ``cli``, one protocol for both.

A source finds and hands over; what it hands over is believed only as far as it is proven. What it
finds by an index (:meth:`Source.concerning`, :meth:`Source.accounts`, :meth:`Source.kind_of`) is
not proven: the ledger commits to receipts and to its state, not to a node's indexes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, Final, Protocol, TypeVar

from contracts.annex.records import ANNEX
from contracts.errors import NOT_FOUND
from contracts.framework.event import Event, name_of, subjects_of
from contracts.framework.machine import Machine, machines
from contracts.framework.party import PARTY
from contracts.framework.posting import accounts_of
from contracts.register.events import KeyExpired, KeyFrozen, KeyRegistered, KeyRevoked
from contracts.registry import CAPABILITIES
from ledger.codec import Struct, from_plain
from ledger.errors import CodedError
from ledger.genesis import Genesis
from ledger.proof import ProvenReceipt, ProvenState
from ledger.receipt import Place, Receipt, read_receipt
from ledger.state import State, Table
from ledger.store.chain import Store
from ledger.store.interface import ChainReader
from ledger.store.proofs import BlockProofs, prove_state

R = TypeVar("R", bound=Struct)
T = TypeVar("T")

ANNEX_KIND: Final = "annex"
"""What :meth:`Source.kind_of` says of an annex, which is no state machine."""
_PAGE: Final = 500
_KEY_EVENTS: Final = frozenset(
    name_of(event) for event in (KeyRegistered, KeyRevoked, KeyFrozen, KeyExpired)
)


class Source(Protocol):
    """Proofs of one ledger."""

    @property
    def genesis(self) -> Genesis:
        """The document from which everything is verified."""
        ...

    def receipt(self, place: Place) -> ProvenReceipt:
        """The receipt at a place; raises ``NOT_CERTIFIED`` or what reading raises."""
        ...

    def record(self, key: bytes, table: Table[Any], parts: tuple[Any, ...]) -> ProvenState:
        """The newest record of a key (``table.key(*parts)``), or its absence."""
        ...

    def concerning(self, subject: bytes) -> list[Place]:
        """Places of receipts whose events name an LEI (as ASCII) or an object, oldest first."""
        ...

    def key_events(self, lei: str) -> list[Place]:
        """Places of receipts that tell of a party's keys, oldest first."""
        ...

    def refusals(self, lei: str) -> list[Place]:
        """Places of receipts that refuse a transaction of a party, oldest first."""
        ...

    def accounts(self, owner: str) -> list[tuple[str, str]]:
        """Accounts of an owner and their units."""
        ...

    def party_named(self, name: str) -> str | None:
        """The LEI of the party with a registered name, or None if not exactly one has it."""
        ...

    def kind_of(self, id: bytes) -> str | None:
        """The name of the machine whose object has this id, ``annex``, or None."""
        ...


@cache
def event_kinds() -> dict[str, type[Event]]:
    """The declared kinds of events by published name."""
    return {name_of(event): event for c in CAPABILITIES for event in c.events}


def events_in(receipt: Receipt) -> Iterator[Event]:
    """The events of a receipt that this version knows, as typed values."""
    for plain in receipt.events:
        kind = event_kinds().get(str(plain[0]))
        if kind is not None:
            yield from_plain(plain, kind)


def subjects_in(receipt: Receipt) -> list[bytes]:
    """What a receipt's events name: LEIs as ASCII, ids of objects, each once, in order."""
    return list(dict.fromkeys(s for event in events_in(receipt) for s in subjects_of(event)))


def key_event_names() -> frozenset[str]:
    """The published names of events about keys."""
    return _KEY_EVENTS


def tells_of_keys(receipt: Receipt) -> bool:
    """Whether a receipt registers, revokes or freezes a key, or tells that one expired."""
    return any(plain[0] in _KEY_EVENTS for plain in receipt.events)


@cache
def object_machines() -> dict[str, Machine[Any]]:
    """Machines whose objects have an id of their own, by name."""
    return {n: m for n, m in machines().items() if m.table.kind.__struct_fields__[0] == "id"}


class StoreSource:
    """A store on disk, read beside the node that writes it: one short snapshot for each answer."""

    def __init__(self, store: Store, genesis: Genesis) -> None:
        self._store = store
        self._block: BlockProofs | None = None
        self.genesis = genesis

    def _ask(self, question: Callable[[ChainReader], T]) -> T:
        snapshot: AbstractContextManager[ChainReader] = self._store.snapshot()
        with snapshot as reader:
            return question(reader)

    def receipt(self, place: Place) -> ProvenReceipt:
        """The receipt at a place."""
        height, index = place
        if self._block is None or self._block.height != height:
            if self._store.header(height) is None:
                raise no_receipt(place)
            # An account's postings often lie side by side: the block's trees serve them all.
            self._block = self._ask(lambda reader: BlockProofs(reader, height))
        found = self._block.receipt(index)
        if found is None:
            raise no_receipt(place)
        return found

    def record(self, key: bytes, table: Table[Any], parts: tuple[Any, ...]) -> ProvenState:
        """The newest record of a key, or its absence."""
        return self._ask(lambda reader: prove_state(reader, key))

    def concerning(self, subject: bytes) -> list[Place]:
        """Places that concern a subject, oldest first."""
        found: list[Place] = []
        while True:
            before = found[-1] if found else None
            page = self._store.events_of(subject, before=before, limit=_PAGE)
            found += page
            if len(page) < _PAGE:
                return found[::-1]

    def key_events(self, lei: str) -> list[Place]:
        """Places of receipts that tell of a party's keys, oldest first."""
        return self._those(lei, tells_of_keys)

    def refusals(self, lei: str) -> list[Place]:
        """Places of receipts that refuse a transaction of a party, oldest first."""
        return self._those(lei, lambda receipt: not receipt.applied)

    def _those(self, lei: str, wanted: Callable[[Receipt], bool]) -> list[Place]:
        return [
            place
            for place in self.concerning(lei.encode())
            if (row := self._store.row(*place)) is not None and wanted(read_receipt(row.receipt))
        ]

    def accounts(self, owner: str) -> list[tuple[str, str]]:
        """Accounts of an owner and their units."""
        return self._ask(
            lambda reader: [(a, unit.value) for a, unit, _ in accounts_of(State(reader), owner)]
        )

    def party_named(self, name: str) -> str | None:
        """The LEI of the party with a registered name."""

        def look(reader: ChainReader) -> list[str]:
            parties = (party for _, party in State(reader).scan(PARTY))
            return [p.lei for p in parties if p.profile.name.casefold() == name.casefold()]

        found = self._ask(look)
        return found[0] if len(found) == 1 else None

    def kind_of(self, id: bytes) -> str | None:
        """The kind of the object with this id."""

        def look(reader: ChainReader) -> str | None:
            for name, machine in object_machines().items():
                if reader.get(machine.table.key(id)) is not None:
                    return name
            return None if reader.get(ANNEX.key(id)) is None else ANNEX_KIND

        return self._ask(look)


def no_receipt(place: Place) -> CodedError:
    """The error for a place that holds no receipt."""
    return CodedError(NOT_FOUND, f"block {place[0]} has no receipt {place[1]}")
