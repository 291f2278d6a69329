"""What a follower measures, as Prometheus families on its own registry.

Families that a guarantor's node has too have its names and meanings. Labels are peers as the
command line names them and codes of alarms, so their number is bounded.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class FollowerMetrics:
    """The families; the follower fills them, the API renders ``registry``."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self.height = Gauge("iic_height", "Height of the last durable block", registry=r)
        self.block_time = Gauge(
            "iic_block_time_seconds", "Agreed time of the last durable block", registry=r
        )
        self.transactions = Counter(
            "iic_transactions", "Transactions recorded in durable blocks", registry=r
        )
        self.alarms = Counter("iic_alarms", "Alarms raised", ["code"], registry=r)
        self.frozen = Gauge("iic_follower_frozen", "1 if nothing more is verified", registry=r)
        self.lag = Gauge(
            "iic_follower_lag_blocks", "Blocks that the highest peer has more", registry=r
        )
        self.verify = Counter(
            "iic_follower_verify_seconds", "Time spent verifying and storing blocks", registry=r
        )
        self.comparisons = Counter(
            "iic_follower_comparisons", "Peers' chains held against the verified one", registry=r
        )
        self.complete_height = Gauge(
            "iic_follower_complete_check_height", "Block of the last complete check", registry=r
        )
        self.complete_seconds = Gauge(
            "iic_follower_complete_check_seconds", "Duration of the last complete check", registry=r
        )
        self.peer_up = Gauge("iic_peer_up", "1 while the peer answers", ["peer"], registry=r)
        self.peer_height = Gauge(
            "iic_peer_height", "The peer's height by its own words", ["peer"], registry=r
        )
