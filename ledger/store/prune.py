"""Pruning: giving up old blocks' transactions and receipts, never their headers or proofs.

What stays provable without them: every header and its place in the history, every change of
validators, the whole state, and everything about blocks from the new base on. The base moves in
the same write that removes rows, and what an index still holds below the base counts for nothing,
so a store is sound after a crash at any point; running again goes on where it ended.
"""

from __future__ import annotations

from collections.abc import Callable

from ledger.errors import PRUNED, CodedError
from ledger.receipt import read_receipt
from ledger.store import tables
from ledger.store.chain import Chain
from ledger.store.tables import Change, Environment, Table

_BATCH_ROWS = 5_000
_BATCH_INDEX = 20_000

Progress = Callable[[int], None]
"""``progress(records)``: so many records were removed so far."""


def prune(environment: Environment, base: int, progress: Progress = lambda _: None) -> int:
    """Remove rows below ``base`` and what leads to them; returns how many records.

    The caller sees to it that no transaction below can be sent again
    (:func:`ledger.store.snapshots.first_needed`). Raises ``PRUNED`` for a base above the head, and
    what writing raises.
    """
    chain = Chain(environment)
    head = chain.head
    if head is None or base > head.height + 1:
        raise CodedError(PRUNED, f"block {base} is not there yet, so nothing below it is old")
    removed = 0
    height = max(1, chain.base)
    while height < base:
        changes, reached, count = _rows(environment, height, base)
        meta = Change(Table.META, [(tables.BASE_KEY, tables.height_key(reached))])
        environment.write([*changes, meta])
        height, removed = reached, removed + count
        progress(removed)
    for table in (Table.EVENT, Table.ANCHOR):
        removed += _index(environment, table, chain.base)
        progress(removed)
    return removed


def _rows(environment: Environment, start: int, base: int) -> tuple[list[Change], int, int]:
    """The removal of some blocks' rows and transactions, and the height that it reaches."""
    rows: list[tuple[bytes, bytes | None]] = []
    transactions: list[tuple[bytes, bytes | None]] = []
    height = start
    while height < base and len(rows) < _BATCH_ROWS:
        prefix = tables.height_key(height)
        for key, value in tables.each(environment, Table.ROW, prefix):
            rows.append((key, None))
            row = tables.read_row(value)
            if row.wire:
                transactions.append((read_receipt(row.receipt).subject, None))
        height += 1
    changes = [Change(Table.ROW, rows), Change(Table.TRANSACTION, tables.by_key(transactions))]
    return changes, height, len(rows) + len(transactions)


def _index(environment: Environment, table: Table, base: int) -> int:
    """Remove an index's entries that lead below ``base``."""
    removed = 0
    batch: list[tuple[bytes, bytes | None]] = []
    for key, value in tables.each(environment, table, chunk=1024):
        place = tables.event_place(key) if table is Table.EVENT else tables.read_place(value)
        if place[0] < base:
            batch.append((key, None))
        if len(batch) >= _BATCH_INDEX:
            environment.write([Change(table, batch)])
            removed += len(batch)
            batch = []
    if batch:
        environment.write([Change(table, batch)])
        removed += len(batch)
    return removed
