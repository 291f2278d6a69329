"""A demand is answered in time and completely, or it is paid."""

from __future__ import annotations

import pytest
from cast import violations
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
    document,
    guarantee,
    issued,
    paid,
    pass_time,
)
from ledger_in_memory import Ledger, lei

from contracts.framework.evidence import DocumentKind
from contracts.framework.parameters import LedgerParameters
from contracts.guarantee import demands
from contracts.guarantee.claims import (
    AcceptDemand,
    ExtendGuarantee,
    PayDemand,
    PresentDemand,
    RejectDemand,
    SuspendPayment,
    WithdrawDemand,
)
from contracts.guarantee.operations import ReleaseGuarantee
from contracts.guarantee.records import (
    DemandState,
    Discrepancy,
    DiscrepancyKind,
    DocumentTerm,
    GuaranteeState,
)
from contracts.guarantee.views import tasks, was_examined, whole

S = GuaranteeState
STATEMENT = Discrepancy(DiscrepancyKind.STATEMENT, "no breach is stated")
MISSING = Discrepancy(DiscrepancyKind.MISSING, "no report", missing=DocumentKind.INSPECTION_REPORT)
REPORT = (DocumentTerm(DocumentKind.INSPECTION_REPORT, lei(INSPECTOR)),)


def objection(content: int) -> Discrepancy:
    return Discrepancy(DiscrepancyKind.DOCUMENT, "unreadable", document=bytes([content]) * 32)


def test_a_demand_waits_for_the_guarantor_five_business_days() -> None:
    ledger = cluster()
    id = issued(ledger)
    opened = demanded(ledger, id)
    # A Monday: Friday of the week after next Monday is not needed, there is no holiday before.
    assert demand(ledger, opened).examined_until // DAY - ledger.time // DAY == 8  # holiday inside
    assert [t.state for t in tasks(ledger.state, lei(GUARANTOR))] == ["examining"]
    assert list(tasks(ledger.state, lei(VOLGA))) == []


def test_who_is_silent_must_pay_and_the_ledger_books_it() -> None:
    ledger = cluster()
    id = issued(ledger)
    demanded(ledger, id)
    pass_time(ledger, 9)
    assert guarantee(ledger, id).state is S.DUE
    assert ledger.do(GUARANTOR, RejectDemand(id, (STATEMENT,))).code == "WRONG_STATE"
    before = available(ledger, VOLGA)
    pass_time(ledger, 3)
    assert available(ledger, VOLGA) - before == 4_000
    assert paid(ledger)[0].cash == 4_000
    assert guarantee(ledger, id).state is S.ISSUED
    assert violations(ledger.state) == []


def test_a_word_too_late_is_no_word_even_before_the_deadline_has_fired() -> None:
    ledger = cluster(LedgerParameters(max_deadlines=1))
    first, second = issued(ledger), issued(ledger)
    demanded(ledger, first)
    demanded(ledger, second)
    ledger.time += 9 * DAY
    codes = {ledger.do(GUARANTOR, RejectDemand(id, (STATEMENT,))).code for id in (first, second)}
    assert codes <= {"DEADLINE_PASSED", "WRONG_STATE"}


def test_a_rejection_in_time_leaves_the_guarantee_in_force_for_another_demand() -> None:
    ledger = cluster()
    id = issued(ledger)
    opened = demanded(ledger, id)
    ledger.must(GUARANTOR, RejectDemand(id, (STATEMENT,)))
    assert demand(ledger, opened).state is DemandState.REJECTED
    assert demand(ledger, opened).discrepancies == (STATEMENT,)
    assert guarantee(ledger, id).state is S.ISSUED
    demanded(ledger, id)
    assert guarantee(ledger, id).demands == 2
    assert violations(ledger.state) == []


def test_what_was_seen_without_objection_cannot_be_objected_to_later() -> None:
    ledger = cluster()
    id = issued(ledger, documents=REPORT)
    papers = (document(1), document(2, VOLGA, DocumentKind.INVOICE))
    demanded(ledger, id, documents=papers)
    ledger.must(GUARANTOR, RejectDemand(id, (objection(2),)))
    assert was_examined(ledger.state, id, bytes([1]) * 32) is False
    assert was_examined(ledger.state, id, bytes([2]) * 32) is True
    demanded(ledger, id, documents=papers)
    for partial in ((objection(1),), (STATEMENT,), (objection(2), objection(1))):
        refused = ledger.do(GUARANTOR, RejectDemand(id, partial))
        assert refused.code == "PRECLUDED"
    ledger.must(GUARANTOR, RejectDemand(id, (objection(2),)))


