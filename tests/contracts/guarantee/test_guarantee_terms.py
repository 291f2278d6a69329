"""A guarantor's word: given within its means, irrevocable, changed only by both."""

from __future__ import annotations

import pytest
from cast import EVIDENCE, violations
from guaranteed import (
    ALTAI,
    DAY,
    GUARANTOR,
    INSPECTOR,
    OTHER_GUARANTOR,
    URAL,
    VOLGA,
    cluster,
    collateral,
    demanded,
    document,
    drafted,
    guarantee,
    issued,
    pass_time,
)
from ledger_in_memory import Ledger, event, lei

from contracts.capacity import CapacityParameters, capacity_of
from contracts.framework.evidence import DocumentKind
from contracts.guarantee.events import AmendmentProposed
from contracts.guarantee.operations import (
    AcceptAmendment,
    ClaimForceMajeure,
    DeclineDraft,
    DraftGuarantee,
    IssueGuarantee,
    LowerGuarantee,
    PostCapacity,
    PostCollateral,
    PresentReduction,
    ProposeAmendment,
    RefuseAmendment,
    ReleaseCollateral,
    ReleaseGuarantee,
    TransferGuarantee,
    WithdrawDraft,
)
from contracts.guarantee.records import (
    AMENDMENT_TABLE,
    DocumentTerm,
    GuaranteeState,
    ReductionTerm,
    Underlying,
)
from ledger.errors import CodedError

REPORT = ReductionTerm(DocumentKind.INSPECTION_REPORT, lei(INSPECTOR), 3_000)


def proposed(ledger: Ledger, id: bytes, *signers: str, **terms: object) -> bytes:
    op = ProposeAmendment(id, "as agreed", **terms)  # type: ignore[arg-type]
    receipt = ledger.must(GUARANTOR, op, signers=(GUARANTOR, *signers))
    amendment: bytes = event(receipt, AmendmentProposed)["amendment"]
    return amendment


def test_an_issued_guarantee_commits_capacity_until_it_expires() -> None:
    ledger = cluster()
    id = issued(ledger, 10_000, expires=ledger.time + 10 * DAY)
    assert capacity_of(ledger.state, lei(GUARANTOR))[:3] == (1_000_000, 990_000, 10_000)
    pass_time(ledger, 11)
    ended = guarantee(ledger, id)
    assert (ended.state, ended.remaining, ended.lapsed) == (GuaranteeState.EXPIRED, 0, 10_000)
    assert capacity_of(ledger.state, lei(GUARANTOR)).free == 1_000_000
    assert violations(ledger.state) == []


def test_promises_stay_within_capacity_and_the_error_names_the_limit() -> None:
    ledger = cluster(capacity=9_999)
    refused = ledger.do(GUARANTOR, IssueGuarantee(drafted(ledger, 10_000)))
    assert refused.code == "OVER_CAPACITY" and "9999" in refused.reason
    lowered = ledger.do(GUARANTOR, PostCapacity(0, EVIDENCE))
    assert lowered.applied
    issued_more = ledger.do(GUARANTOR, IssueGuarantee(drafted(ledger, 1)))
    assert issued_more.code == "OVER_CAPACITY"


def test_promises_need_collateral_which_stays_while_it_is_needed() -> None:
    ledger = cluster(collateral=1_000)
    assert ledger.do(GUARANTOR, IssueGuarantee(drafted(ledger, 10_001))).code == "COLLATERAL_SHORT"
    issued(ledger, 9_991)
    assert ledger.do(GUARANTOR, ReleaseCollateral(1)).code == "COLLATERAL_SHORT"
    ledger.must(GUARANTOR, PostCollateral(5))
    ledger.must(GUARANTOR, ReleaseCollateral(5))
    assert ledger.do(GUARANTOR, ReleaseCollateral(1_001)).code == "INSUFFICIENT_FUNDS"
    assert collateral(ledger) == 1_000
    assert violations(ledger.state) == []


