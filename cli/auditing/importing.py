"""Making a store from an archive: each block is verified, then committed with its indexes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cli.auditing.source import require_beginning
from cli.auditing.verify import ArchiveBlocks, require_chain, verified_ahead
from cli.auditing.workers import Workers, fault_of
from cli.errors import STARTS_LATER
from contracts.verifier import Verifier
from contracts.violations import Violated
from ledger.archive import Archive
from ledger.codec import encode
from ledger.errors import CodedError
from ledger.genesis import Genesis
from ledger.store import copying
from ledger.store.disk import open_store

Taken = Callable[[int], None]


def fill(
    path: Path,
    archive: Archive,
    genesis: Genesis,
    *,
    jobs: int,
    after: Path | None = None,
    taken: Taken,
) -> int:
    """Fill a new store, or a copy of the one to go on ``after``, with an archive's ledger.

    Returns its height. Raises :class:`Violated`, or ``STARTS_LATER`` if blocks lie between.
    """
    require_chain(genesis, archive.manifest.chain_id, archive.path)
    if after is None:
        require_beginning(archive.manifest.first, archive.path, "name the store below with --after")
    else:
        copying.copy(after, path)
    store = open_store(path)
    try:
        verifier = Verifier(genesis, store)
        height = verifier.head.height
        if archive.manifest.first > height + 1:
            raise CodedError(
                STARTS_LATER,
                f"{archive.path} goes on after block {archive.manifest.first - 1}, the store ends "
                f"with block {height}",
            )
        with Workers(max(1, jobs - 1), encode(genesis)) as pool:
            pieces = ArchiveBlocks(archive).pieces(height + 1)
            for piece, sound in verified_ahead(pool, pieces, jobs):
                found = archive.segment(piece.part) if piece.blocks is None else piece.blocks
                blocks = [block for block in found.blocks if block.header.height > height]
                verifier.check(blocks)
                for block in blocks:
                    verifier.take(block, signatures=not sound)
                    taken(block.header.transactions)
        return verifier.head.height
    except CodedError as error:
        raise Violated((fault_of(error, archive.manifest.parts),)) from None
    finally:
        store.close()
