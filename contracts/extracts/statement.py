"""Statements of an account over a period, from proofs that leave no posting out.

An account's postings are numbered, each names the place of the one before (decision 0003), and the
state says how many there are. So a statement is whole if its postings follow each other, the one
before the period and the one after it are there (or the state proves that there is none after), and
each stands in a receipt that a quorum certified. :func:`gather` collects exactly that from a
source; :func:`read` believes nothing else.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from msgspec import Meta

from contracts.extracts.evidence import Evidence, Gatherer, Movement
from contracts.extracts.source import Source
from contracts.framework.operation import Operation, read_operation
from contracts.framework.party import PARTY
from contracts.framework.posting import BALANCE, kind_of, owner_of
from contracts.framework.render import words
from ledger.codec import Struct, Uint, decode, encode
from ledger.errors import BAD_PROOF, TOO_LARGE, CodedError
from ledger.genesis import Genesis
from ledger.proof import ProvenReceipt, ProvenState, Signers

MAX_BYTES = 64 * 1024 * 1024
MAX_ENTRIES = 20_000
"""Postings of one statement. A longer period is several statements, never a shorter one."""


class StatementFile(Struct, tag="iic.statement/1"):
    """The proofs of a statement. The period is ``since <= block time < until`` (ms)."""

    account: Annotated[str, Meta(max_length=256)]
    unit: Annotated[str, Meta(max_length=8)]
    since: Uint
    until: Uint
    receipts: Annotated[tuple[ProvenReceipt, ...], Meta(max_length=MAX_ENTRIES + 2)]
    records: tuple[ProvenState, ...]


class Entry(NamedTuple):
    """One posting: ``amount`` and the ``balance`` after it in minor units, credit positive.

    ``id`` is the transaction's, or the deadline's where there is no ``author``;
    ``counterparties`` are the owners of the receipt's other accounts.
    """

    sequence: int
    time: int
    height: int
    position: int
    id: bytes
    amount: int
    balance: int
    author: str
    reference: str
    counterparties: tuple[str, ...]
    operations: tuple[Operation, ...]


class Statement(NamedTuple):
    """A verified statement.

    ``opening`` and ``closing`` are balances in minor units, credit positive. ``until`` is where
    the period ends: what was asked, or just after the block that proves that nothing followed.
    ``height``, ``time`` and ``state_root`` are of the certified block that closes it, which
    ``signers`` finalized. ``names`` are registered names by LEI.
    """

    network: str
    chain_id: bytes
    account: str
    unit: str
    owner: str
    since: int
    until: int
    opening: int
    closing: int
    entries: tuple[Entry, ...]
    height: int
    time: int
    state_root: bytes
    signers: Signers
    names: dict[str, str]

    def texts(self, entry: Entry, language: str = "en") -> list[str]:
        """The operations of an entry's transaction in words, parties by their names."""
        return [words(op, language, self.names.get) for op in entry.operations]

    @property
    def credits(self) -> list[int]:
        """The amounts that raised the balance."""
        return [e.amount for e in self.entries if e.amount > 0]

    @property
    def debits(self) -> list[int]:
        """The amounts that lowered the balance, below zero."""
        return [e.amount for e in self.entries if e.amount < 0]


def gather(source: Source, account: str, since: int, until: int) -> StatementFile:
    """The proofs of a statement, each verified on the way in.

    Raises ``NOT_FOUND`` if the account was never used, ``TOO_LARGE`` if the period has more than
    :data:`MAX_ENTRIES` postings, or what reading and verifying raise.
    """
    found = Gatherer(source)
    unit = kind_of(account).unit.value
    inside: list[Movement] = []
    before: Movement | None = None
    after: Movement | None = None
    for movement in found.walk_back(account, unit):
        if movement.summary.time >= until:
            after = movement
        elif movement.summary.time >= since:
            inside.append(movement)
        else:
            before = movement
            break
        if len(inside) > MAX_ENTRIES:
            raise CodedError(
                TOO_LARGE,
                f"the period has more than {MAX_ENTRIES} postings; ask for a shorter one",
            )
    kept = [m.place for m in (*inside, before, after) if m is not None]
    balance = [] if after is not None else [found.records[BALANCE.key(account, unit)]]
    parties = {owner_of(account), *(p for m in inside for p in _owners(m))}
    for party in sorted(parties):
        found.fetch_party(party)
    parties = {party for party in parties if found.has(PARTY, party)}
    return StatementFile(
        account,
        unit,
        since,
        until,
        tuple(found.receipts[place] for place in sorted(set(kept))),
        (*balance, *(found.records[PARTY.key(party)] for party in sorted(parties))),
    )


