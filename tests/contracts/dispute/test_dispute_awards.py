"""Awards and orders take effect by themselves, once, and exactly as ruled."""

from __future__ import annotations

import pytest
from cast import EVIDENCE, violations
from disputed import ARBITER, CLAIM, arbitrated, awarded, debt, dispute, opened
from guaranteed import (
    ALTAI,
    DAY,
    GUARANTOR,
    INSPECTOR,
    URAL,
    VOLGA,
    available,
    cluster,
    demand,
    demanded,
    guarantee,
    issued,
    paid,
    pass_time,
)
from ledger_in_memory import Ledger, event, lei

from contracts.currency.debts import debts_between, outstanding
from contracts.currency.events import EscrowOpened
from contracts.currency.operations import Leg, OpenEscrow, ReleaseEscrow, Transfer
from contracts.currency.records import ESCROW_TABLE
from contracts.dispute.operations import (
    ExecuteAward,
    HoldMoney,
    MakeAward,
    MakeOrder,
    ReleaseMoney,
    WithdrawClaim,
)
from contracts.dispute.records import EXECUTION, DisputeState, Execution, Ruling, Subject
from contracts.guarantee.claims import PayDemand, RejectDemand
from contracts.guarantee.records import (
    DemandState,
    Discrepancy,
    DiscrepancyKind,
    GuaranteeState,
)
from ledger.errors import CodedError

S, G = DisputeState, GuaranteeState
NO_BREACH = (Discrepancy(DiscrepancyKind.STATEMENT, "no breach is stated"),)


def execution(ledger: Ledger, id: bytes) -> Execution:
    found = ledger.state.get(EXECUTION, id)
    assert found is not None
    return found


def parts(ledger: Ledger, id: bytes) -> tuple[int, int, int, int]:
    done = execution(ledger, id)
    return (done.subject, done.held, done.available, done.owed)


def order(id: bytes, name: str) -> MakeOrder:
    return MakeOrder(id, name, "manifest abuse", EVIDENCE)


def test_the_tribunal_executes_an_award_once_and_no_party_signs() -> None:
    ledger = cluster()
    owed = debt(ledger)
    id = arbitrated(ledger, opened(ledger, Subject("debt", owed)))
    awarded(ledger, id, URAL, 5_000, discharged=6_000)
    with pytest.raises(CodedError, match="NOT_AUTHORISED"):
        ledger.do(URAL, ExecuteAward(id))
    before = available(ledger, VOLGA)
    ledger.must("tribunal", ExecuteAward(id))
    assert available(ledger, VOLGA) == before + 5_000
    assert parts(ledger, id) == (0, 5_000, 0, 0)
    assert outstanding(ledger.state, owed) == 0
    assert ledger.do("tribunal", ExecuteAward(id)).code == "WRONG_STATE"
    pass_time(ledger, 30)
    assert available(ledger, VOLGA) == before + 5_000
    assert violations(ledger.state) == []


def test_an_award_that_nobody_executes_is_executed_by_time() -> None:
    ledger = cluster()
    id = awarded(ledger, arbitrated(ledger, opened(ledger)), URAL, 5_000)
    pass_time(ledger, 16)
    assert dispute(ledger, id).state is S.EXECUTED
    assert parts(ledger, id) == (0, 0, 5_000, 0)
    assert violations(ledger.state) == []


def test_an_award_is_corrected_until_it_is_executed() -> None:
    ledger = cluster()
    id = awarded(ledger, arbitrated(ledger, opened(ledger)), URAL, 5_000)
    ledger.must(ARBITER, MakeAward(id, Ruling(lei(URAL), 500), "a zero too many"))
    ledger.must("tribunal", ExecuteAward(id))
    assert execution(ledger, id).amount == 500
    late = MakeAward(id, Ruling(lei(URAL), 5_000), "no")
    assert ledger.do(ARBITER, late).code == "WRONG_STATE"


def test_a_shortfall_becomes_a_debt_of_the_payer() -> None:
    ledger = cluster()
    poor = debt(ledger, 80_000, debtor=VOLGA, creditor=URAL)
    id = opened(ledger, Subject("debt", poor), claimant=URAL, respondent=VOLGA, claim=90_000)
    arbitrated(ledger, id)
    ledger.must(URAL, Transfer((Leg(lei(VOLGA), 7_000),)))
    awarded(ledger, id, VOLGA, 85_000, discharged=80_000)
    ledger.must("tribunal", ExecuteAward(id))
    assert parts(ledger, id) == (0, 50_000, 7_000, 28_000)
    left = list(debts_between(ledger.state, lei(VOLGA), lei(URAL)))
    assert [(d.remaining, d.origin, d.origin_id) for d in left] == [(28_000, "dispute", id)]
    assert violations(ledger.state) == []


