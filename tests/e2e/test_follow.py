"""An auditor's follower beside real nodes: a process that is killed, and is right all the same."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from cli import calls
from cli.client import Client
from cli.localcluster import LocalCluster
from cli.output import Exit
from ledger.errors import CodedError
from ledger.store.check import check
from ledger.store.disk import open_store
from tests.e2e.command_line import Iic
from tests.e2e.ledgers import Witness

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e")]


class Auditor:
    """A follower of a cluster, as a process at a time."""

    def __init__(self, cluster: LocalCluster, folder: Path) -> None:
        self.iic = Iic(folder)
        self.home = folder / "audited"
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.api = f"127.0.0.1:{probe.getsockname()[1]}"
        peers = [part for node in cluster.nodes for part in ("--peer", node.url)]
        self._command = (
            *("audit", "follow", "--genesis", cluster.genesis_file, "--home", self.home),
            *peers,
        )

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[str]]:
        """Its process, until the block ends."""
        process = self.iic.start(*self._command, "--api", self.api, "--log-level", "error")
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)

    def once(self) -> dict[str, object]:
        """What it reports after catching up."""
        ended = self.iic(*self._command, "--once", "--json")
        assert ended.status == Exit.OK, ended.out + ended.err
        report: dict[str, object] = ended.json
        return report

    def height(self) -> int:
        """What it says it has verified; -1 if it does not answer."""
        try:
            with Client(f"http://{self.api}", patience_s=0.0, timeout_s=2.0) as client:
                return client.do(calls.node()).height
        except CodedError:
            return -1

    def reaches(self, height: int) -> None:
        deadline = time.monotonic() + 60
        while self.height() < height:
            assert time.monotonic() < deadline, f"block {height} is not verified in time"
            time.sleep(0.05)


def test_a_follower_that_is_killed_again_and_again_verifies_everything(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    cluster.start()
    auditor = Auditor(cluster, tmp_path / "auditor")
    with Witness(cluster) as witness:
        verified = 0
        for kill in range(3):
            witness.wait_for(100 * (kill + 1))
            with auditor.running() as process:
                auditor.reaches(verified + 2)
                verified = auditor.height()
                process.kill()
        cluster.nodes[0].kill()  # a peer that vanishes, while the others go on
        with auditor.running() as process:
            auditor.reaches(verified + 2)
            newest = max(height for height, _ in witness.told.values())
            auditor.reaches(newest)
            witness.stop()  # while blocks come, a slow machine's follower may be behind at any time
            base = f"http://{auditor.api}"
            with httpx.Client(base_url=base, follow_redirects=True, trust_env=False) as http:
                cluster.wait_until(
                    lambda: http.get("/readyz").status_code == 200, "the follower to be ready"
                )
                for path in ("/", "/en/blocks", "/metrics", "/v1/alarms"):
                    answer = http.get(path)
                    assert answer.status_code == 200, (path, answer.text[:500])
                assert http.get("/v1/node").json()["role"] == "follower"
                told = next(iter(witness.told))
                assert http.get(f"/v1/transactions/{told.hex()}/receipt").status_code == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == Exit.OK
    report = auditor.once()
    assert report["alarms"] == [] and report["frozen"] == ""
    store = open_store(auditor.home / "data" / "ledger", read_only=True)
    try:
        assert list(check(store, signatures=False)) == []
        for identity, place in witness.told.items():
            if place[0] <= int(str(report["height"])):
                assert store.find_transaction(identity) == place
    finally:
        store.close()
