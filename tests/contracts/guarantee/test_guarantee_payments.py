"""Paying under a guarantee is one step: money, capacity and claim move together or not at all."""

from __future__ import annotations

import pytest
from cast import violations
from guaranteed import (
    DAY,
    GUARANTOR,
    URAL,
    VOLGA,
    available,
    cluster,
    collateral,
    demanded,
    drafted,
    guarantee,
    issued,
    paid,
    pass_time,
)
from ledger_in_memory import Ledger, event, lei

from contracts.capacity import capacity_of
from contracts.currency.debts import debts_between, outstanding
from contracts.currency.events import PaymentRequested
from contracts.currency.operations import AcceptRequest, Leg, RequestPayment, Transfer
from contracts.framework.context import Context
from contracts.guarantee import hooks
from contracts.guarantee.claims import (
    AgreeOnGoods,
    ConfirmGoods,
    PayDemand,
    RecoverInCash,
)
from contracts.guarantee.operations import DraftGuarantee, IssueGuarantee, ReleaseCollateral
from contracts.guarantee.records import Guarantee, GuaranteeState, Payment, Subrogation, Underlying
from contracts.guarantee.views import exposure, payments_of

S = GuaranteeState


def debt_of_ural(ledger: Ledger, amount: int = 6_000) -> bytes:
    """Ural owes Volga; the debt's id."""
    receipt = ledger.must(VOLGA, RequestPayment(lei(URAL), amount, ledger.time + 40 * DAY, "x"))
    request: bytes = event(receipt, PaymentRequested)["request"]
    ledger.must(URAL, AcceptRequest(request))
    return request


def empty(ledger: Ledger, name: str) -> None:
    """A party spends all that it has available."""
    ledger.must(name, Transfer((Leg(lei("Mediator"), available(ledger, name)),)))


def owed(ledger: Ledger, debtor: str, creditor: str) -> int:
    debts = debts_between(ledger.state, lei(debtor), lei(creditor))
    return sum(outstanding(ledger.state, debt.id) for debt in debts)


def test_payment_moves_money_frees_capacity_and_makes_the_applicant_owe_the_guarantor() -> None:
    ledger = cluster()
    id = issued(ledger)
    demanded(ledger, id)
    guarantor, beneficiary = available(ledger, GUARANTOR), available(ledger, VOLGA)
    receipt = ledger.must(GUARANTOR, PayDemand(id))
    assert available(ledger, GUARANTOR) == guarantor - 4_000
    assert available(ledger, VOLGA) == beneficiary + 4_000
    assert owed(ledger, URAL, GUARANTOR) == 4_000
    assert capacity_of(ledger.state, lei(GUARANTOR)).committed == 6_000
    assert len({p.account for p in receipt.postings}) == 6
    payment, passed = paid(ledger)
    assert (passed.payment, passed.goods, passed.cash) == (payment.id, 0, 4_000)
    assert violations(ledger.state) == []


def test_a_guaranteed_debt_ends_with_the_payment_so_nobody_recovers_twice() -> None:
    ledger = cluster()
    debt = debt_of_ural(ledger)
    id = issued(ledger, underlying=Underlying("debt", debt))
    demanded(ledger, id, 4_000)
    ledger.must(GUARANTOR, PayDemand(id))
    assert outstanding(ledger.state, debt) == 2_000
    assert (owed(ledger, URAL, VOLGA), owed(ledger, URAL, GUARANTOR)) == (2_000, 4_000)
    assert violations(ledger.state) == []


def test_a_payment_by_time_settles_a_debt_whose_own_date_has_passed_in_the_same_block() -> None:
    ledger = cluster()
    debt = debt_of_ural(ledger)
    id = issued(ledger, underlying=Underlying("debt", debt))
    demanded(ledger, id, 6_000)
    ledger.later(9 * DAY)
    execution = ledger.later(400 * DAY)
    assert all(r.applied for r in execution.receipts), execution.receipts
    ledger.later(1_000)
    assert guarantee(ledger, id).paid == 6_000
    assert outstanding(ledger.state, debt) == 0
    assert violations(ledger.state) == []


