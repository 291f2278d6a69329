"""The whole history of one object or member, as proofs that a tribunal verifies without a node.

:func:`gather` collects what concerns a subject: the newest record of the object and of those
linked to it (a contract's guarantees, lots, disputes and annexes), every receipt whose events name
one of them, what its parties attempted about them in vain, every posting of the accounts that bear
their ids, and the receipts that registered, revoked or froze the keys of whoever signed.
:func:`read` sees only evidence, and tells the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any, Final, NamedTuple

from contracts.annex.records import ANNEX, Annex
from contracts.errors import NOT_FOUND
from contracts.extracts.evidence import Evidence, Gatherer
from contracts.extracts.source import (
    ANNEX_KIND,
    Source,
    events_in,
    object_machines,
    subjects_in,
    tells_of_keys,
)
from contracts.framework.event import Event
from contracts.framework.party import KEYRING, PARTY
from contracts.framework.posting import BALANCE, owner_of
from contracts.genesis import read_application
from contracts.register.events import KeyFrozen, KeyRegistered, KeyRevoked
from contracts.register.records import KEY_OWNER
from ledger.codec import Struct
from ledger.errors import TOO_LARGE, CodedError
from ledger.proof import Summary
from ledger.receipt import Place
from ledger.state import Table
from ledger.transaction import open_envelope

MAX_OBJECTS: Final = 2_000
MEMBER: Final = "member"
_LEI_BYTES: Final = 20
_ID_BYTES: Final = 32


class Object(NamedTuple):
    """An object of the case: its kind, and its newest record, proven at ``height``."""

    kind: str
    id: bytes
    record: Struct
    state: str
    height: int
    time: int


class Step(NamedTuple):
    """A receipt of the case's history and what it tells."""

    place: Place
    summary: Summary
    events: tuple[Event, ...]


class KeyUse(NamedTuple):
    """A signature of the case's history and what the register said of its key at that time.

    ``owner`` is whose key it is, proven for ever; ``name`` and ``expires`` (ms) are those of its
    registration at ``since`` (None: in the genesis document). ``ended`` is when it was revoked or
    frozen, if that happened. ``valid`` says whether it was registered, unexpired and in force.
    """

    place: Place
    key: bytes
    owner: str
    name: str
    since: Place | None
    expires: int
    ended: Place | None
    valid: bool


class Account(NamedTuple):
    """An account of the case of which every posting is here, up to its proven balance."""

    account: str
    unit: str
    postings: int
    balance: int
    height: int


class Case(NamedTuple):
    """What a case says. ``subject`` is an object's id, or a member's LEI as ASCII.

    ``keys`` has an entry for each signature on the ``steps``; ``height`` and ``time`` are of the
    newest block that a proof stands on.
    """

    subject: bytes
    kind: str
    objects: tuple[Object, ...]
    steps: tuple[Step, ...]
    keys: tuple[KeyUse, ...]
    accounts: tuple[Account, ...]
    height: int
    time: int

    @property
    def annexes(self) -> tuple[Object, ...]:
        """The confidential documents among the objects."""
        return tuple(found for found in self.objects if isinstance(found.record, Annex))


# Gathering


def gather(source: Source, subject: bytes) -> Gatherer:
    """The evidence of a case, each proof verified on the way in.

    Raises ``NOT_FOUND`` if there is no such object or member, ``TOO_LARGE`` if more than
    :data:`MAX_OBJECTS` objects hang together, or what reading and verifying raise.
    """
    found = Gatherer(source)
    if len(subject) == _LEI_BYTES:
        places = _gather_member(found, subject.decode())
    else:
        places = _gather_objects(found, subject)
    for place in places:
        found.fetch_receipt(place)
    for signer in sorted(_signers(found)):
        found.fetch(KEY_OWNER, signer)
    parties = {o.lei for k in _signers(found) if (o := found.record(KEY_OWNER, k)) is not None}
    for lei in sorted(parties):
        for place in source.key_events(lei):
            found.fetch_receipt(place)
    for lei in sorted(parties | _parties(found)):
        found.fetch(PARTY, lei)
    return found


def _gather_member(found: Gatherer, lei: str) -> list[Place]:
    if found.fetch(PARTY, lei) is None:
        raise CodedError(NOT_FOUND, f"no party {lei} is in the register")
    found.fetch(KEYRING, lei)
    for account, unit in found.source.accounts(lei):
        for _ in found.walk_back(account, unit):
            pass
    return found.source.concerning(lei.encode())


