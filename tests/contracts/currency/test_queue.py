"""Payments that wait, repeat or are made by others; money exchanged for claims."""

from __future__ import annotations

from cast import money, violations
from credit import BY1, BY2, KZ1, KZ2, avail, credit_ledger, line
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_in_memory import Ledger, event, lei

from contracts.accounts import REC
from contracts.currency.debts import debts_between
from contracts.currency.events import (
    PaymentMandateGiven,
    PaymentQueued,
    PaymentRequested,
    QueuedPaymentEnded,
    StandingOrderChanged,
)
from contracts.currency.operations import AcceptRequest, Leg, PayRequest, RequestPayment, Transfer
from contracts.currency.queue_operations import (
    AssetLeg,
    CancelOrder,
    CancelQueued,
    Deliver,
    EndPaymentMandate,
    GivePaymentMandate,
    OrderPayments,
    PayUnderMandate,
    QueuePayment,
)
from contracts.currency.queue_records import QUEUE, QUEUED_TABLE, QueuedState
from contracts.currency.records import CurrencyParameters
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.posting import balance_of

DAY = MS_PER_DAY
ROUND = CurrencyParameters().queue_interval


def queue(ledger: Ledger, payer: str, payee: str, amount: int, *, days: int = 5) -> bytes:
    receipt = ledger.must(payer, QueuePayment(lei(payee), amount, ledger.time + days * DAY))
    found: bytes = event(receipt, PaymentQueued)["payment"]
    return found


def state_of(ledger: Ledger, payment: bytes) -> QueuedState:
    found = ledger.state.get(QUEUED_TABLE, payment)
    assert found is not None
    return found.state


def rounds(ledger: Ledger, count: int = 2) -> None:
    for _ in range(count):
        ledger.later(ROUND + 1)


def test_with_money_a_queued_payment_is_made_at_once() -> None:
    ledger = credit_ledger()
    money(ledger, KZ1, 100)
    payment = queue(ledger, KZ1, BY1, 60)
    assert (state_of(ledger, payment), avail(ledger, BY1)) == (QueuedState.COMPLETED, 60)
    assert violations(ledger.state) == []


def test_money_that_comes_in_lets_the_first_in_line_go() -> None:
    ledger = credit_ledger()
    first, second = queue(ledger, KZ1, BY1, 60), queue(ledger, KZ1, BY2, 50)
    money(ledger, KZ1, 80)
    rounds(ledger)
    assert [state_of(ledger, p) for p in (first, second)] == [
        QueuedState.COMPLETED,
        QueuedState.QUEUED,
    ]
    assert violations(ledger.state) == []


def test_a_later_payment_does_not_pass_an_earlier_one_of_its_payer() -> None:
    ledger = credit_ledger()
    money(ledger, KZ1, 50)
    large = queue(ledger, KZ1, BY1, 60)
    small = queue(ledger, KZ1, BY2, 50)
    rounds(ledger)
    assert {state_of(ledger, p) for p in (large, small)} == {QueuedState.QUEUED}


def test_two_payments_that_offset_each_other_are_made_together() -> None:
    ledger = credit_ledger()
    money(ledger, KZ1, 10)
    there, back = queue(ledger, KZ1, BY1, 100), queue(ledger, BY1, KZ1, 95)
    rounds(ledger)
    assert {state_of(ledger, p) for p in (there, back)} == {QueuedState.COMPLETED}
    assert (avail(ledger, KZ1), avail(ledger, BY1)) == (5, 5)
    assert violations(ledger.state) == []


def test_a_gridlock_of_many_is_resolved_at_once() -> None:
    ledger = credit_ledger()
    ring = (KZ1, BY1, KZ2, BY2)
    payments = [
        queue(ledger, payer, ring[(index + 1) % 4], 1_000) for index, payer in enumerate(ring)
    ]
    stuck = queue(ledger, KZ1, BY2, 1)
    rounds(ledger)
    assert {state_of(ledger, p) for p in payments} == {QueuedState.COMPLETED}
    assert state_of(ledger, stuck) is QueuedState.QUEUED
    assert all(avail(ledger, name) == 0 for name in ring)
    ended = [r for _, r in ledger.receipts if any(e[0].endswith("PaymentEnded") for e in r.events)]
    assert event(ended[0], QueuedPaymentEnded)["together"] == 4
    assert violations(ledger.state) == []


def test_a_credit_line_counts_as_money_in_the_queue() -> None:
    ledger = credit_ledger()
    payment = queue(ledger, KZ1, BY1, 100)
    line(ledger, KZ1, 100)
    rounds(ledger)
    assert (state_of(ledger, payment), avail(ledger, KZ1)) == (QueuedState.COMPLETED, -100)
    assert violations(ledger.state) == []