def test_an_award_of_nothing_gives_everything_back_and_the_debt_is_due_again() -> None:
    ledger = cluster()
    owed = debt(ledger)
    before = available(ledger, URAL)
    id = arbitrated(ledger, opened(ledger, Subject("debt", owed)))
    awarded(ledger, id, URAL, 0)
    ledger.must("tribunal", ExecuteAward(id))
    assert available(ledger, URAL) == before
    assert outstanding(ledger.state, owed) == CLAIM
    assert violations(ledger.state) == []


def test_a_counterclaim_can_be_awarded_too() -> None:
    ledger = cluster()
    id = arbitrated(ledger, opened(ledger), counterclaim=900)
    awarded(ledger, id, VOLGA, 900)
    before = available(ledger, URAL)
    ledger.must("tribunal", ExecuteAward(id))
    assert available(ledger, URAL) == before + 900


def test_a_disputed_escrow_waits_and_is_divided_by_the_award() -> None:
    ledger = cluster()
    op = OpenEscrow(lei(VOLGA), 9_000, lei(INSPECTOR), "tests pass", ledger.time + 20 * DAY)
    escrow: bytes = event(ledger.must(URAL, op), EscrowOpened)["escrow"]
    id = opened(ledger, Subject("escrow", escrow), claim=9_000)
    assert ledger.do(URAL, ReleaseEscrow(escrow)).code == "WRONG_STATE"
    arbitrated(ledger, id)
    pass_time(ledger, 60)
    awarded(ledger, id, URAL, 3_000)
    ural, volga = available(ledger, URAL), available(ledger, VOLGA)
    ledger.must("tribunal", ExecuteAward(id))
    assert parts(ledger, id) == (3_000, 0, 0, 0)
    assert (available(ledger, URAL) - ural, available(ledger, VOLGA) - volga) == (6_000, 3_000)
    assert violations(ledger.state) == []


def test_the_clock_of_an_escrow_runs_on_when_the_dispute_is_withdrawn() -> None:
    ledger = cluster()
    op = OpenEscrow(lei(VOLGA), 9_000, lei(INSPECTOR), "tests pass", ledger.time + 20 * DAY)
    escrow: bytes = event(ledger.must(URAL, op), EscrowOpened)["escrow"]
    pass_time(ledger, 5)
    id = opened(ledger, Subject("escrow", escrow), claim=9_000)
    pass_time(ledger, 12)
    ledger.must(VOLGA, WithdrawClaim(id, "agreed"))
    found = ledger.state.get(ESCROW_TABLE, escrow)
    assert found is not None and 14 * DAY < found.due - ledger.time < 16 * DAY
    pass_time(ledger, 10)
    ledger.must(URAL, ReleaseEscrow(escrow))
    assert violations(ledger.state) == []


def test_a_dispute_does_not_stop_an_examination_but_an_order_does() -> None:
    ledger = cluster()
    running, stopped = issued(ledger), issued(ledger)
    disputes = {}
    for id in (running, stopped):
        demanded(ledger, id)
        disputes[id] = opened(
            ledger, Subject("guarantee", id), claimant=URAL, respondent=VOLGA, claim=4_000
        )
    stay = order(disputes[stopped], "stay demand")
    assert ledger.do(VOLGA, stay).code == "NOT_ENTITLED"
    ledger.must("tribunal", stay)
    pass_time(ledger, 9)
    assert guarantee(ledger, running).state is G.DUE
    assert guarantee(ledger, stopped).state is G.STAYED
    assert ledger.do(GUARANTOR, PayDemand(stopped)).code == "WRONG_STATE"
    unknown = ledger.do("tribunal", order(disputes[stopped], "dance"))
    assert unknown.code == "UNKNOWN_ORDER" and "stay demand" in unknown.reason
    assert ledger.do("tribunal", order(disputes[running], "lift stay")).code == "WRONG_STATE"
    ledger.must("tribunal", order(disputes[stopped], "lift stay"))
    assert guarantee(ledger, stopped).state is G.EXAMINING
    ledger.must("tribunal", stay)
    ledger.must(URAL, WithdrawClaim(disputes[stopped], "mistaken"))
    assert guarantee(ledger, stopped).state is G.EXAMINING
    assert violations(ledger.state) == []


