"""Register and currency under arbitrary use: books, closedness and machines hold at every step."""

from __future__ import annotations

from typing import Any

from cast import EVIDENCE, application, attest, violations
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from ledger_in_memory import STATES, lei, member, named_key, new_ledger

from contracts.currency.operations import (
    AcceptRequest,
    ConsentReversal,
    CreditRequest,
    DeclineReversal,
    Exchange,
    ExchangeLeg,
    Leg,
    OpenEscrow,
    PayRequest,
    ProposeReversal,
    RefundEscrow,
    RejectRequest,
    ReleaseEscrow,
    RequestPayment,
    Transfer,
)
from contracts.currency.records import (
    ESCROW_TABLE,
    ISSUE_TABLE,
    REDEMPTION_TABLE,
    REQUEST_TABLE,
    REVERSAL_TABLE,
)
from contracts.currency.supply_operations import (
    DeclineIssue,
    Issue,
    PayOutRedemption,
    ReleaseRedemption,
    RequestIssue,
    RequestRedemption,
    WithdrawIssue,
)
from contracts.executor import BlockInput, execute_block
from contracts.framework.ballot import BALLOT_TABLE, BallotState, Choice
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.operation import Operation
from contracts.framework.party import PARTY
from contracts.framework.posting import kind_of
from contracts.register.operations import (
    Accede,
    CastVote,
    CheckApplication,
    Close,
    Leave,
    OrderReinstatement,
    OrderSuspension,
    ProposeExclusion,
    ProposeReinstatement,
    ProposeSuspension,
    WithdrawApplication,
)
from contracts.register.records import RegisterParameters
from ledger.state import State, Table

MEMBERS = ("Ural Gear", "Volga Bearings", "Altai Motors", "Minsk Looms")
APPLICANTS = ("Ishim Castings", "Tian Foundry")
EVERYBODY = (*MEMBERS, *APPLICANTS)
NAMES = {lei(n): n for n in (*EVERYBODY, "registrar", "tribunal")}
NAMES.update({lei(f"{r}{s}"): f"{r}{s}" for r in ("issuer", "guarantor") for s in STATES})

COMMON = {
    "SAME_ACCOUNT", "STANDING_FORBIDS", "UNKNOWN_PARTY", "NOT_FOUND", "NOT_ENTITLED",
    "WRONG_STATE", "DEADLINE_PASSED", "OVER_BALANCE_LIMIT", "OUT_OF_CALENDAR",
}  # fmt: skip
names = st.sampled_from((*MEMBERS, *MEMBERS, *EVERYBODY))
countries = st.sampled_from(("KZ", "KZ", "BY"))
amounts = st.one_of(st.integers(1, 2_000), st.integers(1, 2**63 - 1))
small = st.integers(1, 800)


