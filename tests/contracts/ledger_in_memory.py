"""A ledger of one process: genesis, keys, transactions and blocks, without network or disk.

Whole transactions go through the same reading, admission and execution as in a node; only
signatures are not made, because the executor leaves verifying them to the node.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from contracts.executor import BlockInput, Candidate, Execution, execute_block, read_candidate
from contracts.framework.calendar import MS_PER_DAY, Calendar
from contracts.framework.event import Event
from contracts.framework.operation import Operation, write_operation
from contracts.framework.party import Office, PartyKind, Profile, Role
from contracts.genesis import ApplicationGenesis, GenesisParty, application_genesis, found
from contracts.indexes import indexes_of
from ledger.codec import Struct, encode
from ledger.keys import PrivateKey
from ledger.policy import ANY, Key, Requirement, Rule
from ledger.receipt import Receipt
from ledger.state import MemoryMap, Overlay, State
from ledger.store.interface import Row
from ledger.transaction import KeySignature, SignedTransaction, Transaction
from ledger.validators import ValidatorSet

CHAIN = bytes(range(32))
START = 20_500 * MS_PER_DAY + 9 * 3_600_000
"""A Monday in 2026, 09:00 UTC."""
STATES = ("BY", "CN", "KZ", "RU")


@cache
def lei(name: str) -> str:
    """A valid LEI made from a name."""
    body = ("".join(c for c in name.upper() if c.isalnum()) + "0" * 18)[:18]
    digits = "".join(str(int(c, 36)) for c in body + "00")
    return f"{body}{98 - int(digits) % 97:02}"


@cache
def key(name: str) -> PrivateKey:
    """A private key that belongs to a name."""
    return PrivateKey(name.encode().ljust(32, b"\0")[:32])


def named_key(name: str, role: str = "director", *, days: int = 1_000, now: int = START) -> Key:
    """A registrable key whose private part is ``key(name)``."""
    short = name.rsplit("/", maxsplit=1)[-1]
    return Key(short, role, key(name).public, now, now + days * MS_PER_DAY)


ONE_DIRECTOR = (Rule(ANY, (Requirement("director", 1),)),)


def member(
    name: str,
    country: str = "KZ",
    *,
    kind: PartyKind = PartyKind.NATIONAL,
    offices: tuple[Office, ...] = (),
    keys: tuple[Key, ...] | None = None,
    rules: tuple[Rule, ...] = ONE_DIRECTOR,
) -> GenesisParty:
    """A party of genesis with one director key, or others."""
    profile = Profile(name, kind, country, country)
    return GenesisParty(lei(name), profile, offices, keys or (named_key(name),), rules)


def institutions() -> list[GenesisParty]:
    """A registrar, a tribunal, and a guarantor and issuer for each of four states."""
    parties = [
        member("registrar", "KZ", kind=PartyKind.INSTITUTION, offices=(Office(Role.REGISTRAR),)),
        member("tribunal", "KZ", kind=PartyKind.INSTITUTION, offices=(Office(Role.TRIBUNAL),)),
    ]
    for state in STATES:
        for role in (Role.GUARANTOR, Role.ISSUER):
            parties.append(
                member(
                    f"{role.value}{state}",
                    state,
                    kind=PartyKind.INSTITUTION,
                    offices=(Office(role, state),),
                )
            )
    return parties


CALENDAR = Calendar("test-1", (5, 6), (20_507, 20_520), 40_000)


@dataclass
class Ledger:
    """Blocks one after the other over a map in memory."""

    genesis: ApplicationGenesis
    time: int = START
    height: int = 0
    base: MemoryMap = field(default_factory=MemoryMap)
    recorded: set[bytes] = field(default_factory=set)
    last: Execution | None = None
    receipts: list[tuple[int, Receipt]] = field(default_factory=list)
    salt: int = 0
    validators: ValidatorSet | None = None

    def __post_init__(self) -> None:
        self.base.apply(found(self.genesis, self.time, self.validators).changes())

    @property
    def state(self) -> State:
        """The committed state."""
        return State(self.base)

    def candidate(
        self,
        author: str,
        *ops: Operation,
        signers: tuple[str, ...] | None = None,
        valid: int = MS_PER_DAY,
        reference: str = "",
    ) -> Candidate:
        """A transaction by a party (a name), signed by the keys of some names."""
        self.salt += 1
        transaction = Transaction(
            CHAIN,
            lei(author),
            tuple(write_operation(op) for op in ops),
            self.time + valid,
            reference,
            self.salt.to_bytes(8, "big"),
        )
        publics = sorted(key(s).public for s in (signers if signers is not None else (author,)))
        signed = SignedTransaction(
            encode(transaction), tuple(KeySignature(p, bytes(64)) for p in publics)
        )
        return read_candidate(CHAIN, encode(signed))

    def block(self, *candidates: Candidate, after: int = 1_000) -> Execution:
        """Execute and commit a block ``after`` ms later."""
        self.time += after
        self.height += 1
        execution = execute_block(
            self.state,
            BlockInput(CHAIN, self.height, self.time),
            candidates,
            self.recorded.__contains__,
        )
        self.base.apply(execution.overlay.changes())
        self.recorded.update(c.id for c in execution.included)
        self.receipts += [(self.height, receipt) for receipt in execution.receipts]
        assert not execution.defects, execution.defects
        assert_indexes_follow_from_rows(self.height, execution)
        self.last = execution
        return execution

    def do(
        self, author: str, *ops: Operation, signers: tuple[str, ...] | None = None, **more: Any
    ) -> Receipt:
        """Execute one transaction in a block of its own; its receipt.

        A dropped transaction raises its error.
        """
        execution = self.block(self.candidate(author, *ops, signers=signers, **more))
        if execution.dropped:
            raise execution.dropped[0][1]
        return execution.receipts[-1]

    def must(
        self, author: str, *ops: Operation, signers: tuple[str, ...] | None = None, **more: Any
    ) -> Receipt:
        """As :meth:`do`, and it is applied."""
        receipt = self.do(author, *ops, signers=signers, **more)
        assert receipt.applied, (receipt.code, receipt.reason, receipt.field)
        return receipt

    def later(self, ms: int) -> Execution:
        """An empty block ``ms`` later."""
        return self.block(after=ms)

    def overlay(self) -> Overlay:
        """A scratch overlay over the committed state."""
        return Overlay(self.state)


def assert_indexes_follow_from_rows(height: int, execution: Execution) -> None:
    """What execution indexes is what a newcomer makes from the rows alone."""
    fired = len(execution.receipts) - len(execution.included)
    wires = [b""] * fired + [candidate.wire for candidate in execution.included]
    rows = [Row(wire, encode(r)) for wire, r in zip(wires, execution.receipts, strict=True)]
    made = indexes_of(height, rows)
    assert made.ids == [(fired + i, c.id) for i, c in enumerate(execution.included)]
    assert (made.anchors, made.events) == (execution.anchors, execution.events)


def new_ledger(*members: GenesisParty, parameters: tuple[Struct, ...] = ()) -> Ledger:
    """A ledger of the institutions and some members."""
    return Ledger(application_genesis(CALENDAR, (*institutions(), *members), *parameters))


def event(receipt: Receipt, kind: type[Event]) -> Any:
    """The fields of a receipt's first event of a kind, by name."""
    tag = kind.__struct_config__.tag
    plain = next(e for e in receipt.events if e[0] == tag)
    return dict(zip(kind.__struct_fields__, plain[1:], strict=True))
