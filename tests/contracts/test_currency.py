"""Issue, redemption, payments, escrow, requests and reversals."""

from __future__ import annotations

import pytest
from cast import ALTAI, EVIDENCE, URAL, VOLGA, attest, funded, money, violations
from ledger_in_memory import Ledger, event, lei, member, named_key, new_ledger

from contracts.accounts import AVAIL, HELD, PAY, REC
from contracts.currency.events import (
    EscrowOpened,
    IssueRequested,
    PaymentRequested,
    RedemptionRequested,
    ReversalProposed,
)
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
    REQUEST_TABLE,
    CurrencyParameters,
    EscrowState,
    IssueState,
    RequestState,
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
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.posting import balance_of
from ledger.errors import CodedError
from ledger.policy import ANY, Requirement, Rule


def avail(ledger: Ledger, name: str) -> int:
    return balance_of(ledger.state, AVAIL.of(lei(name)))


def held(ledger: Ledger, name: str) -> int:
    return balance_of(ledger.state, HELD.of(lei(name)))


# Issue and redemption


def test_issue_stays_within_the_attested_reserve() -> None:
    ledger = new_ledger(member(URAL))
    assert attest(ledger, 1_000).applied
    money(ledger, URAL, 600)
    request = ledger.must(URAL, RequestIssue("KZ", 401))
    issue = event(request, IssueRequested)["issue"]
    assert ledger.do("issuerKZ", Issue(issue, EVIDENCE)).code == "RESERVE_EXCEEDED"
    assert attest(ledger, 599).code == "RESERVE_EXCEEDED"
    assert attest(ledger, 1_001).applied
    ledger.must("issuerKZ", Issue(issue, EVIDENCE))
    assert avail(ledger, URAL) == 1_001
    assert violations(ledger.state) == []


def test_each_states_issuer_answers_for_its_part_alone() -> None:
    ledger = new_ledger(member(URAL))
    attest(ledger, 1_000)
    issue = event(ledger.must(URAL, RequestIssue("KZ", 400)), IssueRequested)["issue"]
    assert ledger.do("issuerRU", Issue(issue, EVIDENCE)).code == "ROLE_NOT_HELD"
    assert ledger.do(URAL, RequestIssue("DE", 400)).code == "ROLE_NOT_HELD"


def test_a_stale_attestation_carries_no_issue() -> None:
    ledger = new_ledger(member(URAL), parameters=(CurrencyParameters(attestation_days=1),))
    issue = event(ledger.must(URAL, RequestIssue("KZ", 400)), IssueRequested)["issue"]
    assert ledger.do("issuerKZ", Issue(issue, EVIDENCE)).code == "ATTESTATION_STALE"
    attest(ledger, 1_000)
    ledger.later(3 * MS_PER_DAY)
    assert ledger.do("issuerKZ", Issue(issue, EVIDENCE)).code == "ATTESTATION_STALE"


def test_the_guarantor_signs_the_attestation() -> None:
    ledger = new_ledger(member(URAL))
    from contracts.currency.supply_operations import AttestReserve

    with pytest.raises(CodedError, match="MISSING_SIGNATURES"):
        ledger.do("issuerKZ", AttestReserve("KZ", 5, EVIDENCE))


@pytest.mark.parametrize("end", ["decline", "withdraw", "lapse"])
def test_a_request_for_issue_ends_without_money(end: str) -> None:
    ledger = new_ledger(member(URAL), member(VOLGA))
    attest(ledger, 1_000)
    issue = event(ledger.must(URAL, RequestIssue("KZ", 400)), IssueRequested)["issue"]
    if end == "decline":
        ledger.must("issuerKZ", DeclineIssue(issue, "no value received"))
    elif end == "withdraw":
        assert ledger.do(VOLGA, WithdrawIssue(issue)).code == "NOT_ENTITLED"
        ledger.must(URAL, WithdrawIssue(issue))
    else:
        ledger.later(20 * MS_PER_DAY)
    record = ledger.state.get(ISSUE_TABLE, issue)
    assert record is not None and record.state is not IssueState.REQUESTED
    assert ledger.do("issuerKZ", Issue(issue, EVIDENCE)).code == "WRONG_STATE"
    assert avail(ledger, URAL) == 0


