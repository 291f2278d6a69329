"""Canonical MessagePack: one value, one encoding; every decoder survives every input."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import msgpack
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_chains import VECTORS, memory_chain

from ledger import block, genesis, limits, proof, receipt, statetree, transaction, validators
from ledger.codec import Struct, decode, decode_plain, decode_trusted, encode
from ledger.errors import MALFORMED, NOT_CANONICAL, TOO_LARGE, CodedError
from ledger.store.proofs import prove_extension, prove_receipt, prove_state

SUITE = VECTORS / "msgpack_test_suite.json"
CASES: list[dict[str, Any]] = (
    [case for group in json.loads(SUITE.read_text()).values() for case in group]
    if SUITE.is_file()
    else []
)
needs_suite = pytest.mark.skipif(
    not CASES, reason=f"the public MessagePack suite is not at {SUITE}"
)


def _value(case: dict[str, Any]) -> Any:
    """The case's value in the ledger's profile, or raise KeyError if the profile has none."""
    for kind in ("map", "ext", "timestamp"):
        if kind in case:
            raise KeyError(kind)
    if "bignum" in case:
        number = int(case["bignum"])
        if not -(2**63) <= number <= 2**63 - 1:
            raise KeyError("range")
        return number
    kind = next(key for key in case if key != "msgpack")
    if kind == "binary":
        return bytes.fromhex(case["binary"].replace("-", ""))
    value = case[kind]
    if isinstance(value, float) and value != int(value):
        raise KeyError("float")
    return _tuples(value)


def _tuples(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        raise KeyError("map")
    return int(value) if isinstance(value, float) else value


@needs_suite
def test_of_every_public_value_one_encoding_at_most_is_accepted() -> None:
    accepted = refused = 0
    for case in CASES:
        encodings = [bytes.fromhex(text.replace("-", "")) for text in case["msgpack"]]
        try:
            value = _value(case)
        except KeyError:
            canonical = None
        else:
            canonical = encode(value)
            assert canonical in encodings
        for data in encodings:
            if data == canonical:
                assert decode_plain(data) == value
                accepted += 1
            else:
                with pytest.raises(CodedError) as error:
                    decode_plain(data)
                assert error.value.code in {MALFORMED, NOT_CANONICAL}
                refused += 1
    assert accepted + refused == 233
    # The suite's readme counts 137 encodings that are not the shortest of their value; floats,
    # maps, extension types and integers from 2^63 on are refused besides.
    assert refused > 137


plain = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.binary(max_size=300),
        st.text(max_size=80).map(lambda text: unicodedata.normalize("NFC", text)),
    ),
    lambda inner: st.lists(inner, max_size=20).map(tuple),
    max_leaves=30,
)


@given(plain)
def test_values_survive_and_msgspec_writes_the_same_bytes(value: Any) -> None:
    data = encode(value)
    assert decode_plain(data) == value
    assert msgspec.msgpack.encode(value) == data


class Inner(Struct, tag=7):
    number: int
    text: str | None = None


class Outer(Struct, tag="test.Outer"):
    inner: tuple[Inner, ...]
    flag: bool
    data: bytes


@given(
    st.builds(
        Outer,
        st.lists(
            st.builds(
                Inner,
                st.integers(-(2**63), 2**63 - 1),
                st.one_of(
                    st.none(), st.text().map(lambda text: unicodedata.normalize("NFC", text))
                ),
            ),
            max_size=20,
        ).map(tuple),
        st.booleans(),
        st.binary(max_size=70_000),
    )
)
@settings(deadline=None)
def test_structures_survive_and_msgspec_writes_the_same_bytes(value: Outer) -> None:
    data = encode(value)
    assert decode(data, Outer) == value
    assert decode_trusted(data, Outer) == value
    assert msgspec.msgpack.encode(value) == data


@pytest.mark.parametrize("value", [1.5, {1: 2}, 2**64, -(2**63) - 1, "\ud800", object(), 1j])
def test_values_outside_the_profile_have_no_encoding(value: Any) -> None:
    with pytest.raises(CodedError) as error:
        decode_plain(encode(value))
    assert error.value.code is MALFORMED


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("float", msgpack.packb(1.5)),
        ("not a number", bytes.fromhex("cb7ff8000000000000")),
        ("empty map", b"\x80"),
        ("map with a key twice", bytes.fromhex("8201010102")),
        ("timestamp", bytes.fromhex("d6ff00000000")),
        ("extension", bytes.fromhex("d40501")),
        ("reserved byte", b"\xc1"),
        ("2^63", bytes.fromhex("cf8000000000000000")),
        ("number in a longer form", bytes.fromhex("cc01")),
        ("negative number in a longer form", bytes.fromhex("d1ffff")),
        ("positive number in a signed form", bytes.fromhex("d07f")),
        ("text in a longer form", bytes.fromhex("d90161")),
        ("bytes in a longer form", bytes.fromhex("c5000161")),
        ("array in a longer form", bytes.fromhex("dc000101")),
        ("text not in NFC", b"\xa3" + "e\u0301".encode()),
        ("text not in UTF-8", b"\xa1\xff"),
        ("text with a surrogate", b"\xa3\xed\xa0\x80"),
        ("nothing", b""),
        ("something after the value", b"\x01\x01"),
        ("value cut short", b"\x92\x01"),
        ("array of 4 billion", bytes.fromhex("ddffffffff")),
        ("bytes of 4 gigabytes", bytes.fromhex("c6ffffffff")),
        ("arrays nested 5,000 deep", b"\x91" * 5_000 + b"\x01"),
    ],
)
def test_other_byte_strings_are_refused(name: str, data: bytes) -> None:
    with pytest.raises(CodedError) as error:
        decode_plain(data)
    assert error.value.code in {MALFORMED, NOT_CANONICAL}


def test_size_is_checked_before_anything_else() -> None:
    for call in (
        lambda: decode_plain(b"\xc1" * 11, limit=10),
        lambda: decode(b"\xc1" * 11, Outer, limit=10),
    ):
        with pytest.raises(CodedError) as error:
            call()
        assert error.value.code is TOO_LARGE


def test_a_structure_has_its_fields_and_its_version_and_no_more() -> None:
    good = encode(Inner(5, "x"))
    assert decode(good, Inner) == Inner(5, "x")
    for wrong in (
        (7, 5, "x", 0),
        (7,),
        (8, 5, "x"),
        ("7", 5, "x"),
        (7, "5", "x"),
        (7, 5, 1),
        (7, True, None),
        5,
        (),
    ):
        with pytest.raises(CodedError) as error:
            decode(encode(wrong), Inner)
        assert error.value.code is MALFORMED


def test_a_structure_that_leaves_out_a_default_is_not_canonical() -> None:
    with pytest.raises(CodedError) as error:
        decode(encode((7, 5)), Inner)
    assert error.value.code is NOT_CANONICAL


KINDS: list[type[Any]] = [
    block.Header,
    block.Vote,
    block.Certificate,
    validators.Validator,
    validators.ValidatorSet,
    transaction.Transaction,
    transaction.SignedTransaction,
    receipt.Receipt,
    receipt.Posting,
    statetree.StateProof,
    genesis.Genesis,
    genesis.NodeCard,
    proof.ProvenReceipt,
    proof.ProvenState,
    proof.ProvenExtension,
]


def _samples() -> list[bytes]:
    chain = memory_chain()
    chain.grow(2)
    chain.grow(1, handover=True)
    chain.grow(1, certified=False)
    chain.grow(1)
    store = chain.store
    with store.snapshot() as reader:
        proven = [
            prove_receipt(reader, 4, 2),
            prove_state(reader, b"account/x"),
            prove_extension(reader, 2),
        ]
    row = store.row(1, 1)
    assert row is not None
    card = genesis.NodeCard(chain.genesis.validators.validators[0], bytes(64))
    values = [
        store.header(1),
        store.certificate(1),
        chain.genesis,
        card,
        chain.genesis.validators,
        *proven,
    ]
    return [row.wire, row.receipt, *(encode(value) for value in values)]


SAMPLES = _samples()
mutations = st.tuples(
    st.sampled_from(SAMPLES),
    st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), max_size=4),
    st.integers(-5, 5),
).map(lambda parts: _mutated(*parts))


def _mutated(data: bytes, changes: list[tuple[int, int]], tail: int) -> bytes:
    result = bytearray(data)
    for at, value in changes:
        result[at % len(result)] = value
    return bytes(result[:tail] if tail < 0 else result + bytes(tail))


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.binary(max_size=200), mutations, plain.map(encode)))
def test_every_decoder_answers_any_bytes_with_a_value_or_a_coded_error(data: bytes) -> None:
    chain_id = bytes(32)
    readers: list[Any] = [
        decode_plain,
        transaction.open_envelope,
        proof.read,
        genesis.parse,
        genesis.parse_card,
        lambda given: transaction.read_content(chain_id, given),
        *(lambda given, kind=kind: decode(given, kind) for kind in KINDS),
    ]
    for reader in readers:
        try:
            value = reader(data)
        except CodedError:
            continue
        if reader not in {genesis.parse, genesis.parse_card}:
            assert encode(value) == data, "what is accepted is the canonical encoding"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300) | st.binary(max_size=300))
def test_genesis_files_of_any_text_are_refused_with_a_code(text: str | bytes) -> None:
    for reader in (genesis.parse, genesis.parse_card):
        with pytest.raises(CodedError):
            reader(text)


def test_decoding_the_largest_block_of_small_items_takes_linear_work() -> None:
    data = b"\xdd" + (limits.MAX_BLOCK_BYTES - 5).to_bytes(4, "big")
    data += b"\x01" * (limits.MAX_BLOCK_BYTES - 5)
    assert len(decode_plain(data)) == limits.MAX_BLOCK_BYTES - 5
