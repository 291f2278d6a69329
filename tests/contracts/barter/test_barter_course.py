"""A barter contract from the offer to its end, as the two parties and their states live it."""

from __future__ import annotations

import pytest
from bartering import (
    DAY,
    GEAR,
    LOOMS,
    MOTORS,
    active,
    contract,
    credited,
    defaulted,
    delivered,
    document,
    free,
    lot,
    offered,
    secured,
    ship,
    terms_at,
    violations,
    world,
)
from ledger_in_memory import Ledger, event, lei

from contracts.accounts import AVAIL, PAY
from contracts.barter.accounts import GCLAIM, GDEL
from contracts.barter.claims import claim_of
from contracts.barter.default import GiveNotice
from contracts.barter.ending import (
    DeclareForceMajeure,
    EndForceMajeure,
    OrderTermination,
    Terminate,
)
from contracts.barter.events import LotMoved, OfferMade
from contracts.barter.goods import CallOff, CancelCallOff, Fulfil
from contracts.barter.inspection import AcceptLot, Arrive
from contracts.barter.lot_records import LotState
from contracts.barter.lots import Deliver, Ship
from contracts.barter.offers import Accept, Counter, Decline, Offer, Withdraw
from contracts.barter.records import ContractState
from contracts.barter.securing import AttestRelief, Secure
from contracts.barter.terms import Ratio, Risk
from contracts.barter.trading import Assign, TopUp, Waive
from contracts.currency.queue_operations import AssetLeg
from contracts.currency.queue_operations import Deliver as Exchange
from contracts.framework.evidence import DocumentKind
from contracts.framework.posting import balance_of
from contracts.guarantee.claims import PayDemand, PresentDemand, RecoverInCash, RejectDemand
from contracts.guarantee.events import GuaranteePaid
from contracts.guarantee.records import Discrepancy, DiscrepancyKind
from contracts.guarantee.undertaking import remaining
from ledger.errors import CodedError

S = ContractState


@pytest.fixture
def ledger() -> Ledger:
    return world()


def avail(ledger: Ledger, name: str) -> int:
    return balance_of(ledger.state, AVAIL.of(lei(name)))


def owes(ledger: Ledger, debtor: str, creditor: str) -> int:
    return balance_of(ledger.state, PAY.of(lei(debtor), lei(creditor)))


def test_components_against_goods_ends_discharged_and_releases_the_guarantees(
    ledger: Ledger,
) -> None:
    made = active(ledger)
    assert made.state is S.ACTIVE
    credited(ledger, made.id, 100)
    credited(ledger, made.id, 100)
    assert claim_of(ledger.state, made.id, lei(GEAR)).open == 200_000
    delivered(ledger, made.id, 20)
    assert contract(ledger, made.id).state is S.PARTIAL
    assert violations(ledger.state) == []
    delivered(ledger, made.id, 20)
    done = contract(ledger, made.id)
    assert done.state is S.DISCHARGED
    assert done.maker_cover is not None and remaining(ledger.state, done.maker_cover) == 0
    assert violations(ledger.state) == []


def test_the_books_say_what_acceptance_is_worth(ledger: Ledger) -> None:
    made = active(ledger)
    credited(ledger, made.id, 30)
    assert balance_of(ledger.state, GCLAIM.of(lei(GEAR), made.id.hex())) == -30_000
    assert balance_of(ledger.state, GDEL.of(lei(LOOMS), made.id.hex())) == 30_000
    delivered(ledger, made.id, 4)
    assert balance_of(ledger.state, GDEL.of(lei(LOOMS), made.id.hex())) == 10_000


def test_fractional_prices_lose_nothing_over_many_lots(ledger: Ledger) -> None:
    terms = terms_at(
        ledger.time + 5 * DAY,
        component_price=Ratio(10_000, 7),
        components=((21, 30),),
        goods=((1, 90),),
        maker_cover=20_000,
        supplier_cover=5_000,
    )
    made = active(ledger, terms)
    for _ in range(21):
        credited(ledger, made.id, 1)
    assert free(ledger, made.id, GEAR) == 30_000
    assert violations(ledger.state) == []


