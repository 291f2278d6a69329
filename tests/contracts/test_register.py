"""Admission, standing and offices."""

from __future__ import annotations

import pytest
from cast import (
    ALTAI,
    EVIDENCE,
    URAL,
    VOLGA,
    admitted,
    application,
    checked,
    funded,
    money,
    violations,
    vote,
)
from ledger_in_memory import Ledger, event, lei, member, named_key, new_ledger

from contracts.accounts import AVAIL, CONTRIBUTION
from contracts.currency.operations import Leg, OpenEscrow, RequestPayment, Transfer
from contracts.currency.supply_operations import RequestRedemption
from contracts.framework.ballot import BALLOT_TABLE, BallotOpened, Choice
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.party import (
    PARTY,
    Office,
    Owner,
    PartyKind,
    Profile,
    Role,
    Standing,
)
from contracts.framework.posting import balance_of
from contracts.register.operations import (
    Accede,
    Apply,
    CastVote,
    CheckApplication,
    Close,
    Leave,
    OfficeChange,
    OrderReinstatement,
    OrderSuspension,
    ProposeExclusion,
    ProposeOffice,
    ProposeReinstatement,
    ProposeSuspension,
    ResignOffice,
    WithdrawApplication,
)
from contracts.register.records import RegisterParameters
from ledger.errors import CodedError
from ledger.receipt import Receipt

NEW = "Ishim Castings"


def standing(ledger: Ledger, name: str) -> Standing:
    party = ledger.state.get(PARTY, lei(name))
    assert party is not None
    return party.state


def propose(ledger: Ledger, op: object) -> bytes:
    receipt = ledger.must("registrar", op)  # type: ignore[arg-type]
    ballot: bytes = event(receipt, BallotOpened)["ballot"]
    return ballot


def suspended(ledger: Ledger, name: str) -> None:
    ledger.must("tribunal", OrderSuspension(lei(name), "order 7", EVIDENCE))


def excluded(ledger: Ledger, name: str) -> None:
    suspended(ledger, name)
    ballot = propose(ledger, ProposeExclusion(lei(name), "no deliveries"))
    vote(ledger, ballot, "BY", "CN")


def test_the_registrar_cannot_refuse_what_the_council_is_voting_on() -> None:
    ledger = funded()
    ledger.must(NEW, application(NEW, now=ledger.time))
    checked(ledger, NEW)
    late = CheckApplication(lei(NEW), False, "on second thoughts")
    refused = ledger.do("registrar", late, signers=("registrar", "guarantorKZ"))
    assert refused.code == "WRONG_STATE"
    ledger.later(40 * MS_PER_DAY)
    assert all(receipt.applied for _, receipt in ledger.receipts if receipt is not refused)
    assert violations(ledger.state) == []


def test_an_applicant_is_admitted_by_check_vote_and_accession() -> None:
    ledger = funded()
    ledger.must(NEW, application(NEW, now=ledger.time))
    assert standing(ledger, NEW) is Standing.APPLIED
    ballot = checked(ledger, NEW)
    vote(ledger, ballot, "BY", "CN")
    assert standing(ledger, NEW) is Standing.CHECKED
    vote(ledger, ballot, "RU")
    assert standing(ledger, NEW) is Standing.VOTED
    ledger.must(NEW, Accede(EVIDENCE))
    assert standing(ledger, NEW) is Standing.ADMITTED
    ledger.must(URAL, Transfer((Leg(lei(NEW), 5),)))
    assert violations(ledger.state) == []


def test_before_admission_nobody_can_pay_the_applicant() -> None:
    ledger = funded()
    ledger.must(NEW, application(NEW, now=ledger.time))
    assert ledger.do(URAL, Transfer((Leg(lei(NEW), 5),))).code == "STANDING_FORBIDS"


