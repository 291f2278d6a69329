"""Proofs gathered about something, each verified when it comes in, and what they say together.

An :class:`Evidence` is what travels in a statement or a case file. Whoever receives one takes every
proof in again (:meth:`Evidence.take_receipt`, :meth:`Evidence.take_record`) and reads from the same
methods as whoever gathered it, so both see the same facts or an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

from contracts.errors import NOT_FOUND
from contracts.extracts.source import Source
from contracts.framework.party import PARTY
from contracts.framework.posting import BALANCE
from ledger import proof
from ledger.codec import Struct
from ledger.errors import BAD_PROOF, CodedError
from ledger.genesis import Genesis
from ledger.proof import ProvenReceipt, ProvenState, Signers, Summary
from ledger.receipt import NO_PLACE, Place, Posting
from ledger.state import KeyPart, Table

R = TypeVar("R", bound=Struct)


class Proved(NamedTuple):
    """A record of the state as proven: its bytes (None: there is none), when, and by whom."""

    value: bytes | None
    height: int
    time: int
    signers: Signers


class Movement(NamedTuple):
    """One posting of an account and the receipt that it stands in."""

    posting: Posting
    summary: Summary

    @property
    def place(self) -> Place:
        """Height and receipt index."""
        return (self.summary.height, self.summary.position)


class Evidence:
    """Verified proofs by what they are about."""

    def __init__(self, genesis: Genesis) -> None:
        self.genesis = genesis
        self.receipts: dict[Place, ProvenReceipt] = {}
        self.records: dict[bytes, ProvenState] = {}
        self.summaries: dict[Place, Summary] = {}
        self.proved: dict[bytes, Proved] = {}

    def take_receipt(self, proven: ProvenReceipt) -> Summary:
        """Verify a receipt and keep it; raises as :func:`ledger.proof.verify`."""
        summary = proof.verify(proven, self.genesis)
        place = (summary.height, summary.position)
        self.receipts[place], self.summaries[place] = proven, summary
        return summary

    def take_record(self, proven: ProvenState) -> Proved:
        """Verify a record and keep it; raises as :func:`ledger.proof.verify_state`."""
        signers = proof.verify_state(proven, self.genesis)
        header = proven.finality.header
        proved = Proved(proven.value, header.height, header.time, signers)
        self.records[proven.key], self.proved[proven.key] = proven, proved
        return proved

    def places(self) -> list[Place]:
        """Where the receipts stand, in the order of the ledger."""
        return sorted(self.summaries)

    def record(self, table: Table[R], *parts: KeyPart) -> R | None:
        """A proven record, or None if it is proven that there is none.

        Raises ``BAD_PROOF`` if neither is proven.
        """
        proved = self.proved.get(table.key(*parts))
        if proved is None:
            raise CodedError(BAD_PROOF, f"a record of table {table.name} comes without its proof")
        return None if proved.value is None else table.decode(proved.value)

    def has(self, table: Table[Any], *parts: KeyPart) -> bool:
        """Whether a record, or its absence, is proven."""
        return table.key(*parts) in self.proved

    def name(self, owner: str) -> str:
        """The registered name of a party if its record is here, else what was given."""
        if not self.has(PARTY, owner):
            return owner
        party = self.record(PARTY, owner)
        return owner if party is None else party.profile.name

    def movements(self, account: str, unit: str) -> list[Movement]:
        """The postings of an account among the receipts, in ascending sequence."""
        found = [
            Movement(posting, summary)
            for summary in self.summaries.values()
            for posting in summary.receipt.postings
            if (posting.account, posting.unit) == (account, unit)
        ]
        return sorted(found, key=lambda movement: movement.posting.sequence)

    def require_unbroken(self, movements: list[Movement]) -> None:
        """Raise ``BAD_PROOF`` unless postings follow each other with none left out between them."""
        for before, after in pairwise(movements):
            posting = after.posting
            follows = (
                posting.sequence == before.posting.sequence + 1
                and posting.previous in {before.place, after.place}
                and posting.balance == before.posting.balance + posting.amount
            )
            if not follows:
                raise CodedError(
                    BAD_PROOF,
                    f"{posting.account}: posting {posting.sequence} does not follow "
                    f"posting {before.posting.sequence}",
                )

    def require_whole(self, account: str, unit: str) -> list[Movement]:
        """Every posting of an account up to its proven balance.

        Raises ``BAD_PROOF`` if one is missing.
        """
        balance = self.record(BALANCE, account, unit)
        movements = self.movements(account, unit)
        count = 0 if balance is None else balance.count
        self.require_unbroken(movements)
        reached = movements[-1].posting.sequence if movements else 0
        first = movements[0].posting.sequence if movements else 1
        if first != 1 or reached < count:
            missing = first - 1 if first != 1 else reached + 1
            raise CodedError(
                BAD_PROOF, f"{account}: of {count} postings, number {missing} is missing"
            )
        if balance is not None and movements[count - 1].posting.balance != balance.amount:
            raise CodedError(BAD_PROOF, f"{account}: its postings make another balance")
        return movements


class Gatherer(Evidence):
    """Evidence under way: what is asked for is fetched from a source, once, and verified."""

    def __init__(self, source: Source) -> None:
        super().__init__(source.genesis)
        self.source = source

    def fetch_receipt(self, place: Place) -> Summary:
        """The receipt at a place."""
        if place not in self.summaries:
            summary = self.take_receipt(self.source.receipt(place))
            if (summary.height, summary.position) != place:
                raise CodedError(BAD_PROOF, f"asked for receipt {place}, got another")
        return self.summaries[place]

    def fetch(self, table: Table[R], *parts: KeyPart) -> R | None:
        """The newest record of a key, or None."""
        key = table.key(*parts)
        if key not in self.proved:
            proven = self.source.record(key, table, parts)
            if proven.key != key:
                raise CodedError(BAD_PROOF, "asked for one record, got the proof of another")
            self.take_record(proven)
        return self.record(table, *parts)

    def fetch_party(self, owner: str) -> None:
        """The register's record of a party; countries and the fund have none."""
        if len(owner) == _LEI_CHARS:
            self.fetch(PARTY, owner)

    def walk_back(self, account: str, unit: str) -> Iterator[Movement]:
        """An account's postings, newest first, from its proven balance.

        Raises ``NOT_FOUND`` if it was never used.
        """
        balance = self.fetch(BALANCE, account, unit)
        if balance is None:
            raise CodedError(NOT_FOUND, f"the account {account} was never used")
        place: Place = (balance.height, balance.index)
        sequence = balance.count
        while place != NO_PLACE:
            summary = self.fetch_receipt(place)
            own = [
                posting
                for posting in summary.receipt.postings
                if (posting.account, posting.unit) == (account, unit)
                and posting.sequence <= sequence
            ]
            if not own or own[-1].sequence != sequence:
                raise CodedError(BAD_PROOF, f"{account}: posting {sequence} is not where it should")
            for posting in reversed(own):
                yield Movement(posting, summary)
            sequence = own[0].sequence - 1
            before = own[0].previous
            place = NO_PLACE if sequence == 0 else before


_LEI_CHARS = 20
