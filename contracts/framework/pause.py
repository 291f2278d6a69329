"""Emergency pauses: classes of operations that admission refuses for a time.

Governance decides and writes; the executor asks before every transaction. Deadlines go on, because
they are promises about time, and so do the classes by which a pause is lifted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from contracts.errors import OPERATION_PAUSED
from contracts.framework.types import Instant, ObjectId
from ledger.codec import Struct
from ledger.errors import CodedError
from ledger.state import State, Table

if TYPE_CHECKING:
    from contracts.framework.operation import Operation

NEVER_PAUSED: Final = frozenset({"governance", "keys", "vote"})
"""Classes that end a pause or protect keys."""


class Pause(Struct):
    """A class of operations is refused until a block time (ms), by a decision."""

    policy: str
    until: Instant
    decision: ObjectId
    reason: str


class Pauses(Struct, tag=1):
    """Every pause in force."""

    pauses: tuple[Pause, ...]


PAUSES: Final = Table("pause", Pauses)
"""One record for all, because every transaction reads it."""


def pauses(state: State) -> tuple[Pause, ...]:
    """Every pause in force, in order of classes."""
    record = state.get(PAUSES)
    return () if record is None else record.pauses


def require_unpaused(state: State, ops: Sequence[Operation]) -> None:
    """Raise ``OPERATION_PAUSED``, naming the class and until when, if one of some is paused."""
    record = state.get(PAUSES)
    if record is None or not record.pauses:
        return
    for op in ops:
        policy = op.declaration.policy
        for pause in record.pauses:
            if pause.policy == policy:
                raise CodedError(
                    OPERATION_PAUSED,
                    f"{op.declaration.name}: operations of class {policy!r} are paused until "
                    f"{pause.until}: {pause.reason}",
                )
