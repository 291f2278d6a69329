"""Netting cycles, from the announcement until debts are cleared or nothing has happened."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cast import attest, money, violations
from clearing import (
    NAMES,
    SOLVER,
    clearing_ledger,
    cycle_of,
    frozen_cycle,
    open_cycle,
    owed,
    owes,
    post,
    solved,
    until,
)
from ledger_in_memory import Ledger, event, lei

from contracts.accounts import AVAIL, PAY, REC
from contracts.currency.debts import outstanding, settle_debt
from contracts.currency.operations import CreditRequest, PayRequest
from contracts.currency.records import REQUEST_TABLE, RequestState
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.context import Context
from contracts.framework.posting import balance_of
from contracts.netting.accounts import LIQUIDITY
from contracts.netting.events import CycleEnded, MemberNetted
from contracts.netting.operations import (
    CancelCycle,
    EndMandate,
    GiveMandate,
    OpenCycle,
    OptIn,
    OptOut,
    PostFlows,
    PostPotentials,
    Propose,
    Seal,
)
from contracts.netting.records import (
    ARC_PAGE,
    CYCLE,
    FLOW_PAGE,
    MEMBER_PAGE,
    CycleState,
    NettingParameters,
)
from contracts.netting.views import position_of, snapshot_of

pytest.importorskip("ortools", reason="the extra 'solver' is not installed")

A, B, C, D, E, *_ = NAMES
TINY = NettingParameters(page_arcs=1, page_members=2, freeze_step=1, verify_step=1, apply_step=1)
DAY = MS_PER_DAY


def triangle(ledger: Ledger) -> tuple[bytes, bytes, bytes]:
    """A owes B 100, B owes C 80, C owes A 90: 80 can be cleared around."""
    return owes(ledger, A, B, 100), owes(ledger, B, C, 80), owes(ledger, C, A, 90)


@pytest.mark.parametrize("parameters", [NettingParameters(), TINY], ids=["one step", "many steps"])
def test_a_cycle_of_debts_is_cleared_around_without_money(parameters: NettingParameters) -> None:
    ledger = clearing_ledger(parameters)
    triangle(ledger)
    cycle = frozen_cycle(ledger)
    assert violations(ledger.state) == []
    post(ledger, cycle, solved(ledger, cycle))
    found = until(ledger, cycle, CycleState.APPLIED)
    assert found.cleared == 240
    assert (owed(ledger, A, B), owed(ledger, B, C), owed(ledger, C, A)) == ([20], [], [10])
    assert balance_of(ledger.state, REC.of(lei(B), lei(A))) == -20
    assert balance_of(ledger.state, PAY.of(lei(A), lei(B))) == 20
    assert violations(ledger.state) == []
    for table in (ARC_PAGE, FLOW_PAGE, MEMBER_PAGE):
        assert not list(ledger.state.scan(table))


def test_a_small_cycle_is_applied_in_one_receipt() -> None:
    ledger = clearing_ledger()
    triangle(ledger)
    cycle = frozen_cycle(ledger)
    post(ledger, cycle, solved(ledger, cycle))
    until(ledger, cycle, CycleState.VERIFIED)
    receipt = ledger.later(1).receipts[0]
    assert len(receipt.postings) == 6
    assert event(receipt, CycleEnded)["applied"] is True
    assert event(receipt, MemberNetted)["owed_cleared"] == 80


def test_money_of_mandates_clears_what_no_cycle_does() -> None:
    ledger = clearing_ledger()
    attest(ledger, 10_000)
    money(ledger, A, 70)
    owes(ledger, A, B, 100)
    owes(ledger, B, C, 100)
    ledger.must(A, GiveMandate(60))
    cycle = frozen_cycle(ledger, liquidity=True)
    assert balance_of(ledger.state, LIQUIDITY.of(lei(A))) == 60
    assert violations(ledger.state) == []
    post(ledger, cycle, solved(ledger, cycle))
    until(ledger, cycle, CycleState.APPLIED)
    assert (owed(ledger, A, B), owed(ledger, B, C)) == ([40], [40])
    assert [balance_of(ledger.state, AVAIL.of(lei(x))) for x in (A, B, C)] == [10, 0, 60]
    assert violations(ledger.state) == []


def test_money_set_aside_returns_when_a_cycle_does_not_need_it() -> None:
    ledger = clearing_ledger(TINY)
    attest(ledger, 10_000)
    money(ledger, A, 70)
    ledger.must(A, GiveMandate(60))
    triangle(ledger)
    cycle = frozen_cycle(ledger, liquidity=True)
    ledger.must(SOLVER, CancelCycle(cycle, "wrong day"))
    until(ledger, cycle, CycleState.VOID)
    assert balance_of(ledger.state, AVAIL.of(lei(A))) == 70
    assert violations(ledger.state) == []


def test_the_oldest_debt_of_a_pair_is_cleared_first() -> None:
    ledger = clearing_ledger()
    late = owes(ledger, A, B, 60, days=40)
    early = owes(ledger, A, B, 50, days=10)
    owes(ledger, B, A, 70)
    cycle = frozen_cycle(ledger)
    post(ledger, cycle, solved(ledger, cycle))
    until(ledger, cycle, CycleState.APPLIED)
    records = [ledger.state.get(REQUEST_TABLE, debt) for debt in (early, late)]
    assert [(r.state, r.remaining, r.how, r.by) for r in records if r is not None] == [
        (RequestState.NETTED, 0, "netting", cycle),
        (RequestState.PART_PAID, 40, "netting", cycle),
    ]


def test_overdue_debts_are_preferred() -> None:
    ledger = clearing_ledger()
    owes(ledger, A, B, 100)
    owes(ledger, B, C, 100)
    owes(ledger, C, A, 60)
    owes(ledger, B, D, 100, days=1)
    owes(ledger, D, A, 60, days=1)
    ledger.later(2 * DAY)
    cycle = frozen_cycle(ledger)
    post(ledger, cycle, solved(ledger, cycle))
    until(ledger, cycle, CycleState.APPLIED)
    assert (owed(ledger, B, D), owed(ledger, D, A)) == ([40], [])
    assert (owed(ledger, B, C), owed(ledger, C, A)) == ([60], [20])


def test_without_mandate_or_after_opting_out_a_debt_stays() -> None:
    ledger = clearing_ledger(mandates=(A, B, C))
    first, *_ = triangle(ledger)
    owes(ledger, A, D, 10)
    owes(ledger, D, A, 10)
    ledger.must(A, OptOut(first))
    assert ledger.do(B, OptIn(first)).code == "INVALID_TERMS"
    assert position_of(ledger.state, lei(A)).owes_nettable == 0
    cycle = frozen_cycle(ledger)
    assert cycle_of(ledger, cycle).debts == 2
    assert ledger.do(C, PayRequest(first, 1)).code == "NOT_ENTITLED"
    attest(ledger, 1_000)
    money(ledger, A, 5)
    ledger.must(A, PayRequest(first, 5))
    ledger.must(A, OptIn(first))
    assert cycle_of(ledger, cycle).debts == 2
    assert violations(ledger.state) == []


def test_frozen_debts_and_mandates_stand_still() -> None:
    ledger = clearing_ledger()
    debt, *_ = triangle(ledger)
    cycle = frozen_cycle(ledger)
    for author, op in (
        (A, PayRequest(debt, 1)),
        (B, CreditRequest(debt, "gift")),
        (A, OptOut(debt)),
        (A, EndMandate()),
        (A, GiveMandate(5)),
    ):
        receipt = ledger.do(author, op)
        assert receipt.code == "DEBT_FROZEN", op
    assert cycle.hex()[:16] in receipt.reason
    assert ledger.do(SOLVER, OpenCycle(ledger.time + DAY)).code == "CYCLE_OPEN"


def test_new_debts_of_the_same_pair_stay_free_during_a_freeze() -> None:
    ledger = clearing_ledger()
    attest(ledger, 10_000)
    money(ledger, A, 500)
    triangle(ledger)
    cycle = frozen_cycle(ledger)
    new = owes(ledger, A, B, 55)
    ledger.must(A, PayRequest(new, 30))
    post(ledger, cycle, solved(ledger, cycle))
    until(ledger, cycle, CycleState.APPLIED)
    assert sorted(owed(ledger, A, B)) == [20, 25]
    assert violations(ledger.state) == []


def test_a_contract_that_changes_a_frozen_debt_voids_the_cycle() -> None:
    ledger = clearing_ledger()
    debt, *_ = triangle(ledger)
    cycle = frozen_cycle(ledger)
    _by_contract(ledger, debt, 40)
    found = until(ledger, cycle, CycleState.VOID)
    assert "changed by contract or award" in found.reason
    assert owed(ledger, A, B) == [60]
    ledger.must(B, CreditRequest(debt, "free again"))
    assert violations(ledger.state) == []


def test_a_verified_cycle_is_applied_whatever_contracts_do_meanwhile() -> None:
    ledger = clearing_ledger(TINY)
    first, _second, third = triangle(ledger)
    cycle = frozen_cycle(ledger)
    post(ledger, cycle, solved(ledger, cycle))
    until(ledger, cycle, CycleState.VERIFIED)
    assert [outstanding(ledger.state, debt) for debt in (first, third)] == [20, 10]
    _by_contract(ledger, third, 10)
    until(ledger, cycle, CycleState.APPLIED)
    assert (owed(ledger, A, B), owed(ledger, B, C), owed(ledger, C, A)) == ([20], [], [])
    assert violations(ledger.state) == []


def _by_contract(ledger: Ledger, debt: bytes, amount: int) -> None:
    overlay = ledger.overlay()
    ledger.time += 1
    ledger.height += 1
    ctx = Context(overlay, bytes(32), ledger.height, ledger.time, 0, bytes(32))
    settle_debt(ctx, debt, amount, "guarantee")
    ctx.finish_operation()
    ledger.base.apply(overlay.changes())


def test_what_is_not_optimal_or_not_a_circulation_is_not_verified() -> None:
    ledger = clearing_ledger()
    triangle(ledger)
    cycle = frozen_cycle(ledger)
    best = solved(ledger, cycle)
    assert best.cleared == 240
    less = [max(0, flow - 1) for flow in best.flows]
    lopsided = [flow - (index == 0) for index, flow in enumerate(best.flows)]
    wrong = [
        (replace(best, flows=less), "better"),
        (replace(best, flows=[0] * 3), "better"),
        (replace(best, flows=lopsided), "would pay 1"),
        (replace(best, potentials=[0] * len(best.potentials), liquidity=0), "better"),
        (replace(best, liquidity=best.liquidity + 1), "receive more"),
    ]
    for clearing, words in wrong:
        post(ledger, cycle, clearing)
        found = until(ledger, cycle, CycleState.FROZEN)
        assert words in found.reason, found.reason
        assert (owed(ledger, A, B), owed(ledger, B, C)) == ([100], [80])
        assert violations(ledger.state) == []
    post(ledger, cycle, best)
    until(ledger, cycle, CycleState.APPLIED)


def test_a_flow_over_a_debt_or_on_a_page_that_is_not_there_is_refused() -> None:
    ledger = clearing_ledger()
    triangle(ledger)
    cycle = frozen_cycle(ledger)
    snapshot = cycle_of(ledger, cycle).snapshot
    assert ledger.do(SOLVER, PostFlows(cycle, 0, (1, 1, 1))).code == "WRONG_STATE"
    assert ledger.do(SOLVER, Propose(cycle, bytes(32))).code == "OTHER_SNAPSHOT"
    ledger.must(SOLVER, Propose(cycle, snapshot))
    receipt = ledger.do(SOLVER, PostFlows(cycle, 0, (101, 0, 0)))
    assert (receipt.code, receipt.field) == ("BAD_PAGE", "flows[0]")
    assert ledger.do(SOLVER, PostFlows(cycle, 0, (1, 1))).code == "BAD_PAGE"
    assert ledger.do(SOLVER, PostFlows(cycle, 1, (1,))).code == "BAD_PAGE"
    assert ledger.do(SOLVER, PostPotentials(cycle, 0, (1,))).code == "BAD_PAGE"
    ledger.must(SOLVER, Seal(cycle))
    assert "potentials is missing" in until(ledger, cycle, CycleState.FROZEN).reason


def test_pages_of_an_earlier_proposal_do_not_count() -> None:
    ledger = clearing_ledger()
    triangle(ledger)
    cycle = frozen_cycle(ledger)
    best = solved(ledger, cycle)
    post(ledger, cycle, replace(best, potentials=[0] * len(best.potentials)))
    found = until(ledger, cycle, CycleState.FROZEN)
    ledger.must(SOLVER, Propose(cycle, found.snapshot, best.liquidity))
    pages = tuple(best.potentials)
    ledger.must(SOLVER, PostPotentials(cycle, 0, pages), Seal(cycle))
    assert "flows is missing" in until(ledger, cycle, CycleState.FROZEN).reason


def test_a_cycle_without_proposal_ends_void_and_frees_its_debts() -> None:
    ledger = clearing_ledger()
    debt, *_ = triangle(ledger)
    cycle = frozen_cycle(ledger)
    ledger.must(SOLVER, Propose(cycle, cycle_of(ledger, cycle).snapshot))
    ledger.later(DAY)
    assert until(ledger, cycle, CycleState.VOID).reason == "no proposal in time"
    ledger.must(B, CreditRequest(debt, "free again"))


def test_only_the_solver_of_a_proposal_posts_to_it() -> None:
    ledger = clearing_ledger()
    triangle(ledger)
    cycle = frozen_cycle(ledger)
    with pytest.raises(Exception, match="does not hold the role"):
        ledger.do(A, Propose(cycle, cycle_of(ledger, cycle).snapshot))


def test_a_cycle_with_nothing_to_net_is_void_by_itself() -> None:
    ledger = clearing_ledger()
    cycle = open_cycle(ledger)
    assert until(ledger, cycle, CycleState.VOID).reason == "no debts to net"
    assert ledger.must(SOLVER, OpenCycle(ledger.time + DAY)).applied


def test_the_snapshot_names_every_debt_once_and_is_bound_by_its_digest() -> None:
    digests = set()
    for parameters in (NettingParameters(), NettingParameters()):
        ledger = clearing_ledger(parameters)
        debts = triangle(ledger)
        cycle = frozen_cycle(ledger)
        snapshot = snapshot_of(ledger.state, cycle_of(ledger, cycle))
        assert sorted(d for page in snapshot.arcs for d in page.debts) == sorted(debts)
        assert snapshot.cycle.total == 270
        digests.add(snapshot.cycle.snapshot)
    assert len(digests) == 1


def test_every_state_of_a_cycle_ends_by_time_alone() -> None:
    for state in CycleState:
        seen, at = set(), state
        while not CYCLE.is_end(at):
            assert at not in seen
            seen.add(at)
            following = CYCLE.target(at, CYCLE.limits[at].event)
            assert following is not None
            at = CycleState(following)
