"""The frame decoder: arbitrary bytes, arbitrary cuts, bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.block import Certificate, Vote
from ledger.errors import CodedError
from node import messages
from node.network.frames import HEADER, LANES, LIMITS, Decoder, Frame, Kind, Lane, encode_frame

FRAMES = st.lists(
    st.sampled_from(sorted(LIMITS)).flatmap(
        lambda kind: st.builds(Frame, st.just(kind), st.binary(max_size=min(LIMITS[kind], 300)))
    ),
    max_size=8,
)


@given(FRAMES, st.data())
def test_frames_come_out_as_they_went_in_however_the_stream_is_cut(
    frames: list[Frame], data: st.DataObject
) -> None:
    stream = b"".join(encode_frame(*frame) for frame in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    decoder, found = Decoder(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += decoder.feed(stream[start:end])
    assert found == frames
    assert decoder.pending == 0


@given(st.lists(st.binary(max_size=64), max_size=30))
def test_arbitrary_bytes_give_frames_or_one_coded_error_and_never_much_memory(
    pieces: list[bytes],
) -> None:
    decoder, total = Decoder(), 0
    for piece in pieces:
        total += len(piece)
        try:
            frames = decoder.feed(piece)
        except CodedError as error:
            assert error.code.name == "FRAME_REFUSED"
            return
        assert all(len(f.payload) <= LIMITS[f.kind] for f in frames)
        assert decoder.pending <= total


@pytest.mark.parametrize("kind", sorted(LIMITS))
def test_a_length_above_the_kinds_limit_is_refused_at_the_header(kind: int) -> None:
    decoder = Decoder()
    assert decoder.feed(HEADER.pack(LIMITS[kind] + 1, kind)[:4]) == []
    with pytest.raises(CodedError, match="at most"):
        decoder.feed(bytes([kind]))
    assert decoder.pending == HEADER.size
    with pytest.raises(CodedError):
        encode_frame(kind, bytes(LIMITS[kind] + 1))


@pytest.mark.parametrize("kind", [0, 100, 127, 130, 255])
def test_an_unknown_kind_is_refused(kind: int) -> None:
    with pytest.raises(CodedError, match="unknown"):
        Decoder().feed(HEADER.pack(0, kind))


def test_every_message_has_a_lane_and_what_decides_goes_first() -> None:
    assert set(LANES) == set(messages.MESSAGE_KINDS) == set(LIMITS) - set(Kind)
    by_type = {structure: LANES[kind] for kind, (structure, _) in messages.MESSAGE_KINDS.items()}
    assert by_type[messages.Proposal] is Lane.CONSENSUS
    assert by_type[Vote] is by_type[Certificate] is Lane.CONSENSUS
    assert by_type[messages.Batch] is Lane.BATCH
    assert by_type[messages.BlockResponse] is Lane.SYNC