def test_a_guarantee_names_only_a_debt_of_its_own_parties() -> None:
    ledger = cluster()
    debt = debt_of_ural(ledger)
    terms = (lei(GUARANTOR), lei("Altai Motors"), 5, Underlying("debt", debt))
    assert ledger.do(URAL, DraftGuarantee(*terms)).code == "NOT_ENTITLED"
    unknown = (lei(GUARANTOR), lei(VOLGA), 5, Underlying("debt", bytes(32)))
    assert ledger.do(URAL, DraftGuarantee(*unknown)).code == "NOT_FOUND"
    draft = drafted(ledger, 5, underlying=Underlying("debt", debt))
    from contracts.currency.operations import PayRequest

    ledger.must(URAL, PayRequest(debt, 6_000))
    assert ledger.do(GUARANTOR, IssueGuarantee(draft)).code == "WRONG_STATE"


def test_payment_in_full_ends_the_guarantee() -> None:
    ledger = cluster()
    id = issued(ledger, 4_000)
    demanded(ledger, id, 4_000)
    ledger.must(GUARANTOR, PayDemand(id))
    ended = guarantee(ledger, id)
    assert (ended.state, ended.paid, ended.remaining) == (S.PAID, 4_000, 0)
    assert ledger.do(GUARANTOR, PayDemand(id)).code == "WRONG_STATE"
    assert len(list(payments_of(ledger.state, id))) == 1
    assert violations(ledger.state) == []


def test_a_guarantor_short_of_money_pays_from_its_collateral() -> None:
    ledger = cluster(collateral=3_000)
    id = issued(ledger)
    demanded(ledger, id)
    spare = available(ledger, GUARANTOR) - 1_500
    ledger.must(GUARANTOR, Transfer((Leg(lei("Mediator"), spare),)))
    ledger.must(GUARANTOR, PayDemand(id))
    payment, _ = paid(ledger)
    assert (payment.cash, payment.collateral, payment.owed) == (1_500, 2_500, 0)
    assert collateral(ledger) == 500
    assert ledger.do(GUARANTOR, ReleaseCollateral(1)).code == "COLLATERAL_SHORT"
    assert violations(ledger.state) == []


def test_a_guarantor_cannot_choose_to_owe_but_time_makes_it_owe_what_it_lacks() -> None:
    ledger = cluster(collateral=1_000)
    id = issued(ledger)
    demanded(ledger, id)
    empty(ledger, GUARANTOR)
    refused = ledger.do(GUARANTOR, PayDemand(id))
    assert refused.code == "INSUFFICIENT_FUNDS" and "1000" in refused.reason
    pass_time(ledger, 9)
    pass_time(ledger, 3)
    payment, passed = paid(ledger)
    assert (payment.cash, payment.collateral, payment.owed) == (0, 1_000, 3_000)
    assert owed(ledger, GUARANTOR, VOLGA) == 3_000
    assert (owed(ledger, URAL, GUARANTOR), passed.amount) == (4_000, 4_000)
    assert violations(ledger.state) == []


def test_supporters_pay_before_anything_is_owed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fund(ctx: Context, found: Guarantee, lacking: int) -> int:
        from contracts.accounts import AVAIL
        from contracts.framework.posting import Unit

        part = min(lacking, 2_500)
        ctx.post(Unit.SCU, AVAIL.of(lei("Mediator")), AVAIL.of(found.beneficiary), part)
        return part

    monkeypatch.setattr(hooks, "_SUPPORT", [fund])
    ledger = cluster(collateral=1_000)
    id = issued(ledger)
    demanded(ledger, id)
    empty(ledger, GUARANTOR)
    pass_time(ledger, 9)
    pass_time(ledger, 3)
    payment, _ = paid(ledger)
    assert (payment.collateral, payment.support, payment.owed) == (1_000, 2_500, 500)
    assert violations(ledger.state) == []


def test_performance_in_kind_replaces_the_money_and_nothing_else() -> None:
    ledger = cluster()
    id = issued(ledger)
    demanded(ledger, id)
    agreed = AgreeOnGoods(id, ledger.time + 60 * DAY, "40 gearboxes from stock")
    ledger.must(GUARANTOR, agreed, signers=(GUARANTOR, VOLGA))
    pass_time(ledger, 30)
    before = available(ledger, VOLGA)
    assert ledger.do(GUARANTOR, ConfirmGoods(id)).code == "NOT_ENTITLED"
    ledger.must(VOLGA, ConfirmGoods(id))
    payment, passed = paid(ledger)
    assert (payment.goods, payment.cash, passed.amount) == (4_000, 0, 4_000)
    assert available(ledger, VOLGA) == before
    assert owed(ledger, URAL, GUARANTOR) == 4_000
    assert violations(ledger.state) == []


