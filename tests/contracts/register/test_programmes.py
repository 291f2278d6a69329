"""Programmes, findings and appeals: what a member's production leads to."""

from __future__ import annotations

from fractions import Fraction

import pytest
from cast import EVIDENCE, URAL, VOLGA, violations, vote
from conduct import (
    DAY,
    INSPECTOR,
    PLAN,
    ahead,
    attested,
    cluster,
    document,
    excluded,
    plan,
    red_twice,
    report,
    standing,
    until,
)
from hypothesis import given
from hypothesis import strategies as st
from ledger_in_memory import Ledger, event, lei

from contracts.framework.ballot import BallotOpened
from contracts.framework.machine import ITEM
from contracts.framework.party import Standing
from contracts.register.appeals import AppealExclusion, RuleOnAppeal
from contracts.register.conduct_records import (
    FINDING_TABLE,
    PROGRAMME_TABLE,
    FindingState,
    Ground,
    Programme,
    ProgrammeState,
)
from contracts.register.deviation import (
    Deviation,
    Level,
    PlanLine,
    Quarter,
    deviation,
    level_of,
    quarter_at,
    quarter_of,
)
from contracts.register.events import AppealMoved, FindingMoved
from contracts.register.findings import (
    ConfirmRemedy,
    DropFinding,
    OpenFinding,
    OrderRemedy,
    RespondToFinding,
)
from contracts.register.operations import Leave
from contracts.register.programme import AttestProgramme, FilePlan, ReportProgramme
from ledger.errors import CodedError


def programme(ledger: Ledger, quarter: Quarter) -> Programme:
    found = ledger.state.get(PROGRAMME_TABLE, lei(URAL), quarter.index)
    assert found is not None
    return found


# The formula


@given(
    st.lists(
        st.tuples(st.integers(1, 10**4), st.integers(1, 10**12), st.integers(0, 10**12)),
        min_size=1,
        max_size=50,
    )
)
def test_the_deviation_is_the_weighted_mean_exactly(rows: list[tuple[int, int, int]]) -> None:
    lines = [PlanLine("x", "848340", "H87", planned, weight) for weight, planned, _ in rows]
    found = deviation(lines, [actual for *_, actual in rows])
    expected = Fraction(sum(w * abs(p - a) for w, p, a in rows), sum(w * p for w, p, _ in rows))
    assert Fraction(found.off, found.planned) == expected
    assert max(found) < 2**63
    red = level_of(found, 1_500, 3_000) is Level.RED
    assert red is (expected >= Fraction(30, 100))


def test_limits_belong_to_the_higher_level() -> None:
    at = [Deviation(off, 10_000) for off in (1_499, 1_500, 2_999, 3_000)]
    levels = [level_of(found, 1_500, 3_000) for found in at]
    assert levels == [Level.GREEN, Level.AMBER, Level.AMBER, Level.RED]


@given(st.integers(2000 * 4, 2199 * 4))
def test_quarters_follow_each_other_without_gaps(index: int) -> None:
    quarter = quarter_at(index)
    assert quarter.index == index
    assert quarter_of(quarter.starts) == quarter_of(quarter.ends) == quarter
    assert quarter.ends + 1 == quarter_at(index + 1).starts


# Plan, report, attestation


def test_a_quarter_is_planned_reported_and_attested() -> None:
    ledger = cluster()
    plan(ledger, ahead(1))
    report(ledger, ahead(1), 85, 50)
    found = programme(ledger, ahead(1))
    assert (found.state, found.off, found.planned) == (ProgrammeState.REPORTED, 45, 350)
    assert found.level is Level.GREEN
    ledger.must(INSPECTOR, AttestProgramme(lei(URAL), ahead(1), (40, 50), EVIDENCE))
    found = programme(ledger, ahead(1))
    assert (found.state, found.level) == (ProgrammeState.ATTESTED, Level.RED)
    assert violations(ledger.state) == []


def test_a_plan_is_agreed_with_the_home_state_and_filed_in_time_once() -> None:
    ledger = cluster()
    with pytest.raises(CodedError, match="MISSING_SIGNATURES"):
        ledger.do(URAL, FilePlan(ahead(1), PLAN))
    both = (URAL, "guarantorKZ")
    plan(ledger, ahead(1))
    assert ledger.do(URAL, FilePlan(ahead(1), PLAN), signers=both).code == "ALREADY_DECIDED"
    assert ledger.do(URAL, FilePlan(ahead(5), PLAN), signers=both).code == "TOO_EARLY"
    assert ledger.do(URAL, FilePlan(ahead(-1), PLAN), signers=both).code == "DEADLINE_PASSED"
    until(ledger, ahead(2).starts + 31 * DAY)
    assert ledger.do(URAL, FilePlan(ahead(2), PLAN), signers=both).code == "DEADLINE_PASSED"


