"""Lots under inspection, at customs and after acceptance; chains and disputes about contracts."""

from __future__ import annotations

import pytest
from bartering import (
    DAY,
    GEAR,
    INSPECTOR,
    LOOMS,
    MOTORS,
    active,
    contract,
    credited,
    delivered,
    document,
    flow,
    free,
    lot,
    ship,
    terms_at,
    violations,
    world,
)
from ledger_in_memory import Ledger, event, key, lei
from msgspec import structs

from contracts.accounts import PAY
from contracts.barter.chain_records import CHAIN
from contracts.barter.chains import AnswerShift, OpenChain, PlannedStep, ProposeShift
from contracts.barter.customs import DeclareLot
from contracts.barter.defects import AdmitDefect, ContestDefect, NotifyDefect
from contracts.barter.disputes import freeze, resolve, thaw
from contracts.barter.events import (
    ChainOpened,
    DefectMoved,
    LotMoved,
    OfferMade,
    PreferenceGranted,
    ShiftMoved,
)
from contracts.barter.goods import CallOff
from contracts.barter.inspection import (
    AcceptLot,
    Arrive,
    CureLot,
    Inspect,
    RejectLot,
    RequestInspection,
    TakeBack,
)
from contracts.barter.lot_records import DEFECT_TABLE, DefectState, LotState
from contracts.barter.lots import Deliver, Ship
from contracts.barter.offers import Accept, Offer
from contracts.barter.parameters import BarterParameters
from contracts.barter.records import ContractState
from contracts.barter.securing import AttestRelief, Secure
from contracts.barter.terms import Ratio, Risk
from contracts.barter.trading import Assign, TopUp
from contracts.barter.views import chain as chain_view
from contracts.barter.views import open_claims, timeline, to_do
from contracts.framework.context import Context
from contracts.framework.evidence import DocumentKind
from contracts.framework.posting import balance_of

L = LotState


@pytest.fixture
def ledger() -> Ledger:
    return world()


def owes(ledger: Ledger, debtor: str, creditor: str) -> int:
    return balance_of(ledger.state, PAY.of(lei(debtor), lei(creditor)))


# Inspection


def test_part_is_accepted_and_the_rest_cured(ledger: Ledger) -> None:
    made = active(ledger)
    sent = ship(ledger, made.id, 100)
    ledger.must(LOOMS, Arrive(sent.id))
    assert ledger.do(LOOMS, AcceptLot(sent.id, 60)).code == "INVALID_TERMS"
    assert ledger.do(LOOMS, AcceptLot(sent.id, 101)).code == "OVER_LOT"
    ledger.must(LOOMS, AcceptLot(sent.id, 60, "40 are rusty"))
    assert lot(ledger, sent.id).state is L.CURE
    assert free(ledger, made.id, GEAR) == 60_000
    assert violations(ledger.state) == []
    ledger.must(GEAR, CureLot(sent.id, (document(GEAR),)))
    ledger.must(LOOMS, Arrive(sent.id))
    ledger.must(LOOMS, AcceptLot(sent.id, 40))
    assert lot(ledger, sent.id).state is L.ACCEPTED
    assert free(ledger, made.id, GEAR) == 100_000
    assert violations(ledger.state) == []


def test_what_is_not_cured_in_time_goes_back_and_may_be_shipped_again(ledger: Ledger) -> None:
    made = active(ledger)
    sent = ship(ledger, made.id, 100)
    ledger.must(LOOMS, Arrive(sent.id))
    ledger.must(LOOMS, RejectLot(sent.id, "wrong size"))
    ledger.later(31 * DAY)
    assert lot(ledger, sent.id).state is L.RETURNED
    assert violations(ledger.state) == []
    ship(ledger, made.id, 200)


def test_a_shipper_may_take_a_rejected_lot_back(ledger: Ledger) -> None:
    made = active(ledger)
    sent = ship(ledger, made.id, 100)
    ledger.must(LOOMS, Arrive(sent.id))
    ledger.must(LOOMS, RejectLot(sent.id, "wrong size"))
    assert ledger.do(LOOMS, TakeBack(sent.id)).code == "NOT_ENTITLED"
    ledger.must(GEAR, TakeBack(sent.id))
    assert lot(ledger, sent.id).state is L.RETURNED


