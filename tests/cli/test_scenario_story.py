"""The reference scenario plays to its end on one ledger in memory, and what it tells comes true."""

from __future__ import annotations

from collections import Counter

import pytest

from cli import annexes
from cli.demo import scenario_file
from cli.output import Failure
from cli.scenario.file import Act, Step, load
from cli.scenario.play import Stage
from contracts.annex.records import GRANT
from contracts.barter.parameters import BarterParameters
from contracts.barter.records import CONTRACT_TABLE
from contracts.currency.queue_records import QUEUED_TABLE
from contracts.currency.records import REQUEST_TABLE
from contracts.dispute.records import DISPUTE_TABLE
from contracts.framework.parameters import parameters_of
from contracts.framework.party import PARTY
from contracts.fund.records import TRANCHE_TABLE
from contracts.invariants import broken
from contracts.market.records import RESERVATION_TABLE
from contracts.netting.records import CYCLE_TABLE
from contracts.register.leaving_records import SHARING_TABLE
from ledger.errors import CodedError
from tests.cli.rehearsal import OneProcess, rehearsal


@pytest.fixture(scope="module")
def played() -> tuple[Stage, OneProcess]:
    scenario = load(scenario_file())
    stage, venue = rehearsal(scenario)
    for act in scenario.acts:
        stage.play(act)
    return stage, venue


def test_every_invariant_holds_at_its_end(played: tuple[Stage, OneProcess]) -> None:
    assert [str(finding) for finding in broken(played[0].mirror.state)] == []


def test_two_barters_are_discharged_and_one_default_was_paid_for(
    played: tuple[Stage, OneProcess],
) -> None:
    state = played[0].mirror.state
    contracts = [contract for _, contract in state.scan(CONTRACT_TABLE)]
    assert Counter(c.state.value for c in contracts) == {"discharged": 2, "subrogated": 1}


def test_one_dispute_is_settled_and_one_awarded(played: tuple[Stage, OneProcess]) -> None:
    state = played[0].mirror.state
    ended = Counter(dispute.state.value for _, dispute in state.scan(DISPUTE_TABLE))
    assert ended == {"settled": 1, "executed": 1}


def test_a_cycle_clears_most_of_what_is_owed_in_circles(
    played: tuple[Stage, OneProcess],
) -> None:
    (cycle,) = [cycle for _, cycle in played[0].mirror.state.scan(CYCLE_TABLE)]
    assert cycle.state.value == "applied"
    assert 0 < cycle.cleared <= cycle.total


def test_waiting_payments_tranches_losses_and_votes_came_to_their_end(
    played: tuple[Stage, OneProcess],
) -> None:
    state = played[0].mirror.state
    assert [q.state.value for _, q in state.scan(QUEUED_TABLE)] == ["completed"]
    tranches = sorted(t.state.value for _, t in state.scan(TRANCHE_TABLE))
    assert tranches == ["held", "released"]
    (loss,) = [sharing for _, sharing in state.scan(SHARING_TABLE)]
    assert loss.guarantor_paid > 0 and loss.written_off == 0
    closed = [party for _, party in state.scan(PARTY) if party.state.value == "closed"]
    assert len(closed) == 2
    assert parameters_of(state, BarterParameters).inspection_days == 15


def test_the_guarantor_reads_the_annex_that_was_granted_to_it_and_nobody_else_does(
    played: tuple[Stage, OneProcess],
) -> None:
    stage, _ = played
    cabinet = stage.script.cabinet
    sealed = cabinet.annexes["rebates"]
    guarantor = cabinet.secret("guarantor-cn")
    lei = load(scenario_file()).states[1].guarantor.lei
    given = stage.mirror.state.get(GRANT, sealed.commitment, lei, guarantor.public)
    assert given is not None
    file = annexes.read_annex(sealed.data)
    opened = annexes.open_annex(file, annexes.unwrap(given.sealed, guarantor))
    assert b"3 percent" in opened.content
    with pytest.raises(CodedError) as error:
        annexes.unwrap(given.sealed, cabinet.secret("guarantor-ru"))
    assert error.value.code.name == "ANNEX_WRONG_KEY"


def test_a_match_on_the_market_became_a_paid_invoice(played: tuple[Stage, OneProcess]) -> None:
    state = played[0].mirror.state
    (reservation,) = [found for _, found in state.scan(RESERVATION_TABLE)]
    assert reservation.state.value == "contracted" and reservation.contract is not None
    invoice = state.get(REQUEST_TABLE, reservation.contract)
    assert invoice is not None and invoice.state.value == "paid"


def test_a_step_that_ends_otherwise_than_it_says_stops_the_play() -> None:
    scenario = load(scenario_file())
    stage, _ = rehearsal(scenario)
    wrong = Act("A stranger leaves", (Step("registrar", "register.Leave", expect="NOT_FOUND"),))
    with pytest.raises(Failure) as failure:
        stage.play(wrong)
    assert failure.value.code == "SCENARIO_DIVERGED"
