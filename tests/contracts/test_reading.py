"""Bytes from strangers: each gets a code, none an exception, and only one encoding is right."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from cast import EVIDENCE, URAL, VOLGA
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_in_memory import CHAIN, START, key, lei

import contracts.registry
from contracts.currency.operations import Leg, OpenEscrow, RequestPayment, Transfer
from contracts.executor import read_candidate, read_trusted
from contracts.framework.operation import Operation, declarations, write_operation
from ledger.codec import encode
from ledger.errors import CodedError
from ledger.transaction import KeySignature, SignedTransaction, Transaction

VALID = [
    Transfer((Leg(lei(VOLGA), 5), Leg(lei(URAL), 7, "счёт 12"))),
    OpenEscrow(lei(VOLGA), 5, lei(URAL), "delivered", START),
    RequestPayment(lei(VOLGA), 5, START, "gears", EVIDENCE),
]


def wire(*operations: Any, author: str = lei(URAL), chain: bytes = CHAIN) -> bytes:
    content = encode(Transaction(chain, author, operations, START))
    return encode(SignedTransaction(content, (KeySignature(key(URAL).public, bytes(64)),)))


def refusal(data: bytes) -> tuple[str, str]:
    with pytest.raises(CodedError) as caught:
        read_candidate(CHAIN, data)
    return caught.value.code.name, caught.value.field


@pytest.mark.parametrize("op", VALID, ids=lambda op: type(op).__name__)
def test_what_is_written_is_read_back(op: Operation) -> None:
    data = wire(write_operation(op))
    candidate = read_candidate(CHAIN, data)
    assert candidate.operations == (op,)
    assert read_trusted(CHAIN, data) == candidate


@given(st.binary(max_size=300))
def test_arbitrary_bytes_get_a_code(data: bytes) -> None:
    with pytest.raises(CodedError):
        read_candidate(CHAIN, data)


@given(st.data())
@settings(max_examples=300)
def test_damaged_transactions_get_a_code_or_are_another_valid_one(data: st.DataObject) -> None:
    original = bytearray(wire(*map(write_operation, VALID)))
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(original) - 1))
        original[position] = data.draw(st.integers(0, 255))
    try:
        candidate = read_candidate(CHAIN, bytes(original))
    except CodedError:
        return
    content = encode(candidate.transaction)
    signatures = tuple(s for s in _signatures(bytes(original)))
    assert encode(SignedTransaction(content, signatures)) == bytes(original)


def _signatures(data: bytes) -> tuple[KeySignature, ...]:
    _, _, entries = msgpack.unpackb(data, use_list=False)
    return tuple(KeySignature(*entry) for entry in entries)


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=30)
    | st.binary(max_size=40) | st.sampled_from([lei(URAL), EVIDENCE, "KZ"]),
    lambda inner: st.lists(inner, max_size=5).map(tuple),
    max_leaves=12,
)  # fmt: skip


@given(st.sampled_from(sorted(declarations())), st.lists(plain, max_size=8))
@settings(max_examples=500)
def test_arbitrary_fields_of_every_operation_get_a_code(name: str, fields: list[Any]) -> None:
    try:
        data = wire((name, *fields))
    except CodedError:
        return  # not even an encodable transaction
    try:
        candidate = read_candidate(CHAIN, data)
    except CodedError as error:
        assert error.code.name in {
            "MALFORMED", "NOT_CANONICAL", "INVALID_FIELD", "TOO_LARGE", "UNKNOWN_OPERATION",
        }  # fmt: skip
    else:
        assert write_operation(candidate.operations[0])[0] == name


def test_each_kind_of_bad_input_has_its_own_code() -> None:
    transfer = write_operation(VALID[0])
    assert refusal(wire(("currency.Nothing", 1)))[0] == "UNKNOWN_OPERATION"
    assert refusal(wire((1, 2)))[0] == "MALFORMED"
    assert refusal(wire(()))[0] == "MALFORMED"
    assert refusal(wire(transfer, chain=bytes(32)))[0] == "WRONG_CHAIN"
    assert refusal(wire(transfer, author="A" * 20)) == ("INVALID_FIELD", "author")
    bad_payee = write_operation(Transfer((Leg("A" * 18 + "00", 5),)))
    assert refusal(wire(bad_payee)) == ("INVALID_FIELD", "operations[0].legs[0].payee")
    zero = ("currency.Transfer", ((lei(VOLGA), 0, ""),))
    assert refusal(wire(zero))[0] == "MALFORMED"
    assert refusal(b"\0" * 100_000)[0] == "TOO_LARGE"


def test_left_out_defaults_and_look_alike_types_are_not_canonical() -> None:
    short = ("currency.Transfer", ((lei(VOLGA), 5),))
    assert refusal(wire(short))[0] == "NOT_CANONICAL"
    # JSON habits: bytes as base64 text would decode, but no encoder of ours writes them.
    as_text = ("currency.Issue", "A" * 43 + "=", EVIDENCE)
    assert refusal(wire(as_text))[0] in {"NOT_CANONICAL", "MALFORMED"}


def test_signatures_out_of_order_or_repeated_are_refused() -> None:
    content = encode(Transaction(CHAIN, lei(URAL), (write_operation(VALID[0]),), START))
    one = KeySignature(key(URAL).public, bytes(64))
    for pair in ((one, one), tuple(sorted((one, KeySignature(bytes(32), bytes(64))),
                                          key=lambda s: s.key, reverse=True))):  # fmt: skip
        assert refusal(encode(SignedTransaction(content, pair)))[0] == "MALFORMED"


def test_every_operation_of_a_capability_is_declared_with_a_rule() -> None:
    for capability in contracts.registry.CAPABILITIES:
        for kind in capability.operations:
            declaration = kind.declaration
            assert declaration.transition.__name__ != "_undefined", declaration.name
            assert set(declaration.text) >= {"en", "ru", "zh"}
            assert declaration.meaning
