"""A dispute runs its course: mediation first, then arbitration, and always an end."""

from __future__ import annotations

import pytest
from cast import violations
from disputed import (
    ARBITER,
    CLAIM,
    SECOND,
    arbitrated,
    awarded,
    debt,
    dispute,
    opened,
    unmediated,
)
from guaranteed import ALTAI, DAY, INSPECTOR, URAL, VOLGA, available, cluster, pass_time
from ledger_in_memory import Ledger, event, lei, member, new_ledger

from contracts.currency.debts import outstanding
from contracts.dispute.events import ArbitratorAppointed
from contracts.dispute.operations import (
    AgreeMediation,
    AnswerClaim,
    AppointArbitrator,
    EndMediation,
    ExtendAward,
    MakeAward,
    NominateArbitrator,
    OpenDispute,
    ProposeSettlement,
    Recuse,
    RequestArbitration,
    SignSettlement,
    WaiveMediation,
    WithdrawClaim,
)
from contracts.dispute.records import DisputeState, Mediation, Ruling, Subject
from contracts.dispute.views import arbitrators, disputes_of, held_of, tasks, whole
from contracts.framework.party import Office, Owner, PartyKind, Profile, Role
from contracts.genesis import GenesisParty
from ledger.errors import CodedError

S = DisputeState


def mediated(ledger: Ledger, id: bytes) -> bytes:
    ledger.must(VOLGA, AgreeMediation(id, lei("Mediator")))
    assert id in {t.dispute for t in tasks(ledger.state, lei(URAL))}
    assert id not in {t.dispute for t in tasks(ledger.state, lei(VOLGA))}
    ledger.must(URAL, AgreeMediation(id, lei("Mediator")))
    assert dispute(ledger, id).state is S.MEDIATION
    return id


def test_an_owed_sum_is_held_whoever_opens_and_comes_back_when_the_claim_is_withdrawn() -> None:
    ledger = cluster()
    for claimant, respondent in ((VOLGA, URAL), (URAL, VOLGA)):
        subject = Subject("debt", debt(ledger))
        before = available(ledger, URAL)
        id = opened(ledger, subject, claimant=claimant, respondent=respondent)
        assert available(ledger, URAL) == before - CLAIM
        assert held_of(ledger.state, lei(URAL)) == CLAIM
        assert violations(ledger.state) == []
        ledger.must(claimant, WithdrawClaim(id, "talked it over"))
        assert available(ledger, URAL) == before
        assert dispute(ledger, id).state is S.WITHDRAWN
    assert violations(ledger.state) == []


def test_no_more_is_held_than_claimed_and_owed_and_there() -> None:
    ledger = cluster()
    small = opened(ledger, Subject("debt", debt(ledger)), claim=1_000)
    assert dispute(ledger, small).held_of(lei(URAL)) == 1_000
    poor = debt(ledger, 80_000, debtor=VOLGA, creditor=URAL)
    broke = opened(ledger, Subject("debt", poor), claimant=URAL, respondent=VOLGA, claim=90_000)
    assert dispute(ledger, broke).held_of(lei(VOLGA)) == 50_000
    assert available(ledger, VOLGA) == 0
    assert violations(ledger.state) == []


@pytest.mark.parametrize(
    ("claimant", "respondent", "kind", "code"),
    [
        (ALTAI, URAL, "debt", "NOT_ENTITLED"),
        (URAL, ALTAI, "debt", "INVALID_TERMS"),
        (URAL, URAL, "none", "INVALID_TERMS"),
        (URAL, "Nobody", "none", "UNKNOWN_PARTY"),
        (URAL, VOLGA, "weather", "INVALID_TERMS"),
        (URAL, VOLGA, "unknown", "NOT_FOUND"),
    ],
)
def test_only_the_parties_of_an_object_dispute_about_it(
    claimant: str, respondent: str, kind: str, code: str
) -> None:
    ledger = cluster()
    owed = debt(ledger)
    subject = {
        "debt": Subject("debt", owed),
        "none": Subject(),
        "weather": Subject("weather", owed),
        "unknown": Subject("debt", bytes(32)),
    }[kind]
    before = dict(ledger.base.scan(b""))
    assert ledger.do(claimant, OpenDispute(lei(respondent), subject, 5, "x")).code == code
    assert dict(ledger.base.scan(b"")) == before