def redemption(ledger: Ledger, amount: int) -> bytes:
    receipt = ledger.must(URAL, RequestRedemption("KZ", amount))
    found: bytes = event(receipt, RedemptionRequested)["redemption"]
    return found


def test_a_redemption_is_held_until_it_is_paid_out() -> None:
    ledger = funded(amount=1_000)
    wanted = redemption(ledger, 400)
    assert (avail(ledger, URAL), held(ledger, URAL)) == (600, 400)
    ledger.must("issuerKZ", PayOutRedemption(wanted, EVIDENCE))
    assert (avail(ledger, URAL), held(ledger, URAL)) == (600, 0)
    assert violations(ledger.state) == []


def test_a_redemption_not_paid_in_two_business_days_returns() -> None:
    ledger = funded(amount=1_000)
    redemption(ledger, 400)
    ledger.later(5 * MS_PER_DAY)
    assert (avail(ledger, URAL), held(ledger, URAL)) == (1_000, 0)


def test_an_issuer_states_why_it_releases_a_redemption() -> None:
    ledger = funded(amount=1_000)
    wanted = redemption(ledger, 400)
    assert ledger.do("issuerKZ", ReleaseRedemption(wanted)).code == "INVALID_TERMS"
    assert ledger.do(VOLGA, ReleaseRedemption(wanted, "x")).code == "NOT_ENTITLED"
    ledger.must("issuerKZ", ReleaseRedemption(wanted, "account closed"))
    assert avail(ledger, URAL) == 1_000


def test_no_state_redeems_more_than_it_issued() -> None:
    ledger = funded(amount=1_000)
    assert ledger.do(URAL, RequestRedemption("RU", 1)).code == "OVER_ISSUED"
    assert ledger.do(URAL, RequestRedemption("KZ", 1_001)).code == "OVER_ISSUED"


def test_two_redemptions_cannot_take_the_same_issue_back_twice() -> None:
    ledger = funded(amount=1_000)
    attest(ledger, 500, "RU")
    money(ledger, URAL, 500, "RU")
    one, two = (
        event(ledger.must(URAL, RequestRedemption("RU", 500)), RedemptionRequested)["redemption"]
        for _ in range(2)
    )
    ledger.must("issuerRU", PayOutRedemption(one, EVIDENCE))
    assert ledger.do("issuerRU", PayOutRedemption(two, EVIDENCE)).code == "OVER_ISSUED"
    assert violations(ledger.state) == []


# Payments


def test_all_legs_are_paid_or_none() -> None:
    ledger = funded(amount=100)
    legs = (Leg(lei(VOLGA), 60), Leg(lei(ALTAI), 41))
    refused = ledger.do(URAL, Transfer(legs))
    assert refused.code == "INSUFFICIENT_FUNDS" and "needs 101" in refused.reason
    assert (avail(ledger, URAL), avail(ledger, VOLGA), avail(ledger, ALTAI)) == (100, 0, 0)
    ledger.must(URAL, Transfer((Leg(lei(VOLGA), 60), Leg(lei(ALTAI), 40))))
    assert (avail(ledger, URAL), avail(ledger, VOLGA), avail(ledger, ALTAI)) == (0, 60, 40)


def test_operations_of_one_transaction_succeed_or_fail_as_one() -> None:
    ledger = funded(amount=100)
    receipt = ledger.do(URAL, Transfer((Leg(lei(VOLGA), 60),)), Transfer((Leg(lei(ALTAI), 60),)))
    assert receipt.code == "INSUFFICIENT_FUNDS" and receipt.postings == ()
    assert avail(ledger, URAL) == 100


def test_nobody_pays_itself_or_a_stranger() -> None:
    ledger = funded()
    assert ledger.do(URAL, Transfer((Leg(lei(URAL), 1),))).code == "SAME_ACCOUNT"
    stranger = ledger.do(URAL, Transfer((Leg(lei("nobody"), 1),)))
    assert (stranger.code, stranger.field) == ("UNKNOWN_PARTY", "legs[0].payee")


def test_an_exchange_is_signed_by_every_payer() -> None:
    ledger = funded(amount=100)
    money(ledger, VOLGA, 50)
    legs = (ExchangeLeg(lei(URAL), lei(VOLGA), 100), ExchangeLeg(lei(VOLGA), lei(URAL), 50))
    with pytest.raises(CodedError, match="MISSING_SIGNATURES"):
        ledger.do(URAL, Exchange(legs))
    ledger.must(URAL, Exchange(legs), signers=(URAL, VOLGA))
    assert (avail(ledger, URAL), avail(ledger, VOLGA)) == (50, 100)


