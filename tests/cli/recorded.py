"""Ledgers on disk as a node would have written them: executed, rooted, certified, indexed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from cli.demo import scenario_file
from cli.scenario.cast import Cast
from cli.scenario.file import load
from cli.scenario.play import Stage
from contracts.blocks import Parent, make_block
from contracts.executor import read_candidate
from contracts.genesis import initial_state
from contracts.verifier import wires_of
from ledger.block import Certificate, Header, VoteKind, assemble, sign_vote
from ledger.genesis import Genesis, GenesisFile, dump
from ledger.keys import PrivateKey
from ledger.state import State
from ledger.store.chain import Store, first_block
from ledger.store.disk import open_store
from ledger.store.memory import MemoryEnvironment
from tests.cli.rehearsal import rehearsal


class Recorder:
    """Writes blocks into a store. Every ``certify_every``-th block has its own finalization."""

    def __init__(
        self, store: Store, genesis: Genesis, keys: Sequence[PrivateKey], certify_every: int = 1
    ) -> None:
        self.store = store
        self.genesis = genesis
        self._keys = keys
        self._every = certify_every
        store.commit(first_block(genesis, initial_state(genesis)))

    def block(self, time: int, wires: Iterable[bytes]) -> Header:
        """Make and commit the next block."""
        store, chain = self.store, self.genesis.chain_id
        head = store.head
        assert head is not None
        made = make_block(
            chain,
            Parent(head, head.hash(), State(store), store, store.history()),
            self.genesis.validators,
            view=head.view + 1,
            time=time,
            candidates=[read_candidate(chain, wire) for wire in wires],
            is_recorded=lambda id: store.find_transaction(id) is not None,
        )
        assert not made.execution.dropped and not made.execution.defects
        certified = made.header.height % self._every == 0
        certificate = self._certify(made.header) if certified else None
        store.commit(made.commit._replace(certificate=certificate))
        return made.header

    def _certify(self, header: Header) -> Certificate:
        return assemble(
            [
                sign_vote(
                    header.chain_id, key, at, VoteKind.FINALIZE, 0, header.view, header.hash()
                )
                for at, key in enumerate(self._keys[:3])
            ]
        )


class Recorded(NamedTuple):
    """A played scenario: on disk for commands, in memory for tests, and how it was played."""

    folder: Path
    genesis_file: Path
    genesis: Genesis
    stage: Stage
    memory: Store


def recorded_scenario(folder: Path) -> Recorded:
    """The reference scenario, played to its end and written to disk."""
    scenario = load(scenario_file())
    stage, venue = rehearsal(scenario)
    for act in scenario.acts:
        stage.play(act)
    cast = Cast(scenario)
    keys = [cast.derive(state.guarantor.id, "vote") for state in scenario.states]
    genesis_file = folder / "genesis.json"
    genesis_file.write_text(dump(approved(venue.genesis, keys)), encoding="utf-8")
    memory, disk = Store(MemoryEnvironment()), open_store(folder / "ledger")
    try:
        for store in (memory, disk):
            recorder = Recorder(store, venue.genesis, keys)
            for block in venue.made:
                made = recorder.block(block.header.time, wires_of(block))
                assert made.state_root == block.header.state_root
    finally:
        disk.close()
    return Recorded(folder / "ledger", genesis_file, venue.genesis, stage, memory)


def approved(genesis: Genesis, keys: Iterable[PrivateKey]) -> GenesisFile:
    """The genesis document with every guarantor's approval."""
    file = GenesisFile(genesis, {})
    for key in keys:
        file = file.approve(key)
    return file
