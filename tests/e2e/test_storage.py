"""The life of a node's storage with real processes and disks: backup, restore, pruning."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli import calls
from cli.client import Client
from cli.localcluster import LocalCluster
from cli.output import Exit
from ledger.errors import CodedError
from ledger.genesis import load
from ledger.proof import read, verify, verify_extension
from ledger.store.disk import open_store
from node import pruning
from tests.e2e.ledgers import Witness, lost, prepare, wait_for_height
from tests.e2e.test_joining import height, iic

pytestmark = [pytest.mark.e2e]


def test_a_backup_of_a_running_node_is_sound_and_restores_under_load(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    cluster.start()
    node = cluster.nodes[1]
    with Witness(cluster) as witness:
        witness.wait_for(100)
        code, made, _ = iic("node", "backup", "--home", node.home.path, tmp_path / "backup")
        assert code == Exit.OK and made["height"] > 0 and not made["keys"]
        names = {str(p.relative_to(tmp_path / "backup")) for p in (tmp_path / "backup").rglob("*")}
        assert names == {
            "backup.json",
            "genesis.json",
            "node.toml",
            "ledger",
            "ledger/data.mdb",
        }
        code, said, _ = iic("node", "backup", "--home", node.home.path, tmp_path / "backup")
        assert code != Exit.OK, "never written over another"
        witness.wait_for(len(witness.told) + 100)
        code, said, _ = iic("node", "restore", "--home", node.home.path, tmp_path / "backup")
        assert code != Exit.OK and "STORE_LOCKED" in str(said)
        node.kill()
        code, said, _ = iic("node", "restore", "--home", node.home.path, tmp_path / "backup")
        assert code != Exit.OK and "--replace" in str(said)
        code, restored, _ = iic(
            "node", "restore", "--home", node.home.path, tmp_path / "backup", "--replace"
        )
        assert code == Exit.OK and restored["height"] == made["height"]
        node.start()  # its votes are still there: it votes on at once
        wait_for_height(cluster, node, height(cluster.nodes[0]))
        witness.wait_for(len(witness.told) + 50)
    assert lost(cluster, witness.told) == []


def test_any_flipped_bit_of_a_backup_is_found_before_it_is_restored(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    cluster.start()
    cluster.wait_for_height(3)
    node = cluster.nodes[0]
    assert iic("node", "backup", "--home", node.home.path, tmp_path / "b")[0] == Exit.OK
    node.stop()
    data = tmp_path / "b" / "ledger" / "data.mdb"
    content = bytearray(data.read_bytes())
    for at in (0, 4096 + 17, len(content) // 2, len(content) - 1):
        damaged = bytearray(content)
        damaged[at] ^= 4
        data.write_bytes(damaged)
        code, said, _ = iic("node", "restore", "--home", node.home.path, tmp_path / "b")
        assert code != Exit.OK and "BAD_BACKUP" in str(said)
    assert open_store(node.home.ledger, read_only=True).head is not None, "nothing was touched"


def test_a_pruned_node_keeps_its_proofs_frees_space_and_says_what_is_gone(
    cluster: LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.start()
    with Witness(cluster, size=40) as witness:
        witness.wait_for(600)
    node = cluster.nodes[2]
    cluster.wait_for_height(max(h for h, _ in witness.told.values()) + 1)
    node.stop()
    code, said, _ = iic("node", "prune", "--home", node.home.path, "--keep-blocks", 1)
    assert code == Exit.OK and said["base"] <= 1, "all of this is inside of the replay window"
    # The window is seven days, more than a test has: prune as if it had passed.
    head = max(h for h, _ in witness.told.values())
    archive = tmp_path / "archive"
    code, _, _ = iic(
        *("audit", "export", "archive", node.home.ledger, archive),
        *("--genesis", cluster.genesis_file),
    )
    assert code == Exit.OK
    before = (node.home.ledger / "data.mdb").stat().st_size
    removed, freed, size = pruning.prune_home(node.home, head - 1)
    assert removed > 500 and freed > 0 and size == before - freed
    code, report, _ = iic("node", "check", "--home", node.home.path)
    assert code == Exit.OK and report["findings"] == []
    node.start()
    wait_for_height(cluster, node, head + 2)
    genesis = load(cluster.genesis_file)
    by_age = sorted(witness.told.items(), key=lambda told: told[1])
    oldest, newest = by_age[0][0], by_age[-1][0]
    with Client(node.url, patience_s=0.0) as client:
        receipt = read(client.do(calls.receipt_file(newest)))
        assert verify(receipt, genesis).subject == newest  # type: ignore[arg-type]
        extension = read(client.do(calls.extension_proof(1)))
        assert verify_extension(extension, genesis).names  # type: ignore[arg-type]
        with pytest.raises(CodedError) as caught:
            client.do(calls.receipt_file(oldest))
        assert caught.value.code.name == "PRUNED"
    view = node.view()
    assert view is not None and view.history_from == head - 1


def test_pruning_that_is_killed_leaves_a_sound_store_and_goes_on(
    cluster: LocalCluster,
) -> None:
    cluster.start()
    with Witness(cluster, size=40) as witness:
        witness.wait_for(400)
    cluster.wait_for_height(max(h for h, _ in witness.told.values()))
    node = cluster.nodes[3]
    node.stop()
    base = height_on_disk(node.home.ledger) - 2
    script = (
        "from pathlib import Path; from node import pruning; from node.config import Home;"
        "import ledger.store.prune as p; p._BATCH_ROWS = 20;"
        f"pruning.prune_home(Home(Path({str(node.home.path)!r})), {base})"
    )
    for grace in (0.25, 0.35, 0.45, 0.6):
        process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
        time_left = time.monotonic() + grace
        try:
            process.wait(max(0.0, time_left - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        code, report, _ = iic("node", "check", "--home", node.home.path, "--no-signatures")
        assert report["findings"] == [] and code == Exit.OK
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
    store = open_store(node.home.ledger, read_only=True)
    assert store.base == base
    store.close()
    node.start()
    wait_for_height(cluster, node, height(cluster.nodes[0]))


def limited(bytes_: int, *args: object) -> tuple[int, str]:
    """Run a command that may write no file longer than this, as on a full disk."""
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", *map(str, args), "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_, bytes_)),
    )
    return done.returncode, done.stdout


def test_a_full_disk_stops_backup_and_joining_cleanly_and_room_lets_them_go_on(
    tmp_path: Path,
) -> None:
    with prepare(tmp_path / "cluster", snapshot_blocks=0) as cluster:
        newcomer = cluster.nodes[3]
        for node in cluster.nodes[:3]:
            node.start()
        with Witness(cluster, size=40) as witness:
            witness.wait_for(400)
        source = cluster.nodes[0]
        code, said = limited(200_000, "node", "backup", "--home", source.home.path, tmp_path / "b")
        assert code != Exit.OK and "STORE_FULL" in said
        assert not (tmp_path / "b").exists()
        assert iic("node", "backup", "--home", source.home.path, tmp_path / "b")[0] == Exit.OK
        assert iic("node", "snapshot", "--home", source.home.path)[0] == Exit.OK
        join = ("node", "sync", "--snapshot", "--home", newcomer.home.path)
        code, said = limited(20_000, *join)
        assert code != Exit.OK and "STORE_FULL" in said and "ree disk space" in said
        assert not newcomer.home.ledger.exists(), "nothing incomplete took the ledger's place"
        assert iic(*join)[0] == Exit.OK
        newcomer.start()
        wait_for_height(cluster, newcomer, height(source))
        assert lost(cluster, witness.told) == []


def height_on_disk(ledger: Path) -> int:
    store = open_store(ledger, read_only=True)
    try:
        assert store.head is not None
        return store.head.height
    finally:
        store.close()