def test_two_parties_have_one_open_dispute_about_an_object() -> None:
    ledger = cluster()
    subject = Subject("debt", debt(ledger))
    id = opened(ledger, subject)
    again = OpenDispute(lei(VOLGA), subject, 5, "the other way round")
    assert ledger.do(URAL, again).code == "ALREADY_DISPUTED"
    ledger.must(VOLGA, WithdrawClaim(id, "x"))
    ledger.must(URAL, again)
    opened(ledger)
    opened(ledger)
    assert len(list(disputes_of(ledger.state, lei(URAL)))) == 3


def test_arbitration_waits_for_mediation_unless_both_waive_it() -> None:
    ledger = cluster()
    id = opened(ledger)
    assert ledger.do(VOLGA, RequestArbitration(id)).code == "WRONG_STATE"
    ledger.must(VOLGA, WaiveMediation(id))
    assert ledger.do(VOLGA, WaiveMediation(id)).code == "ALREADY_DECIDED"
    assert ledger.do(VOLGA, RequestArbitration(id)).code == "WRONG_STATE"
    ledger.must(URAL, WaiveMediation(id))
    ledger.must(VOLGA, RequestArbitration(id))
    assert dispute(ledger, id).mediation is Mediation.WAIVED


def test_mediation_that_is_not_agreed_in_time_opens_the_way_to_arbitration() -> None:
    ledger = cluster()
    id = opened(ledger)
    ledger.must(VOLGA, AgreeMediation(id, lei("Mediator")))
    pass_time(ledger, 16)
    assert dispute(ledger, id).mediation is Mediation.NOT_AGREED
    assert ledger.do(URAL, AgreeMediation(id, lei("Mediator"))).code == "WRONG_STATE"
    ledger.must(URAL, RequestArbitration(id))


def test_mediation_ends_by_word_or_by_time() -> None:
    ledger = cluster()
    by_word, by_time = mediated(ledger, opened(ledger)), mediated(ledger, opened(ledger))
    assert ledger.do(ALTAI, EndMediation(by_word)).code == "NOT_ENTITLED"
    ledger.must("Mediator", EndMediation(by_word))
    pass_time(ledger, 20)
    assert dispute(ledger, by_time).state is S.MEDIATION
    pass_time(ledger, 26)
    assert {dispute(ledger, id).mediation for id in (by_word, by_time)} == {Mediation.HELD}
    assert dispute(ledger, by_time).state is S.FAILED


def test_a_mediator_holds_the_role_and_has_no_interest() -> None:
    ledger = cluster()
    id = opened(ledger)
    assert ledger.do(VOLGA, AgreeMediation(id, lei(INSPECTOR))).code == "NOT_AUTHORISED"
    assert ledger.do(VOLGA, AgreeMediation(id, lei("Nobody"))).code == "UNKNOWN_PARTY"
    mediated(ledger, id)
    ledger.must("Mediator", Recuse(id, "a cousin works there"))
    assert dispute(ledger, id).state is S.OPEN
    again = ledger.do(VOLGA, AgreeMediation(id, lei("Mediator")))
    assert again.code == "CONFLICT_OF_INTEREST"
    assert violations(ledger.state) == []


def test_a_settlement_binds_when_both_and_the_mediator_have_signed_the_same() -> None:
    ledger = cluster()
    owed = debt(ledger)
    id = mediated(ledger, opened(ledger, Subject("debt", owed)))
    ruling = Ruling(lei(URAL), 4_000, 6_000)
    ural, volga = available(ledger, URAL), available(ledger, VOLGA)
    ledger.must("Mediator", ProposeSettlement(id, ruling, "two thirds, and quits"))
    ledger.must(VOLGA, SignSettlement(id, ruling))
    assert ledger.do(VOLGA, SignSettlement(id, ruling)).code == "ALREADY_DECIDED"
    other = Ruling(lei(URAL), 3_999, 6_000)
    assert ledger.do(URAL, SignSettlement(id, other)).code == "INVALID_TERMS"
    assert ledger.do(ALTAI, SignSettlement(id, ruling)).code == "NOT_ENTITLED"
    assert dispute(ledger, id).state is S.MEDIATION
    ledger.must(URAL, SignSettlement(id, ruling))
    assert dispute(ledger, id).state is S.SETTLED
    assert available(ledger, VOLGA) == volga + 4_000
    assert available(ledger, URAL) == ural + 2_000
    assert outstanding(ledger.state, owed) == 0
    assert violations(ledger.state) == []


