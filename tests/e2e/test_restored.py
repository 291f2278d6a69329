"""A node that was put back to an earlier state, under load, never contradicts what it signed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cli import calls
from cli.client import Client
from cli.localcluster import LocalCluster, LocalNode
from cli.output import Exit
from tests.e2e.ledgers import Witness, lost, wait_for_height
from tests.e2e.test_joining import height, iic

pytestmark = [pytest.mark.e2e]


def signers(node: LocalNode) -> list[int]:
    with Client(node.url) as client:
        certificate = client.do(calls.block()).block.certificate
    return list(certificate.signers) if certificate is not None else []


def contradicted(cluster: LocalCluster) -> bool:
    """Whether any node holds evidence against another: two conflicting votes of one key."""
    return any("EQUIVOCATION" in node.log.read_text() for node in cluster.nodes)


def observes_then_votes_again(cluster: LocalCluster, node: LocalNode, witness: Witness) -> None:
    others = [n for n in cluster.nodes if n is not node]
    wait_for_height(cluster, node, height(others[0]))
    for _ in range(3):
        witness.wait_for(len(witness.told) + 30)
        assert cluster.nodes.index(node) not in signers(others[0])
    node.stop()
    asked = [a for other in others for a in ("--node", other.url)]
    code, _, _ = iic("node", "activate", "--home", node.home.path, *asked)
    assert code == Exit.OK
    node.start()
    number = cluster.nodes.index(node)
    cluster.wait_until(lambda: number in signers(others[0]), "its votes to count", seconds=60)


def test_an_old_copy_of_a_whole_home_observes_until_it_is_activated(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    cluster.start()
    node = cluster.nodes[1]
    with Witness(cluster) as witness:
        witness.wait_for(50)
        node.kill()
        shutil.copytree(node.home.path, tmp_path / "old", copy_function=shutil.copy2)
        node.start()
        witness.wait_for(len(witness.told) + 100)
        cluster.wait_until(lambda: 1 in signers(cluster.nodes[0]), "its votes")
        node.kill()
        shutil.rmtree(node.home.path)
        shutil.copytree(tmp_path / "old", node.home.path, copy_function=shutil.copy2)
        node.start()
        observes_then_votes_again(cluster, node, witness)
    assert "RESTORED" in node.log.read_text()
    assert not contradicted(cluster)
    assert lost(cluster, witness.told) == []


def test_a_disk_put_back_to_an_earlier_state_is_found_out_by_the_peers(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    cluster.start()
    node = cluster.nodes[2]
    files = [node.home.ledger / "data.mdb", node.home.votes / "data.mdb"]
    with Witness(cluster) as witness:
        witness.wait_for(50)
        node.kill()
        earlier = [file.read_bytes() for file in files]
        node.start()
        witness.wait_for(len(witness.told) + 100)
        cluster.wait_until(lambda: 2 in signers(cluster.nodes[0]), "its votes")
        node.kill()
        for file, content in zip(files, earlier, strict=True):
            with file.open("r+b") as same:  # the same files, as a disk's snapshot would leave them
                same.truncate()
                same.write(content)
        node.start()
        cluster.wait_until(
            lambda: "votes were forgotten" in node.log.read_text(), "peers to say so", seconds=60
        )
        observes_then_votes_again(cluster, node, witness)
    assert not contradicted(cluster)
    assert lost(cluster, witness.told) == []