def test_cures_are_bounded() -> None:
    ledger = world(BarterParameters(max_cures=1))
    made = active(ledger)
    sent = ship(ledger, made.id, 100)
    for state in (L.CURE, L.RETURNED):
        ledger.must(LOOMS, Arrive(sent.id))
        ledger.must(LOOMS, RejectLot(sent.id, "wrong size"))
        assert lot(ledger, sent.id).state is state
        if state is L.CURE:
            ledger.must(GEAR, CureLot(sent.id, (document(GEAR),)))


def test_silence_is_reminded_and_then_accepts(ledger: Ledger) -> None:
    made = active(ledger)
    sent = ship(ledger, made.id, 100)
    ledger.must(LOOMS, Arrive(sent.id))
    ledger.later(lot(ledger, sent.id).due - ledger.time + 1)
    assert lot(ledger, sent.id).state is L.REMINDED
    assert [item.acts for item in to_do(ledger.state, lei(LOOMS))] == [True]
    ledger.later(lot(ledger, sent.id).due - ledger.time + 1)
    assert lot(ledger, sent.id).state is L.DEEMED_ACCEPTED
    assert free(ledger, made.id, GEAR) == 100_000
    assert violations(ledger.state) == []


def test_a_lot_that_never_arrives_is_reminded_and_may_be_rejected(ledger: Ledger) -> None:
    made = active(ledger)
    sent = ship(ledger, made.id, 100)
    assert ledger.do(LOOMS, RejectLot(sent.id, "not here")).code == "WRONG_STATE"
    ledger.later(11 * DAY)
    ledger.must(LOOMS, RejectLot(sent.id, "did not arrive"))
    assert lot(ledger, sent.id).state is L.CURE


def test_a_receiver_cannot_restart_the_clock(ledger: Ledger) -> None:
    made = active(ledger)
    sent = ship(ledger, made.id, 100)
    ledger.must(LOOMS, Arrive(sent.id))
    ledger.later(16 * DAY)
    assert ledger.do(LOOMS, Arrive(sent.id)).code == "ALREADY_DECIDED"


def test_an_independent_inspector_decides(ledger: Ledger) -> None:
    made = active(ledger)
    sent = ship(ledger, made.id, 100)
    ledger.must(LOOMS, Arrive(sent.id))
    assert ledger.do(GEAR, RequestInspection(sent.id, lei(MOTORS))).code == "NOT_AUTHORISED"
    assert ledger.do(MOTORS, RequestInspection(sent.id, lei(INSPECTOR))).code == "NOT_ENTITLED"
    ledger.must(GEAR, RequestInspection(sent.id, lei(INSPECTOR)))
    assert ledger.do(LOOMS, RejectLot(sent.id, "no")).code == "NOT_ENTITLED"
    report = document(INSPECTOR, DocumentKind.INSPECTION_REPORT)
    ledger.must(INSPECTOR, Inspect(sent.id, 70, (report,), "30 out of tolerance"))
    assert lot(ledger, sent.id).state is L.CURE
    assert free(ledger, made.id, GEAR) == 70_000
    assert violations(ledger.state) == []


def test_finished_goods_are_rejected_alike(ledger: Ledger) -> None:
    made = active(ledger)
    credited(ledger, made.id, 100)
    receipt = ledger.must(LOOMS, Deliver(made.id, 0, 10, lei(GEAR), (document(LOOMS),)))
    id = event(receipt, LotMoved)["lot"]
    ledger.must(GEAR, Arrive(id))
    ledger.must(GEAR, AcceptLot(id, 4, "6 do not start"))
    assert free(ledger, made.id, GEAR) == 50_000
    ledger.later(31 * DAY)
    assert lot(ledger, id).state is L.RETURNED
    assert free(ledger, made.id, GEAR) == 80_000
    assert violations(ledger.state) == []


def test_documents_must_be_signed_by_their_issuer(ledger: Ledger) -> None:
    made = active(ledger)
    forged = structs.replace(document(GEAR), signature=bytes(64))
    assert ledger.do(GEAR, Ship(made.id, 0, 1, (forged,))).code == "BAD_DOCUMENT"
    stolen = structs.replace(document(LOOMS), issuer=lei(GEAR))
    assert ledger.do(GEAR, Ship(made.id, 0, 1, (stolen,))).code == "BAD_DOCUMENT"
    twice = document(GEAR)
    assert ledger.do(GEAR, Ship(made.id, 0, 1, (twice, twice))).code == "BAD_DOCUMENT"


