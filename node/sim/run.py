"""Running seeds, one or many, here or in several processes."""

from __future__ import annotations

import multiprocessing
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from itertools import count, islice
from multiprocessing.pool import AsyncResult
from typing import NamedTuple

from node.sim.application import Application, BareApplication
from node.sim.draw import draw
from node.sim.plan import Plan
from node.sim.shrink import shrink
from node.sim.twins import plan_of, scheduled
from node.sim.world import Outcome, World


class Job(NamedTuple):
    """One seed and how to run it. ``nodes`` None lets the seed decide.

    ``invariants`` checks the books after every block, which whole clusters have and cores do not.
    ``shrink`` makes the plan of a failing seed smaller first and plays what is left.
    """

    seed: int
    nodes: int | None = None
    core: bool = False
    tracing: bool = False
    invariants: bool = False
    shrink: bool = False
    twins: int = 0
    """Not 0: the seed is the number of a Twins scenario of so many views, played by bare cores."""

    @property
    def command(self) -> str:
        """The command that plays the seed again and shows what happens."""
        if self.twins:
            return f"iic sim --twins {self.twins} --seeds 1 --first {self.seed} --trace"
        size = f" --nodes {self.nodes}" if self.nodes is not None else ""
        more = " --core" if self.core else " --invariants" if self.invariants else ""
        more += " --shrink" if self.shrink else ""
        return f"iic sim --seeds 1 --first {self.seed}{size}{more} --trace"


class Totals:
    """What many runs come to."""

    def __init__(self) -> None:
        self.runs = self.violations = self.blocks = self.virtual_ms = 0
        self.faults: Counter[str] = Counter()

    def add(self, outcome: Outcome) -> None:
        """Count a run."""
        self.runs += 1
        self.violations += bool(outcome.violation)
        self.blocks += outcome.blocks
        self.virtual_ms += outcome.virtual_ms
        self.faults.update(outcome.faults)


def run_one(job: Job) -> Outcome:
    """Play one seed; the same job always has the same outcome."""
    plan = plan_of(job.seed, job.twins) if job.twins else draw(job.seed, job.nodes)
    if job.shrink:
        broken = _promise(plan, job)
        if broken:
            plan = shrink(plan, lambda smaller: _promise(smaller, job) == broken)
    return World(plan, _application(plan, job), tracing=job.tracing).run()


def _promise(plan: Plan, job: Job) -> str:
    """The promise that a plan breaks, if any."""
    return World(plan, _application(plan, job)).run().violation.partition(":")[0]


def _application(plan: Plan, job: Job) -> Application:
    if plan.rounds:
        return BareApplication(plan.nodes, scheduled(tuple(r.leader for r in plan.rounds)))
    if job.core:
        return BareApplication(plan.nodes)
    from node.sim.settlement import Settlement  # noqa: PLC0415 - bare cores need no contracts

    return Settlement(plan, invariants=job.invariants)


def jobs_from(first: Job, seeds: int | None) -> Iterator[Job]:
    """The same job for one seed after the other, without end if ``seeds`` is None."""
    numbers = count(first.seed) if seeds is None else range(first.seed, first.seed + seeds)
    return (first._replace(seed=seed) for seed in numbers)


def run_all(work: Iterable[Job], processes: int) -> Iterator[Outcome]:
    """Play many seeds in several processes, outcomes in order of seeds.

    The work may be endless; only a little of it is under way ahead of what the caller has taken.
    """
    if processes <= 1:
        yield from map(run_one, work)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        pending: deque[AsyncResult[list[Outcome]]] = deque()
        for chunk in _chunks(work):
            pending.append(pool.apply_async(_run_chunk, (chunk,)))
            if len(pending) > 2 * processes:
                yield from pending.popleft().get()
        while pending:
            yield from pending.popleft().get()


def _chunks(work: Iterable[Job]) -> Iterator[list[Job]]:
    remaining = iter(work)
    while chunk := list(islice(remaining, 4)):
        yield chunk


def _run_chunk(chunk: list[Job]) -> list[Outcome]:
    return list(map(run_one, chunk))
