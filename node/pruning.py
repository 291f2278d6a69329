"""Pruning a stopped node's store: how far it may go, then removing, then giving the space back."""

from __future__ import annotations

import shutil
from typing import NamedTuple

from ledger.errors import STORE_CORRUPT, CodedError
from ledger.store import copying
from ledger.store.chain import Store
from ledger.store.disk import open_store
from ledger.store.files import rename_durably
from ledger.store.prune import prune
from ledger.store.snapshots import first_needed
from node.config import Home
from node.joining import swap
from node.joining.taking import window_of


class Plan(NamedTuple):
    """The lowest block held whole: ``was`` now and ``base`` after pruning; ``head`` the newest."""

    was: int
    base: int
    head: int


def plan(home: Home, *, keep_blocks: int | None, keep_ms: int | None) -> Plan:
    """How far a store may be pruned: no further than asked, and only what cannot be replayed."""
    store = _open(home)
    try:
        head = store.head
        if head is None:
            raise CodedError(STORE_CORRUPT, f"{home.ledger} holds no block")
        window = window_of(store)
        asked = head.height + 1 - keep_blocks if keep_blocks else 0
        if keep_ms is not None:
            asked = first_needed(store, head, keep_ms)
        base = min(asked, first_needed(store, head, window))
        return Plan(store.base, max(base, store.base), head.height)
    finally:
        store.close()


def prune_home(home: Home, base: int) -> tuple[int, int, int]:
    """Prune and compact; returns records removed, bytes freed and the new size in bytes.

    Killed at any point, the store is sound, pruned as far as it got; running again goes on. The
    space comes back by a compact copy that takes the store's place.
    """
    data = home.ledger / copying.DATA
    before = data.stat().st_size
    store = _open(home)
    try:
        removed = prune(store.environment, base)
        partial = home.joined.with_name(home.joined.name + ".part")
        shutil.rmtree(partial, ignore_errors=True)
        size = copying.copy(home.ledger, partial)
    finally:
        store.close()
    rename_durably(partial, home.joined)
    swap.finish(home)
    return removed, before - size, size


def _open(home: Home) -> Store:
    swap.finish(home)
    return open_store(home.ledger)
