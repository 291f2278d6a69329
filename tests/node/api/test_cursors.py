"""Cursors resume where they were given out, and nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import CodedError
from node.api import cursors
from node.api.cursors import Place

numbers = st.integers(0, 2**63 - 1)


@given(st.binary(max_size=200), numbers, st.integers(0, cursors.MAX_POSITION), numbers)
def test_a_cursor_leads_back_to_its_place(
    subject: bytes, height: int, index: int, extra: int
) -> None:
    place = Place("account", subject, height, index, extra)
    assert cursors.read(cursors.write(place), "account", subject) == place


@given(st.one_of(st.text(max_size=500), st.binary(max_size=100).map(bytes.hex)))
def test_arbitrary_text_is_refused_as_a_cursor(text: str) -> None:
    with pytest.raises(CodedError) as refused:
        cursors.read(text, "account", b"A")
    assert refused.value.code.name == "BAD_CURSOR"


def test_a_cursor_of_another_history_is_refused() -> None:
    cursor = cursors.write(Place("account", b"A", 1, 2))
    for kind, subject in [("account", b"B"), ("party", b"A")]:
        with pytest.raises(CodedError, match="another history"):
            cursors.read(cursor, kind, subject)
