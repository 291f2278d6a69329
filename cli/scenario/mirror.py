"""A ledger of one's own beside the nodes': every block is executed again and its state compared.

What a scenario needs to know between its acts (events, time limits, the debts to be netted), and
what the demo says at its end, is read from here: from the genesis file and the transactions alone,
and only as far as the nodes' certified state roots agree with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from cli.describe import describe_event, object_fields
from cli.output import Exit, Failure
from contracts.executor import BlockInput, execute_block, read_candidate
from contracts.framework.machine import machines
from contracts.genesis import found, read_application
from ledger.genesis import Genesis
from ledger.receipt import Receipt
from ledger.state import KeyPart, MemoryMap, State
from ledger.statetree import LayeredPages, NoPages, update
from node.api.describe import tables


class Block(NamedTuple):
    """What a node says of a block: ``time`` in ms, the root after it, its transactions in order."""

    height: int
    time: int
    state_root: bytes
    wires: tuple[bytes, ...]


class Source(Protocol):
    """Where blocks come from."""

    def blocks(self, after: int) -> Iterable[Block]:
        """The final blocks above a height, in order."""
        ...


class Mirror:
    """The state and the receipts of a ledger, made from its genesis and its transactions."""

    def __init__(self, genesis: Genesis) -> None:
        self._chain_id = genesis.chain_id
        self._map = MemoryMap()
        self._pages: dict[bytes, bytes | None] = {}
        self._receipts: dict[bytes, Receipt] = {}
        self.height = 0
        self.time = genesis.time
        founded = found(read_application(genesis.application), genesis.time, genesis.validators)
        self._take(founded.changes())

    @property
    def state(self) -> State:
        """The state after the newest block that was executed."""
        return State(self._map)

    def follow(self, source: Source) -> None:
        """Execute what is new; raises a failure if a node's state root differs."""
        for block in source.blocks(self.height):
            candidates = [read_candidate(self._chain_id, wire) for wire in block.wires]
            execution = execute_block(
                self.state,
                BlockInput(self._chain_id, block.height, block.time),
                candidates,
                self._receipts.__contains__,
            )
            root = self._take(execution.overlay.changes())
            if execution.dropped or root != block.state_root:
                raise Failure(
                    "STATE_DIFFERS",
                    f"block {block.height}: executing it again gives another state",
                    Exit.VIOLATION,
                )
            self._receipts |= {receipt.subject: receipt for receipt in execution.receipts}
            self.height, self.time = block.height, block.time

    def _take(self, changes: dict[bytes, bytes | None]) -> bytes:
        self._map.apply(changes)
        done = update(self._chain_id, LayeredPages(NoPages(), self._pages), changes)
        self._pages |= done.pages
        return done.root

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
