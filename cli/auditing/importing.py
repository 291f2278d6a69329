"""Making a store from an archive: each block is verified, then committed with its indexes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cli.auditing.verify import ArchiveBlocks, require_chain, verified_ahead
from cli.auditing.workers import Workers, fault_of
from contracts.verifier import Verifier
from contracts.violations import Violated
from ledger.archive import Archive
from ledger.codec import encode
from ledger.errors import BAD_ARCHIVE, CodedError
from ledger.genesis import Genesis
from ledger.store.disk import open_store

Taken = Callable[[int], None]


def fill(path: Path, archive: Archive, genesis: Genesis, *, jobs: int, taken: Taken) -> int:
    """Fill a new store with an archive's ledger; its height. Raises :class:`Violated`."""
    require_chain(genesis, archive.manifest.chain_id, archive.path)
    if archive.manifest.first != 1:
        raise CodedError(BAD_ARCHIVE, "an archive that starts later makes no whole store")
    store = open_store(path)
    try:
        verifier = Verifier(genesis, store)
        with Workers(max(1, jobs - 1), encode(genesis)) as pool:
            for piece, sound in verified_ahead(pool, ArchiveBlocks(archive).pieces(1), jobs):
                found = archive.segment(piece.part) if piece.blocks is None else piece.blocks
                verifier.check(found.blocks)
                for block in found.blocks:
                    verifier.take(block, signatures=not sound)
                    taken(block.header.transactions)
        return verifier.head.height
    except CodedError as error:
        raise Violated((fault_of(error, archive.manifest.parts),)) from None
    finally:
        store.close()
