"""The market: what fits, in which order, and what reservations become."""

from __future__ import annotations

from typing import Any

import pytest
from bartering import flow, terms_at
from cast import violations
from ledger_in_memory import Ledger, event, lei
from msgspec import structs
from trading import (
    ALTAI,
    BEARINGS,
    DAY,
    DON,
    ENGINES,
    SOLVER,
    UNION,
    URAL,
    VOLGA,
    demand,
    entry,
    entry_for,
    market,
    match_of,
    matched,
    pass_days,
    quantities,
    reservation,
    reserved,
    supply,
)

from contracts.barter.records import CONTRACT_TABLE
from contracts.barter.terms import Ratio
from contracts.currency.records import REQUEST_TABLE
from contracts.market.events import MatchProposed
from contracts.market.operations import (
    AgreeToMatch,
    CycleLeg,
    DeclineMatch,
    InvoiceReservation,
    OfferReservation,
    ProposeCycle,
    ProposeMatch,
    ReleaseReservation,
    Withdraw,
)
from contracts.market.parameters import MarketParameters
from contracts.market.records import EntryState, MatchState, ReservationState, Side
from contracts.market.views import book, mine, ranking
from contracts.register.operations import OrderSuspension
from ledger.errors import CodedError
from ledger.receipt import Receipt


@pytest.fixture
def ledger() -> Ledger:
    return market()


def holds(ledger: Ledger) -> None:
    assert violations(ledger.state) == []


def refused(receipt: Receipt, code: str, field: str = "") -> None:
    assert receipt.code == code, (receipt.code, receipt.reason)
    if field:
        assert receipt.field == field


