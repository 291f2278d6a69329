"""``iic bench sync``: a node joins a grown ledger, by a snapshot and by replaying every block."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from cli import output
from cli.bench.accounts import account
from cli.bench.funding import application
from cli.bench.grown import Grower, Invoices, grow
from cli.localcluster import LocalCluster, LocalNode
from cli.output import Exit, Failure
from contracts.framework.posting import BALANCE
from ledger.store.chain import Store
from ledger.store.lmdb_environment import LmdbEnvironment
from ledger.store.snapshots import heights
from ledger.store.tables import CHAIN_TABLES, Table, each
from node import identity
from node.joining.taking import take_snapshot

COUNTRIES = ("RU", "CN", "IN", "BR")
_WAIT_S = 3_600.0


@click.command()
@click.option("--accounts", type=click.IntRange(8), default=1_000_000, show_default=True)
@click.option("--blocks", type=click.IntRange(10), default=10_000, show_default=True)
@click.option(
    "--block-seconds",
    type=click.IntRange(1),
    default=600,
    show_default=True,
    help="Block time between two blocks: the longer, the fewer blocks belong to a snapshot.",
)
@output.json_option
def sync(accounts: int, blocks: int, block_seconds: int) -> None:
    """Compare joining by a snapshot with replaying every block, on real nodes, in one run.

    A ledger of invoices between members is grown first, two accounts for each invoice. Three nodes
    then serve it, and the fourth joins twice, each time with nothing but its keys: what is measured
    ends when it has committed the block that was the newest at its start.
    """
    with tempfile.TemporaryDirectory(prefix="iic-bench-") as folder:
        result = _measure(Path(folder), accounts, blocks, block_seconds * 1000)
    output.emit(result, lambda: _show(result))


def _measure(folder: Path, accounts: int, blocks: int, step_ms: int) -> dict[str, Any]:
    pairs = accounts // 2
    members = [account(1_000 + n) for n in range(2 + math.isqrt(pairs))]
    start = time.time_ns() // 1_000_000 - (blocks + 100) * step_ms
    cluster = LocalCluster.prepare(
        folder,
        [(f"g{n}", account(n).lei, country) for n, country in enumerate(COUNTRIES)],
        application([(f"g{n}", account(n).lei, c) for n, c in enumerate(COUNTRIES)], members),
        network="bench",
        time_ms=start,
        sync="replay",
        snapshot_blocks=0,
        log_level="info",
    )
    with cluster:
        source, *others, newcomer = cluster.nodes
        began = time.monotonic()
        grown = _grow(cluster, source, Invoices(members, pairs), blocks, start, step_ms)
        grown["seconds"] = time.monotonic() - began
        taking, _ = _timed(lambda: take_snapshot(source.home))
        for node in others:
            shutil.copytree(source.home.path / "data", node.home.path / "data")
        for node in (source, *others):
            node.start()
        target = grown["height"]
        replayed = _join(cluster, newcomer, target, by_snapshot=False)
        newcomer.stop()
        shutil.rmtree(newcomer.home.path / "data")
        (newcomer.home.path / "keys" / "started").unlink()
        joined = _join(cluster, newcomer, target, by_snapshot=True)
        snapshot = source.home.snapshots / str(heights(source.home.snapshots)[0])
        return {
            "ledger": grown,
            "snapshot": {
                "take_seconds": taking,
                "bytes": sum(file.stat().st_size for file in snapshot.iterdir()),
            },
            "replay": replayed,
            "join": joined,
            "times_faster": replayed["seconds"] / joined["seconds"],
        }


def _grow(
    cluster: LocalCluster,
    source: LocalNode,
    invoices: Invoices,
    blocks: int,
    start: int,
    step_ms: int,
) -> dict[str, Any]:
    """The source's store, of which nothing is durable until it is complete."""
    keys = [identity.load(node.home.path).vote_key for node in cluster.nodes]
    source.home.ledger.mkdir(parents=True)
    environment = LmdbEnvironment(source.home.ledger, CHAIN_TABLES, bulk=True)
    store = Store(environment)
    try:
        grower = Grower(store, cluster.genesis, keys)
        transactions = grow(grower, invoices, blocks, start + step_ms, step_ms)
        environment.sync()
        return {
            "accounts": sum(1 for _ in store.scan(BALANCE.prefix)),
            "records": sum(1 for _ in each(environment, Table.STATE, chunk=1024)),
            "height": grower.tree.head.header.height,
            "transactions": transactions,
            "operations": 2 * invoices.pairs,
        }
    finally:
        store.close()


def _join(
    cluster: LocalCluster, node: LocalNode, target: int, *, by_snapshot: bool
) -> dict[str, Any]:
    """Seconds until a node without anything has committed ``target``, and what it took."""
    found: dict[str, Any] = {}

    def whole() -> None:
        if by_snapshot:
            found.update(_sync(node))
        node.start()
        cluster.wait_until(
            lambda: (view := node.view()) is not None and view.head.block >= target,
            f"{node.name} to commit block {target}",
            seconds=_WAIT_S,
        )

    seconds, _ = _timed(whole)
    size = sum(f.stat().st_blocks * 512 for f in node.home.ledger.iterdir())
    return {"seconds": seconds, "disk_bytes": size} | found


def _sync(node: LocalNode) -> dict[str, Any]:
    command = [sys.executable, "-P", "-m", "cli.main", "node", "sync", "--snapshot", "--json"]
    done = subprocess.run(  # noqa: S603  # our own interpreter and module
        [*command, "--home", str(node.home.path)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Failure("JOIN_FAILED", done.stdout.strip() or done.stderr[-500:], Exit.LOCAL)
    told = json.loads(done.stdout)
    return {"received_bytes": told["received"], "rows_from": told["base"]}


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.monotonic()
    result = work()
    return time.monotonic() - began, result


def _show(result: dict[str, Any]) -> None:
    ledger, join, replay = result["ledger"], result["join"], result["replay"]
    output.facts(
        [
            (
                "Ledger",
                f"{ledger['accounts']:,} accounts, {ledger['height']:,} blocks, "
                f"{ledger['transactions']:,} transactions of {ledger['operations']:,} operations",
            ),
            ("State", f"{ledger['records']:,} records"),
            (
                "Snapshot",
                f"taken in {result['snapshot']['take_seconds']:.1f} s, "
                f"{result['snapshot']['bytes']:,} bytes",
            ),
            (
                "Joining",
                f"{join['seconds']:.1f} s, {join['received_bytes']:,} bytes received, "
                f"{join['disk_bytes']:,} on disk, blocks from {join['rows_from']:,} on",
            ),
            ("Replaying", f"{replay['seconds']:.1f} s, {replay['disk_bytes']:,} bytes on disk"),
            ("Ratio", f"joining is {result['times_faster']:.1f} times faster"),
        ]
    )