def test_a_report_fits_its_plan_and_names_a_free_inspector() -> None:
    ledger = cluster()
    plan(ledger, ahead(1))
    early = ReportProgramme(ahead(1), (1, 2), lei(INSPECTOR), EVIDENCE)
    assert ledger.do(URAL, early).code == "TOO_EARLY"
    until(ledger, ahead(1).ends + DAY)
    short = ReportProgramme(ahead(1), (1,), lei(INSPECTOR), EVIDENCE)
    assert ledger.do(URAL, short).code == "INVALID_TERMS"
    friend = ReportProgramme(ahead(1), (1, 2), lei(VOLGA), EVIDENCE)
    assert ledger.do(URAL, friend).code == "NOT_AUTHORISED"
    none = ReportProgramme(ahead(2), (1, 2), lei(INSPECTOR), EVIDENCE)
    assert ledger.do(URAL, none).code == "NOT_FOUND"
    ledger.must(URAL, early)
    with pytest.raises(CodedError, match="NOT_AUTHORISED"):
        ledger.do(VOLGA, AttestProgramme(lei(URAL), ahead(1), (1, 2), EVIDENCE))


def test_a_missing_report_is_a_red_quarter_and_a_silent_inspector_no_harm() -> None:
    ledger = cluster()
    plan(ledger, ahead(0))
    plan(ledger, ahead(1))
    until(ledger, ahead(0).ends + 40 * DAY)
    missed = programme(ledger, ahead(0))
    assert (missed.state, missed.level) == (ProgrammeState.MISSED, Level.RED)
    assert missed.off == missed.planned
    report(ledger, ahead(1), 100, 50)
    ledger.later(40 * DAY)
    found = programme(ledger, ahead(1))
    assert (found.state, found.level) == (ProgrammeState.UNATTESTED, Level.GREEN)
    assert violations(ledger.state) == []


# Findings


def find(ledger: Ledger, quarter: Quarter, ground: Ground = Ground.RED) -> bytes:
    op = OpenFinding(lei(URAL), ground, quarter, "far off the programme")
    id: bytes = event(ledger.must("registrar", op), FindingMoved)["finding"]
    return id


def finding(ledger: Ledger, id: bytes) -> FindingState:
    found = ledger.state.get(FINDING_TABLE, id)
    assert found is not None
    return found.state


def test_a_finding_needs_consecutive_red_quarters() -> None:
    ledger = cluster()
    plan(ledger, ahead(0))
    attested(ledger, ahead(0), 40, 50)
    op = OpenFinding(lei(URAL), Ground.RED, ahead(0), "far off")
    assert ledger.do("registrar", op).code == "NOT_OFF_PROGRAMME"
    plan(ledger, ahead(1))
    early = OpenFinding(lei(URAL), Ground.RED, ahead(1), "far off")
    assert ledger.do("registrar", early).code == "TOO_EARLY"
    attested(ledger, ahead(1), 40, 50)
    find(ledger, ahead(1))
    assert ledger.do("registrar", early).code == "ALREADY_DECIDED"
    with pytest.raises(CodedError, match="NOT_AUTHORISED"):
        ledger.do("guarantorKZ", early)


def test_who_files_no_programme_can_be_found_against() -> None:
    ledger = cluster()
    until(ledger, ahead(2).ends + DAY)
    early = OpenFinding(lei(URAL), Ground.NO_PLAN, ahead(0), "no plan")
    assert ledger.do("registrar", early).code == "NOT_OFF_PROGRAMME"
    find(ledger, ahead(2), Ground.NO_PLAN)


def test_an_explained_finding_is_dropped_and_its_quarters_are_not_found_again() -> None:
    ledger = cluster()
    id = find(ledger, red_twice(ledger))
    other = ledger.do(VOLGA, RespondToFinding(id, "not mine"))
    assert other.code == "NOT_ENTITLED"
    ledger.must(URAL, RespondToFinding(id, "the plant burnt down"))
    ledger.must("registrar", DropFinding(id, "it did"))
    assert finding(ledger, id) is FindingState.DROPPED
    again = OpenFinding(lei(URAL), Ground.RED, ahead(1), "far off")
    assert ledger.do("registrar", again).code == "ALREADY_DECIDED"
    assert violations(ledger.state) == []


