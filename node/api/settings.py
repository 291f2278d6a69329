"""Bounds of the API: every one a number in one place, set by the node's configuration."""

from __future__ import annotations

from dataclasses import dataclass

from ledger import limits


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """What one node allows its clients. Sizes in bytes, durations in seconds.

    A client is an IPv4 address or an IPv6 /64. ``*_rate`` is per client and second, ``*_burst``
    what a client that was idle may do at once.
    """

    request_rate: float = 500.0
    request_burst: int = 2_000
    transaction_rate: float = 5_000.0
    transaction_burst: int = 20_000
    remembered_clients: int = 10_000

    max_connections: int = 4_000
    max_connections_per_client: int = 1_000
    max_head_bytes: int = 64 * 1024
    """Of a request's line and headers; one read of the socket may exceed it."""
    max_request_bytes: int = 4 * limits.MAX_BATCH_BYTES
    """Of a whole request with its framing; bodies have closer bounds of their own."""
    head_timeout_s: float = 15.0
    """From the connection's start, or the answer before, until a request's head is complete."""
    send_timeout_s: float = 15.0
    min_send_rate: float = 4_096.0
    """A reader who is behind takes so many bytes a second, over ``send_timeout_s``, or is cut."""
    max_unsent_bytes: int = 128 * 1024 * 1024
    """Answers that wait for readers who are behind, all clients together."""
    max_downloads: int = 4
    """Tables being gathered as files at once."""

    max_submission_bytes: int = limits.MAX_BATCH_BYTES
    max_submission_transactions: int = limits.MAX_BATCH_TRANSACTIONS
    max_bytes_in_flight: int = 64 * 1024 * 1024
    """Bodies being read or checked, all clients together."""
    body_timeout_s: float = 30.0

    max_wait_s: float = 60.0
    max_waiters: int = 2_000

    max_subscribers: int = 500
    max_subscribers_per_client: int = 64
    event_cache_blocks: int = 128
    event_replay_blocks: int = 100_000
    """How far behind the head a subscriber may resume before it is told of a gap."""
    event_send_timeout_s: float = 10.0
    event_ping_s: float = 15.0

    lane_rest: float = 4.0
    """Reads of milliseconds rest so many times as long as they work."""
    lane_waiting: int = 200
    page_burst_s: float = 2.0
    """So much work on pages of the explorer may be done before it rests."""

    proof_wait_s: float = 2.0
    """How long a proof waits for a block with a finalization of its own."""

    default_page: int = 50
    max_page: int = 200

    ready_block_age_s: float = 30.0
    """A final block younger than this shows by itself that the node is ready."""