def test_acceptance_needs_the_hash_of_the_very_terms(ledger: Ledger) -> None:
    made = offered(ledger)
    assert ledger.do(LOOMS, Accept(made.id, bytes(32))).code == "OTHER_TERMS"
    assert ledger.do(GEAR, Accept(made.id, made.terms_hash)).code == "NOT_ENTITLED"
    assert ledger.do(MOTORS, Accept(made.id, made.terms_hash)).code == "NOT_ENTITLED"
    ledger.must(LOOMS, Accept(made.id, made.terms_hash))
    assert ledger.do(LOOMS, Accept(made.id, made.terms_hash)).code == "WRONG_STATE"


def test_a_counter_offer_ends_the_offer_and_waits_for_the_first_party(ledger: Ledger) -> None:
    made = offered(ledger)
    until = ledger.time + 5 * DAY
    other = terms_at(until, goods_price=Ratio(4_000))
    receipt = ledger.must(LOOMS, Counter(made.id, other, until))
    countered = contract(ledger, event(receipt, OfferMade)["contract"])
    assert contract(ledger, made.id).state is S.COUNTERED
    assert (countered.supplier, countered.proposer) == (lei(GEAR), lei(LOOMS))
    assert countered.replaces == made.id
    assert ledger.do(LOOMS, Accept(countered.id, countered.terms_hash)).code == "NOT_ENTITLED"
    ledger.must(GEAR, Accept(countered.id, countered.terms_hash))


def test_offers_can_be_declined_withdrawn_or_lapse(ledger: Ledger) -> None:
    first, second, third = offered(ledger), offered(ledger), offered(ledger)
    ledger.must(LOOMS, Decline(first.id, "too dear"))
    ledger.must(GEAR, Withdraw(second.id))
    ledger.later(6 * DAY)
    states = [contract(ledger, c.id).state for c in (first, second, third)]
    assert states == [S.DECLINED, S.WITHDRAWN, S.LAPSED]


def test_a_contract_that_is_not_secured_in_time_lapses_and_frees_its_guarantees(
    ledger: Ledger,
) -> None:
    made = offered(ledger)
    ledger.must(LOOMS, Accept(made.id, made.terms_hash))
    ledger.must("guarantorBY", Secure(made.id, lei(LOOMS)))
    cover = contract(ledger, made.id).maker_cover
    assert cover is not None and remaining(ledger.state, cover) == 150_000
    ledger.later(20 * DAY)
    assert contract(ledger, made.id).state is S.LAPSED
    assert remaining(ledger.state, cover) == 0


def test_only_the_home_states_institutions_secure_a_contract(ledger: Ledger) -> None:
    made = offered(ledger)
    ledger.must(LOOMS, Accept(made.id, made.terms_hash))
    assert ledger.do("guarantorRU", Secure(made.id, lei(LOOMS))).code == "NOT_ENTITLED"
    assert ledger.do("guarantorKZ", Secure(made.id, lei(GEAR))).code == "NOT_ENTITLED"
    relief = AttestRelief(made.id, "KZ", True, "x")
    assert ledger.do("customsKZ", relief).code == "NOT_ENTITLED"
    assert ledger.do("customsKZ", AttestRelief(made.id, "BY", True, "x")).code == "NOT_ENTITLED"
    ledger.must("guarantorRU", Secure(made.id, lei(GEAR)))
    assert ledger.do("guarantorRU", Secure(made.id, lei(GEAR))).code == "ALREADY_DECIDED"


def test_refused_relief_ends_a_contract_whose_goods_would_go_back(ledger: Ledger) -> None:
    made = offered(ledger, terms_at(ledger.time + 5 * DAY, risk=Risk.RETURN))
    ledger.must(LOOMS, Accept(made.id, made.terms_hash))
    ledger.must("customsBY", AttestRelief(made.id, "BY", False, "BY-2"))
    assert contract(ledger, made.id).state is S.LAPSED


def test_refused_relief_does_not_stop_a_contract_that_says_who_pays(ledger: Ledger) -> None:
    made = offered(ledger)
    ledger.must(LOOMS, Accept(made.id, made.terms_hash))
    ledger.must("customsBY", AttestRelief(made.id, "BY", False, "BY-2"))
    ledger.must("customsRU", AttestRelief(made.id, "RU", True, "RU-2"))
    ledger.must("guarantorRU", Secure(made.id, lei(GEAR)))
    assert contract(ledger, made.id).state is S.ACCEPTED
    ledger.must("guarantorBY", Secure(made.id, lei(LOOMS)))
    assert contract(ledger, made.id).state is S.SECURED