def test_only_a_waiting_payment_can_be_cancelled_and_only_by_its_payer() -> None:
    ledger = credit_ledger()
    payment = queue(ledger, KZ1, BY1, 100)
    assert ledger.do(BY1, CancelQueued(payment)).code == "NOT_ENTITLED"
    ledger.must(KZ1, CancelQueued(payment))
    assert ledger.do(KZ1, CancelQueued(payment)).code == "WRONG_STATE"
    other = queue(ledger, KZ1, BY1, 100, days=1)
    ledger.later(2 * DAY)
    assert state_of(ledger, other) is QueuedState.TIMED_OUT
    assert not list(ledger.state.scan(QUEUE))
    assert violations(ledger.state) == []


def test_a_payer_fills_no_more_than_its_part_of_the_queue() -> None:
    ledger = credit_ledger(CurrencyParameters(queue_per_payer=2))
    queue(ledger, KZ1, BY1, 100)
    queue(ledger, KZ1, BY1, 100)
    receipt = ledger.do(KZ1, QueuePayment(lei(BY1), 1, ledger.time + DAY))
    assert receipt.code == "QUEUE_FULL" and "at most 2" in receipt.reason


def test_every_payment_gets_its_turn_however_long_the_queue_is() -> None:
    ledger = credit_ledger(CurrencyParameters(queue_window=2))
    for _ in range(5):
        queue(ledger, KZ1, BY1, 10_000)
    last = queue(ledger, KZ2, BY2, 50)
    money(ledger, KZ2, 50)
    rounds(ledger, 5)
    assert state_of(ledger, last) is QueuedState.COMPLETED
    assert violations(ledger.state) == []


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(1, 200)),
        min_size=1,
        max_size=14,
    ),
    st.lists(st.integers(0, 150), min_size=4, max_size=4),
)
def test_the_queue_makes_no_money_and_overdraws_nobody(
    wishes: list[tuple[int, int, int]], funds: list[int]
) -> None:
    ledger = credit_ledger()
    names = (KZ1, KZ2, BY1, BY2)
    for name, amount in zip(names, funds, strict=True):
        if amount:
            money(ledger, name, amount)
    for payer, step, amount in wishes:
        queue(ledger, names[payer], names[(payer + step) % 4], amount)
    rounds(ledger, 3)
    assert all(avail(ledger, name) >= 0 for name in names)
    assert sum(avail(ledger, name) for name in names) == sum(funds)
    assert violations(ledger.state) == []
    # Whoever still waits could not pay the first of its payments alone.
    waiting: dict[str, int] = {}
    for _, entry in ledger.state.scan(QUEUE):
        payment = ledger.state.get(QUEUED_TABLE, entry.payment)
        assert payment is not None
        waiting.setdefault(payment.payer, payment.amount)
    for name in names:
        assert avail(ledger, name) < waiting.get(lei(name), avail(ledger, name) + 1)


# Mandates and standing orders


def mandate(ledger: Ledger, **limits: int) -> bytes:
    given_ = GivePaymentMandate(lei(BY1), ledger.time + 100 * DAY, **limits)
    found: bytes = event(ledger.must(KZ1, given_), PaymentMandateGiven)["mandate"]
    return found


def test_an_operator_pays_within_every_limit_of_its_mandate() -> None:
    ledger = credit_ledger()
    money(ledger, KZ1, 1_000)
    id = mandate(ledger, per_payment=100, per_period=150, period_days=7, total=230)
    pay = lambda amount: ledger.do(BY1, PayUnderMandate(id, lei(BY2), amount, "rent"))  # noqa: E731
    assert "limit at once is 100" in pay(101).reason
    assert pay(100).applied
    over = pay(51)
    assert over.code == "OVER_MANDATE" and "in 7 days is 150, 100 of it is used" in over.reason
    assert pay(50).applied
    ledger.later(7 * DAY)
    assert "in all is 230" in pay(81).reason
    assert pay(80).applied
    assert pay(1).code == "WRONG_STATE"
    assert (avail(ledger, KZ1), avail(ledger, BY2)) == (770, 230)
    assert violations(ledger.state) == []


def test_a_mandate_is_for_its_operator_its_payees_and_its_time_alone() -> None:
    ledger = credit_ledger()
    money(ledger, KZ1, 1_000)
    given_ = GivePaymentMandate(lei(BY1), ledger.time + DAY, total=100, payees=(lei(BY2),))
    id = event(ledger.must(KZ1, given_), PaymentMandateGiven)["mandate"]
    assert ledger.do(BY2, PayUnderMandate(id, lei(BY2), 1)).code == "NOT_ENTITLED"
    assert ledger.do(BY1, PayUnderMandate(id, lei(KZ2), 1)).code == "OVER_MANDATE"
    assert ledger.do(KZ2, EndPaymentMandate(id)).code == "NOT_ENTITLED"
    ledger.later(2 * DAY)
    assert ledger.do(BY1, PayUnderMandate(id, lei(BY2), 1)).code == "WRONG_STATE"
    unlimited = GivePaymentMandate(lei(BY1), ledger.time + DAY)
    assert ledger.do(KZ1, unlimited).code == "INVALID_TERMS"
    other = mandate(ledger, total=5)
    ledger.must(KZ1, EndPaymentMandate(other))
    assert ledger.do(BY1, PayUnderMandate(other, lei(BY2), 1)).code == "WRONG_STATE"


