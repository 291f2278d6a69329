"""Guarantees, debts and disputes under arbitrary use and jumps in time: the books always hold."""

from __future__ import annotations

from typing import Any

from cast import EVIDENCE, violations
from guaranteed import (
    ALTAI,
    DAY,
    GUARANTOR,
    INSPECTOR,
    OTHER_GUARANTOR,
    URAL,
    VOLGA,
    available,
    cluster,
    document,
)
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from ledger_in_memory import Ledger, lei

from contracts.currency.operations import (
    AcceptRequest,
    Leg,
    OpenEscrow,
    PayRequest,
    ReleaseEscrow,
    RequestPayment,
    Transfer,
)
from contracts.currency.records import ESCROW_TABLE, REQUEST_TABLE
from contracts.dispute import operations as d
from contracts.dispute.records import DISPUTE, DISPUTE_TABLE, Ruling, Subject
from contracts.framework.evidence import DocumentKind
from contracts.framework.machine import Machine
from contracts.framework.operation import Operation
from contracts.framework.posting import kind_of
from contracts.guarantee import claims as c
from contracts.guarantee import operations as g
from contracts.guarantee.records import (
    AMENDMENT,
    AMENDMENT_TABLE,
    GUARANTEE,
    GUARANTEE_TABLE,
    PAYMENT,
    Discrepancy,
    DiscrepancyKind,
    DocumentTerm,
    ReductionTerm,
    Underlying,
)
from contracts.register.operations import OrderReinstatement, OrderSuspension

COMMON = {
    "SAME_ACCOUNT", "STANDING_FORBIDS", "UNKNOWN_PARTY", "NOT_FOUND", "NOT_ENTITLED",
    "WRONG_STATE", "DEADLINE_PASSED", "OVER_BALANCE_LIMIT", "OUT_OF_CALENDAR",
}  # fmt: skip
OPEN_STATES = (
    "open", "mediation", "failed", "response", "appointment", "vacant", "arbitration", "awarded",
)  # fmt: skip
NAMES = (URAL, VOLGA, ALTAI, GUARANTOR, "Mediator", "Arbiter One", "Arbiter Two", "tribunal")
MEMBERS = NAMES[:4]
names, members = st.sampled_from(NAMES), st.sampled_from(MEMBERS)
amounts = st.one_of(st.integers(1, 40), st.sampled_from([1_000, 60_000, 10**9]))
picks = st.integers(0, 50)
BY_LEI = {lei(n): n for n in (*NAMES, INSPECTOR, OTHER_GUARANTOR, "registrar")}


