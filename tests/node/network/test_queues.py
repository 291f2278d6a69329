"""Queues: bounded, prioritised, fair."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from node import limits
from node.network.frames import LANES, Frame, Lane
from node.network.queues import Bucket, Inbox, SendQueue

KINDS = {lane: next(k for k, v in LANES.items() if v is lane) for lane in Lane}


@given(st.lists(st.tuples(st.sampled_from(Lane), st.integers(1, 60)), max_size=60))
def test_a_send_queue_never_holds_more_than_its_bounds_and_only_sync_is_dropped(
    puts: list[tuple[Lane, int]],
) -> None:
    queue = SendQueue(limit=200, sync_limit=100)
    kept = {Lane.CONSENSUS: 0, Lane.BATCH: 0}
    refused = False
    for lane, size in puts:
        accepted = queue.put(lane, bytes([lane]) * size)
        refused = refused or not accepted
        if accepted and lane is not Lane.SYNC:
            kept[lane] += 1
        assert queue.bytes <= 200
    taken = []
    while (frame := queue.take()) is not None:
        taken.append(Lane(frame[0]))
    assert taken == sorted(taken), "urgent lanes first"
    assert {lane: taken.count(lane) for lane in kept} == kept
    assert sum(1 for lane in taken if lane is Lane.SYNC) <= 100
    assert queue.bytes == 0 and not queue
    if not refused and queue.dropped == 0:
        assert len(taken) == len(puts)


def test_sync_answers_give_way_to_votes_oldest_first() -> None:
    queue = SendQueue(limit=100, sync_limit=100)
    for number in range(10):
        assert queue.put(Lane.SYNC, bytes([number]) * 10)
    assert queue.put(Lane.CONSENSUS, b"v" * 15)
    assert queue.dropped == 2
    assert queue.take() == b"v" * 15
    assert queue.take() == bytes([2]) * 10


def test_a_queue_full_of_consensus_frames_says_so() -> None:
    queue = SendQueue(limit=100, sync_limit=100)
    assert queue.put(Lane.CONSENSUS, bytes(95))
    assert not queue.put(Lane.BATCH, bytes(10))
    assert not queue.put(Lane.CONSENSUS, bytes(10))
    assert queue.bytes == 95


def test_a_peer_that_floods_delays_only_itself() -> None:
    inbox = Inbox()
    for _ in range(1_000):
        inbox.put(1, Frame(KINDS[Lane.BATCH], b"x"))
        inbox.put(1, Frame(KINDS[Lane.CONSENSUS], b"x"))
    inbox.put(2, Frame(KINDS[Lane.CONSENSUS], b"vote"))
    inbox.put(2, Frame(KINDS[Lane.BATCH], b"batch"))
    order = []
    while (taken := inbox.take()) is not None:
        order.append(taken)
    position = {frame.payload: at for at, (peer, frame) in enumerate(order) if peer == 2}
    assert position[b"vote"] <= 1
    assert position[b"batch"] <= 1_001 + 1, "right after consensus, second in its lane"
    assert len(order) == 2_002


def test_sync_and_batches_share_what_consensus_leaves() -> None:
    inbox = Inbox()
    for _ in range(10):
        inbox.put(1, Frame(KINDS[Lane.BATCH], b"b"))
        inbox.put(2, Frame(KINDS[Lane.SYNC], b"s"))
    first = [taken[1].payload for taken in (inbox.take() for _ in range(10)) if taken]
    assert first.count(b"b") == first.count(b"s") == 5


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(Lane), st.integers(0, 9))))
def test_an_inbox_gives_back_everything_once_and_in_order_per_peer_and_lane(
    puts: list[tuple[int, Lane, int]],
) -> None:
    inbox = Inbox()
    sent: dict[tuple[int, int], list[bytes]] = {}
    for number, (peer, lane, size) in enumerate(puts):
        payload = number.to_bytes(4, "big") + bytes(size)
        inbox.put(peer, Frame(KINDS[lane], payload))
        sent.setdefault((peer, KINDS[lane]), []).append(payload)
    found: dict[tuple[int, int], list[bytes]] = {}
    while (taken := inbox.take()) is not None:
        peer, frame = taken
        found.setdefault((peer, frame.kind), []).append(frame.payload)
    assert found == sent
    assert inbox.held_bytes() == 0 and not inbox


def test_forgetting_a_peer_leaves_the_others() -> None:
    inbox = Inbox()
    for peer in (1, 2, 1, 3):
        inbox.put(peer, Frame(KINDS[Lane.BATCH], bytes(10)))
    inbox.forget(1)
    assert inbox.held_bytes() == 20
    assert {taken[0] for taken in (inbox.take(), inbox.take()) if taken} == {2, 3}
    assert inbox.take() is None


def test_a_peer_is_full_at_its_bound_and_drained_at_half_of_it() -> None:
    inbox = Inbox()
    frame = Frame(KINDS[Lane.BATCH], bytes(limits.RECEIVE_QUEUE_BYTES // 8))
    for _ in range(8):
        assert not inbox.is_full(1)
        inbox.put(1, frame)
    assert inbox.is_full(1) and not inbox.is_full(2)
    for _ in range(3):
        inbox.take()
    assert not inbox.has_drained(1)
    inbox.take()
    assert inbox.has_drained(1)


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 50)), min_size=1, max_size=50))
def test_a_bucket_holds_a_sender_that_obeys_it_to_its_rate(
    steps: list[tuple[float, float]],
) -> None:
    rate, burst, now, spent = 10.0, 30.0, 0.0, 0.0
    bucket = Bucket(rate, burst, now)
    for pause, amount in steps:
        now += pause
        spent += amount
        now += bucket.spend(amount, now)
        assert spent <= burst + rate * now + 1e-6
