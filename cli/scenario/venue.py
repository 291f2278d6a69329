"""Where a scenario is played: running nodes, through their API."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Protocol

from cli import calls
from cli.client import Client
from cli.scenario.mirror import Block, Source
from ledger import proof
from ledger.codec import encode
from ledger.transaction import SignedTransaction, transaction_id
from node.api.models import SubmissionView

WAIT_S = 60.0
_PAUSE_S = 0.1
_PAGE = 200


class Venue(Source, Protocol):
    """A ledger that takes transactions and makes blocks."""

    def now(self) -> int:
        """The wall clock, in ms."""
        ...

    def submit(self, signed: Sequence[SignedTransaction]) -> Sequence[SubmissionView]:
        """Send transactions and wait until each is final or refused."""
        ...

    def pause(self) -> None:
        """Let some time pass, and blocks with it."""
        ...


class Nodes:
    """The nodes that a client knows."""

    def __init__(self, client: Client, chain_id: bytes) -> None:
        self._client = client
        self._chain_id = chain_id
        self._sent: dict[str, bytes] = {}
        self._reached = 0

    def now(self) -> int:
        """The wall clock, in ms."""
        return time.time_ns() // 1_000_000

    def submit(self, signed: Sequence[SignedTransaction]) -> Sequence[SubmissionView]:
        """Send transactions and wait until each is final or refused."""
        wires = [encode(entry) for entry in signed]
        for entry, wire in zip(signed, wires, strict=True):
            self._sent[transaction_id(self._chain_id, entry.content).hex()] = wire
        results = self._client.submit(wires, wait_s=WAIT_S)
        self._reached = max(self._reached, *(r.height or 0 for r in results), 0)
        return results

    def pause(self) -> None:
        """Wait a little: blocks come by themselves."""
        time.sleep(_PAUSE_S)

    def blocks(self, after: int) -> Iterator[Block]:
        """The final blocks above a height, at least to where the newest result stands."""
        head = self._client.do(calls.node()).height
        while head < self._reached:
            self.pause()
            head = self._client.do(calls.node()).height
        for height in range(after + 1, head + 1):
            view = self._client.do(calls.block(height)).block
            wires = tuple(self._wires(height)) if view.transactions else ()
            yield Block(height, view.time.ms, bytes.fromhex(view.state_root), wires)

    def _wires(self, height: int) -> Iterator[bytes]:
        cursor = ""
        while True:
            page = self._client.do(calls.block_rows(height, cursor=cursor, limit=_PAGE))
            for row in page.rows:
                if row.receipt.kind == "transaction":
                    yield self._sent.get(row.id) or self._fetch(height, row.receipt.index)
            cursor = page.next
            if not cursor:
                return

    def _fetch(self, height: int, index: int) -> bytes:
        """A transaction that somebody else sent, from its receipt file."""
        found = proof.read(self._client.do(calls.inclusion_proof(height, index)))
        return found.transaction if isinstance(found, proof.ProvenReceipt) else b""
