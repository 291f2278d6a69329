"""The joint fund under arbitrary use and time jumps: money adds up, refusals change nothing."""

from __future__ import annotations

from typing import Any

from cast import violations
from funding import (
    ALTAI,
    DAY,
    FUND,
    INSPECTOR,
    PLAN,
    REPORT,
    UNION,
    URAL,
    VOLGA,
    fund_ledger,
    paid_in,
    plan,
)
from guaranteed import document
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from ledger_in_memory import START, STATES, Ledger, lei

from contracts.accounts import AVAIL
from contracts.currency.operations import CreditRequest, Leg, PayRequest, Transfer
from contracts.framework.ballot import BALLOT_TABLE, BallotState, Choice
from contracts.framework.context import Context
from contracts.framework.operation import Operation
from contracts.framework.posting import balance_of
from contracts.fund.accounts import THE_FIRST_LOSS
from contracts.fund.firstloss import first_loss
from contracts.fund.operations import (
    ApplyForSupport,
    Appraise,
    AttestMilestone,
    CallPledge,
    HoldTranches,
    PayPledge,
    Pledge,
    ProposeRelease,
    ProposeWriteOff,
    RenounceSupport,
    WithdrawApplication,
)
from contracts.fund.records import (
    APPLICATION_TABLE,
    INSTALMENT_TABLE,
    PLEDGE,
    PLEDGE_TABLE,
    TRANCHE_TABLE,
    ApplicationState,
    InstalmentState,
    Support,
)
from contracts.register.operations import CastVote, OrderReinstatement, OrderSuspension

APPLICANTS = (URAL, VOLGA, ALTAI, UNION)
REFUSALS = {
    "ALREADY_VOTED", "CONFLICT_OF_INTEREST", "DEADLINE_PASSED", "INSUFFICIENT_FUNDS",
    "INVALID_TERMS", "MOTION_OPEN", "NOT_A_VOTER", "NOT_ENTITLED", "NO_VOTERS", "OVER_FUND",
    "OVERPAID", "STANDING_FORBIDS", "TOO_EARLY", "WRONG_STATE",
}  # fmt: skip
picks = st.integers(0, 10**6)
applicants = st.sampled_from(APPLICANTS)
states = st.sampled_from(STATES)
amounts = st.one_of(st.integers(1, 50_000), st.integers(1, 2**61))


