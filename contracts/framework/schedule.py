"""Deadlines: what happens by itself at a block time.

A deadline is a record keyed by its time, so the due ones are the first in the table; each fires
once, at the start of the first block whose time has passed it, and a bounded number per block.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ledger.codec import Struct, Uint, encode
from ledger.hashing import Tag, digest
from ledger.state import KeyPart, State, Table

if TYPE_CHECKING:
    from contracts.framework.context import Context


class Deadline(Struct, tag=1):
    """``handler`` is called with ``parts`` at the first block whose time is past ``due`` (ms)."""

    due: Uint
    handler: str
    parts: tuple[Any, ...]

    @property
    def key_parts(self) -> tuple[KeyPart, ...]:
        """Where it stands in :data:`DEADLINE`."""
        return (self.due, self.handler, *self.parts)

    def id(self, chain_id: bytes) -> bytes:
        """The subject of its receipt, 32 bytes."""
        content = ("deadline", self.due, self.handler, *self.parts)
        return digest(Tag.OBJECT, chain_id, encode(content))


DEADLINE: Final = Table("deadline", Deadline)
"""By due time, handler and parts."""

HEIGHT_DEADLINE: Final = Table("deadline.height", Deadline)
"""By height, handler and parts: what happens at the start of the block of a height (``due``)."""

Handler = Callable[..., None]
_HANDLERS: dict[str, Handler] = {}


def deadline(name: str) -> Callable[[Handler], Handler]:
    """Declare what fires under a name: ``handler(ctx, *parts)``."""

    def register(handler: Handler) -> Handler:
        if name in _HANDLERS:
            raise ValueError(f"deadline handler {name!r} is declared twice")
        _HANDLERS[name] = handler
        return handler

    return register


def handlers() -> dict[str, Handler]:
    """All declared handlers by name."""
    return dict(sorted(_HANDLERS.items()))


def due_deadlines(state: State, time: int, limit: int) -> list[Deadline]:
    """The first ``limit`` deadlines whose time is before ``time``, in order."""
    found: list[Deadline] = []
    for _, record in state.scan(DEADLINE):
        if record.due >= time or len(found) >= limit:
            break
        found.append(record)
    return found


def at_height(ctx: Context, height: int, handler: str, *parts: KeyPart) -> None:
    """Have ``handler`` called with ``parts`` at the start of the block of a later height."""
    entry = Deadline(height, handler, parts)
    ctx.put(HEIGHT_DEADLINE, entry, *entry.key_parts)


def cancel_at_height(ctx: Context, height: int, handler: str, *parts: KeyPart) -> None:
    """Take back what :func:`at_height` arranged."""
    ctx.delete(HEIGHT_DEADLINE, *Deadline(height, handler, parts).key_parts)


def due_at_height(state: State, height: int, limit: int) -> list[Deadline]:
    """The first ``limit`` entries whose height is reached, in order."""
    found: list[Deadline] = []
    for _, record in state.scan(HEIGHT_DEADLINE):
        if record.due > height or len(found) >= limit:
            break
        found.append(record)
    return found


def fire(ctx: Context, due: Deadline, table: Table[Deadline] = DEADLINE) -> None:
    """Remove a deadline from its table and call its handler."""
    ctx.delete(table, *due.key_parts)
    _HANDLERS[due.handler](ctx, *due.parts)
