"""Tables of a ledger for analytics: each declared once, with its columns and their meaning.

Files for warehouses, their reference page and their tests all follow from these declarations. Rows
come block by block in the ledger's order; a column never changes its meaning or type, and new ones
are only added at the end. Ids and hashes are lower-case hexadecimal text, because engines differ in
how they show bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from contracts.extracts.chart import root_of
from contracts.extracts.source import events_in, subjects_in
from contracts.extracts.walk import Block, Entry
from contracts.framework.event import name_of
from contracts.framework.forms import to_named
from contracts.framework.party import PARTY
from contracts.framework.posting import account_kinds
from contracts.framework.render import words
from ledger.state import State
from ledger.transaction import open_envelope

VERSION: Final = 1
"""Of the schema. It changes only if a column's meaning or type must."""


class Type(StrEnum):
    """What a column holds."""

    TEXT = "text"
    INTEGER = "integer"
    """64 bits, signed."""
    AMOUNT = "amount"
    """Minor units in the rows; files hold decimals with two places."""
    INSTANT = "instant"
    """Milliseconds since the Unix epoch, UTC."""
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Column:
    """One column. A value may be None only if ``optional``."""

    name: str
    type: Type
    meaning: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose rows come from blocks; the first column of each is the block's height."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    rows: Callable[[Block], Iterator[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Listing:
    """A short table of the newest state, for names and classifications."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    rows: Callable[[State], Iterator[tuple[Any, ...]]]


_HEIGHT: Final = Column("height", Type.INTEGER, "Height of the block.")
_POSITION: Final = Column("position", Type.INTEGER, "Number of the receipt in its block, from 0.")
_TIME: Final = Column("time", Type.INSTANT, "Block time.")
_ID: Final = Column("id", Type.TEXT, "The transaction's id, or the deadline's.")


def _blocks(block: Block) -> Iterator[tuple[Any, ...]]:
    header = block.header
    yield (
        header.height,
        header.time,
        block.hash.hex(),
        header.parent.hex(),
        header.view,
        header.epoch,
        header.transactions,
        header.receipts,
        header.state_root.hex(),
    )


def _receipts(block: Block) -> Iterator[tuple[Any, ...]]:
    for entry in block.entries:
        receipt, candidate = entry.receipt, entry.candidate
        transaction = None if candidate is None else candidate.transaction
        yield (
            *_where(entry),
            "deadline" if transaction is None else "transaction",
            None if transaction is None else transaction.author,
            None if transaction is None else transaction.reference,
            None if transaction is None else transaction.valid_until,
            receipt.applied,
            receipt.code or None,
            receipt.reason or None,
            0 if transaction is None else len(transaction.operations),
            len(receipt.postings),
            len(receipt.events),
        )


def _operations(block: Block) -> Iterator[tuple[Any, ...]]:
    for entry in block.entries:
        for number, op in enumerate(entry.candidate.operations if entry.candidate else ()):
            yield *_where(entry), number, op.declaration.name, words(op), _json(to_named(op))


def _signatures(block: Block) -> Iterator[tuple[Any, ...]]:
    for entry in block.entries:
        if entry.candidate is not None:
            for signature in open_envelope(entry.candidate.wire).signatures:
                yield *_where(entry), signature.key.hex()


def _postings(block: Block) -> Iterator[tuple[Any, ...]]:
    for entry in block.entries:
        for number, posting in enumerate(entry.receipt.postings):
            owner, kind, *rest = posting.account.split("/")
            yield (
                *_where(entry),
                number,
                posting.account,
                owner,
                kind,
                "/".join(rest) or None,
                posting.unit,
                posting.amount,
                posting.balance,
                posting.sequence,
            )


def _events(block: Block) -> Iterator[tuple[Any, ...]]:
    for entry in block.entries:
        for number, event in enumerate(events_in(entry.receipt)):
            yield *_where(entry), number, name_of(type(event)), _json(to_named(event))


def _subjects(block: Block) -> Iterator[tuple[Any, ...]]:
    for entry in block.entries:
        for subject in subjects_in(entry.receipt):
            text = subject.decode() if len(subject) == _LEI_BYTES else subject.hex()
            yield *_where(entry), text


def _parties(state: State) -> Iterator[tuple[Any, ...]]:
    for _, party in state.scan(PARTY):
        profile = party.profile
        yield (
            party.lei,
            profile.name,
            profile.kind.value,
            profile.country,
            profile.home,
            party.state.value,
            party.since,
            " ".join(office.name for office in party.offices),
        )


def _kinds(state: State) -> Iterator[tuple[Any, ...]]:
    for kind in account_kinds().values():
        root = root_of(kind).value
        yield kind.name, kind.meaning, kind.unit.value, kind.side.value, kind.money, root


def _where(entry: Entry) -> tuple[int, int, int, str]:
    return entry.height, entry.position, entry.time, entry.receipt.subject.hex()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


_LEI_BYTES: Final = 20
_PLACE: Final = (_HEIGHT, _POSITION, _TIME, _ID)

TABLES: Final = (
    Table(
        "blocks",
        "One row for each block from 1.",
        (
            _HEIGHT,
            _TIME,
            Column("hash", Type.TEXT, "Hash of the header: the block's name."),
            Column("parent", Type.TEXT, "Hash of the block before."),
            Column("view", Type.INTEGER, "View of consensus in which it was proposed."),
            Column("epoch", Type.INTEGER, "Epoch of the validators who finalized it."),
            Column("transactions", Type.INTEGER, "Recorded transactions."),
            Column("receipts", Type.INTEGER, "Receipts: of deadlines and transactions."),
            Column("state_root", Type.TEXT, "Root of the state after it."),
        ),
        _blocks,
    ),
    Table(
        "receipts",
        "One row for each transaction that was recorded and each deadline that fired.",
        (
            *_PLACE,
            Column("kind", Type.TEXT, "`transaction` or `deadline`."),
            Column("author", Type.TEXT, "LEI of the author.", optional=True),
            Column("reference", Type.TEXT, "The author's reference.", optional=True),
            Column("valid_until", Type.INSTANT, "End of the validity window.", optional=True),
            Column("applied", Type.FLAG, "Whether it took effect."),
            Column("code", Type.TEXT, "Code of the refusal.", optional=True),
            Column("reason", Type.TEXT, "Reason of the refusal.", optional=True),
            Column("operations", Type.INTEGER, "How many operations it has."),
            Column("postings", Type.INTEGER, "How many postings it booked."),
            Column("events", Type.INTEGER, "How many events it tells."),
        ),
        _receipts,
    ),
    Table(
        "operations",
        "One row for each operation of a recorded transaction, refused ones included.",
        (
            *_PLACE,
            Column("number", Type.INTEGER, "Number within the transaction, from 0."),
            Column("name", Type.TEXT, "Name of the operation."),
            Column("words", Type.TEXT, "The operation in words, in English."),
            Column("fields", Type.TEXT, "Its fields as JSON: integers in minor units, hex."),
        ),
        _operations,
    ),
    Table(
        "signatures",
        "One row for each signature on a recorded transaction.",
        (*_PLACE, Column("key", Type.TEXT, "The Ed25519 public key that signed.")),
        _signatures,
    ),
    Table(
        "postings",
        "One row for each side of a movement of value. In each receipt each unit sums to zero.",
        (
            *_PLACE,
            Column("number", Type.INTEGER, "Number within the receipt, from 0."),
            Column("account", Type.TEXT, "The account: owner/kind or owner/kind/reference."),
            Column("owner", Type.TEXT, "LEI, country or FUND that owns it."),
            Column("kind", Type.TEXT, "Kind of account; see `account_kinds`."),
            Column("account_reference", Type.TEXT, "What else tells it apart.", optional=True),
            Column("unit", Type.TEXT, "SCU, GV, or a memo unit."),
            Column("amount", Type.AMOUNT, "What moved; a credit is positive."),
            Column("balance", Type.AMOUNT, "The account's balance after it."),
            Column("sequence", Type.INTEGER, "Number among the account's postings, from 1."),
        ),
        _postings,
    ),
    Table(
        "events",
        "One row for each event that a receipt tells.",
        (
            *_PLACE,
            Column("number", Type.INTEGER, "Number within the receipt, from 0."),
            Column("name", Type.TEXT, "Name of the event."),
            Column("fields", Type.TEXT, "Its fields as JSON: integers in minor units, hex."),
        ),
        _events,
    ),
    Table(
        "subjects",
        "One row for each party or object that the events of a receipt name.",
        (*_PLACE, Column("subject", Type.TEXT, "An LEI, or an object's id.")),
        _subjects,
    ),
)
LISTINGS: Final = (
    Listing(
        "parties",
        "Every party of the register as it stands at the newest block.",
        (
            Column("lei", Type.TEXT, "Its LEI (ISO 17442)."),
            Column("name", Type.TEXT, "Registered name."),
            Column("kind", Type.TEXT, "National, foreign, joint venture …"),
            Column("country", Type.TEXT, "Country of registration (ISO 3166-1)."),
            Column("home", Type.TEXT, "State that vouches for it (ISO 3166-1)."),
            Column("standing", Type.TEXT, "Its standing in the register."),
            Column("since", Type.INSTANT, "When the standing began."),
            Column("offices", Type.TEXT, "Offices that it holds, separated by spaces."),
        ),
        _parties,
    ),
    Listing(
        "account_kinds",
        "The chart of accounts.",
        (
            Column("kind", Type.TEXT, "Name, as in `postings.kind`."),
            Column("meaning", Type.TEXT, "What such an account holds."),
            Column("unit", Type.TEXT, "What it is counted in."),
            Column("side", Type.TEXT, "Side of zero on which its balance stays."),
            Column("money", Type.FLAG, "Whether it counts as a member's money."),
            Column("root", Type.TEXT, "Its root in journals of plain-text accounting."),
        ),
        _kinds,
    ),
)