def test_a_new_proposal_needs_all_signatures_anew() -> None:
    ledger = cluster()
    id = mediated(ledger, opened(ledger))
    first, second = Ruling(lei(URAL), 4_000), Ruling(lei(URAL), 5_000)
    ledger.must(URAL, ProposeSettlement(id, first, "x"))
    ledger.must("Mediator", SignSettlement(id, first))
    ledger.must(VOLGA, ProposeSettlement(id, second, "y"))
    settlement = dispute(ledger, id).settlement
    assert settlement is not None and settlement.consents == (lei(VOLGA),)
    assert ledger.do(VOLGA, ProposeSettlement(id, Ruling(lei(ALTAI), 1), "z")).code == (
        "INVALID_TERMS"
    )


def test_nobody_settles_unheard() -> None:
    ledger = cluster()
    id = opened(ledger)
    assert ledger.do(VOLGA, ProposeSettlement(id, Ruling(lei(URAL), 1), "x")).code == "WRONG_STATE"


def test_a_claim_that_nobody_pursues_lapses_and_frees_everything() -> None:
    ledger = cluster()
    owed = debt(ledger)
    id = opened(ledger, Subject("debt", owed))
    pass_time(ledger, 16)
    pass_time(ledger, 31)
    assert dispute(ledger, id).state is S.LAPSED
    assert held_of(ledger.state, lei(URAL)) == 0
    assert outstanding(ledger.state, owed) == CLAIM
    assert violations(ledger.state) == []


def test_silence_neither_admits_nor_stops_anything() -> None:
    ledger = cluster()
    id = unmediated(ledger, opened(ledger))
    ledger.must(VOLGA, RequestArbitration(id))
    assert ledger.do(VOLGA, AnswerClaim(id, "x")).code == "NOT_ENTITLED"
    pass_time(ledger, 16)
    assert dispute(ledger, id).state is S.APPOINTMENT
    pass_time(ledger, 16)
    assert dispute(ledger, id).state is S.ARBITRATION


def test_the_default_rule_appoints_who_has_fewest_cases_then_who_waited_longest() -> None:
    ledger = cluster()
    appointed = []
    for _ in range(4):
        id = unmediated(ledger, opened(ledger))
        ledger.must(VOLGA, RequestArbitration(id))
        ledger.must(URAL, AnswerClaim(id, "no"))
        execution = ledger.later(16 * DAY)
        appointed.append(event(execution.receipts[-1], ArbitratorAppointed)["arbitrator"])
    assert appointed == [lei(ARBITER), lei(SECOND), lei(ARBITER), lei(SECOND)]
    assert {h.cases for h in arbitrators(ledger.state)} == {2}
    assert violations(ledger.state) == []


def test_arbitrators_have_no_interest_in_the_case() -> None:
    owner = Owner(lei("Arbiter One"), "CN", 10_000)
    profile = Profile("Owned Works", PartyKind.NATIONAL, "KZ", "KZ", (owner,))
    owned = member("Owned Works")
    ledger = new_ledger(
        member(VOLGA, "RU"),
        GenesisParty(owned.lei, profile, (), owned.keys, owned.rules),
        member("Arbiter One", "CN", offices=(Office(Role.ARBITRATOR),)),
        member("Arbiter Two", "CN", offices=(Office(Role.ARBITRATOR),)),
        member("Mediator", "KZ", offices=(Office(Role.MEDIATOR), Office(Role.CUSTOMS, "KZ"))),
    )
    id = opened(ledger, respondent="Owned Works")
    refused = ledger.do(VOLGA, AgreeMediation(id, lei("Mediator")))
    assert refused.code == "CONFLICT_OF_INTEREST"
    for name in (VOLGA, "Owned Works"):
        ledger.must(name, WaiveMediation(id))
    ledger.must(VOLGA, RequestArbitration(id))
    ledger.must("Owned Works", AnswerClaim(id, "no"))
    refused = ledger.do(VOLGA, NominateArbitrator(id, lei("Arbiter One")))
    assert refused.code == "CONFLICT_OF_INTEREST"
    pass_time(ledger, 16)
    assert dispute(ledger, id).arbitrator == lei("Arbiter Two")


