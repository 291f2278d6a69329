"""Real nodes join, change keys and leave while clients pay, and are killed at the boundary."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cli import calls, ceremony
from cli.client import Client
from cli.localcluster import LocalCluster, LocalNode, _free_ports
from cli.node_keys import form_of
from contracts.framework.forms import from_named
from contracts.framework.operation import Operation, write_operation
from contracts.framework.party import Office, PartyKind, Role
from contracts.genesis import application_genesis
from contracts.validators.operations import (
    Card,
    JoinValidators,
    LeaveValidators,
    RegisterNode,
    RotateNode,
)
from ledger import proof
from ledger.codec import encode
from ledger.genesis import parse_card
from ledger.transaction import Transaction, build, transaction_id
from node.config import Home
from tests.contracts.ledger_in_memory import (
    CALENDAR,
    STATES,
    institutions,
    key,
    lei,
    member,
    named_key,
)
from tests.e2e.ledgers import PAYERS, QUICK, Witness, lost

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]
FIFTH = "IN"


def prepared(folder: Path) -> LocalCluster:
    """Four guarantors' nodes, and the home of a fifth that is no validator yet."""
    now = int(time.time() * 1000)
    parties = [
        *institutions(),
        member(
            f"guarantor{FIFTH}",
            FIFTH,
            kind=PartyKind.INSTITUTION,
            offices=(Office(Role.GUARANTOR, FIFTH),),
        ),
        *(member(name, keys=(named_key(name, now=now - 1_000),)) for name in PAYERS),
    ]
    four = [(f"g{n}", lei(f"guarantor{s}"), s) for n, s in enumerate(STATES)]
    cluster = LocalCluster.prepare(
        folder,
        four,
        application_genesis(CALENDAR, tuple(parties)),
        network="e2e",
        log_level="debug",
        pacing=QUICK,
        vote_log=True,
    )
    api, peers = (f"127.0.0.1:{port}" for port in _free_ports("127.0.0.1", 2))
    fifth = LocalNode("g4", Home(folder / "g4"), peers, api)
    ceremony.init(
        fifth.home,
        ceremony.Member("g4", lei(f"guarantor{FIFTH}"), FIFTH, peers),
        listen=peers,
        api=api,
        log_level="debug",
        pacing=QUICK,
        vote_log=True,
    )
    ceremony.install(ceremony.read(cluster.genesis_file), fifth.home)
    cluster.nodes = (*cluster.nodes, fifth)
    return cluster


class Registry:
    """What guarantors do about their nodes."""

    def __init__(self, cluster: LocalCluster) -> None:
        self.cluster = cluster
        self.salt = 0

    def do(self, land: str, op: Operation) -> None:
        """Have an operation recorded; it must be applied."""
        self.salt += 1
        chain_id = self.cluster.genesis.chain_id
        content = Transaction(
            chain_id,
            lei(f"guarantor{land}"),
            (write_operation(op),),
            int(time.time() * 1000) + 600_000,
            "",
            b"node" + self.salt.to_bytes(4, "big"),
        )
        signed = build(content).with_signature(chain_id, key(f"guarantor{land}"))
        urls = [n.url for n in self.cluster.nodes if n.is_running]
        with Client(urls, patience_s=20.0) as client:
            (view,) = client.submit([encode(signed)], wait_s=20.0)
            assert view.status == "final", view
            found = client.do(calls.receipt_file(transaction_id(chain_id, signed.content)))
            summary = proof.verify(proof.read(found), self.cluster.genesis)
        assert summary.receipt.applied, summary.receipt

    def card(self, node: LocalNode) -> Card:
        """A node's card as an operation carries it."""
        return from_named(Card, form_of(parse_card(node.home.card.read_bytes())), "card")


def iic(*args: object) -> Any:
    """Run a command as a user does; the JSON that it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", *map(str, args), "--json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout)


def epoch_is(cluster: LocalCluster, epoch: int, validators: int) -> None:
    """Wait until every running node is in an epoch of so many validators."""

    def reached() -> bool:
        views = [node.view() for node in cluster.nodes if node.is_running]
        return all(v and (v.epoch, v.validators) == (epoch, validators) for v in views)

    cluster.wait_until(reached, f"epoch {epoch} of {validators}", seconds=60.0)


def test_a_ledger_grows_rotates_and_shrinks_under_load_and_power_cuts(tmp_path: Path) -> None:
    with prepared(tmp_path / "cluster") as cluster:
        registry = Registry(cluster)
        fifth = cluster.nodes[4]
        for node in cluster.nodes[:4]:
            node.start()
        cluster.wait_until(lambda: all(n.view() for n in cluster.nodes[:4]), "four nodes")
        with Witness(cluster) as witness:
            witness.wait_for(30)
            registry.do(FIFTH, RegisterNode(registry.card(fifth)))
            fifth.start()  # an observer: the register alone lets it connect
            cluster.wait_until(
                lambda: (v := fifth.view()) is not None and v.role == "observer" and v.ready,
                "the newcomer to follow",
            )
            registry.do(FIFTH, JoinValidators())
            epoch_is(cluster, 1, 5)
            made = iic("node", "rotate", "--home", cluster.nodes[1].home.path)
            registry.do(STATES[1], RotateNode(registry.card(cluster.nodes[1])))
            cluster.nodes[2].kill()  # at the boundary, whatever it was doing
            cluster.nodes[2].start()
            epoch_is(cluster, 2, 5)
            view = cluster.nodes[1].view()
            assert view is not None and view.role == "validator"
            registry.do(STATES[0], LeaveValidators("its turn is over"))
            epoch_is(cluster, 3, 4)
            witness.wait_for(len(witness.told) + 60)
            leaver = cluster.nodes[0].view()
            assert leaver is not None and leaver.role == "observer"
            # The new keys and the newcomer carry the quorum: of four, three are needed.
            cluster.nodes[3].kill()
            witness.wait_for(len(witness.told) + 60)
            cluster.nodes[3].start()
        assert made["party"] == lei(f"guarantor{STATES[1]}")
        assert lost(cluster, witness.told) == []
        with Client(cluster.nodes[0].url) as client:  # who left serves history, and proves it
            identity = next(iter(witness.told))
            summary = proof.verify(
                proof.read(client.do(calls.receipt_file(identity))), cluster.genesis
            )
        assert summary.subject == identity
        logs = [node.home.vote_log for node in cluster.nodes]
        store = cluster.nodes[0].home.ledger
        accepted = iic(
            "model", "accept", *logs, "--genesis", cluster.genesis_file, "--store", store
        )
        assert accepted["accepted"] and accepted["votes"] > 60, "over four epochs"
