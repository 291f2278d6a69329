"""Arbitrary use of debts and cycles against each other, with jumps in time.

After every step each invariant holds; a refused operation changes nothing; every cycle ends.
"""

from __future__ import annotations

import pytest
from cast import attest, money, violations
from clearing import SOLVER, clearing_ledger, cycle_of, post, solved
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from ledger_in_memory import event, lei

from contracts.accounts import AVAIL
from contracts.currency.debts import outstanding, settle_debt
from contracts.currency.events import PaymentRequested
from contracts.currency.operations import AcceptRequest, CreditRequest, PayRequest, RequestPayment
from contracts.currency.queue_operations import AssetLeg, Deliver, QueuePayment
from contracts.currency.records import OWED, REQUEST_TABLE
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.context import Context
from contracts.framework.operation import Operation
from contracts.framework.posting import balance_of
from contracts.netting.events import CycleOpened
from contracts.netting.operations import (
    CancelCycle,
    EndMandate,
    GiveMandate,
    OpenCycle,
    OptIn,
    OptOut,
)
from contracts.netting.records import CYCLE, CYCLE_TABLE, CycleState, NettingParameters
from contracts.netting.views import current_cycle
from ledger.errors import CodedError

pytest.importorskip("ortools", reason="the extra 'solver' is not installed")

FEW = tuple(f"member {letter}" for letter in "ABCDE")
SMALL = NettingParameters(page_arcs=2, page_members=2, freeze_step=3, verify_step=1, apply_step=1)
members = st.integers(0, len(FEW) - 1)
amounts = st.integers(1, 400)


