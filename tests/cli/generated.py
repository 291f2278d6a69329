"""Small ledgers that hypothesis draws: members who pay, ask, set aside and give back, over days."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

from contracts.currency.events import EscrowOpened, IssueRequested, PaymentRequested
from contracts.currency.operations import (
    AcceptRequest,
    Leg,
    OpenEscrow,
    ReleaseEscrow,
    RequestPayment,
    Transfer,
)
from contracts.currency.supply_operations import AttestReserve, Issue, RequestIssue
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.event import Event, name_of
from contracts.framework.operation import Operation, write_operation
from contracts.genesis import application_genesis
from ledger.codec import encode
from ledger.genesis import Genesis, dump
from ledger.keys import PrivateKey
from ledger.receipt import Receipt, read_receipt
from ledger.store.chain import Store
from ledger.store.memory import MemoryEnvironment
from ledger.transaction import Transaction, build
from ledger.validators import Validator, ValidatorSet
from tests.cli.recorded import Recorder, approved
from tests.contracts.ledger_in_memory import CALENDAR, START, institutions, key, lei, member

MEMBERS = ("Ural Gear", "Volga Bearings", "Neva Castings")
KEYS = [PrivateKey(bytes([65 + at]) * 32) for at in range(4)]
GENESIS = Genesis(
    "generated",
    START,
    ValidatorSet(
        0,
        tuple(
            Validator(
                lei(f"guarantor{state}"),
                state.lower(),
                state,
                vote.public,
                state.encode(),
                f"{state}.invalid:1",
            )
            for state, vote in zip(("BY", "CN", "KZ", "RU"), KEYS, strict=True)
        ),
    ),
    encode(application_genesis(CALENDAR, (*institutions(), *map(member, MEMBERS)))),
)
_VALID_MS = 60_000


class Town:
    """A ledger in memory on which members act, one transaction per block."""

    def __init__(self, store: Store | None = None, certify_every: int = 1) -> None:
        self.store = store or Store(MemoryEnvironment())
        self.recorder = Recorder(self.store, GENESIS, KEYS, certify_every)
        self.escrows: list[tuple[str, bytes]] = []
        self._salt = 0
        self.act("issuerKZ", AttestReserve("KZ", 10**9, bytes(32)), also=("guarantorKZ",))

    def act(
        self, author: str, *ops: Operation, also: tuple[str, ...] = (), after: int = 1_000
    ) -> Receipt:
        """A transaction in a block of its own, ``after`` ms later; its receipt."""
        self._salt += 1
        head = self.store.head
        assert head is not None
        time, chain = head.time + after, GENESIS.chain_id
        signed = build(
            Transaction(
                chain,
                lei(author),
                tuple(map(write_operation, ops)),
                time + _VALID_MS,
                f"ref {self._salt}",
                self._salt.to_bytes(8, "big"),
            )
        )
        for name in (author, *also):
            signed = signed.with_signature(chain, key(name))
        header = self.recorder.block(time, [encode(signed)])
        return read_receipt(self.store.rows(header.height)[-1].receipt)

    def issue(self, who: str, amount: int, after: int) -> None:
        """New currency for a member."""
        asked = self.act(who, RequestIssue("KZ", amount), after=after)
        self.act("issuerKZ", Issue(_first(asked, IssueRequested), bytes(32)))

    def pay(self, payer: str, payee: str, amount: int, after: int) -> None:
        """A payment, which is refused if the money is not there."""
        leg = Leg(lei(payee), amount, 'parts; "50%" | off \\ <b>')
        self.act(payer, Transfer((leg,)), after=after)

    def ask(self, creditor: str, debtor: str, amount: int, after: int) -> None:
        """A payment request that its debtor accepts, so that it is a debt in the books."""
        head = self.store.head
        assert head is not None
        payable = head.time + 30 * MS_PER_DAY
        receipt = self.act(
            creditor, RequestPayment(lei(debtor), amount, payable, "castings"), after=after
        )
        self.act(debtor, AcceptRequest(_first(receipt, PaymentRequested)))

    def set_aside(self, payer: str, payee: str, amount: int, after: int) -> None:
        """An escrow that the payee's friend may release."""
        head = self.store.head
        assert head is not None
        expires = head.time + after + 3 * MS_PER_DAY
        signer = next(m for m in MEMBERS if m not in {payer, payee})
        op = OpenEscrow(lei(payee), amount, lei(signer), "on delivery", expires)
        receipt = self.act(payer, op, after=after)
        if receipt.applied:
            self.escrows.append((payer, _first(receipt, EscrowOpened)))

    def release(self, after: int) -> None:
        """Release the oldest escrow, if there is one."""
        if self.escrows:
            payer, escrow = self.escrows.pop(0)
            self.act(payer, ReleaseEscrow(escrow), after=after)


def _first(receipt: Receipt, kind: type[Event]) -> bytes:
    """The object that a receipt's first event of a kind is about: its first field."""
    return bytes(next(e for e in receipt.events if e[0] == name_of(kind))[1])


_PAIRS = st.permutations(MEMBERS).map(lambda order: (order[0], order[1]))
_AMOUNTS = st.integers(1, 500_000)
_PAUSES = st.sampled_from((1_000, 3_600_000, MS_PER_DAY, 2 * MS_PER_DAY + 1))
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("issue", "pay", "pay", "ask", "set aside", "release")),
        _PAIRS,
        _AMOUNTS,
        _PAUSES,
    ),
    max_size=14,
)


def played(steps: list[tuple[str, tuple[str, str], int, int]], store: Store | None = None) -> Town:
    """A ledger on which these steps happened, as far as its rules allowed them."""
    town = Town(store)
    for what, (first, second), amount, pause in steps:
        match what:
            case "issue":
                town.issue(first, amount, pause)
            case "pay":
                town.pay(first, second, amount, pause)
            case "ask":
                town.ask(first, second, amount, pause)
            case "set aside":
                town.set_aside(first, second, amount, pause)
            case _:
                town.release(pause)
    return town


def genesis_file(folder: Path) -> Path:
    """The genesis document of these ledgers as a file."""
    path = folder / "generated-genesis.json"
    path.write_text(dump(approved(GENESIS, KEYS)), encoding="utf-8")
    return path
