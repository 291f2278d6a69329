"""Governance: each kind with its quorum, enacted at its height, and never against a rule."""

from __future__ import annotations

from typing import Any

import pytest
from cast import EVIDENCE, URAL, VOLGA, attest, funded, money, violations, vote
from governed import ALL, decide, proposal, put, reach
from guaranteed import cluster, issued
from ledger_in_memory import Ledger, event, lei

from contracts.capacity import CapacityParameters
from contracts.currency.operations import Leg, Transfer
from contracts.currency.records import CurrencyParameters
from contracts.errors import OPERATION_PAUSED, UNKNOWN_PROTOCOL
from contracts.executor import admit
from contracts.framework.ballot import BALLOT_TABLE, Choice, Majority
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.parameters import parameters_of
from contracts.framework.party import PARTY, Office, Role, holder
from contracts.framework.protocol import Protocol
from contracts.governance.events import GuarantorDecided, ParameterChanged
from contracts.governance.operations import (
    GuarantorStep,
    ProposeGuarantor,
    ProposeParameters,
    ProposePause,
    ProposeResumption,
    ProposeRole,
    ProposeUpgrade,
    RoleStep,
    WithdrawProposal,
)
from contracts.governance.records import (
    GovernanceParameters,
    ParameterChange,
    ProposalState,
)
from contracts.governance.views import (
    guarantor_changes,
    motions,
    parameters,
    paused,
    protocol_ahead,
    protocol_at,
)
from contracts.register.operations import CastVote, OfficeChange, ProposeOffice
from contracts.register.records import RegisterParameters
from ledger import block
from ledger.errors import CodedError

WHY = "as discussed"


def change(
    name: str = "response_days",
    value: str = "20",
    *,
    capability: str = "currency",
    height: int = 40,
) -> ProposeParameters:
    return ProposeParameters(capability, (ParameterChange(name, value),), height, WHY)


def response_days(ledger: Ledger) -> int:
    return parameters_of(ledger.state, CurrencyParameters).response_days


def sound(ledger: Ledger) -> None:
    assert violations(ledger.state) == []


def test_a_parameter_changes_at_its_height_and_not_before() -> None:
    ledger = funded()
    id = decide(ledger, change(), *ALL[:3])
    assert proposal(ledger, id).state is ProposalState.PASSED
    sound(ledger)
    reach(ledger, 39)
    assert response_days(ledger) == 10
    execution = ledger.later(1_000)
    assert ledger.height == 40 and response_days(ledger) == 20
    told = event(execution.receipts[0], ParameterChanged)
    assert (told["name"], told["before"], told["after"]) == ("response_days", "10", "20")
    assert proposal(ledger, id).enacted == 40
    assert parameters(ledger.state)["currency"]["response_days"] == 20
    sound(ledger)


def test_parameters_need_two_thirds_and_their_own_quorums_three_quarters() -> None:
    ledger = funded()
    id, ballot = put(ledger, change())
    vote(ledger, ballot, "BY", "CN")
    assert proposal(ledger, id).state is ProposalState.VOTING
    quorum = ledger.state.get(BALLOT_TABLE, ballot)
    assert quorum is not None and quorum.majority == Majority(2, 3)
    vote(ledger, ballot, "RU", choice=Choice.NO)
    vote(ledger, ballot, "KZ", choice=Choice.NO)
    assert proposal(ledger, id).state is ProposalState.REFUSED
    value = '{"numerator": 1, "denominator": 1}'
    op = change("upgrades", value, capability="governance", height=60)
    _, ballot = put(ledger, op)
    quorum = ledger.state.get(BALLOT_TABLE, ballot)
    assert quorum is not None and quorum.majority == Majority(3, 4)
    sound(ledger)


