"""Operations made from their declarations: valid-looking fields, with real ids from the state.

Nothing here knows what an operation means. Fields are filled by their kinds and names, authors are
tried until somebody may; so a new capability takes part in the tests without a line about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from enum import Enum
from functools import cache
from random import Random
from typing import Any

from ledger_in_memory import CHAIN, Ledger, key, lei

from contracts.executor import BlockInput, Candidate, Execution, execute_block, read_candidate
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.evidence import DocumentKind, Evidence, evidence_message
from contracts.framework.fields import Field, fields_of
from contracts.framework.machine import ITEM, machines
from contracts.framework.operation import Declaration, Operation, declarations, write_operation
from contracts.framework.parameters import all_parameters
from contracts.framework.party import KEYRING, PARTY, Role
from contracts.framework.types import Kind
from contracts.registry import CAPABILITIES
from ledger.codec import Struct, encode
from ledger.errors import CodedError
from ledger.keys import PrivateKey
from ledger.policy import Key, KeyStatus
from ledger.state import State, Table
from ledger.transaction import KeySignature, SignedTransaction, Transaction

TABLES: dict[str, Table[Any]] = {t.name: t for c in CAPABILITIES for t in c.tables}
STATES = ("BY", "CN", "KZ", "RU")
NAMED = {
    "debt": "request", "order": "standing", "contract": "barter", "lot": "barter.lot",
    "defect": "barter.defect", "chain": "barter.chain", "shift": "barter.shift",
    "amendment": "guarantee.amendment", "payment": "queued", "cycle": "netting.cycle",
    "pledge": "fund.pledge", "application": "fund.application", "tranche": "fund.tranche",
    "entry": "market.entry", "supply": "market.entry", "demand": "market.entry",
    "match": "market.match", "reservation": "market.reservation", "plan": "market.plan",
}  # fmt: skip
"""In which table the object of a field stands, where the two are not called alike."""


@cache
def _classes() -> tuple[str, ...]:
    return tuple(sorted({d.policy for d in declarations().values()}))


_ROLES = {role.value: role for role in Role}
"""Fields that are called like a role mostly name somebody who holds it."""


def ids(state: State, table: Table[Any]) -> list[bytes]:
    """The ids of a table's objects."""
    return [record.id for _, record in state.scan(table) if hasattr(record, "id")]


