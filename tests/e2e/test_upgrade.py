"""A new protocol, node by node: only who has not installed it stops, and it says why."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from cli import calls
from cli.client import Client
from cli.localcluster import LocalCluster, LocalNode
from contracts.framework.ballot import Choice
from contracts.framework.operation import Operation, write_operation
from contracts.governance.operations import ProposeUpgrade
from contracts.register.operations import CastVote
from ledger.codec import encode
from ledger.store.disk import open_store
from ledger.transaction import Transaction, build
from tests.contracts.ledger_in_memory import key, lei
from tests.e2e.ledgers import Witness, lost, prepare, wait_for_height

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]

NEWER = str(Path(__file__).with_name("newer_release.py"))
RELEASE = bytes(range(32))


def act(cluster: LocalCluster, author: str, op: Operation) -> bytes:
    """Have a party act; the id of its final transaction."""
    content = Transaction(
        cluster.genesis.chain_id,
        lei(author),
        (write_operation(op),),
        int(time.time() * 1000) + 600_000,
        "",
        os.urandom(8),
    )
    signed = build(content).with_signature(cluster.genesis.chain_id, key(author))
    with Client(cluster.urls) as client:
        (answer,) = client.submit([encode(signed)], wait_s=10.0)
        assert answer.status == "final", answer
        assert answer.id
        return bytes.fromhex(answer.id)


def decide_upgrade(cluster: LocalCluster, height: int) -> None:
    proposal = act(cluster, "registrar", ProposeUpgrade(2, RELEASE, height, "better rules"))
    with Client(cluster.urls) as client:
        told = client.do(calls.transaction(proposal)).receipt.events
    ballot = next(event.fields["ballot"] for event in told if "ballot" in event.fields)
    for state in ("BY", "CN", "KZ"):
        act(cluster, f"guarantor{state}", CastVote(bytes.fromhex(ballot), Choice.YES, ""))


def heights(cluster: LocalCluster) -> list[int]:
    return [view.head.block for node in cluster.nodes if (view := node.view()) is not None]


def told_of_upgrade(node: LocalNode) -> bool:
    view = node.view()
    return view is not None and view.upgrade is not None


def test_a_rolling_upgrade_stops_only_who_lacks_the_new_rules_before_it_diverges(
    tmp_path: Path,
) -> None:
    with prepare(tmp_path) as cluster, Witness(cluster) as witness:
        cluster.start()
        witness.wait_for(20)
        at = max(heights(cluster)) + 150
        decide_upgrade(cluster, at)
        cluster.wait_until(lambda: told_of_upgrade(cluster.nodes[3]), "the last node to be told")
        view = cluster.nodes[3].view()
        assert view is not None and view.upgrade is not None
        assert view.upgrade.from_height == at and not view.upgrade.known
        for node in cluster.nodes[:3]:
            assert node.stop() == 0
            node.program = (NEWER,)
            node.start()
            wait_for_height(cluster, node, max(heights(cluster)))
        assert max(heights(cluster)) < at, "all of it happens while the old rules apply"
        for node in cluster.nodes[:3]:
            wait_for_height(cluster, node, at + 2)
        old = cluster.nodes[3]
        cluster.wait_until(lambda: not old.is_running, "the old release to stop")
        said = old.log.read_text()
        assert "UNKNOWN_PROTOCOL" in said and RELEASE.hex() in said
        store = open_store(old.home.ledger, read_only=True)
        head = store.head
        store.close()
        assert head is not None and head.height <= at - 1 and head.protocol == 1
        old.wait()
        old.program = (NEWER,)
        old.start()
        wait_for_height(cluster, old, at + 2)
        with Client(old.url) as client:
            assert client.do(calls.block(at - 1)).block.protocol == 1
            assert client.do(calls.block(at)).block.protocol == 2
        witness.wait_for(len(witness.told) + 20)
        told = dict(witness.told)
        assert lost(cluster, told) == []
