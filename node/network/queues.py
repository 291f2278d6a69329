"""Bounded queues between a peer and this node, and the fair order in which frames are handled.

Plain data structures: no sockets, no clock.
"""

from __future__ import annotations

from collections import deque

from node import limits
from node.network.frames import LANES, Frame, Lane


class SendQueue:
    """What waits to be sent to one peer, by lane and bounded in bytes.

    Block sync gives way first: its oldest frames are dropped when it outgrows its share or when
    the whole queue is full. Consensus and batches are never dropped; a peer that does not even
    take those is not worth its memory, and :meth:`put` says so.
    """

    __slots__ = ("_lanes", "_limit", "_sync_bytes", "_sync_limit", "bytes", "dropped")

    def __init__(
        self, limit: int = limits.SEND_QUEUE_BYTES, sync_limit: int = limits.SEND_SYNC_BYTES
    ) -> None:
        self._limit = limit
        self._sync_limit = sync_limit
        self._lanes: tuple[deque[bytes], ...] = tuple(deque() for _ in Lane)
        self._sync_bytes = 0
        self.bytes = 0
        self.dropped = 0

    def __bool__(self) -> bool:
        return self.bytes > 0

    def put(self, lane: Lane, frame: bytes) -> bool:
        """Queue a frame; False when there is no room, even without the sync frames waiting."""
        if lane is Lane.SYNC:
            while self._sync_bytes and self._sync_bytes + len(frame) > self._sync_limit:
                self._drop_oldest_sync()
        while self._sync_bytes and self.bytes + len(frame) > self._limit:
            self._drop_oldest_sync()
        if self.bytes + len(frame) > self._limit:
            return False
        self._lanes[lane].append(frame)
        self.bytes += len(frame)
        if lane is Lane.SYNC:
            self._sync_bytes += len(frame)
        return True

    def take(self) -> bytes | None:
        """The most urgent frame, oldest first within its lane."""
        for lane, waiting in enumerate(self._lanes):
            if waiting:
                frame = waiting.popleft()
                self.bytes -= len(frame)
                if lane == Lane.SYNC:
                    self._sync_bytes -= len(frame)
                return frame
        return None

    def clear(self) -> None:
        """Forget everything; the connection is gone."""
        for waiting in self._lanes:
            waiting.clear()
        self.bytes = self._sync_bytes = 0

    def _drop_oldest_sync(self) -> None:
        frame = self._lanes[Lane.SYNC].popleft()
        self.bytes -= len(frame)
        self._sync_bytes -= len(frame)
        self.dropped += 1


class Inbox:
    """Received frames of all peers, handed out fairly.

    Consensus frames of any peer go before all else; then batches and sync take turns. Within a
    lane the peers take turns frame by frame, so a peer that sends much delays only itself.
    """

    __slots__ = ("_bytes", "_frames", "_queues", "_sync_turn", "_turns")

    def __init__(self) -> None:
        self._queues: dict[tuple[Lane, int], deque[Frame]] = {}
        self._turns: tuple[deque[int], ...] = tuple(deque() for _ in Lane)
        self._bytes: dict[int, int] = {}
        self._frames: dict[int, int] = {}
        self._sync_turn = False

    def __bool__(self) -> bool:
        return any(self._turns)

    def put(self, peer: int, frame: Frame) -> None:
        """Queue a message frame of a peer; the caller bounds it by :meth:`is_full`."""
        lane = LANES[frame.kind]
        queue = self._queues.setdefault((lane, peer), deque())
        if not queue:
            self._turns[lane].append(peer)
        queue.append(frame)
        self._bytes[peer] = self._bytes.get(peer, 0) + len(frame.payload)
        self._frames[peer] = self._frames.get(peer, 0) + 1

    def take(self) -> tuple[int, Frame] | None:
        """The next frame and its peer, or None."""
        lane = self._next_lane()
        if lane is None:
            return None
        turns = self._turns[lane]
        peer = turns.popleft()
        queue = self._queues[lane, peer]
        frame = queue.popleft()
        if queue:
            turns.append(peer)
        self._bytes[peer] -= len(frame.payload)
        self._frames[peer] -= 1
        return peer, frame

    def held_bytes(self, peer: int | None = None) -> int:
        """Payload bytes waiting, of one peer or of all."""
        return sum(self._bytes.values()) if peer is None else self._bytes.get(peer, 0)

    def is_full(self, peer: int) -> bool:
        """Whether no more should be read from this peer."""
        return (
            self._bytes.get(peer, 0) >= limits.RECEIVE_QUEUE_BYTES
            or self._frames.get(peer, 0) >= limits.RECEIVE_QUEUE_FRAMES
        )

    def has_drained(self, peer: int) -> bool:
        """Whether reading from a peer that was full may go on: below half of each bound."""
        return (
            self._bytes.get(peer, 0) <= limits.RECEIVE_QUEUE_BYTES // 2
            and self._frames.get(peer, 0) <= limits.RECEIVE_QUEUE_FRAMES // 2
        )

    def forget(self, peer: int) -> None:
        """Drop what waits from a peer that is gone."""
        for lane in Lane:
            if self._queues.pop((lane, peer), None):
                self._turns[lane].remove(peer)
        self._bytes.pop(peer, None)
        self._frames.pop(peer, None)

    def _next_lane(self) -> Lane | None:
        if self._turns[Lane.CONSENSUS]:
            return Lane.CONSENSUS
        self._sync_turn = not self._sync_turn
        first, second = (Lane.SYNC, Lane.BATCH) if self._sync_turn else (Lane.BATCH, Lane.SYNC)
        if self._turns[first]:
            return first
        return second if self._turns[second] else None


class Bucket:
    """A token bucket: ``rate`` per second on average, ``burst`` at once."""

    __slots__ = ("_burst", "_level", "_rate", "_when")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._level = burst
        self._when = now

    def spend(self, amount: float, now: float) -> float:
        """Take ``amount``; the seconds to wait before more may be taken, 0 if none.

        The amount is always taken, because it has arrived already; the debt is waited off.
        """
        self._level = min(self._burst, self._level + (now - self._when) * self._rate) - amount
        self._when = now
        return max(0.0, -self._level / self._rate)