def test_an_order_dismisses_an_abusive_demand_without_payment() -> None:
    ledger = cluster()
    id = issued(ledger)
    abusive = demanded(ledger, id)
    about = opened(ledger, Subject("guarantee", id), claimant=URAL, respondent=VOLGA, claim=1)
    ledger.must("tribunal", order(about, "dismiss demand"))
    assert demand(ledger, abusive).state is DemandState.DISMISSED
    assert guarantee(ledger, id).state is G.ISSUED
    assert ledger.do("tribunal", order(about, "dismiss demand")).code == "WRONG_STATE"
    assert violations(ledger.state) == []


def test_the_beneficiary_has_a_rejected_demand_paid_by_award_even_after_the_term() -> None:
    ledger = cluster()
    id = issued(ledger, expires=ledger.time + 20 * DAY)
    rejected = demanded(ledger, id)
    ledger.must(GUARANTOR, RejectDemand(id, NO_BREACH))
    about = opened(ledger, Subject("guarantee", id), respondent=GUARANTOR, claim=4_000)
    assert guarantee(ledger, id).state is G.CONTESTED
    arbitrated(ledger, about)
    pass_time(ledger, 40)
    assert guarantee(ledger, id).state is G.CONTESTED
    awarded(ledger, about, GUARANTOR, 4_000)
    before = available(ledger, VOLGA)
    ledger.must("tribunal", ExecuteAward(about))
    assert available(ledger, VOLGA) == before + 4_000
    assert parts(ledger, about) == (4_000, 0, 0, 0)
    assert demand(ledger, rejected).state is DemandState.PAID
    assert paid(ledger)[1].cash == 4_000
    pass_time(ledger, 1)
    assert guarantee(ledger, id).state is G.EXPIRED
    assert violations(ledger.state) == []


def test_a_rejection_that_was_right_leaves_the_guarantee_as_it_was() -> None:
    ledger = cluster()
    id = issued(ledger)
    rejected = demanded(ledger, id)
    ledger.must(GUARANTOR, RejectDemand(id, NO_BREACH))
    about = opened(ledger, Subject("guarantee", id), respondent=GUARANTOR, claim=4_000)
    arbitrated(ledger, about)
    awarded(ledger, about, GUARANTOR, 0)
    pass_time(ledger, 16)
    assert guarantee(ledger, id).state is G.ISSUED
    assert demand(ledger, rejected).state is DemandState.DISMISSED
    assert guarantee(ledger, id).paid == 0
    assert violations(ledger.state) == []


def test_a_rejection_of_long_ago_is_not_contested_any_more() -> None:
    ledger = cluster()
    id = issued(ledger)
    demanded(ledger, id)
    ledger.must(GUARANTOR, RejectDemand(id, NO_BREACH))
    pass_time(ledger, 31)
    from contracts.dispute.operations import OpenDispute

    op = OpenDispute(lei(GUARANTOR), Subject("guarantee", id), 4_000, "it complied")
    assert ledger.do(VOLGA, op).code == "DEADLINE_PASSED"


def test_a_tribunal_holds_money_within_the_claim_and_gives_it_back() -> None:
    ledger = cluster()
    id = opened(ledger)
    ural = available(ledger, URAL)
    too_much = HoldMoney(id, lei(URAL), CLAIM + 1, "flight risk", EVIDENCE)
    assert ledger.do("tribunal", too_much).code == "OVER_CLAIM"
    stranger = HoldMoney(id, lei(ALTAI), 1, "x", EVIDENCE)
    assert ledger.do("tribunal", stranger).code == "INVALID_TERMS"
    for amount in (1_000, 4_000):
        ledger.must("tribunal", HoldMoney(id, lei(URAL), amount, "flight risk", EVIDENCE))
        assert available(ledger, URAL) == ural - amount
        assert violations(ledger.state) == []
    assert ledger.do(VOLGA, ReleaseMoney(id, "x", EVIDENCE)).code == "NOT_ENTITLED"
    ledger.must("tribunal", ReleaseMoney(id, "security was given", EVIDENCE))
    assert available(ledger, URAL) == ural
    ledger.must(VOLGA, WithdrawClaim(id, "x"))
    over = HoldMoney(id, lei(URAL), 1, "x", EVIDENCE)
    assert ledger.do("tribunal", over).code == "WRONG_STATE"
    assert violations(ledger.state) == []


def test_a_tribunal_that_is_a_party_orders_nothing() -> None:
    ledger = cluster()
    id = opened(ledger, respondent="tribunal")
    op = HoldMoney(id, lei("tribunal"), 1, "x", EVIDENCE)
    assert ledger.do("tribunal", op).code == "CONFLICT_OF_INTEREST"
