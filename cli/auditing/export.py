"""Writing an archive from a store, with checkpoints if the blocks are executed again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cli.auditing.source import PART_BYTES, StoreSource
from contracts.replay import Stretch
from ledger.archive import Manifest, Writer
from ledger.errors import NOT_CERTIFIED, CodedError
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
    start: int = 1,
    taken: Taken | None = None,
) -> Manifest:
    """Write an archive of all certified blocks from ``start`` on, with a checkpoint about every
    ``every`` transactions (0: none). One that starts later begins with the checkpoint below.

    Checkpoints need the state at their height, so the blocks are executed again, without verifying
    members' signatures; without checkpoints they are copied.
    """
    stretch = Stretch(genesis) if every or start > 1 else None
    between = every * _TRANSACTION_BYTES // _PARTS_BETWEEN
    size = min(PART_BYTES, between) if every else PART_BYTES
    done, due = 0, every
    with Writer(path, genesis.chain_id, genesis.network, start) as writer:
        if stretch is not None and start > 1:
            _replay(source, stretch, start, taken)
            writer.checkpoint(stretch.checkpoint())
        if not every:
            stretch = None  # no more states are needed
        for found in source.segments(start, size):
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


def _replay(source: StoreSource, stretch: Stretch, start: int, taken: Taken | None) -> None:
    """Execute the blocks below a height; raises ``NOT_CERTIFIED`` if none ends right below it."""
    for found in source.segments(1):
        blocks = [block for block in found.blocks if block.header.height < start]
        if blocks and blocks[-1].certificate is None:
            raise CodedError(
                NOT_CERTIFIED,
                f"block {start - 1} has no finalization of its own; take one that has",
            )
        if blocks:
            stretch.take(blocks, signatures=False)
            if taken is not None:
                taken(sum(block.header.transactions for block in blocks))
        if len(blocks) < len(found.blocks) or blocks[-1].header.height == start - 1:
            return
