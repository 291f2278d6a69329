"""Real nodes that are killed, stopped and started, under the eyes of a client that remembers."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli import calls, ceremony
from cli.client import Client
from cli.localcluster import LocalCluster, LocalNode
from cli.output import Exit
from node.config import Home
from tests.contracts.ledger_in_memory import lei
from tests.e2e.command_line import Iic
from tests.e2e.ledgers import Witness, lost, wait_for_height

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


def height(node: LocalNode) -> int:
    view = node.view()
    return -1 if view is None else view.head.block


def best(cluster: LocalCluster) -> int:
    return max(height(node) for node in cluster.nodes if node.is_running)


def catches_up(cluster: LocalCluster, node: LocalNode) -> None:
    """Wait until a node has what the others had when this was called."""
    others = [n for n in cluster.nodes if n is not node and n.is_running]
    target = max(height(other) for other in others)
    cluster.wait_until(lambda: height(node) >= target, f"{node.name} to reach {target}")


def agree(cluster: LocalCluster) -> bool:
    """Whether every running node has the same block at the height of the slowest."""
    running = [node for node in cluster.nodes if node.is_running]
    lowest = min(height(node) for node in running)
    assert lowest >= 0, "every running node answers"
    hashes = set()
    for node in running:
        with Client(node.url) as client:
            hashes.add(client.do(calls.block(lowest)).block.hash)
    return len(hashes) == 1


def iic(*args: object) -> tuple[int, Any]:
    """Run a command as a user does; exit status and the JSON that it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", *map(str, args), "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)


def test_four_nodes_record_the_same_blocks_and_say_so(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    cluster.start()
    with Witness(cluster) as witness:
        witness.wait_for(100)
    assert agree(cluster)
    assert lost(cluster, witness.told) == []
    code, seen = iic("node", "cluster", *(a for n in cluster.nodes for a in ("--node", n.url)))
    assert code == Exit.OK and seen["healthy"] and seen["further_failures_tolerated"] == 1
    alone = Iic(tmp_path)("node", "cluster", "--node", cluster.nodes[2].url)
    assert alone.status == Exit.VIOLATION and "not known, only 1 was asked" in alone.out
    code, view = iic("node", "status", "--home", cluster.nodes[2].home.path)
    assert code == Exit.OK and view["name"] == "g2" and view["waiting_for"] == ""


@pytest.mark.parametrize("victim", range(4))
def test_kill_9_of_any_one_node_loses_nothing_and_the_others_go_on(
    cluster: LocalCluster, victim: int
) -> None:
    cluster.start()
    with Witness(cluster) as witness:
        witness.wait_for(50)
        cluster.nodes[victim].kill()
        before = len(witness.told)
        witness.wait_for(before + 200)
        cluster.nodes[victim].start()
        catches_up(cluster, cluster.nodes[victim])
        witness.wait_for(len(witness.told) + 50)
    assert agree(cluster)
    assert lost(cluster, witness.told) == []


def test_kill_9_of_two_stops_progress_and_one_return_resumes_it(cluster: LocalCluster) -> None:
    cluster.start()
    with Witness(cluster) as witness:
        witness.wait_for(50)
        cluster.nodes[1].kill()
        cluster.nodes[3].kill()
        watcher = cluster.nodes[0]

        def explains() -> bool:
            view = watcher.view()
            return view is not None and "a quorum: 3 of 4" in view.waiting_for

        cluster.wait_until(explains, "an explanation of the stall")
        view = watcher.view()
        assert view is not None and "g1, g3" in view.waiting_for
        assert view.further_failures_tolerated <= 0
        stalled_at, told_at = best(cluster), len(witness.told)
        code, seen = iic("node", "cluster", *(a for n in cluster.nodes for a in ("--node", n.url)))
        assert code == Exit.VIOLATION and seen["answering"] == 2 and not seen["healthy"]
        assert best(cluster) == stalled_at and len(witness.told) == told_at
        cluster.nodes[3].start()
        witness.wait_for(told_at + 100)
    assert agree(cluster)
    assert lost(cluster, witness.told) == []


def test_a_power_cut_of_all_nodes_at_once_loses_nothing_that_was_told(
    cluster: LocalCluster,
) -> None:
    cluster.start()
    with Witness(cluster) as witness:
        for round_ in range(1, 4):
            witness.wait_for(100 * round_)
            for node in cluster.nodes:
                node.send_signal(signal.SIGKILL)
            for node in cluster.nodes:
                node.wait()
            cluster.start()
        witness.wait_for(len(witness.told) + 50)
    assert agree(cluster)
    assert lost(cluster, witness.told) == []


def test_a_node_that_was_frozen_catches_up(cluster: LocalCluster) -> None:
    cluster.start()
    with Witness(cluster) as witness:
        witness.wait_for(50)
        frozen = cluster.nodes[2]
        frozen.send_signal(signal.SIGSTOP)
        witness.wait_for(300)
        frozen.send_signal(signal.SIGCONT)
        catches_up(cluster, frozen)
    assert agree(cluster)
    assert lost(cluster, witness.told) == []


def test_a_stopped_node_is_sound_and_a_damaged_one_is_found_out(cluster: LocalCluster) -> None:
    cluster.start()
    with Witness(cluster) as witness:
        witness.wait_for(100)
    node = cluster.nodes[0]
    assert iic("node", "check", "--home", node.home.path)[0] == Exit.OK  # beside the running node
    assert node.stop() == 0
    code, report = iic("node", "check", "--home", node.home.path)
    assert code == Exit.OK and report["findings"] == [] and report["height"] > 0
    data = node.home.ledger / "data.mdb"
    content, identity = data.read_bytes(), next(iter(witness.told))
    assert identity in content
    data.write_bytes(content.replace(identity, bytes(32)))
    code, report = iic("node", "check", "--home", node.home.path)
    assert code == Exit.VIOLATION and report["findings"]


def test_one_home_runs_once(cluster: LocalCluster) -> None:
    cluster.start()
    cluster.wait_for_height(1)
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "node", "run", "--home", cluster.nodes[0].home.path],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == Exit.LOCAL and "STORE_LOCKED" in done.stderr


