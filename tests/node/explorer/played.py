"""A node that holds the reference scenario, played to its end, for pages that show it."""

from __future__ import annotations

from pathlib import Path

from single_node import SingleNode, demo_genesis

from cli.demo import scenario_file
from cli.scenario.cast import Cast
from cli.scenario.file import load
from cli.scenario.play import Stage
from ledger.store.disk import open_store
from tests.cli.recorded import recorded_scenario


class PlayedNode(SingleNode):
    """Serves a recorded ledger and makes no blocks."""

    def __init__(self, folder: Path) -> None:
        super().__init__(demo_genesis())  # all but the ledger is as in any test
        recorded = recorded_scenario(folder)
        self.stage: Stage = recorded.stage
        self.cast = Cast(load(scenario_file()))
        self.genesis = recorded.genesis
        self.chain_id = recorded.genesis.chain_id
        self.genesis_file = recorded.genesis_file.read_bytes()
        self._store = open_store(recorded.folder)
        self.now = self.head().time

    def close(self) -> None:
        """Close the store."""
        self._store.close()