def test_nothing_is_shipped_before_the_start(ledger: Ledger) -> None:
    start = ledger.time + 20 * DAY
    made = secured(ledger, terms_at(ledger.time + 5 * DAY, starts=start))
    assert ledger.do(GEAR, Ship(made.id, 0, 1, (document(GEAR),))).code == "TOO_EARLY"
    ledger.later(20 * DAY)
    assert contract(ledger, made.id).state is S.ACTIVE


def test_more_than_the_schedule_is_refused_naming_the_limit(ledger: Ledger) -> None:
    made = active(ledger)
    ship(ledger, made.id, 150)
    refused = ledger.do(GEAR, Ship(made.id, 0, 51, (document(GEAR),)))
    assert refused.code == "OVER_SCHEDULE" and "of which 50 is left" in refused.reason


def test_goods_never_exceed_the_open_claim(ledger: Ledger) -> None:
    made = active(ledger)
    credited(ledger, made.id, 50)
    ledger.must(LOOMS, Deliver(made.id, 0, 10, lei(GEAR), (document(LOOMS),)))
    refused = ledger.do(LOOMS, Deliver(made.id, 0, 1, lei(GEAR), (document(LOOMS),)))
    assert refused.code == "OVER_OPEN_CLAIM" and "0 of 50000" in refused.reason
    call = CallOff(made.id, 0, 1, ledger.time + 20 * DAY)
    assert ledger.do(GEAR, call).code == "OVER_OPEN_CLAIM"
    assert ledger.do(MOTORS, call).code == "OVER_OPEN_CLAIM"


def test_a_call_off_is_shipped_accepted_and_lowers_the_claim(ledger: Ledger) -> None:
    made = active(ledger)
    credited(ledger, made.id, 100)
    early = ledger.do(GEAR, CallOff(made.id, 0, 5, ledger.time + 9 * DAY))
    assert early.code == "TOO_EARLY"
    receipt = ledger.must(GEAR, CallOff(made.id, 0, 5, ledger.time + 11 * DAY))
    id = event(receipt, LotMoved)["lot"]
    assert free(ledger, made.id, GEAR) == 75_000
    assert ledger.do(GEAR, Fulfil(id, (document(GEAR),))).code == "NOT_ENTITLED"
    ledger.must(LOOMS, Fulfil(id, (document(LOOMS),)))
    assert ledger.do(GEAR, CancelCallOff(id)).code == "WRONG_STATE"
    ledger.must(GEAR, Arrive(id))
    ledger.must(GEAR, AcceptLot(id, 5))
    assert claim_of(ledger.state, made.id, lei(GEAR)).open == 75_000
    assert violations(ledger.state) == []


def test_a_missed_call_off_makes_the_contract_overdue_until_it_is_shipped(ledger: Ledger) -> None:
    made = active(ledger)
    credited(ledger, made.id, 100)
    receipt = ledger.must(GEAR, CallOff(made.id, 0, 5, ledger.time + 11 * DAY))
    id = event(receipt, LotMoved)["lot"]
    ledger.later(12 * DAY)
    assert lot(ledger, id).state is LotState.LATE
    assert contract(ledger, made.id).state is S.OVERDUE
    assert violations(ledger.state) == []
    ledger.must(LOOMS, Fulfil(id, (document(LOOMS),)))
    assert contract(ledger, made.id).state is S.ACTIVE
    assert violations(ledger.state) == []


def test_a_cancelled_call_off_frees_the_claim(ledger: Ledger) -> None:
    made = active(ledger)
    credited(ledger, made.id, 100)
    receipt = ledger.must(GEAR, CallOff(made.id, 0, 5, ledger.time + 11 * DAY))
    ledger.must(GEAR, CancelCallOff(event(receipt, LotMoved)["lot"]))
    assert free(ledger, made.id, GEAR) == 100_000
    assert violations(ledger.state) == []


def test_late_components_are_cured_in_grace(ledger: Ledger) -> None:
    made = active(ledger)
    ledger.later(40 * DAY)
    late = contract(ledger, made.id)
    assert late.state is S.OVERDUE and late.breach is not None
    assert ledger.do(GEAR, GiveNotice(made.id, "x")).code == "NOT_ENTITLED"
    ledger.must(LOOMS, GiveNotice(made.id, "no components"))
    assert contract(ledger, made.id).state is S.GRACE
    ship(ledger, made.id, 100)
    assert contract(ledger, made.id).state is S.ACTIVE


