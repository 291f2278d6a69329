"""The joint fund: pledges and votes, applications and milestones, loans, first losses."""

from __future__ import annotations

import pytest
from cast import EVIDENCE, violations, vote
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
    application,
    applied,
    appraised,
    attest_step,
    available,
    fund_ledger,
    funded,
    paid_in,
    pass_days,
    plan,
    pledge_of,
    pledged,
    tranches_of,
)
from guaranteed import document
from ledger_in_memory import Ledger, event, lei

from contracts.currency.operations import CreditRequest, Leg, PayRequest, Transfer
from contracts.framework.ballot import BALLOT_TABLE, BallotOpened, BallotState, Choice
from contracts.framework.posting import balance_of
from contracts.fund.accounts import THE_FIRST_LOSS, THE_POOL, THE_PROVISION
from contracts.fund.events import PledgeChanged
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
from contracts.fund.parameters import FundParameters
from contracts.fund.records import (
    ApplicationState,
    InstalmentState,
    PledgeState,
    Support,
    TrancheState,
)
from contracts.fund.views import draws, position, ranking, whole
from contracts.guarantee.claims import PresentDemand
from contracts.guarantee.events import GuaranteeDrafted
from contracts.guarantee.operations import (
    DraftGuarantee,
    IssueGuarantee,
    PostCapacity,
    PostCollateral,
)
from contracts.guarantee.records import Underlying
from contracts.register.operations import (
    CastVote,
    OrderSuspension,
    ProposeSuspension,
)
from ledger.receipt import Receipt

A, T, P = ApplicationState, TrancheState, PledgeState


@pytest.fixture
def ledger() -> Ledger:
    """A fund with 800,000 free per pledge of a million, 3.2 million in all."""
    ledger = fund_ledger()
    paid_in(ledger)
    return ledger


def holds(ledger: Ledger) -> None:
    assert violations(ledger.state) == []


def refused(receipt: Receipt, code: str) -> None:
    assert receipt.code == code, (receipt.code, receipt.reason)


# Pledges


def test_a_paid_pledge_is_split_and_the_odd_unit_is_ring_fenced() -> None:
    ledger = fund_ledger()
    id = pledged(ledger, "KZ", 1_001)
    ledger.must(FUND, CallPledge(id, 1_001, "to begin"))
    ledger.must("guarantorKZ", PayPledge(id))
    assert balance_of(ledger.state, THE_FIRST_LOSS) == 201
    assert balance_of(ledger.state, THE_POOL) == 800
    assert pledge_of(ledger, id).state is P.PAID
    holds(ledger)


def test_a_call_for_a_part_leaves_the_rest_pledged() -> None:
    ledger = fund_ledger()
    id = pledged(ledger, "KZ", 1_000)
    receipt = ledger.must(FUND, CallPledge(id, 300, "a first part"))
    rest, part = (e for e in receipt.events if e[0] == PledgeChanged.__struct_config__.tag)
    assert (rest[4], rest[5], part[4], part[5]) == (700, "pledged", 300, "called")
    assert pledge_of(ledger, part[1]).split_from == id
    refused(ledger.do(FUND, CallPledge(id, 701, "more")), "INVALID_TERMS")
    refused(ledger.do("guarantorKZ", PayPledge(id)), "WRONG_STATE")
    holds(ledger)


def test_only_the_states_own_guarantor_pledges_and_pays() -> None:
    ledger = fund_ledger()
    refused(ledger.do("guarantorRU", Pledge("KZ", 1_000)), "NOT_ENTITLED")
    id = pledged(ledger, "KZ", 1_000)
    ledger.must(FUND, CallPledge(id, 1_000, "now"))
    refused(ledger.do("guarantorRU", PayPledge(id)), "NOT_ENTITLED")
    holds(ledger)


