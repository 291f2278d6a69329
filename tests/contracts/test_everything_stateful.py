"""All capabilities against each other and against time: every invariant after every step."""

from __future__ import annotations

import os
from random import Random
from typing import Any

import arbitrary
import pytest
from arbitrary import TABLES, Maker, about, open_items, trial
from cast import EVIDENCE
from everything import APPLICANTS, DAY, GEAR, LOOMS, MEMBERS, MOTORS, NAMES, OPTICS, everything
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from ledger_in_memory import CHAIN, Ledger, lei

from cli.solver.plain import solve
from cli.solver.problem import problem_of, proposal_of, transactions_of
from contracts.barter.default import GiveNotice
from contracts.barter.goods import CallOff
from contracts.barter.inspection import AcceptLot, Arrive, Inspect, RejectLot
from contracts.barter.lot_records import LOT, LOT_TABLE
from contracts.barter.lots import Deliver, Ship
from contracts.barter.records import CONTRACT_TABLE
from contracts.barter.terms import Ratio
from contracts.barter.trading import Assign, TopUp
from contracts.errors import DEFECT
from contracts.executor import BlockInput, Candidate, execute_block
from contracts.framework.ballot import BALLOT_TABLE, BallotState, Choice
from contracts.framework.machine import machines
from contracts.framework.operation import Operation, declarations
from contracts.framework.schedule import DEADLINE
from contracts.guarantee.claims import PayDemand, PresentDemand
from contracts.guarantee.records import GUARANTEE_TABLE, GuaranteeState
from contracts.history import History, illegal_moves, untimely
from contracts.invariants import broken
from contracts.market.operations import Post
from contracts.market.records import GoodsKind, Side
from contracts.netting.operations import OpenCycle
from contracts.netting.records import CURRENT, CYCLE_TABLE, CycleState
from contracts.netting.views import snapshot_of
from contracts.register.conduct_records import PROGRAMME_TABLE
from contracts.register.findings import OpenFinding
from contracts.register.operations import (
    Accede,
    CastVote,
    CheckApplication,
    Leave,
    OrderReinstatement,
    OrderSuspension,
    ProposeExclusion,
)
from contracts.register.programme import FilePlan, ReportProgramme
from ledger.state import State

CI = os.environ.get("HYPOTHESIS_PROFILE") == "ci"
SHARDS = 4
EXAMPLES, STEPS = (50, 100) if CI else (2, 40)
"""Per shard: 200 histories of 100 steps where changes are judged, a taste for developers."""
TRIES = 8
PAYING = {"standing order", "queued payment"}
MARKET = {"market entry", "match", "reservation"}
STARTING = (
    "currency.Transfer", "currency.Exchange", "currency.OpenEscrow", "currency.RequestPayment",
    "currency.QueuePayment", "currency.OfferLine", "currency.GivePaymentMandate",
    "currency.OrderPayments", "currency.RequestIssue", "currency.RequestRedemption",
    "currency.Deliver", "guarantee.DraftGuarantee", "guarantee.PostCollateral",
    "dispute.OpenDispute", "market.Post", "fund.ApplyForSupport", "fund.Pledge",
    "netting.GiveMandate", "register.AddKey", "register.FilePlan", "annex.Seal",
    "register.RotateKey", "register.ProposeOffice", "governance.ProposePause",
    "governance.ProposeParameters", "register.AnnounceWithdrawal", "register.ProposeSuccession",
)  # fmt: skip
seeds = st.integers(0, 2**32 - 1)
members = st.sampled_from(list(MEMBERS))