class Cluster(RuleBasedStateMachine):
    """Members, applicants, issuers, guarantors and the tribunal do whatever comes to mind."""

    @initialize(contribution=st.sampled_from([0, 300]))
    def start(self, contribution: int) -> None:
        self.ledger = new_ledger(
            *(member(name, "KZ") for name in MEMBERS),
            parameters=(RegisterParameters(contribution=contribution),),
        )
        self.contribution = contribution
        attest(self.ledger, 5_000, "KZ")
        for name in MEMBERS[:2]:
            self.act(name, RequestIssue("KZ", 2_000))
            self.act("issuerKZ", Issue(self.pick(ISSUE_TABLE, -1).id, EVIDENCE))

    def pick(self, table: Table[Any], index: int) -> Any:
        records = [record for _, record in self.ledger.state.scan(table)]
        if index == -1:
            return max(records, key=lambda r: r.due)
        return records[index % len(records)] if records else None

    def act(self, author: str, *ops: Operation, also: tuple[str, ...] = ()) -> None:
        """Execute; a refusal or drop changes nothing; what happens is what was declared."""
        ledger = self.ledger
        signers = tuple(dict.fromkeys((author, *also)))
        candidate = ledger.candidate(author, *ops, signers=signers)
        empty = execute_block(
            ledger.state, BlockInput(bytes(32), 0, ledger.time + 1_000), (), lambda _: False
        )
        quiet = not empty.receipts
        execution = ledger.block(candidate)
        if execution.dropped:
            assert not quiet or execution.overlay.changes() == {}
            return
        receipt = execution.receipts[-1]
        if receipt.applied:
            self.check_postings(receipt.postings, ops)
            declared = {str(e.__struct_config__.tag) for op in ops for e in op.declaration.emits}
            told = {e[0] for e in receipt.events}
            # A vote does what its ballot decides, and that is the decision's own to tell.
            if not any(isinstance(op, CastVote) for op in ops):
                assert told <= declared, (told, declared, ops)
        else:
            assert not quiet or execution.overlay.changes() == {}
            declared_errors = {e.name for op in ops for e in op.declaration.errors}
            assert receipt.code in declared_errors | COMMON, (receipt, ops)

    @staticmethod
    def check_postings(postings: tuple[Any, ...], ops: tuple[Operation, ...]) -> None:
        declared = {(e.debit.name, e.credit.name) for op in ops for e in op.declaration.posts}
        for debit, credit in zip(postings[::2], postings[1::2], strict=True):
            assert debit.amount == -credit.amount < 0 and debit.unit == credit.unit
            assert (kind_of(debit.account).name, kind_of(credit.account).name) in declared

    # Currency

    @rule(payer=names, payees=st.lists(st.tuples(names, amounts), min_size=1, max_size=3))
    def transfer(self, payer: str, payees: list[tuple[str, int]]) -> None:
        self.act(payer, Transfer(tuple(Leg(lei(p), a) for p, a in payees)))

    @rule(a=names, b=names, x=small, y=small)
    def exchange(self, a: str, b: str, x: int, y: int) -> None:
        legs = (ExchangeLeg(lei(a), lei(b), x), ExchangeLeg(lei(b), lei(a), y))
        self.act(a, Exchange(legs), also=(b,))

    @rule(country=countries, amount=st.integers(0, 9_000))
    def attest(self, country: str, amount: int) -> None:
        from contracts.currency.supply_operations import AttestReserve

        op = AttestReserve(country, amount, EVIDENCE)
        self.act(f"issuer{country}", op, also=(f"guarantor{country}",))

    @rule(name=names, country=countries, amount=small)
    def request_issue(self, name: str, country: str, amount: int) -> None:
        self.act(name, RequestIssue(country, amount))

    @rule(index=st.integers(0, 9), answer=st.sampled_from(["issue", "decline", "withdraw"]))
    def answer_issue(self, index: int, answer: str) -> None:
        record = self.pick(ISSUE_TABLE, index)
        if record is None:
            return
        if answer == "issue":
            self.act(f"issuer{record.country}", Issue(record.id, EVIDENCE))
        elif answer == "decline":
            self.act(f"issuer{record.country}", DeclineIssue(record.id, "no"))
        else:
            self.act(NAMES[record.member], WithdrawIssue(record.id))

    @rule(name=names, country=countries, amount=small)
    def redeem(self, name: str, country: str, amount: int) -> None:
        self.act(name, RequestRedemption(country, amount))

    @rule(index=st.integers(0, 9), pay=st.booleans())
    def answer_redemption(self, index: int, pay: bool) -> None:
        record = self.pick(REDEMPTION_TABLE, index)
        if record is not None:
            op = PayOutRedemption(record.id, EVIDENCE) if pay else ReleaseRedemption(record.id, "n")
            self.act(f"issuer{record.country}", op)

    @rule(payer=names, payee=names, signer=names, amount=small, days=st.integers(-1, 40))
    def open_escrow(self, payer: str, payee: str, signer: str, amount: int, days: int) -> None:
        expires = self.ledger.time + days * MS_PER_DAY
        self.act(payer, OpenEscrow(lei(payee), amount, lei(signer), "delivered", expires))

    @rule(
        index=st.integers(0, 9),
        by=st.sampled_from(["payer", "payee", "signer"]),
        release=st.booleans(),
    )
    def end_escrow(self, index: int, by: str, release: bool) -> None:
        record = self.pick(ESCROW_TABLE, index)
        if record is not None:
            op = ReleaseEscrow(record.id) if release else RefundEscrow(record.id)
            self.act(NAMES[getattr(record, by)], op)

    @rule(creditor=names, debtor=names, amount=small, days=st.integers(0, 40))
    def request_payment(self, creditor: str, debtor: str, amount: int, days: int) -> None:
        payable = self.ledger.time + days * MS_PER_DAY
        self.act(creditor, RequestPayment(lei(debtor), amount, payable, "gears"))

    @rule(
        index=st.integers(0, 9),
        answer=st.sampled_from(["accept", "accept", "reject", "pay", "pay", "credit"]),
        amount=small,
    )
    def answer_request(self, index: int, answer: str, amount: int) -> None:
        record = self.pick(REQUEST_TABLE, index)
        if record is None:
            return
        debtor, creditor = NAMES[record.debtor], NAMES[record.creditor]
        if answer == "accept":
            self.act(debtor, AcceptRequest(record.id))
        elif answer == "reject":
            self.act(debtor, RejectRequest(record.id, "never ordered"))
        elif answer == "pay":
            self.act(debtor, PayRequest(record.id, min(amount, max(1, record.remaining))))
        else:
            self.act(creditor, CreditRequest(record.id, "returned"))

    @rule(a=names, b=names, amount=small, leg=st.integers(0, 2))
    def propose_reversal(self, a: str, b: str, amount: int, leg: int) -> None:
        self.act(a, ProposeReversal(EVIDENCE, leg, lei(a), lei(b), amount, "wrong"))

    @rule(index=st.integers(0, 5), consent=st.booleans())
    def answer_reversal(self, index: int, consent: bool) -> None:
        record = self.pick(REVERSAL_TABLE, index)
        if record is not None:
            op = ConsentReversal(record.id) if consent else DeclineReversal(record.id)
            self.act(NAMES[record.other], op)

    # Register

    @rule(name=st.sampled_from(APPLICANTS))
    def apply(self, name: str) -> None:
        ledger = self.ledger
        keys = (named_key(name, now=ledger.time),)
        self.act(name, application(name, now=ledger.time, keys=keys))

    @rule(name=st.sampled_from(APPLICANTS), in_order=st.sampled_from([True, True, False]))
    def check(self, name: str, in_order: bool) -> None:
        op = CheckApplication(lei(name), in_order, "" if in_order else "no plant")
        self.act("registrar", op, also=("guarantorKZ",))

    @rule(
        index=st.integers(0, 9),
        votes=st.lists(
            st.tuples(st.sampled_from(STATES), st.sampled_from(list(Choice))), max_size=4
        ),
    )
    def cast_votes(self, index: int, votes: list[tuple[str, Choice]]) -> None:
        for state, choice in votes:
            record = self.pick(BALLOT_TABLE, index)
            if record is not None:
                self.act(f"guarantor{state}", CastVote(record.id, choice, "because"))

    @rule(index=st.integers(0, 9))
    def pass_ballot(self, index: int) -> None:
        record = self.pick(BALLOT_TABLE, index)
        for voter in record.voters if record is not None else ():
            self.act(NAMES[voter], CastVote(record.id, Choice.YES))

    @rule(name=st.sampled_from(APPLICANTS), contributor=st.sampled_from(MEMBERS[:2]))
    def admit(self, name: str, contributor: str) -> None:
        self.apply(name)
        self.check(name, True)
        self.pass_open_ballots()
        self.accede(name, contributor)

    @rule(name=st.sampled_from(EVERYBODY))
    def exclude(self, name: str) -> None:
        self.order(name, OrderSuspension)
        self.propose(name, ProposeExclusion)
        self.pass_open_ballots()

    def pass_open_ballots(self) -> None:
        for _, ballot in self.ledger.state.scan(BALLOT_TABLE):
            for voter in ballot.voters if ballot.state is BallotState.OPEN else ():
                self.act(NAMES[voter], CastVote(ballot.id, Choice.YES))

    @rule(name=st.sampled_from(APPLICANTS), contributor=names)
    def accede(self, name: str, contributor: str) -> None:
        if self.contribution:
            self.act(name, Accede(EVIDENCE, lei(contributor)), also=(contributor,))
        else:
            self.act(name, Accede(EVIDENCE))

    @rule(name=names)
    def withdraw(self, name: str) -> None:
        self.act(name, WithdrawApplication())

    @rule(
        name=st.sampled_from(EVERYBODY),
        kind=st.sampled_from([ProposeSuspension, ProposeReinstatement, ProposeExclusion]),
    )
    def propose(self, name: str, kind: type[ProposeSuspension]) -> None:
        self.act("registrar", kind(lei(name), "red for two quarters"))

    @rule(name=names, kind=st.sampled_from([OrderSuspension, OrderReinstatement]))
    def order(self, name: str, kind: type[OrderSuspension]) -> None:
        self.act("tribunal", kind(lei(name), "order", EVIDENCE))

    @rule(name=names, close=st.booleans())
    def leave_or_close(self, name: str, close: bool) -> None:
        self.act(name, Close(lei(name)) if close else Leave())

    # Time

    @rule(days=st.integers(0, 45))
    def time_passes(self, days: int) -> None:
        execution = self.ledger.later(days * MS_PER_DAY + 1)
        assert all(r.applied for r in execution.receipts), execution.receipts

    @precondition(lambda self: hasattr(self, "ledger"))
    @invariant()
    def everything_an_auditor_checks_holds(self) -> None:
        assert violations(self.ledger.state) == []

    def teardown(self) -> None:
        if not hasattr(self, "ledger"):
            return
        replayed_books_agree(self.ledger.state, self.ledger.receipts)
        for _ in range(6):
            self.ledger.later(60 * MS_PER_DAY)
        assert violations(self.ledger.state) == []
        for _, party in self.ledger.state.scan(PARTY):
            assert party.state.value in {
                "admitted", "suspended", "run-off", "closed", "refused", "lapsed", "withdrawn",
            }  # fmt: skip


def replayed_books_agree(state: State, receipts: list[tuple[int, Any]]) -> None:
    """The postings of the receipts alone rebuild every balance, in sequence."""
    from contracts.framework.posting import balances

    books: dict[tuple[str, str], tuple[int, int, tuple[int, int]]] = {}
    index, last = 0, 0
    for height, receipt in receipts:
        index = index + 1 if height == last else 0
        last = height
        for posting in receipt.postings:
            entry = (posting.account, posting.unit)
            amount, sequence, place = books.get(entry, (0, 0, (0, 0)))
            assert posting.sequence == sequence + 1 and posting.previous == place
            assert posting.balance == amount + posting.amount
            books[entry] = (posting.balance, posting.sequence, (height, index))
    found = {(a, u.value): (b.amount, b.count, (b.height, b.index)) for a, u, b in balances(state)}
    assert found == books


Cluster.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestCluster = Cluster.TestCase
