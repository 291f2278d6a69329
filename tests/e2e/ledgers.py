"""Clusters for end-to-end tests, and a client that remembers what it was told."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from cli import calls
from cli.client import Client
from cli.localcluster import LocalCluster, LocalNode
from contracts.currency.operations import Leg, Transfer
from contracts.framework.operation import write_operation
from contracts.genesis import application_genesis
from ledger.codec import encode
from ledger.errors import CodedError
from ledger.transaction import Transaction, build, transaction_id
from tests.contracts.ledger_in_memory import (
    CALENDAR,
    STATES,
    institutions,
    key,
    lei,
    member,
    named_key,
)

PAYERS = ("Ural Gear", "Volga Bearings")
QUICK = {"heartbeat": 300, "delta": 200, "resend": 300, "status_interval": 300}
"""Pacing of idle test clusters: what takes seconds in service takes tenths here."""


def prepare(folder: Path, *, nodes: int = 4, **settings: object) -> LocalCluster:
    """A cluster whose members' keys are those of ``tests.contracts.ledger_in_memory``."""
    now = int(time.time() * 1000)
    members = [member(name, keys=(named_key(name, now=now - 1_000),)) for name in (*PAYERS,)]
    application = application_genesis(CALENDAR, (*institutions(), *members))
    guarantors = [
        (f"g{number}", lei(f"guarantor{state}"), state)
        for number, state in zip(range(nodes), STATES, strict=False)
    ]
    return LocalCluster.prepare(
        folder,
        guarantors,
        application,
        network="e2e",
        **{"log_level": "debug", "pacing": QUICK} | settings,
    )


def payment(chain_id: bytes, number: int, amount: int = 1) -> tuple[bytes, bytes]:
    """A distinct signed payment between two members: its id and wire bytes.

    The payers hold nothing, so it is recorded as refused: recorded for good, all the same.
    """
    payer, payee = PAYERS[number % 2], PAYERS[(number + 1) % 2]
    content = Transaction(
        chain_id,
        lei(payer),
        (write_operation(Transfer((Leg(lei(payee), amount),))),),
        int(time.time() * 1000) + 600_000,
        "",
        number.to_bytes(8, "big"),
    )
    signed = build(content).with_signature(chain_id, key(payer))
    return transaction_id(chain_id, signed.content), encode(signed)


class Witness:
    """A client that keeps sending, and remembers everything that it was told is recorded."""

    def __init__(self, cluster: LocalCluster, *, size: int = 10) -> None:
        self._cluster = cluster
        self._size = size
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.told: dict[bytes, tuple[int, int]] = {}
        self.errors: list[str] = []

    def __enter__(self) -> Witness:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Send nothing more."""
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        chain_id = self._cluster.genesis.chain_id
        number = 0
        with Client(self._cluster.urls, patience_s=1.0) as client:
            while not self._stop.is_set():
                wires = [payment(chain_id, number + n)[1] for n in range(self._size)]
                number += self._size
                try:
                    for view in client.submit(wires, wait_s=2.0):
                        if view.id and view.height is not None and view.index is not None:
                            self.told[bytes.fromhex(view.id)] = (view.height, view.index)
                except CodedError as error:
                    self.errors.append(error.code.name)
                    self._stop.wait(0.1)

    def wait_for(self, count: int, seconds: float = 30.0) -> None:
        """Wait until so many transactions in all are known to be recorded."""
        self._cluster.wait_until(
            lambda: len(self.told) >= count, f"{count} recorded transactions", seconds=seconds
        )


def lost(cluster: LocalCluster, told: dict[bytes, tuple[int, int]]) -> list[str]:
    """What some running node answers differently from what a client was told.

    Every node first gets the time to commit the newest block that the client was told of: the
    node that told it may have been ahead of the others by that block.
    """
    found = []
    newest = max((height for height, _ in told.values()), default=0)
    for node in cluster.nodes:
        if not node.is_running:
            continue
        wait_for_height(cluster, node, newest)
        with Client(node.url) as client:
            ids = list(told)
            for start in range(0, len(ids), 1_000):
                part = ids[start : start + 1_000]
                answers = client.do(calls.statuses(part)).transactions
                found += [
                    f"{node.name}: {identity.hex()} {answer}"
                    for identity, answer in zip(part, answers, strict=True)
                    if (answer.height, answer.index) != told[identity]
                ]
    return found


def wait_for_height(cluster: LocalCluster, node: LocalNode, target: int) -> None:
    """Wait until a node has committed a block."""

    def reached() -> bool:
        view = node.view()
        return view is not None and view.head.block >= target

    cluster.wait_until(reached, f"{node.name} to commit block {target}", seconds=60.0)
