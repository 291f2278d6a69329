"""What a running node measures, as Prometheus families on its own registry.

Names never change their meaning. Labels hold validator names only, never client input, so their
number is bounded.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BLOCK_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class NodeMetrics:
    """The families; the service and the network fill them, the API renders ``registry``."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        # peers
        self.peer_up = Gauge("iic_peer_up", "1 while connected", ["peer"], registry=r)
        self.peer_received = Counter(
            "iic_peer_received_bytes", "Bytes of messages received", ["peer"], registry=r
        )
        self.peer_sent = Counter(
            "iic_peer_sent_bytes", "Bytes of messages queued for sending", ["peer"], registry=r
        )
        self.peer_queue = Gauge(
            "iic_peer_queue_bytes", "Bytes waiting to be sent", ["peer"], registry=r
        )
        self.peer_dropped = Counter(
            "iic_peer_dropped_frames", "Sync frames dropped, queue full", ["peer"], registry=r
        )
        self.peer_closed = Counter(
            "iic_peer_closed", "Connections that ended", ["peer"], registry=r
        )
        self.certificate_expiry = Gauge(
            "iic_peer_certificate_expiry_seconds",
            "End of the peer's TLS certificate, Unix time",
            ["peer"],
            registry=r,
        )
        self.refused = Counter(
            "iic_connections_refused", "Connections that ended before their hello", registry=r
        )
        self.handshakes_failed = Counter(
            "iic_handshakes_failed",
            "Connections that ended before their hello: no room, too slow, not TLS with a "
            "registered certificate, a false hello",
            ["reason"],
            registry=r,
        )
        self.handshakes = Gauge("iic_handshakes", "Connections in handshake", registry=r)
        self.peer_offences = Counter(
            "iic_peer_offences", "Rules that a peer broke", ["peer"], registry=r
        )
        self.peer_shed = Counter(
            "iic_peer_shed",
            "Connections ended because a peer drains nothing, is silent or never ends a frame",
            ["peer", "reason"],
            registry=r,
        )
        self.peer_paused = Counter(
            "iic_peer_paused",
            "Times that reading from a peer stopped: above its rate, or too much waits unhandled",
            ["peer", "reason"],
            registry=r,
        )
        # the ledger
        self.height = Gauge("iic_height", "Height of the last durable block", registry=r)
        self.view = Gauge("iic_view", "Current consensus view", registry=r)
        self.transactions = Counter(
            "iic_transactions", "Transactions recorded in durable blocks", registry=r
        )
        self.block_time = Gauge(
            "iic_block_time_seconds", "Agreed time of the last durable block", registry=r
        )
        self.reader_lag = Gauge(
            "iic_store_reader_lag",
            "Commits by which the oldest reader of another process is behind",
            registry=r,
        )
        # where the time goes
        self.step = Histogram(
            "iic_replica_step_seconds",
            "One call into the replica, executing a block included",
            registry=r,
            buckets=_BLOCK_SECONDS,
        )
        self.persist = Histogram(
            "iic_persist_seconds",
            "Vote journal append and fsync",
            registry=r,
            buckets=_BLOCK_SECONDS,
        )
        self.commit = Histogram(
            "iic_commit_seconds", "Block commit and fsync", registry=r, buckets=_BLOCK_SECONDS
        )
        self.loop_lag = Gauge(
            "iic_loop_lag_seconds", "Delay of the event loop at the last probe", registry=r
        )
        # joining by a snapshot
        self.join_parts = Gauge(
            "iic_join_parts", "Verified parts of the snapshot being joined from", registry=r
        )
        self.join_bytes = Counter(
            "iic_join_bytes", "Bytes of snapshot parts received", ["peer"], registry=r
        )
        self.join_lies = Counter(
            "iic_join_lies", "False manifests and parts of snapshots", ["peer"], registry=r
        )
        self.snapshot_height = Gauge(
            "iic_snapshot_height", "Height of the newest snapshot taken", registry=r
        )
        # queues
        self.effects_waiting = Gauge(
            "iic_effects_waiting", "Effects behind a durable write", registry=r
        )
        self.inbox = Gauge("iic_inbox_bytes", "Received messages not yet handled", registry=r)
        self.checks_waiting = Gauge(
            "iic_checks_waiting", "Transactions waiting for signature checks", registry=r
        )
        self.worker_restarts = Counter(
            "iic_verify_worker_restarts", "Verification workers that died", registry=r
        )
        self.alarms = Counter("iic_alarms", "Alarms raised by the replica", ["code"], registry=r)
