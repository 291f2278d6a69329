"""Real nodes in networks of their own, under load and under every fault that we can make."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cli.bench.funding import START_AMOUNT, fund
from cli.client import Client
from cli.output import Exit
from tests.e2e.command_line import Iic
from tests.faults.checker import judge
from tests.faults.clients import Clients
from tests.faults.cluster import (
    ACCOUNTS,
    COUNTRIES,
    account_name,
    clock_library,
    prepare,
    read_ledger,
    unmount,
)
from tests.faults.history import Outcome
from tests.faults.nemesis import Nemesis, height, seed_from_environment
from tests.faults.network import Namespace, Relay

pytestmark = [pytest.mark.faults]

CLIENTS = 5
KEEP = Path("build/faults")
"""Where logs, homes and the history of a failing run are kept."""


@pytest.fixture
def namespaces() -> Iterator[list[Namespace]]:
    made: list[Namespace] = []
    with ExitStack() as stack:
        for number in range(len(COUNTRIES)):
            made.append(Namespace(number))
            stack.callback(made[-1].close)
        yield made


def test_nothing_that_clients_were_told_is_lost_or_changed_under_any_fault(
    tmp_path: Path, namespaces: list[Namespace]
) -> None:
    seed = seed_from_environment()
    minutes = float(os.environ.get("MINUTES") or 0)
    again = f"make test-faults SEED={seed}" + (f" MINUTES={minutes:g}" if minutes else "")
    print(f"\n{again}")
    if not clock_library():
        assert not os.environ.get("CI"), "the package libfaketime is needed to set clocks"
        print("clocks are left alone: libfaketime is not installed")
    cluster = prepare(tmp_path / "cluster", namespaces)
    try:
        with cluster, Relay(namespaces, seed) as relay:
            cluster.start()
            cluster.wait_for_height(0, seconds=60)
            with Client(cluster.urls, timeout_s=30.0) as client:
                fund(client, cluster.genesis.chain_id, COUNTRIES[0], ACCOUNTS)
            began = max(height(node) for node in cluster.nodes)
            cluster.wait_for_height(began)
            nemesis = Nemesis(cluster, namespaces, relay, tmp_path, seed)
            clients = Clients(cluster.genesis.chain_id, cluster.nodes, seed, CLIENTS)
            with clients:
                nemesis.run(until=time.monotonic() + 60 * minutes)
            history = clients.history
            history.save(tmp_path / "history.jsonl")
            target = max(height(node) for node in cluster.nodes)
            cluster.wait_for_height(target + 1, seconds=60)
        ledgers = [read_ledger(node) for node in cluster.nodes]
        common = min(len(ledger.hashes) for ledger in ledgers)
        assert common > target
        ledgers = [ledger.up_to(common) for ledger in ledgers]
        opening = {account_name(owner): START_AMOUNT for owner in ACCOUNTS}
        assert judge(history, ledgers, opening, began) == []
        sound(cluster, tmp_path)
    except BaseException:
        keep = KEEP / str(seed)
        shutil.rmtree(keep, ignore_errors=True)
        shutil.copytree(tmp_path, keep, ignore_dangling_symlinks=True)
        print(f"kept in {keep}; to try again: {again}")
        raise
    finally:
        unmount(cluster)
    final = history.count(Outcome.FINAL)
    print(
        f"{len(nemesis.done)} faults of {len(set(nemesis.done))} kinds, {common} blocks, "
        f"{final} payments told to be final, {history.count(Outcome.UNKNOWN)} not answered, "
        f"{len(history.reads)} consistent reads ({history.failed_reads} not answered), "
        f"longest wait {history.longest_wait():.1f} s, no violation"
    )
    assert final > 50, "there was a load"
    assert len(history.reads) > 20


def sound(cluster, folder: Path) -> None:  # type: ignore[no-untyped-def]
    """What the stores hold verifies again, and nobody ever voted against the rules."""
    iic = Iic(folder / "user")
    for node in cluster.nodes:
        checked = iic("node", "check", "--home", node.home.path, "--json")
        assert checked.status == Exit.OK, f"{node.name}: {checked.out}"
        assert "EQUIVOCATION" not in node.log.read_text()
    genesis = cluster.genesis_file
    logs = [node.home.vote_log for node in cluster.nodes]
    accepted = iic("model", "accept", *logs, "--genesis", genesis, "--json")
    assert accepted.status == Exit.OK, accepted.out
    audited = iic(
        "audit", "invariants", cluster.nodes[0].home.ledger, "--genesis", genesis, "--json"
    )
    assert audited.status == Exit.OK, audited.out
