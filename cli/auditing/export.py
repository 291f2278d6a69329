"""Writing an archive from a store, with checkpoints if the blocks are executed again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cli.auditing.source import PART_BYTES, StoreSource
from contracts.replay import Stretch
from ledger.archive import Manifest, Writer
from ledger.genesis import Genesis

Taken = Callable[[int], None]

_TRANSACTION_BYTES = 512
"""Of a small transaction with its receipt."""

_PARTS_BETWEEN = 16
"""At least about so many parts lie between two checkpoints: one stands where a part ends, and
stretches of equal length keep all cores busy to the end."""


def write(
    source: StoreSource,
    path: Path,
    genesis: Genesis,
    *,
    every: int = 0,
    taken: Taken | None = None,
) -> Manifest:
    """Write an archive of all certified blocks, with a checkpoint about every ``every``
    transactions (0: none).

    Checkpoints need the state at their height, so the blocks are executed again, without verifying
    members' signatures; without checkpoints they are copied.
    """
    stretch = Stretch(genesis) if every else None
    between = every * _TRANSACTION_BYTES // _PARTS_BETWEEN
    size = min(PART_BYTES, between) if every else PART_BYTES
    done, due = 0, every
    with Writer(path, genesis.chain_id, genesis.network) as writer:
        for found in source.segments(1, size):
            recorded = sum(block.header.transactions for block in found.blocks)
            if stretch is not None and done and done + recorded // 2 >= due:
                writer.checkpoint(stretch.checkpoint())
                due += every
            writer.blocks(found)
            done += recorded
            if stretch is not None:
                stretch.take(found.blocks, signatures=False)
            if taken is not None:
                taken(recorded)
        return writer.close()