# Customs


def declared(ledger: Ledger, id: bytes, *, granted: bool = False, charge: int = 0) -> None:
    ledger.must("customsBY", DeclareLot(id, granted, "BY-9", "10226010/11", charge))


@pytest.mark.parametrize(
    ("risk", "credit"), [(Risk.SHIPPER, 92_999), (Risk.SHARED, 96_500), (Risk.RECEIVER, 100_000)]
)
def test_a_refused_relief_lowers_the_value_by_the_agreed_risk(
    ledger: Ledger, risk: Risk, credit: int
) -> None:
    made = active(ledger, terms_at(ledger.time + 5 * DAY, risk=risk))
    sent = ship(ledger, made.id, 100)
    declared(ledger, sent.id, charge=7_001)
    ledger.must(LOOMS, Arrive(sent.id))
    ledger.must(LOOMS, AcceptLot(sent.id, 100))
    assert free(ledger, made.id, GEAR) == credit
    assert violations(ledger.state) == []


def test_refused_relief_sends_a_lot_back_if_agreed(ledger: Ledger) -> None:
    made = active(ledger, terms_at(ledger.time + 5 * DAY, risk=Risk.RETURN))
    sent = ship(ledger, made.id, 100)
    declared(ledger, sent.id, charge=7_001)
    assert lot(ledger, sent.id).state is L.RETURNED
    assert violations(ledger.state) == []


def test_a_charge_above_the_value_or_after_acceptance_is_owed(ledger: Ledger) -> None:
    made = active(ledger)
    sent = ship(ledger, made.id, 10)
    declared(ledger, sent.id, charge=12_000)
    ledger.must(LOOMS, Arrive(sent.id))
    ledger.must(LOOMS, AcceptLot(sent.id, 10))
    assert free(ledger, made.id, GEAR) == 0
    assert owes(ledger, GEAR, LOOMS) == 2_000
    late = credited(ledger, made.id, 10)
    declared(ledger, late.id, charge=500)
    assert owes(ledger, GEAR, LOOMS) == 2_500
    assert violations(ledger.state) == []


def test_customs_decide_once_for_what_enters_their_state(ledger: Ledger) -> None:
    made = active(ledger)
    sent = ship(ledger, made.id, 10)
    decision = DeclareLot(sent.id, True, "9", "1", 0)
    assert ledger.do("customsRU", decision).code == "NOT_ENTITLED"
    contradiction = DeclareLot(sent.id, True, "9", "1", 5)
    assert ledger.do("customsBY", contradiction).code == "INVALID_TERMS"
    receipt = ledger.must("customsBY", decision)
    granted = event(receipt, PreferenceGranted)
    assert (granted["country"], granted["quantity"], granted["value"]) == ("BY", 10, 10_000)
    assert ledger.do("customsBY", decision).code == "ALREADY_DECIDED"


# Hidden defects


def test_an_admitted_defect_gives_the_value_back(ledger: Ledger) -> None:
    made = active(ledger)
    sent = credited(ledger, made.id, 100)
    notice = NotifyDefect(sent.id, 30, "cracks", (document(LOOMS),))
    assert ledger.do(GEAR, notice).code == "NOT_ENTITLED"
    over = NotifyDefect(sent.id, 101, "cracks", (document(LOOMS),))
    assert ledger.do(LOOMS, over).code == "OVER_LOT"
    id = event(ledger.must(LOOMS, notice), DefectMoved)["defect"]
    ledger.must(GEAR, AdmitDefect(id))
    assert free(ledger, made.id, GEAR) == 70_000
    goods = delivered(ledger, made.id, 10)
    assert free(ledger, made.id, GEAR) == 20_000
    receipt = ledger.must(GEAR, NotifyDefect(goods.id, 2, "leaks", (document(GEAR),)))
    ledger.must(LOOMS, AdmitDefect(event(receipt, DefectMoved)["defect"]))
    assert free(ledger, made.id, GEAR) == 30_000
    assert violations(ledger.state) == []


def test_a_defect_found_after_discharge_is_owed_in_money(ledger: Ledger) -> None:
    made = active(ledger)
    sent = credited(ledger, made.id, 200)
    delivered(ledger, made.id, 40)
    assert contract(ledger, made.id).state is ContractState.DISCHARGED
    receipt = ledger.must(LOOMS, NotifyDefect(sent.id, 50, "cracks", (document(LOOMS),)))
    ledger.must(GEAR, AdmitDefect(event(receipt, DefectMoved)["defect"]))
    assert owes(ledger, GEAR, LOOMS) == 50_000
    assert violations(ledger.state) == []


