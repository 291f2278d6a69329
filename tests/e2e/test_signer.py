"""A vote key in a process of its own: the node votes with it, and nothing makes it vote twice."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.localcluster import LocalCluster, LocalNode
from ledger.block import NO_BLOCK, VoteKind, vote_bytes
from node import identity
from node.signer.client import RemoteKey
from tests.e2e.command_line import Iic
from tests.e2e.ledgers import Witness, lost, prepare, wait_for_height

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


@contextmanager
def signing(iic: Iic, keys: Path, socket: Path) -> Iterator[subprocess.Popen[str]]:
    process = iic.start("node", "signer", "run", "--keys", keys, "--socket", socket)
    assert process.stdout is not None
    assert "signing for" in process.stdout.readline()
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def best(cluster: LocalCluster) -> int:
    return max(view.head.block for node in cluster.nodes if (view := node.view()) is not None)


def convicted(node: LocalNode) -> bool:
    return "EQUIVOCATION" in node.log.read_text()


def test_a_node_votes_by_its_signer_and_stops_without_it(tmp_path: Path) -> None:
    iic = Iic(tmp_path / "user")
    socket, keys = tmp_path / "s.sock", tmp_path / "signer"
    with prepare(tmp_path / "cluster") as cluster:
        one, other, third, fourth = cluster.nodes
        moved = iic(
            "node", "signer", "move", "--home", one.home.path, "--keys", keys, "--socket", socket
        )
        assert moved.status == 0, moved.err
        secret = (keys / identity.VOTE_KEY).read_text()
        left = (one.home.path / identity.KEYS / identity.VOTE_KEY).read_text()
        assert "seed" in secret and "seed" not in left and str(socket) in left
        with signing(iic, keys, socket) as process:
            cluster.start()
            fourth.kill()  # now three are a quorum: without the signer's votes nothing is final
            with Witness(cluster) as witness:
                witness.wait_for(30)
                one.kill()
                one.start()
                witness.wait_for(60)
            assert lost(cluster, witness.told) == []
            process.kill()
            process.wait()
            cluster.wait_until(lambda: not one.is_running, "the node to stop without its signer")
            assert "SIGNER_FAILED" in one.log.read_text()
            one.wait()
        with signing(iic, keys, socket):
            one.start()
            wait_for_height(cluster, one, best(cluster) + 2)
        assert not any(convicted(node) for node in (other, third))


def test_what_only_the_signer_remembers_keeps_no_quorum_waiting(tmp_path: Path) -> None:
    iic = Iic(tmp_path / "user")
    socket, keys = tmp_path / "s.sock", tmp_path / "signer"
    with prepare(tmp_path / "cluster") as cluster:
        one, other, _, fourth = cluster.nodes
        iic("node", "signer", "move", "--home", one.home.path, "--keys", keys, "--socket", socket)
        with signing(iic, keys, socket):
            cluster.start()
            fourth.kill()
            with Witness(cluster) as witness:
                witness.wait_for(20)
                one.kill()
                view = other.view()
                assert view is not None
                key = RemoteKey(socket, cluster.genesis.validators.validators[0].vote_key)
                for lost_vote in range(view.view, view.view + 3):  # as a crash leaves them behind
                    key.sign(
                        vote_bytes(
                            cluster.genesis.chain_id, VoteKind.NULLIFY, 0, lost_vote, NO_BLOCK
                        )
                    )
                key.close()
                one.start()
                witness.wait_for(len(witness.told) + 30)
            assert lost(cluster, witness.told) == []
        assert not any(convicted(node) for node in cluster.nodes)


def test_an_old_copy_of_a_node_cannot_make_its_signer_vote_twice(tmp_path: Path) -> None:
    iic = Iic(tmp_path / "user")
    socket, keys = tmp_path / "s.sock", tmp_path / "signer"
    with prepare(tmp_path / "cluster") as cluster:
        one = cluster.nodes[0]
        iic("node", "signer", "move", "--home", one.home.path, "--keys", keys, "--socket", socket)
        with signing(iic, keys, socket):
            cluster.start()
            with Witness(cluster) as witness:
                witness.wait_for(20)
                one.kill()
                shutil.copytree(one.home.path, tmp_path / "old")
                one.start()
                wait_for_height(cluster, one, best(cluster) + 5)
                one.kill()
                shutil.rmtree(one.home.path)
                shutil.move(tmp_path / "old", one.home.path)
                one.start()
                wait_for_height(cluster, one, best(cluster) + 5)
            assert lost(cluster, witness.told) == []
        assert not any(convicted(node) for node in cluster.nodes)