def write(file: StatementFile) -> bytes:
    """The bytes of a statement's proofs."""
    return encode(file)


def read(data: bytes, genesis: Genesis) -> Statement:
    """The statement that proofs make, from the genesis document alone.

    Raises as decoding and verifying raise, and ``BAD_PROOF`` if a posting is missing, at either end
    or in between.
    """
    file = decode(data, StatementFile, limit=MAX_BYTES)
    evidence = Evidence(genesis)
    for receipt in file.receipts:
        evidence.take_receipt(receipt)
    for record in file.records:
        evidence.take_record(record)
    movements = evidence.movements(file.account, file.unit)
    evidence.require_unbroken(movements)
    before = [m for m in movements if m.summary.time < file.since]
    after = [m for m in movements if m.summary.time >= file.until]
    inside = movements[len(before) : len(movements) - len(after)]
    if not before and movements and movements[0].posting.sequence != 1:
        missing = movements[0].posting.sequence - 1
        raise CodedError(BAD_PROOF, f"posting {missing}, before the period, is missing")
    closed = _closed(file, evidence, movements, after)
    first = next(iter(inside or after), None)
    if first is not None:
        opening = first.posting.balance - first.posting.amount
    else:
        opening = before[-1].posting.balance if before else 0
    return Statement(
        network=genesis.network,
        chain_id=genesis.chain_id,
        account=file.account,
        unit=file.unit,
        owner=owner_of(file.account),
        since=file.since,
        until=min(file.until, closed.time + 1) if not after else file.until,
        opening=opening,
        closing=inside[-1].posting.balance if inside else opening,
        entries=tuple(_entry(m, file.account) for m in inside),
        height=closed.height,
        time=closed.time,
        state_root=closed.state_root,
        signers=closed.signers,
        names={
            lei: party.profile.name
            for lei in {owner_of(file.account), *(o for m in inside for o in _owners(m))}
            if evidence.has(PARTY, lei) and (party := evidence.record(PARTY, lei)) is not None
        },
    )


class _Closed(NamedTuple):
    height: int
    time: int
    state_root: bytes
    signers: Signers


def _closed(
    file: StatementFile, evidence: Evidence, movements: list[Movement], after: list[Movement]
) -> _Closed:
    """The certified block that shows that the period has no further posting."""
    if after:
        summary = after[0].summary
        header = evidence.receipts[after[0].place].header
        return _Closed(summary.height, summary.time, header.state_root, summary.signers)
    balance = evidence.record(BALANCE, file.account, file.unit)
    count = 0 if balance is None else balance.count
    reached = movements[-1].posting.sequence if movements else 0
    amount = movements[-1].posting.balance if movements else 0
    if (count, 0 if balance is None else balance.amount) != (reached, amount):
        raise CodedError(
            BAD_PROOF, f"the account has {count} postings, the statement goes to {reached}"
        )
    key = BALANCE.key(file.account, file.unit)
    proved, header = evidence.proved[key], evidence.records[key].finality.header
    return _Closed(header.height, header.time, header.state_root, proved.signers)


def _owners(movement: Movement) -> list[str]:
    """The owners of a receipt's accounts, the statement's own among them, and its author."""
    transaction = movement.summary.transaction
    author = [] if transaction is None else [transaction.author]
    return [*author, *(owner_of(p.account) for p in movement.summary.receipt.postings)]


def _entry(movement: Movement, account: str) -> Entry:
    posting, summary = movement
    transaction = summary.transaction
    operations = () if transaction is None else transaction.operations
    mine = owner_of(account)
    others = dict.fromkeys(owner_of(p.account) for p in summary.receipt.postings)
    return Entry(
        sequence=posting.sequence,
        time=summary.time,
        height=summary.height,
        position=summary.position,
        id=summary.subject,
        amount=posting.amount,
        balance=posting.balance,
        author="" if transaction is None else transaction.author,
        reference="" if transaction is None else transaction.reference,
        counterparties=tuple(owner for owner in others if owner != mine),
        operations=tuple(map(read_operation, operations)),
    )