def test_a_guarantor_pays_takes_the_claim_and_recovers_in_goods_or_cash(ledger: Ledger) -> None:
    made = active(ledger)
    credited(ledger, made.id, 100)
    credited(ledger, made.id, 100)
    cover = defaulted(ledger, made.id).maker_cover
    assert cover is not None
    before = avail(ledger, GEAR)
    ledger.must(GEAR, PresentDemand(cover, 150_000, "no goods came"))
    assert contract(ledger, made.id).state is S.GUARANTEE_CALLED
    paid = ledger.must("guarantorBY", PayDemand(cover))
    payment = event(paid, GuaranteePaid)["payment"]
    assert avail(ledger, GEAR) == before + 150_000
    assert contract(ledger, made.id).state is S.SUBROGATED
    assert free(ledger, made.id, "guarantorBY") == 150_000
    assert free(ledger, made.id, GEAR) == 50_000
    assert violations(ledger.state) == []
    delivered(ledger, made.id, 10, to="guarantorBY")
    assert free(ledger, made.id, "guarantorBY") == 100_000
    ledger.must("guarantorBY", RecoverInCash(payment, 40_000))
    assert owes(ledger, LOOMS, "guarantorBY") == 40_000
    assert free(ledger, made.id, "guarantorBY") == 60_000
    over = ledger.do("guarantorBY", RecoverInCash(payment, 60_001))
    assert over.code == "NOTHING_TO_RECOVER"
    assert violations(ledger.state) == []
    ledger.later(100 * DAY)
    ended = contract(ledger, made.id)
    assert ended.state is S.TERMINATED and ended.totals.open == 0
    assert owes(ledger, LOOMS, "guarantorBY") == 100_000
    assert owes(ledger, LOOMS, GEAR) == 50_000
    assert violations(ledger.state) == []


def test_a_rejected_call_falls_back_into_default(ledger: Ledger) -> None:
    made = active(ledger)
    credited(ledger, made.id, 100)
    cover = defaulted(ledger, made.id, LOOMS).maker_cover
    assert cover is not None
    ledger.must(GEAR, PresentDemand(cover, 50_000, "no goods came"))
    assert contract(ledger, made.id).state is S.GUARANTEE_CALLED
    why = Discrepancy(DiscrepancyKind.STATEMENT, "names no breach")
    ledger.must("guarantorBY", RejectDemand(cover, (why,)))
    assert contract(ledger, made.id).state is S.DEFAULTED


def test_the_suppliers_guarantee_pays_damages_and_passes_no_goods(ledger: Ledger) -> None:
    made = active(ledger)
    cover = defaulted(ledger, made.id, LOOMS).supplier_cover
    assert cover is not None
    ledger.must(LOOMS, PresentDemand(cover, 20_000, "no components came"))
    ledger.must("guarantorRU", PayDemand(cover))
    assert contract(ledger, made.id).state is S.SUBROGATED
    assert owes(ledger, GEAR, "guarantorRU") == 20_000
    assert contract(ledger, made.id).totals.open == 0
    assert violations(ledger.state) == []


def test_a_paid_guarantee_after_termination_leaves_no_double_recovery(ledger: Ledger) -> None:
    made = active(ledger)
    credited(ledger, made.id, 100)
    ledger.must(GEAR, Terminate(made.id, "market is gone"), signers=(GEAR, LOOMS))
    assert owes(ledger, LOOMS, GEAR) == 100_000
    cover = contract(ledger, made.id).maker_cover
    assert cover is not None and remaining(ledger.state, cover) == 150_000
    ledger.must(GEAR, PresentDemand(cover, 60_000, "receivable unpaid"))
    ledger.must("guarantorBY", PayDemand(cover))
    assert owes(ledger, LOOMS, GEAR) == 40_000
    assert owes(ledger, LOOMS, "guarantorBY") == 60_000
    assert violations(ledger.state) == []


def test_termination_needs_both_and_converts_what_is_open(ledger: Ledger) -> None:
    made = active(ledger)
    credited(ledger, made.id, 100)
    on_its_way = ship(ledger, made.id, 50)
    with pytest.raises(Exception, match="MISSING_SIGNATURES"):
        ledger.do(GEAR, Terminate(made.id, "x"))
    ledger.must(GEAR, Terminate(made.id, "x"), signers=(GEAR, LOOMS))
    assert contract(ledger, made.id).state is S.TERMINATED
    assert owes(ledger, LOOMS, GEAR) == 100_000
    ledger.must(LOOMS, Arrive(on_its_way.id))
    ledger.must(LOOMS, AcceptLot(on_its_way.id, 20, "30 are cracked"))
    assert lot(ledger, on_its_way.id).state is LotState.RETURNED
    assert owes(ledger, LOOMS, GEAR) == 120_000
    assert violations(ledger.state) == []