@pytest.mark.parametrize(
    ("op", "code"),
    [
        (change("response_days", "0"), "INVALID_FIELD"),
        (change("response_days", "99999999"), "INVALID_FIELD"),
        (change("response_days", "1.5"), "INVALID_FIELD"),
        (change("response_days", '"20"'), "INVALID_FIELD"),
        (change("response_days", "{"), "INVALID_FIELD"),
        (change("response_days", "10"), "INVALID_TERMS"),
        (change("no_such", "1"), "INVALID_FIELD"),
        (change(capability="weather"), "INVALID_TERMS"),
        (change(height=12), "INVALID_TERMS"),
        (change(height=1), "INVALID_TERMS"),
        (change(height=10**12), "INVALID_TERMS"),
        (change("first_warning_days", "3", capability="register"), "UNSAFE_CHANGE"),
        (change("amber", "3000", capability="programme"), "UNSAFE_CHANGE"),
        (change("term_days", "3650", capability="guarantee"), "applied"),
        (
            change("exclusion", '{"numerator": 1, "denominator": 3}', capability="register"),
            "UNSAFE_CHANGE",
        ),
        (
            change("pauses", '{"numerator": 3, "denominator": 2}', capability="governance"),
            "UNSAFE_CHANGE",
        ),
        (change("least_guarantors", "5", capability="governance"), "UNSAFE_CHANGE"),
    ],
)
def test_a_value_out_of_range_or_against_another_cannot_be_proposed(
    op: ProposeParameters, code: str
) -> None:
    ledger = funded()
    receipt = ledger.do("registrar", op)
    assert (receipt.code or "applied") == code
    sound(ledger)


def test_all_changes_of_a_proposal_are_made_or_none() -> None:
    ledger = funded()
    both = (ParameterChange("response_days", "20"), ParameterChange("issue_days", "0"))
    refused = ledger.do("registrar", ProposeParameters("currency", both, 40, WHY))
    assert (refused.code, refused.field) == ("INVALID_FIELD", "currency.issue_days")
    twice = (ParameterChange("response_days", "20"), ParameterChange("response_days", "30"))
    refused = ledger.do("registrar", ProposeParameters("currency", twice, 40, WHY))
    assert refused.code == "INVALID_TERMS"


def test_what_would_break_a_rule_by_its_height_is_void() -> None:
    ledger = funded()
    first = decide(ledger, change("last_warning_days", "20", capability="register"))
    second = decide(
        ledger,
        change("first_warning_days", "10", capability="register", height=41),
        author="guarantorKZ",
    )
    reach(ledger, 41)
    assert proposal(ledger, first).state is ProposalState.ENACTED
    assert proposal(ledger, second).state is ProposalState.VOID
    assert proposal(ledger, second).reason.startswith("UNSAFE_CHANGE")
    params = parameters_of(ledger.state, RegisterParameters)
    assert (params.last_warning_days, params.first_warning_days) == (20, 30)
    sound(ledger)


def test_collateral_that_guarantors_lack_cannot_be_demanded() -> None:
    ledger = cluster(CapacityParameters(collateral_ratio=0), collateral=0)
    issued(ledger, 10_000)
    op = change("collateral_ratio", "1000", capability="capacity", height=ledger.height + 20)
    refused = ledger.do("registrar", op)
    assert refused.code == "UNSAFE_CHANGE" and "collateral of 1000" in refused.reason


def test_a_proposal_decided_after_its_height_has_no_effect() -> None:
    ledger = funded()
    id, ballot = put(ledger, change(height=20))
    reach(ledger, 20)
    vote(ledger, ballot, *ALL[:3])
    assert proposal(ledger, id).state is ProposalState.EXPIRED
    reach(ledger, 30)
    assert response_days(ledger) == 10
    sound(ledger)


def test_silence_refuses_and_a_proposer_may_withdraw() -> None:
    ledger = funded()
    silent, _ = put(ledger, change(height=100))
    gone, ballot = put(ledger, change(height=100), "guarantorKZ")
    assert ledger.do("registrar", WithdrawProposal(gone)).code == "NOT_ENTITLED"
    again = ledger.do("guarantorKZ", change(height=100))
    assert again.code == "MOTION_OPEN"
    ledger.must("guarantorKZ", WithdrawProposal(gone))
    assert ledger.do("guarantorBY", CastVote(ballot, Choice.YES)).code == "WRONG_STATE"
    ledger.later(31 * MS_PER_DAY)
    assert proposal(ledger, silent).state is ProposalState.EXPIRED
    assert proposal(ledger, gone).state is ProposalState.WITHDRAWN
    sound(ledger)


def test_members_cannot_propose() -> None:
    ledger = funded()
    with pytest.raises(CodedError, match="NOT_AUTHORISED"):
        ledger.do(URAL, change())


def role(change: RoleStep, office: Office, party: str = URAL, height: int = 60) -> ProposeRole:
    return ProposeRole(lei(party), office, change, height, WHY)


