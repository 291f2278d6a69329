"""The invariants that a single block can break, checked on what that block touched.

A complete check (:mod:`contracts.invariants`) looks at the whole state and so costs what the state
is large; these cost what the block is large. Whoever follows a ledger runs these on every block and
the complete check now and then.
"""

from __future__ import annotations

from collections.abc import Iterator

from contracts.executor import BlockInput, Execution
from contracts.history import History, illegal_moves, untimely
from contracts.invariants import Finding
from ledger.state import State


def broken_by(before: State, execution: Execution, block: BlockInput) -> Iterator[Finding]:
    """What a block broke, given the state before it and how it was executed.

    Every receipt balances per unit and refusals book nothing (1); each posting continues its
    account's chain, and the balances after the block are those that its postings make (16);
    objects move along their machines (12); deadlines fire when they are due (13).
    """
    yield from untimely(before, execution, block)
    changes = execution.overlay.changes()
    yield from illegal_moves(before, changes)
    history = History(before=before)
    yield from history.block(block.height, execution.receipts)
    yield from history.against_booked(execution.overlay, changes)