def test_legs_of_one_exchange_may_fund_each_other() -> None:
    ledger = funded(amount=100)
    legs = (ExchangeLeg(lei(VOLGA), lei(URAL), 100), ExchangeLeg(lei(URAL), lei(VOLGA), 100))
    ledger.must(URAL, Exchange(legs), signers=(URAL, VOLGA))


# Policies in action


def clerk_and_director() -> Ledger:
    keys = (named_key("clerk", "clerk"), named_key("boss", "director"))
    rules = (
        Rule("payment", (Requirement("clerk", 1),), 100, 250),
        Rule("payment", (Requirement("director", 1),)),
        Rule(ANY, (Requirement("director", 1),)),
    )
    ledger = new_ledger(member(URAL, keys=keys, rules=rules), member(VOLGA))
    attest(ledger, 10_000)
    request = ledger.must(URAL, RequestIssue("KZ", 5_000), signers=("boss",))
    ledger.must("issuerKZ", Issue(event(request, IssueRequested)["issue"], EVIDENCE))
    return ledger


def pay(ledger: Ledger, amount: int, *signers: str) -> str:
    try:
        return ledger.do(URAL, Transfer((Leg(lei(VOLGA), amount),)), signers=signers).code
    except CodedError as error:
        return error.code.name


def test_a_clerk_pays_small_amounts_up_to_a_daily_limit() -> None:
    ledger = clerk_and_director()
    assert pay(ledger, 101, "clerk") == "MISSING_SIGNATURES"
    assert [pay(ledger, 100, "clerk") for _ in range(3)] == ["", "", "OVER_DAILY_LIMIT"]
    assert pay(ledger, 100, "boss") == ""
    assert pay(ledger, 50, "clerk") == ""
    ledger.later(MS_PER_DAY)
    assert pay(ledger, 100, "clerk") == ""


def test_splitting_a_payment_into_operations_evades_no_limit() -> None:
    ledger = clerk_and_director()
    op = Transfer((Leg(lei(VOLGA), 60),))
    with pytest.raises(CodedError, match="MISSING_SIGNATURES"):
        ledger.do(URAL, op, op, signers=("clerk",))


def test_a_refused_payment_uses_none_of_the_daily_limit() -> None:
    ledger = clerk_and_director()
    stranger = Transfer((Leg(lei("nobody"), 100),))
    for _ in range(3):
        assert ledger.do(URAL, stranger, signers=("clerk",)).code == "UNKNOWN_PARTY"
    assert [pay(ledger, 100, "clerk") for _ in range(2)] == ["", ""]


def test_an_offer_to_pay_back_is_weighed_as_a_payment() -> None:
    ledger = clerk_and_director()
    op = ProposeReversal(EVIDENCE, 0, lei(VOLGA), lei(URAL), 101, "paid twice")
    with pytest.raises(CodedError, match="MISSING_SIGNATURES"):
        ledger.do(URAL, op, signers=("clerk",))


# Escrow


def escrow(ledger: Ledger, amount: int = 400, days: int = 5) -> bytes:
    expires = ledger.time + days * MS_PER_DAY
    op = OpenEscrow(lei(VOLGA), amount, lei(ALTAI), "bill of lading", expires)
    found: bytes = event(ledger.must(URAL, op), EscrowOpened)["escrow"]
    return found


@pytest.mark.parametrize("author", [URAL, ALTAI])
def test_payer_or_signer_releases_an_escrow(author: str) -> None:
    ledger = funded(amount=1_000)
    found = escrow(ledger)
    assert (avail(ledger, URAL), held(ledger, URAL)) == (600, 400)
    assert ledger.do(VOLGA, ReleaseEscrow(found)).code == "NOT_ENTITLED"
    ledger.must(author, ReleaseEscrow(found))
    assert (avail(ledger, VOLGA), held(ledger, URAL)) == (400, 0)
    assert ledger.do(author, ReleaseEscrow(found)).code == "WRONG_STATE"


