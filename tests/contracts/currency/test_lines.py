"""Credit lines and states' limits: how far credit goes, who answers, when it ends."""

from __future__ import annotations

import pytest
from cast import money, violations, vote
from credit import BY1, KZ1, KZ2, avail, credit_ledger, line
from ledger_in_memory import Ledger, event, lei
from msgspec import structs

from contracts.accounts import REC
from contracts.capacity import capacity_of
from contracts.currency.events import LineCalled
from contracts.currency.line_operations import (
    AcceptLine,
    CallLine,
    ChangeLine,
    EndLine,
    FreezeLine,
    OfferLine,
    ProposeLimits,
    ThawLine,
)
from contracts.currency.line_records import LINE_TABLE, Line, LineState
from contracts.currency.lines import lines_follow_standing
from contracts.currency.operations import Exchange, ExchangeLeg, Leg, Transfer
from contracts.currency.positions import position_of
from contracts.currency.records import CurrencyParameters
from contracts.framework.ballot import BallotOpened
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.context import Context
from contracts.framework.party import PARTY, Standing
from contracts.framework.posting import balance_of
from ledger.receipt import Receipt

G = "guarantorKZ"


def pay(ledger: Ledger, payer: str, payee: str, amount: int) -> Receipt:
    return ledger.do(payer, Transfer((Leg(lei(payee), amount),)))


def the_line(ledger: Ledger, name: str = KZ1) -> Line:
    found = ledger.state.get(LINE_TABLE, lei(name))
    assert found is not None
    return found


def test_a_line_lets_a_first_payment_go_through_and_no_further() -> None:
    ledger = credit_ledger()
    line(ledger, KZ1, 1_000)
    assert pay(ledger, KZ1, BY1, 900).applied
    refused = pay(ledger, KZ1, BY1, 101)
    assert refused.code == "OVER_CREDIT_LINE"
    assert "credit line of 1000" in refused.reason and "insufficient" not in refused.reason.lower()
    assert avail(ledger, KZ1) == -900
    assert the_line(ledger).negative_since == ledger.time - 1_000
    assert violations(ledger.state) == []


def test_an_offer_binds_nobody_until_accepted_and_lapses() -> None:
    ledger = credit_ledger()
    ledger.must(G, OfferLine(lei(KZ1), 1_000))
    assert pay(ledger, KZ1, KZ2, 1).code == "INSUFFICIENT_FUNDS"
    assert ledger.do(KZ1, AcceptLine(lei("guarantorBY"))).code == "NO_SUCH_LINE"
    assert ledger.do(G, OfferLine(lei(KZ1), 5)).code in ("WRONG_STATE", "OVER_LINE_CAP")
    ledger.later(31 * MS_PER_DAY)
    assert the_line(ledger).state is LineState.CLOSED
    assert capacity_of(ledger.state, lei(G)).committed == 0
    assert violations(ledger.state) == []


@pytest.mark.parametrize(
    ("author", "member", "limit", "code"),
    [
        ("guarantorBY", KZ1, 1_000, "INVALID_TERMS"),
        (G, G, 1_000, "INVALID_TERMS"),
        (G, KZ1, 500_001, "OVER_CAPACITY"),
        (G, KZ1, 100_000_000_001, "OVER_LINE_CAP"),
    ],
)
def test_offers_outside_of_state_capacity_or_cap_are_refused(
    author: str, member: str, limit: int, code: str
) -> None:
    ledger = credit_ledger()
    receipt = ledger.do(author, OfferLine(lei(member), limit))
    assert receipt.code == code, receipt.reason
    assert violations(ledger.state) == []


def test_a_reduction_holds_for_new_draws_only_and_what_is_drawn_stays_covered() -> None:
    ledger = credit_ledger()
    line(ledger, KZ1, 1_000)
    assert pay(ledger, KZ1, BY1, 800).applied
    ledger.must(G, ChangeLine(lei(KZ1), 300, "risk"))
    assert (the_line(ledger).state, the_line(ledger).cover) == (LineState.REDUCED, 800)
    assert pay(ledger, KZ1, BY1, 1).code == "OVER_CREDIT_LINE"
    assert pay(ledger, BY1, KZ1, 600).applied
    assert pay(ledger, KZ1, BY1, 100).applied
    ledger.must(G, ChangeLine(lei(KZ1), 400, "better"))
    assert (the_line(ledger).state, the_line(ledger).cover) == (LineState.ACTIVE, 400)
    assert violations(ledger.state) == []


def test_a_frozen_line_allows_no_draw_until_it_is_thawed() -> None:
    ledger = credit_ledger()
    line(ledger, KZ1, 1_000)
    ledger.must(G, FreezeLine(lei(KZ1), "late reports"))
    assert pay(ledger, KZ1, BY1, 1).code == "INSUFFICIENT_FUNDS"
    assert violations(ledger.state) == []
    ledger.must(G, ThawLine(lei(KZ1)))
    assert pay(ledger, KZ1, BY1, 1).applied
    assert violations(ledger.state) == []


def test_a_line_ends_when_nothing_is_drawn_on_it() -> None:
    ledger = credit_ledger()
    line(ledger, KZ1, 1_000)
    assert pay(ledger, KZ1, BY1, 10).applied
    assert ledger.do(KZ1, EndLine(lei(KZ1))).code == "LINE_IN_USE"
    assert ledger.do(BY1, EndLine(lei(KZ1))).code == "NOT_ENTITLED"
    assert pay(ledger, BY1, KZ1, 10).applied
    ledger.must(KZ1, EndLine(lei(KZ1), "no longer needed"))
    assert capacity_of(ledger.state, lei(G)).committed == 0
    line(ledger, KZ1, 500)
    assert violations(ledger.state) == []


