"""``iic bench settle``: distinct signed transfers among many accounts, on real nodes."""

from __future__ import annotations

import itertools
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click
import uvloop

from cli import output
from cli.bench import load
from cli.bench.accounts import Account, account, pairs, signed
from cli.bench.audit import audit
from cli.bench.ceiling import verifications_per_second
from cli.bench.faults import faults
from cli.bench.funding import application, fund
from cli.bench.load import Outcome, Signed
from cli.bench.measure import Gauge, Peak, Reading
from cli.bench.netting import netting
from cli.bench.report import Costs, Value, show, summarize
from cli.bench.sync import sync
from cli.client import Client
from cli.localcluster import LocalCluster
from cli.output import Exit, Failure
from contracts.currency.operations import Leg, Transfer

COUNTRIES = ("RU", "CN", "IN", "BR", "BY", "KZ", "ZA", "AE", "EG", "ID")
_VALID_MS = 3_600_000
_AMOUNT = 100
_IDLE_S = 3.0


class Plan(NamedTuple):
    """What the command line asked for."""

    rate: float
    seconds: float
    nodes: int
    accounts: int
    batch: int
    latency_seconds: float


@click.group("bench", cls=output.Group)
def bench() -> None:
    """Measure throughput and latency of real nodes on this machine."""


bench.add_command(netting)
bench.add_command(audit)
bench.add_command(faults)
bench.add_command(sync)


@bench.command()
@click.option(
    "--rate",
    type=click.FloatRange(1),
    default=2400,
    show_default=True,
    help="Transactions per second.",
)
@click.option(
    "--seconds", type=click.FloatRange(1), default=30, show_default=True, help="Length of the load."
)
@click.option("--nodes", type=click.IntRange(1, len(COUNTRIES)), default=4, show_default=True)
@click.option("--accounts", type=click.IntRange(2, 1_000_000), default=10_000, show_default=True)
@click.option(
    "--batch",
    type=click.IntRange(1, 2_000),
    default=200,
    show_default=True,
    help="Transactions in one request.",
)
@click.option(
    "--latency-phase",
    "latency_seconds",
    type=click.FloatRange(0),
    default=10,
    show_default=True,
    help="Seconds of a second load at half the rate that was reached; 0 for none.",
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Also write the JSON to a file."
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the nodes' files in this directory.",
)
@output.json_option
def settle(
    rate: float,
    seconds: float,
    nodes: int,
    accounts: int,
    batch: int,
    latency_seconds: float,
    out: Path | None,
    keep: Path | None,
) -> None:
    """Start real nodes, load them with signed single-leg transfers, and report.

    Every node verifies every signature, and every block is durable on every node. The machine's
    verification ceiling is measured in the same run, before the load.
    """
    plan = Plan(rate, seconds, nodes, accounts, batch, latency_seconds)
    if keep is not None:
        if keep.exists() and any(keep.iterdir()):
            raise Failure("FILE_EXISTS", f"{keep} is not empty", Exit.LOCAL)
        keep.mkdir(parents=True, exist_ok=True)
        report = run(plan, keep)
    else:
        with tempfile.TemporaryDirectory(prefix="iic-bench-") as folder:
            report = run(plan, Path(folder))
    if out is not None:
        out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    output.emit(report, lambda: show(report))
    if report["unresolved"]:
        output.finish(Exit.UNKNOWN)


def run(plan: Plan, folder: Path) -> dict[str, Value]:
    """Start nodes in an empty folder, load them, stop them; the report."""
    output.note("measuring the verification ceiling")
    ceiling = verifications_per_second()
    members = [(f"g{i}", account(i).lei, COUNTRIES[i]) for i in range(plan.nodes)]
    output.note(f"making keys and a genesis with {plan.accounts} accounts")
    accounts = [account(1_000 + i) for i in range(plan.accounts)]
    cluster = LocalCluster.prepare(
        folder,
        members,
        application(members, accounts),
        network="bench",
        api_limits={"transaction_rate": 100_000, "transaction_burst": 200_000},
    )
    with cluster:
        output.note(f"starting {plan.nodes} nodes")
        cluster.start()
        cluster.wait_for_height(0, seconds=120)
        pids = [node.pid for node in cluster.nodes if node.pid is not None]
        gauge = Gauge(pids, [node.home.path for node in cluster.nodes])
        idle = _idle(gauge)
        output.note("issuing currency and spreading it over the accounts")
        with Client(cluster.urls, timeout_s=30.0) as client:
            fund(client, cluster.genesis.chain_id, COUNTRIES[0], accounts)
        return _load_phases(plan, cluster, gauge, idle, accounts, ceiling)


def _idle(gauge: Gauge) -> Reading:
    time.sleep(_IDLE_S)  # nothing happens on purpose: this is what idle nodes take
    return gauge.read()


def _load_phases(
    plan: Plan,
    cluster: LocalCluster,
    gauge: Gauge,
    idle: Reading,
    accounts: Sequence[Account],
    ceiling: float,
) -> dict[str, Value]:
    chain_id = cluster.genesis.chain_id
    salts = itertools.count()
    output.note(f"signing {int(plan.rate * plan.seconds)} transactions")
    transactions = _transfers(chain_id, accounts, int(plan.rate * plan.seconds), salts)
    before = gauge.read()
    output.note(f"offering {plan.rate:g} tx/s for {plan.seconds:g} s")
    outcome, peak = uvloop.run(_main_load(cluster.urls, transactions, plan, gauge))
    after = gauge.read()
    half = None
    if plan.latency_seconds:
        rate = min(outcome.offered_tx_per_s, outcome.finalized_tx_per_s) / 2
        output.note(f"offering {rate:.0f} tx/s for {plan.latency_seconds:g} s")
        more = _transfers(chain_id, accounts, int(rate * plan.latency_seconds), salts)
        half = uvloop.run(
            load.run(cluster.urls, more, rate=rate, batch=max(1, min(plan.batch, int(rate / 20))))
        )
    return summarize(
        outcome,
        Costs(idle, before, after, peak),
        nodes=plan.nodes,
        accounts=plan.accounts,
        verifications_per_s=ceiling,
        half=half,
    )


async def _main_load(
    urls: Sequence[str], transactions: Sequence[Signed], plan: Plan, gauge: Gauge
) -> tuple[Outcome, tuple[float, ...]]:
    async with Peak(gauge) as peak:
        outcome = await load.run(urls, transactions, rate=plan.rate, batch=plan.batch)
    return outcome, peak.rss_mib


def _transfers(
    chain_id: bytes, accounts: Sequence[Account], count: int, salts: itertools.count[int]
) -> list[Signed]:
    valid_until = time.time_ns() // 1_000_000 + _VALID_MS
    drawn = pairs(accounts, seed=count)
    return [
        signed(
            chain_id,
            payer,
            [Transfer(legs=(Leg(payee.lei, _AMOUNT),))],
            valid_until,
            next(salts),
        )
        for payer, payee in itertools.islice(drawn, count)
    ]