def test_every_proposed_key_signs_the_application() -> None:
    ledger = funded()
    keys = (named_key(NEW), named_key("second", "director"))
    op = application(NEW, now=ledger.time, keys=keys)
    with pytest.raises(CodedError, match="MISSING_SIGNATURES"):
        ledger.do(NEW, op)
    ledger.must(NEW, op, signers=(NEW, "second"))


def test_the_home_state_signs_the_check() -> None:
    ledger = funded()
    ledger.must(NEW, application(NEW, now=ledger.time))
    with pytest.raises(CodedError, match="MISSING_SIGNATURES"):
        ledger.do("registrar", CheckApplication(lei(NEW), True))
    with pytest.raises(CodedError, match="UNAUTHORISED_SIGNER"):
        ledger.do(
            "registrar",
            CheckApplication(lei(NEW), True),
            signers=("registrar", "guarantorKZ", "guarantorRU"),
        )


def test_a_refusal_states_its_reason() -> None:
    ledger = funded()
    ledger.must(NEW, application(NEW, now=ledger.time))
    both = ("registrar", "guarantorKZ")
    refused = ledger.do("registrar", CheckApplication(lei(NEW), False), signers=both)
    assert (refused.code, refused.field) == ("INVALID_TERMS", "reason")
    ledger.must("registrar", CheckApplication(lei(NEW), False, "no plant"), signers=both)
    assert standing(ledger, NEW) is Standing.REFUSED
    party = ledger.state.get(PARTY, lei(NEW))
    assert party is not None and party.reason == "no plant"


def test_who_was_refused_may_apply_again_with_its_keys() -> None:
    ledger = funded()
    ledger.must(NEW, application(NEW, now=ledger.time))
    both = ("registrar", "guarantorKZ")
    ledger.must("registrar", CheckApplication(lei(NEW), False, "no plant"), signers=both)
    ledger.must(NEW, application(NEW, now=ledger.time))
    assert standing(ledger, NEW) is Standing.APPLIED
    assert violations(ledger.state) == []


def test_a_key_belongs_to_one_party_for_ever() -> None:
    ledger = funded()
    keys = (named_key(URAL, now=ledger.time),)
    refused = ledger.do(NEW, application(NEW, now=ledger.time, keys=keys), signers=(URAL,))
    assert refused.code == "KEY_IN_USE"


def test_a_vote_against_by_half_the_council_refuses() -> None:
    ledger = funded()
    ledger.must(NEW, application(NEW, now=ledger.time))
    ballot = checked(ledger, NEW)
    vote(ledger, ballot, "BY", "CN", choice=Choice.NO)
    assert standing(ledger, NEW) is Standing.REFUSED
    late = ledger.do("guarantorRU", CastVote(ballot, Choice.YES))
    assert late.code == "WRONG_STATE"


def test_nobody_votes_twice_and_only_guarantors_vote() -> None:
    ledger = funded()
    ledger.must(NEW, application(NEW, now=ledger.time))
    ballot = checked(ledger, NEW)
    vote(ledger, ballot, "BY")
    assert ledger.do("guarantorBY", CastVote(ballot, Choice.YES)).code == "ALREADY_VOTED"
    with pytest.raises(CodedError, match="NOT_AUTHORISED"):
        ledger.do(URAL, CastVote(ballot, Choice.YES))


def test_a_vote_against_states_its_reason() -> None:
    ledger = funded()
    ledger.must(NEW, application(NEW, now=ledger.time))
    ballot = checked(ledger, NEW)
    assert ledger.do("guarantorBY", CastVote(ballot, Choice.NO)).code == "INVALID_TERMS"


def test_who_recuses_itself_lowers_what_is_needed() -> None:
    ledger = funded()
    ledger.must(NEW, application(NEW, now=ledger.time))
    ballot = checked(ledger, NEW)
    vote(ledger, ballot, "BY", choice=Choice.RECUSE)
    vote(ledger, ballot, "CN", "KZ")
    assert standing(ledger, NEW) is Standing.VOTED
    assert ledger.do("guarantorBY", CastVote(ballot, Choice.YES)).code == "NOT_A_VOTER"


