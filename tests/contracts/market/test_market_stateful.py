"""The market under arbitrary use and time jumps: quantities add up, refusals change nothing."""

from __future__ import annotations

from typing import Any

from cast import violations
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from ledger_in_memory import CHAIN, Ledger, lei
from trading import (
    ALTAI,
    BEARINGS,
    DAY,
    DON,
    ENGINES,
    SOLVER,
    UNION,
    URAL,
    VOLGA,
    entry_for,
    market,
    name_of,
)

from cli.solver.market import barter_cycles, best_plan, cycle_proposal, proposal_of
from contracts.barter.terms import Ratio
from contracts.framework.machine import ITEM
from contracts.framework.operation import Operation
from contracts.market.operations import (
    AgreeToMatch,
    CycleLeg,
    DeclineMatch,
    InvoiceReservation,
    ProposeCycle,
    ProposeMatch,
    ReleaseReservation,
    Withdraw,
)
from contracts.market.records import (
    ENTRY_TABLE,
    MATCH_TABLE,
    RESERVATION_TABLE,
    EntryState,
    Match,
    MatchState,
    ReservationState,
    Side,
)
from contracts.market.views import book, books, ranking
from contracts.register.operations import OrderReinstatement, OrderSuspension

WHO = (URAL, VOLGA, ALTAI, UNION, DON)
REFUSALS = {
    "DEADLINE_PASSED", "INVALID_TERMS", "NO_CYCLE", "NO_MATCH", "NOT_AUTHORISED", "NOT_ENTITLED",
    "OVER_BALANCE_LIMIT", "OVER_BOOK", "OVER_ENTRY", "STANDING_FORBIDS", "VALUE_ROUNDS_TO_ZERO",
    "WRONG_STATE",
}  # fmt: skip
traders = st.sampled_from(WHO)
sides = st.sampled_from(Side)
codes = st.sampled_from((BEARINGS, ENGINES))
picks = st.integers(0, 10**6)
quantities = st.integers(1, 120)
prices = st.builds(Ratio, st.integers(1, 4_000), st.integers(1, 7))


