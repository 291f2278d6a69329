"""The benchmark's result: one JSON object with stable keys, and the same as a table."""

from __future__ import annotations

from typing import NamedTuple

from cli import output
from cli.bench.load import Outcome
from cli.bench.measure import Reading


class Costs(NamedTuple):
    """What was measured around the main load."""

    idle: Reading
    before: Reading
    after: Reading
    peak_rss_mib: tuple[float, ...]


Value = float | int | dict[str, float] | dict[str, int] | None


def summarize(
    outcome: Outcome,
    costs: Costs,
    *,
    nodes: int,
    accounts: int,
    verifications_per_s: float,
    half: Outcome | None,
) -> dict[str, Value]:
    """The JSON object. Rates are per second, latencies in seconds, memory in MiB.

    ``ceiling_tx_per_s`` is what the machine could finalize if it did nothing but verify each
    signature once per node; ``ceiling_share`` the part of it that was finalized. Memory of a node
    includes its workers; the largest node counts. ``disk_bytes_per_tx`` is per node.
    """
    finalized = max(outcome.finalized, 1)
    ceiling = verifications_per_s / nodes
    report: dict[str, Value] = {
        "offered_tx_per_s": round(outcome.offered_tx_per_s, 1),
        "finalized_tx_per_s": round(outcome.finalized_tx_per_s, 1),
        "latency_p50_s": _seconds(outcome.percentile(0.50)),
        "latency_p95_s": _seconds(outcome.percentile(0.95)),
        "latency_p99_s": _seconds(outcome.percentile(0.99)),
        "cpu_s_per_tx": round((costs.after.cpu_s - costs.before.cpu_s) / finalized, 7),
        "rss_mib_per_node": round(max(costs.peak_rss_mib), 1),
        "idle_rss_mib_per_node": round(max(costs.idle.rss_mib), 1),
        "disk_bytes_per_tx": round(
            (costs.after.disk_bytes - costs.before.disk_bytes) / finalized / nodes, 1
        ),
        "ceiling_tx_per_s": round(ceiling, 1),
        "ceiling_share": round(outcome.finalized_tx_per_s / ceiling, 4),
        "verifications_per_s": round(verifications_per_s, 1),
        "nodes": nodes,
        "accounts": accounts,
        "seconds": round(outcome.sent_until - outcome.started, 1),
        "offered": outcome.offered,
        "finalized": outcome.finalized,
        "blocks": outcome.blocks,
        "unresolved": outcome.unresolved,
        "refused": dict(sorted(outcome.codes.items())),
    }
    if half is not None:
        report |= {
            "half_load_tx_per_s": round(half.offered_tx_per_s, 1),
            "half_load_latency_p50_s": _seconds(half.percentile(0.50)),
            "half_load_latency_p95_s": _seconds(half.percentile(0.95)),
            "half_load_latency_p99_s": _seconds(half.percentile(0.99)),
            "half_load_unresolved": half.unresolved,
        }
    return report


def _seconds(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


_LINES = (
    ("Offered", "offered_tx_per_s", "tx/s"),
    ("Finalized", "finalized_tx_per_s", "tx/s"),
    ("Submit to final, p50", "latency_p50_s", "s"),
    ("Submit to final, p95", "latency_p95_s", "s"),
    ("Submit to final, p99", "latency_p99_s", "s"),
    ("Load of the second phase", "half_load_tx_per_s", "tx/s"),
    ("Submit to final there, p50", "half_load_latency_p50_s", "s"),
    ("Submit to final there, p99", "half_load_latency_p99_s", "s"),
    ("CPU per transaction, all nodes", "cpu_s_per_tx", "s"),
    ("Resident memory of a node, idle", "idle_rss_mib_per_node", "MiB"),
    ("Resident memory of a node, loaded", "rss_mib_per_node", "MiB"),
    ("Disk per transaction and node", "disk_bytes_per_tx", "bytes"),
    ("Verification ceiling", "ceiling_tx_per_s", "tx/s"),
    ("Share of the ceiling reached", "ceiling_share", ""),
    ("Finalized in all", "finalized", "tx"),
    ("Neither final nor refused", "unresolved", "tx"),
)


def show(report: dict[str, Value]) -> None:
    """Print the report as a table."""
    output.table(
        ("SETTLEMENT", ("RESULT", "right"), "UNIT"),
        [(words, report[key], unit) for words, key, unit in _LINES if key in report],
        title=(f"{report['nodes']} nodes, {report['accounts']} accounts, {report['seconds']} s"),
    )
    refused = report["refused"]
    if refused and isinstance(refused, dict):
        output.table(("REFUSED", ("TRANSACTIONS", "right")), list(refused.items()))