class Everything(RuleBasedStateMachine):
    """Whole transactions through the executor, mostly by whoever may, sometimes by anybody."""

    ledger: Ledger

    @initialize()
    def start(self) -> None:
        self.ledger = everything()
        # Decoded once and kept up to date: every invariant reads all of it after every step.
        self.books = State(self.ledger.base, cached_records=1 << 20)
        for table in TABLES.values():
            for key, _ in self.ledger.state.scan(table):
                self.books.record(table, key)
        self.history = History(self.books)

    # What is checked of every block

    def commit(self, *candidates: Candidate, after: int = 1_000) -> Any:
        """A block; refusals change nothing, deadlines never fail, objects move lawfully."""
        ledger = self.ledger
        before = State(arbitrary_copy(ledger))
        block = BlockInput(CHAIN, ledger.height + 1, ledger.time + after)
        execution = ledger.block(*candidates, after=after)
        fired = len(execution.receipts) - len(execution.included)
        changes = execution.overlay.changes()
        self.books.absorb(execution.overlay)
        found = [
            *untimely(before, execution, block),
            *illegal_moves(before, changes),
            *self.history.block(block.height, execution.receipts),
        ]
        assert found == [], found
        assert execution.defects == [], execution.defects
        refused = not any(r.applied for r in execution.receipts[fired:])
        if candidates and refused:
            alone = execute_block(before, block, (), lambda _: False).overlay.changes()
            assert changes == alone, candidates[0].operations
        for receipt in execution.receipts:
            assert receipt.code != DEFECT.name
        return execution

    @invariant()
    def everything_an_auditor_checks_holds(self) -> None:
        if hasattr(self, "ledger"):
            found = [str(finding) for finding in broken(self.books)]
            assert found == [], found

    # Doing things

    def act(self, name: str, op: Operation) -> bool:
        maker = self.maker(0)
        execution = self.commit(maker.candidate(lei(name), op))
        return bool(execution.included) and execution.receipts[-1].applied

    def maker(self, seed: int) -> Maker:
        # Salted: numbers are often drawn twice, and the same step again would change nothing.
        return Maker(self.ledger, Random(f"{seed}/{self.ledger.salt}"), NAMES)

    def attempt(self, maker: Maker, kinds: list[type[Operation]], focus: Any) -> None:
        """Commit the first of some tries that would be applied; else the last one, refused."""
        candidate = None
        for _ in range(TRIES):
            op = maker.operation(maker.rng.choice(kinds), focus)
            for author in maker.authors(op.declaration, focus)[:6]:
                candidate = maker.candidate(author, op)
                execution = trial(self.ledger, candidate)
                assert execution.defects == [], (op, execution.defects)
                if execution.included and execution.receipts[-1].applied:
                    self.commit(candidate)
                    return
        if candidate is not None:
            self.commit(candidate)

    @rule(seed=seeds)
    def anybody_does_anything(self, seed: int) -> None:
        kinds = [d.kind for d in declarations().values()]
        for _ in range(3):
            maker = self.maker(seed)
            self.attempt(maker, [maker.rng.choice(kinds)], None)

    @rule(seed=seeds)
    def members_trade(self, seed: int) -> None:
        """As before, by the operations that start something between members."""
        kinds = [declarations()[name].kind for name in STARTING]
        for _ in range(2):
            maker = self.maker(seed)
            self.attempt(maker, [maker.rng.choice(kinds)], None)

    @rule(seed=seeds)
    def somebody_goes_on(self, seed: int) -> None:
        """Something open is picked, and something that can be done about it."""
        for _ in range(3):
            maker = self.maker(seed)
            found = [item for item in open_items(self.ledger.state) if about(item[0])]
            by_machine = sorted({name for name, _ in found})
            if by_machine:
                wanted = maker.rng.choice(by_machine)
                focus = maker.rng.choice([record for name, record in found if name == wanted])
                self.attempt(maker, [d.kind for d in about(wanted)], focus)

    @rule(seed=seeds)
    def one_thing_is_pursued(self, seed: int) -> None:
        """The same object is taken as far as it goes, step after step."""
        maker = self.maker(seed)
        found = [item for item in open_items(self.ledger.state) if about(item[0])]
        if not found:
            return
        name = maker.rng.choice(sorted({name for name, _ in found}))
        focus = maker.rng.choice([record for machine, record in found if machine == name])
        table = machines()[name].table
        for _ in range(5):
            key = table.key(*machines()[name].key(focus))
            now = self.ledger.state.record(table, key)
            if now is not None:
                self.attempt(self.maker(seed), [d.kind for d in about(name)], now)

    @rule(seed=seeds)
    def somebody_meddles(self, seed: int) -> None:
        """An operation on somebody's object by anybody at all."""
        maker = self.maker(seed)
        found = [item for item in open_items(self.ledger.state) if about(item[0])]
        if not found:
            return
        name, focus = maker.rng.choice(found)
        op = maker.operation(maker.rng.choice(about(name)).kind, focus)
        self.commit(maker.candidate(lei(maker.rng.choice(NAMES)), op))

    @rule(yes=st.sampled_from((True, True, True, False)))
    def ballots_are_decided(self, yes: bool) -> None:
        for _, ballot in self.ledger.state.scan(BALLOT_TABLE):
            for voter in ballot.voters if ballot.state is BallotState.OPEN else ():
                choice = Choice.YES if yes else Choice.NO
                name = self.maker(0).by_lei.get(voter)
                if name is not None:
                    self.act(name, CastVote(ballot.id, choice, "" if yes else "no"))

    @rule(name=members)
    def exclusion(self, name: str) -> None:
        self.act("tribunal", OrderSuspension(lei(name), "red", EVIDENCE))
        self.act("registrar", ProposeExclusion(lei(name), "red for two quarters"))
        self.ballots_are_decided(True)

    @rule(name=members, leave=st.integers(0, 5))
    def standing(self, name: str, leave: int) -> None:
        if leave == 0:
            self.act(name, Leave("tired"))
        elif leave == 1:
            self.act("tribunal", OrderSuspension(lei(name), "x", EVIDENCE))
        else:
            self.act("tribunal", OrderReinstatement(lei(name), "x", EVIDENCE))

    @rule(name=st.sampled_from(APPLICANTS), seed=seeds)
    def somebody_joins(self, name: str, seed: int) -> None:
        from cast import application

        self.act(name, application(name, now=self.ledger.time))
        op = CheckApplication(lei(name), True)
        self.act("registrar", op)
        self.ballots_are_decided(True)
        self.act(name, Accede(EVIDENCE, lei(GEAR) if seed % 2 else None))

    @rule(share=st.integers(1, 4), pay=st.booleans(), pick=st.integers(0, 9))
    def a_guarantee_is_called(self, share: int, pay: bool, pick: int) -> None:
        found = [
            g
            for _, g in self.ledger.state.scan(GUARANTEE_TABLE)
            if g.state is GuaranteeState.ISSUED
        ]
        if found:
            one, names = found[pick % len(found)], self.maker(0).by_lei
            amount = max(1, one.remaining // share)
            if self.act(names[one.beneficiary], PresentDemand(one.id, amount, "breach")) and pay:
                self.act(names[one.guarantor], PayDemand(one.id))

    @rule(liquidity=st.booleans(), freeze=st.booleans())
    def a_cycle_opens(self, liquidity: bool, freeze: bool) -> None:
        at = self.ledger.time + 3_600_000
        if self.act("Clearing House", OpenCycle(at, liquidity)) and freeze:
            self.commit(after=3_700_000)
            for _ in range(6):
                self.commit(after=1)

    @rule(name=st.sampled_from((GEAR, LOOMS, MOTORS, OPTICS)), pick=st.integers(0, 3))
    def everything_at_once(self, name: str, pick: int) -> None:
        """An exclusion while a guarantee is called and debts are frozen for clearing."""
        self.a_cycle_opens(True, True)
        self.a_guarantee_is_called(1, False, pick)
        self.exclusion(name)

    @rule(seed=seeds, who=st.sampled_from(("supplier", "maker")))
    def barter_goes_on(self, seed: int, who: str) -> None:
        """Whoever has a part in a contract performs: ships, delivers, calls off, gives notice."""
        found = [c for _, c in self.ledger.state.scan(CONTRACT_TABLE) if c.totals is not None]
        maker = self.maker(seed)
        contract = maker.rng.choice(found)
        kinds: list[type[Operation]] = [Ship] if who == "supplier" else [Deliver]
        self.attempt(maker, [*kinds, CallOff, Assign, TopUp, GiveNotice], contract)
        lots = [lot for _, lot in self.ledger.state.scan(LOT_TABLE) if not LOT.is_end(lot.state)]
        for lot in lots[:3]:
            self.attempt(self.maker(seed), [Arrive, AcceptLot, RejectLot, Inspect], lot)

    @rule(seed=seeds)
    def the_market_trades(self, seed: int) -> None:
        """A supply, a demand that fits it, and perhaps what both do with the match."""
        rng, now = Random(seed), self.ledger.time
        for side, name in ((Side.SUPPLY, MOTORS), (Side.DEMAND, OPTICS)):
            dates = {"starts": now, "ends": now + 60 * DAY, "until": now + 30 * DAY}
            low, high = (Ratio(5), Ratio(20)) if side is Side.SUPPLY else (Ratio(1), Ratio(9))
            post = Post(
                side=side,
                kind=GoodsKind.COMPONENT,
                title="bearings",
                hs="848210",
                unit="H87",
                quantity=rng.randint(1, 90),
                country="KZ",
                lowest=low,
                highest=high,
                **dates,
            )
            self.act(name, post)
        for _ in range(3):
            maker = self.maker(seed)
            found = [i for i in open_items(self.ledger.state) if i[0] in MARKET]
            if found:
                name, focus = maker.rng.choice(found)
                kinds = [d.kind for d in about(name)]
                self.attempt(maker, kinds, focus)

    @rule(best=st.booleans())
    def a_cycle_is_cleared(self, best: bool) -> None:
        """The clearing house posts the best clearing, or that nothing is cleared."""
        current = self.ledger.state.get(CURRENT)
        cycle = None if current is None else self.ledger.state.get(CYCLE_TABLE, current.cycle)
        if cycle is None or cycle.state is not CycleState.FROZEN or not best:
            return
        snapshot = snapshot_of(self.ledger.state, cycle)
        clearing = solve(problem_of(snapshot))
        for operations in transactions_of(proposal_of(snapshot, clearing)):
            for op in operations:
                self.act("Clearing House", op)
        for _ in range(8):
            self.commit(after=1)

    @rule(seed=seeds)
    def programmes_are_filed(self, seed: int) -> None:
        maker = self.maker(seed)
        kinds: list[type[Operation]] = [FilePlan, ReportProgramme, OpenFinding]
        records = [r for _, r in self.ledger.state.scan(PROGRAMME_TABLE)]
        self.attempt(maker, kinds, maker.rng.choice(records) if records else None)

    # Time

    @rule(days=st.sampled_from((0, 0, 1, 3, 7, 16, 40)))
    def time_passes(self, days: int) -> None:
        self.commit(after=days * DAY + 1)
        self.commit(after=1)

    @rule()
    def the_next_time_limit_passes(self) -> None:
        for _, entry in self.ledger.state.scan(DEADLINE):
            self.commit(after=max(1, entry.due - self.ledger.time + 1))
            return

    def teardown(self) -> None:
        """Time alone brings everything to an end or to a lawful rest, and the books agree."""
        if not hasattr(self, "ledger"):
            return
        for _ in range(30):
            self.commit(after=100 * DAY)
        self.everything_an_auditor_checks_holds()
        state = self.ledger.state
        assert [str(f) for f in (*broken(state), *self.history.against(state))] == []
        for machine in machines().values():
            for _, record in state.scan(machine.table):
                stored: Any = record
                ended = machine.is_end(stored.state) or stored.state in machine.rests
                # An order pays once a block, however much time a block lets pass: it goes on.
                ended = ended or (machine.name in PAYING and stored.due > 0)
                assert ended, (machine.name, stored)


def arbitrary_copy(ledger: Ledger) -> Any:
    """The map of a ledger as it is now."""
    from ledger.state import MemoryMap

    return MemoryMap(dict(ledger.base.scan(b"")))


@pytest.mark.parametrize("shard", range(SHARDS))
def test_everything_at_once(shard: int) -> None:
    run_state_machine_as_test(
        type(f"Shard{shard}", (Everything,), {}),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            # A failing run is replayed by its blob; shrinking whole histories takes minutes.
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_operations_made_here_reach_every_capability() -> None:
    names = {name.partition(".")[0] for name in declarations()}
    assert {d.name.partition(".")[0] for m in machines() for d in arbitrary.about(m)} <= names
