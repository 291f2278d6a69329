"""``iic bench faults``: how long nothing becomes final after the leader's process is killed."""

from __future__ import annotations

import itertools
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from cli import calls, output
from cli.bench.accounts import Account, account, signed
from cli.bench.funding import application, fund
from cli.client import Client
from cli.localcluster import LocalCluster, LocalNode
from contracts.currency.operations import Leg, Transfer
from ledger.errors import CodedError

COUNTRIES: Final = ("RU", "CN", "IN", "BR")
_VALID_MS: Final = 3_600_000
_PAUSE_S: Final = 0.05


class Payer:
    """One client of one node: pays, waits until that is final, pays again; notes each time."""

    def __init__(
        self, cluster: LocalCluster, node: LocalNode, source: Account, to: Account
    ) -> None:
        self._chain_id = cluster.genesis.chain_id
        self._node = node
        self._accounts = source, to
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.final: list[float] = []
        """When each payment was answered as final, by the monotonic clock."""

    def __enter__(self) -> Payer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        source, to = self._accounts
        until = time.time_ns() // 1_000_000 + _VALID_MS
        order = [Transfer(legs=(Leg(to.lei, 1),))]
        with Client(self._node.url, patience_s=0.0, timeout_s=2.0) as client:
            while not self._stop.is_set():
                wire = signed(self._chain_id, source, order, until, time.monotonic_ns()).wire
                try:
                    answered = client.submit([wire], wait_s=2.0)
                except CodedError:
                    self._stop.wait(_PAUSE_S)
                    continue
                if answered[0].status == "final":
                    self.final.append(time.monotonic())


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True)
@click.option(
    "--seconds",
    type=click.FloatRange(2),
    default=8,
    show_default=True,
    help="How long the others are watched after each kill.",
)
@output.json_option
def faults(rounds: int, seconds: float) -> None:
    """Kill the leader's process under load and measure how long nothing becomes final.

    Four nodes with default pacing, one client of each. In each round the node whose turn it is gets
    SIGKILL. Reported is the longest time between two final answers, of all clients together, from
    the last one before the kill until the end of the watch: it contains every later turn of the
    dead leader, too. The longest such time without a fault, over as long, stands beside it.
    """
    with tempfile.TemporaryDirectory(prefix="iic-bench-") as folder:
        report = measure(Path(folder), rounds, seconds)
    output.emit(report, lambda: _show(report))


def measure(folder: Path, rounds: int, seconds: float) -> dict[str, Any]:
    """Run all rounds in an empty folder; the report."""
    members = [(f"g{n}", account(n).lei, country) for n, country in enumerate(COUNTRIES)]
    accounts = [account(1_000 + n) for n in range(len(members))]
    cluster = LocalCluster.prepare(folder, members, application(members, accounts), network="bench")
    quiet, resumed = [], []
    with cluster:
        cluster.start()
        cluster.wait_for_height(0, seconds=120)
        with Client(cluster.urls, timeout_s=30.0) as client:
            fund(client, cluster.genesis.chain_id, COUNTRIES[0], accounts)
        for number in range(rounds):
            output.note(f"round {number + 1} of {rounds}")
            before, after = _round(cluster, accounts, seconds)
            quiet.append(before)
            resumed.append(after)
    return {
        "nodes": len(members),
        "rounds": rounds,
        "watched_s": seconds,
        "undisturbed_s": _summary(quiet),
        "leader_kill_resume_s": _summary(resumed),
    }


def _round(
    cluster: LocalCluster, accounts: Sequence[Account], seconds: float
) -> tuple[float, float]:
    """One kill: the longest time between final answers before it, and from it on."""
    payers = [
        Payer(cluster, node, source, accounts[index - 1])
        for index, (node, source) in enumerate(zip(cluster.nodes, accounts, strict=True))
    ]
    began = time.monotonic() + 2.0  # the first payments of a client open its connection
    with payers[0], payers[1], payers[2], payers[3]:
        time.sleep(2.0 + seconds)  # how long the watch lasts is what is asked for
        victim = _leader(cluster)
        killed = time.monotonic()
        victim.kill()
        time.sleep(seconds)
        ended = time.monotonic()
        victim.start()
        cluster.wait_until(lambda: _caught_up(cluster, victim), f"{victim.name} to be back")
    answers = sorted(moment for payer in payers for moment in payer.final)
    return longest_gap(answers, began, killed), longest_gap(answers, killed, ended)


def longest_gap(answers: Sequence[float], start: float, end: float) -> float:
    """The longest time without an answer within a time, from the last answer before it.

    ``answers`` ascend. What goes on when the time ends counts until then.
    """
    first = max((moment for moment in answers if moment <= start), default=start)
    within = [first, *(moment for moment in answers if start < moment < end), end]
    return max(later - earlier for earlier, later in itertools.pairwise(within))


def _leader(cluster: LocalCluster) -> LocalNode:
    """The node whose turn it is, by what the first node says."""
    with Client(cluster.nodes[0].url) as client:
        leader = client.do(calls.node()).leader
    assert leader is not None, "a running node knows the leader of its view"
    return cluster.nodes[leader]


def _caught_up(cluster: LocalCluster, node: LocalNode) -> bool:
    views = [other.view() for other in cluster.nodes if other is not node]
    own = node.view()
    return own is not None and own.head.block + 1 >= max(v.head.block for v in views if v)


def _summary(values: Sequence[float]) -> dict[str, float]:
    return {"median": round(statistics.median(values), 3), "max": round(max(values), 3)}


def _show(report: dict[str, Any]) -> None:
    output.table(
        ("LONGEST TIME BETWEEN FINAL ANSWERS", ("MEDIAN S", "right"), ("MAX S", "right")),
        [
            (words, report[key]["median"], report[key]["max"])
            for words, key in (
                ("undisturbed", "undisturbed_s"),
                ("the leader is killed", "leader_kill_resume_s"),
            )
        ],
        title=f"{report['nodes']} nodes, {report['rounds']} kills, {report['watched_s']} s each",
    )
