"""Annex files: only the right key opens them, whole, and the content is the one committed to."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl import bindings as sodium

from cli.annexes import (
    KEY_BYTES,
    SALT_BYTES,
    EncryptionSecret,
    commitment_of,
    open_annex,
    read_annex,
    require_chain,
    seal,
    unwrap,
    wrap,
)
from contracts.annex.records import SEALED_KEY_BYTES
from ledger.errors import CodedError
from ledger.keys import PrivateKey

CHAIN, OTHER = bytes(range(32)), bytes(32)
READER, STRANGER = EncryptionSecret(b"r" * 32), EncryptionSecret(b"s" * 32)


def code_of(error: pytest.ExceptionInfo[CodedError]) -> str:
    return error.value.code.name


@settings(max_examples=50)
@given(st.binary(min_size=1, max_size=2_000))
def test_a_reader_gets_exactly_what_was_sealed(content: bytes) -> None:
    made = seal(CHAIN, content)
    wrapped = wrap(made.content_key, READER.public)
    assert len(wrapped) == SEALED_KEY_BYTES
    opened = open_annex(read_annex(made.data), unwrap(wrapped, READER))
    assert opened.content == content
    assert commitment_of(CHAIN, opened.salt, content) == made.commitment
    assert made.size == len(content)


def test_another_key_does_not_open_what_was_sealed() -> None:
    made = seal(CHAIN, b"the price is 12")
    with pytest.raises(CodedError) as caught:
        unwrap(wrap(made.content_key, READER.public), STRANGER)
    assert code_of(caught) == "ANNEX_WRONG_KEY"
    with pytest.raises(CodedError) as caught:
        open_annex(read_annex(made.data), b"w" * KEY_BYTES)
    assert code_of(caught) == "ANNEX_WRONG_KEY"


def test_a_sealed_key_of_the_wrong_length_is_no_key() -> None:
    with pytest.raises(CodedError) as caught:
        unwrap(wrap(b"short", READER.public), READER)
    assert code_of(caught) == "ANNEX_WRONG_KEY"


def test_any_changed_byte_is_found() -> None:
    made = seal(CHAIN, b"the price is 12")
    for at in range(len(made.data)):
        changed = bytearray(made.data)
        changed[at] ^= 1
        with pytest.raises(CodedError) as caught:
            open_annex(read_annex(bytes(changed)), made.content_key)
        assert code_of(caught) in {"ANNEX_DAMAGED", "ANNEX_WRONG_KEY"}


@given(st.integers(0, 150))
def test_a_file_that_is_cut_short_is_told(length: int) -> None:
    made = seal(CHAIN, b"x")
    if length < len(made.data):
        with pytest.raises(CodedError) as caught:
            open_annex(read_annex(made.data[:length]), made.content_key)
        assert code_of(caught) in {"ANNEX_DAMAGED", "ANNEX_WRONG_KEY"}


def test_a_content_other_than_the_committed_one_is_found_although_the_key_is_right() -> None:
    """An author that encrypts something else under the same header is caught by the commitment."""
    made = seal(CHAIN, b"the price is 12")
    file = read_annex(made.data)
    plain = b"\0" * SALT_BYTES + b"the price is 21"
    forged = file.header + sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
        plain, file.header, file.nonce, made.content_key
    )
    with pytest.raises(CodedError) as caught:
        open_annex(read_annex(forged), made.content_key)
    assert code_of(caught) == "ANNEX_DAMAGED"


def test_the_same_content_is_never_sealed_alike() -> None:
    one, other = seal(CHAIN, b"same"), seal(CHAIN, b"same")
    assert one.commitment != other.commitment and one.data != other.data


def test_an_annex_belongs_to_one_ledger() -> None:
    file = read_annex(seal(CHAIN, b"x").data)
    with pytest.raises(CodedError) as caught:
        require_chain(file, OTHER)
    assert code_of(caught) == "WRONG_CHAIN"


def test_encryption_keys_are_not_signing_keys() -> None:
    seed = b"q" * 32
    signing = PrivateKey(seed).public
    assert EncryptionSecret(seed).public != sodium.crypto_sign_ed25519_pk_to_curve25519(signing)


def test_the_text_of_a_secret_shows_only_its_public_part() -> None:
    assert READER.public.hex() in repr(READER)
    assert (b"r" * 32).hex() not in repr(READER)