def test_arrears_suspend_the_vote_until_they_are_paid(ledger: Ledger) -> None:
    id = pledged(ledger, "KZ", 1_000)
    ledger.must(FUND, CallPledge(id, 1_000, "now"))
    pass_days(ledger, 32)
    assert pledge_of(ledger, id).state is P.ARREARS
    ballot = appraised(ledger, applied(ledger, 1_000, by=VOLGA))
    opened = ledger.state.get(BALLOT_TABLE, ballot)
    assert opened is not None and lei("guarantorKZ") not in opened.voters
    late = ledger.do("guarantorKZ", CastVote(ballot, Choice.YES, ""))
    refused(late, "NOT_A_VOTER")
    assert "arrears" in late.reason
    ledger.must("guarantorKZ", PayPledge(id))
    ballot = appraised(ledger, applied(ledger, 1_000, by=ALTAI))
    opened = ledger.state.get(BALLOT_TABLE, ballot)
    assert opened is not None and lei("guarantorKZ") in opened.voters
    holds(ledger)


def test_a_state_that_falls_into_arrears_leaves_the_open_lists_on_which_it_has_not_voted(
    ledger: Ledger,
) -> None:
    id = pledged(ledger, "KZ", 1_000)
    ledger.must(FUND, CallPledge(id, 1_000, "now"))
    pass_days(ledger, 25)
    ballot = appraised(ledger, applied(ledger, 1_000, by=VOLGA))
    vote(ledger, ballot, "CN")
    pass_days(ledger, 7)
    found = ledger.state.get(BALLOT_TABLE, ballot)
    assert found is not None
    assert found.voters == (lei("guarantorBY"), lei("guarantorCN"))
    assert found.state is BallotState.OPEN  # more than half of two are two
    vote(ledger, ballot, "BY")
    found = ledger.state.get(BALLOT_TABLE, ballot)
    assert found is not None and found.state is BallotState.PASSED
    holds(ledger)


def test_the_council_can_act_although_every_state_is_in_arrears() -> None:
    ledger = fund_ledger()
    for state in ("BY", "CN", "KZ", "RU"):
        id = pledged(ledger, state, 1_000)
        ledger.must(FUND, CallPledge(id, 1_000, "now"))
    pass_days(ledger, 40)
    receipt = ledger.must("registrar", ProposeSuspension(lei(URAL), "no reports"))
    found = ledger.state.get(BALLOT_TABLE, event(receipt, BallotOpened)["ballot"])
    assert found is not None and len(found.voters) == 4


def test_the_council_releases_a_pledge_and_the_state_itself_does_not_vote(ledger: Ledger) -> None:
    id = pledged(ledger, "KZ", 1_000)
    ledger.must(FUND, CallPledge(id, 1_000, "now"))
    pass_days(ledger, 32)
    receipt = ledger.must("guarantorKZ", ProposeRelease(id, "a crisis"))
    ballot = event(receipt, BallotOpened)["ballot"]
    refused(ledger.do("guarantorKZ", CastVote(ballot, Choice.YES, "")), "NOT_A_VOTER")
    vote(ledger, ballot, "BY", "CN")
    assert pledge_of(ledger, id).state is P.RELEASED
    holds(ledger)


# Applications


def test_a_grant_is_paid_milestone_by_milestone_in_order(ledger: Ledger) -> None:
    id = funded(ledger, 60_000, 40_001)
    before = available(ledger, URAL)
    assert position(ledger.state).held == 100_001
    refused(attest_step(ledger, id, 1), "TOO_EARLY")
    assert attest_step(ledger, id, 0).applied
    assert available(ledger, URAL) == before + 60_000
    refused(attest_step(ledger, id, 0), "WRONG_STATE")
    assert attest_step(ledger, id, 1).applied
    assert application(ledger, id).state is A.COMPLETED
    assert available(ledger, URAL) == before + 100_001
    holds(ledger)


def test_a_missed_milestone_returns_everything_that_is_still_held(ledger: Ledger) -> None:
    free = position(ledger.state).free
    id = funded(ledger, 60_000, 40_000, 20_000)
    attest_step(ledger, id, 0)
    pass_days(ledger, 60 + 30 - 2)
    assert application(ledger, id).state is A.FUNDED  # within the time of grace
    pass_days(ledger, 4)
    assert application(ledger, id).state is A.STOPPED
    assert [t.state for t in tranches_of(ledger, id)] == [T.RELEASED, T.RETURNED, T.RETURNED]
    assert position(ledger.state).free == free - 60_000
    holds(ledger)