def test_a_standing_order_pays_each_instalment_and_waits_for_money() -> None:
    ledger = credit_ledger()
    money(ledger, KZ1, 250)
    ordered = OrderPayments(lei(BY1), 100, ledger.time + DAY, 30, 3, "lease")
    ledger.must(KZ1, ordered)
    ledger.later(DAY + 1)
    assert avail(ledger, BY1) == 100
    ledger.later(30 * DAY)
    ledger.later(30 * DAY)
    assert avail(ledger, BY1) == 200
    money(ledger, KZ1, 50)
    rounds(ledger)
    assert (avail(ledger, BY1), avail(ledger, KZ1)) == (300, 0)
    assert violations(ledger.state) == []


def test_a_cancelled_standing_order_pays_no_more() -> None:
    ledger = credit_ledger()
    money(ledger, KZ1, 250)
    receipt = ledger.must(KZ1, OrderPayments(lei(BY1), 100, ledger.time + DAY, 30, 3))
    order = event(receipt, StandingOrderChanged)["order"]
    assert ledger.do(BY1, CancelOrder(order)).code == "NOT_ENTITLED"
    ledger.later(2 * DAY)
    ledger.must(KZ1, CancelOrder(order))
    ledger.later(60 * DAY)
    assert avail(ledger, BY1) == 100


# Delivery versus payment


def invoice(ledger: Ledger, debtor: str, creditor: str, amount: int) -> bytes:
    asked = RequestPayment(lei(debtor), amount, ledger.time + 60 * DAY, "gears")
    debt: bytes = event(ledger.must(creditor, asked), PaymentRequested)["request"]
    ledger.must(debtor, AcceptRequest(debt))
    return debt


def test_a_claim_is_sold_for_money_all_or_nothing() -> None:
    ledger = credit_ledger()
    money(ledger, BY2, 1_000)
    debt = invoice(ledger, KZ1, BY1, 900)
    sale = Deliver(
        (
            AssetLeg(lei(BY1), lei(BY2), "debt", 900, debt),
            AssetLeg(lei(BY2), lei(BY1), "money", 850),
        )
    )
    assert ledger.do(BY1, sale, signers=(BY1, BY2)).applied
    assert (avail(ledger, BY1), avail(ledger, BY2)) == (850, 150)
    (passed,) = debts_between(ledger.state, lei(KZ1), lei(BY2))
    assert balance_of(ledger.state, REC.of(lei(BY2), lei(KZ1))) == -900
    assert ledger.do(KZ1, PayRequest(debt, 1)).code == "WRONG_STATE"
    money(ledger, KZ1, 900)
    ledger.must(KZ1, PayRequest(passed.id, 900))
    assert avail(ledger, BY2) == 1_050
    assert violations(ledger.state) == []


def test_an_exchange_without_every_givers_signature_or_money_changes_nothing() -> None:
    import pytest

    ledger = credit_ledger()
    debt = invoice(ledger, KZ1, BY1, 900)
    sale = Deliver(
        (
            AssetLeg(lei(BY1), lei(BY2), "debt", 900, debt),
            AssetLeg(lei(BY2), lei(BY1), "money", 850),
        )
    )
    with pytest.raises(Exception, match="sign"):
        ledger.do(BY1, sale)
    assert ledger.do(BY1, sale, signers=(BY1, BY2)).code == "INSUFFICIENT_FUNDS"
    assert [d.remaining for d in debts_between(ledger.state, lei(KZ1), lei(BY1))] == [900]
    for kind, amount, asset, code in (
        ("debt", 899, debt, "INVALID_TERMS"),
        ("debt", 900, bytes(32), "NOT_FOUND"),
        ("gold", 900, debt, "UNKNOWN_ASSET"),
        ("money", 900, debt, "UNKNOWN_ASSET"),
    ):
        legs = (
            AssetLeg(lei(BY1), lei(BY2), kind, amount, asset),
            AssetLeg(lei(BY2), lei(BY1), "money", 1),
        )
        assert ledger.do(BY1, Deliver(legs), signers=(BY1, BY2)).code == code
    money(ledger, BY2, 10)
    theft = (
        AssetLeg(lei(BY2), lei(KZ2), "debt", 900, debt),
        AssetLeg(lei(BY2), lei(BY1), "money", 1),
    )
    assert ledger.do(BY2, Deliver(theft)).code == "NOT_ENTITLED"
    assert ledger.must(BY2, Transfer((Leg(lei(BY1), 10),))).applied
    assert violations(ledger.state) == []
