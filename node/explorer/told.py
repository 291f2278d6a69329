"""Receipts in words: what was asked, what happened, and to whom, from the declarations alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

from contracts.executor import Candidate, read_trusted
from contracts.framework.event import Event
from contracts.framework.operation import Declaration, Operation
from contracts.framework.party import KEYRING
from contracts.framework.posting import owner_of
from contracts.framework.render import PLACE, words
from contracts.register.records import KEY_OWNER
from ledger.block import Header
from ledger.codec import from_plain
from ledger.errors import PRUNED, CodedError
from ledger.receipt import Receipt, read_receipt
from node.api import cursors
from node.api.describe import events_by_name
from node.api.histories import HISTORY, cursor_after, resumed, tracks_of
from node.api.history import merged
from node.api.words import pruned
from node.explorer.cells import APPLIED
from node.explorer.facts import Line, lines_of
from node.explorer.language import msg
from node.explorer.table import Slice, place_text
from node.explorer.view import View


class Told:
    """One receipt at its place, with the transaction that it answers, if it answers one."""

    def __init__(self, view: View, header: Header, index: int) -> None:
        row = view.reader.row(header.height, index)
        assert row is not None, "a place that an index names is in the store"
        self._view = view
        self.header = header
        self.index = index
        self.receipt: Receipt = read_receipt(row.receipt)
        self.candidate: Candidate | None = (
            read_trusted(view.chain_id, row.wire) if row.wire else None
        )

    @property
    def place(self) -> tuple[int, int]:
        """Height and receipt index."""
        return self.header.height, self.index

    @property
    def path(self) -> str:
        """The page about it."""
        if self.candidate is None:
            return f"/blocks/{self.header.height}/{self.index}"
        return f"/transactions/{self.receipt.subject.hex()}"

    @property
    def author(self) -> str | None:
        """Who made the transaction; None for a deadline."""
        return None if self.candidate is None else self.candidate.transaction.author

    @property
    def reference(self) -> str:
        """The author's own reference."""
        return "" if self.candidate is None else self.candidate.transaction.reference

    @property
    def outcome(self) -> str:
        """``applied``, or the code of the refusal."""
        return self.receipt.code or APPLIED

    @cached_property
    def owners(self) -> tuple[str, ...]:
        """Whose accounts it moved, in the order of its postings."""
        return tuple(dict.fromkeys(owner_of(p.account) for p in self.receipt.postings))

    @cached_property
    def sentence(self) -> str:
        """What was stated, or for a deadline what it told."""
        view = self._view
        if self.candidate is None:
            told = dict.fromkeys(view.event(str(plain[0])) for plain in self.receipt.events)
            passed = view.text(msg("A time limit passed"))
            return f"{passed}: {'; '.join(told)}" if told else passed
        return "; ".join(words(op, view.language, view.name) for op in self.candidate.operations)


def told_at(view: View, place: tuple[int, int]) -> Told:
    """The receipt of a place; raises ``NO_SUCH_RESOURCE`` or ``PRUNED``.

    Read once for each page: a long payment fills many rows of its payer's account.
    """
    key = ("told", place)
    if key not in view.memo:
        height, index = place
        header = view.reader.header(height) if height <= view.head.height else None
        if header is None or index >= header.receipts:
            raise view.missing(f"receipt {str(index)[:20]} of block {str(height)[:20]}")
        if height < view.base:
            raise pruned(view.base)
        view.memo[key] = Told(view, header, index)
    told: Told = view.memo[key]
    return told


def told_slice(view: View, places: Sequence[tuple[int, int]], limit: int) -> Slice:
    """Receipts of places in the index, newest first, as far as this node holds them."""
    rows = [told_at(view, place) for place in places if place[0] >= view.base]
    whole = len(rows) == len(places) == limit
    more = place_text(places[-1]) if whole else ""
    return Slice(rows, more, torn=view.base > 0 and not more)


def operation_title(declared: Declaration, language: str) -> str:
    """What an operation is called: its title, or in other languages its sentence without values."""
    sentence = declared.text.get(language)
    if language == "en" or sentence is None:
        return declared.title
    return re.sub(r"\s+", " ", PLACE.sub("…", sentence)).strip(" ….,:;")


class Happened(NamedTuple):
    """An event in words."""

    name: str
    title: str
    meaning: str
    lines: list[Line]


def events_of(view: View, receipt: Receipt) -> list[Happened]:
    """What a receipt tells besides its postings."""
    found = []
    for plain in receipt.events:
        name = str(plain[0])
        kind = events_by_name().get(name)
        meaning = "" if kind is None else (kind.__doc__ or "").strip().split("\n")[0]
        lines = [] if kind is None else _event_lines(view, kind, plain)
        found.append(Happened(name, view.event(name), meaning, lines))
    return found


def _event_lines(view: View, kind: type[Event], plain: tuple[Any, ...]) -> list[Line]:
    return lines_of(view, from_plain(plain, kind))


class Asked(NamedTuple):
    """An operation of a transaction: its name, its title, its words and its fields."""

    name: str
    title: str
    sentence: str
    lines: list[Line]


def asked(view: View, op: Operation) -> Asked:
    """An operation for a person to read."""
    return Asked(
        op.declaration.name,
        operation_title(op.declaration, view.language),
        words(op, view.language, view.name),
        lines_of(view, op),
    )


class Signer(NamedTuple):
    """Who signed: the key's owner and its name in the owner's keyring, as far as known now."""

    lei: str | None
    name: str
    key: bytes


def signers_of(view: View, candidate: Candidate) -> list[Signer]:
    """The keys that signed a transaction."""
    found = []
    for key in candidate.signers:
        owner = view.state.get(KEY_OWNER, key)
        lei = None if owner is None else owner.lei
        keyring = None if lei is None else view.state.get(KEYRING, lei)
        known = () if keyring is None else keyring.keys
        name = next((one.name for one in known if one.public_key == key), "")
        found.append(Signer(lei, name, key))
    return found


def counterparties(view: View, told: Told) -> tuple[str, ...]:
    """Parties whose accounts a receipt moved, but its author."""
    return tuple(o for o in told.owners if o != told.author and view.party(o) is not None)


def history_slice(view: View, subject: str | bytes, cursor: str, limit: int) -> Slice:
    """Receipts that concern a party (its LEI) or an object (its id), newest first."""
    name = subject.encode() if isinstance(subject, str) else subject
    tracks = tracks_of(view.reader, subject) if isinstance(subject, str) else []
    before = None
    if cursor:
        place = cursors.read(cursor, HISTORY, name)
        before, tracks = (place.height, place.index), resumed(place)
    rows: list[Told] = []
    try:
        for found in merged(view.reader, name, before, tracks):
            rows.append(told_at(view, (found.height, found.position)))
            if len(rows) == limit:
                return Slice(rows, cursor_after(name, found))
    except CodedError as error:
        if error.code is not PRUNED:
            raise
        return Slice(rows, torn=True)
    return Slice(rows)
