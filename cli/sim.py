"""``iic sim``: play whole clusters under faults, one seed after the other, and check each promise.

Nothing here touches a network, a disk or a clock; the same seed gives the same run everywhere.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

import click

from cli import output


@click.command()
@click.option("--seeds", type=click.IntRange(1), default=100, show_default=True, help="How many.")
@click.option("--first", type=click.IntRange(0), default=0, show_default=True, help="First seed.")
@click.option("--nodes", type=click.IntRange(1, 20), help="Validators; the seed decides if absent.")
@click.option("--jobs", type=click.IntRange(1), help="Processes; one per core if absent.")
@click.option("--core", is_flag=True, help="Consensus alone, on blocks without content: faster.")
@click.option("--invariants", is_flag=True, help="Check the sixteen invariants after every block.")
@click.option("--trace", is_flag=True, help="Show what happens in each run, line by line.")
@output.json_option
def sim(
    seeds: int,
    first: int,
    nodes: int | None,
    jobs: int | None,
    core: bool,
    invariants: bool,
    trace: bool,
) -> None:
    """Simulate clusters under loss, partitions, power cuts and Byzantine nodes, seed by seed.

    Each run checks agreement, validity, durability and, once its faults heal, progress. Exit
    status 1 means that a promise was broken; the command that replays the run is printed.
    """
    from node.sim.run import Job, run_all

    if core and invariants:
        raise click.UsageError("bare blocks have no books: --invariants goes without --core")
    started = time.monotonic()
    work = [Job(seed, nodes, core, trace, invariants) for seed in range(first, first + seeds)]
    failures = []
    blocks = virtual_ms = 0
    for done, outcome in enumerate(run_all(work, jobs or os.cpu_count() or 1), start=1):
        blocks += outcome.blocks
        virtual_ms += outcome.virtual_ms
        for line in outcome.trace:
            click.echo(line, err=output.wants_json())
        if outcome.violation:
            failure = {
                "seed": outcome.seed,
                "violation": outcome.violation,
                "replay": replay_command(outcome.seed, nodes, core, invariants),
            }
            failures.append(failure)
            output.note(f"seed {outcome.seed}: {outcome.violation}\n  {failure['replay']}")
        if done % 100 == 0 and done < seeds:
            output.note(f"{done} of {seeds} seeds, {len(failures)} violations")
    report = {
        "seeds": seeds,
        "violations": len(failures),
        "blocks": blocks,
        "virtual_seconds": round(virtual_ms / 1000, 3),
        "first": first,
        "nodes": nodes,
        "core": core,
        "invariants": invariants,
        "seconds": round(time.monotonic() - started, 1),
        "failures": failures,
    }
    output.emit(report, lambda: _tell(report))
    if failures:
        output.finish(output.Exit.VIOLATION)


def replay_command(seed: int, nodes: int | None, core: bool, invariants: bool = False) -> str:
    """The command that plays one seed again and shows what happens."""
    size = f" --nodes {nodes}" if nodes is not None else ""
    more = " --core" if core else " --invariants" if invariants else ""
    return f"iic sim --seeds 1 --first {seed}{size}{more} --trace"


def _tell(report: Mapping[str, object]) -> None:
    click.echo(
        f"{report['seeds']} seeds, {report['violations']} violations, {report['blocks']} blocks, "
        f"{report['virtual_seconds']} virtual seconds in {report['seconds']} s"
    )