def test_an_arbitrator_who_leaves_is_replaced_and_never_comes_back() -> None:
    ledger = cluster()
    id = arbitrated(ledger, opened(ledger))
    assert ledger.do(SECOND, Recuse(id, "x")).code == "NOT_ENTITLED"
    ledger.must(ARBITER, Recuse(id, "a former client"))
    assert dispute(ledger, id).state is S.APPOINTMENT
    assert ledger.do(URAL, NominateArbitrator(id, lei(ARBITER))).code == "CONFLICT_OF_INTEREST"
    pass_time(ledger, 16)
    assert dispute(ledger, id).arbitrator == lei(SECOND)
    assert violations(ledger.state) == []


def test_who_misses_the_time_for_the_award_loses_the_case_and_in_the_end_it_lapses() -> None:
    ledger = cluster()
    id = arbitrated(ledger, opened(ledger, Subject("debt", debt(ledger))))
    pass_time(ledger, 184)
    assert dispute(ledger, id).arbitrator == lei(SECOND)
    pass_time(ledger, 184)
    assert dispute(ledger, id).arbitrator == lei("tribunal") or (
        dispute(ledger, id).state is S.VACANT
    )
    pass_time(ledger, 184)
    pass_time(ledger, 91)
    assert dispute(ledger, id).state is S.LAPSED
    assert held_of(ledger.state, lei(URAL)) == 0
    assert violations(ledger.state) == []


def test_the_tribunal_fills_a_vacancy_only() -> None:
    ledger = new_ledger(
        member(URAL), member(VOLGA, "RU"),
        member("Late Arbiter", "CN", offices=(Office(Role.CUSTOMS, "KZ"), Office(Role.ARBITRATOR))),
        member("Free Arbiter", "BY"),
    )  # fmt: skip
    id = unmediated(ledger, opened(ledger))
    with pytest.raises(CodedError, match="NOT_AUTHORISED"):
        ledger.do(URAL, AppointArbitrator(id, lei("Late Arbiter")))
    assert ledger.do("tribunal", AppointArbitrator(id, lei("Late Arbiter"))).code == "WRONG_STATE"


def test_the_time_for_an_award_is_extended_within_nine_months() -> None:
    ledger = cluster()
    id = arbitrated(ledger, opened(ledger))
    appointed = dispute(ledger, id).appointed
    too_long = ExtendAward(id, appointed + 280 * DAY, "complex")
    refused = ledger.do(ARBITER, too_long)
    assert refused.code == "INVALID_TERMS" and "at most" in refused.reason
    assert ledger.do(ARBITER, ExtendAward(id, appointed + DAY, "x")).code == "INVALID_TERMS"
    ledger.must(ARBITER, ExtendAward(id, appointed + 270 * DAY, "complex"))
    pass_time(ledger, 260)
    assert dispute(ledger, id).state is S.ARBITRATION
    awarded(ledger, id, URAL, 1)


def test_an_award_stays_within_what_is_claimed_from_the_payer() -> None:
    ledger = cluster()
    id = arbitrated(ledger, opened(ledger), counterclaim=500)
    for payer, amount in ((URAL, CLAIM + 1), (VOLGA, 501)):
        refused = ledger.do(ARBITER, MakeAward(id, Ruling(lei(payer), amount), "x"))
        assert refused.code == "OVER_CLAIM"
    assert ledger.do(ARBITER, MakeAward(id, Ruling(lei(ALTAI), 1), "x")).code == "INVALID_TERMS"
    discharging = MakeAward(id, Ruling(lei(URAL), 1, 1), "x")
    assert ledger.do(ARBITER, discharging).code == "INVALID_TERMS"
    assert ledger.do(SECOND, MakeAward(id, Ruling(lei(URAL), 1), "x")).code == "NOT_ENTITLED"
    awarded(ledger, id, VOLGA, 500)
    seen = whole(ledger.state, id)
    assert seen is not None and seen.execution is None