class Maker:
    """Makes operations on a ledger, from a generator of random numbers."""

    def __init__(self, ledger: Ledger, rng: Random, names: Sequence[str]) -> None:
        self.ledger = ledger
        self.state = ledger.state
        self.rng = rng
        self.names = names
        self.by_lei = {lei(name): name for name in names}

    # Values

    def operation(self, kind: type[Operation], focus: Any = None) -> Operation:
        """An operation of a kind; ``focus`` is a record that it is about, if its fields allow."""
        return self._struct(kind, focus)  # type: ignore[no-any-return]

    def _struct(self, kind: type[Struct], focus: Any) -> Any:
        if kind is Evidence:
            return self.document(focus)
        if kind is Key:
            return self._key()
        values = {}
        for field in fields_of(kind):
            if field.default is not None and not field.required and self.rng.random() < 0.5:
                continue
            values[field.name] = self._field(field, focus)
        return kind(**values)

    def _field(self, field: Field, focus: Any) -> Any:
        rng = self.rng
        if field.optional and rng.random() < 0.5:
            return None
        if field.many is None:
            return self._value(field, focus)
        least, most = field.many
        size = max(least, rng.choice((1, 1, 2)))
        return tuple(self._value(field, focus) for _ in range(min(size, most or size)))

    def _value(self, field: Field, focus: Any) -> Any:
        rng, kind, name = self.rng, field.kind, field.name
        if field.group is not None:
            return self._struct(field.group, focus)
        if field.enum is not None:
            return rng.choice(list(field.enum))
        match kind:
            case Kind.PARTY:
                return self._party(name, focus)
            case Kind.OBJECT:
                return self._object(name, focus)
            case Kind.COUNTRY:
                return rng.choice(STATES)
            case Kind.HS:
                return "848210"
            case Kind.UNIT:
                return "H87"
            case Kind.INCOTERM:
                return "DAP"
            case Kind.AMOUNT:
                return self._amount(field, focus)
            case Kind.INSTANT:
                return self._instant(name, focus)
            case Kind.INTEGER:
                return self._integer(field, focus)
            case Kind.FLAG:
                return rng.random() < 0.7
            case Kind.DIGEST | Kind.BYTES:
                return self._bytes(field, focus)
            case Kind.PUBLIC_KEY:
                return PrivateKey(rng.randbytes(32)).public
            case _:
                return self._text(field, focus)

    def _party(self, name: str, focus: Any) -> str:
        if name in _ROLES and self.rng.random() < 0.8:
            able = [party for _, party in self.state.scan(PARTY) if party.holds(_ROLES[name])]
            if able:
                return self.rng.choice(able).lei  # type: ignore[no-any-return]
        found = getattr(focus, name, None)
        if isinstance(found, str) and len(found) == 20 and self.rng.random() < 0.7:
            return found
        concerned = [v for v in _plain(focus) if isinstance(v, str) and v in self.by_lei]
        if concerned and self.rng.random() < 0.5:
            return self.rng.choice(concerned)
        return lei(self.rng.choice(self.names))

    def _object(self, name: str, focus: Any) -> bytes:
        table = TABLES.get(NAMED.get(name, name)) or TABLES.get(name)
        side = getattr(getattr(focus, "side", None), "value", name)
        if table is not None and side != name and name in {"supply", "demand"}:
            facing = [r.id for _, r in self.state.scan(table) if r.side.value == name]
            if facing:
                return self.rng.choice(facing)
        if focus is not None and hasattr(focus, "id"):
            same = table is not None and isinstance(focus, table.kind)
            if (same or table is None) and self.rng.random() < 0.95:
                return focus.id  # type: ignore[no-any-return]
            held = getattr(focus, name, None)
            if isinstance(held, bytes) and len(held) == 32:
                return held
        known = ids(self.state, table) if table is not None else []
        if not known:
            known = [i for t in TABLES.values() for i in ids(self.state, t)] or [bytes(32)]
        return self.rng.choice(known)

    def _amount(self, field: Field, focus: Any) -> int:
        rng = self.rng
        own = [
            v
            for n in ("remaining", "amount", "limit", "open", "free", field.name)
            if type(v := getattr(focus, n, None)) is int and v > 0
        ]
        if own and rng.random() < 0.6:
            part = rng.choice(own) * rng.choice((1, 1, 3)) // rng.choice((1, 1, 2, 7))
            return min(2**63 - 1, max(1, part))
        return rng.choice((rng.randint(1, 50), rng.randint(1, 5_000), rng.randint(1, 2**62)))

    def _instant(self, name: str, focus: Any) -> int:
        now, rng = self.ledger.time, self.rng
        if name == "valid_from":
            return now
        base = getattr(focus, "due", 0) or now
        base = base if rng.random() < 0.2 else now
        return max(0, base + rng.choice((1, 3, 10, 10, 30, 60, 100, -1)) * MS_PER_DAY)

    def _integer(self, field: Field, focus: Any) -> int:
        least, most = field.bounds
        least, most = least or 0, most or 1_000
        if field.name == "height":
            return self.ledger.height + self.rng.randint(1, 150)
        if field.name == "year":
            return 2026
        quantity = getattr(focus, "remaining", None) or getattr(focus, "quantity", None)
        if field.name in {"quantity", "accepted"} and isinstance(quantity, int) and quantity:
            return min(most, max(least, self.rng.choice((quantity, quantity // 2, 1))))
        small = min(most, least + self.rng.choice((0, 0, 0, 1, 1, 2, 5, 20)))
        return small if self.rng.random() < 0.9 else self.rng.randint(least, most)

    def _bytes(self, field: Field, focus: Any) -> bytes:
        held = getattr(focus, field.name, None)
        if isinstance(held, bytes) and len(held) == 32 and self.rng.random() < 0.9:
            return held
        least, most = field.bounds
        return self.rng.randbytes(max(least or 0, min(most or 48, 48)))

    def _text(self, field: Field, focus: Any) -> str:
        rng, name = self.rng, field.name
        known = {
            "policy": _classes(),
            "operation_class": ("*", *_classes()),
            "capability": tuple(all_parameters()),
            "scope": ("", *STATES),
            "role": ("director", "officer", "accountant"),
            "kind": ("", "debt", "escrow", "guarantee", "barter", "lot", "claim", "money"),
            "order": ("stay demand", "lift stay", "dismiss demand", "freeze", "release"),
        }
        least, most = field.bounds
        if name in known:
            return rng.choice([text for text in known[name] if len(text) >= (least or 0)])
        if name == "name" and focus is not None and isinstance(getattr(focus, "name", None), str):
            return focus.name or "x"
        return ("because of the weather" + "." * (least or 0))[: most or 400]

    def _key(self) -> Key:
        now = self.ledger.time
        public = PrivateKey(self.rng.randbytes(32)).public
        name, role = f"k{self.rng.randrange(9)}", self.rng.choice(("director", "officer"))
        return Key(name, role, public, now, now + 500 * MS_PER_DAY)

    def document(self, focus: Any = None) -> Evidence:
        """A document with a genuine signature by somebody's first key."""
        usual = (DocumentKind.CONSIGNMENT_NOTE, DocumentKind.INSPECTION_REPORT)
        kind = self.rng.choice((*usual, *usual, *DocumentKind))
        digest = self.rng.randbytes(32)
        concerned = [v for v in _plain(focus) if isinstance(v, str) and v in self.by_lei]
        near = self.by_lei[self.rng.choice(concerned)] if concerned else self.names[0]
        issuer = near if self.rng.random() < 0.7 else self.rng.choice(self.names)
        signer = key(issuer)
        signed = evidence_message(CHAIN, kind, digest, lei(issuer))
        return Evidence(kind, digest, lei(issuer), signer.public, signer.sign(signed))

    # Transactions

    def authors(self, declaration: Declaration, focus: Any) -> list[str]:
        """LEIs that may author, those whom the object concerns first."""
        able = [
            party.lei for _, party in self.state.scan(PARTY) if not declaration.by.refusal(party)
        ] or [lei(name) for name in self.names]
        self.rng.shuffle(able)
        concerned = {v for v in _plain(focus) if isinstance(v, str)}
        return sorted(able, key=lambda found: found not in concerned)

    def candidate(self, author: str, op: Operation) -> Candidate:
        """The operation as a transaction, signed by everybody who has to."""
        declaration = op.declaration
        parties = [author]
        if declaration.cosigners is not None:
            with suppress(CodedError):
                parties += declaration.cosigners(self.state, author, op)
        publics = set(declaration.proofs(op)) if declaration.proofs is not None else set()
        for party in parties:
            keyring = self.state.get(KEYRING, party)
            if keyring is not None:
                active = [k for k in keyring.keys if k.status is KeyStatus.ACTIVE]
                publics.update(k.public_key for k in active)
        return transaction(self.ledger, author, op, sorted(publics)[:16])


def transaction(ledger: Ledger, author: str, op: Operation, publics: Sequence[bytes]) -> Candidate:
    """A transaction by an LEI, marked as signed by some public keys."""
    ledger.salt += 1
    content = Transaction(
        CHAIN,
        author,
        (write_operation(op),),
        ledger.time + MS_PER_DAY,
        "",
        ledger.salt.to_bytes(8, "big"),
    )
    signatures = tuple(KeySignature(p, bytes(64)) for p in sorted(publics))
    return read_candidate(CHAIN, encode(SignedTransaction(encode(content), signatures)))


def trial(ledger: Ledger, candidate: Candidate) -> Execution:
    """What a block a second from now would do; nothing is committed."""
    block = BlockInput(CHAIN, ledger.height + 1, ledger.time + 1_000)
    return execute_block(ledger.state, block, [candidate], ledger.recorded.__contains__)


def open_items(state: State) -> list[tuple[str, Any]]:
    """Machines and records of everything open for somebody."""
    found: dict[bytes, tuple[str, Any]] = {}
    for _, item in state.scan(ITEM):
        machine = machines()[item.machine]
        where = machine.table.key(*item.key)
        record = state.record(machine.table, where)
        if record is not None:
            found[where] = (machine.name, record)
    return list(found.values())


@cache
def about(machine: str) -> tuple[Declaration, ...]:
    """Operations with a field for an object of a machine."""
    table = machines()[machine].table.name
    found = []
    for declaration in declarations().values():
        for field in declaration.fields:
            if field.kind is Kind.OBJECT and NAMED.get(field.name, field.name) == table:
                found.append(declaration)
    return tuple(dict.fromkeys(found))


def _plain(value: Any) -> Iterator[Any]:
    """All simple values anywhere in a record."""
    if isinstance(value, Struct):
        for name in value.__struct_fields__:
            yield from _plain(getattr(value, name))
    elif isinstance(value, tuple):
        for item in value:
            yield from _plain(item)
    elif value is not None and not isinstance(value, Enum):
        yield value
