"""Two of four guarantors are lost for good under load; the others go on by ceremony."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli import calls
from cli.client import Client
from cli.localcluster import LocalCluster, LocalNode
from ledger import proof
from tests.e2e.command_line import Iic
from tests.e2e.ledgers import Witness, lost, prepare
from tests.e2e.test_signer import signing

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


def take(step: str, *args: object, at: LocalNode | None = None, fails: bool = False) -> Any:
    """Take a step of the ceremony as a user does; the JSON that it printed."""
    home = () if at is None else ("--home", str(at.home.path))
    done = subprocess.run(  # our own interpreter and module
        [sys.executable, "-m", "cli.main", "recovery", step, *map(str, args), *home, "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode != 0) is fails, done.stderr
    return done.stderr + done.stdout if fails else json.loads(done.stdout)


def signed_by_both(one: LocalNode, other: LocalNode, folder: Path) -> tuple[Path, dict[str, Any]]:
    """The ceremony up to the complete file, and what its proposal said."""
    said = {node: folder / f"{node.name}.statement" for node in (one, other)}
    heights = {
        n: take("state", "--certain", "--out", file, at=n)["height"] for n, file in said.items()
    }
    longest = max(heights, key=lambda node: heights[node])
    made, complete = folder / "recovery", folder / "complete"
    propose = ("--reason", "flood", "--out", made)
    assert "BAD_RECOVERY" in take("propose", said[one], *propose, at=one, fails=True)
    proposal = take("propose", *said.values(), *propose, at=longest)
    assert "BAD_RECOVERY" in take("apply", made, at=one, fails=True)
    copies = [folder / f"{node.name}.copy" for node in (one, other)]
    for node, copy in zip((one, other), copies, strict=True):
        shutil.copy(made, copy)
        take("sign", copy, at=node)
    take("combine", *copies, "--out", complete)
    return complete, proposal


def kill_under_load(cluster: LocalCluster) -> dict[bytes, tuple[int, int]]:
    """Every node dies in the middle of work; returns what a client had been told."""
    cluster.start()
    with Witness(cluster) as witness:
        witness.wait_for(100)
        for node in cluster.nodes:
            node.kill()
    return dict(witness.told)


@contextmanager
def signing_elsewhere(node: LocalNode, folder: Path) -> Iterator[Path]:
    """The node's vote key in a process of its own; the folder in which it remembers."""
    user, keys, socket = Iic(folder / "user"), folder / "signer", folder / "s.sock"
    home = ("--home", node.home.path, "--keys", keys, "--socket", socket)
    assert user("node", "signer", "move", *home).status == 0
    with signing(user, keys, socket):
        yield keys


def test_survivors_go_on_and_nothing_final_is_lost(tmp_path: Path) -> None:
    with (
        prepare(tmp_path / "cluster") as cluster,
        signing_elsewhere(cluster.nodes[1], tmp_path) as keys,
    ):
        told = kill_under_load(cluster)
        one, other, gone, returning = cluster.nodes
        shutil.rmtree(gone.home.path)
        complete, proposal = signed_by_both(one, other, tmp_path)
        assert proposal["lost"] == [gone.name, returning.name]
        (memory,) = keys.glob("signed-*.jsonl")
        assert '"recover"' in memory.read_text()
        # One takes the recovery from the other, and votes in its epoch without a new start.
        assert take("apply", complete, at=one)["height"] == proposal["height"]
        one.start()
        other.start()
        with Witness(cluster) as witness:
            witness.wait_for(50, seconds=60)
        told |= witness.told
        returning.start()
        cluster.wait_for_height(proposal["height"] + 1, seconds=60)
        assert lost(cluster, told) == []
        assert "RECOVERING" in other.log.read_text()
        for node in (other, returning):
            assert "RECOVERED" in node.log.read_text()
        user = Iic(tmp_path / "auditor")
        genesis = ("--genesis", cluster.genesis_file)
        verified = user("audit", "verify", other.home.ledger, *genesis, "--json")
        assert verified.status == 0, verified.out + verified.err
        for node in (one, returning):
            checked = user("node", "check", "--home", node.home.path)
            assert checked.status == 0, checked.out + checked.err
        audited = take("verify", complete, returning.home.ledger)
        assert audited["survivors"] == [one.name, other.name]
        page = httpx.get(f"{returning.url}/en/blocks/{proposal['height']}")
        assert page.status_code == 200 and "recovery ceremony" in page.text
        newest = max(told, key=lambda identity: told[identity])
        with Client([one.url]) as client:
            receipt = client.do(calls.receipt_file(newest))
        (recovery,) = proof.verify(proof.read(receipt), cluster.genesis).signers.recoveries
        assert (recovery.height, recovery.lies_borne) == (proposal["height"], 0)
        assert recovery.lost == (gone.name, returning.name)
