"""What goes wrong in a run: drawn from its seed before the run starts, so that it can be read."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from random import Random
from typing import NamedTuple

DELTA_MS = 400
"""Δ as the replicas under test are configured."""


class Strategy(StrEnum):
    """How a Byzantine node misbehaves; each is a class of :mod:`node.sim.byzantine`."""

    EQUIVOCATE = "equivocate"
    TWIN = "twin"
    SILENT = "silent"
    FORGE = "forge"
    WITHHOLD = "withhold"
    MISLEAD = "mislead"


OBSERVER = -1
"""What stands for a validator index at the machine of an observer."""


class Machine(NamedTuple):
    """One machine: the validator index whose key it holds, its clock's error in ms."""

    validator: int
    strategy: Strategy | None
    skew: int


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
            yield f"  m{number}: {what}, {role}, clock {machine.skew:+d} ms"
        yield (
            f"  network: {self.delay[0]}-{self.delay[1]} ms, loses {self.loss}‰, "
            f"repeats {self.duplication}‰; a sync takes {self.sync[0]}-{self.sync[1]} ms"
        )
        for cut in self.cuts:
            links = " ".join(f"{a}→{b}" for a, b in sorted(cut.links))
            yield f"  {cut.start}-{cut.end} ms cut: {links}"
        for crash in self.crashes:
            fate = "loses power and disk" if crash.wiped else "loses power"
            yield f"  {crash.start}-{crash.end} ms: m{crash.machine} {fate}"
        travel = "as bytes" if self.encoded else "as they are"
        yield f"  {len(self.submissions)} client requests; messages travel {travel}"


SIZES = (4,) * 14 + (7, 7, 7, 5, 1, 2)


def draw(seed: int, nodes: int | None = None) -> Plan:
    """The plan of a seed; ``nodes`` fixes the number of validators."""
    rng = Random(f"plan/{seed}/{nodes}")
    size = nodes or rng.choice(SIZES)
    heal = rng.randrange(6_000, 24_000)
    machines = _machines(rng, size)
    rough = rng.random() < 0.7
    slow = rng.choice((60, 120, 250, 600))
    return Plan(
        seed=seed,
        nodes=size,
        machines=machines,
        loss=rng.choice((5, 20, 80, 250)) if rough else 0,
        duplication=rng.choice((0, 20, 100)) if rough else 0,
        delay=(rng.choice((1, 20)), slow),
        sync=(1, rng.choice((5, 20, 200))),
        cuts=tuple(_cuts(rng, len(machines), heal)),
        crashes=tuple(_crashes(rng, machines, heal)),
        heal=heal,
        submissions=_submissions(rng, machines, heal),
        encoded=rng.random() < 0.1,
    )


def _machines(rng: Random, size: int) -> tuple[Machine, ...]:
    faults = rng.choice((0, (size - 1) // 3, rng.randint(0, (size - 1) // 3)))
    wicked = rng.sample(range(size), faults)
    skewed = rng.random() < 0.5
    machines = [
        Machine(
            index,
            rng.choice(list(Strategy)) if index in wicked else None,
            rng.randint(-2_000, 2_000) if skewed else 0,
        )
        for index in range(size)
    ]
    twins = [Machine(m.validator, m.strategy, -m.skew) for m in machines if m.strategy == "twin"]
    observers = [Machine(OBSERVER, None, 0)] if rng.random() < 0.2 else []
    return tuple(machines + twins + observers)


def _cuts(rng: Random, machines: int, heal: int) -> Iterator[Cut]:
    for _ in range(rng.choice((0, 1, 2, 3, 5))):
        start = rng.randrange(0, heal)
        end = min(heal, start + rng.randrange(500, 8_000))
        ordered = [(a, b) for a in range(machines) for b in range(machines) if a != b]
        match rng.choice(("split", "split", "lonely", "one way")):
            case "split":
                side = [rng.random() < 0.5 for _ in range(machines)]
                links = [(a, b) for a, b in ordered if side[a] != side[b]]
            case "lonely":
                lonely = rng.randrange(machines)
                links = [(a, b) for a, b in ordered if lonely in (a, b)]
            case _:
                links = [link for link in ordered if rng.random() < 0.3]
        if links:
            yield Cut(start, end, frozenset(links))


def _crashes(rng: Random, machines: tuple[Machine, ...], heal: int) -> Iterator[Crash]:
    """Single power cuts, several at once, and now and then a power cut of the whole cluster."""
    everybody = rng.random() < 0.1
    if everybody:
        start = rng.randrange(0, heal)
        for machine in range(len(machines)):
            late = start + rng.randrange(0, 50)
            yield Crash(machine, late, late + rng.randrange(100, 3_000), wiped=False)
    wiped = False
    for _ in range(rng.choice((0, 0, 1, 2, 4, 8))):
        machine = rng.randrange(len(machines))
        start = rng.randrange(0, heal)
        # A lost disk is a fault for as long as its node may not vote, so it needs f to spare, and
        # the content that only it held must not be gone with a power cut of everybody else's.
        voters = sum(m.validator != OBSERVER for m in machines)
        spare = voters > 3 and not any(m.strategy for m in machines)
        lost = spare and not (everybody or wiped) and rng.random() < 0.2
        wiped = wiped or lost
        yield Crash(machine, start, start + rng.randrange(50, 4_000), lost)


def _submissions(
    rng: Random, machines: tuple[Machine, ...], heal: int
) -> tuple[tuple[int, int], ...]:
    count = rng.choice((3, 20, 60, 150, 300))
    times = sorted(rng.randrange(0, heal) for _ in range(count))
    return tuple((time, rng.randrange(len(machines))) for time in times)
