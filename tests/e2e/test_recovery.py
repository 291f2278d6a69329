"""Two of four guarantors are lost for good under load; the others go on by ceremony."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli import calls
from cli.client import Client
from cli.localcluster import LocalCluster, LocalNode
from ledger import proof
from tests.e2e.ledgers import Witness, lost, prepare

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


def iic(step: str, *args: object, at: LocalNode | None = None, fails: bool = False) -> Any:
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
    heights = {n: iic("state", "--out", file, at=n)["height"] for n, file in said.items()}
    longest = max(heights, key=lambda node: heights[node])
    made, complete = folder / "recovery", folder / "complete"
    propose = ("--reason", "flood", "--out", made)
    assert "BAD_RECOVERY" in iic("propose", said[one], *propose, at=one, fails=True)
    proposal = iic("propose", *said.values(), *propose, at=longest)
    assert "BAD_RECOVERY" in iic("apply", made, at=one, fails=True)
    copies = [folder / f"{node.name}.copy" for node in (one, other)]
    for node, copy in zip((one, other), copies, strict=True):
        shutil.copy(made, copy)
        iic("sign", copy, at=node)
    iic("combine", *copies, "--out", complete)
    return complete, proposal


def kill_under_load(cluster: LocalCluster) -> dict[bytes, tuple[int, int]]:
    """Every node dies in the middle of work; returns what a client had been told."""
    cluster.start()
    with Witness(cluster) as witness:
        witness.wait_for(100)
        for node in cluster.nodes:
            node.kill()
    return dict(witness.told)


def test_survivors_go_on_and_nothing_final_is_lost(tmp_path: Path) -> None:
    with prepare(tmp_path) as cluster:
        told = kill_under_load(cluster)
        one, other, gone, returning = cluster.nodes
        shutil.rmtree(gone.home.path)
        complete, proposal = signed_by_both(one, other, tmp_path)
        assert proposal["lost"] == [gone.name, returning.name]
        # One takes the recovery from the other, and votes in its epoch without a new start.
        assert iic("apply", complete, at=one)["height"] == proposal["height"]
        one.start()
        other.start()
        with Witness(cluster) as witness:
            witness.wait_for(50, seconds=60)
        told |= witness.told
        returning.start()
        cluster.wait_for_height(proposal["height"] + 1, seconds=60)
        assert lost(cluster, told) == []
        for node in (other, returning):
            assert "RECOVERED" in node.log.read_text()
        newest = max(told, key=lambda identity: told[identity])
        with Client([one.url]) as client:
            receipt = client.do(calls.receipt_file(newest))
        (recovery,) = proof.verify(proof.read(receipt), cluster.genesis).signers.recoveries
        assert (recovery.height, recovery.lies_borne) == (proposal["height"], 0)
        assert recovery.lost == (gone.name, returning.name)