def test_goods_on_their_way_at_termination_still_count(ledger: Ledger) -> None:
    made = active(ledger)
    credited(ledger, made.id, 100)
    receipt = ledger.must(LOOMS, Deliver(made.id, 0, 8, lei(GEAR), (document(LOOMS),)))
    id = event(receipt, LotMoved)["lot"]
    ledger.must("tribunal", OrderTermination(made.id, "award 7"))
    assert owes(ledger, LOOMS, GEAR) == 60_000
    ledger.must(GEAR, Arrive(id))
    ledger.must(GEAR, AcceptLot(id, 8))
    assert contract(ledger, made.id).totals.open == 0
    assert owes(ledger, LOOMS, GEAR) == 60_000
    assert violations(ledger.state) == []


def test_force_majeure_moves_every_date(ledger: Ledger) -> None:
    made = active(ledger)
    due = contract(ledger, made.id).due
    proof = document(GEAR, DocumentKind.FORCE_MAJEURE_CERTIFICATE)
    ledger.must(GEAR, DeclareForceMajeure(made.id, "flood", (proof,)))
    ledger.later(20 * DAY)
    assert ledger.do(LOOMS, EndForceMajeure(made.id)).code == "NOT_ENTITLED"
    ledger.must(GEAR, EndForceMajeure(made.id))
    running = contract(ledger, made.id)
    assert running.state is S.ACTIVE
    assert due + 20 * DAY <= running.due <= due + 21 * DAY


def test_force_majeure_beyond_its_limit_ends_the_contract(ledger: Ledger) -> None:
    made = active(ledger)
    credited(ledger, made.id, 100)
    proof = document(GEAR, DocumentKind.FORCE_MAJEURE_CERTIFICATE)
    ledger.must(GEAR, DeclareForceMajeure(made.id, "flood", (proof,)))
    ledger.later(91 * DAY)
    assert contract(ledger, made.id).state is S.TERMINATED
    assert owes(ledger, LOOMS, GEAR) == 100_000
    assert violations(ledger.state) == []


def test_an_assigned_claim_is_delivered_to_its_new_holder(ledger: Ledger) -> None:
    made = active(ledger)
    credited(ledger, made.id, 100)
    credited(ledger, made.id, 100)
    over = ledger.do(GEAR, Assign(made.id, lei(MOTORS), 200_001), signers=(GEAR, MOTORS))
    assert over.code == "OVER_OPEN_CLAIM"
    to_maker = ledger.do(GEAR, Assign(made.id, lei(LOOMS), 5), signers=(GEAR, LOOMS))
    assert to_maker.code == "INVALID_TERMS"
    ledger.must(GEAR, Assign(made.id, lei(MOTORS), 50_000), signers=(GEAR, MOTORS))
    delivered(ledger, made.id, 10, to=MOTORS)
    assert free(ledger, made.id, MOTORS) == 0
    assert free(ledger, made.id, GEAR) == 150_000
    assert violations(ledger.state) == []


def test_a_claim_is_exchanged_against_money_all_or_nothing(ledger: Ledger) -> None:
    made = active(ledger)
    credited(ledger, made.id, 100)
    had = avail(ledger, GEAR)

    def swap(price: int) -> Exchange:
        return Exchange(
            (
                AssetLeg(lei(GEAR), lei(MOTORS), "goods claim", 60_000, made.id),
                AssetLeg(lei(MOTORS), lei(GEAR), "money", price),
            )
        )

    with pytest.raises(CodedError, match="signatures are missing"):
        ledger.do(GEAR, swap(50_000))
    ledger.must(GEAR, swap(50_000), signers=(GEAR, MOTORS))
    assert free(ledger, made.id, MOTORS) == 60_000
    assert free(ledger, made.id, GEAR) == 40_000
    assert avail(ledger, GEAR) == had + 50_000
    broke = ledger.do(GEAR, swap(10**15), signers=(GEAR, MOTORS))
    assert not broke.applied and free(ledger, made.id, GEAR) == 40_000
    assert violations(ledger.state) == []