def _gather_objects(found: Gatherer, root: bytes) -> list[Place]:
    """The object, what its record names, and whatever names one of these, in their records."""
    if not _take(found, root):
        raise CodedError(NOT_FOUND, f"there is no object {root.hex()}")
    known = {root}
    for id in sorted(_mentions(_record(found, root))):
        if _take(found, id):
            known.add(id)
    places: dict[Place, None] = {}
    waiting = sorted(known)
    looked: set[bytes] = set(known)
    while waiting:
        id = waiting.pop(0)
        for place in found.source.concerning(id):
            places[place] = None
            for other in subjects_in(found.fetch_receipt(place).receipt):
                if len(other) != _ID_BYTES or other in looked:
                    continue
                looked.add(other)
                if found.source.kind_of(other) is None or not _take(found, other):
                    continue
                if _mentions(_record(found, other)) & known:
                    known.add(other)
                    waiting.append(other)
                else:
                    _drop(found, other)
        if len(known) > MAX_OBJECTS:
            raise CodedError(TOO_LARGE, f"more than {MAX_OBJECTS} objects hang together here")
    for account, unit in sorted(_bearing(found, known)):
        for _ in found.walk_back(account, unit):
            pass
    _gather_refusals(found, known)
    return list(places)


def _gather_refusals(found: Gatherer, ids: set[bytes]) -> None:
    """What parties of the case attempted about its objects and the ledger refused."""
    for lei in sorted(_parties(found)):
        for place in found.source.refusals(lei):
            known = place in found.summaries
            if not _attempts(found.fetch_receipt(place), ids) and not known:
                found.receipts.pop(place)
                found.summaries.pop(place)


def _attempts(summary: Summary, ids: set[bytes]) -> bool:
    """Whether a transaction was refused and its operations name one of these objects."""
    transaction = summary.transaction
    if summary.receipt.applied or transaction is None:
        return False
    return not ids.isdisjoint(_mentions(transaction.operations))


def _take(found: Gatherer, id: bytes) -> bool:
    """Fetch the record of an object by its id; whether there is one."""
    table = _table(found.source.kind_of(id))
    return table is not None and found.fetch(table, id) is not None


def _table(kind: str | None) -> Table[Any] | None:
    if kind == ANNEX_KIND:
        return ANNEX
    machine = object_machines().get(kind or "")
    return None if machine is None else machine.table


def _drop(found: Evidence, id: bytes) -> None:
    """Forget a record that turned out not to belong to the case."""
    for table in _tables():
        found.records.pop(table.key(id), None)
        found.proved.pop(table.key(id), None)


def _tables() -> list[Table[Any]]:
    return [ANNEX, *(machine.table for machine in object_machines().values())]


def _record(found: Evidence, id: bytes) -> Struct:
    record = next(found.record(t, id) for t in _tables() if found.has(t, id))
    assert isinstance(record, Struct)
    return record


def _mentions(value: Any) -> set[bytes]:
    """Every 32-byte value in a record, at any depth: ids of objects, and digests."""
    if isinstance(value, bytes):
        return {value} if len(value) == _ID_BYTES else set()
    if isinstance(value, Struct):
        parts: Iterator[Any] = (getattr(value, name) for name in value.__struct_fields__)
    elif isinstance(value, tuple):
        parts = iter(value)
    else:
        return set()
    return set().union(*map(_mentions, parts))


def _bearing(found: Evidence, ids: set[bytes]) -> set[tuple[str, str]]:
    """Accounts that bear the id of an object: its claims, its contested money …"""
    ends = tuple(f"/{id.hex()}" for id in ids)
    return {
        (posting.account, posting.unit)
        for summary in found.summaries.values()
        for posting in summary.receipt.postings
        if posting.account.endswith(ends)
    }


def _signers(found: Evidence) -> set[bytes]:
    """The keys of every signature among the receipts."""
    return {
        entry.key
        for proven in found.receipts.values()
        if proven.transaction
        for entry in open_envelope(proven.transaction).signatures
    }


def _parties(found: Evidence) -> set[str]:
    """LEIs that events, postings and authors of the receipts name."""
    named = {
        subject.decode()
        for summary in found.summaries.values()
        for subject in subjects_in(summary.receipt)
        if len(subject) == _LEI_BYTES
    }
    for summary in found.summaries.values():
        named |= {owner_of(posting.account) for posting in summary.receipt.postings}
        if summary.transaction is not None:
            named.add(summary.transaction.author)
    return {owner for owner in named if len(owner) == _LEI_BYTES}


# Reading


