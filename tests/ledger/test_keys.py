"""The one acceptance rule of signatures, on public vectors and their edge cases."""

from __future__ import annotations

import json
from typing import Any

import nacl.bindings
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_chains import VECTORS

from ledger.errors import BAD_KEY, CodedError
from ledger.keys import PrivateKey, is_valid_public_key, require_valid_public_key, verify

WYCHEPROOF = VECTORS / "wycheproof_ed25519.json"
SPECCHECK = VECTORS / "ed25519_speccheck_cases.json"
ORDER = 2**252 + 27742317777372353535851937790883648493
FIELD = 2**255 - 19
IDENTITY = b"\x01" + bytes(31)


def _load(path: Any) -> Any:
    return json.loads(path.read_text()) if path.is_file() else []


needs = pytest.mark.skipif(
    not (WYCHEPROOF.is_file() and SPECCHECK.is_file()),
    reason=f"the public Ed25519 vectors are not at {VECTORS}",
)


@needs
def test_wycheproof_signatures_are_accepted_exactly_when_valid() -> None:
    counts = {"valid": 0, "invalid": 0}
    for group in _load(WYCHEPROOF)["testGroups"]:
        key = bytes.fromhex(group["publicKey"]["pk"])
        for case in group["tests"]:
            accepted = verify(key, bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"]))
            assert accepted is (case["result"] == "valid"), case
            counts[case["result"]] += 1
    assert counts == {"valid": 88, "invalid": 63}


@needs
def test_of_the_twelve_edge_cases_only_the_fourth_is_accepted() -> None:
    """Case 3 has points of mixed order that satisfy the cofactorless equation."""
    accepted = [
        verify(
            bytes.fromhex(case["pub_key"]),
            bytes.fromhex(case["message"]),
            bytes.fromhex(case["signature"]),
        )
        for case in _load(SPECCHECK)
    ]
    assert accepted == [index == 3 for index in range(12)]


@needs
def test_keys_of_the_edge_cases_may_not_be_registered() -> None:
    """All but cases 6 and 7, which are about S, have keys of small or mixed order."""
    registrable = [is_valid_public_key(bytes.fromhex(c["pub_key"])) for c in _load(SPECCHECK)]
    assert registrable == [index in {6, 7} for index in range(12)]


@given(st.binary(max_size=100), st.data())
def test_a_signature_is_valid_for_its_message_and_key_alone(
    text: bytes, data: st.DataObject
) -> None:
    key = PrivateKey(b"k" * 32)
    signature = key.sign(text)
    assert verify(key.public, text, signature)
    assert not verify(PrivateKey(b"o" * 32).public, text, signature)
    assert not verify(key.public, text + b"\0", signature)
    bit = data.draw(st.integers(0, 511))
    changed = bytearray(signature)
    changed[bit // 8] ^= 1 << bit % 8
    assert not verify(key.public, text, bytes(changed))


def test_s_plus_the_group_order_is_refused() -> None:
    key = PrivateKey(b"k" * 32)
    signature = key.sign(b"text")
    s = int.from_bytes(signature[32:], "little") + ORDER
    assert not verify(key.public, b"text", signature[:32] + s.to_bytes(32, "little"))


@given(st.binary(max_size=40), st.binary(max_size=100), st.binary(max_size=70))
def test_anything_else_is_not_accepted_and_nothing_is_raised(
    key: bytes, text: bytes, signature: bytes
) -> None:
    assert not verify(key, text, signature)


@pytest.mark.parametrize(
    "public_key",
    [
        b"",
        bytes(31),
        bytes(33),
        bytes(32),
        IDENTITY,
        (FIELD + 1).to_bytes(32, "little"),
        b"\xff" * 32,
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
        (2).to_bytes(32, "little"),
    ],
    ids=["empty", "short", "long", "order 4", "identity", "not reduced", "ones", "order 8", "off"],
)
def test_unacceptable_keys_are_refused_with_their_field(public_key: bytes) -> None:
    assert not is_valid_public_key(public_key)
    with pytest.raises(CodedError) as error:
        require_valid_public_key(public_key, "keys[0].public_key")
    assert (error.value.code, error.value.field) == (BAD_KEY, "keys[0].public_key")


def test_a_key_of_mixed_order_may_not_be_registered() -> None:
    key = PrivateKey(b"k" * 32)
    order_2 = (FIELD - 1).to_bytes(32, "little")
    mixed = nacl.bindings.crypto_core_ed25519_add(key.public, order_2)
    assert is_valid_public_key(key.public)
    assert not is_valid_public_key(mixed)


def test_a_private_key_never_shows_its_seed() -> None:
    key = PrivateKey.generate()
    for text in (repr(key), str(key), f"{key}"):
        assert key.seed().hex() not in text
        assert key.public.hex() in text
    assert PrivateKey(key.seed()).public == key.public
    assert PrivateKey.generate().public != key.public