def test_a_guarantor_that_owns_the_applicant_does_not_vote() -> None:
    ledger = funded()
    owners = (Owner(lei("guarantorBY"), "BY", 5_000), Owner(lei(URAL), "KZ", 5_000))
    profile = Profile(NEW, PartyKind.JOINT_VENTURE, "KZ", "KZ", owners)
    base = application(NEW, now=ledger.time)
    op = Apply(profile, base.keys, base.rules)
    with pytest.raises(CodedError, match="MISSING_SIGNATURES"):
        ledger.do(NEW, op)
    ledger.must(NEW, op, signers=(NEW, URAL, "guarantorBY"))
    ballot = checked(ledger, NEW)
    assert ledger.do("guarantorBY", CastVote(ballot, Choice.YES)).code == "NOT_A_VOTER"
    vote(ledger, ballot, "CN", "KZ")
    assert standing(ledger, NEW) is Standing.VOTED


@pytest.mark.parametrize(
    ("profile", "code"),
    [
        (Profile(NEW, PartyKind.NATIONAL, "KZ", "DE"), "NO_HOME_STATE"),
        (Profile(NEW, PartyKind.NATIONAL, "DE", "KZ"), "INVALID_TERMS"),
        (Profile(NEW, PartyKind.JOINT_VENTURE, "KZ", "KZ"), "INVALID_TERMS"),
        (
            Profile(NEW, PartyKind.FOREIGN, "DE", "KZ", (Owner(lei("x"), "DE", 9_999),)),
            "INVALID_TERMS",
        ),
        (
            Profile(NEW, PartyKind.FOREIGN, "DE", "KZ", (Owner(lei(NEW), "DE", 10_000),)),
            "INVALID_TERMS",
        ),
    ],
)
def test_a_profile_makes_sense(profile: Profile, code: str) -> None:
    ledger = funded()
    base = application(NEW, now=ledger.time)
    assert ledger.do(NEW, Apply(profile, base.keys, base.rules)).code == code


def test_the_contribution_is_paid_with_the_accession() -> None:
    ledger = funded(RegisterParameters(contribution=700))
    ledger.must(NEW, application(NEW, now=ledger.time))
    vote(ledger, checked(ledger, NEW), "BY", "CN", "KZ")
    assert ledger.do(NEW, Accede(EVIDENCE)).code == "INVALID_TERMS"
    with pytest.raises(CodedError, match="MISSING_SIGNATURES"):
        ledger.do(NEW, Accede(EVIDENCE, lei(URAL)))
    poor = ledger.do(NEW, Accede(EVIDENCE, lei(VOLGA)), signers=(NEW, VOLGA))
    assert poor.code == "INSUFFICIENT_FUNDS"
    assert standing(ledger, NEW) is Standing.VOTED
    ledger.must(NEW, Accede(EVIDENCE, lei(URAL)), signers=(NEW, URAL))
    assert balance_of(ledger.state, CONTRIBUTION.of(lei(NEW))) == 700
    assert violations(ledger.state) == []


def test_silence_lapses_an_application_at_each_stage() -> None:
    ledger = funded()
    ledger.must(NEW, application(NEW, now=ledger.time))
    ledger.later(40 * MS_PER_DAY)
    assert standing(ledger, NEW) is Standing.LAPSED
    ledger.must(NEW, application(NEW, now=ledger.time, keys=(named_key(NEW, now=ledger.time),)))
    checked(ledger, NEW)
    ledger.later(31 * MS_PER_DAY)
    assert standing(ledger, NEW) is Standing.LAPSED
    assert violations(ledger.state) == []


def test_an_application_can_be_withdrawn_while_the_council_votes() -> None:
    ledger = funded()
    ledger.must(NEW, application(NEW, now=ledger.time))
    ballot = checked(ledger, NEW)
    ledger.must(NEW, WithdrawApplication())
    assert standing(ledger, NEW) is Standing.WITHDRAWN
    assert ledger.do("guarantorBY", CastVote(ballot, Choice.YES)).code == "WRONG_STATE"
    assert violations(ledger.state) == []


