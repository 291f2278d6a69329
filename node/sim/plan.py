"""What goes wrong in a run: laid down before the run starts, so that it can be read."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from node.sim.medium import DiskFault
from node.sim.wan import TABLES

DELTA_MS = 400
"""Δ as the replicas under test are configured."""


class Strategy(StrEnum):
    """How a Byzantine node misbehaves: classes of :mod:`node.sim.byzantine` and ``sly``."""

    EQUIVOCATE = "equivocate"
    TWIN = "twin"
    SILENT = "silent"
    FORGE = "forge"
    WITHHOLD = "withhold"
    MISLEAD = "mislead"
    SHUN = "shun"
    HOARD = "hoard"
    SPLIT = "split"
    BABBLE = "babble"
    DRIFT = "drift"
    CENSOR = "censor"


OBSERVER = -1
"""What stands for a validator index at the machine of an observer."""


class Machine(NamedTuple):
    """One machine: the validator index whose key it holds, and its clock's errors.

    The clock is ``skew`` ms ahead at first and gains ``drift`` ms in 1,000,000.
    """

    validator: int
    strategy: Strategy | None
    skew: int
    drift: int = 0


class Cut(NamedTuple):
    """Directed links (from machine, to machine) that carry nothing between two times (ms)."""

    start: int
    end: int
    links: frozenset[tuple[int, int]]


class Crash(NamedTuple):
    """A machine loses power at ``start`` and starts again at ``end``; ``wiped`` loses its disk."""

    machine: int
    start: int
    end: int
    wiped: bool


class Lag(NamedTuple):
    """Directed links on which messages take ``delay`` ms longer for a while.

    A slow link, or with all links of a machine a slow node: alive, and hardly of use.
    """

    start: int
    end: int
    delay: int
    links: frozenset[tuple[int, int]]


class DiskTrouble(NamedTuple):
    """What a machine's disk does for a while. A record rots at ``start``, and ``end`` is later."""

    machine: int
    fault: DiskFault
    start: int
    end: int


class Jump(NamedTuple):
    """A machine's clock is set forward or back by ``by`` ms."""

    machine: int
    time: int
    by: int


class Round(NamedTuple):
    """One view of a Twins scenario: its leader, and the side on which each machine is."""

    leader: int
    sides: tuple[int, ...]


class Plan(NamedTuple):
    """One run. Times in ms of virtual time; loss and duplication per thousand messages."""

    seed: int
    nodes: int
    machines: tuple[Machine, ...]
    loss: int
    duplication: int
    delay: tuple[int, int]
    sync: tuple[int, int]
    cuts: tuple[Cut, ...]
    crashes: tuple[Crash, ...]
    heal: int
    submissions: tuple[tuple[int, int], ...]
    """(time, machine) of each client request."""
    encoded: bool
    """Whether messages travel as bytes, through the codec, as between real nodes."""
    wan: str = ""
    """The table of :mod:`node.sim.wan` from which delays come, besides ``delay``."""
    lags: tuple[Lag, ...] = ()
    disks: tuple[DiskTrouble, ...] = ()
    jumps: tuple[Jump, ...] = ()
    rounds: tuple[Round, ...] = ()
    """What the network does in views 1, 2, … of a Twins scenario."""

    @property
    def honest(self) -> tuple[int, ...]:
        """The machines that follow the protocol."""
        return tuple(m for m, machine in enumerate(self.machines) if machine.strategy is None)

    def describe(self) -> Iterator[str]:
        """The plan in words, a line each."""
        yield f"seed {self.seed}: {self.nodes} validators, everything heals at {self.heal} ms"
        for number, machine in enumerate(self.machines):
            what = "observer" if machine.validator < 0 else f"validator {machine.validator}"
            role = machine.strategy or "honest"
            yield (
                f"  m{number}: {what}, {role}, clock {machine.skew:+d} ms, "
                f"{machine.drift:+d} millionths"
            )
        yield (
            f"  network: {self.delay[0]}-{self.delay[1]} ms, loses {self.loss}‰, "
            f"repeats {self.duplication}‰; a sync takes {self.sync[0]}-{self.sync[1]} ms"
        )
        if self.wan:
            yield f"  machines stand in turn in {', '.join(TABLES[self.wan].cities)}"
        for cut in self.cuts:
            yield f"  {cut.start}-{cut.end} ms cut: {_links(cut.links)}"
        for lag in self.lags:
            yield f"  {lag.start}-{lag.end} ms slower by {lag.delay} ms: {_links(lag.links)}"
        for crash in self.crashes:
            fate = "loses power and disk" if crash.wiped else "loses power"
            yield f"  {crash.start}-{crash.end} ms: m{crash.machine} {fate}"
        for trouble in self.disks:
            yield f"  {trouble.start}-{trouble.end} ms: m{trouble.machine} has a {trouble.fault}"
        for jump in self.jumps:
            yield f"  {jump.time} ms: the clock of m{jump.machine} jumps by {jump.by:+d} ms"
        for view, (leader, sides) in enumerate(self.rounds, start=1):
            parts = ([f"m{m}" for m, s in enumerate(sides) if s == side] for side in set(sides))
            yield f"  view {view}: leader {leader}, {' | '.join(map(' '.join, parts))}"
        travel = "as bytes" if self.encoded else "as they are"
        yield f"  {len(self.submissions)} client requests; messages travel {travel}"


def _links(links: frozenset[tuple[int, int]]) -> str:
    return " ".join(f"{a}→{b}" for a, b in sorted(links))