def test_defects_are_notified_in_time_and_silence_contests_them(ledger: Ledger) -> None:
    made = active(ledger)
    sent = credited(ledger, made.id, 100)
    first = ledger.must(LOOMS, NotifyDefect(sent.id, 5, "cracks", (document(LOOMS),)))
    second = ledger.must(LOOMS, NotifyDefect(sent.id, 5, "cracks", (document(LOOMS),)))
    ids = [event(r, DefectMoved)["defect"] for r in (first, second)]
    ledger.must(GEAR, ContestDefect(ids[0], "misuse"))
    ledger.later(31 * DAY)
    states = {ledger.state.get(DEFECT_TABLE, id).state for id in ids}  # type: ignore[union-attr]
    assert states == {DefectState.CONTESTED}
    ledger.later(731 * DAY)
    late = ledger.do(LOOMS, NotifyDefect(sent.id, 5, "cracks", (document(LOOMS),)))
    assert late.code == "DEADLINE_PASSED"


# Chains


def chained(ledger: Ledger) -> tuple[bytes, bytes, bytes]:
    """A chain of two contracts: Gear to Looms, and Looms to Motors, with shared steps."""
    until = ledger.time + 5 * DAY
    dates = (until + 30 * DAY, until + 60 * DAY, until + 90 * DAY)
    steps = tuple(PlannedStep(f"step {n}", due) for n, due in enumerate(dates, 1))
    chain = event(ledger.must(LOOMS, OpenChain("Tractor line", steps)), ChainOpened)["chain"]
    ids = []
    for who, to, first in ((GEAR, LOOMS, 1), (LOOMS, MOTORS, 2)):
        terms = terms_at(
            until,
            components=((100, 30 * first),),
            goods=((20, 30 * first + 30),),
            chain=chain,
            make_days=5,
        )
        terms = structs.replace(
            terms,
            components=flow(until, price=Ratio(1_000), plan=((100, 30 * first),), steps=(first,)),
            goods=flow(
                until, price=Ratio(5_000), plan=((20, 30 * first + 30),), steps=(first + 1,)
            ),
            maker_cover=90_000,
        )
        receipt = ledger.must(who, Offer(lei(to), terms, until))
        made = event(receipt, OfferMade)
        ledger.must(to, Accept(made["contract"], made["terms_hash"]))
        for name in (who, to):
            home = {GEAR: "RU", LOOMS: "BY", MOTORS: "KZ"}[name]
            ledger.must(f"guarantor{home}", Secure(made["contract"], lei(name)))
            ledger.must(f"customs{home}", AttestRelief(made["contract"], home, True, "x"))
        ids.append(made["contract"])
    ledger.later(6 * DAY)
    return chain, ids[0], ids[1]


def test_a_shared_step_moves_for_every_contract_when_all_agree(ledger: Ledger) -> None:
    chain, first, second = chained(ledger)
    found, links = chain_view(ledger.state, chain)
    assert [link.contract for link in links] == [first, second]
    before = contract(ledger, second).due
    to = found.steps[1].due + 10 * DAY
    assert ledger.do("registrar", ProposeShift(chain, 2, to, "x")).code == "NOT_ENTITLED"
    bad = ledger.do(GEAR, ProposeShift(chain, 2, found.steps[2].due, "x"))
    assert bad.code == "INVALID_TERMS"
    shift = event(ledger.must(GEAR, ProposeShift(chain, 2, to, "strike")), ShiftMoved)["shift"]
    ledger.must(LOOMS, AnswerShift(shift, True))
    assert contract(ledger, second).due == before
    ledger.must(MOTORS, AnswerShift(shift, True))
    assert contract(ledger, second).due == before + 10 * DAY
    assert ledger.state.get(CHAIN, chain).steps[1].due == to  # type: ignore[union-attr]


