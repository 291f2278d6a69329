"""Barter under arbitrary use and time jumps: books hold at every step, deadlines never fail."""

from __future__ import annotations

from typing import Any

from bartering import (
    DAY,
    GEAR,
    INSPECTOR,
    LOOMS,
    MOTORS,
    document,
    secured,
    terms_at,
    violations,
    world,
)
from cast import EVIDENCE
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from ledger_in_memory import CHAIN, STATES, Ledger, lei

from contracts.barter.customs import DeclareLot
from contracts.barter.default import GiveNotice
from contracts.barter.defects import AdmitDefect, ContestDefect, NotifyDefect
from contracts.barter.ending import (
    DeclareForceMajeure,
    EndForceMajeure,
    OrderTermination,
    Terminate,
    standing_changed,
)
from contracts.barter.goods import CallOff, CancelCallOff, Fulfil
from contracts.barter.inspection import (
    AcceptLot,
    Arrive,
    CureLot,
    Inspect,
    RejectLot,
    RequestInspection,
    TakeBack,
)
from contracts.barter.invariants import hash_mismatches
from contracts.barter.lot_records import DEFECT, DEFECT_TABLE, LOT, LOT_TABLE
from contracts.barter.lots import Deliver, Ship
from contracts.barter.records import CLAIM, CONTRACT, CONTRACT_TABLE
from contracts.barter.terms import OnExclusion, Ratio, Risk, Side
from contracts.barter.trading import Assign, TopUp, Waive
from contracts.barter.views import timeline
from contracts.framework.context import Context
from contracts.framework.machine import ITEM
from contracts.framework.operation import Operation
from contracts.framework.party import PARTY
from contracts.guarantee.claims import (
    AcceptDemand,
    PayDemand,
    PresentDemand,
    RecoverInCash,
    RejectDemand,
    WithdrawDemand,
)
from contracts.guarantee.records import (
    GUARANTEE_TABLE,
    SUBROGATION,
    Discrepancy,
    DiscrepancyKind,
)
from contracts.register.operations import Leave, OrderReinstatement, OrderSuspension

TRADERS = (GEAR, LOOMS, MOTORS)
EVERYBODY = (*TRADERS, "guarantorRU", "guarantorBY")
NAMES = {lei(name): name for name in (*EVERYBODY, INSPECTOR)}
NAMES.update({lei(f"guarantor{s}"): f"guarantor{s}" for s in STATES})
REFUSALS = {
    "ALREADY_DECIDED", "BAD_DOCUMENT", "CONFLICT_OF_INTEREST", "DEADLINE_PASSED",
    "FROZEN_BY_DISPUTE",
    "INSUFFICIENT_FUNDS", "INVALID_TERMS", "NOT_AUTHORISED", "NOT_ENTITLED", "NOT_FOUND",
    "NOTHING_TO_RECOVER", "OVER_CREDIT_LINE", "OVER_GUARANTEE", "OVER_LOT", "OVER_OPEN_CLAIM",
    "OVER_SCHEDULE", "PRECLUDED", "STANDING_FORBIDS", "TOO_EARLY", "UNKNOWN_PARTY",
    "VALUE_ROUNDS_TO_ZERO", "WRONG_STATE", "GUARANTEE_TOO_LONG", "NOT_PRESENTED",
}  # fmt: skip
traders = st.sampled_from(TRADERS)
holders = st.sampled_from(EVERYBODY)
picks = st.integers(0, 10**6)
quantities = st.one_of(st.integers(1, 60), st.integers(1, 10**6))
amounts = st.one_of(st.integers(1, 60_000), st.integers(1, 2**62))
sides = st.sampled_from(Side)