# Posting


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"stands": 91}, "INVALID_TERMS", "until"),
        ({"days": 800}, "INVALID_TERMS", "ends"),
        ({"starts": 2**60}, "INVALID_TERMS", "starts"),
        ({"lowest": Ratio(5), "highest": Ratio(14, 3)}, "INVALID_TERMS", "lowest"),
        ({"lead_days": 3}, "INVALID_TERMS", "lead_days"),
        ({"partners": ("RU", "BY")}, "INVALID_TERMS", "partners"),
        ({"partners": ("BY", "BY")}, "INVALID_TERMS", "partners"),
        ({"price": Ratio(10**15), "quantity": 10**12}, "OVER_BALANCE_LIMIT", "highest"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused(
    ledger: Ledger, change: dict[str, Any], code: str, field: str
) -> None:
    refused(ledger.do(URAL, entry_for(ledger, Side.DEMAND, **change)), code, field)


def test_unknown_codes_never_enter_the_ledger(ledger: Ledger) -> None:
    for change in ({"hs": "999999"}, {"unit": "XYZ"}, {"country": "QQ"}):
        op = structs.replace(entry_for(ledger, Side.SUPPLY), **change)
        with pytest.raises(CodedError) as caught:
            ledger.do(URAL, op)
        assert caught.value.code.name == "INVALID_FIELD"


def test_a_party_has_so_many_entries_and_the_refusal_names_the_limit() -> None:
    ledger = market(MarketParameters(entries_per_party=2))
    first = supply(ledger, URAL)
    supply(ledger, URAL)
    third = ledger.do(URAL, entry_for(ledger, Side.SUPPLY))
    refused(third, "OVER_BOOK")
    assert "2" in third.reason
    ledger.must(URAL, Withdraw(first))
    supply(ledger, URAL)
    holds(ledger)


def test_entries_expire_and_only_the_owner_withdraws(ledger: Ledger) -> None:
    id = supply(ledger, URAL, 7)
    refused(ledger.do(VOLGA, Withdraw(id)), "NOT_ENTITLED")
    pass_days(ledger, 31)
    assert entry(ledger, id).state is EntryState.EXPIRED
    assert quantities(ledger, id) == (0, 0, 0, 7)
    refused(ledger.do(URAL, Withdraw(id)), "WRONG_STATE")
    assert list(book(ledger.state)) == []
    holds(ledger)


# Hard filters


@pytest.mark.parametrize(
    ("given", "wanted", "why"),
    [
        ({}, {"hs": ENGINES}, "HS code"),
        ({}, {"hs": BEARINGS + "10"}, "HS code"),
        ({"unit": "KGM"}, {}, "units of measure"),
        ({"country": "CN"}, {"partners": ("KZ", "RU")}, "from CN"),
        ({"partners": ("RU",)}, {}, "deliver to KZ"),
        ({"lead_days": 61}, {}, "windows"),
        ({"price": Ratio(4_501, 3)}, {"price": 1_500}, "asks more"),
    ],
)
def test_what_does_not_fit_is_neither_ranked_nor_matched(
    ledger: Ledger, given: dict[str, Any], wanted: dict[str, Any], why: str
) -> None:
    left, right = supply(ledger, URAL, **given), demand(ledger, VOLGA, **wanted)
    assert ranking(ledger.state, right, ledger.time) == []
    receipt = ledger.do(URAL, ProposeMatch(left, right, 1, Ratio(1_500)))
    refused(receipt, "NO_MATCH", "supply")
    assert why in receipt.reason


def test_nobody_is_matched_with_itself(ledger: Ledger) -> None:
    left, right = supply(ledger, URAL), demand(ledger, URAL)
    refused(ledger.do(URAL, ProposeMatch(left, right, 1, Ratio(1_200))), "NO_MATCH")


def test_a_supply_may_be_more_specific_than_the_demand(ledger: Ledger) -> None:
    supply(ledger, URAL, hs=BEARINGS + "1000")
    wanted = demand(ledger, VOLGA, hs=BEARINGS)
    assert len(ranking(ledger.state, wanted, ledger.time)) == 1


# Ranking


def test_price_lead_time_record_and_bonus_decide_by_the_published_rule(ledger: Ledger) -> None:
    wanted = demand(ledger, VOLGA, price=2_000)
    cheap = supply(ledger, URAL, price=1_000)
    quick = supply(ledger, ALTAI, price=1_500, lead_days=0)
    slow = supply(ledger, DON, price=1_500, lead_days=30)
    joint = supply(ledger, UNION, price=1_500, lead_days=0)
    found = ranking(ledger.state, wanted, ledger.time)
    assert [c.entry.id for c in found] == [cheap, joint, quick, slow]
    first, second, third, fourth = (c.points for c in found)
    assert (first.price, third.price) == (5_000, 2_500)
    assert (third.lead, fourth.lead) == (10_000, 8_333)
    assert third.record == 5_000
    assert (second.bonus, second.total - third.total) == (500, 500)
    assert first.total == (50 * 5_000 + 20 * 10_000 + 30 * 5_000) // 100


def test_ties_go_to_the_one_posted_first(ledger: Ledger) -> None:
    wanted = demand(ledger, VOLGA)
    ids = [supply(ledger, who) for who in (DON, ALTAI, URAL)]
    assert [c.entry.id for c in ranking(ledger.state, wanted, ledger.time)] == ids


def test_an_expired_reservation_lowers_the_suppliers_record(ledger: Ledger) -> None:
    good, bad = supply(ledger, URAL), supply(ledger, ALTAI)
    wanted = demand(ledger, VOLGA)
    kept = reserved(ledger, good, wanted, 10)
    ledger.must(URAL, InvoiceReservation(kept, ledger.time + 30 * DAY))
    lost = reserved(ledger, bad, wanted, 10)
    pass_days(ledger, 20)
    assert reservation(ledger, lost).state is ReservationState.EXPIRED
    found = {c.entry.id: c.points.record for c in ranking(ledger.state, wanted, ledger.time)}
    assert found == {good: 6_666, bad: 3_333}
    assert mine(ledger.state, lei(ALTAI), ledger.time).record.missed == 1
    holds(ledger)


# Matches and reservations


def test_a_match_binds_nobody_until_both_have_agreed(ledger: Ledger) -> None:
    given, wanted = supply(ledger, URAL), demand(ledger, VOLGA)
    match = matched(ledger, URAL, given, wanted, 40)
    assert quantities(ledger, given) == (100, 0, 0, 0)
    refused(ledger.do(URAL, AgreeToMatch(match)), "WRONG_STATE")
    refused(ledger.do(ALTAI, AgreeToMatch(match)), "NOT_ENTITLED")
    ledger.must(VOLGA, AgreeToMatch(match))
    assert quantities(ledger, given) == (60, 40, 0, 0)
    assert quantities(ledger, wanted) == (60, 40, 0, 0)
    holds(ledger)


def test_silence_is_not_consent(ledger: Ledger) -> None:
    match = matched(ledger, URAL, supply(ledger, URAL), demand(ledger, VOLGA), 40)
    pass_days(ledger, 16)
    assert match_of(ledger, match).state is MatchState.LAPSED
    refused(ledger.do(VOLGA, AgreeToMatch(match)), "WRONG_STATE")
    holds(ledger)


def test_only_what_is_open_can_be_reserved(ledger: Ledger) -> None:
    given, wanted, other = supply(ledger, URAL), demand(ledger, VOLGA), demand(ledger, ALTAI)
    late = matched(ledger, URAL, given, other, 70)
    reserved(ledger, given, wanted, 40)
    over = ledger.do(ALTAI, AgreeToMatch(late))
    refused(over, "OVER_ENTRY")
    assert "60" in over.reason and "70" in over.reason
    refused(ledger.do(URAL, ProposeMatch(given, wanted, 61, Ratio(1_200))), "OVER_ENTRY")
    holds(ledger)


def test_prices_stay_within_both_bounds(ledger: Ledger) -> None:
    given, wanted = supply(ledger, URAL), demand(ledger, VOLGA)
    for price in (Ratio(2_999, 3), Ratio(4_501, 3)):
        refused(ledger.do(URAL, ProposeMatch(given, wanted, 1, price)), "NO_MATCH", "price")


def test_what_is_worth_less_than_a_minor_unit_is_refused(ledger: Ledger) -> None:
    given = supply(ledger, URAL, price=Ratio(1, 100))
    wanted = demand(ledger, VOLGA, price=Ratio(1, 50))
    op = ProposeMatch(given, wanted, 49, Ratio(1, 50))
    refused(ledger.do(URAL, op), "VALUE_ROUNDS_TO_ZERO")
    ledger.must(URAL, replaced(op, quantity=50))


def replaced(op: ProposeMatch, **changes: Any) -> ProposeMatch:
    return structs.replace(op, **changes)


def test_a_released_reservation_is_open_again_unless_its_entry_has_ended(ledger: Ledger) -> None:
    given, wanted = supply(ledger, URAL), demand(ledger, VOLGA)
    kept = reserved(ledger, given, wanted, 40)
    ledger.must(URAL, Withdraw(given))
    assert quantities(ledger, given) == (0, 40, 0, 60)
    refused(ledger.do(ALTAI, ReleaseReservation(kept, "?")), "NOT_ENTITLED")
    ledger.must(VOLGA, ReleaseReservation(kept, "found another"))
    assert quantities(ledger, given) == (0, 0, 0, 100)
    assert quantities(ledger, wanted) == (100, 0, 0, 0)
    holds(ledger)


def test_a_reservation_holds_ten_business_days(ledger: Ledger) -> None:
    given, wanted = supply(ledger, URAL), demand(ledger, VOLGA)
    kept = reserved(ledger, given, wanted, 40)
    pass_days(ledger, 13)
    assert reservation(ledger, kept).state is ReservationState.RESERVED
    pass_days(ledger, 3)
    assert reservation(ledger, kept).state is ReservationState.EXPIRED
    assert quantities(ledger, given) == (100, 0, 0, 0)
    holds(ledger)


def test_a_suspended_party_leaves_the_market(ledger: Ledger) -> None:
    given, wanted = supply(ledger, URAL), demand(ledger, VOLGA)
    kept = reserved(ledger, given, wanted, 40)
    match = matched(ledger, URAL, given, wanted, 10)
    ledger.must("tribunal", OrderSuspension(lei(URAL), "fraud", b"o" * 32))
    assert entry(ledger, given).state is EntryState.WITHDRAWN
    assert match_of(ledger, match).state is MatchState.DECLINED
    assert reservation(ledger, kept).state is ReservationState.RELEASED
    assert quantities(ledger, wanted) == (100, 0, 0, 0)
    holds(ledger)


def test_a_match_is_declined_by_its_parties_only(ledger: Ledger) -> None:
    match = matched(ledger, URAL, supply(ledger, URAL), demand(ledger, VOLGA), 40)
    refused(ledger.do(ALTAI, DeclineMatch(match, "no")), "NOT_ENTITLED")
    ledger.must(VOLGA, DeclineMatch(match, "too late"))
    assert match_of(ledger, match).state is MatchState.DECLINED


# Conversion


def test_a_reservation_becomes_an_invoice_of_its_value(ledger: Ledger) -> None:
    given, wanted = supply(ledger, URAL, 40), demand(ledger, VOLGA)
    kept = reserved(ledger, given, wanted, 40, 1_201)
    refused(ledger.do(VOLGA, InvoiceReservation(kept, ledger.time + DAY)), "NOT_ENTITLED")
    ledger.must(URAL, InvoiceReservation(kept, ledger.time + 30 * DAY))
    found = reservation(ledger, kept)
    assert found.contract is not None
    request = ledger.state.get(REQUEST_TABLE, found.contract)
    assert request is not None
    assert (request.debtor, request.amount) == (lei(VOLGA), 40 * 1_201)
    assert entry(ledger, given).state is EntryState.EXHAUSTED
    assert quantities(ledger, wanted) == (60, 0, 40, 0)
    refused(ledger.do(URAL, InvoiceReservation(kept, ledger.time + DAY)), "WRONG_STATE")
    holds(ledger)


def barter_terms(ledger: Ledger, quantity: int, price: int, back: int, back_price: int) -> Any:
    now = ledger.time + 5 * DAY
    return terms_at(
        now,
        components=((quantity, 30),),
        component_price=Ratio(price),
        goods=((back, 90),),
        goods_price=Ratio(back_price),
        supplier_cover=1_000,
        maker_cover=1_000,
    )


def test_a_reservation_becomes_a_barter_offer_with_exactly_its_goods(ledger: Ledger) -> None:
    given, wanted = supply(ledger, URAL), demand(ledger, VOLGA)
    kept = reserved(ledger, given, wanted, 40)
    for quantity, price in ((39, 1_200), (40, 1_201)):
        other = barter_terms(ledger, quantity, price, 10, 1_000)
        op = OfferReservation((kept,), other, ledger.time + 5 * DAY)
        refused(ledger.do(URAL, op), "INVALID_TERMS", "terms.components")
    terms = barter_terms(ledger, 40, 1_200, 10, 1_000)
    ledger.must(URAL, OfferReservation((kept,), terms, ledger.time + 5 * DAY))
    found = reservation(ledger, kept)
    assert found.contract is not None
    contract = ledger.state.get(CONTRACT_TABLE, found.contract)
    assert contract is not None and contract.maker == lei(VOLGA)
    holds(ledger)


def cycle(ledger: Ledger, *parties: str, tilt: int = 0) -> tuple[CycleLeg, ...]:
    """Legs in which each party supplies 20 units at 1,000 to the next."""
    legs = []
    for index, who in enumerate(parties):
        to = parties[(index + 1) % len(parties)]
        hs = (BEARINGS, ENGINES, "870899")[index]
        given, wanted = supply(ledger, who, hs=hs), demand(ledger, to, hs=hs)
        legs.append(CycleLeg(given, wanted, 20 + (tilt if index == 0 else 0), Ratio(1_000)))
    return tuple(legs)


def test_a_cycle_of_three_is_reserved_when_all_have_agreed_or_not_at_all(ledger: Ledger) -> None:
    legs = cycle(ledger, URAL, VOLGA, ALTAI)
    match = event(ledger.must(SOLVER, ProposeCycle(legs)), MatchProposed)["match"]
    assert match_of(ledger, match).agreed == ()
    ledger.must(URAL, AgreeToMatch(match))
    ledger.must(VOLGA, AgreeToMatch(match))
    assert quantities(ledger, legs[0].supply) == (100, 0, 0, 0)
    ledger.must(VOLGA, Withdraw(legs[1].supply))
    refused(ledger.do(ALTAI, AgreeToMatch(match)), "WRONG_STATE")
    assert quantities(ledger, legs[0].supply) == (100, 0, 0, 0)
    holds(ledger)


def test_a_cycle_of_two_becomes_one_barter_contract(ledger: Ledger) -> None:
    given = supply(ledger, URAL), demand(ledger, VOLGA)
    back = (
        supply(ledger, VOLGA, hs=BEARINGS, price=2_000, unit="KGM"),
        demand(ledger, URAL, hs=BEARINGS, price=2_500, unit="KGM"),
    )
    legs = (CycleLeg(*given, 40, Ratio(1_000)), CycleLeg(*back, 20, Ratio(2_000)))
    match = event(ledger.must(URAL, ProposeCycle(legs)), MatchProposed)["match"]
    receipt = ledger.must(VOLGA, AgreeToMatch(match))
    kept = [e[1] for e in receipt.events if e[0] == "market.ReservationChanged"]
    now = ledger.time + 5 * DAY
    goods = flow(now, price=Ratio(2_000), plan=((20, 90),))
    goods = structs.replace(goods, items=(structs.replace(goods.items[0], unit="KGM"),))
    terms = structs.replace(barter_terms(ledger, 40, 1_000, 20, 2_000), goods=goods)
    wrong = OfferReservation((kept[0], kept[0]), terms, now)
    refused(ledger.do(URAL, wrong), "INVALID_TERMS", "reservations[1]")
    ledger.must(URAL, OfferReservation((kept[0], kept[1]), terms, now))
    assert reservation(ledger, kept[0]).contract == reservation(ledger, kept[1]).contract
    holds(ledger)


def test_legs_that_form_no_balanced_circle_are_refused(ledger: Ledger) -> None:
    legs = cycle(ledger, URAL, VOLGA, ALTAI, tilt=2)
    unbalanced = ledger.do(SOLVER, ProposeCycle(legs))
    refused(unbalanced, "NO_CYCLE", "legs")
    assert "500 basis points" in unbalanced.reason
    refused(ledger.do(SOLVER, ProposeCycle(legs[:2])), "NO_CYCLE", "legs[1].demand")
    same = (legs[0], replace_leg(legs[0], quantity=1))
    refused(ledger.do(SOLVER, ProposeCycle(same)), "NO_CYCLE", "legs")


def replace_leg(leg: CycleLeg, **changes: Any) -> CycleLeg:
    return structs.replace(leg, **changes)
