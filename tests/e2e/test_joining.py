"""A newcomer joins by a snapshot: real nodes, sockets and disks, kills and lies included."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli import calls
from cli.client import Client
from cli.localcluster import LocalNode
from cli.output import Exit
from ledger.snapshot import read_records, write_records
from ledger.store.disk import open_store
from ledger.store.snapshots import heights
from tests.e2e.ledgers import Witness, lost, prepare, wait_for_height

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


def iic(*args: object) -> tuple[int, Any, str]:
    """Run a command; exit status, the JSON that it printed, what it logged."""
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", *map(str, args), "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


def height(node: LocalNode) -> int:
    view = node.view()
    return -1 if view is None else view.head.block


@pytest.fixture
def ahead(tmp_path: Path) -> Any:
    """Three nodes that have recorded much and hold snapshots; the fourth never ran."""
    with prepare(tmp_path / "cluster", snapshot_ahead=70, snapshot_blocks=50) as cluster:
        newcomer = cluster.nodes[3]
        for node in cluster.nodes[:3]:
            node.start()
        with Witness(cluster, size=20) as witness:
            cluster.wait_until(lambda: height(cluster.nodes[0]) >= 165, "165 blocks", seconds=60)
        cluster.wait_until(
            lambda: all(
                max(heights(n.home.snapshots), default=0) >= 150 for n in cluster.nodes[:3]
            ),
            "snapshots of three nodes",
        )
        yield cluster, newcomer, witness


def test_a_node_far_behind_joins_by_a_snapshot_and_then_votes(ahead: Any) -> None:
    cluster, newcomer, witness = ahead
    newcomer.start()
    target = max(height(node) for node in cluster.nodes[:3])
    wait_for_height(cluster, newcomer, target)
    log = newcomer.log.read_text()
    assert "joined by a snapshot" in log
    cluster.nodes[0].stop()  # a quorum now needs the newcomer's votes
    before = height(cluster.nodes[1])
    wait_for_height(cluster, cluster.nodes[1], before + 3)
    assert lost(cluster, witness.told) == [], "all that was told is inside of the replay window"
    newcomer.stop()
    code, report, _ = iic("node", "check", "--home", newcomer.home.path)
    assert code == Exit.OK and report["findings"] == []


def test_the_command_resumes_after_kill_9_and_says_what_the_node_holds(ahead: Any) -> None:
    cluster, newcomer, witness = ahead
    command = [sys.executable, "-m", "cli.main", "node", "sync", "--snapshot"]
    for grace in (0.6, 0.9, 1.2):  # kills land before, in and after the first parts
        process = subprocess.Popen(
            [*command, "--home", str(newcomer.home.path)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    code, joined, _ = iic("node", "sync", "--snapshot", "--home", newcomer.home.path)
    if code == Exit.UNREACHABLE:  # one of the killed ones had finished: nothing newer is offered
        store = open_store(newcomer.home.ledger, read_only=True)
        assert store.head is not None and store.head.height >= 150
        store.close()
    else:
        assert code == Exit.OK and joined["height"] >= 150
    code, report, _ = iic("node", "check", "--home", newcomer.home.path)
    assert code == Exit.OK and report["findings"] == []
    newcomer.start()
    wait_for_height(cluster, newcomer, max(height(node) for node in cluster.nodes[:3]))
    assert lost(cluster, witness.told) == []


def test_a_lying_peer_is_named_with_its_key_and_left(ahead: Any) -> None:
    cluster, newcomer, _ = ahead
    liar = cluster.nodes[0]
    changed = b""
    for taken in heights(liar.home.snapshots):
        state = liar.home.snapshots / str(taken) / "state"
        records = read_records(state.read_bytes())
        changed = records[0][0]
        records[0] = (changed, records[0][1][:-1] + bytes((records[0][1][-1] ^ 1,)))
        state.write_bytes(write_records(records))
    code, joined, log = iic("node", "sync", "--snapshot", "--home", newcomer.home.path)
    assert code == Exit.OK and joined["height"] >= 150
    named = [line for line in log.splitlines() if "a peer's snapshot is false" in line]
    if named:  # the only state part may have been asked of another peer first
        assert all(liar.name in line for line in named)
        assert any(f"key {changed.hex()} had another value" in line for line in named)
    code, report, _ = iic("node", "check", "--home", newcomer.home.path)
    assert code == Exit.OK and report["findings"] == []


def test_without_a_snapshot_the_node_replays(tmp_path: Path) -> None:
    with prepare(tmp_path / "cluster", snapshot_ahead=5, snapshot_blocks=0) as cluster:
        newcomer = cluster.nodes[3]
        for node in cluster.nodes[:3]:
            node.start()
        with Witness(cluster) as witness:
            witness.wait_for(100)
        code, said, _ = iic("node", "sync", "--snapshot", "--home", newcomer.home.path)
        assert code == Exit.UNREACHABLE and "JOIN_FAILED" in str(said)
        newcomer.start()
        wait_for_height(cluster, newcomer, height(cluster.nodes[0]))
        assert lost(cluster, witness.told) == []
        store = open_store(newcomer.home.ledger, read_only=True)
        assert store.base == 0
        store.close()


def test_a_joined_node_says_which_blocks_it_has_not_got(ahead: Any) -> None:
    cluster, newcomer, _ = ahead
    code, joined, _ = iic("node", "sync", "--snapshot", "--home", newcomer.home.path)
    assert code == Exit.OK
    newcomer.start()
    wait_for_height(cluster, newcomer, joined["height"] + 1)
    view = newcomer.view()
    assert view is not None and view.history_from == joined["base"]
    with Client(newcomer.url) as client:
        assert client.do(calls.block(1)).block.block == 1, "every header is there"