def test_a_lack_that_was_not_named_at_once_is_precluded_too() -> None:
    ledger = cluster()
    id = issued(ledger, documents=REPORT)
    demanded(ledger, id)
    ledger.must(GUARANTOR, RejectDemand(id, (STATEMENT,)))
    op = PresentDemand(id, 4_000, "another statement of the breach")
    ledger.must(VOLGA, op)
    assert ledger.do(GUARANTOR, RejectDemand(id, (MISSING,))).code == "PRECLUDED"


@pytest.mark.parametrize(
    ("discrepancy", "code"),
    [
        (objection(7), "NOT_PRESENTED"),
        (MISSING, "NOT_PRESENTED"),
        (Discrepancy(DiscrepancyKind.DOCUMENT, "which?"), "INVALID_TERMS"),
        (Discrepancy(DiscrepancyKind.MISSING, "which?"), "INVALID_TERMS"),
        (Discrepancy(DiscrepancyKind.STATEMENT, "?", document=bytes(32)), "INVALID_TERMS"),
    ],
)
def test_a_discrepancy_is_about_something_in_the_demand(
    discrepancy: Discrepancy, code: str
) -> None:
    ledger = cluster()
    id = issued(ledger, documents=REPORT)
    demanded(ledger, id, documents=(document(1),))
    assert ledger.do(GUARANTOR, RejectDemand(id, (discrepancy,))).code == code
    assert guarantee(ledger, id).state is S.EXAMINING


def test_the_end_of_the_term_does_not_shorten_the_examination() -> None:
    ledger = cluster()
    id = issued(ledger, expires=ledger.time + DAY)
    demanded(ledger, id)
    pass_time(ledger, 3)
    assert guarantee(ledger, id).state is S.EXAMINING
    ledger.must(GUARANTOR, PayDemand(id))
    pass_time(ledger, 1)
    ended = guarantee(ledger, id)
    assert (ended.state, ended.paid, ended.lapsed) == (S.EXPIRED, 4_000, 6_000)
    assert violations(ledger.state) == []


def test_no_demand_comes_after_the_term_even_in_the_block_of_a_late_rejection() -> None:
    ledger = cluster()
    id = issued(ledger, expires=ledger.time + DAY)
    demanded(ledger, id)
    ledger.later(3 * DAY)
    reject = ledger.candidate(GUARANTOR, RejectDemand(id, (STATEMENT,)))
    again = ledger.candidate(VOLGA, PresentDemand(id, 1, "once more"))
    codes = [r.code for r in ledger.block(reject, again).receipts]
    assert codes == ["", "DEADLINE_PASSED"]
    ledger.later(1_000)
    assert guarantee(ledger, id).state is S.EXPIRED


@pytest.mark.parametrize("amount", [10_001, 2**62])
def test_a_demand_is_within_the_guarantee_and_the_error_says_how_much_is_left(
    amount: int,
) -> None:
    ledger = cluster()
    id = issued(ledger)
    refused = ledger.do(VOLGA, PresentDemand(id, amount, "breach"))
    assert refused.code == "OVER_GUARANTEE" and "10000" in refused.reason


def test_only_the_beneficiary_demands_and_only_once_at_a_time() -> None:
    ledger = cluster()
    id = issued(ledger)
    for name in (URAL, ALTAI, GUARANTOR):
        assert ledger.do(name, PresentDemand(id, 1, "breach")).code == "NOT_ENTITLED"
    demanded(ledger, id)
    assert ledger.do(VOLGA, PresentDemand(id, 1, "breach")).code == "WRONG_STATE"
    assert ledger.do(VOLGA, ReleaseGuarantee(id)).code == "WRONG_STATE"
    for op in (RejectDemand(id, (STATEMENT,)), PayDemand(id), AcceptDemand(id)):
        assert ledger.do(URAL, op).code == "NOT_ENTITLED"


def test_documents_carry_their_issuers_signature() -> None:
    ledger = cluster()
    id = issued(ledger)
    good = document(1)
    forged = type(good)(good.kind, good.digest, lei(VOLGA), good.key, good.signature)
    for papers in ((forged,), (good, good)):
        op = PresentDemand(id, 1, "breach", papers)
        assert ledger.do(VOLGA, op).code == "BAD_DOCUMENT"


def test_extend_or_pay_an_extension_settles_the_demand() -> None:
    ledger = cluster()
    id = issued(ledger, expires=ledger.time + 50 * DAY)
    later = ledger.time + 90 * DAY
    opened = demanded(ledger, id, extend_to=later)
    ledger.must(GUARANTOR, SuspendPayment(id))
    assert ledger.do(GUARANTOR, RejectDemand(id, (STATEMENT,))).code == "WRONG_STATE"
    pass_time(ledger, 20)
    ledger.must(GUARANTOR, ExtendGuarantee(id))
    assert (guarantee(ledger, id).expires, guarantee(ledger, id).state) == (later, S.ISSUED)
    assert demand(ledger, opened).state is DemandState.EXTENDED
    assert guarantee(ledger, id).remaining == 10_000
    assert violations(ledger.state) == []