def test_an_idle_node_with_its_worker_needs_less_than_150_mib(cluster: LocalCluster) -> None:
    cluster.start()
    cluster.wait_for_height(3)
    for node in cluster.nodes:
        assert node.pid is not None
        assert 50 << 20 < resident_bytes(node.pid) < 150 << 20


def test_nodes_end_with_the_process_that_they_are_attached_to(cluster: LocalCluster) -> None:
    cluster.start()
    cluster.wait_for_height(1)
    process = cluster.nodes[0]._process
    assert process is not None and process.stdin is not None
    process.stdin.close()
    assert process.wait(20) == 0


def resident_bytes(pid: int) -> int:
    """Resident memory of a process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    pages = sum(
        int(Path(f"/proc/{p}/statm").read_text().split()[1]) for p in (pid, *map(int, children))
    )
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("lost_part", ["data", "data/votes"])
def test_a_node_that_lost_its_disk_votes_only_past_what_it_may_have_signed(
    cluster: LocalCluster, lost_part: str
) -> None:
    cluster.start()
    with Witness(cluster) as witness:
        witness.wait_for(50)
        node, others = cluster.nodes[1], (cluster.nodes[0], *cluster.nodes[2:])
        node.kill()
        shutil.rmtree(node.home.path / lost_part)
        node.start()
        assert node.wait() == Exit.LOCAL
        assert "VOTES_LOST" in node.log.read_text()
        asked = [a for other in others for a in ("--node", other.url)]
        code, done = iic("node", "activate", "--home", node.home.path, *asked[2:])
        assert code == Exit.UNREACHABLE  # two answers cannot tell
        code, done = iic("node", "activate", "--home", node.home.path, *asked)
        assert code == Exit.OK
        node.start()
        catches_up(cluster, node)

        def signs_again() -> bool:
            with Client(others[0].url) as client:
                block = client.do(calls.block()).block
            certificate = block.certificate
            signers = certificate.signers if certificate is not None else []
            assert block.view >= done["abstain_below"] or 1 not in signers
            return 1 in signers

        cluster.wait_until(signs_again, "the votes of the node to count again", seconds=30.0)
    assert agree(cluster)
    assert lost(cluster, witness.told) == []


def test_a_node_that_lost_only_its_blocks_fetches_them_and_votes_on(cluster: LocalCluster) -> None:
    cluster.start()
    with Witness(cluster) as witness:
        witness.wait_for(200)
        node = cluster.nodes[2]
        node.kill()
        shutil.rmtree(node.home.ledger)
        node.start()
        catches_up(cluster, node)
        witness.wait_for(len(witness.told) + 50)
    assert agree(cluster)
    assert lost(cluster, witness.told) == []


def test_an_admitted_observer_follows_and_verifies_without_a_vote(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    watcher = LocalNode("watcher", Home(tmp_path / "watcher"), "127.0.0.1:0", free_address())
    made = ceremony.init(
        watcher.home,
        ceremony.Member("watcher", lei("auditor"), "KZ", "127.0.0.1:1"),
        listen=watcher.peers_at,
        api=watcher.url.removeprefix("http://"),
    )
    ceremony.install(ceremony.read(cluster.genesis_file), watcher.home)
    for node in cluster.nodes[:2]:
        with node.home.config.open("a") as file:
            file.write(
                f'[[observers]]\nname = "watcher"\nnode_key = "{made.vote_key.hex()}"\n'
                f'certificate = "{watcher.home.path}/keys/tls.crt"\n'
            )
    cluster.start()
    watcher.start()
    try:
        with Witness(cluster) as witness:
            witness.wait_for(100)
            catches_up(cluster, watcher)
        wait_for_height(cluster, watcher, max(block for block, _ in witness.told.values()))
        view = watcher.view()
        assert view is not None and view.role == "observer" and view.index is None
        with Client(watcher.url) as client:
            answers = client.do(calls.statuses(list(witness.told))).transactions
        assert [(a.height, a.index) for a in answers] == list(witness.told.values())
    finally:
        assert watcher.stop() == 0


def free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"127.0.0.1:{probe.getsockname()[1]}"


def test_a_full_disk_stops_a_node_cleanly_and_room_lets_it_go_on(cluster: LocalCluster) -> None:
    cluster.start()
    with Witness(cluster) as witness:
        witness.wait_for(50)
        node = cluster.nodes[1]
        assert node.pid is not None
        size = (node.home.ledger / "data.mdb").stat().st_size
        resource.prlimit(node.pid, resource.RLIMIT_FSIZE, (size, size))  # as full as a disk
        process = node._process
        assert process is not None
        assert process.wait(60) == Exit.LOCAL
        assert "STORE_FULL" in node.log.read_text() and "Free space" in node.log.read_text()
        node.wait()
        witness.wait_for(len(witness.told) + 50)  # the others go on
        node.start()
        catches_up(cluster, node)
    assert agree(cluster)
    assert lost(cluster, witness.told) == []