class Bartering(RuleBasedStateMachine):
    """Two contracts with odd prices; anybody does anything, at any time."""

    ledger: Ledger

    @initialize(
        risk=st.sampled_from(Risk),
        leaving=st.sampled_from(OnExclusion),
        numerator=st.integers(300, 5_000),
        denominator=st.integers(1, 7),
    )
    def start(self, risk: Risk, leaving: OnExclusion, numerator: int, denominator: int) -> None:
        self.ledger = world()
        self.contracts = []
        for maker_price in (Ratio(numerator * 3, denominator), Ratio(numerator, 1)):
            terms = terms_at(
                self.ledger.time + 5 * DAY,
                component_price=Ratio(numerator * 4, denominator),
                goods_price=maker_price,
                components=((60, 20), (60, 50)),
                goods=((15, 60), (15, 90)),
                maker_cover=numerator * 4 * 40 // denominator,
                supplier_cover=1_000,
                risk=risk,
                on_exclusion=leaving,
                make_days=5,
                lead_days=3,
            )
            if maker_price.numerator * 30 // maker_price.denominator > (
                terms.components.items[0].price.numerator * 120 // denominator
            ):
                continue
            self.contracts.append(secured(self.ledger, terms).id)
        self.later(6)

    # Acting

    def act(self, author: str, op: Operation, *others: str) -> str:
        ledger = self.ledger
        before = dict(ledger.base._content)
        candidate = ledger.candidate(author, op, signers=tuple({author, *others}))
        execution = ledger.block(candidate)
        self.check_deadlines(execution)
        if execution.dropped:
            return "dropped"
        code = execution.receipts[-1].code
        assert code in REFUSALS or not code, (op, execution.receipts[-1])
        if code and len(execution.receipts) == 1:
            assert before == ledger.base._content
        return code

    def check_deadlines(self, execution: Any) -> None:
        fired = len(execution.receipts) - len(execution.included)
        assert all(r.applied for r in execution.receipts[:fired]), execution.receipts[:fired]

    def later(self, days: int) -> None:
        self.check_deadlines(self.ledger.later(days * DAY))
        self.check_deadlines(self.ledger.later(1))

    def contract(self, pick: int) -> bytes:
        return self.contracts[pick % len(self.contracts)]

    def lot(self, pick: int) -> Any:
        lots = [r for _, r in self.ledger.state.scan(LOT_TABLE) if not LOT.is_end(r.state)]
        return lots[pick % len(lots)] if lots else None

    # Rules

    def claim(self, pick: int) -> Any:
        claims = [c for _, c in self.ledger.state.scan(CLAIM) if c.open]
        return claims[pick % len(claims)] if claims else None

    def arrive_and_decide(self, pick: int, whole: bool) -> None:
        lot = self.lot(pick)
        if lot is None or lot.state.value in {"called off", "late", "cure"}:
            return
        receiver = NAMES[lot.receiver]
        if not lot.arrived_at:
            self.act(receiver, Arrive(lot.id))
        part = lot.remaining if whole else max(1, lot.remaining // 2)
        self.act(receiver, AcceptLot(lot.id, part, "" if whole else "rest is bent"))

    # What people mean to do

    @rule(pick=picks, quantity=st.integers(5, 60), whole=st.booleans())
    def components_come(self, pick: int, quantity: int, whole: bool) -> None:
        self.act(GEAR, Ship(self.contract(pick), 0, quantity, (document(GEAR),)))
        self.arrive_and_decide(pick, whole)

    @rule(pick=picks, quantity=st.integers(1, 6), whole=st.booleans())
    def goods_come(self, pick: int, quantity: int, whole: bool) -> None:
        claim = self.claim(pick)
        if claim is not None:
            op = Deliver(claim.contract, 0, quantity, claim.holder, (document(LOOMS),))
            self.act(LOOMS, op)
            self.arrive_and_decide(pick, whole)

    @rule(pick=picks, quantity=st.integers(1, 4), days=st.integers(4, 30))
    def goods_are_called(self, pick: int, quantity: int, days: int) -> None:
        claim = self.claim(pick)
        if claim is not None:
            due = self.ledger.time + days * DAY
            self.act(NAMES[claim.holder], CallOff(claim.contract, 0, quantity, due))

    @rule(pick=picks, share=st.integers(1, 100), to=holders)
    def claim_moves(self, pick: int, share: int, to: str) -> None:
        claim = self.claim(pick)
        if claim is not None:
            amount = max(1, claim.free * share // 100)
            self.act(NAMES[claim.holder], Assign(claim.contract, lei(to), amount), to)

    @rule(pick=picks, share=st.integers(1, 100))
    def claim_is_settled(self, pick: int, share: int) -> None:
        claim = self.claim(pick)
        if claim is not None:
            amount = max(1, claim.free * share // 100)
            op = TopUp(claim.contract, claim.holder, amount, amount)
            self.act(LOOMS, op, NAMES[claim.holder])

    @rule(pick=picks)
    def somebody_is_late(self, pick: int) -> None:
        """Time passes until the next date; the injured party gives notice, and that passes too."""
        found = [r for _, r in self.ledger.state.scan(CONTRACT_TABLE) if r.due]
        if not found:
            return
        one = found[pick % len(found)]
        self.later(max(1, min(60, (one.due - self.ledger.time) // DAY + 1)))
        for name in (GEAR, LOOMS):
            self.act(name, GiveNotice(one.id, "late"))

    @rule(pick=picks, share=st.integers(1, 100), pay=st.booleans())
    def guarantee_is_called(self, pick: int, share: int, pay: bool) -> None:
        found = [g for _, g in self.ledger.state.scan(GUARANTEE_TABLE) if g.remaining]
        if not found:
            return
        one = found[pick % len(found)]
        amount = max(1, one.remaining * share // 100)
        self.act(NAMES[one.beneficiary], PresentDemand(one.id, amount, "breach"))
        if pay:
            self.act(NAMES[one.guarantor], PayDemand(one.id))

    # What people try

    @rule(pick=picks, quantity=quantities, who=traders)
    def ship(self, pick: int, quantity: int, who: str) -> None:
        author = GEAR if quantity < 60 else who
        self.act(author, Ship(self.contract(pick), 0, quantity, (document(author),)))

    @rule(pick=picks, quantity=st.integers(1, 12), to=holders)
    def deliver(self, pick: int, quantity: int, to: str) -> None:
        op = Deliver(self.contract(pick), 0, quantity, lei(to), (document(LOOMS),))
        self.act(LOOMS, op)

    @rule(pick=picks, quantity=st.integers(1, 12), who=holders, days=st.integers(1, 60))
    def call_off(self, pick: int, quantity: int, who: str, days: int) -> None:
        due = self.ledger.time + days * DAY
        self.act(who, CallOff(self.contract(pick), 0, quantity, due))

    @rule(pick=picks, fulfil=st.booleans())
    def answer_call_off(self, pick: int, fulfil: bool) -> None:
        lot = self.lot(pick)
        if lot is None:
            return
        if fulfil:
            self.act(NAMES[lot.shipper], Fulfil(lot.id, (document(NAMES[lot.shipper]),)))
        else:
            self.act(NAMES[lot.receiver], CancelCallOff(lot.id))

    @rule(pick=picks)
    def arrive(self, pick: int) -> None:
        lot = self.lot(pick)
        if lot is not None:
            self.act(NAMES[lot.receiver], Arrive(lot.id))

    @rule(pick=picks, quantity=st.integers(1, 60), whole=st.booleans())
    def accept(self, pick: int, quantity: int, whole: bool) -> None:
        lot = self.lot(pick)
        if lot is not None:
            amount = lot.remaining if whole else quantity
            self.act(NAMES[lot.receiver], AcceptLot(lot.id, amount, "" if whole else "bent"))

    @rule(pick=picks, how=st.sampled_from(("reject", "cure", "take back")))
    def reject(self, pick: int, how: str) -> None:
        lot = self.lot(pick)
        if lot is None:
            return
        if how == "reject":
            self.act(NAMES[lot.receiver], RejectLot(lot.id, "bent"))
        elif how == "cure":
            self.act(NAMES[lot.shipper], CureLot(lot.id, (document(NAMES[lot.shipper]),)))
        else:
            self.act(NAMES[lot.shipper], TakeBack(lot.id))

    @rule(pick=picks, accepted=st.integers(0, 60), ask=st.booleans())
    def inspect(self, pick: int, accepted: int, ask: bool) -> None:
        lot = self.lot(pick)
        if lot is None:
            return
        if ask:
            self.act(NAMES[lot.shipper], RequestInspection(lot.id, lei(INSPECTOR)))
        else:
            self.act(INSPECTOR, Inspect(lot.id, accepted, (document(INSPECTOR),), "measured"))

    @rule(pick=picks, granted=st.booleans(), charge=st.integers(0, 50_000), old=st.booleans())
    def customs(self, pick: int, granted: bool, charge: int, old: bool) -> None:
        lots = [r for _, r in self.ledger.state.scan(LOT_TABLE)]
        lot = (lots[pick % len(lots)] if lots else None) if old else self.lot(pick)
        if lot is not None:
            home = self.ledger.state.get(PARTY, lot.receiver).profile.home  # type: ignore[union-attr]
            op = DeclareLot(lot.id, granted, "d", "n", 0 if granted else charge)
            self.act(f"customs{home}", op)

    @rule(pick=picks, who=holders, to=holders, amount=amounts)
    def assign(self, pick: int, who: str, to: str, amount: int) -> None:
        self.act(who, Assign(self.contract(pick), lei(to), amount), to)

    @rule(pick=picks, who=holders, amount=amounts, price=st.integers(0, 50_000))
    def top_up(self, pick: int, who: str, amount: int, price: int) -> None:
        self.act(LOOMS, TopUp(self.contract(pick), lei(who), amount, price), who)

    @rule(pick=picks, side=sides, quantity=quantities)
    def waive(self, pick: int, side: Side, quantity: int) -> None:
        self.act(GEAR, Waive(self.contract(pick), side, 0, quantity), LOOMS)

    @rule(pick=picks, who=traders)
    def notice(self, pick: int, who: str) -> None:
        self.act(who, GiveNotice(self.contract(pick), "late"))

    @rule(pick=picks, amount=amounts)
    def demand(self, pick: int, amount: int) -> None:
        found = [g for _, g in self.ledger.state.scan(GUARANTEE_TABLE)]
        one = found[pick % len(found)]
        amount = min(amount, one.remaining) or 1
        self.act(NAMES[one.beneficiary], PresentDemand(one.id, amount, "breach"))

    @rule(pick=picks, how=st.sampled_from(("pay", "cash", "accept", "reject", "withdraw")))
    def answer_demand(self, pick: int, how: str) -> None:
        found = [g for _, g in self.ledger.state.scan(GUARANTEE_TABLE)]
        one = found[pick % len(found)]
        guarantor = NAMES[one.guarantor]
        if how == "withdraw":
            self.act(NAMES[one.beneficiary], WithdrawDemand(one.id, "settled"))
        elif how == "reject":
            why = Discrepancy(DiscrepancyKind.STATEMENT, "names no breach")
            self.act(guarantor, RejectDemand(one.id, (why,)))
        elif how == "accept":
            self.act(guarantor, AcceptDemand(one.id))
        else:
            self.act(guarantor, PayDemand(one.id, recover_in_cash=how == "cash"))

    @rule(pick=picks, amount=amounts)
    def recover(self, pick: int, amount: int) -> None:
        found = [s for _, s in self.ledger.state.scan(SUBROGATION)]
        if found:
            one = found[pick % len(found)]
            self.act(NAMES[one.guarantor], RecoverInCash(one.payment, amount))

    @rule(pick=picks, how=st.integers(0, 20))
    def end(self, pick: int, how: int) -> None:
        if how == 0:
            self.act(GEAR, Terminate(self.contract(pick), "agreed"), LOOMS)
        elif how == 1:
            self.act("tribunal", OrderTermination(self.contract(pick), "ordered"))

    @rule(pick=picks, who=traders, begin=st.booleans())
    def force_majeure(self, pick: int, who: str, begin: bool) -> None:
        if begin:
            op = DeclareForceMajeure(self.contract(pick), "flood", (document(who),))
            self.act(who, op)
        else:
            self.act(who, EndForceMajeure(self.contract(pick)))

    @rule(pick=picks, quantity=st.integers(1, 20), how=st.sampled_from(("notify", "admit", "deny")))
    def defect(self, pick: int, quantity: int, how: str) -> None:
        if how == "notify":
            lots = [r for _, r in self.ledger.state.scan(LOT_TABLE) if r.accepted]
            if lots:
                lot = lots[pick % len(lots)]
                name = NAMES[lot.receiver]
                self.act(name, NotifyDefect(lot.id, quantity, "crack", (document(name),)))
            return
        defects = [r for _, r in self.ledger.state.scan(DEFECT_TABLE)]
        if defects:
            one = defects[pick % len(defects)]
            op = AdmitDefect(one.id) if how == "admit" else ContestDefect(one.id, "misuse")
            self.act(NAMES[one.shipper], op)

    @rule(who=st.sampled_from((GEAR, LOOMS)), how=st.integers(0, 12))
    def standing(self, who: str, how: int) -> None:
        """Suspension, reinstatement, leaving; the register calls barter's reaction."""
        if how == 0:
            self.act(who, Leave("tired"))
        elif how < 2:
            self.act("tribunal", OrderSuspension(lei(who), "x", EVIDENCE))
        else:
            self.act("tribunal", OrderReinstatement(lei(who), "x", EVIDENCE))
        overlay = self.ledger.overlay()
        ctx = Context(overlay, CHAIN, self.ledger.height, self.ledger.time, 0, bytes(32))
        standing_changed(ctx, lei(who))
        self.ledger.base.apply(overlay.changes())

    @rule(days=st.one_of(st.integers(0, 3), st.integers(0, 6), st.integers(7, 30)))
    def time_passes(self, days: int) -> None:
        self.later(days)

    @rule(months=st.integers(0, 9))
    def much_time_passes(self, months: int) -> None:
        if months > 6:
            self.later(months * 20)

    # What holds

    @invariant()
    def books_hold(self) -> None:
        if hasattr(self, "contracts"):
            assert violations(self.ledger.state) == []
            assert list(hash_mismatches(self.ledger.state, CHAIN)) == []
            for id in self.contracts:
                timeline(self.ledger.state, id, self.ledger.time)

    def teardown(self) -> None:
        """Time alone brings everything to an end, and to-do lists are empty then."""
        if not hasattr(self, "contracts"):
            return
        for _ in range(40):
            self.later(100)
            if self.all_ended():
                break
        assert self.all_ended()
        assert violations(self.ledger.state) == []
        machines = {CONTRACT.name, LOT.name, DEFECT.name}
        for name in EVERYBODY:
            left = [i for _, i in self.ledger.state.scan(ITEM, lei(name)) if i.machine in machines]
            assert left == []

    def all_ended(self) -> bool:
        state = self.ledger.state
        return (
            all(CONTRACT.is_end(r.state) for _, r in state.scan(CONTRACT_TABLE))
            and all(LOT.is_end(r.state) for _, r in state.scan(LOT_TABLE))
            and all(DEFECT.is_end(r.state) for _, r in state.scan(DEFECT_TABLE))
        )


Bartering.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=50,
    deadline=None,
    # A failing run is replayed by its seed; shrinking whole histories would take minutes.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestBartering = Bartering.TestCase
