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
@click.option("--seeds", type=click.IntRange(1), help="How many: 100, or all scenarios.")
@click.option("--hours", type=click.FloatRange(0, min_open=True), help="Go on for so long instead.")
@click.option("--first", type=click.IntRange(0), default=0, show_default=True, help="First seed.")
@click.option("--nodes", type=click.IntRange(1, 31), help="Validators; the seed decides if absent.")
@click.option("--jobs", type=click.IntRange(1), help="Processes; one per core if absent.")
@click.option("--core", is_flag=True, help="Consensus alone, on blocks without content: faster.")
@click.option("--twins", type=click.IntRange(1, 4), help="All Twins scenarios of so many views.")
@click.option("--invariants", is_flag=True, help="Check the sixteen invariants after every block.")
@click.option("--trace", is_flag=True, help="Show what happens in each run, line by line.")
@click.option("--shrink", is_flag=True, help="Leave out of a failing run what does not matter.")
@output.json_option
def sim(
    seeds: int | None,
    hours: float | None,
    first: int,
    nodes: int | None,
    jobs: int | None,
    core: bool,
    twins: int | None,
    invariants: bool,
    trace: bool,
    shrink: bool,
) -> None:
    """Simulate clusters under every kind of fault, seed by seed.

    The network loses, repeats, delays and parts; machines lose power, time, disk space and bits;
    up to a third of the validators are Byzantine. Each run checks agreement, validity, durability
    and, once its faults heal, progress. Exit status 1 means that a promise was broken; the command
    that replays the run is printed.

    With --twins, scenarios take the place of seeds: four validators, one of them two machines with
    one key, and in the first views every leader with every way to part the machines.
    """
    from node.sim.run import Job, Totals, jobs_from, run_all
    from node.sim.twins import numbered

    if (core or twins) and invariants:
        raise click.UsageError("bare blocks have no books: --invariants needs whole clusters")
    if twins and (nodes or hours or shrink):
        raise click.UsageError("--twins goes without --nodes, --hours and --shrink")
    if twins:
        core, left = True, len(numbered(twins)) - first
        if left <= 0:
            raise click.UsageError(f"--first must be below {left + first}, the scenarios there are")
        seeds = min(seeds or left, left)
    seeds = seeds or 100
    started = time.monotonic()
    job = Job(first, nodes, core, trace, invariants, shrink, twins or 0)
    work = jobs_from(job, None if hours else seeds)
    processes = 1 if seeds == 1 and not hours else jobs or os.cpu_count() or 1
    unit = "scenarios" if twins else "seeds"
    totals = Totals()
    failures = []
    for outcome in run_all(work, processes):
        totals.add(outcome)
        for line in outcome.trace:
            click.echo(line, err=output.wants_json())
        if outcome.violation:
            replay = job._replace(seed=outcome.seed).command
            failures.append(
                {"seed": outcome.seed, "violation": outcome.violation, "replay": replay}
            )
            output.note(f"{unit[:-1]} {outcome.seed}: {outcome.violation}\n  {replay}")
        if totals.runs % (2_000 if twins else 100) == 0 and (hours or totals.runs < seeds):
            output.note(f"{totals.runs} {unit}, {totals.violations} violations")
        if hours and time.monotonic() - started > hours * 3600:
            break
    report = {
        "seeds": totals.runs,
        "violations": totals.violations,
        "blocks": totals.blocks,
        "virtual_seconds": round(totals.virtual_ms / 1000, 3),
        "first": first,
        "nodes": nodes,
        "core": core,
        "twins": twins,
        "invariants": invariants,
        "seconds": round(time.monotonic() - started, 1),
        "faults": dict(sorted(totals.faults.items())),
        "failures": failures,
    }
    output.emit(report, lambda: _tell(report, totals.faults))
    if failures:
        output.finish(output.Exit.VIOLATION)


def _tell(report: Mapping[str, object], faults: Mapping[str, int]) -> None:
    what = "seeds (bare cores)" if report["core"] else "seeds (whole clusters)"
    if report["twins"]:
        what = f"Twins scenarios ({report['twins']} views)"
    simulated = float(str(report["virtual_seconds"])) / 3600
    click.echo(
        f"{report['seeds']} {what}, {report['violations']} violations, "
        f"{report['blocks']} blocks, {simulated:.1f} simulated hours in {report['seconds']} s"
    )
    if faults:
        kinds = (f"{count} {kind}" for kind, count in sorted(faults.items()))
        click.echo(f"  faults: {', '.join(kinds)}")