def test_a_joint_venture_is_weighted_up_and_its_owners_states_do_not_vote(ledger: Ledger) -> None:
    plain, joint = applied(ledger, 1_000, by=ALTAI), applied(ledger, 1_000, by=UNION)
    ledger.must(FUND, Appraise(plain, 4_400, REPORT, "weak"))
    assert application(ledger, plain).state is A.REFUSED
    ballot = appraised(ledger, joint, 4_400)
    assert application(ledger, joint).weighted == 5_500
    found = ledger.state.get(BALLOT_TABLE, ballot)
    assert found is not None and found.voters == (lei("guarantorCN"),)
    assert set(found.excluded) == {lei(f"guarantor{s}") for s in ("BY", "KZ", "RU")}
    holds(ledger)


def test_the_home_state_is_recused_and_a_minority_does_not_approve(ledger: Ledger) -> None:
    id = applied(ledger, 1_000)
    ballot = appraised(ledger, id)
    refused(ledger.do("guarantorKZ", CastVote(ballot, Choice.YES, "")), "NOT_A_VOTER")
    vote(ledger, ballot, "RU")
    pass_days(ledger, 32)
    assert application(ledger, id).state is A.LAPSED
    holds(ledger)


def test_an_approval_waits_for_free_money_and_the_limit_is_named(ledger: Ledger) -> None:
    id = applied(ledger, 2_000_000)
    vote(ledger, appraised(ledger, id), "BY", "CN")
    assert application(ledger, id).state is A.APPROVED
    lacking = ledger.do(FUND, HoldTranches(id))
    refused(lacking, "OVER_FUND")
    assert "1600000" in lacking.reason and "5000 basis points" in lacking.reason
    paid_in(ledger)
    ledger.must(FUND, HoldTranches(id))
    assert application(ledger, id).state is A.FUNDED
    holds(ledger)


def test_an_approval_for_which_no_money_comes_lapses(ledger: Ledger) -> None:
    id = applied(ledger, 2_000_000)
    vote(ledger, appraised(ledger, id), "BY", "CN")
    pass_days(ledger, 92)
    assert application(ledger, id).state is A.LAPSED
    holds(ledger)


def test_applications_that_nobody_appraises_lapse(ledger: Ledger) -> None:
    id = applied(ledger, 1_000)
    pass_days(ledger, 62)
    assert application(ledger, id).state is A.LAPSED
    refused(ledger.do(FUND, Appraise(id, 9_000, REPORT, "late")), "WRONG_STATE")
    holds(ledger)


def test_withdrawing_ends_the_ballot_too(ledger: Ledger) -> None:
    id = applied(ledger, 1_000)
    ballot = appraised(ledger, id)
    refused(ledger.do(VOLGA, WithdrawApplication(id)), "NOT_ENTITLED")
    ledger.must(URAL, WithdrawApplication(id))
    refused(ledger.do("guarantorRU", CastVote(ballot, Choice.YES, "")), "WRONG_STATE")
    holds(ledger)


@pytest.mark.parametrize(
    ("repay", "amounts", "field"),
    [((10,), (500,), "repay[0]"), ((300, 200), (500,), "repay[1]"), ((400, 500), (1,), "repay"),
     ((9_000,), (500,), "repay[0]")],
)  # fmt: skip
def test_dates_and_amounts_of_a_loan_must_make_sense(
    ledger: Ledger, repay: tuple[int, ...], amounts: tuple[int, ...], field: str
) -> None:
    dates = tuple(ledger.time + days * DAY for days in repay)
    op = ApplyForSupport(Support.LOAN, "a foundry", PLAN, plan(ledger, *amounts), dates)
    receipt = ledger.do(URAL, op)
    refused(receipt, "INVALID_TERMS")
    assert receipt.field == field


def test_a_grant_is_not_repaid_and_a_loan_is(ledger: Ledger) -> None:
    steps = plan(ledger, 1_000)
    late = (ledger.time + 300 * DAY,)
    refused(
        ledger.do(URAL, ApplyForSupport(Support.GRANT, "x", PLAN, steps, late)), "INVALID_TERMS"
    )
    refused(ledger.do(URAL, ApplyForSupport(Support.LOAN, "x", PLAN, steps)), "INVALID_TERMS")


