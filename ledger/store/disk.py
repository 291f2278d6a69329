"""Opening a node's stores on disk."""

from __future__ import annotations

from pathlib import Path

from ledger.store.chain import Store
from ledger.store.lmdb_environment import LmdbEnvironment
from ledger.store.tables import CHAIN_TABLES


def open_store(path: Path, *, read_only: bool = False, map_bytes: int = 64 << 20) -> Store:
    """The chain store in a directory, created if it is not there.

    ``map_bytes`` is where the map starts; it grows by itself. ``read_only`` is for inspecting a
    store, also beside the node that has it open. Raises ``STORE_LOCKED``, ``STORE_CORRUPT``,
    ``STORE_FULL`` or ``OSError``.
    """
    environment = LmdbEnvironment(path, CHAIN_TABLES, read_only=read_only, map_bytes=map_bytes)
    try:
        return Store(environment)
    except BaseException:
        environment.close()
        raise
