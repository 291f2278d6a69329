"""Proof files: they verify from the genesis document alone, and any change spoils them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_chains import (
    ACCOUNTS,
    LEIS,
    Build,
    certify,
    genesis_document,
    memory_chain,
    vote_keys,
)

from ledger import keys, proof
from ledger.block import VoteKind, assemble, sign_vote
from ledger.codec import encode
from ledger.errors import (
    BAD_CERTIFICATE,
    BAD_PROOF,
    BAD_RECEIPT,
    NOT_CERTIFIED,
    WRONG_CHAIN,
    CodedError,
)
from ledger.proof import Proven, ProvenExtension, ProvenReceipt, ProvenState
from ledger.store.proofs import (
    prove_extension,
    prove_receipt,
    prove_state,
    prove_transaction,
)
from ledger.transaction import open_envelope

GENESIS = genesis_document()
KEY = ACCOUNTS.key(LEIS[1], "SCU")


def _chain() -> Build:
    """Ten blocks; validators change after 3 and 6; 1, 4 and 8 are final through descendants."""
    chain = memory_chain()
    chain.grow(1, certified=False)
    chain.grow(1)
    chain.grow(1, handover=True)
    chain.grow(1, certified=False)
    chain.grow(1)
    chain.grow(1, handover=True)
    chain.grow(1)
    chain.grow(1, certified=False)
    chain.grow(2)
    return chain


CHAIN = _chain()


def _receipt(height: int, index: int) -> ProvenReceipt:
    found = prove_receipt(CHAIN.store, height, index)
    assert found is not None
    return found


def _verify(proven: Proven) -> Any:
    if isinstance(proven, ProvenReceipt):
        return proof.verify(proven, GENESIS)
    if isinstance(proven, ProvenState):
        return proof.verify_state(proven, GENESIS)
    return proof.verify_extension(proven, GENESIS)


def _refused(proven: Proven, *codes: object) -> None:
    with pytest.raises(CodedError) as error:
        _verify(proven)
    assert not codes or error.value.code in codes, error.value


_replace: Any = msgspec.structs.replace


def test_every_receipt_of_the_chain_is_provable_and_says_what_happened() -> None:
    for height in range(1, 11):
        header = CHAIN.store.header(height)
        assert header is not None
        for index, row in enumerate(CHAIN.store.rows(height)):
            proven = proof.read(proof.write(_receipt(height, index)))
            assert isinstance(proven, ProvenReceipt)
            summary = proof.verify(proven, GENESIS)
            assert (summary.height, summary.position) == (height, index)
            assert summary.time == header.time
            assert summary.block == header.hash()
            assert summary.network == "test"
            assert encode(summary.receipt) == row.receipt
            assert (summary.transaction is None) == (index == 0)
            if summary.transaction is not None:
                assert summary.transaction.author == LEIS[0]
            assert summary.signers.names == ("g0", "g1", "g3")


def test_a_transaction_is_proven_by_its_id() -> None:
    receipt = _receipt(4, 2).receipt
    assert prove_transaction(CHAIN.store, receipt.subject) == _receipt(4, 2)
    assert prove_transaction(CHAIN.store, bytes(32)) is None
    assert prove_receipt(CHAIN.store, 4, 9) is None
    assert prove_receipt(CHAIN.store, 40, 0) is None


def test_a_block_without_certificate_is_proven_by_its_descendant() -> None:
    proven = _receipt(4, 1)
    assert proven.header.height == 4
    assert proven.finality.header.height == 5
    assert len(proven.finality.changes) == 1
    assert proven.history_path


def test_what_no_certificate_covers_yet_is_not_provable() -> None:
    chain = memory_chain()
    chain.grow(2, certified=False)
    for call in (
        lambda: prove_receipt(chain.store, 1, 0),
        lambda: prove_state(chain.store, b"x"),
        lambda: prove_extension(chain.store, 0),
    ):
        with pytest.raises(CodedError) as error:
            call()
        assert error.value.code is NOT_CERTIFIED


def test_state_is_provable_and_so_is_its_absence() -> None:
    for wanted in (KEY, ACCOUNTS.key("nobody", "SCU")):
        proven = prove_state(CHAIN.store, wanted)
        assert proof.read(proof.write(proven)) == proven
        assert proven.value == CHAIN.store.get(wanted)
        assert proof.verify_state(proven, GENESIS).epoch == 2
        _refused(_replace(proven, value=b"other"), BAD_PROOF)
        _refused(_replace(proven, key=b"other"), BAD_PROOF)
    _refused(_replace(prove_state(CHAIN.store, KEY), value=None), BAD_PROOF)


def test_every_earlier_ledger_is_extended_by_this_one() -> None:
    for height in range(11):
        proven = prove_extension(CHAIN.store, height)
        assert proven is not None
        assert proof.read(proof.write(proven)) == proven
        assert proof.verify_extension(proven, GENESIS).epoch == 2
        assert proven.finality.header.height == 10
    assert prove_extension(CHAIN.store, 11) is None


def test_a_rewritten_past_is_not_extended() -> None:
    other = memory_chain()
    other.salt = 10**6
    other.grow(4)
    proven = prove_extension(CHAIN.store, 4)
    forged = other.store.header(4)
    assert proven is not None
    assert forged is not None
    _refused(_replace(proven, header=forged), BAD_PROOF)
    _refused(_replace(proven, consistency_path=proven.consistency_path[:-1]), BAD_PROOF)
    _refused(_replace(proven, inclusion_path=()), BAD_PROOF)


def test_a_receipt_of_another_ledger_is_refused_as_such() -> None:
    other = _replace(GENESIS, time=7)
    with pytest.raises(CodedError) as error:
        proof.verify(_receipt(2, 1), other)
    assert error.value.code is WRONG_CHAIN


def test_receipt_transaction_index_and_header_belong_together() -> None:
    good, other = _receipt(2, 1), _receipt(2, 2)
    deadline = _receipt(2, 0)
    _refused(_replace(good, receipt=other.receipt), BAD_PROOF)
    _refused(_replace(good, transaction=other.transaction), BAD_RECEIPT)
    _refused(_replace(good, index=2), BAD_PROOF)
    _refused(_replace(good, index=2, receipt_path=other.receipt_path), BAD_PROOF)
    _refused(_replace(good, transaction_path=other.transaction_path), BAD_PROOF)
    _refused(_replace(good, header=_receipt(7, 1).header), BAD_PROOF)
    _refused(_replace(deadline, transaction=good.transaction), BAD_RECEIPT)
    _refused(_replace(deadline, transaction_path=good.transaction_path), BAD_RECEIPT)
    _refused(_replace(good, history_path=(bytes(32),)), BAD_PROOF)
    _refused(_replace(good, receipt=_replace(good.receipt, code="REFUSED")), BAD_PROOF)


@pytest.mark.parametrize("change", ["other", "none"])
def test_only_the_member_signatures_that_were_recorded_are_proven(change: str) -> None:
    good = _receipt(2, 1)
    signed = open_envelope(good.transaction)
    entry = _replace(signed.signatures[0], signature=bytes(64))
    altered = _replace(signed, signatures=(entry,) if change == "other" else ())
    _refused(_replace(good, transaction=encode(altered)), BAD_PROOF)


def test_only_the_validators_of_the_epoch_certify() -> None:
    proven = _receipt(7, 1)
    finality = proven.finality
    assert len(finality.changes) == 2
    header = finality.header
    for certificate in (
        certify(header, signers=(0, 1)),
        certify(_replace(header, view=header.view + 1)),
        certify(header, epoch=1),
        _replace(certify(header, epoch=1), epoch=2),
        CHAIN.store.certificate(9),
    ):
        forged = _replace(finality, certificate=certificate)
        _refused(_replace(proven, finality=forged), BAD_CERTIFICATE)


def test_an_excluded_validator_set_cannot_certify_a_later_block() -> None:
    """The first validators sign a block of their own after they handed over."""
    proven = _receipt(7, 1)
    finality = proven.finality
    header = _replace(
        finality.header,
        epoch=0,
        validators_hash=GENESIS.validators.hash(GENESIS.chain_id),
        next_validators_hash=GENESIS.validators.hash(GENESIS.chain_id),
    )
    forged = _replace(finality, header=header, certificate=certify(header))
    _refused(_replace(proven, finality=forged, header=header), BAD_PROOF)


def test_changes_of_validators_are_complete_and_in_order() -> None:
    proven = _receipt(7, 1)
    first, second = proven.finality.changes
    for changes in (
        (),
        (second,),
        (first,),
        (second, first),
        (first, first, second),
        (first, _replace(second, validators=first.validators)),
        (_replace(first, validators=second.validators), second),
        (_replace(first, header=second.header), second),
    ):
        _refused(_replace(proven, finality=_replace(proven.finality, changes=changes)))


def test_a_notarization_is_no_finalization() -> None:
    proven = _receipt(2, 1)
    header = proven.finality.header
    keys = vote_keys()
    votes = [
        sign_vote(GENESIS.chain_id, keys[s], s, VoteKind.NOTARIZE, 0, header.view, header.hash())
        for s in (0, 1, 2)
    ]
    forged = _replace(proven.finality, certificate=assemble(votes))
    _refused(_replace(proven, finality=forged), BAD_CERTIFICATE)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_file_with_any_changed_bit_is_refused(data: st.DataObject) -> None:
    good = data.draw(
        st.sampled_from(
            [_receipt(4, 1), prove_state(CHAIN.store, KEY), prove_extension(CHAIN.store, 4)]
        )
    )
    assert good is not None
    file = bytearray(proof.write(good))
    bit = data.draw(st.integers(0, len(file) * 8 - 1))
    file[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CodedError):
        _verify(proof.read(bytes(file)))


def test_no_flipped_byte_of_a_proof_goes_unnoticed() -> None:
    for good in (_receipt(4, 1), prove_state(CHAIN.store, KEY), prove_extension(CHAIN.store, 4)):
        assert good is not None
        whole = proof.write(good)
        for at in range(len(whole)):
            changed = whole[:at] + bytes((whole[at] ^ 0x55,)) + whole[at + 1 :]
            with pytest.raises(CodedError):
                _verify(proof.read(changed))


def test_a_receipt_costs_its_own_signatures_and_those_of_its_certificates() -> None:
    proven, checked = _receipt(7, 1), 0

    def counted(key: bytes, message: bytes, signature: bytes) -> bool:
        nonlocal checked
        checked += 1
        return keys.verify(key, message, signature)

    proof.verify(proven, GENESIS, verify_signature=counted)
    certificates = 1 + len(proven.finality.changes)
    largest = max(len(vote_keys()), 4)
    assert checked <= certificates * largest + len(open_envelope(proven.transaction).signatures)


def test_the_verifier_imports_neither_store_nor_network() -> None:
    script = (
        "import sys, ledger.proof\n"
        "print([m for m in sys.modules if m.startswith(('ledger.store', 'lmdb', 'node', "
        "'contracts', 'asyncio', 'socket', 'ssl'))])"
    )
    result = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert result.stdout.strip() == "[]"


def test_extension_proofs_are_typed_apart_from_receipts() -> None:
    found = prove_extension(CHAIN.store, 1)
    assert isinstance(proof.read(encode(found)), ProvenExtension)
    with pytest.raises(CodedError):
        proof.read(encode(("iic.other/1", 1)))
