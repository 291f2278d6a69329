"""Evidence convicts exactly the validators that signed what no correct one signs."""

from __future__ import annotations

import pytest

from ledger.block import VoteKind
from ledger.codec import decode, encode
from ledger.errors import BAD_FAULT_PROOF, CodedError
from ledger.evidence import DoubleVote, conflicting, double_vote
from node.consensus.evidence import double_votes, exclusive
from tests.node.consensus.transcript import CHAIN, certificate, forged, validators, vote

A, B = b"A" * 32, b"B" * 32
NOTARIZE, NULLIFY, FINALIZE, RECOVER = VoteKind

CONFLICTS = [
    (vote(1, NOTARIZE, 5, A), vote(1, NOTARIZE, 5, B)),
    (vote(1, FINALIZE, 5, A), vote(1, FINALIZE, 5, B)),
    (vote(1, FINALIZE, 5, A), vote(1, NULLIFY, 5)),
    (vote(1, RECOVER, 5, A), vote(1, RECOVER, 9, B)),
    (vote(1, RECOVER, 5, A), vote(1, NOTARIZE, 5, A)),
    (vote(1, NULLIFY, 8), vote(1, RECOVER, 5, A)),
]
HARMLESS = [
    (vote(1, RECOVER, 5, A), vote(1, RECOVER, 9, A)),
    (vote(1, RECOVER, 5, A), vote(1, FINALIZE, 4, B)),
    (vote(1, RECOVER, 5, A), vote(2, RECOVER, 5, B)),
    (vote(1, RECOVER, 5, A), vote(1, RECOVER, 5, B, epoch=1)),
    (vote(1, NOTARIZE, 5, A), vote(1, NOTARIZE, 5, A)),
    (vote(1, NOTARIZE, 5, A), vote(1, NULLIFY, 5)),
    (vote(1, NOTARIZE, 5, A), vote(1, FINALIZE, 5, B)),
    (vote(1, NOTARIZE, 5, A), vote(2, NOTARIZE, 5, B)),
    (vote(1, NOTARIZE, 5, A), vote(1, NOTARIZE, 6, B)),
    (vote(1, NOTARIZE, 5, A), vote(1, NOTARIZE, 5, B, epoch=1)),
]


@pytest.mark.parametrize(("one", "other"), CONFLICTS)
def test_a_pair_of_conflicting_votes_has_one_encoding_and_convicts_its_signer(one, other) -> None:
    evidence = double_vote(one, other)
    assert evidence == double_vote(other, one)
    assert decode(encode(evidence), DoubleVote).verify(CHAIN, validators(4)) == 1


@pytest.mark.parametrize(("one", "other"), HARMLESS)
def test_votes_that_a_correct_validator_may_sign_are_no_evidence(one, other) -> None:
    assert not conflicting(one, other)
    with pytest.raises(CodedError) as refused:
        DoubleVote(one, other).verify(CHAIN, validators(4))
    assert refused.value.code is BAD_FAULT_PROOF


def test_evidence_needs_both_signatures_the_right_order_and_the_right_validators() -> None:
    one, other = CONFLICTS[0]
    for wrong in (
        DoubleVote(one, forged(other)),
        DoubleVote(forged(one), other),
        DoubleVote(other, one),
    ):
        with pytest.raises(CodedError):
            wrong.verify(CHAIN, validators(4))
    with pytest.raises(CodedError):
        double_vote(one, other).verify(b"D" * 32, validators(4))
    with pytest.raises(CodedError):
        double_vote(one, other).verify(CHAIN, validators(4, epoch=1))
    with pytest.raises(CodedError):
        double_vote(one, other).verify(CHAIN, validators(1))


def test_exclusive_certificates_name_at_least_f_plus_one_validators() -> None:
    for n in (4, 5, 6, 7, 10):
        members = validators(n)
        first, last = list(range(members.quorum)), list(range(n - members.quorum, n))
        pairs = [
            (certificate(NOTARIZE, 1, A, first), certificate(NOTARIZE, 1, B, last)),
            (certificate(FINALIZE, 1, A, first), certificate(FINALIZE, 1, B, last)),
            (certificate(FINALIZE, 1, A, first), certificate(NULLIFY, 1, bytes(32), last)),
        ]
        for one, other in pairs:
            assert exclusive(one, other)
            named = {e.verify(CHAIN, members) for e in double_votes(one, other)}
            assert len(named) >= members.faults + 1


def test_a_view_may_be_both_notarized_and_nullified() -> None:
    notarized = certificate(NOTARIZE, 1, A, [0, 1, 2])
    assert not exclusive(notarized, certificate(NULLIFY, 1, bytes(32), [1, 2, 3]))
    assert not exclusive(notarized, certificate(NOTARIZE, 2, B, [1, 2, 3]))
    assert not exclusive(notarized, certificate(FINALIZE, 1, A, [1, 2, 3]))
    assert exclusive(notarized, certificate(FINALIZE, 1, B, [1, 2, 3]))