class Funding(RuleBasedStateMachine):
    """States, applicants, the manager, an inspector and the council do anything at any time."""

    ledger: Ledger

    def start(self) -> None:
        self.ledger = fund_ledger()
        paid_in(self.ledger, 100_003)

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

    @rule(state=states, amount=st.integers(1, 400_000))
    def pledge(self, state: str, amount: int) -> None:
        self.act(f"guarantor{state}", Pledge(state, amount))

    @rule(number=picks, amount=st.integers(1, 400_000), how=st.integers(0, 3))
    def work_on_a_pledge(self, number: int, amount: int, how: int) -> None:
        open_ones = [
            p for _, p in self.ledger.state.scan(PLEDGE_TABLE) if not PLEDGE.is_end(p.state)
        ]
        if not open_ones:
            self.act(f"guarantor{STATES[number % 4]}", Pledge(STATES[number % 4], amount))
            return
        found = open_ones[number % len(open_ones)]
        guarantor = f"guarantor{found.country}"
        if how == 0:
            self.act(FUND, CallPledge(found.id, min(amount, found.amount), "needed"))
        elif how == 1:
            self.act(guarantor, ProposeRelease(found.id, "a crisis"))
        else:
            self.act(guarantor, PayPledge(found.id))

    @rule(
        who=applicants, amount=st.integers(1, 60_000), steps=st.integers(1, 4), loan=st.booleans()
    )
    def apply(self, who: str, amount: int, steps: int, loan: bool) -> None:
        milestones = plan(self.ledger, *([amount] * steps))
        dates = tuple(self.ledger.time + d * DAY for d in (200, 260, 300)) if loan else ()
        support = Support.LOAN if loan else Support.GRANT
        self.act(who, ApplyForSupport(support, "a foundry", PLAN, milestones, dates))

    @initialize(loans=st.lists(st.booleans(), min_size=3, max_size=3))
    def begin(self, loans: list[bool]) -> None:
        """Three applications on their way, so that there is something to work on."""
        self.start()
        for who, loan in zip(APPLICANTS, loans, strict=False):
            self.apply(who, 20_000, 3, loan)
        for _, found in list(self.ledger.state.scan(APPLICATION_TABLE)):
            self.act(FUND, Appraise(found.id, 8_000, REPORT, "sound"))
        for number in range(3):
            self.vote(number, 9)

    @rule(number=picks, score=st.sampled_from((3_000, 4_500, 8_000)))
    def appraise(self, number: int, score: int) -> None:
        found = self.pick(APPLICATION_TABLE, number, ApplicationState.APPLIED)
        if found is not None:
            self.act(FUND, Appraise(found.id, score, REPORT, "looked at"))

    @rule(number=picks, no=st.integers(0, 6))
    def vote(self, number: int, no: int) -> None:
        ballot = self.pick(BALLOT_TABLE, number, BallotState.OPEN)
        if ballot is not None:
            for index, state in enumerate(STATES):
                choice = Choice.NO if index == no else Choice.YES
                reason = "not convinced" if choice is Choice.NO else ""
                self.act(f"guarantor{state}", CastVote(ballot.id, choice, reason))

    @rule(number=picks, how=st.integers(0, 4))
    def work_on_an_application(self, number: int, how: int) -> None:
        found = self.pick(APPLICATION_TABLE, number)
        if found is None:
            return
        owner = next(name for name in APPLICANTS if lei(name) == found.applicant)
        if how == 0:
            self.act(owner, WithdrawApplication(found.id))
        elif how == 1:
            self.act(owner, RenounceSupport(found.id, "the project ends"))
        elif how == 2:
            self.act(FUND, HoldTranches(found.id))
        else:
            self.act(FUND, ProposeWriteOff(found.id, "insolvent"))

    @rule(number=picks, content=st.integers(0, 200))
    def attest(self, number: int, content: int) -> None:
        waiting = [t for _, t in self.ledger.state.scan(TRANCHE_TABLE) if t.state.value == "held"]
        for found in sorted(waiting, key=lambda t: t.milestone)[: 1 + number % 3]:
            self.act(INSPECTOR, AttestMilestone(found.id, document(content, INSPECTOR)))

    @rule(number=picks, part=st.integers(1, 4))
    def repay(self, number: int, part: int) -> None:
        found = self.pick(INSTALMENT_TABLE, number)
        if found is not None and found.open:
            owner = next(name for name in APPLICANTS if lei(name) == found.borrower)
            self.act(owner, PayRequest(found.debt, max(1, found.open // part)))
            if found.state is not InstalmentState.WRITTEN_OFF:
                assert self.act(FUND, CreditRequest(found.debt, "mercy"))

    @rule(who=applicants)
    def spend_everything(self, who: str) -> None:
        left = balance_of(self.ledger.state, AVAIL.of(lei(who)))
        if left > 0:
            self.act(who, Transfer((Leg(lei(FUND), left),)))

    @rule(who=applicants, what=st.integers(0, 9))
    def suspend_or_reinstate(self, who: str, what: int) -> None:
        if 1 < what < 6:
            return  # rare, or nobody would be left to apply
        order = OrderReinstatement if what else OrderSuspension
        self.act("tribunal", order(lei(who), "by order", b"o" * 32))

    @rule(amount=amounts, liable=st.sampled_from(("", "guarantorKZ", FUND, "nobody")))
    def first_loss_bears_what_it_can_and_never_refuses(self, amount: int, liable: str) -> None:
        ledger = self.ledger
        overlay = ledger.overlay()
        context = Context(overlay, b"c" * 32, ledger.height, ledger.time, 0, b"i" * 32)
        left = balance_of(overlay, THE_FIRST_LOSS)
        by = lei(liable) if liable else ""
        borne = first_loss(context, lei(URAL), amount, cause=("test", b"t" * 32), liable=by)
        context.finish_operation()
        expected = 0 if liable in {FUND, "nobody"} else min(amount, left)
        assert borne == expected
        assert balance_of(overlay, THE_FIRST_LOSS) == left - borne
        assert violations(overlay) == []

    @rule(days=st.sampled_from((1, 10, 31, 70, 150)))
    def time_passes(self, days: int) -> None:
        if self.ledger.time > START + 600 * DAY:
            return  # the parties' keys expire some time later
        self.check_deadlines(self.ledger.later(days * DAY))
        self.check_deadlines(self.ledger.later(1))

    @invariant()
    def everything_holds(self) -> None:
        assert violations(self.ledger.state) == []


TestFunding = Funding.TestCase
TestFunding.settings = settings(
    max_examples=20,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
