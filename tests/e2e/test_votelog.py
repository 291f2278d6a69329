"""What real guarantors signed, killed and restarted under load, keeps the protocol's rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.output import Exit
from tests.e2e.command_line import Iic
from tests.e2e.ledgers import Witness, prepare, wait_for_height

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


def test_every_vote_of_four_real_nodes_is_accepted_by_the_model(tmp_path: Path) -> None:
    iic = Iic(tmp_path / "user")
    with prepare(tmp_path / "cluster", vote_log=True) as cluster:
        cluster.start()
        with Witness(cluster) as witness:
            witness.wait_for(60)
            cluster.nodes[1].kill()
            witness.wait_for(120)
            cluster.nodes[1].start()
            wait_for_height(cluster, cluster.nodes[1], max(h for h, _ in witness.told.values()))
            witness.wait_for(180)
        logs = [node.home.vote_log for node in cluster.nodes]
        genesis = cluster.nodes[0].home.genesis
    accepted = iic("model", "accept", *logs, "--genesis", genesis, "--json")
    assert accepted.status == Exit.OK, accepted.out
    assert accepted.json["votes"] > 40, "votes of four nodes over several blocks"

    with logs[0].open("a") as mixed:
        mixed.writelines(logs[1].open())
    refused = iic("model", "accept", *logs, "--genesis", genesis, "--json")
    assert refused.status == Exit.VIOLATION
    assert "two validators" in refused.json["violation"]
