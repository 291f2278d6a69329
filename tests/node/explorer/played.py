"""A node that holds the reference scenario, played to its end, for pages that show it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from prometheus_client import CollectorRegistry
from single_node import SingleNode

from cli.demo import scenario_file
from cli.scenario.cast import Cast
from cli.scenario.file import load
from cli.scenario.play import Stage
from ledger.store.disk import open_store
from tests.cli.recorded import recorded_scenario


class PlayedNode(SingleNode):
    """Serves a recorded ledger and makes no blocks."""

    def __init__(self, folder: Path) -> None:
        recorded = recorded_scenario(folder)
        self.stage: Stage = recorded.stage
        self.cast = Cast(load(scenario_file()))
        self.genesis = recorded.genesis
        self.chain_id = recorded.genesis.chain_id
        self.index = 0
        self.metrics = CollectorRegistry()
        self.genesis_file = recorded.genesis_file.read_bytes()
        self.reachable = 4
        self.syncing = False
        self.alarms = []
        self._pending = {}
        self._grown = asyncio.Event()
        self._store = open_store(recorded.folder)
        self.now = self.head().time

    def close(self) -> None:
        """Close the store."""
        self._store.close()