def test_capacity_never_falls_below_what_is_promised_nor_rises_above_the_parameter() -> None:
    ledger = cluster(CapacityParameters(largest_capacity=2_000_000))
    issued(ledger, 10_000)
    assert ledger.do(GUARANTOR, PostCapacity(9_999, EVIDENCE)).code == "OVER_CAPACITY"
    assert ledger.do(GUARANTOR, PostCapacity(2_000_001, EVIDENCE)).code == "OVER_CAPACITY"
    ledger.must(GUARANTOR, PostCapacity(10_000, EVIDENCE))
    assert capacity_of(ledger.state, lei(GUARANTOR)).free == 0
    with pytest.raises(CodedError, match="NOT_AUTHORISED"):
        ledger.do(URAL, PostCapacity(1, EVIDENCE))


def test_a_draft_binds_nobody_and_ends_in_one_of_four_ways() -> None:
    ledger = cluster()
    lapsing, withdrawn, declined = drafted(ledger), drafted(ledger), drafted(ledger)
    assert capacity_of(ledger.state, lei(GUARANTOR)).committed == 0
    assert ledger.do(VOLGA, WithdrawDraft(withdrawn)).code == "NOT_ENTITLED"
    ledger.must(URAL, WithdrawDraft(withdrawn))
    ledger.must(GUARANTOR, DeclineDraft(declined, "no budget"))
    pass_time(ledger, 31)
    states = [guarantee(ledger, id).state.value for id in (lapsing, withdrawn, declined)]
    assert states == ["lapsed", "withdrawn", "declined"]
    assert ledger.do(GUARANTOR, IssueGuarantee(lapsing)).code == "WRONG_STATE"
    assert violations(ledger.state) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"guarantor": lei(ALTAI)}, "NOT_AUTHORISED"),
        ({"beneficiary": lei(URAL)}, "INVALID_TERMS"),
        ({"beneficiary": lei("Nobody")}, "UNKNOWN_PARTY"),
        ({"expires": 1}, "INVALID_TERMS"),
        ({"expires": 2**60}, "GUARANTEE_TOO_LONG"),
        ({"underlying": Underlying("none", bytes(32))}, "INVALID_TERMS"),
        ({"underlying": Underlying("fairy tale", bytes(32))}, "INVALID_TERMS"),
        ({"reductions": (REPORT, REPORT, REPORT, REPORT)}, "INVALID_TERMS"),
    ],
)
def test_contradictory_terms_are_refused(change: dict[str, object], code: str) -> None:
    ledger = cluster()
    terms = {
        "guarantor": lei(GUARANTOR),
        "beneficiary": lei(VOLGA),
        "amount": 10_000,
        "underlying": Underlying(),
        **change,
    }
    before = dict(ledger.base.scan(b""))
    assert ledger.do(URAL, DraftGuarantee(**terms)).code == code  # type: ignore[arg-type]
    assert dict(ledger.base.scan(b"")) == before


def test_only_the_named_guarantor_issues() -> None:
    ledger = cluster()
    id = drafted(ledger)
    assert ledger.do(OTHER_GUARANTOR, IssueGuarantee(id)).code == "NOT_ENTITLED"
    assert ledger.do(GUARANTOR, IssueGuarantee(bytes(32))).code == "NOT_FOUND"


def test_nothing_that_the_guarantor_does_alone_takes_its_word_back() -> None:
    ledger = cluster()
    id = issued(ledger)
    for op in (DeclineDraft(id, "regret"), LowerGuarantee(id, 1), ReleaseGuarantee(id)):
        assert not ledger.do(GUARANTOR, op).applied
    assert guarantee(ledger, id).remaining == 10_000