class Trading(RuleBasedStateMachine):
    """Five parties post, match, reserve, invoice, leave and come back, at any time."""

    ledger: Ledger

    @initialize(
        book=st.lists(
            st.tuples(traders, sides, codes, quantities, st.integers(900, 1_100)),
            min_size=8,
            max_size=16,
        )
    )
    def start(self, book: list[tuple[str, Side, str, int, int]]) -> None:
        self.ledger = market()
        for who, side, hs, quantity, price in book:
            high = price + 100 if side is Side.DEMAND else price
            self.act(who, entry_for(self.ledger, side, quantity, price=high, hs=hs))

    def act(self, author: str, op: Operation) -> str:
        before = dict(self.ledger.base._content)
        execution = self.ledger.block(self.ledger.candidate(author, op))
        self.check_deadlines(execution)
        if execution.dropped:
            assert execution.dropped[0][1].code.name == "NOT_AUTHORISED"
            return "dropped"
        code = execution.receipts[-1].code
        assert code in REFUSALS or not code, (op, execution.receipts[-1])
        if code and len(execution.receipts) == 1:
            assert before == self.ledger.base._content
        return code

    def check_deadlines(self, execution: Any) -> None:
        fired = len(execution.receipts) - len(execution.included)
        assert all(r.applied for r in execution.receipts[:fired]), execution.receipts

    def pick(self, table: Any, number: int, state: Any = None) -> Any:
        found = [r for _, r in self.ledger.state.scan(table) if state in {None, r.state}]
        return found[number % len(found)] if found else None

    @rule(who=traders, side=sides, hs=codes, quantity=quantities, price=prices, days=st.data())
    def post(
        self, who: str, side: Side, hs: str, quantity: int, price: Ratio, days: st.DataObject
    ) -> None:
        stands = days.draw(st.integers(1, 90))
        op = entry_for(self.ledger, side, quantity, price=price, hs=hs, stands=stands)
        self.act(who, op)

    @rule(number=picks, who=traders)
    def withdraw(self, number: int, who: str) -> None:
        entry = self.pick(ENTRY_TABLE, number)
        if entry is not None:
            code = self.act(who, Withdraw(entry.id))
            assert code or entry.owner == lei(who)

    @rule(number=picks, quantity=quantities, price=prices)
    def propose_the_best(self, number: int, quantity: int, price: Ratio) -> None:
        entry = self.pick(ENTRY_TABLE, number, EntryState.OPEN)
        if entry is None:
            return
        found = ranking(self.ledger.state, entry.id, self.ledger.time)
        if not found:
            return
        totals = [c.points.total for c in found]
        assert totals == sorted(totals, reverse=True)
        other = found[0].entry
        supply, demand = (entry, other) if entry.side is Side.SUPPLY else (other, entry)
        self.act(name_of(entry.owner), ProposeMatch(supply.id, demand.id, quantity, price))
        self.act(
            name_of(entry.owner),
            ProposeMatch(supply.id, demand.id, found[0].quantity, supply.lowest),
        )

    @rule(first=picks, second=picks, quantity=quantities, price=prices, who=traders)
    def propose_anything(
        self, first: int, second: int, quantity: int, price: Ratio, who: str
    ) -> None:
        left, right = self.pick(ENTRY_TABLE, first), self.pick(ENTRY_TABLE, second)
        if left is not None:
            self.act(who, ProposeMatch(left.id, right.id, quantity, price))
            legs = (
                CycleLeg(left.id, right.id, quantity, price),
                CycleLeg(right.id, left.id, quantity, price),
            )
            self.act(who, ProposeCycle(legs))

    @rule()
    def propose_plans(self) -> None:
        for found in books(self.ledger.state):
            solution = best_plan(found, self.ledger.time + 1_000)
            if solution.flows:
                code = self.act(SOLVER, proposal_of(found, solution, CHAIN))
                assert code in {"", "dropped"}, code

    @rule()
    def propose_cycles(self) -> None:
        found = barter_cycles(book(self.ledger.state), self.ledger.time + 1_000, 500)
        for cycle in found[:2]:
            assert self.act(SOLVER, cycle_proposal(cycle)) == ""

    @rule(number=picks, decline=st.integers(0, 5))
    def answer(self, number: int, decline: int) -> None:
        waiting = [
            m for _, m in self.ledger.state.scan(MATCH_TABLE) if m.state is MatchState.MATCHED
        ]
        for match in waiting[number % 7 :: 7]:
            self.answer_one(match, decline)

    def answer_one(self, match: Match, decline: int) -> None:
        for party in match.parties:
            if party in match.agreed:
                continue
            op: Operation = DeclineMatch(match.id, "no") if decline == 0 else AgreeToMatch(match.id)
            self.act(name_of(party), op)

    @rule(number=picks, how=st.integers(0, 2), who=traders)
    def end_reservation(self, number: int, how: int, who: str) -> None:
        found = self.pick(RESERVATION_TABLE, number, ReservationState.RESERVED)
        if found is None:
            self.answer(number, 1)
            found = self.pick(RESERVATION_TABLE, number, ReservationState.RESERVED)
        if found is None:
            return
        if how == 0:
            code = self.act(who, ReleaseReservation(found.id, "changed plans"))
            assert code or lei(who) in {found.supplier, found.buyer}
        else:
            due = self.ledger.time + 30 * DAY
            self.act(name_of(found.supplier), InvoiceReservation(found.id, due))

    @rule(who=traders, what=st.integers(0, 9))
    def suspend_or_reinstate(self, who: str, what: int) -> None:
        if 1 < what < 6:
            return  # rare, or nobody would be left to trade
        order = OrderReinstatement if what else OrderSuspension
        self.act("tribunal", order(lei(who), "by order", b"o" * 32))

    @rule(days=st.sampled_from((0, 0, 1, 2, 5, 16, 40)))
    def time_passes(self, days: int) -> None:
        self.check_deadlines(self.ledger.later(days * DAY + 1))
        self.check_deadlines(self.ledger.later(1))

    @invariant()
    def everything_holds(self) -> None:
        assert violations(self.ledger.state) == []

    def teardown(self) -> None:
        """By time alone everything in the market ends."""
        if not hasattr(self, "ledger"):
            return
        for _ in range(3):
            self.check_deadlines(self.ledger.later(100 * DAY))
        left = {item.machine for _, item in self.ledger.state.scan(ITEM)}
        assert not left & {"market entry", "match", "reservation"}
        assert violations(self.ledger.state) == []


TestTrading = Trading.TestCase
TestTrading.settings = settings(
    max_examples=20,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
