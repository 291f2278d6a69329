"""Final blocks as server-sent events: each encoded once, pulled by every subscriber.

A subscriber asks for the next height when its connection has taken the last event, so a slow one
holds nothing but its place. One that falls out of the cache while it follows the head is shed: it
resumes by the last id that it saw. Replays of older blocks share one lane, so that catching up
never takes the node's time from deciding.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import msgspec

from ledger.receipt import Receipt, read_receipt
from ledger.store.interface import ChainReader
from node.api.context import Api
from node.api.lane import Lane
from node.api.models import BlockEvent, EventRow, GapEvent
from node.api.words import moment

Subjects = frozenset[str]
"""Parties' LEIs and objects' ids in hex."""

Concerns = Callable[[bytes, Receipt], Subjects]
"""Whom a row (wire, receipt) concerns."""


def encode_event(kind: str, data: msgspec.Struct, event_id: int | None) -> bytes:
    """One server-sent event; JSON never contains a raw line break."""
    head = b"" if event_id is None else b"id: %d\n" % event_id
    return head + b"event: %s\ndata: %s\n\n" % (kind.encode(), msgspec.json.encode(data))


def block_event(reader: ChainReader, height: int) -> BlockEvent:
    """A block's event; raises ``LookupError`` if the store does not hold it."""
    header = reader.header(height)
    if header is None:
        raise LookupError(f"block {height} is not in the store")
    rows = [_event_row(row.receipt) for row in reader.rows(height)]
    first = header.receipts - header.transactions
    return BlockEvent(
        height=height,
        hash=header.hash().hex(),
        view=header.view,
        time=moment(header.time),
        state_root=header.state_root.hex(),
        transactions=rows[first:],
        deadlines=rows[:first],
    )


class _Outcome(msgspec.Struct, array_like=True, tag=1, frozen=True):
    """The first fields of a stored receipt; decoding no more makes a block's event cheap."""

    subject: bytes
    code: str


_outcome = msgspec.msgpack.Decoder(_Outcome)


def _event_row(receipt: bytes) -> EventRow:
    outcome = _outcome.decode(receipt)
    return EventRow(
        id=outcome.subject.hex(),
        status="refused" if outcome.code else "final",
        code=outcome.code,
    )


class _Block:
    """A recent block's event; whom its transactions concern is found when a filter first asks."""

    __slots__ = ("concerned", "encoded", "event")

    def __init__(self, event: BlockEvent) -> None:
        self.event = event
        self.encoded = encode_event("block", event, event.height)
        self.concerned: list[Subjects] | None = None


class Feed:
    """The stream of final blocks of one node."""

    def __init__(self, api: Api, concerns: Concerns) -> None:
        self._api = api
        self._concerns = concerns
        self._blocks: dict[int, _Block] = {}
        self._replays = Lane(rest=api.settings.lane_rest, waiting=api.settings.max_subscribers)
        self._per_client: dict[str, int] = {}
        self._grown = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._closed = False
        self.subscribers = 0

    def has_room(self, client: str) -> bool:
        """Whether one more stream may open."""
        settings = self._api.settings
        return (
            self.subscribers < settings.max_subscribers
            and self._per_client.get(client, 0) < settings.max_subscribers_per_client
        )

    async def stream(
        self, client: str, first: int | None, subjects: Subjects
    ) -> AsyncIterator[bytes]:
        """Events from height ``first`` (None: the next block) for as long as they are taken."""
        self._enter(client, 1)
        try:
            async for chunk in self._events_from(first, subjects):
                yield chunk
        finally:
            self._enter(client, -1)

    def close(self) -> None:
        """End every stream; their clients resume elsewhere by the last id."""
        self._closed = True
        self._wake()

    def _enter(self, client: str, change: int) -> None:
        self.subscribers += change
        self._api.metrics.subscribers.inc(change)
        count = self._per_client.get(client, 0) + change
        if count:
            self._per_client[client] = count
        else:
            del self._per_client[client]
        if not self.subscribers and self._pump is not None:
            self._pump.cancel()
            self._pump = None

    async def _wait_for(self, height: int) -> None:
        """Until a block is there or the feed is closed. One task waits at the node for all."""
        if self._pump is None:
            self._pump = asyncio.get_running_loop().create_task(self._follow())
        while self._api.node.head().height < height and not self._closed:
            await self._grown.wait()

    async def _follow(self) -> None:
        while True:
            await self._api.node.wait_for_height(self._api.node.head().height + 1)
            self._wake()

    def _wake(self) -> None:
        self._grown.set()
        self._grown = asyncio.Event()

    async def _events_from(self, first: int | None, subjects: Subjects) -> AsyncIterator[bytes]:
        node, settings = self._api.node, self._api.settings
        head = node.head().height
        height = head + 1 if first is None else first
        yield b"retry: 1000\n: head %d\n\n" % head
        live = height > head
        while not self._closed:
            head = node.head().height
            if live and height <= head - settings.event_cache_blocks:
                self._api.metrics.shed.inc()
                yield b": too slow; resume by the last id\n\n"
                return
            if height > head:
                live = True
                await self._wait_for(height)
                continue
            floor = self._floor(height, head)
            if height < floor:
                yield self._gap(height, floor - 1)
                height = floor
            yield await self._event(height, head, subjects)
            height += 1

    def _gap(self, first: int, last: int) -> bytes:
        data = GapEvent(
            first=first, last=last, reason="these blocks are older than what is replayed here"
        )
        # The id lets a client that reconnects now go on after the gap.
        return encode_event("gap", data, last)

    def _floor(self, height: int, head: int) -> int:
        """The lowest height from ``height`` on that is replayed: near enough, and still held."""
        # A node that started from a snapshot, or pruned, holds every block from some height on.
        oldest = self._api.node.store.base
        return max(height, oldest, head - self._api.settings.event_replay_blocks + 1)

    async def _event(self, height: int, head: int, subjects: Subjects) -> bytes:
        if height > head - self._api.settings.event_cache_blocks:
            return self._encoded(height, head, subjects)
        async with self._replays.turn():
            return self._encoded(height, head, subjects)

    def _encoded(self, height: int, head: int, subjects: Subjects) -> bytes:
        block = self._blocks.get(height)
        if block is None:
            with self._api.node.store.snapshot() as reader:
                block = _Block(block_event(reader, height))
            oldest = head - self._api.settings.event_cache_blocks + 1
            if height >= oldest:
                for old in [known for known in self._blocks if known < oldest]:
                    del self._blocks[old]
                self._blocks[height] = block
        if not subjects:
            return block.encoded
        if block.concerned is None:
            with self._api.node.store.snapshot() as reader:
                rows = reader.rows(height)
            block.concerned = [self._concerns(row.wire, read_receipt(row.receipt)) for row in rows]
        event, concerned = block.event, block.concerned
        first = len(event.deadlines)
        mine = msgspec.structs.replace(
            event,
            deadlines=_chosen(event.deadlines, concerned[:first], subjects),
            transactions=_chosen(event.transactions, concerned[first:], subjects),
            filtered=True,
        )
        return encode_event("block", mine, height)


def _chosen(rows: list[EventRow], concerned: list[Subjects], subjects: Subjects) -> list[EventRow]:
    return [row for row, whom in zip(rows, concerned, strict=True) if not whom.isdisjoint(subjects)]