def test_only_the_payee_refunds_before_expiry() -> None:
    ledger = funded(amount=1_000)
    found = escrow(ledger)
    assert ledger.do(URAL, RefundEscrow(found)).code == "NOT_ENTITLED"
    ledger.must(VOLGA, RefundEscrow(found))
    assert avail(ledger, URAL) == 1_000


def test_an_expired_escrow_goes_back_by_itself() -> None:
    ledger = funded(amount=1_000)
    found = escrow(ledger)
    ledger.later(6 * MS_PER_DAY)
    record = ledger.state.get(ESCROW_TABLE, found)
    assert record is not None and record.state is EscrowState.REFUNDED
    assert (avail(ledger, URAL), held(ledger, URAL)) == (1_000, 0)
    assert violations(ledger.state) == []


def test_an_escrow_has_sensible_terms() -> None:
    ledger = funded(amount=1_000)
    later = ledger.time + MS_PER_DAY
    bad = [
        OpenEscrow(lei(URAL), 4, lei(ALTAI), "c", later),
        OpenEscrow(lei(VOLGA), 4, lei(ALTAI), "c", ledger.time),
        OpenEscrow(lei(VOLGA), 4, lei(ALTAI), "c", ledger.time + 800 * MS_PER_DAY),
    ]
    assert {ledger.do(URAL, op).code for op in bad} == {"INVALID_TERMS"}
    too_much = OpenEscrow(lei(VOLGA), 1_001, lei(ALTAI), "c", later)
    assert ledger.do(URAL, too_much).code == "INSUFFICIENT_FUNDS"
    assert ledger.do(URAL, ReleaseEscrow(EVIDENCE)).code == "NOT_FOUND"


# Payment requests


def request(ledger: Ledger, amount: int = 400, days: int = 20) -> bytes:
    op = RequestPayment(lei(URAL), amount, ledger.time + days * MS_PER_DAY, "12 gearboxes")
    found: bytes = event(ledger.must(VOLGA, op), PaymentRequested)["request"]
    return found


def state_of(ledger: Ledger, found: bytes) -> RequestState:
    record = ledger.state.get(REQUEST_TABLE, found)
    assert record is not None
    return record.state


def owed(ledger: Ledger) -> tuple[int, int]:
    return (
        balance_of(ledger.state, REC.of(lei(VOLGA), lei(URAL))),
        balance_of(ledger.state, PAY.of(lei(URAL), lei(VOLGA))),
    )


def test_an_accepted_request_is_a_debt_until_it_is_paid() -> None:
    ledger = funded(amount=1_000)
    found = request(ledger)
    assert ledger.do(URAL, PayRequest(found, 1)).code == "WRONG_STATE"
    assert ledger.do(VOLGA, AcceptRequest(found)).code == "NOT_ENTITLED"
    ledger.must(URAL, AcceptRequest(found))
    assert owed(ledger) == (-400, 400)
    ledger.must(URAL, PayRequest(found, 150))
    assert (state_of(ledger, found), owed(ledger)) == (RequestState.PART_PAID, (-250, 250))
    assert ledger.do(URAL, PayRequest(found, 251)).code == "OVERPAID"
    ledger.must(URAL, PayRequest(found, 250))
    assert (state_of(ledger, found), owed(ledger)) == (RequestState.PAID, (0, 0))
    assert violations(ledger.state) == []


def test_a_request_is_rejected_with_a_reason_but_not_after_acceptance() -> None:
    ledger = funded()
    first, second = request(ledger), request(ledger)
    ledger.must(URAL, RejectRequest(first, "never ordered"))
    ledger.must(URAL, AcceptRequest(second))
    assert ledger.do(URAL, RejectRequest(second, "changed my mind")).code == "WRONG_STATE"
    assert ledger.do(URAL, AcceptRequest(first)).code == "WRONG_STATE"


def test_silence_is_not_consent_to_a_request() -> None:
    ledger = funded()
    found = request(ledger)
    ledger.later(11 * MS_PER_DAY)
    assert (state_of(ledger, found), owed(ledger)) == (RequestState.LAPSED, (0, 0))


