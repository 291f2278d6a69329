"""A ledger of one's own beside the nodes': every block is verified, executed again and compared.

What a scenario needs to know between its acts (events, time limits, the debts to be netted), and
what the demo says at its end, is read from here: from the genesis file and what the guarantors
certified alone, by the engine that auditors use (:mod:`contracts.verifier`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from cli.describe import describe_event, object_fields
from cli.output import Exit, Failure
from contracts.framework.machine import machines
from contracts.verifier import Verifier
from contracts.violations import Violated
from ledger.genesis import Genesis
from ledger.receipt import Receipt
from ledger.segment import PublishedBlock
from ledger.state import KeyPart, State
from ledger.working import WorkingLedger
from node.api.describe import tables


class Source(Protocol):
    """Where blocks come from."""

    def blocks(self, after: int) -> Iterable[Sequence[PublishedBlock]]:
        """The final blocks above a height in order, in parts that end in a finalization."""
        ...


class Mirror:
    """The state and the receipts of a ledger, made from its genesis and its blocks."""

    def __init__(self, genesis: Genesis) -> None:
        self._verifier = Verifier(genesis, WorkingLedger())
        self._receipts: dict[bytes, Receipt] = {}

    @property
    def height(self) -> int:
        """The newest block that was verified."""
        return self._verifier.head.height

    @property
    def time(self) -> int:
        """Its time, in ms."""
        return self._verifier.head.time

    @property
    def state(self) -> State:
        """The state after it."""
        return self._verifier.state

    def follow(self, source: Source) -> None:
        """Verify what is new; raises a failure that names what is wrong."""
        for blocks in source.blocks(self.height):
            try:
                self._verifier.check(blocks)
                for block in blocks:
                    made = self._verifier.take(block)
                    self._receipts |= {r.subject: r for r in made.execution.receipts}
            except Violated as error:
                raise Failure("STATE_DIFFERS", str(error), Exit.VIOLATION) from None

    def events(self, transaction: bytes) -> list[dict[str, Any]]:
        """What a transaction's receipt tells, as :func:`cli.describe.describe_event`."""
        return [describe_event(event) for event in self._receipts[transaction].events]

    def opened(self, transaction: bytes) -> bytes:
        """The first object that a transaction's receipt names, or else the transaction itself."""
        for event in self.events(transaction):
            for identity in object_fields(str(event["event"]), event):
                return bytes.fromhex(identity)
        return transaction

    def told(self, transaction: bytes, path: str) -> bytes | None:
        """The id or digest in the field ``capability.Event.field`` of a receipt, if it is there.

        Of several such events, the last one counts.
        """
        kind, _, field = path.rpartition(".")
        for event in reversed(self.events(transaction)):
            if event["event"] == kind and isinstance(event.get(field), str):
                return bytes.fromhex(event[field])
        return None

    def recorded(self, table: str, parts: Sequence[KeyPart], field: str) -> bytes | None:
        """The id in a field of a record of the state, if it is there."""
        found = tables().get(table)
        record = None if found is None else self.state.get(found, *parts)
        value = getattr(record, field, None)
        return value if isinstance(value, bytes) else None

    def standing(self, identity: bytes) -> tuple[str, int]:
        """An object's state, and its time limit in ms (0: none); two blanks if there is none."""
        for machine in machines().values():
            record = self.state.get(machine.table, identity)
            if record is not None and machine.key(record) == (identity,):
                return record.state.value, record.due
        return "", 0
