"""Pacing and bounds of a replica. None of them changes what a valid block is."""

from __future__ import annotations

from typing import NamedTuple


class ReplicaConfig(NamedTuple):
    """Times in milliseconds, sizes in bytes.

    ``delta`` is Δ, the network's assumed delay bound after it heals: the leader has 2Δ to propose
    and a view 3Δ to end. ``heartbeat`` is the time after which an idle leader proposes an empty
    block, so that deadlines in block time fire. ``drift`` is the largest distance between a
    proposal's time and the local clock at which this node still votes for it.
    """

    delta: int = 500
    heartbeat: int = 2_000
    resend: int = 1_000
    drift: int = 10_000
    batch_delay: int = 20
    batch_transactions: int = 500
    batch_bytes: int = 512 * 1024
    block_transactions: int = 1_000
    fetch_retry: int = 500
    status_interval: int = 2_000
    pending_transactions: int = 50_000
    pending_bytes: int = 64 * 1024 * 1024
    pool_bytes_per_author: int = 32 * 1024 * 1024
    refusals_remembered: int = 20_000
    views_ahead: int = 16
