"""Four real nodes, each in a network namespace, on a small disk, with a clock that can be set."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from cli import ceremony
from cli.bench.accounts import Account, account
from cli.bench.funding import application
from cli.ceremony import Definition, Member
from cli.localcluster import LocalCluster, LocalNode
from ledger.codec import decode
from ledger.receipt import read_receipt
from ledger.store.disk import open_store
from ledger.transaction import SignedTransaction, transaction_id
from node import identity
from node.config import Home
from tests.faults.checker import Ledger, Recorded
from tests.faults.network import API_PORT, PEERS_PORT, Namespace, run

COUNTRIES = ("RU", "CN", "IN", "BR")
ACCOUNTS = [account(1_000 + number) for number in range(8)]
DISK_BYTES = 256 * 1024 * 1024
PACING = {"heartbeat": 500, "status_interval": 500}
"""Idle views are shorter than in service, so that a fault meets many of them."""
_CLOCKS = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1")


def clock_library() -> Path | None:
    """Where libfaketime is, if it is installed."""
    found = [path for pattern in _CLOCKS for path in Path("/").glob(pattern.lstrip("/"))]
    return found[0] if found else None


def prepare(folder: Path, namespaces: Sequence[Namespace]) -> LocalCluster:
    """Keys, homes and an approved genesis. Nodes know each other by the relay's addresses."""
    members = [(f"g{n}", account(n).lei, country) for n, country in enumerate(COUNTRIES)]
    nodes = []
    for (name, lei, country), where in zip(members, namespaces, strict=True):
        home = Home(folder / name)
        peers_at, api = f"{where.address}:{PEERS_PORT}", f"{where.address}:{API_PORT}"
        node = LocalNode(name, home, peers_at, api)
        node.prefix = where.prefix
        ceremony.init(
            home,
            Member(name, lei, country, f"{where.dialed}:{PEERS_PORT}"),
            listen=peers_at,
            api=api,
            workers=1,
            explorer=False,
            vote_log=True,
            pacing=PACING,
        )
        (home.path / "data").mkdir(exist_ok=True)
        size = f"size={DISK_BYTES},mode=700"
        run("mount", "-t", "tmpfs", "-o", size, "iic", str(home.path / "data"))
        set_clock(node, 0)
        nodes.append(node)
    document = Definition("faults", None, application(members, ACCOUNTS))
    file = ceremony.collect(document, ceremony.read_cards([node.home.card for node in nodes]))
    for node in nodes:
        file = ceremony.approve(file, identity.load(node.home.path))
    for node in nodes:
        ceremony.install(file, node.home)
    ceremony.write(file, folder / "genesis.json")
    return LocalCluster(folder, nodes, file.genesis)


def set_clock(node: LocalNode, seconds: int) -> None:
    """Set a node's wall clock so many seconds off, running or not; its monotonic clock goes on."""
    library = clock_library()
    if library is None:
        return
    offset = node.home.path / "clock"
    offset.write_text(f"{seconds:+d}\n")
    node.environment = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_RESET": "1",
    }


def unmount(cluster: LocalCluster) -> None:
    """Give the disks up; nothing runs on them any more."""
    for node in cluster.nodes:
        subprocess.run(["umount", str(node.home.path / "data")], check=False, capture_output=True)


def account_name(owner: Account) -> str:
    """The account that payments move."""
    return f"{owner.lei}/avail"


def read_ledger(node: LocalNode) -> Ledger:
    """All that a stopped node stores."""
    store = open_store(node.home.ledger, read_only=True)
    try:
        with store.snapshot() as reader:
            head = reader.head
            assert head is not None
            hashes, blocks = [], []
            for height in range(head.height + 1):
                header = reader.header(height)
                assert header is not None
                hashes.append(header.hash().hex())
                blocks.append(
                    {
                        index: _recorded(head.chain_id, row.wire, row.receipt)
                        for index, row in enumerate(reader.rows(height))
                        if row.wire
                    }
                )
    finally:
        store.close()
    return Ledger(node.name, hashes, blocks)


def _recorded(chain_id: bytes, wire: bytes, receipt: bytes) -> Recorded:
    read = read_receipt(receipt)
    moved: dict[str, int] = {}
    for posting in read.postings:
        moved[posting.account] = moved.get(posting.account, 0) + posting.amount
    identity_ = transaction_id(chain_id, decode(wire, SignedTransaction).content)
    return Recorded(identity_.hex(), read.applied, moved)