def test_an_office_is_given_taken_and_transferred_at_its_height() -> None:
    ledger = funded()
    inspector = Office(Role.INSPECTOR)
    with pytest.raises(CodedError, match="MISSING_SIGNATURES"):
        ledger.do("registrar", role(RoleStep.GRANT, inspector))
    both = ("registrar", URAL)
    decide(ledger, role(RoleStep.GRANT, inspector), signers=both)
    registrar = role(RoleStep.TRANSFER, Office(Role.REGISTRAR), VOLGA)
    decide(ledger, registrar, signers=("registrar", VOLGA))
    reach(ledger, 60)
    party = ledger.state.get(PARTY, lei(URAL))
    assert party is not None and party.holds(Role.INSPECTOR)
    assert holder(ledger.state, Role.REGISTRAR) == lei(VOLGA)
    sound(ledger)
    decide(ledger, role(RoleStep.REVOKE, inspector, height=90), author=VOLGA)
    reach(ledger, 90)
    party = ledger.state.get(PARTY, lei(URAL))
    assert party is not None and not party.offices
    sound(ledger)


def test_the_ledger_is_never_left_without_a_registrar_or_with_an_issue_that_nobody_redeems() -> (
    None
):
    ledger = funded()
    for office, party in (
        (Office(Role.REGISTRAR), "registrar"),
        (Office(Role.TRIBUNAL), "tribunal"),
        (Office(Role.ISSUER, "KZ"), "issuerKZ"),
    ):
        assert ledger.do("guarantorRU", role(RoleStep.REVOKE, office, party)).code == (
            "UNSAFE_CHANGE"
        )
    assert (
        ledger.do(
            "guarantorRU",
            role(RoleStep.GRANT, Office(Role.GUARANTOR, "AM")),
            signers=("guarantorRU", URAL),
        ).code
        == "INVALID_TERMS"
    )
    refused = ledger.do(
        "guarantorRU",
        ProposeOffice(lei("registrar"), Office(Role.REGISTRAR), OfficeChange.REVOKE, WHY),
    )
    assert refused.code == "INVALID_TERMS"


def test_a_guarantor_is_admitted_with_its_node_and_the_decision_is_there_for_validators() -> None:
    ledger = funded()
    op = ProposeGuarantor(lei(URAL), "AM", GuarantorStep.ADMIT, 50, WHY, EVIDENCE)
    bare = ProposeGuarantor(lei(URAL), "AM", GuarantorStep.ADMIT, 50, WHY)
    both = ("registrar", URAL)
    assert ledger.do("registrar", bare, signers=both).code == "INVALID_TERMS"
    taken = ProposeGuarantor(lei(URAL), "KZ", GuarantorStep.ADMIT, 50, WHY, EVIDENCE)
    assert ledger.do("registrar", taken, signers=both).code == "ROLE_HELD"
    decide(ledger, op, signers=both)
    reach(ledger, 50)
    assert holder(ledger.state, Role.GUARANTOR, "AM") == lei(URAL)
    (decision,) = guarantor_changes(ledger.state)
    assert (decision.height, decision.change, decision.node) == (50, "admit", EVIDENCE)
    assert list(guarantor_changes(ledger.state, after=50)) == []
    assert event(ledger.receipts[-1][1], GuarantorDecided)["country"] == "AM"
    sound(ledger)


def test_a_guarantor_does_not_vote_on_its_own_removal_which_begins_a_withdrawal() -> None:
    ledger = funded(GovernanceParameters(least_guarantors=3))
    op = ProposeGuarantor(lei("guarantorRU"), "RU", GuarantorStep.REMOVE, 60, WHY)
    _, ballot = put(ledger, op)
    assert ledger.do("guarantorRU", CastVote(ballot, Choice.NO, "no")).code == "NOT_A_VOTER"
    vote(ledger, ballot, "BY", "CN", "KZ")
    reach(ledger, 60)
    assert any(True for _ in guarantor_changes(ledger.state))
    again = ProposeGuarantor(lei("guarantorKZ"), "KZ", GuarantorStep.REMOVE, 99, WHY)
    refused = ledger.do("registrar", again)
    assert refused.code == "UNSAFE_CHANGE" and "at least 3" in refused.reason
    sound(ledger)


def test_an_upgrade_takes_effect_at_its_height_and_versions_have_no_gaps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(block, "PROTOCOL_VERSION", 2)
    ledger = funded()
    skip = ProposeUpgrade(3, EVIDENCE, 60, WHY)
    assert ledger.do("registrar", skip).code == "INVALID_TERMS"
    decide(ledger, ProposeUpgrade(2, EVIDENCE, 60, WHY))
    assert protocol_ahead(ledger.state) == Protocol(2, 60, EVIDENCE)
    reach(ledger, 60)
    assert protocol_at(ledger.state, 59).version == 1
    assert protocol_at(ledger.state, 60) == Protocol(2, 60, EVIDENCE)
    assert protocol_ahead(ledger.state) is None
    assert ledger.block().protocol == 2, "rules of the blocks from there on know it"
    sound(ledger)


