"""Running seeds, one or many, here or in several processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from typing import NamedTuple

from node.sim.application import Application, BareApplication
from node.sim.plan import Plan, draw
from node.sim.world import Outcome, World


class Job(NamedTuple):
    """One seed and how to run it. ``nodes`` None lets the seed decide.

    ``invariants`` checks the books after every block, which whole clusters have and cores do not.
    """

    seed: int
    nodes: int | None = None
    core: bool = False
    tracing: bool = False
    invariants: bool = False


def run_one(job: Job) -> Outcome:
    """Play one seed; the same job always has the same outcome."""
    plan = draw(job.seed, job.nodes)
    return World(plan, _application(plan, job), tracing=job.tracing).run()


def _application(plan: Plan, job: Job) -> Application:
    if job.core:
        return BareApplication(plan.nodes)
    from node.sim.settlement import Settlement  # noqa: PLC0415 - bare cores need no contracts

    return Settlement(plan, invariants=job.invariants)


def run_all(work: list[Job], processes: int) -> Iterator[Outcome]:
    """Play many seeds in several processes, outcomes in order of seeds."""
    if processes <= 1 or len(work) == 1:
        yield from map(run_one, work)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap(run_one, work, chunksize=4)