class Clearing(RuleBasedStateMachine):
    """Five members that invoice, pay, queue, sell claims and net."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = clearing_ledger(SMALL, mandates=FEW)
        attest(self.ledger, 1_000_000)
        for name in FEW[:3]:
            money(self.ledger, name, 300)
        self.cycles: list[bytes] = []
        self.proposed: set[bytes] = set()

    def debts(self) -> list[bytes]:
        return [d.id for _, d in self.ledger.state.scan(REQUEST_TABLE) if d.state in OWED]

    def attempt(self, author: str, op: Operation, *others: str) -> None:
        """An operation that may be refused; a refusal leaves everything but time as it was."""
        before = dict(self.ledger.base.scan(b""))
        height = self.ledger.height
        try:
            receipt = self.ledger.do(author, op, signers=(author, *others))
        except CodedError:
            return
        if not receipt.applied and self.ledger.last and len(self.ledger.last.receipts) == 1:
            assert self.ledger.height == height + 1
            assert dict(self.ledger.base.scan(b"")) == before

    @rule(debtor=members, step=st.integers(1, 4), amount=amounts, days=st.integers(1, 20))
    def invoice(self, debtor: int, step: int, amount: int, days: int) -> None:
        self.invoice_of(debtor, FEW[(debtor + step) % len(FEW)], amount, days)

    def invoice_of(self, debtor: int, creditor: str, amount: int, days: int) -> None:
        due = self.ledger.time + days * MS_PER_DAY
        asked = RequestPayment(lei(FEW[debtor]), amount, due, "parts")
        receipt = self.ledger.do(creditor, asked)
        if receipt.applied:
            self.attempt(FEW[debtor], AcceptRequest(event(receipt, PaymentRequested)["request"]))

    @rule(start=members, length=st.integers(2, 5), amount=amounts)
    def invoices_in_a_ring(self, start: int, length: int, amount: int) -> None:
        ring = [(start + step) % len(FEW) for step in range(length)]
        for debtor, creditor in zip(ring, ring[1:] + ring[:1], strict=True):
            self.invoice_of(debtor, FEW[creditor], amount + debtor, 9)

    def some_debt(self, data: st.DataObject) -> tuple[bytes, str, str] | None:
        found = self.debts()
        if not found:
            return None
        debt = data.draw(st.sampled_from(found))
        record = self.ledger.state.get(REQUEST_TABLE, debt)
        assert record is not None
        names = {lei(name): name for name in FEW}
        return debt, names[record.debtor], names[record.creditor]

    @rule(data=st.data(), amount=amounts)
    def pay(self, data: st.DataObject, amount: int) -> None:
        if found := self.some_debt(data):
            self.attempt(found[1], PayRequest(found[0], amount))

    @rule(data=st.data())
    def credit(self, data: st.DataObject) -> None:
        if found := self.some_debt(data):
            self.attempt(found[2], CreditRequest(found[0], "price"))

    @rule(data=st.data(), out=st.booleans(), by_debtor=st.booleans())
    def opt(self, data: st.DataObject, out: bool, by_debtor: bool) -> None:
        if found := self.some_debt(data):
            op = OptOut(found[0]) if out else OptIn(found[0])
            self.attempt(found[1] if by_debtor else found[2], op)

    @rule(data=st.data(), taker=members, price=amounts)
    def sell_claim(self, data: st.DataObject, taker: int, price: int) -> None:
        if found := self.some_debt(data):
            debt, _, creditor = found
            worth = outstanding(self.ledger.state, debt) or 1
            legs = (
                AssetLeg(lei(creditor), lei(FEW[taker]), "debt", worth, debt),
                AssetLeg(lei(FEW[taker]), lei(creditor), "money", price),
            )
            others = () if FEW[taker] == creditor else (FEW[taker],)
            self.attempt(creditor, Deliver(legs), *others)

    @rule(data=st.data(), share=st.integers(1, 100))
    def settled_by_a_contract(self, data: st.DataObject, share: int) -> None:
        found = self.some_debt(data)
        if found is None or not outstanding(self.ledger.state, found[0]):
            return
        amount = max(1, outstanding(self.ledger.state, found[0]) * share // 100)
        self.ledger.height += 1
        self.ledger.time += 1
        overlay = self.ledger.overlay()
        id = self.ledger.height.to_bytes(32, "big")
        ctx = Context(overlay, bytes(32), self.ledger.height, self.ledger.time, 0, id)
        settle_debt(ctx, found[0], amount, "award")
        ctx.finish_operation()
        self.ledger.base.apply(overlay.changes())

    @rule(payer=members, step=st.integers(1, 4), amount=amounts)
    def queue(self, payer: int, step: int, amount: int) -> None:
        payee = lei(FEW[(payer + step) % len(FEW)])
        self.attempt(FEW[payer], QueuePayment(payee, amount, self.ledger.time + MS_PER_DAY))

    @rule(member=members, liquidity=st.sampled_from((0, 50, 500)))
    def mandate(self, member: int, liquidity: int) -> None:
        self.attempt(FEW[member], GiveMandate(liquidity))

    @rule(member=members)
    def no_mandate(self, member: int) -> None:
        self.attempt(FEW[member], EndMandate())

    @precondition(lambda self: current_cycle(self.ledger.state) is None)
    @rule(liquidity=st.booleans())
    def open(self, liquidity: bool) -> None:
        receipt = self.ledger.must(SOLVER, OpenCycle(self.ledger.time + 5_000, liquidity))
        self.cycles.append(event(receipt, CycleOpened)["cycle"])

    @precondition(lambda self: current_cycle(self.ledger.state) is not None)
    @rule(sure=st.integers(0, 3))
    def cancel(self, sure: int) -> None:
        if not sure:
            self.attempt(SOLVER, CancelCycle(self.cycles[-1], "changed plans"))

    @precondition(lambda self: self.at(CycleState.OPEN, CycleState.FREEZING))
    @rule()
    def wait_for_the_freeze(self) -> None:
        self.ledger.later(5_000)
        for _ in range(30):
            if not self.at(CycleState.OPEN, CycleState.FREEZING):
                break
            self.ledger.later(1)

    def at(self, *states: CycleState) -> bool:
        current = current_cycle(self.ledger.state)
        return current is not None and current.state in states

    @precondition(lambda self: self.at(CycleState.FROZEN, CycleState.PROPOSED))
    @rule()
    def propose(self) -> None:
        cycle = self.cycles[-1]
        post(self.ledger, cycle, solved(self.ledger, cycle))
        self.proposed.add(cycle)

    @rule(ms=st.sampled_from((1, 1, 1, 2_500, 6_000, MS_PER_DAY, 8 * MS_PER_DAY)))
    def time_passes(self, ms: int) -> None:
        self.ledger.later(ms)

    @invariant()
    def nothing_is_violated(self) -> None:
        assert violations(self.ledger.state) == []

    @invariant()
    def no_right_proposal_fails(self) -> None:
        for cycle in self.proposed:
            record = self.ledger.state.get(CYCLE_TABLE, cycle)
            assert record is not None
            if record.state is CycleState.FROZEN:
                raise AssertionError(f"an optimal proposal failed: {record.reason}")

    def teardown(self) -> None:
        for _ in range(3):  # frozen now at the latest, then without a proposal in time, then over
            self.ledger.later(2 * MS_PER_DAY)
            for _ in range(100):
                self.ledger.later(1)
        for cycle in self.cycles:
            assert CYCLE.is_end(cycle_of(self.ledger, cycle).state)
        assert violations(self.ledger.state) == []
        assert all(balance_of(self.ledger.state, AVAIL.of(lei(name))) >= 0 for name in FEW)


Clearing.TestCase.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None, print_blob=True
)
TestClearing = Clearing.TestCase