def test_software_without_the_decided_rules_refuses_the_block_and_says_what_to_install() -> None:
    ledger = funded()
    decide(ledger, ProposeUpgrade(2, EVIDENCE, 60, WHY))
    reach(ledger, 59)
    before = dict(ledger.base.scan(b""))
    with pytest.raises(CodedError) as refused:
        ledger.block()
    assert refused.value.code is UNKNOWN_PROTOCOL
    assert EVIDENCE.hex() in refused.value.message and "height 60" in refused.value.message
    assert dict(ledger.base.scan(b"")) == before


PAY = Transfer((Leg(lei(VOLGA), 5),))


def pause(days: int = 7, policy: str = "payment") -> ProposePause:
    return ProposePause(policy, days, "a wallet is compromised")


def test_a_pause_is_in_force_with_the_deciding_vote_and_refuses_with_one_code() -> None:
    ledger = funded()
    decide(ledger, pause())
    waiting = ledger.candidate(URAL, PAY)
    with pytest.raises(CodedError) as refused:
        admit(ledger.state, ledger.time, waiting)
    assert refused.value.code is OPERATION_PAUSED
    execution = ledger.block(waiting)
    assert execution.receipts == [] and execution.dropped[0][1].code is OPERATION_PAUSED
    assert "payment" in execution.dropped[0][1].message
    assert [p.policy for p in paused(ledger.state)] == ["payment"]
    attest(ledger, 20_000_000)
    sound(ledger)
    decide(ledger, ProposeResumption("payment", "keys replaced"))
    # Dropped and not recorded: the very same transaction is accepted now.
    assert ledger.block(waiting).receipts[-1].applied
    sound(ledger)


def test_a_pause_in_the_middle_of_a_block_holds_for_the_rest_of_it() -> None:
    ledger = funded()
    _, ballot = put(ledger, pause())
    vote(ledger, ballot, "BY", "CN")
    last = ledger.candidate("guarantorKZ", CastVote(ballot, Choice.YES))
    before, after = ledger.candidate(URAL, PAY), ledger.candidate(URAL, PAY)
    execution = ledger.block(before, last, after)
    assert [r.applied for r in execution.receipts] == [True, True]
    assert [id for id, _ in execution.dropped] == [after.id]


def test_a_pause_ends_by_itself() -> None:
    ledger = funded()
    decide(ledger, pause(7))
    ledger.later(8 * MS_PER_DAY)
    assert paused(ledger.state) == ()
    ledger.must(URAL, PAY)
    sound(ledger)


@pytest.mark.parametrize(
    ("op", "code"),
    [
        (pause(policy="vote"), "UNSAFE_CHANGE"),
        (pause(policy="governance"), "UNSAFE_CHANGE"),
        (pause(policy="keys"), "UNSAFE_CHANGE"),
        (pause(policy="weather"), "INVALID_TERMS"),
        (pause(15), "INVALID_TERMS"),
        (ProposeResumption("payment", WHY), "INVALID_TERMS"),
    ],
)
def test_what_ends_a_pause_cannot_be_paused(op: Any, code: str) -> None:
    assert funded().do("registrar", op).code == code


def test_a_second_pause_of_a_class_replaces_the_first() -> None:
    ledger = funded()
    decide(ledger, pause(3))
    decide(ledger, pause(14), author="guarantorKZ")
    ledger.later(4 * MS_PER_DAY)
    assert len(paused(ledger.state)) == 1
    sound(ledger)
    ledger.later(12 * MS_PER_DAY)
    assert paused(ledger.state) == ()
    sound(ledger)


def test_everything_proposed_can_be_listed() -> None:
    ledger = funded()
    decide(ledger, pause())
    put(ledger, change())
    money(ledger, URAL, 5)
    listed = {m.proposal.state: m for m in motions(ledger.state)}
    assert set(listed) == {ProposalState.ENACTED, ProposalState.VOTING}
    assert isinstance(listed[ProposalState.VOTING].change, ProposeParameters)
    assert [m.proposal.kind for m in motions(ledger.state, ProposalState.ENACTED)] == [
        "governance.pause"
    ]