def test_one_refusal_or_silence_leaves_the_schedule(ledger: Ledger) -> None:
    chain, _, second = chained(ledger)
    before = contract(ledger, second).due
    to = before + DAY
    shift = event(ledger.must(GEAR, ProposeShift(chain, 2, to, "strike")), ShiftMoved)["shift"]
    ledger.must(MOTORS, AnswerShift(shift, False))
    shift = event(ledger.must(GEAR, ProposeShift(chain, 2, to, "strike")), ShiftMoved)["shift"]
    ledger.later(16 * DAY)
    assert ledger.do(MOTORS, AnswerShift(shift, True)).code == "WRONG_STATE"
    assert contract(ledger, second).due == before


def test_a_link_waits_for_the_late_link_before_it(ledger: Ledger) -> None:
    _, first, second = chained(ledger)
    ledger.later(32 * DAY)
    assert contract(ledger, first).state is ContractState.OVERDUE
    for _ in range(4):
        ledger.later(10 * DAY)
    assert contract(ledger, second).state is ContractState.ACTIVE
    for _ in range(6):
        ledger.later(60 * DAY)
    assert contract(ledger, first).state is ContractState.TERMINATED
    assert contract(ledger, second).state is not ContractState.ACTIVE


def test_strangers_and_other_dates_do_not_join_a_chain(ledger: Ledger) -> None:
    chain, _, _ = chained(ledger)
    terms = terms_at(ledger.time + 5 * DAY, chain=chain)
    ledger.must(GEAR, Offer(lei(MOTORS), terms, ledger.time + 5 * DAY))
    stepped = structs.replace(
        terms,
        components=flow(ledger.time, price=Ratio(1_000), plan=((200, 30),), steps=(3,)),
    )
    refused = ledger.do(GEAR, Offer(lei(MOTORS), stepped, ledger.time + 5 * DAY))
    assert refused.code == "INVALID_TERMS"


# Disputes


def test_a_dispute_freezes_claims_and_an_award_ends_them(ledger: Ledger) -> None:
    from contracts.dispute.records import Dispute, DisputeState, Ruling, Subject

    made = active(ledger)
    credited(ledger, made.id, 100)
    state = next(iter(DisputeState))
    dispute = Dispute(
        bytes(32), lei(GEAR), lei(LOOMS), Subject("barter", made.id), 40_000, "x", 1, state, 1
    )

    def apply(step: object) -> None:
        overlay = ledger.overlay()
        ctx = Context(overlay, bytes(32), ledger.height, ledger.time, 0, bytes([7] * 32))
        step(ctx)  # type: ignore[operator]
        ctx.finish_operation()
        ledger.base.apply(overlay.changes())

    apply(lambda ctx: freeze(ctx, dispute))
    moved = ledger.do(GEAR, Assign(made.id, lei(MOTORS), 5), signers=(GEAR, MOTORS))
    assert moved.code == "FROZEN_BY_DISPUTE"
    topped = ledger.do(LOOMS, TopUp(made.id, lei(GEAR), 5, 5), signers=(GEAR, LOOMS))
    assert topped.code == "FROZEN_BY_DISPUTE"
    apply(lambda ctx: resolve(ctx, dispute, Ruling(lei(LOOMS), 30_000, 40_000)))
    assert free(ledger, made.id, GEAR) == 60_000
    assert contract(ledger, made.id).totals.awarded == 40_000
    apply(lambda ctx: freeze(ctx, dispute))
    apply(lambda ctx: thaw(ctx, dispute))
    assert contract(ledger, made.id).disputes == 0
    assert violations(ledger.state) == []


# Views


def test_the_timeline_shows_plan_lots_and_claims(ledger: Ledger) -> None:
    made = active(ledger)
    credited(ledger, made.id, 100)
    ledger.must(GEAR, CallOff(made.id, 0, 5, ledger.time + 11 * DAY))
    seen = timeline(ledger.state, made.id, ledger.time + 70 * DAY)
    reached = [(p.side.value, p.quantity, p.reached, p.late) for p in seen.plan]
    assert reached == [
        ("components", 100, 100, False),
        ("components", 100, 0, True),
        ("goods", 20, 5, False),
        ("goods", 20, 0, False),
    ]
    assert [found.state for found in seen.lots if found.side.value == "goods"] == [L.CALLED_OFF]
    claims = list(open_claims(ledger.state, lei(LOOMS)))
    assert [(c.holder, c.open, c.committed) for c in claims] == [(lei(GEAR), 100_000, 25_000)]
    assert list(open_claims(ledger.state, lei(MOTORS))) == []
    assert key(GEAR).public