def test_goods_that_do_not_come_are_paid_in_money() -> None:
    ledger = cluster()
    id = issued(ledger)
    demanded(ledger, id)
    too_long = AgreeOnGoods(id, ledger.time + 200 * DAY, "later")
    assert ledger.do(GUARANTOR, too_long, signers=(GUARANTOR, VOLGA)).code == "INVALID_TERMS"
    agreed = AgreeOnGoods(id, ledger.time + 20 * DAY, "40 gearboxes from stock")
    ledger.must(GUARANTOR, agreed, signers=(GUARANTOR, VOLGA))
    pass_time(ledger, 21)
    assert guarantee(ledger, id).state is S.DUE
    pass_time(ledger, 3)
    assert paid(ledger)[0].cash == 4_000


@pytest.fixture
def goods_claims(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """A contract of a kind of its own, whose claims in goods are counted by holder."""
    claims: dict[str, int] = {lei(VOLGA): 3_000}

    def passes(ctx: Context, found: Guarantee, payment: Payment) -> int:
        part = min(payment.amount, claims[found.beneficiary])
        claims[found.beneficiary] -= part
        claims[found.guarantor] = claims.get(found.guarantor, 0) + part
        return part

    def shrinks(ctx: Context, found: Guarantee, passed: Subrogation, amount: int) -> None:
        claims[found.guarantor] -= amount

    monkeypatch.setitem(hooks._LINKS, "goods", lambda ctx, id, applicant, beneficiary: None)
    monkeypatch.setitem(hooks._PASSES, "goods", passes)
    monkeypatch.setitem(hooks._RECOVERIES, "goods", shrinks)
    return claims


def test_a_goods_claim_passes_as_it_is_and_becomes_money_when_the_guarantor_elects(
    goods_claims: dict[str, int],
) -> None:
    ledger = cluster()
    id = issued(ledger, underlying=Underlying("goods", bytes(32)))
    demanded(ledger, id)
    ledger.must(GUARANTOR, PayDemand(id))
    payment, passed = paid(ledger)
    assert (passed.goods, passed.cash) == (3_000, 1_000)
    assert goods_claims == {lei(VOLGA): 0, lei(GUARANTOR): 3_000}
    assert owed(ledger, URAL, GUARANTOR) == 1_000
    assert exposure(ledger.state, lei(GUARANTOR)).recoverable_in_goods == 3_000
    assert ledger.do(URAL, RecoverInCash(payment.id, 1)).code == "NOT_ENTITLED"
    refused = ledger.do(GUARANTOR, RecoverInCash(payment.id, 3_001))
    assert refused.code == "NOTHING_TO_RECOVER" and "3000" in refused.reason
    ledger.must(GUARANTOR, RecoverInCash(payment.id, 2_000))
    assert goods_claims[lei(GUARANTOR)] == 1_000
    assert owed(ledger, URAL, GUARANTOR) == 3_000
    assert violations(ledger.state) == []


def test_recovery_in_cash_can_be_elected_with_the_payment(goods_claims: dict[str, int]) -> None:
    ledger = cluster()
    id = issued(ledger, underlying=Underlying("goods", bytes(32)))
    demanded(ledger, id)
    ledger.must(GUARANTOR, PayDemand(id, recover_in_cash=True))
    assert goods_claims[lei(GUARANTOR)] == 0
    assert owed(ledger, URAL, GUARANTOR) == 4_000
    assert paid(ledger)[1].recoverable == 0


def test_a_refused_payment_changes_nothing_at_all() -> None:
    ledger = cluster(collateral=1_000)
    id = issued(ledger)
    demanded(ledger, id)
    empty(ledger, GUARANTOR)
    before = dict(ledger.base.scan(b""))
    assert not ledger.do(GUARANTOR, PayDemand(id)).applied
    assert dict(ledger.base.scan(b"")) == before
