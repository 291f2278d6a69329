"""Reading a node's event stream: bytes in, blocks and gaps out, nothing lost unnoticed.

Sans-IO: :mod:`cli.client` reads the connection and feeds :class:`EventReader`.
"""

from __future__ import annotations

import msgspec

from cli.errors import BAD_ANSWER
from ledger.errors import CodedError
from node.api.models import BlockEvent, GapEvent

MAX_EVENT_BYTES = 16 * 1024 * 1024

_block = msgspec.json.Decoder(BlockEvent)
_gap = msgspec.json.Decoder(GapEvent)


class EventReader:
    """The state of one subscription, across reconnects and nodes.

    ``next`` is the height that comes next, None until the first event. A height that is skipped
    without the node's saying so is reported as a gap too; one that was seen already (after a
    reconnect) is left out.
    """

    def __init__(self, first: int | None) -> None:
        self.next = first
        self._buffer = b""
        self._kind = ""
        self._data: list[str] = []
        self._size = 0

    def reconnect(self) -> None:
        """Forget a half-received event; the node sends it again from ``next``."""
        self._buffer = b""
        self._clear()

    def feed(self, chunk: bytes) -> list[BlockEvent | GapEvent]:
        """The events that this chunk completes; raises ``BAD_ANSWER`` for anything else."""
        lines = (self._buffer + chunk).split(b"\n")
        self._buffer = lines.pop()
        self._size += len(chunk)
        if self._size > MAX_EVENT_BYTES:
            raise CodedError(BAD_ANSWER, "the node sends an event without end")
        found: list[BlockEvent | GapEvent] = []
        try:
            for line in lines:
                found += self._line(line.removesuffix(b"\r").decode())
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise CodedError(BAD_ANSWER, "the node sends events of an unknown form") from None
        return found

    def _line(self, line: str) -> list[BlockEvent | GapEvent]:
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "event":
                self._kind = value
            elif name == "data":
                self._data.append(value)
            return []
        kind, data = self._kind, "\n".join(self._data)
        self._clear()
        if kind == "block":
            return self._on_block(_block.decode(data))
        if kind == "gap":
            gap = _gap.decode(data)
            self.next = gap.last + 1
            return [gap]
        return []  # a comment, or an event that a newer node knows

    def _on_block(self, event: BlockEvent) -> list[BlockEvent | GapEvent]:
        expected, self.next = self.next, event.height + 1
        if expected is None or event.height == expected:
            return [event]
        if event.height < expected:
            self.next = expected
            return []
        hole = GapEvent(
            first=expected, last=event.height - 1, reason="the node left these blocks out"
        )
        return [hole, event]

    def _clear(self) -> None:
        self._kind = ""
        self._data = []
        self._size = len(self._buffer)