def test_an_amendment_binds_once_the_beneficiary_accepts_and_silence_is_no_acceptance() -> None:
    ledger = cluster()
    id = issued(ledger, expires=ledger.time + 100 * DAY)
    silent = proposed(ledger, id, remaining=5_000)
    pass_time(ledger, 20)
    amendment = ledger.state.get(AMENDMENT_TABLE, silent)
    assert amendment is not None and amendment.state.value == "lapsed"
    assert guarantee(ledger, id).remaining == 10_000
    later = ledger.time + 200 * DAY
    wanted = proposed(
        ledger,
        id,
        URAL,
        remaining=15_000,
        expires=later,
        replace_documents=True,
        documents=(DocumentTerm(DocumentKind.INVOICE),),
    )
    assert ledger.do(URAL, AcceptAmendment(wanted)).code == "NOT_ENTITLED"
    ledger.must(VOLGA, AcceptAmendment(wanted))
    amended = guarantee(ledger, id)
    assert (amended.remaining, amended.increases, amended.expires) == (15_000, 5_000, later)
    assert amended.documents == (DocumentTerm(DocumentKind.INVOICE),)
    ledger.must(VOLGA, AcceptAmendment(proposed(ledger, id, remaining=2_000)))
    assert guarantee(ledger, id).reduced == 13_000
    assert violations(ledger.state) == []


def test_more_or_longer_needs_the_applicants_signature() -> None:
    ledger = cluster()
    id = issued(ledger, expires=ledger.time + 100 * DAY)
    for terms in ({"remaining": 10_001}, {"expires": ledger.time + 101 * DAY}):
        with pytest.raises(CodedError, match="MISSING_SIGNATURES"):
            proposed(ledger, id, **terms)


def test_amendments_are_one_at_a_time_and_either_side_ends_them() -> None:
    ledger = cluster()
    id = issued(ledger)
    first = proposed(ledger, id, remaining=5_000)
    again = ProposeAmendment(id, "again", 4_000)
    assert ledger.do(GUARANTOR, again).code == "WRONG_STATE"
    ledger.must(VOLGA, RefuseAmendment(first))
    second = proposed(ledger, id, remaining=5_000)
    ledger.must(VOLGA, LowerGuarantee(id, 100))
    assert ledger.do(VOLGA, AcceptAmendment(second)).code == "WRONG_STATE"
    ledger.must(GUARANTOR, RefuseAmendment(second))
    assert ledger.do(GUARANTOR, ProposeAmendment(id, "nothing")).code == "INVALID_TERMS"
    demanded(ledger, id)
    assert ledger.do(GUARANTOR, ProposeAmendment(id, "late", 5_000)).code == "WRONG_STATE"


def test_a_listed_document_reduces_the_guarantee_once() -> None:
    ledger = cluster()
    id = issued(ledger, reductions=(REPORT,))
    right = document(1)
    wrong_issuer = document(2, VOLGA)
    assert ledger.do(URAL, PresentReduction(id, 0, wrong_issuer)).code == "NOT_LISTED"
    assert ledger.do(URAL, PresentReduction(id, 1, right)).code == "NOT_LISTED"
    assert ledger.do(VOLGA, PresentReduction(id, 0, right)).code == "NOT_ENTITLED"
    forged = type(right)(right.kind, bytes(32), right.issuer, right.key, right.signature)
    assert ledger.do(URAL, PresentReduction(id, 0, forged)).code == "BAD_DOCUMENT"
    ledger.must(URAL, PresentReduction(id, 0, right))
    assert guarantee(ledger, id).remaining == 7_000
    assert ledger.do(URAL, PresentReduction(id, 0, right)).code == "NOT_LISTED"
    assert violations(ledger.state) == []


def test_a_reduction_never_touches_what_is_demanded() -> None:
    ledger = cluster()
    id = issued(ledger, reductions=(REPORT,))
    demanded(ledger, id, 8_000)
    refused = ledger.do(URAL, PresentReduction(id, 0, document(1)))
    assert refused.code == "OVER_GUARANTEE" and "2000" in refused.reason