def test_a_late_debt_is_overdue_and_can_still_be_paid() -> None:
    ledger = funded(amount=1_000)
    found = request(ledger)
    ledger.must(URAL, AcceptRequest(found))
    ledger.later(21 * MS_PER_DAY)
    assert state_of(ledger, found) is RequestState.OVERDUE
    ledger.must(URAL, PayRequest(found, 100))
    assert state_of(ledger, found) is RequestState.OVERDUE
    ledger.must(URAL, PayRequest(found, 300))
    assert state_of(ledger, found) is RequestState.PAID


def test_a_creditor_credits_what_remains() -> None:
    ledger = funded(amount=1_000)
    found = request(ledger)
    ledger.must(URAL, AcceptRequest(found))
    ledger.must(URAL, PayRequest(found, 150))
    assert ledger.do(URAL, CreditRequest(found, "x")).code == "NOT_ENTITLED"
    ledger.must(VOLGA, CreditRequest(found, "returned goods"))
    assert (state_of(ledger, found), owed(ledger)) == (RequestState.CREDITED, (0, 0))
    assert avail(ledger, VOLGA) == 150
    assert violations(ledger.state) == []


def test_a_request_answered_after_its_date_is_payable_today() -> None:
    ledger = funded(amount=1_000)
    found = request(ledger, days=1)
    ledger.later(3 * MS_PER_DAY)
    ledger.must(URAL, AcceptRequest(found))
    assert state_of(ledger, found) is RequestState.ACCEPTED
    ledger.must(URAL, PayRequest(found, 400))


def test_a_request_has_sensible_terms() -> None:
    ledger = funded()
    to_self = RequestPayment(lei(VOLGA), 1, ledger.time + MS_PER_DAY, "x")
    past = RequestPayment(lei(URAL), 1, ledger.time, "x")
    assert {ledger.do(VOLGA, op).code for op in (to_self, past)} == {"INVALID_TERMS"}


# Reversal


def reversal(ledger: Ledger, proposer: str = URAL, amount: int = 300) -> bytes:
    original = ledger.must(URAL, Transfer((Leg(lei(VOLGA), 300),))).subject
    op = ProposeReversal(original, 0, lei(URAL), lei(VOLGA), amount, "wrong account")
    found: bytes = event(ledger.must(proposer, op), ReversalProposed)["reversal"]
    return found


@pytest.mark.parametrize(("proposer", "other"), [(URAL, VOLGA), (VOLGA, URAL)])
def test_a_payment_is_reversed_by_consent_of_the_other_side(proposer: str, other: str) -> None:
    ledger = funded(amount=1_000)
    found = reversal(ledger, proposer)
    assert ledger.do(proposer, ConsentReversal(found)).code == "NOT_ENTITLED"
    ledger.must(other, ConsentReversal(found))
    assert (avail(ledger, URAL), avail(ledger, VOLGA)) == (1_000, 0)
    assert violations(ledger.state) == []


def test_a_leg_is_reversed_at_most_once() -> None:
    ledger = funded(amount=1_000)
    original = ledger.must(URAL, Transfer((Leg(lei(VOLGA), 300),))).subject
    op = ProposeReversal(original, 0, lei(URAL), lei(VOLGA), 300, "wrong account")
    first = event(ledger.must(URAL, op), ReversalProposed)["reversal"]
    assert ledger.do(URAL, op).code == "ALREADY_REVERSED"
    ledger.must(VOLGA, DeclineReversal(first))
    second = event(ledger.must(URAL, op), ReversalProposed)["reversal"]
    ledger.must(VOLGA, ConsentReversal(second))
    assert ledger.do(URAL, op).code == "ALREADY_REVERSED"


def test_a_proposal_lapses_after_ten_business_days() -> None:
    ledger = funded(amount=1_000)
    found = reversal(ledger)
    ledger.later(20 * MS_PER_DAY)
    assert ledger.do(VOLGA, ConsentReversal(found)).code == "WRONG_STATE"
    assert avail(ledger, VOLGA) == 300


def test_strangers_and_single_parties_reverse_nothing() -> None:
    ledger = funded(amount=1_000)
    foreign = ProposeReversal(EVIDENCE, 0, lei(URAL), lei(VOLGA), 300, "x")
    assert ledger.do(ALTAI, foreign).code == "NOT_ENTITLED"
    same = ProposeReversal(EVIDENCE, 0, lei(URAL), lei(URAL), 300, "x")
    assert ledger.do(URAL, same).code == "INVALID_TERMS"