def test_extend_or_pay_without_an_extension_is_paid_without_another_demand() -> None:
    ledger = cluster()
    id = issued(ledger, expires=ledger.time + 5 * DAY)
    demanded(ledger, id, extend_to=ledger.time + 90 * DAY)
    ledger.must(GUARANTOR, SuspendPayment(id))
    pass_time(ledger, 31)
    assert guarantee(ledger, id).state is S.DUE
    pass_time(ledger, 3)
    assert guarantee(ledger, id).paid == 4_000
    assert guarantee(ledger, id).state is S.EXPIRED


def test_extensions_are_asked_for_before_they_are_considered() -> None:
    ledger = cluster()
    id = issued(ledger, expires=ledger.time + 50 * DAY)
    sooner = PresentDemand(id, 1, "breach", extend_to=ledger.time + 49 * DAY)
    assert ledger.do(VOLGA, sooner).code == "INVALID_TERMS"
    endless = PresentDemand(id, 1, "breach", extend_to=2**60)
    assert ledger.do(VOLGA, endless).code == "GUARANTEE_TOO_LONG"
    demanded(ledger, id)
    assert ledger.do(GUARANTOR, SuspendPayment(id)).code == "INVALID_TERMS"
    assert ledger.do(GUARANTOR, ExtendGuarantee(id)).code == "WRONG_STATE"


def test_a_beneficiary_takes_its_demand_back() -> None:
    ledger = cluster()
    id = issued(ledger)
    opened = demanded(ledger, id)
    assert ledger.do(GUARANTOR, WithdrawDemand(id, "please")).code == "NOT_ENTITLED"
    ledger.must(VOLGA, WithdrawDemand(id, "settled otherwise"))
    assert demand(ledger, opened).state is DemandState.WITHDRAWN
    assert ledger.do(VOLGA, WithdrawDemand(id, "again")).code == "WRONG_STATE"
    seen = whole(ledger.state, id)
    assert seen is not None and seen.open_demand is None and seen.newest_demand is not None


def test_an_accepted_demand_is_due_in_days() -> None:
    ledger = cluster()
    id = issued(ledger)
    demanded(ledger, id)
    ledger.must(GUARANTOR, AcceptDemand(id))
    assert guarantee(ledger, id).state is S.DUE
    pass_time(ledger, 3)
    assert guarantee(ledger, id).paid == 4_000


def acting(ledger: Ledger) -> demands.Context:
    """A context on a scratch overlay, as a tribunal's operation has one."""
    return demands.Context(
        ledger.overlay(), bytes(32), ledger.height + 1, ledger.time, 0, b"\1" * 32, lei("tribunal")
    )


def commit(ledger: Ledger, ctx: demands.Context) -> None:
    ctx.finish_operation()
    ledger.base.apply(ctx.state.changes())


def test_a_stay_stops_the_clock_and_its_end_gives_back_what_was_left() -> None:
    ledger = cluster()
    id = issued(ledger)
    demanded(ledger, id)
    left = guarantee(ledger, id).due - ledger.time
    ctx = acting(ledger)
    demands.stay(ctx, id, bytes(32))
    commit(ledger, ctx)
    pass_time(ledger, 30)
    assert guarantee(ledger, id).state is S.STAYED
    ctx = acting(ledger)
    demands.stay(ctx, id, bytes(32))
    commit(ledger, ctx)
    pass_time(ledger, 50)
    assert guarantee(ledger, id).state is S.STAYED
    pass_time(ledger, 11)
    assert guarantee(ledger, id).state is S.EXAMINING
    assert 0 <= guarantee(ledger, id).due - ledger.time - left + DAY <= 2 * DAY
    ledger.must(GUARANTOR, RejectDemand(id, (STATEMENT,)))
    assert violations(ledger.state) == []


def test_a_stay_of_a_payment_ends_in_payment_or_dismissal() -> None:
    ledger = cluster()
    paid_one, dismissed = issued(ledger), issued(ledger)
    for id in (paid_one, dismissed):
        demanded(ledger, id)
        ledger.must(GUARANTOR, AcceptDemand(id))
    ctx = acting(ledger)
    for id in (paid_one, dismissed):
        demands.stay(ctx, id, bytes(32))
    demands.dismiss(ctx, dismissed, "manifest abuse")
    commit(ledger, ctx)
    pass_time(ledger, 61)
    assert guarantee(ledger, paid_one).state is S.DUE
    pass_time(ledger, 3)
    assert guarantee(ledger, paid_one).paid == 4_000
    assert guarantee(ledger, dismissed).paid == 0
    assert guarantee(ledger, dismissed).state is S.ISSUED
    assert violations(ledger.state) == []