def test_an_inspector_attests_by_its_own_report_only(ledger: Ledger) -> None:
    id = funded(ledger, 1_000)
    tranche = tranches_of(ledger, id)[0]
    foreign = AttestMilestone(tranche.id, document(9, VOLGA))
    refused(ledger.do(INSPECTOR, foreign), "BAD_DOCUMENT")


def test_the_suspended_get_nothing_and_the_excluded_lose_what_is_held(ledger: Ledger) -> None:
    id, waiting = funded(ledger, 1_000), applied(ledger, 500)
    ledger.must("tribunal", OrderSuspension(lei(URAL), "fraud", b"o" * 32))
    assert application(ledger, waiting).state is A.STOPPED
    assert application(ledger, id).state is A.FUNDED
    refused(attest_step(ledger, id, 0), "STANDING_FORBIDS")
    holds(ledger)


def test_renouncing_returns_what_is_held(ledger: Ledger) -> None:
    id = funded(ledger, 600, 400)
    attest_step(ledger, id, 0)
    refused(ledger.do(VOLGA, RenounceSupport(id, "no")), "NOT_ENTITLED")
    ledger.must(URAL, RenounceSupport(id, "the project ends"))
    assert application(ledger, id).returned == 400
    holds(ledger)


def test_the_ranking_puts_the_best_weighted_score_first(ledger: Ledger) -> None:
    first, second = applied(ledger, 1_000, by=URAL), applied(ledger, 1_000, by=VOLGA)
    appraised(ledger, first, 6_000)
    appraised(ledger, second, 7_000)
    assert [a.id for a in ranking(ledger.state)] == [second, first]


# Loans


def lent(ledger: Ledger) -> bytes:
    """A loan of 1,000 in three instalments, released."""
    id = funded(ledger, 1_000, repay=(120, 150, 180))
    assert attest_step(ledger, id, 0).applied
    return id


def debts(ledger: Ledger, id: bytes) -> list[bytes]:
    """The debts of a loan, by date."""
    found = whole(ledger.state, id)
    assert found is not None
    return [i.debt for i in found.instalments]


def states(ledger: Ledger, id: bytes) -> list[InstalmentState]:
    """The states of a loan's instalments, by date."""
    found = whole(ledger.state, id)
    assert found is not None
    return [i.state for i in found.instalments]


def test_a_loan_is_repaid_by_ordinary_payments_that_go_into_the_pool(ledger: Ledger) -> None:
    id = lent(ledger)
    found = whole(ledger.state, id)
    assert found is not None and [i.amount for i in found.instalments] == [333, 333, 334]
    free, manager = position(ledger.state).free, available(ledger, FUND)
    for instalment in found.instalments:
        ledger.must(URAL, PayRequest(instalment.debt, instalment.amount))
    assert position(ledger.state).free == free + 1_000
    assert available(ledger, FUND) == manager
    assert states(ledger, id) == [InstalmentState.REPAID] * 3
    holds(ledger)


def test_default_is_provided_for_and_repayment_releases_the_provision(ledger: Ledger) -> None:
    id = lent(ledger)
    first = debts(ledger, id)[0]
    ledger.must(URAL, PayRequest(first, 33))
    pass_days(ledger, 120 + 92)
    assert states(ledger, id) == [
        InstalmentState.DEFAULTED,
        InstalmentState.DUE,
        InstalmentState.DUE,
    ]
    assert balance_of(ledger.state, THE_PROVISION) == 300
    ledger.must(URAL, PayRequest(first, 100))
    assert balance_of(ledger.state, THE_PROVISION) == 200
    ledger.must(URAL, PayRequest(first, 200))
    assert balance_of(ledger.state, THE_PROVISION) == 0
    assert states(ledger, id)[0] is InstalmentState.REPAID
    holds(ledger)