def test_a_beneficiary_gives_up_a_part_or_all() -> None:
    ledger = cluster()
    id, whole = issued(ledger), issued(ledger)
    assert ledger.do(VOLGA, LowerGuarantee(id, 10_001)).code == "OVER_GUARANTEE"
    ledger.must(VOLGA, LowerGuarantee(id, 4_000))
    ledger.must(VOLGA, LowerGuarantee(id, 6_000))
    assert guarantee(ledger, id).state is GuaranteeState.RELEASED
    ledger.must(VOLGA, ReleaseGuarantee(whole))
    assert guarantee(ledger, whole).lapsed == 10_000
    assert capacity_of(ledger.state, lei(GUARANTOR)).committed == 0
    assert violations(ledger.state) == []


def test_only_a_transferable_guarantee_changes_its_beneficiary() -> None:
    ledger = cluster()
    fixed, moving = issued(ledger), issued(ledger, transferable=True)
    both = (VOLGA, ALTAI)
    refused = ledger.do(VOLGA, TransferGuarantee(fixed, lei(ALTAI)), signers=both)
    assert refused.code == "INVALID_TERMS"
    with pytest.raises(CodedError, match="MISSING_SIGNATURES"):
        ledger.do(VOLGA, TransferGuarantee(moving, lei(ALTAI)))
    assert (
        ledger.do(VOLGA, TransferGuarantee(moving, lei(URAL)), signers=(VOLGA, URAL)).code
        == "INVALID_TERMS"
    )
    ledger.must(VOLGA, TransferGuarantee(moving, lei(ALTAI)), signers=both)
    assert guarantee(ledger, moving).beneficiary == lei(ALTAI)
    assert ledger.do(VOLGA, ReleaseGuarantee(moving)).code == "NOT_ENTITLED"


def test_force_majeure_adds_thirty_days_once_if_the_registrar_confirms_it() -> None:
    ledger = cluster()
    id = issued(ledger, expires=ledger.time + 10 * DAY)
    before = guarantee(ledger, id).expires
    claim = ClaimForceMajeure(id, document(9, VOLGA, DocumentKind.FORCE_MAJEURE_CERTIFICATE))
    with pytest.raises(CodedError, match="MISSING_SIGNATURES"):
        ledger.do(VOLGA, claim)
    assert ledger.do(URAL, claim, signers=(URAL, "registrar")).code == "NOT_ENTITLED"
    ledger.must(VOLGA, claim, signers=(VOLGA, "registrar"))
    assert guarantee(ledger, id).expires == before + 30 * DAY
    again = ledger.do(VOLGA, claim, signers=(VOLGA, "registrar"))
    assert again.code == "ALREADY_EXTENDED"


def test_force_majeure_gives_an_open_examination_the_same_time() -> None:
    ledger = cluster()
    id = issued(ledger)
    demanded(ledger, id)
    due = guarantee(ledger, id).due
    claim = ClaimForceMajeure(id, document(9, GUARANTOR, DocumentKind.FORCE_MAJEURE_CERTIFICATE))
    ledger.must(GUARANTOR, claim, signers=(GUARANTOR, "registrar"))
    assert guarantee(ledger, id).due == due + 30 * DAY
    pass_time(ledger, 20)
    assert guarantee(ledger, id).state is GuaranteeState.EXAMINING


def test_a_guarantee_expires_in_the_very_block_in_which_its_amendment_lapses() -> None:
    ledger = cluster()
    id = issued(ledger, expires=ledger.time + 5 * DAY)
    silent = proposed(ledger, id, remaining=5_000)
    execution = ledger.later(100 * DAY)
    assert all(receipt.applied for receipt in execution.receipts)
    amendment = ledger.state.get(AMENDMENT_TABLE, silent)
    assert amendment is not None and amendment.state.value == "lapsed"
    assert guarantee(ledger, id).state is GuaranteeState.EXPIRED
