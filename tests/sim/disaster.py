"""Whole replicas that lose power all at once, and the ceremony on their disks."""

from __future__ import annotations

import heapq
from pathlib import Path
from typing import Any, cast

from msgspec import structs

from contracts.verifier import validators_after
from ledger.journal import Journal
from ledger.keys import PrivateKey
from node.config import Home
from node.identity import NodeIdentity
from node.opening import OpenNode
from node.recovery import ceremony as recovery
from node.recovery import documents
from node.recovery.documents import Recovery, Statement
from node.sim.turnover import Machine, Turnover


def opened(machine: Machine, folder: Path) -> OpenNode:
    """A machine's disk as the ceremony sees it."""
    home = Home(folder / str(machine.number))
    home.votes.mkdir(parents=True, exist_ok=True)
    head = machine.store.head
    assert head is not None
    who = machine.who(validators_after(machine.store, head))
    keys = NodeIdentity(cast(PrivateKey, who.key), b"", cast(Any, None))
    return OpenNode(
        home, cast(Any, None), machine.world.genesis, keys, who.index, machine.store,
        Journal(machine.votes),
    )  # fmt: skip


def play(world: Turnover, until: int) -> None:
    """Go on to a moment of virtual time."""
    while world.now < until:
        world.now, _, action = heapq.heappop(world._queue)
        action()


def height(machine: Machine) -> int:
    """Of its newest block."""
    assert machine.store.head is not None
    return machine.store.head.height


def killed(seed: int, voting: int, after: int) -> Turnover:
    """All machines lose power after so many ms."""
    world = Turnover(seed, cuts=0, voting=voting)
    world.machines = world.machines[:voting]
    for machine in world.machines:
        machine.start()
    play(world, after)
    for machine in world.machines:
        machine.cut_power()
    return world


def ceremony(world: Turnover, survivors: list[Machine], folder: Path) -> Recovery:
    """The whole of it, up to the complete document."""
    nodes = [opened(machine, folder) for machine in survivors]
    statements = [recovery.state(node) for node in nodes]
    longest = max(survivors, key=height)
    made = recovery.propose(longest.store, statements, "flood", world.clock)
    signed = documents.combine([recovery.sign(node, made, world.clock) for node in nodes])
    assert len(signed.signatures) == len(survivors)
    return signed


def hide(said: Statement, key: PrivateKey) -> Statement:
    """The statement of a survivor that does not tell what it voted for."""
    hidden = structs.replace(said, records=())
    return structs.replace(hidden, signature=key.sign(documents.stated(hidden)))
