"""Taking a snapshot: ``python -m node.joining.taking HOME [HEIGHT]``, a process of its own.

It reads one unchanging content of the running node's store and shares nothing else with the node.
Nodes take theirs at the same heights, so that a newcomer finds each part at several of them: the
process is started a few blocks before and waits for the height. If that passes unseen it takes what
is there.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from contracts.framework.parameters import LedgerParameters, parameters_of
from ledger.errors import NOT_CERTIFIED, CodedError
from ledger.proof import Finality
from ledger.state import State
from ledger.store.chain import Chain, Store
from ledger.store.disk import open_store
from ledger.store.growth import end_process_when_grown
from ledger.store.interface import ChainReader
from ledger.store.snapshots import certify_from, keep_newest, take
from node import limits
from node.config import Home

_FAR_S = 0.05
_NEAR_S = 0.001
_NEAR_BLOCKS = 2


def window_of(reader: ChainReader) -> int:
    """The longest validity window, in ms, that a recorded transaction is taken to have had.

    That of the parameter in force, and no less than the default: a parameter that was lowered
    a short while ago does not shorten the windows of earlier transactions.
    """
    in_force = parameters_of(State(reader), LedgerParameters).max_validity
    return max(in_force, LedgerParameters().max_validity)


def take_snapshot(home: Home, height: int = 0, patience_s: float = limits.SNAPSHOT_SECONDS) -> int:
    """Take a snapshot at ``height`` or, if that has passed, at the newest block; returns which.

    Raises ``NOT_CERTIFIED``, ``BAD_SNAPSHOT``, ``STORE_CORRUPT``, ``STORE_FULL`` or ``OSError``.
    """
    until = time.monotonic() + patience_s
    store = open_store(home.ledger, read_only=True)
    try:
        _wait_for(store, height, until)

        def certify(taken: int) -> tuple[Finality, tuple[bytes, ...]]:
            while True:
                with store.environment.snapshot() as newest:
                    try:
                        return certify_from(Chain(newest), taken)
                    except CodedError as error:
                        if error.code is not NOT_CERTIFIED or time.monotonic() > until:
                            raise
                time.sleep(_FAR_S)

        with store.environment.snapshot() as reader:
            taken = take(reader, home.snapshots, window_of(Chain(reader)), certify)
    finally:
        store.close()
    keep_newest(home.snapshots, limits.SNAPSHOTS_KEPT)
    return taken


def _wait_for(store: Store, height: int, until: float) -> None:
    while time.monotonic() < until:
        with store.environment.snapshot() as reader:
            head = Chain(reader).head
        at = -1 if head is None else head.height
        if at >= height:
            return
        time.sleep(_NEAR_S if height - at <= _NEAR_BLOCKS else _FAR_S)


def main() -> int:
    """Run as a child process of the node; what it says on standard error enters the node's log."""
    with suppress(OSError):
        os.nice(10)
    home = Home(Path(sys.argv[1]))
    end_process_when_grown(home.ledger / "data.mdb")
    try:
        taken = take_snapshot(home, int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    except (CodedError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(taken)
    return 0


if __name__ == "__main__":
    sys.exit(main())
