"""Headers, votes and certificates: what a quorum is and what it signs."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_chains import genesis_document, validator_set, vote_keys

from ledger.block import (
    NO_BLOCK,
    Certificate,
    SignerSignature,
    VoteKind,
    assemble,
    sign_vote,
    vote_bytes,
)
from ledger.codec import decode, encode
from ledger.errors import BAD_CERTIFICATE, CodedError
from ledger.keys import verify
from ledger.validators import ValidatorSet

CHAIN = b"c" * 32
BLOCK = b"b" * 32
VALIDATORS = validator_set()
KEYS = vote_keys()


def _certificate(
    kind: VoteKind = VoteKind.FINALIZE, signers: tuple[int, ...] = (0, 1, 2)
) -> Certificate:
    block = NO_BLOCK if kind is VoteKind.NULLIFY else BLOCK
    return assemble([sign_vote(CHAIN, KEYS[s], s, kind, 0, 7, block) for s in signers])


def _refused(certificate: Certificate, validators: ValidatorSet = VALIDATORS) -> str:
    with pytest.raises(CodedError) as error:
        certificate.verify(CHAIN, validators)
    assert error.value.code is BAD_CERTIFICATE
    return error.value.message


@given(st.integers(1, 100))
def test_two_quorums_share_a_correct_validator(count: int) -> None:
    entry = VALIDATORS.validators[0]
    found = ValidatorSet(0, (entry,) * count)
    assert count >= 3 * found.faults + 1
    assert 2 * found.quorum - count > found.faults
    assert found.quorum <= count - found.faults
    assert {found.leader(view) for view in range(count)} == set(range(count))


@pytest.mark.parametrize("kind", VoteKind)
def test_votes_and_certificates_verify_and_read_back(kind: VoteKind) -> None:
    certificate = _certificate(kind)
    certificate.verify(CHAIN, VALIDATORS)
    assert decode(encode(certificate), Certificate) == certificate
    vote = sign_vote(CHAIN, KEYS[1], 1, kind, 0, 7, certificate.block)
    assert vote.verify(CHAIN, VALIDATORS)
    assert decode(encode(vote), type(vote)) == vote


def test_order_of_votes_does_not_matter() -> None:
    assert _certificate(signers=(2, 0, 1)) == _certificate(signers=(0, 1, 2))


def test_fewer_than_a_quorum_do_not_certify() -> None:
    assert "quorum" in _refused(_certificate(signers=(0, 1)))


def test_one_signer_twice_counts_once_and_is_refused() -> None:
    good = _certificate(signers=(0, 1))
    twice = (good.signatures[0], good.signatures[0], good.signatures[1])
    assert "once" in _refused(msgspec.structs.replace(good, signatures=twice))
    backwards = tuple(reversed(_certificate().signatures))
    assert "once" in _refused(msgspec.structs.replace(good, signatures=backwards))


def test_a_signer_that_does_not_exist_is_refused() -> None:
    good = _certificate()
    beyond = (*good.signatures[:2], SignerSignature(4, good.signatures[2].signature))
    assert "index 4" in _refused(msgspec.structs.replace(good, signatures=beyond))
    huge = (*good.signatures[:2], SignerSignature(2**62, good.signatures[2].signature))
    _refused(msgspec.structs.replace(good, signatures=huge))


def test_every_field_of_a_certificate_is_signed() -> None:
    good = _certificate()
    for change in (
        {"view": 8},
        {"block": b"x" * 32},
        {"kind": VoteKind.NOTARIZE},
        {"kind": VoteKind.NULLIFY, "block": NO_BLOCK},
    ):
        _refused(msgspec.structs.replace(good, **change))
    _refused(msgspec.structs.replace(good, epoch=1))
    _refused(msgspec.structs.replace(good, epoch=1), validator_set(1))
    with pytest.raises(CodedError):
        good.verify(b"d" * 32, VALIDATORS)


def test_one_bad_signature_spoils_a_certificate_even_above_the_quorum() -> None:
    good = _certificate(signers=(0, 1, 2, 3))
    bad = (*good.signatures[:3], SignerSignature(3, good.signatures[2].signature))
    assert "validator 3" in _refused(msgspec.structs.replace(good, signatures=bad))


def test_a_nullification_names_no_block() -> None:
    named = assemble(
        [sign_vote(CHAIN, KEYS[s], s, VoteKind.NULLIFY, 0, 7, BLOCK) for s in (0, 1, 2)]
    )
    assert "no block" in _refused(named)
    vote = sign_vote(CHAIN, KEYS[0], 0, VoteKind.NULLIFY, 0, 7, BLOCK)
    assert not vote.verify(CHAIN, VALIDATORS)


def test_a_vote_of_another_epoch_signer_or_kind_does_not_verify() -> None:
    vote = sign_vote(CHAIN, KEYS[1], 1, VoteKind.NOTARIZE, 0, 7, BLOCK)
    for change in (
        {"epoch": 1},
        {"signer": 2},
        {"signer": 4},
        {"kind": VoteKind.FINALIZE},
        {"view": 8},
        {"block": b"x" * 32},
    ):
        assert not msgspec.structs.replace(vote, **change).verify(CHAIN, VALIDATORS)


def test_every_kind_of_vote_has_its_own_domain() -> None:
    signed = {vote_bytes(CHAIN, kind, 0, 7, BLOCK) for kind in VoteKind}
    assert len(signed) == len(VoteKind)
    signature = KEYS[0].sign(vote_bytes(CHAIN, VoteKind.NOTARIZE, 0, 7, BLOCK))
    assert not verify(KEYS[0].public, vote_bytes(CHAIN, VoteKind.FINALIZE, 0, 7, BLOCK), signature)


def test_every_field_of_a_header_changes_its_hash() -> None:
    header = genesis_document().header(bytes(32))
    hashes = {header.hash()}
    for field in header.__struct_fields__:
        value = getattr(header, field)
        changed = value + 1 if isinstance(value, int) else bytes(31) + b"\x01"
        hashes.add(msgspec.structs.replace(header, **{field: changed}).hash())
    assert len(hashes) == len(header.__struct_fields__) + 1
