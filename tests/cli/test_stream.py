"""A reader of events misses no block unnoticed, however the bytes arrive."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.stream import EventReader
from ledger.errors import CodedError
from node.api.feed import encode_event
from node.api.models import BlockEvent, GapEvent
from node.api.words import moment


def block(height: int) -> BlockEvent:
    return BlockEvent(
        height=height,
        hash="00" * 32,
        view=height,
        time=moment(1_000 * height),
        state_root="00" * 32,
        transactions=[],
    )


def sent(height: int) -> bytes:
    return encode_event("block", block(height), height)


def places(events: list[BlockEvent | GapEvent]) -> list[object]:
    return [e.height if isinstance(e, BlockEvent) else (e.first, e.last) for e in events]


@given(st.lists(st.integers(1, 60), max_size=40))
def test_events_are_the_same_however_the_bytes_are_cut(cuts: list[int]) -> None:
    data = b"retry: 1000\n: head 3\n\n" + sent(4) + b": ping\r\n\r\n" + sent(5) + sent(6)
    reader = EventReader(4)
    seen: list[BlockEvent | GapEvent] = []
    at = 0
    for size in [*cuts, len(data)]:
        seen += reader.feed(data[at : at + size])
        at += size
    assert places(seen) == [4, 5, 6]
    assert reader.next == 7


def test_a_block_left_out_is_reported_as_a_gap() -> None:
    reader = EventReader(None)
    assert places(reader.feed(sent(4) + sent(7))) == [4, (5, 6), 7]


def test_a_gap_that_the_node_tells_is_passed_on_once() -> None:
    reader = EventReader(2)
    gap = encode_event("gap", GapEvent(first=2, last=8, reason="old"), 8)
    assert places(reader.feed(gap + sent(9))) == [(2, 8), 9]


def test_after_a_reconnect_no_block_comes_twice() -> None:
    reader = EventReader(4)
    assert places(reader.feed(sent(4) + sent(5)[:30])) == [4]
    reader.reconnect()
    assert reader.next == 5
    assert places(reader.feed(sent(4) + sent(5))) == [5]


@pytest.mark.parametrize(
    "data", [b"event: block\ndata: {}\n\n", b"event: block\ndata: \xff\n\n", b"event: gap\n\n"]
)
def test_what_is_no_event_is_a_bad_answer(data: bytes) -> None:
    with pytest.raises(CodedError) as refused:
        EventReader(None).feed(data)
    assert refused.value.code.name == "BAD_ANSWER"


def test_an_event_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.stream.MAX_EVENT_BYTES", 1000)
    reader = EventReader(None)
    with pytest.raises(CodedError, match="without end"):
        for _ in range(20):
            reader.feed(b"data: " + b"x" * 100)


def test_unknown_kinds_of_events_are_skipped() -> None:
    data = msgspec.json.encode({"a": 1})
    assert EventReader(None).feed(b"event: later\ndata: " + data + b"\n\n") == []