def test_terms_may_exclude_assignment(ledger: Ledger) -> None:
    made = active(ledger, terms_at(ledger.time + 5 * DAY, assignable=False))
    credited(ledger, made.id, 100)
    refused = ledger.do(GEAR, Assign(made.id, lei(MOTORS), 5), signers=(GEAR, MOTORS))
    assert refused.code == "NOT_ASSIGNABLE"


def test_a_residue_is_settled_in_money_and_discharges(ledger: Ledger) -> None:
    terms = terms_at(ledger.time + 5 * DAY, goods=((39, 90),))
    made = active(ledger, terms)
    credited(ledger, made.id, 100)
    credited(ledger, made.id, 100)
    delivered(ledger, made.id, 39)
    assert contract(ledger, made.id).state is S.PARTIAL
    before = avail(ledger, GEAR)
    ledger.must(LOOMS, TopUp(made.id, lei(GEAR), 5_000, 4_900), signers=(GEAR, LOOMS))
    assert avail(ledger, GEAR) == before + 4_900
    assert contract(ledger, made.id).state is S.DISCHARGED
    assert violations(ledger.state) == []


def test_an_unsettled_residue_falls_due(ledger: Ledger) -> None:
    terms = terms_at(ledger.time + 5 * DAY, goods=((39, 90),))
    made = active(ledger, terms)
    credited(ledger, made.id, 100)
    credited(ledger, made.id, 100)
    delivered(ledger, made.id, 39)
    ledger.later(200 * DAY)
    assert contract(ledger, made.id).state is S.OVERDUE


def test_what_both_waive_needs_not_be_shipped(ledger: Ledger) -> None:
    made = active(ledger)
    credited(ledger, made.id, 100)
    from contracts.barter.terms import Side

    over = ledger.do(GEAR, Waive(made.id, Side.COMPONENTS, 0, 101), signers=(GEAR, LOOMS))
    assert over.code == "OVER_SCHEDULE"
    ledger.must(GEAR, Waive(made.id, Side.COMPONENTS, 0, 100), signers=(GEAR, LOOMS))
    delivered(ledger, made.id, 20)
    assert contract(ledger, made.id).state is S.DISCHARGED
    assert violations(ledger.state) == []


def test_the_maker_is_not_late_with_what_the_claim_does_not_cover(ledger: Ledger) -> None:
    made = active(ledger)
    ship(ledger, made.id, 100)
    ship(ledger, made.id, 100)
    for _ in range(4):
        ledger.later(5 * DAY)
    assert contract(ledger, made.id).breach is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"goods_price": Ratio(6_000)}, "terms.goods"),
        ({"cover_until": 1}, "terms.cover_until"),
        ({"maker_cover": 200_001}, "terms.maker_cover"),
        ({"components": ((10, 60), (10, 30))}, "terms.components.schedule[1].due"),
        ({"component_price": Ratio(1, 10**9)}, "terms.components.items[0].price"),
    ],
)
def test_terms_that_contradict_themselves_are_refused(
    ledger: Ledger, change: dict[str, object], field: str
) -> None:
    terms = terms_at(ledger.time + 5 * DAY, **change)
    refused = ledger.do(GEAR, Offer(lei(LOOMS), terms, ledger.time + 5 * DAY))
    assert (refused.code, refused.field) == ("INVALID_TERMS", field)


def test_an_offer_stands_for_a_bounded_time_and_to_somebody_else(ledger: Ledger) -> None:
    terms = terms_at(ledger.time + 40 * DAY)
    assert ledger.do(GEAR, Offer(lei(LOOMS), terms, ledger.time + 40 * DAY)).code == "INVALID_TERMS"
    assert ledger.do(GEAR, Offer(lei(GEAR), terms, ledger.time + DAY)).code == "INVALID_TERMS"
    assert ledger.do(GEAR, Offer(lei("nobody"), terms, ledger.time + DAY)).code == "UNKNOWN_PARTY"


def test_overdue_without_notice_ends_in_a_receivable(ledger: Ledger) -> None:
    made = active(ledger)
    credited(ledger, made.id, 200)
    for _ in range(12):
        ledger.later(40 * DAY)
    ended = contract(ledger, made.id)
    assert ended.state is S.TERMINATED and ended.totals.converted == 200_000
    assert owes(ledger, LOOMS, GEAR) == 200_000
    assert violations(ledger.state) == []
