"""Drawing a plan from a seed."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from node.replica.config import ReplicaConfig
from node.sim.medium import DiskFault
from node.sim.plan import OBSERVER, Crash, Cut, DiskTrouble, Jump, Lag, Machine, Plan, Strategy
from node.sim.wan import TABLES

SIZES = (4,) * 24 + (7,) * 6 + (5, 6, 10, 13, 1, 2, 3)
"""How often each number of validators is drawn; one seed in 60 draws a large cluster."""
LARGE = (16, 22, 31)


def draw(seed: int, nodes: int | None = None) -> Plan:
    """The plan of a seed; ``nodes`` fixes the number of validators."""
    rng = Random(f"plan/{seed}/{nodes}")
    size = nodes or rng.choice(LARGE if rng.random() < 1 / 60 else SIZES)
    # The work of a run grows with the square of the size; large clusters live shorter.
    heal = rng.randrange(6_000, 24_000) * 12 // max(12, size * size // 8)
    machines = _machines(rng, size)
    rough = rng.random() < 0.7
    slow = rng.choice((60, 120, 250, 600))
    crashes = tuple(_crashes(rng, machines, heal))
    return Plan(
        seed=seed,
        nodes=size,
        machines=machines,
        loss=rng.choice((5, 20, 80, 250)) if rough else 0,
        duplication=rng.choice((0, 20, 100)) if rough else 0,
        delay=(rng.choice((1, 20)), slow),
        sync=(1, rng.choice((5, 20, 200))),
        cuts=tuple(_cuts(rng, len(machines), heal)),
        crashes=crashes,
        heal=heal,
        submissions=_submissions(rng, machines, heal),
        encoded=rng.random() < 0.1,
        wan=rng.choice(sorted(TABLES)) if rng.random() < 0.3 else "",
        lags=tuple(_lags(rng, len(machines), heal)),
        disks=tuple(_disks(rng, machines, crashes, heal)),
        jumps=tuple(_jumps(rng, machines, heal)),
    )


def _machines(rng: Random, size: int) -> tuple[Machine, ...]:
    faults = rng.choice((0, (size - 1) // 3, rng.randint(0, (size - 1) // 3)))
    wicked = rng.sample(range(size), faults)
    skewed = rng.random() < 0.5
    machines = []
    for index in range(size):
        strategy = rng.choice(list(Strategy)) if index in wicked else None
        skew = rng.randint(-2_000, 2_000) if skewed else 0
        if strategy is Strategy.DRIFT:
            # Just within what the others accept, just beyond it, or far behind.
            skew = ReplicaConfig().drift + rng.choice((-500, -50, 0, 50, -20_000))
        machines.append(Machine(index, strategy, skew, rng.randint(-5_000, 5_000) if skewed else 0))
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
        lost = _spare(machines) and not (everybody or wiped) and rng.random() < 0.2
        wiped = wiped or lost
        yield Crash(machine, start, start + rng.randrange(50, 4_000), lost)


def _spare(machines: tuple[Machine, ...]) -> bool:
    """Whether a disk may be lost.

    It is a fault for as long as its node may not vote, so it needs f to spare, and the content
    that only it held must not be gone with a power cut of everybody else's.
    """
    voters = sum(m.validator != OBSERVER for m in machines)
    return voters > 3 and not any(m.strategy for m in machines)


def _lags(rng: Random, machines: int, heal: int) -> Iterator[Lag]:
    """Gray failures: slow links, in one direction or both, and slow nodes."""
    for _ in range(rng.choice((0, 0, 1, 2))):
        start = rng.randrange(0, heal)
        end = min(heal, start + rng.randrange(1_000, 10_000))
        a, b = rng.randrange(machines), rng.randrange(machines)
        match rng.choice(("node", "link", "one way")):
            case "node":
                others = [m for m in range(machines) if m != a]
                links = {(a, m) for m in others} | {(m, a) for m in others}
            case "link":
                links = {(a, b), (b, a)}
            case _:
                links = {(a, b)}
        yield Lag(start, end, rng.choice((100, 400, 1_500)), frozenset(links))


def _disks(
    rng: Random, machines: tuple[Machine, ...], crashes: tuple[Crash, ...], heal: int
) -> Iterator[DiskTrouble]:
    """Slow, full and failing disks anywhere; rot on one machine, whose disk is then lost."""
    honest = [n for n, machine in enumerate(machines) if machine.strategy is None]
    whole = len({crash.machine for crash in crashes}) == len(machines)
    may_rot = _spare(machines) and not whole and not any(crash.wiped for crash in crashes)
    for _ in range(rng.choice((0, 0, 0, 1, 2, 3))):
        fault = rng.choice([f for f in DiskFault if may_rot or f is not DiskFault.ROT])
        may_rot = may_rot and fault is not DiskFault.ROT
        start = rng.randrange(0, heal)
        end = start + rng.randrange(200, 4_000)
        yield DiskTrouble(rng.choice(honest), fault, start, min(end, heal))


def _jumps(rng: Random, machines: tuple[Machine, ...], heal: int) -> Iterator[Jump]:
    """One jump of a clock at most, so that all clocks stay within the drift that is allowed."""
    if rng.random() < 0.15:
        yield Jump(
            rng.randrange(len(machines)), rng.randrange(heal), rng.choice((-1_500, -300, 1_500))
        )


def _submissions(
    rng: Random, machines: tuple[Machine, ...], heal: int
) -> tuple[tuple[int, int], ...]:
    count = rng.choice((3, 20, 60, 150, 300))
    times = sorted(rng.randrange(0, heal) for _ in range(count))
    return tuple((time, rng.randrange(len(machines))) for time in times)
