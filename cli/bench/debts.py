"""Generated debts for ``iic bench netting``: a ledger's state with as many as wanted.

Who trades with whom follows a heavy tail, as in real trade credit: a few members have very many
partners and large invoices. The same seed gives the same ledger on every machine.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from contracts.currency.debts import create_debt
from contracts.executor import BlockInput, Candidate, Execution, execute_block, read_candidate
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.context import Context
from contracts.framework.operation import Operation, write_operation
from contracts.framework.party import PARTY, Office, Party, PartyKind, Profile, Role, Standing
from contracts.netting.records import MANDATE, Mandate
from contracts.register.keys import install
from ledger.codec import encode
from ledger.keys import PrivateKey
from ledger.policy import ANY, Key, Requirement, Rule
from ledger.receipt import Receipt
from ledger.state import MemoryMap, Overlay, State
from ledger.transaction import Transaction, build

CHAIN: Final = bytes(range(32))
START: Final = 20_500 * MS_PER_DAY
_KEY: Final = PrivateKey(bytes(32))
_LARGEST: Final = 10_000_000_000


def lei_of(number: int) -> str:
    """A valid LEI for a number."""
    body = f"{number:018d}"
    return f"{body}{98 - int(body + '00') % 97:02}"


SOLVER: Final = lei_of(0)
"""The party that opens cycles and proposes clearings."""


def invoices(members: int, count: int, seed: int) -> list[tuple[int, int, int, int]]:
    """So many invoices among members: debtor, creditor, amount (minor units), days until due.

    Activity is Pareto-distributed (tail exponent 1.3), differently for buying and selling; amounts
    are lognormal (median 2,000.00 SCU). One in eight will be overdue after ten days.
    """
    random = np.random.default_rng(seed)
    activity = np.minimum(random.pareto(1.3, members) + 0.05, 400.0)
    buying = activity * random.lognormal(0.0, 0.5, members)
    selling = activity * random.lognormal(0.0, 0.5, members)
    debtors = random.choice(members, count, p=buying / buying.sum())
    creditors = random.choice(members, count, p=selling / selling.sum())
    creditors = np.where(creditors == debtors, (creditors + 1) % members, creditors)
    amounts = np.clip(random.lognormal(np.log(200_000), 1.4, count), 1, _LARGEST).astype(np.int64)
    days = np.where(random.random(count) < 0.125, 5, random.integers(20, 90, count))
    rows = zip(debtors.tolist(), creditors.tolist(), amounts.tolist(), days.tolist(), strict=True)
    return list(rows)


class OrderedMap:
    """A map of bytes in memory that takes small changes to a large content cheaply.

    Its keys stand in order in runs of at most ``_RUN`` keys.
    """

    _RUN: Final = 1_024

    def __init__(self, content: Mapping[bytes, bytes | None]) -> None:
        self._content = {key: value for key, value in content.items() if value is not None}
        order = sorted(self._content)
        half = self._RUN // 2
        self._runs = [order[at : at + half] for at in range(0, len(order), half)] or [[]]
        self._firsts = [run[0] if run else b"" for run in self._runs]

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or None."""
        return self._content.get(key)

    def scan(self, prefix: bytes, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Keys with this prefix that are ≥ ``start``, ascending, with their values."""
        first = max(prefix, start)
        at = self._run_of(first)
        position = bisect_left(self._runs[at], first)
        for run in self._runs[at:]:
            for key in run[position:]:
                if not key.startswith(prefix):
                    return
                yield key, self._content[key]
            position = 0

    def _run_of(self, key: bytes) -> int:
        return max(0, bisect_right(self._firsts, key) - 1)

    def apply(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Write values; None removes a key."""
        for key, value in changes.items():
            known = key in self._content
            if value is not None:
                self._content[key] = value
                if not known:
                    self._insert(key)
            elif known:
                del self._content[key]
                at = self._run_of(key)
                run = self._runs[at]
                del run[bisect_left(run, key)]
                if not run and len(self._runs) > 1:
                    del self._runs[at], self._firsts[at]

    def _insert(self, key: bytes) -> None:
        at = self._run_of(key)
        run = self._runs[at]
        insort(run, key)
        self._firsts[at] = run[0]
        if len(run) > self._RUN:
            half = len(run) // 2
            self._runs[at : at + 1] = [run[:half], run[half:]]
            self._firsts[at : at + 1] = [run[0], run[half]]


class BenchLedger:
    """Members with mandates and debts, and blocks over them, without network or disk."""

    def __init__(self, members: int, rows: list[tuple[int, int, int, int]]) -> None:
        overlay = Overlay(State(MemoryMap()))
        ctx = Context(overlay, CHAIN, 0, START, 0, bytes(32))
        _admit(ctx, SOLVER, (Office(Role.NETTING),))
        rules = (Rule(ANY, (Requirement("director", 1),)),)
        key = Key("main", "director", _KEY.public, 0, START + 1_000 * MS_PER_DAY)
        install(ctx, SOLVER, (key,), rules)
        names = [lei_of(number + 1) for number in range(members)]
        for name in names:
            _admit(ctx, name, ())
            ctx.put(MANDATE, Mandate(name, START, 0), name)
        for number, (debtor, creditor, amount, days) in enumerate(rows):
            id = number.to_bytes(32, "big")
            ctx = Context(overlay, CHAIN, 0, START, 0, id)
            due = START + days * MS_PER_DAY
            create_debt(ctx, names[creditor], names[debtor], amount, due, origin=("bench", id))
        self.map = OrderedMap(overlay.changes())
        self.state = State(self.map)
        self.height = 0
        self.time = START
        self.salt = 0

    def candidate(self, *operations: Operation) -> Candidate:
        """A transaction of the solver."""
        self.salt += 1
        transaction = Transaction(
            CHAIN,
            SOLVER,
            tuple(write_operation(op) for op in operations),
            self.time + MS_PER_DAY,
            "",
            self.salt.to_bytes(8, "big"),
        )
        signed = build(transaction).with_signature(CHAIN, _KEY)
        return read_candidate(CHAIN, encode(signed))

    def execute(self, *candidates: Candidate, after: int = 1) -> Execution:
        """Execute a block ``after`` ms later; nothing is kept before :meth:`keep`."""
        self.time += after
        self.height += 1
        block = BlockInput(CHAIN, self.height, self.time)
        execution = execute_block(self.state, block, candidates, lambda id: False)
        if execution.dropped:
            raise execution.dropped[0][1]
        refused = [r for r in execution.receipts if not r.applied]
        if refused:
            raise RuntimeError(f"{refused[0].code}: {refused[0].reason}")
        return execution

    def keep(self, execution: Execution) -> list[Receipt]:
        """Take an executed block over, as a node does after it is final; its receipts."""
        self.map.apply(execution.overlay.changes())
        self.state.absorb(execution.overlay)
        return execution.receipts


def _admit(ctx: Context, lei: str, offices: tuple[Office, ...]) -> None:
    profile = Profile(f"Member {lei[:18].lstrip('0')}", PartyKind.NATIONAL, "KZ", "KZ")
    ctx.put(PARTY, Party(lei, profile, Standing.ADMITTED, since=START, offices=offices), lei)