def read(evidence: Evidence, subject: bytes) -> Case:
    """What the evidence tells about a subject.

    Raises ``BAD_PROOF`` if a record that belongs to the case, or a posting of one of its accounts,
    is missing.
    """
    objects = tuple(_objects(evidence))
    if len(subject) == _LEI_BYTES:
        kind = MEMBER
        evidence.record(PARTY, subject.decode())
    else:
        kind = next((o.kind for o in objects if o.id == subject), "")
        if not kind:
            raise CodedError(NOT_FOUND, f"the case has no record of its object {subject.hex()}")
    steps = tuple(_steps(evidence, subject, objects))
    registrations = _Keys(evidence)
    newest = max(
        [
            *((p.height, p.time) for p in evidence.proved.values()),
            *((s.summary.height, s.summary.time) for s in steps),
        ]
    )
    return Case(
        subject,
        kind,
        objects,
        steps,
        tuple(use for step in steps for use in registrations.uses(step.place)),
        tuple(_accounts(evidence)),
        *newest,
    )


def _objects(evidence: Evidence) -> Iterator[Object]:
    for name, table in [(ANNEX_KIND, ANNEX), *((n, m.table) for n, m in object_machines().items())]:
        for key, proved in sorted(evidence.proved.items()):
            if not key.startswith(table.prefix) or len(key) != len(table.prefix) + _ID_BYTES:
                continue
            if proved.value is None:
                continue
            record: Any = table.decode(proved.value)
            state = getattr(record, "state", "")
            told = str(state.value) if isinstance(state, Enum) else "sealed"
            id = key[len(table.prefix) :]
            yield Object(name, id, record, told, proved.height, proved.time)


def _steps(evidence: Evidence, subject: bytes, objects: tuple[Object, ...]) -> Iterator[Step]:
    ids = {found.id for found in objects} | {subject}
    ends = tuple(f"/{id.hex()}" for id in ids)
    member = subject.decode() if len(subject) == _LEI_BYTES else ""
    for place in evidence.places():
        summary = evidence.summaries[place]
        author = "" if summary.transaction is None else summary.transaction.author
        concerns = (
            not ids.isdisjoint(subjects_in(summary.receipt))
            or _attempts(summary, ids)
            or (member and member == author)
            or any(
                posting.account.endswith(ends) or owner_of(posting.account) == member
                for posting in summary.receipt.postings
            )
        )
        if concerns:
            yield Step(place, summary, tuple(events_in(summary.receipt)))


def _accounts(evidence: Evidence) -> Iterator[Account]:
    for key, proved in sorted(evidence.proved.items()):
        if not key.startswith(BALANCE.prefix):
            continue
        account, unit, _ = key[len(BALANCE.prefix) :].decode().split("\0")
        movements = evidence.require_whole(account, unit)
        balance = 0 if proved.value is None else BALANCE.decode(proved.value).amount
        yield Account(account, unit, len(movements), balance, proved.height)


class _Registration(NamedTuple):
    place: Place | None
    owner: str
    name: str
    expires: int


class _Keys:
    """What the evidence tells about keys: when each was registered, and when it ended."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._since: dict[bytes, list[_Registration]] = {}
        self._ended: dict[bytes, list[Place]] = {}
        for party in read_application(evidence.genesis.application).parties:
            for key in party.keys:
                entry = _Registration(None, party.lei, key.name, key.expires)
                self._since.setdefault(key.public_key, []).append(entry)
        for place in evidence.places():
            receipt = evidence.summaries[place].receipt
            for event in events_in(receipt) if tells_of_keys(receipt) else ():
                self._take(place, event)

    def _take(self, place: Place, event: Event) -> None:
        if isinstance(event, KeyRegistered):
            entry = _Registration(place, event.party, event.name, event.expires)
            self._since.setdefault(event.public_key, []).append(entry)
        elif isinstance(event, KeyRevoked | KeyFrozen):
            self._ended.setdefault(event.public_key, []).append(place)

    def uses(self, place: Place) -> Iterator[KeyUse]:
        """Each signature on a transaction. A key that is registered by what it signs counts."""
        proven, time = self._evidence.receipts[place], self._evidence.summaries[place].time
        if not proven.transaction:
            return
        for entry in open_envelope(proven.transaction).signatures:
            registered = [r for r in self._since.get(entry.key, ()) if (r.place or (0, 0)) <= place]
            owner = self._evidence.record(KEY_OWNER, entry.key)
            if not registered:
                lei = "" if owner is None else owner.lei
                yield KeyUse(place, entry.key, lei, "", None, 0, None, False)
                continue
            last = registered[-1]
            start = last.place or (0, 0)
            ended = next((p for p in self._ended.get(entry.key, ()) if p >= start), None)
            in_force = ended is None or ended >= place
            yield KeyUse(
                place,
                entry.key,
                last.owner,
                last.name,
                last.place,
                last.expires,
                ended,
                in_force and time < last.expires and owner is not None and owner.lei == last.owner,
            )
