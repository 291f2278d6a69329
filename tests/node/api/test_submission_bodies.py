"""Whatever a submission's body is, reading it ends with envelopes or a coded refusal."""

import base64

import msgpack
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import CodedError
from node.api.submissions import read_wires

MEDIA_TYPES = st.sampled_from(
    ["application/msgpack", "application/octet-stream", "application/json", "text/plain", ""]
)
ACCEPTABLE = {"MALFORMED", "NOT_CANONICAL", "UNSUPPORTED_MEDIA_TYPE"}
wires = st.lists(st.binary(max_size=300), min_size=1, max_size=20)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.binary() | st.text(),
    lambda inner: st.lists(inner, max_size=5),
)


@given(wires)
def test_both_forms_of_a_submission_hold_the_same_bytes(items: list[bytes]) -> None:
    texts = [base64.urlsafe_b64encode(item).decode().rstrip("=") for item in items]
    assert read_wires(msgpack.packb(items), "application/msgpack") == items
    assert read_wires(msgspec.json.encode({"transactions": texts}), "application/json") == items


@given(st.binary(max_size=400), MEDIA_TYPES)
def test_arbitrary_bytes_are_refused_with_a_code(body: bytes, media_type: str) -> None:
    try:
        assert read_wires(body, media_type)
    except CodedError as refused:
        assert refused.code.name in ACCEPTABLE


@given(plain.map(msgpack.packb), st.sampled_from(["application/msgpack"]))
def test_any_other_structure_is_refused_with_a_code(body: bytes, media_type: str) -> None:
    try:
        found = read_wires(body, media_type)
    except CodedError as refused:
        assert refused.code.name in ACCEPTABLE
    else:
        assert msgpack.packb(found) == body


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "MALFORMED"),
        (b"\x90", "MALFORMED"),
        (b"\x91\xc4\x01a\x00", "MALFORMED"),
        (b"\x91\xc5\x00\x01a", "NOT_CANONICAL"),
        (b"\xdc\x00\x01\xc4\x01a", "NOT_CANONICAL"),
        (b"\x91" * 5000, "MALFORMED"),
        (b"\xdd\xff\xff\xff\xff", "MALFORMED"),
    ],
)
def test_each_broken_array_gets_its_code(body: bytes, code: str) -> None:
    with pytest.raises(CodedError) as refused:
        read_wires(body, "application/msgpack")
    assert refused.value.code.name == code
