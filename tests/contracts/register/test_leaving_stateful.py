"""Conduct, leaving and governance under arbitrary use, with jumps in time.

After every step all invariants of all capabilities hold; a refused operation changes nothing; no
time limit fails, so nothing is stuck.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cast import EVIDENCE, violations
from conduct import ALTAI, DAY, INSPECTOR, PLAN, cluster, document, rich
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from ledger_in_memory import STATES, lei

from contracts.currency.operations import AcceptRequest, OpenEscrow, PayRequest, RequestPayment
from contracts.currency.records import REQUEST_TABLE
from contracts.currency.supply_operations import RequestRedemption
from contracts.executor import BlockInput, execute_block
from contracts.framework.ballot import BALLOT_TABLE, BallotState, Choice
from contracts.framework.evidence import DocumentKind
from contracts.framework.operation import Operation
from contracts.framework.party import Office, Role
from contracts.governance.operations import (
    GuarantorStep,
    ProposeGuarantor,
    ProposeParameters,
    ProposePause,
    ProposeResumption,
    ProposeRole,
    ProposeUpgrade,
    RoleStep,
)
from contracts.governance.records import GovernanceParameters, ParameterChange
from contracts.guarantee.operations import PostCapacity, PostCollateral
from contracts.register.appeals import AppealExclusion, RuleOnAppeal
from contracts.register.conduct_records import (
    APPEAL_TABLE,
    FINDING_TABLE,
    PROGRAMME_TABLE,
    Ground,
    ProgrammeState,
)
from contracts.register.deviation import quarter_at, quarter_of
from contracts.register.findings import (
    ConfirmRemedy,
    DropFinding,
    OpenFinding,
    OrderRemedy,
    RespondToFinding,
)
from contracts.register.leaving_records import LeavingParameters, SuccessionGround
from contracts.register.operations import (
    CastVote,
    Close,
    Leave,
    OrderReinstatement,
    OrderSuspension,
    ProposeExclusion,
)
from contracts.register.programme import AttestProgramme, FilePlan, ReportProgramme
from contracts.register.records import RegisterParameters
from contracts.register.runoff import WindUp
from contracts.register.succession import ProposeSuccession
from contracts.register.withdrawal import AnnounceWithdrawal, CancelWithdrawal, ChangeHome
from ledger import block
from ledger.errors import CodedError
from ledger.state import Table

MEMBERS = ("Ural Gear", "Volga Bearings", ALTAI)
HOMES = {"Ural Gear": "KZ", "Volga Bearings": "RU", ALTAI: "BY"}
INSTITUTIONS = ("registrar", "tribunal", INSPECTOR)
NAMES = {lei(name): name for name in (*MEMBERS, *INSTITUTIONS)}
NAMES.update({lei(f"{r}{s}"): f"{r}{s}" for r in ("issuer", "guarantor") for s in STATES})
members = st.sampled_from(MEMBERS)
states = st.sampled_from(STATES)
picks = st.integers(0, 9)
amounts = st.integers(1, 900)
CHANGES = (
    ("register", "vote_days", "20"),
    ("register", "first_warning_days", "5"),
    ("leaving", "loss_days", "60"),
    ("leaving", "others_cap", "10000"),
    ("programme", "red_quarters", "1"),
    ("governance", "least_guarantors", "4"),
    ("currency", "response_days", "0"),
)


@pytest.fixture(autouse=True, scope="module")
def software_that_knows_what_is_decided() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block, "PROTOCOL_VERSION", 9)
        yield


class Leaving(RuleBasedStateMachine):
    """Members, guarantors, registrar, tribunal and inspector do whatever comes to mind."""

    @initialize(batch=st.sampled_from([10, 500]))
    def start(self, batch: int) -> None:
        self.ledger = cluster(
            RegisterParameters(contribution=0, vote_days=60),
            LeavingParameters(loss_days=90, batch=batch, guarantor_limit=500, notice_days=30),
            GovernanceParameters(notice_blocks=2),
        )
        rich(self.ledger, guarantorKZ=700, guarantorRU=300, Ural_Gear=900, Volga_Bearings=200)
        self.homes = dict(HOMES)
        self.act("guarantorKZ", PostCapacity(1_000, EVIDENCE))
        self.act("guarantorKZ", PostCollateral(100))

    def pick(self, table: Table[Any], index: int) -> Any:
        records = [record for _, record in self.ledger.state.scan(table)]
        return records[index % len(records)] if records else None

    def act(self, author: str, *ops: Operation, also: tuple[str, ...] = ()) -> bool:
        """Execute; a refusal or drop changes nothing. Whether it was applied."""
        ledger = self.ledger
        signers = tuple(dict.fromkeys((author, *also)))
        try:
            candidate = ledger.candidate(author, *ops, signers=signers)
        except CodedError:
            return False
        block = BlockInput(bytes(32), ledger.height + 1, ledger.time + 1_000)
        quiet = not execute_block(ledger.state, block, (), lambda _: False).receipts
        execution = ledger.block(candidate)
        self.check_time_limits(execution.receipts[: len(execution.receipts) - 1])
        if execution.dropped or not execution.receipts[-1].applied:
            assert not quiet or execution.overlay.changes() == {}
            return False
        return True

    @staticmethod
    def check_time_limits(receipts: Any) -> None:
        for receipt in receipts:
            assert receipt.applied, (receipt.code, receipt.reason)

    def hold_every_invariant(self) -> None:
        found = violations(self.ledger.state)
        assert found == [], found

    @rule(days=st.sampled_from([0, 0, 1, 5, 16, 31, 31, 92, 200]))
    def time_passes(self, days: int) -> None:
        self.check_time_limits(self.ledger.later(days * DAY + 1_000).receipts)

    # Debts

    @rule(debtor=members, creditor=members, amount=amounts, days=st.integers(1, 60))
    def owe(self, debtor: str, creditor: str, amount: int, days: int) -> None:
        due = self.ledger.time + days * DAY
        if self.act(creditor, RequestPayment(lei(debtor), amount, due, "goods")):
            requests = [r for _, r in self.ledger.state.scan(REQUEST_TABLE) if r.state == "issued"]
            for request in requests:
                self.act(NAMES[request.debtor], AcceptRequest(request.id))

    @rule(index=picks, amount=amounts)
    def pay(self, index: int, amount: int) -> None:
        request = self.pick(REQUEST_TABLE, index)
        if request is not None:
            self.act(NAMES[request.debtor], PayRequest(request.id, amount))

    @rule(payer=members, payee=members, amount=amounts, days=st.integers(1, 60))
    def escrow(self, payer: str, payee: str, amount: int, days: int) -> None:
        due = self.ledger.time + days * DAY
        self.act(payer, OpenEscrow(lei(payee), amount, lei(payee), "delivered", due))

    @rule(name=members, amount=amounts)
    def redeem(self, name: str, amount: int) -> None:
        self.act(name, RequestRedemption("KZ", amount))

    # Conduct

    @rule(name=members, ahead=st.integers(-1, 2))
    def file_plan(self, name: str, ahead: int) -> None:
        quarter = quarter_at(quarter_of(self.ledger.time).index + ahead)
        self.act(name, FilePlan(quarter, PLAN), also=(f"guarantor{self.homes[name]}",))

    @rule(index=picks, gears=st.integers(0, 200), shafts=st.integers(0, 60), attest=st.booleans())
    def report(self, index: int, gears: int, shafts: int, attest: bool) -> None:
        plan = self.pick(PROGRAMME_TABLE, index)
        if plan is None:
            return
        actuals = (gears, shafts)
        op = ReportProgramme(plan.quarter, actuals, lei(INSPECTOR), EVIDENCE)
        self.act(NAMES[plan.lei], op)
        if attest:
            self.act(INSPECTOR, AttestProgramme(plan.lei, plan.quarter, actuals, EVIDENCE))

    @rule(name=members, ground=st.sampled_from(list(Ground)), back=st.integers(0, 2))
    def find(self, name: str, ground: Ground, back: int) -> None:
        quarter = quarter_at(quarter_of(self.ledger.time).index - back)
        self.act("registrar", OpenFinding(lei(name), ground, quarter, "far off"))

    @rule(index=picks, answer=st.sampled_from(["respond", "order", "drop", "confirm"]))
    def answer_finding(self, index: int, answer: str) -> None:
        finding = self.pick(FINDING_TABLE, index)
        if finding is None:
            return
        if answer == "respond":
            self.act(NAMES[finding.lei], RespondToFinding(finding.id, "it will be better"))
        elif answer == "confirm":
            self.act("registrar", ConfirmRemedy(finding.id, document(3)))
        else:
            op = OrderRemedy if answer == "order" else DropFinding
            self.act("registrar", op(finding.id, "as it is"))

    @rule(name=members, suspend=st.booleans())
    def order(self, name: str, suspend: bool) -> None:
        op = OrderSuspension if suspend else OrderReinstatement
        self.act("tribunal", op(lei(name), "order 7", EVIDENCE))

    @rule(name=members)
    def exclude(self, name: str) -> None:
        self.act("tribunal", OrderSuspension(lei(name), "order 7", EVIDENCE))
        if self.act("registrar", ProposeExclusion(lei(name), "no deliveries")):
            self.agree()

    @rule(name=members, quash=st.sampled_from([None, True, False]))
    def appeal(self, name: str, quash: bool | None) -> None:
        self.act(name, AppealExclusion("they were delivered"))
        appeal = self.pick(APPEAL_TABLE, -1)
        if appeal is not None and quash is not None:
            self.act("tribunal", RuleOnAppeal(appeal.id, quash, "so it is", EVIDENCE))

    # Leaving

    @rule(name=members)
    def leave(self, name: str) -> None:
        self.act(name, Leave())

    @rule(name=members, close=st.booleans())
    def wind_up(self, name: str, close: bool) -> None:
        self.act("registrar", Close(lei(name)) if close else WindUp(lei(name)))

    @rule(
        party=members,
        successor=st.sampled_from((*MEMBERS, "guarantorKZ", "guarantorRU")),
        ground=st.sampled_from(list(SuccessionGround)),
        agree=st.booleans(),
    )
    def succeed(self, party: str, successor: str, ground: SuccessionGround, agree: bool) -> None:
        deed = document(9, "tribunal", DocumentKind.OTHER)
        op = ProposeSuccession(lei(party), lei(successor), ground, "by court order", (deed,))
        also = (successor, party) if ground is SuccessionGround.MERGER else (successor,)
        if self.act("registrar", op, also=also) and agree:
            self.agree()

    @rule(state=states, cancel=st.booleans())
    def withdraw_state(self, state: str, cancel: bool) -> None:
        op = CancelWithdrawal if cancel else AnnounceWithdrawal
        self.act(f"guarantor{state}", op(state, "as decided"))

    @rule(name=members, home=states)
    def change_home(self, name: str, home: str) -> None:
        old = self.homes[name]
        for also in ((f"guarantor{home}",), (f"guarantor{home}", f"guarantor{old}")):
            if self.act(name, ChangeHome(home), also=also):
                self.homes[name] = home
                return

    # Governance

    def agree(self) -> None:
        """Every voter of every open ballot says yes."""
        for _, ballot in list(self.ledger.state.scan(BALLOT_TABLE)):
            if ballot.state is BallotState.OPEN:
                for voter in ballot.voters:
                    self.act(NAMES[voter], CastVote(ballot.id, Choice.YES))

    @rule(index=picks, state=states, choice=st.sampled_from(list(Choice)))
    def vote(self, index: int, state: str, choice: Choice) -> None:
        ballot = self.pick(BALLOT_TABLE, index)
        if ballot is not None:
            self.act(f"guarantor{state}", CastVote(ballot.id, choice, "so I think"))

    @rule(change=st.sampled_from(CHANGES), blocks=st.integers(1, 12), agree=st.booleans())
    def propose_parameters(self, change: tuple[str, str, str], blocks: int, agree: bool) -> None:
        capability, name, value = change
        height = self.ledger.height + blocks
        op = ProposeParameters(capability, (ParameterChange(name, value),), height, "better")
        if self.act("registrar", op) and agree:
            self.agree()

    @rule(
        step=st.sampled_from(list(RoleStep)),
        role=st.sampled_from([Role.INSPECTOR, Role.MEDIATOR, Role.AUDITOR]),
        name=members,
        agree=st.booleans(),
    )
    def propose_role(self, step: RoleStep, role: Role, name: str, agree: bool) -> None:
        op = ProposeRole(lei(name), Office(role), step, self.ledger.height + 8, "needed")
        if self.act("registrar", op, also=() if step is RoleStep.REVOKE else (name,)) and agree:
            self.agree()

    @rule(state=states, agree=st.booleans())
    def remove_guarantor(self, state: str, agree: bool) -> None:
        party = lei(f"guarantor{state}")
        height = self.ledger.height + 8
        op = ProposeGuarantor(party, state, GuarantorStep.REMOVE, height, "needed")
        if self.act("registrar", op) and agree:
            self.agree()

    @rule(version=st.integers(2, 3), agree=st.booleans())
    def upgrade(self, version: int, agree: bool) -> None:
        op = ProposeUpgrade(version, EVIDENCE, self.ledger.height + 8, "better")
        if self.act("registrar", op) and agree:
            self.agree()

    @rule(
        policy=st.sampled_from(["payment", "membership", "office", "obligation", "vote"]),
        resume=st.booleans(),
    )
    def pause(self, policy: str, resume: bool) -> None:
        op = ProposeResumption(policy, "over") if resume else ProposePause(policy, 9, "danger")
        if self.act("registrar", op):
            self.agree()

    @invariant()
    def nothing_is_violated(self) -> None:
        if hasattr(self, "ledger"):
            self.hold_every_invariant()

    def teardown(self) -> None:
        """By time alone everything ends or comes to a lawful rest."""
        if hasattr(self, "ledger"):
            for _ in range(12):
                self.check_time_limits(self.ledger.later(100 * DAY).receipts)
            self.hold_every_invariant()
            open_plans = [
                plan
                for _, plan in self.ledger.state.scan(PROGRAMME_TABLE)
                if plan.state in {ProgrammeState.PLANNED, ProgrammeState.REPORTED}
            ]
            assert open_plans == []


Leaving.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestLeaving = Leaving.TestCase