class Cluster(RuleBasedStateMachine):
    """Mostly by whoever is entitled, sometimes by anybody."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger: Ledger = cluster(capacity=5_000, collateral=600)
        # Money is scarce, so that payments fall short.
        for name in (URAL, GUARANTOR):
            spare = available(self.ledger, name) - 100
            self.ledger.must(name, Transfer((Leg(lei(ALTAI), spare),)))
        for pick in (2, 3, 5):
            self.owe(URAL, VOLGA, 30 * pick, 10)
            self.draft(30 * pick, pick, 60, transferable=False)
            self.demand(0, 20, extend=pick == 3, with_papers=True)
        self.answer(2, "reject")
        self.dispute(1, 1_000, "debt")

    def act(self, author: str, op: Operation, *more: str) -> bool:
        """Execute; what happens is what was declared, and a refusal or drop changes nothing."""
        ledger = self.ledger
        candidate = ledger.candidate(author, op, signers=tuple(dict.fromkeys((author, *more))))
        execution = ledger.block(candidate)
        quiet = len(execution.receipts) == len(execution.included)
        if execution.dropped:
            assert not quiet or execution.overlay.changes() == {}
            return False
        receipt, found = execution.receipts[-1], op.declaration
        if not receipt.applied:
            assert not quiet or execution.overlay.changes() == {}
            assert receipt.code in {e.name for e in found.errors} | COMMON, (receipt, op)
            return False
        told = {e[0] for e in receipt.events}
        assert told <= {str(e.__struct_config__.tag) for e in found.emits}, (told, op)
        declared = {(e.debit.name, e.credit.name) for e in found.posts}
        for debit, credit in zip(receipt.postings[::2], receipt.postings[1::2], strict=True):
            assert debit.amount == -credit.amount < 0 and debit.unit == credit.unit
            pair = (kind_of(debit.account).name, kind_of(credit.account).name)
            assert pair in declared, (pair, op)
        return True

    def pick(self, table: Any, number: int, *states: str) -> Any:
        found = [r for _, r in self.ledger.state.scan(table)]
        if states and number % 10:  # now and then in a state that does not fit
            found = [r for r in found if r.state.value in states]
        return found[number % len(found)] if found else None

    # Money and debts

    @rule(payer=members, payee=members, amount=amounts)
    def pay(self, payer: str, payee: str, amount: int) -> None:
        self.act(payer, Transfer((Leg(lei(payee), amount),)))

    @rule(debtor=members, creditor=members, amount=amounts, days=st.integers(1, 60))
    def owe(self, debtor: str, creditor: str, amount: int, days: int) -> None:
        due = self.ledger.time + days * DAY
        if self.act(creditor, RequestPayment(lei(debtor), amount, due, "x")):
            newest = [r for _, r in self.ledger.state.scan(REQUEST_TABLE)]
            for request in newest:
                if request.state.value == "issued":
                    self.act(debtor, AcceptRequest(request.id))

    @rule(number=picks, amount=amounts)
    def pay_debt(self, number: int, amount: int) -> None:
        debt = self.pick(REQUEST_TABLE, number, "accepted", "overdue", "part-paid", "disputed")
        if debt is not None:
            self.act(BY_LEI[debt.debtor], PayRequest(debt.id, amount))

    @rule(payer=members, payee=members, amount=amounts, days=st.integers(1, 90))
    def escrow(self, payer: str, payee: str, amount: int, days: int) -> None:
        expires = self.ledger.time + days * DAY
        self.act(payer, OpenEscrow(lei(payee), amount, lei(INSPECTOR), "c", expires))

    @rule(number=picks)
    def release_escrow(self, number: int) -> None:
        found = self.pick(ESCROW_TABLE, number, "held", "disputed")
        if found is not None:
            self.act(BY_LEI[found.payer], ReleaseEscrow(found.id))

    # Guarantees

    @rule(amount=amounts, pick=picks, days=st.integers(1, 120), transferable=st.booleans())
    def draft(self, amount: int, pick: int, days: int, transferable: bool) -> None:
        debt = self.pick(REQUEST_TABLE, pick, "accepted", "overdue", "part-paid")
        link = Underlying() if debt is None or pick % 2 else Underlying("debt", debt.id)
        applicant = URAL if link.id is None else BY_LEI[debt.debtor]
        beneficiary = VOLGA if link.id is None else BY_LEI[debt.creditor]
        op = g.DraftGuarantee(
            lei(GUARANTOR),
            lei(beneficiary),
            amount,
            link,
            self.ledger.time + days * DAY,
            (DocumentTerm(DocumentKind.INSPECTION_REPORT),) if pick % 3 else (),
            (ReductionTerm(DocumentKind.INSPECTION_REPORT, lei(INSPECTOR), 1 + amount // 2),),
            transferable,
        )
        if self.act(applicant, op) and pick % 5:
            for _, found in self.ledger.state.scan(GUARANTEE_TABLE):
                if found.state.value == "draft":
                    self.act(GUARANTOR, g.IssueGuarantee(found.id))

    @rule(amount=amounts, back=st.booleans())
    def collateral(self, amount: int, back: bool) -> None:
        kind = g.ReleaseCollateral if back else g.PostCollateral
        self.act(GUARANTOR, kind(amount))

    @rule(amount=st.sampled_from([0, 5_000, 10**6]))
    def capacity(self, amount: int) -> None:
        self.act(GUARANTOR, g.PostCapacity(amount, EVIDENCE))

    @rule(pick=picks, amount=amounts, extend=st.booleans(), with_papers=st.booleans())
    def demand(self, pick: int, amount: int, extend: bool, with_papers: bool) -> None:
        found = self.pick(GUARANTEE_TABLE, pick, "issued")
        if found is not None:
            papers = (document(pick % 4, VOLGA),) if with_papers else ()
            later = found.expires + 30 * DAY if extend else None
            op = c.PresentDemand(found.id, min(amount, max(1, found.remaining)), "x", papers, later)
            self.act(BY_LEI[found.beneficiary], op)

    @rule(
        pick=picks,
        kind=st.sampled_from(
            [
                "reject",
                c.AcceptDemand,
                c.SuspendPayment,
                c.ExtendGuarantee,
                c.PayDemand,
                "reject",
                "goods",
            ]
        ),
    )
    def answer(self, pick: int, kind: Any) -> None:
        found = self.pick(GUARANTEE_TABLE, pick, "examining", "extend or pay", "due")
        if found is None:
            return
        if kind == "reject":
            reason = Discrepancy(DiscrepancyKind.STATEMENT, "not stated")
            rejected = self.act(BY_LEI[found.guarantor], c.RejectDemand(found.id, (reason,)))
            if rejected and pick % 3:
                about = Subject("guarantee", found.id)
                op = d.OpenDispute(found.guarantor, about, 10**6, "it complied")
                self.act(BY_LEI[found.beneficiary], op)
        elif kind == "goods":
            op = c.AgreeOnGoods(found.id, self.ledger.time + 20 * DAY, "goods")
            self.act(BY_LEI[found.guarantor], op, BY_LEI[found.beneficiary])
        else:
            self.act(BY_LEI[found.guarantor], kind(found.id))

    @rule(
        pick=picks,
        amount=amounts,
        kind=st.sampled_from(["lower", "release", "withdraw", "confirm", "reduce", "delay"]),
    )
    def beneficiary_or_applicant(self, pick: int, amount: int, kind: str) -> None:
        wanted = {"withdraw": "examining", "confirm": "in kind"}.get(kind, "issued")
        found = self.pick(GUARANTEE_TABLE, pick, wanted)
        if found is None:
            return
        beneficiary = BY_LEI[found.beneficiary]
        if kind == "reduce":
            self.act(BY_LEI[found.applicant], g.PresentReduction(found.id, 0, document(pick)))
        elif kind == "delay":
            op = g.ClaimForceMajeure(found.id, document(pick, VOLGA))
            self.act(beneficiary, op, "registrar")
        else:
            operation: Operation = {
                "lower": g.LowerGuarantee(found.id, amount),
                "release": g.ReleaseGuarantee(found.id),
                "withdraw": c.WithdrawDemand(found.id, "x"),
                "confirm": c.ConfirmGoods(found.id),
            }[kind]
            self.act(beneficiary, operation)

    @rule(pick=picks, amount=amounts, days=st.integers(-20, 60), answer=st.booleans())
    def amend(self, pick: int, amount: int, days: int, answer: bool) -> None:
        found = self.pick(GUARANTEE_TABLE, pick, "issued")
        if found is not None:
            expires = max(1, found.expires + days * DAY)
            op = g.ProposeAmendment(found.id, "x", amount if pick % 2 else None, expires)
            self.act(GUARANTOR, op, BY_LEI[found.applicant])
        waiting = self.pick(AMENDMENT_TABLE, pick, "proposed")
        if waiting is not None:
            kind = g.AcceptAmendment if answer else g.RefuseAmendment
            self.act(BY_LEI[waiting.beneficiary], kind(waiting.id))

    @rule(pick=picks, amount=amounts)
    def recover(self, pick: int, amount: int) -> None:
        payments = [p for _, p in self.ledger.state.scan(PAYMENT)]
        if payments:
            self.act(GUARANTOR, c.RecoverInCash(payments[pick % len(payments)].id, amount))

    # Disputes

    @rule(pick=picks, claim=amounts, kind=st.sampled_from(["none", "debt", "escrow", "guarantee"]))
    def dispute(self, pick: int, claim: int, kind: str) -> None:
        table: Any = {"debt": REQUEST_TABLE, "escrow": ESCROW_TABLE, "guarantee": GUARANTEE_TABLE}
        about = self.pick(table[kind], pick) if kind in table else None
        if about is None:
            sides = (URAL, VOLGA)
        elif kind == "guarantee":
            other = about.guarantor if pick % 4 else about.applicant
            sides = (BY_LEI[about.beneficiary], BY_LEI[other])
        elif kind == "escrow":
            sides = (BY_LEI[about.payee], BY_LEI[about.payer])
        else:
            sides = (BY_LEI[about.creditor], BY_LEI[about.debtor])
        subject = Subject() if about is None else Subject(kind, about.id)
        left, right = sides if pick % 3 else sides[::-1]
        self.act(left, d.OpenDispute(lei(right), subject, claim, "x"))

    @rule(pick=picks, steps=st.integers(1, 6), mediate=st.booleans(), amount=amounts)
    def pursue(self, pick: int, steps: int, mediate: bool, amount: int) -> None:
        """A dispute goes some steps of its course."""
        found = self.pick(DISPUTE_TABLE, pick, *OPEN_STATES)
        for _ in range(steps if found is not None else 0):
            found = self.ledger.state.get(DISPUTE_TABLE, found.id)
            left, right = BY_LEI[found.claimant], BY_LEI[found.respondent]
            wanted = lei("Arbiter One" if pick % 2 else "Arbiter Two")
            on_mediator = d.AgreeMediation(found.id, lei("Mediator"))
            by_both: dict[str, Operation] = {
                "open": on_mediator if mediate else d.WaiveMediation(found.id),
                "appointment": d.NominateArbitrator(found.id, wanted),
            }
            by_one: dict[str, tuple[str, Operation]] = {
                "mediation": (right, d.EndMediation(found.id)),
                "failed": (left, d.RequestArbitration(found.id)),
                "response": (right, d.AnswerClaim(found.id, "no", pick)),
                "awarded": ("tribunal", d.ExecuteAward(found.id)),
            }
            state = found.state.value
            if state in by_both:
                self.act(left, by_both[state])
                self.act(right, by_both[state])
            elif state in by_one:
                self.act(*by_one[state])
            elif state == "arbitration":
                self.award(found, pick, amount)

    def award(self, found: Any, pick: int, amount: int) -> None:
        claimed = found.claim if pick % 3 else found.counterclaim
        payer = found.respondent if pick % 3 else found.claimant
        whole = claimed if pick % 4 else min(amount, claimed)
        discharged = amount if found.subject.id is not None and pick % 2 else 0
        ruling = Ruling(payer, whole, discharged)
        self.act(BY_LEI[found.arbitrator], d.MakeAward(found.id, ruling, "x"))

    @rule(pick=picks, amount=amounts)
    def settle(self, pick: int, amount: int) -> None:
        found = self.pick(DISPUTE_TABLE, pick, "mediation", "arbitration")
        if found is None:
            return
        ruling = Ruling(found.parties[pick % 2], amount, amount // 2 if found.subject.id else 0)
        hearer = found.mediator if found.state.value == "mediation" else found.arbitrator
        self.act(BY_LEI[found.claimant], d.ProposeSettlement(found.id, ruling, "x"))
        for party in (found.respondent, hearer) if pick % 3 else (found.respondent,):
            if party is not None:
                self.act(BY_LEI[party], d.SignSettlement(found.id, ruling))

    @rule(pick=picks)
    def recuse(self, pick: int) -> None:
        found = self.pick(DISPUTE_TABLE, pick, "arbitration", "mediation")
        hearer = None if found is None else found.arbitrator or found.mediator
        if found is not None and hearer is not None and pick % 2:
            self.act(BY_LEI[hearer], d.Recuse(found.id, "x"))

    @rule(
        pick=picks,
        amount=amounts,
        what=st.sampled_from(["stay demand", "lift stay", "dismiss demand", "hold", "release"]),
    )
    def order(self, pick: int, amount: int, what: str) -> None:
        found = self.pick(DISPUTE_TABLE, pick)
        if found is None:
            return
        if what == "hold":
            owner = found.parties[pick % 2]
            self.act("tribunal", d.HoldMoney(found.id, owner, amount, "x", EVIDENCE))
        elif what == "release":
            self.act("tribunal", d.ReleaseMoney(found.id, "x", EVIDENCE))
        else:
            self.act("tribunal", d.MakeOrder(found.id, what, "x", EVIDENCE))

    @rule(pick=picks)
    def withdraw(self, pick: int) -> None:
        found = self.pick(DISPUTE_TABLE, pick)
        if found is not None:
            self.act(BY_LEI[found.claimant], d.WithdrawClaim(found.id, "x"))

    # Anybody, and time

    @rule(name=names, pick=picks)
    def meddle(self, name: str, pick: int) -> None:
        guarantee = self.pick(GUARANTEE_TABLE, pick)
        found = self.pick(DISPUTE_TABLE, pick)
        if guarantee is not None:
            for op in (c.PayDemand(guarantee.id), c.ConfirmGoods(guarantee.id)):
                self.act(name, op)
        if found is not None:
            self.act(name, d.EndMediation(found.id))
            self.act(name, d.MakeAward(found.id, Ruling(found.claimant, 1), "x"))

    @rule(name=st.sampled_from([URAL, GUARANTOR]), days=st.integers(0, 20))
    def suspended_for_a_while(self, name: str, days: int) -> None:
        self.act("tribunal", OrderSuspension(lei(name), "x", EVIDENCE))
        self.draft(30, 3, 60, transferable=False)
        self.time_passes(days)
        self.act("tribunal", OrderReinstatement(lei(name), "x", EVIDENCE))

    @rule(days=st.sampled_from([0, 1, 3, 7, 7, 16, 40]))
    def time_passes(self, days: int) -> None:
        execution = self.ledger.later(days * DAY + 1)
        assert all(r.applied for r in execution.receipts), execution.receipts

    @invariant()
    def everything_an_auditor_checks_holds(self) -> None:
        assert violations(self.ledger.state) == []

    def teardown(self) -> None:
        for _ in range(16):
            execution = self.ledger.later(100 * DAY)
            assert all(r.applied for r in execution.receipts), execution.receipts
        assert violations(self.ledger.state) == []
        self.nothing_is_stuck(GUARANTEE, GUARANTEE_TABLE)
        self.nothing_is_stuck(AMENDMENT, AMENDMENT_TABLE)
        self.nothing_is_stuck(DISPUTE, DISPUTE_TABLE)

    def nothing_is_stuck(self, machine: Machine[Any], table: Any) -> None:
        for _, record in self.ledger.state.scan(table):
            assert machine.is_end(record.state), record


Cluster.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestGuaranteesAndDisputes = Cluster.TestCase