def test_a_suspended_member_pays_and_receives_but_takes_on_nothing_new() -> None:
    ledger = funded()
    suspended(ledger, URAL)
    ledger.must(URAL, Transfer((Leg(lei(VOLGA), 5),)))
    ledger.must(VOLGA, Transfer((Leg(lei(URAL), 5),)))
    expires = ledger.time + 5 * MS_PER_DAY
    with pytest.raises(CodedError, match="NOT_AUTHORISED"):
        ledger.do(URAL, OpenEscrow(lei(VOLGA), 5, lei(VOLGA), "delivered", expires))
    ledger.must("tribunal", OrderReinstatement(lei(URAL), "order 8", EVIDENCE))
    ledger.must(URAL, OpenEscrow(lei(VOLGA), 5, lei(VOLGA), "delivered", expires))


def test_the_council_suspends_and_reinstates() -> None:
    ledger = funded()
    ballot = propose(ledger, ProposeSuspension(lei(URAL), "red for two quarters"))
    again = ledger.do("guarantorBY", ProposeSuspension(lei(URAL), "the same"))
    assert again.code == "MOTION_OPEN"
    vote(ledger, ballot, "BY", "CN", "KZ")
    assert standing(ledger, URAL) is Standing.SUSPENDED
    vote(ledger, propose(ledger, ProposeReinstatement(lei(URAL), "remedied")), "BY", "CN", "KZ")
    assert standing(ledger, URAL) is Standing.ADMITTED


def test_exclusion_needs_a_suspension_and_recuses_the_home_guarantor() -> None:
    ledger = funded()
    early = ledger.do("registrar", ProposeExclusion(lei(URAL), "no deliveries"))
    assert early.code == "WRONG_STATE"
    suspended(ledger, URAL)
    ballot = propose(ledger, ProposeExclusion(lei(URAL), "no deliveries"))
    record = ledger.state.get(BALLOT_TABLE, ballot)
    assert record is not None and record.excluded == (lei("guarantorKZ"),)
    assert ledger.do("guarantorKZ", CastVote(ballot, Choice.YES)).code == "NOT_A_VOTER"
    vote(ledger, ballot, "BY")
    assert standing(ledger, URAL) is Standing.SUSPENDED
    vote(ledger, ballot, "CN")
    assert standing(ledger, URAL) is Standing.EXCLUDED


def test_an_exclusion_leads_through_run_off_to_closing_at_zero() -> None:
    ledger = funded(amount=1_000)
    excluded(ledger, URAL)
    ledger.later(31 * MS_PER_DAY)
    assert standing(ledger, URAL) is Standing.RUN_OFF
    with pytest.raises(CodedError, match="NOT_AUTHORISED"):
        ledger.do(URAL, Transfer((Leg(lei(VOLGA), 5),)))
    assert ledger.do(VOLGA, Transfer((Leg(lei(URAL), 5),))).code == "STANDING_FORBIDS"
    still = ledger.do("registrar", Close(lei(URAL)))
    assert still.code == "POSITIONS_OPEN" and "avail" in still.reason
    redeem(ledger, URAL, 1_000)
    ledger.must("registrar", Close(lei(URAL)))
    assert standing(ledger, URAL) is Standing.CLOSED
    assert violations(ledger.state) == []


def redeem(ledger: Ledger, name: str, amount: int) -> None:
    from contracts.currency.events import RedemptionRequested
    from contracts.currency.supply_operations import PayOutRedemption

    receipt = ledger.must(name, RequestRedemption("KZ", amount))
    redemption = event(receipt, RedemptionRequested)["redemption"]
    ledger.must("issuerKZ", PayOutRedemption(redemption, EVIDENCE))