def test_only_the_council_writes_a_loan_off(ledger: Ledger) -> None:
    id = lent(ledger)
    refused(ledger.do(FUND, CreditRequest(debts(ledger, id)[0], "mercy")), "NOT_ENTITLED")
    refused(ledger.do(FUND, ProposeWriteOff(id, "too early")), "WRONG_STATE")
    pass_days(ledger, 120 + 92)
    receipt = ledger.must(FUND, ProposeWriteOff(id, "insolvent"))
    ballot = event(receipt, BallotOpened)["ballot"]
    refused(ledger.do("guarantorKZ", CastVote(ballot, Choice.YES, "")), "NOT_A_VOTER")
    vote(ledger, ballot, "BY", "CN")
    assert states(ledger, id) == [
        InstalmentState.WRITTEN_OFF,
        InstalmentState.DUE,
        InstalmentState.DUE,
    ]
    assert position(ledger.state).losses == 333
    refused(ledger.do(URAL, PayRequest(debts(ledger, id)[0], 1)), "WRONG_STATE")
    holds(ledger)


def test_default_holds_back_what_the_borrower_was_still_to_get() -> None:
    ledger = fund_ledger(FundParameters(default_days=1, grace_days=200))
    paid_in(ledger)
    id = funded(ledger, 500, 500, repay=(300,), days=40)
    attest_step(ledger, id, 0)
    pass_days(ledger, 40 + 40 + 201)
    assert application(ledger, id).state is A.STOPPED
    holds(ledger)


# First losses


def unpaid_guarantee(ledger: Ledger, amount: int, collateral: int) -> None:
    """A guarantor that has only collateral left does not pay a demand, which then falls due."""
    ledger.must("guarantorKZ", PostCollateral(collateral))
    ledger.must("guarantorKZ", PostCapacity(amount, EVIDENCE))
    op = DraftGuarantee(lei("guarantorKZ"), lei(VOLGA), amount, underlying=Underlying())
    id = event(ledger.must(URAL, op), GuaranteeDrafted)["guarantee"]
    ledger.must("guarantorKZ", IssueGuarantee(id))
    everything = available(ledger, "guarantorKZ")
    ledger.must("guarantorKZ", Transfer((Leg(lei(ALTAI), everything),)))
    ledger.must(VOLGA, PresentDemand(id, amount, "the goods did not come"))
    for _ in range(40):
        pass_days(ledger, 1)


def recovery(ledger: Ledger) -> bytes:
    """The debt for the one first loss that was borne."""
    (draw,) = draws(ledger.state)
    assert draw.debt is not None
    return draw.debt


def test_a_guarantor_short_of_money_is_supported_and_owes_it_to_the_fund(ledger: Ledger) -> None:
    before, volga = balance_of(ledger.state, THE_FIRST_LOSS), available(ledger, VOLGA)
    unpaid_guarantee(ledger, 1_000, 100)
    assert available(ledger, VOLGA) == volga + 1_000
    (draw,) = draws(ledger.state)
    assert (draw.amount, draw.liable) == (900, lei("guarantorKZ"))
    assert balance_of(ledger.state, THE_FIRST_LOSS) == before - 900
    holds(ledger)
    ledger.must(ALTAI, Transfer((Leg(lei("guarantorKZ"), 900),)))
    ledger.must("guarantorKZ", PayRequest(recovery(ledger), 900))
    assert balance_of(ledger.state, THE_FIRST_LOSS) == before
    holds(ledger)


def test_one_case_draws_no_more_than_the_cap() -> None:
    ledger = fund_ledger(FundParameters(first_loss_cap=250))
    paid_in(ledger)
    unpaid_guarantee(ledger, 1_000, 100)
    (draw,) = draws(ledger.state)
    assert draw.amount == 250
    holds(ledger)


def test_grants_never_touch_what_is_ring_fenced(ledger: Ledger) -> None:
    before = balance_of(ledger.state, THE_FIRST_LOSS)
    for _ in range(6):
        id = applied(ledger, position(ledger.state).free // 2)
        vote(ledger, appraised(ledger, id), "BY", "CN")
        assert application(ledger, id).state is A.FUNDED
    assert balance_of(ledger.state, THE_FIRST_LOSS) == before
    holds(ledger)


def test_pledge_and_application_refusals_name_what_is_missing(ledger: Ledger) -> None:
    refused(ledger.do(FUND, CallPledge(b"x" * 32, 1, "?")), "NOT_FOUND")
    refused(ledger.do(FUND, HoldTranches(b"x" * 32)), "NOT_FOUND")
    refused(ledger.do(INSPECTOR, AttestMilestone(b"x" * 32, document(1, INSPECTOR))), "NOT_FOUND")
