"""An auditor's tools on running nodes, asked by their address: compared, and proven from."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.localcluster import LocalCluster
from node import pruning
from tests.contracts.ledger_in_memory import lei
from tests.e2e.ledgers import PAYERS, Witness, wait_for_height
from tests.e2e.test_joining import iic

pytestmark = [pytest.mark.e2e]


def test_running_nodes_are_compared_and_proven_from_by_their_address(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    cluster.start()
    with Witness(cluster, size=40) as witness:
        witness.wait_for(300)
    newest = max(height for height, _ in witness.told.values())
    first, second, third, _ = cluster.nodes
    for node in cluster.nodes:
        wait_for_height(cluster, node, newest + 1)
    genesis = ("--genesis", cluster.genesis_file)

    code, found, _ = iic("audit", "diff", first.url, second.url, *genesis)
    assert code == 0 and found["agree"] and found["from"] == 1 and found["compared"] >= newest

    def proven(url: str, name: str) -> bool:
        out = tmp_path / f"{name}.proof"
        code, made, said = iic("audit", "prove", url, "member", name, "--out", out, *genesis)
        assert code == 0, said
        code, verified, said = iic("audit", "verify-state", out, *genesis)
        assert code == 0 and verified["height"] == made["height"] >= newest, said
        present: bool = verified["present"]
        return present

    assert proven(first.url, lei(PAYERS[0]))
    assert not proven(first.url, lei("a stranger"))

    out = tmp_path / "extends.proof"
    code, made, _ = iic("audit", "consistency", second.url, "--from", 1, "--out", out, *genesis)
    assert code == 0
    known = made["from"]["hash"]
    code, _, said = iic("audit", "verify-extension", out, "--known", known, *genesis)
    assert code == 0, said

    third.stop()
    pruning.prune_home(third.home, newest)
    third.start()
    wait_for_height(cluster, third, newest + 1)
    code, found, said = iic("audit", "diff", first.url, third.url, *genesis)
    assert code == 0 and found["agree"] and found["from"] == newest, said
    arguments = ("prove", third.url, "member", lei(PAYERS[0]), "--out", tmp_path / "no.proof")
    code, said, _ = iic("audit", *arguments, *genesis)
    assert code != 0 and "STARTS_LATER" in str(said)