def test_below_zero_for_over_a_year_the_guarantor_pays_and_becomes_the_creditor() -> None:
    ledger = credit_ledger()
    line(ledger, KZ1, 1_000)
    assert pay(ledger, KZ1, BY1, 700).applied
    ledger.later(365 * MS_PER_DAY - 10_000)
    assert the_line(ledger).state is LineState.ACTIVE
    ledger.later(20_000)
    assert the_line(ledger).state is LineState.CLOSED
    assert avail(ledger, KZ1) == 0
    assert balance_of(ledger.state, REC.of(lei(G), lei(KZ1))) == -700
    assert violations(ledger.state) == []


def test_swinging_through_zero_starts_the_year_anew() -> None:
    ledger = credit_ledger()
    line(ledger, KZ1, 1_000)
    assert pay(ledger, KZ1, BY1, 700).applied
    ledger.later(300 * MS_PER_DAY)
    assert pay(ledger, BY1, KZ1, 700).applied
    assert pay(ledger, KZ1, BY1, 600).applied
    ledger.later(100 * MS_PER_DAY)
    assert the_line(ledger).state is LineState.ACTIVE
    ledger.later(266 * MS_PER_DAY)
    assert the_line(ledger).state is LineState.CLOSED
    assert violations(ledger.state) == []


def test_a_guarantor_without_money_pays_from_collateral_and_is_asked_again() -> None:
    ledger = credit_ledger(collateral=10_000)
    line(ledger, KZ1, 80_000)
    assert pay(ledger, KZ1, BY1, 80_000).applied
    assert pay(ledger, G, BY1, 50_000).applied
    ledger.must(G, FreezeLine(lei(KZ1), "overdue elsewhere"))
    called = ledger.must(G, CallLine(lei(KZ1), "overdue elsewhere"))
    assert event(called, LineCalled)["amount"] == 10_000
    assert (the_line(ledger).state, avail(ledger, KZ1)) == (LineState.CALLED, -70_000)
    assert violations(ledger.state) == []
    assert pay(ledger, BY1, G, 90_000).applied
    ledger.later(6 * MS_PER_DAY)
    assert (the_line(ledger).state, avail(ledger, KZ1)) == (LineState.CLOSED, 0)
    assert violations(ledger.state) == []


def test_a_suspended_members_line_is_frozen_and_an_excluded_ones_is_called() -> None:
    ledger = credit_ledger()
    line(ledger, KZ1, 1_000)
    assert pay(ledger, KZ1, BY1, 700).applied
    before = ledger.state.get(PARTY, lei(KZ1))
    assert before is not None
    overlay = ledger.overlay()
    for standing, expected in (
        (Standing.SUSPENDED, LineState.FROZEN),
        (Standing.EXCLUDED, LineState.CLOSED),
    ):
        ctx = Context(overlay, bytes(32), ledger.height + 1, ledger.time + 1, 0, bytes(32))
        lines_follow_standing(ctx, before, structs.replace(before, state=standing))
        ctx.finish_operation()
        found = overlay.get(LINE_TABLE, lei(KZ1))
        assert found is not None and found.state is expected
    assert violations(overlay) == []


def limits(ledger: Ledger, **values: int) -> None:
    """The council sets KZ's limits; KZ's own guarantor does not vote."""
    opened = ledger.must("guarantorBY", ProposeLimits("KZ", "balance of trade", **values))
    ballot = event(opened, BallotOpened)["ballot"]
    assert lei(G) not in event(opened, BallotOpened)["voters"]
    vote(ledger, ballot, "BY", "CN")


def test_the_councils_cap_bounds_all_lines_of_a_state() -> None:
    ledger = credit_ledger()
    limits(ledger, line_cap=1_500)
    line(ledger, KZ1, 1_000)
    refused = ledger.do(G, OfferLine(lei(KZ2), 501))
    assert refused.code == "OVER_LINE_CAP"
    assert "cap is 1500" in refused.reason
    line(ledger, KZ2, 500)
    assert ledger.do(G, ChangeLine(lei(KZ2), 600, "more")).code == "OVER_LINE_CAP"
    assert violations(ledger.state) == []


def test_a_states_net_position_stays_within_its_swing() -> None:
    ledger = credit_ledger()
    money(ledger, KZ1, 5_000)
    limits(ledger, swing=1_000)
    assert pay(ledger, KZ1, BY1, 1_000).applied
    refused = pay(ledger, KZ1, BY1, 1)
    assert refused.code == "OVER_SWING"
    assert "limit is 1000" in refused.reason
    assert pay(ledger, KZ1, KZ2, 2_000).applied
    assert pay(ledger, BY1, KZ2, 400).applied
    assert position_of(ledger.state, "KZ").net == -600
    assert position_of(ledger.state, "BY").net == 600
    both = (
        ExchangeLeg(lei(KZ1), lei(BY1), 1_500),
        ExchangeLeg(lei(BY1), lei(KZ2), 1_500),
    )
    assert ledger.do(KZ1, Exchange(both), signers=(KZ1, BY1)).applied
    assert violations(ledger.state) == []


def test_what_is_owed_passes_a_swing_limit_and_marks_the_state() -> None:
    ledger = credit_ledger(CurrencyParameters(swing=500))
    money(ledger, KZ1, 5_000)
    assert pay(ledger, KZ1, BY1, 500).applied
    limits(ledger, swing=300)
    assert position_of(ledger.state, "KZ").over_since == ledger.time
    assert pay(ledger, KZ1, BY1, 1).code == "OVER_SWING"
    assert pay(ledger, BY1, KZ1, 250).applied
    assert position_of(ledger.state, "KZ").over_since == 0
    assert violations(ledger.state) == []