def test_a_finished_run_off_closes_by_its_review_alone() -> None:
    ledger = funded()
    ledger.must(VOLGA, Leave("moving on"))
    assert standing(ledger, VOLGA) is Standing.RUN_OFF
    ledger.later(31 * MS_PER_DAY)
    assert standing(ledger, VOLGA) is Standing.CLOSED


def test_an_unfinished_run_off_is_reviewed_again_and_again() -> None:
    ledger = funded()
    ledger.must(URAL, Leave())
    for _ in range(3):
        ledger.later(31 * MS_PER_DAY)
        assert standing(ledger, URAL) is Standing.RUN_OFF
    assert violations(ledger.state) == []


def test_the_contribution_returns_before_closing() -> None:
    ledger = funded(RegisterParameters(contribution=700))
    ledger.must(NEW, application(NEW, now=ledger.time))
    vote(ledger, checked(ledger, NEW), "BY", "CN", "KZ")
    ledger.must(NEW, Accede(EVIDENCE, lei(URAL)), signers=(NEW, URAL))
    ledger.must(NEW, Leave())
    ledger.must(NEW, Close(lei(NEW)))
    assert balance_of(ledger.state, AVAIL.of(lei(NEW))) == 700
    redeem(ledger, NEW, 700)
    ledger.must(NEW, Close(lei(NEW)))
    assert standing(ledger, NEW) is Standing.CLOSED


def test_only_the_party_and_the_registrar_close() -> None:
    ledger = funded()
    ledger.must(VOLGA, Leave())
    assert ledger.do(ALTAI, Close(lei(VOLGA))).code == "NOT_ENTITLED"


def test_offices_are_granted_and_revoked_by_the_council() -> None:
    ledger = funded()
    office = Office(Role.INSPECTOR)

    def ask(change: OfficeChange, what: Office = office) -> Receipt:
        return ledger.do("registrar", ProposeOffice(lei(URAL), what, change, "needed"))

    assert ask(OfficeChange.REVOKE).code == "ROLE_NOT_HELD"
    assert ask(OfficeChange.GRANT, Office(Role.ISSUER, "KZ")).code == "ROLE_HELD"
    assert ask(OfficeChange.GRANT, Office(Role.ISSUER)).code == "INVALID_TERMS"
    assert ask(OfficeChange.GRANT, Office(Role.INSPECTOR, "KZ")).code == "INVALID_TERMS"
    vote(ledger, event(ask(OfficeChange.GRANT), BallotOpened)["ballot"], "BY", "CN", "KZ")
    party = ledger.state.get(PARTY, lei(URAL))
    assert party is not None and party.holds(Role.INSPECTOR)
    assert ledger.do(URAL, Leave()).code == "POSITIONS_OPEN"
    assert ledger.do(URAL, ResignOffice(Office(Role.AUDITOR))).code == "ROLE_NOT_HELD"
    ledger.must(URAL, ResignOffice(office))
    assert violations(ledger.state) == []


def test_a_guarantor_cannot_lay_down_its_office_alone() -> None:
    ledger = funded()
    refused = ledger.do("guarantorKZ", ResignOffice(Office(Role.GUARANTOR, "KZ")))
    assert refused.code == "ROLE_NOT_HELD"


def test_who_is_suspended_does_not_exercise_its_offices() -> None:
    ledger = funded()
    suspended(ledger, "guarantorRU")
    ledger.must(NEW, application(NEW, now=ledger.time))
    ballot = checked(ledger, NEW)
    with pytest.raises(CodedError, match="NOT_AUTHORISED"):
        ledger.do("guarantorRU", CastVote(ballot, Choice.YES))


def test_a_whole_admission_keeps_the_invariants() -> None:
    ledger = funded()
    admitted(ledger, NEW)
    money(ledger, NEW, 500)
    ledger.must(NEW, RequestPayment(lei(URAL), 5, ledger.time + MS_PER_DAY, "gears"))
    assert violations(ledger.state) == []


def test_a_genesis_of_ordinary_members_has_no_violations() -> None:
    assert violations(new_ledger(member(URAL)).state) == []