def test_a_remedied_finding_ends_on_an_inspectors_report() -> None:
    ledger = cluster()
    id = find(ledger, red_twice(ledger))
    ledger.must(URAL, RespondToFinding(id, "a second line will run"))
    ledger.must("registrar", OrderRemedy(id, "let it run"))
    assert ledger.do("registrar", ConfirmRemedy(id, document(1, URAL))).code == "NOT_AUTHORISED"
    ledger.must("registrar", ConfirmRemedy(id, document(1)))
    assert finding(ledger, id) is FindingState.REMEDIED
    assert violations(ledger.state) == []


def test_silence_on_a_finding_leads_to_a_vote_on_suspension_by_time_alone() -> None:
    ledger = cluster()
    id = find(ledger, red_twice(ledger))
    ledger.later(30 * DAY)
    assert finding(ledger, id) is FindingState.REMEDY
    execution = ledger.later(91 * DAY)
    assert finding(ledger, id) is FindingState.FAILED
    opened = next(r for r in execution.receipts if any(e[0] == "ballot.Opened" for e in r.events))
    vote(ledger, event(opened, BallotOpened)["ballot"], "BY", "CN", "RU")
    assert standing(ledger, URAL) is Standing.SUSPENDED
    assert violations(ledger.state) == []


def test_a_registrar_that_does_not_decide_lets_the_remedy_begin() -> None:
    ledger = cluster()
    id = find(ledger, red_twice(ledger))
    ledger.must(URAL, RespondToFinding(id, "a second line will run"))
    ledger.later(40 * DAY)
    assert finding(ledger, id) is FindingState.REMEDY


def test_who_leaves_has_no_programme_and_no_finding_any_more() -> None:
    ledger = cluster()
    id = find(ledger, red_twice(ledger))
    plan(ledger, ahead(3))
    ledger.must(URAL, Leave())
    assert finding(ledger, id) is FindingState.DROPPED
    assert programme(ledger, ahead(3)).state is ProgrammeState.DROPPED
    assert {item.machine for _, item in ledger.state.scan(ITEM, lei(URAL))} == {"membership"}
    ledger.later(31 * DAY)
    assert standing(ledger, URAL) is Standing.CLOSED
    assert violations(ledger.state) == []


# Appeals


def appeal(ledger: Ledger) -> bytes:
    made = ledger.must(URAL, AppealExclusion("the goods were delivered"))
    id: bytes = event(made, AppealMoved)["appeal"]
    return id


def test_an_appeal_stays_the_exclusion_until_the_tribunal_quashes_it() -> None:
    ledger = cluster()
    excluded(ledger)
    id = appeal(ledger)
    assert ledger.do(URAL, AppealExclusion("again")).code == "ALREADY_DECIDED"
    ledger.later(60 * DAY)
    assert standing(ledger, URAL) is Standing.EXCLUDED
    ledger.must("tribunal", RuleOnAppeal(id, True, "they were", EVIDENCE))
    assert standing(ledger, URAL) is Standing.SUSPENDED
    assert ledger.do("tribunal", RuleOnAppeal(id, False, "or not", EVIDENCE)).code == "WRONG_STATE"
    assert violations(ledger.state) == []


def test_a_confirmed_exclusion_and_one_without_a_ruling_begin_the_run_off() -> None:
    ledger = cluster()
    excluded(ledger)
    ledger.must("tribunal", RuleOnAppeal(appeal(ledger), False, "they were not", EVIDENCE))
    assert standing(ledger, URAL) is Standing.RUN_OFF
    other = cluster()
    excluded(other)
    appeal(other)
    other.later(91 * DAY)
    assert standing(other, URAL) is Standing.RUN_OFF
    assert violations(other.state) == violations(ledger.state) == []


def test_an_appeal_comes_in_time_and_from_the_excluded_party() -> None:
    ledger = cluster()
    assert ledger.do(URAL, AppealExclusion("in advance")).code == "WRONG_STATE"
    excluded(ledger)
    ledger.later(31 * DAY)
    assert standing(ledger, URAL) is Standing.RUN_OFF
    assert ledger.do(URAL, AppealExclusion("too late")).code == "WRONG_STATE"
