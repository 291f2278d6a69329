"""``iic bench netting``: clearing generated debts, from the frozen snapshot to the last posting."""

from __future__ import annotations

import gc
import json
import time
from pathlib import Path
from typing import Any

import click

from cli import output
from cli.errors import SOLVER_MISSING
from cli.solver.problem import Clearing, Problem, problem_of, proposal_of, transactions_of
from contracts.framework.calendar import MS_PER_DAY
from contracts.netting.operations import OpenCycle
from contracts.netting.records import Cycle, CycleState
from contracts.netting.views import current_cycle, cycles, snapshot_of
from ledger.errors import CodedError
from node.limits import GC_THRESHOLDS

SIZES = ((300, 6_000), (3_000, 140_000), (20_000, 400_000))
_NETWORKX_ARCS = 10_000
"""Networks beyond this many arcs take networkx minutes."""


def _size(text: str) -> tuple[int, int]:
    members, _, count = text.partition("/")
    try:
        found = int(members), int(count)
    except ValueError:
        found = 0, 0
    if found[0] < 2 or found[1] < 1:
        raise click.BadParameter("a size is MEMBERS/INVOICES, such as 3000/140000")
    return found


@click.command()
@click.option(
    "--size",
    "sizes",
    multiple=True,
    metavar="MEMBERS/INVOICES",
    help="A graph to clear; may be given several times.  [default: 300/6000, 3000/140000, "
    "20000/400000]",
)
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Also write the JSON to a file."
)
@output.json_option
def netting(sizes: tuple[str, ...], seed: int, out: Path | None) -> None:
    """Clear generated debts: solve, verify and apply; compare with simpler ways.

    Posting, verifying and applying run as blocks of the ledger's own rules on one core; storage,
    network and signatures of the debts are left out.
    """
    try:
        import cli.bench.debts
        import cli.solver.optimal  # noqa: F401
    except ModuleNotFoundError as error:
        raise CodedError(
            SOLVER_MISSING, f"{error.name} is not installed: pip install 'iic[solver]'"
        ) from None
    rows = [run(*size, seed) for size in (tuple(map(_size, sizes)) or SIZES)]
    report = {"seed": seed, "loop_ns": loop_ns(), "sizes": rows}
    if out is not None:
        out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    output.emit(report, lambda: _show(rows))


def loop_ns() -> float:
    """Nanoseconds of one turn of an empty loop: how fast this machine runs Python just now."""
    turns = 3_000_000
    seconds, _ = _computed(lambda: [None for _ in range(turns)])
    return round(seconds / turns * 1e9, 1)


def run(members: int, count: int, seed: int) -> dict[str, Any]:
    """Clear one generated graph; times in seconds, or microseconds per arc."""
    from cli.bench.debts import BenchLedger, invoices
    from cli.solver.greedy import clear_cycles
    from cli.solver.optimal import solve

    output.note(f"making {count:,} invoices among {members:,} members")
    rows = invoices(members, count, seed)
    ledger = BenchLedger(members, rows)
    gc.collect()
    gc.freeze()
    usual = gc.get_threshold()
    gc.set_threshold(*GC_THRESHOLDS)  # as a node runs
    freeze_s, cycle = _freeze(ledger)
    snapshot = snapshot_of(ledger.state, cycle)
    problem = problem_of(snapshot)
    output.note(f"clearing {cycle.arcs:,} arcs")
    solve_s, best = _timed(solve, problem)
    greedy_s, greedy = _timed(clear_cycles, problem)
    found = _settle(ledger, cycle, best)
    gc.set_threshold(*usual)
    gc.unfreeze()
    arcs = cycle.arcs
    return {
        "members": members,
        "invoices": count,
        "arcs": arcs,
        "debts_total": cycle.total,
        "freeze_s": round(freeze_s, 3),
        "solve_s": round(solve_s, 3),
        "verify_us_per_arc": round(sum(found.values()) / arcs * 1e6, 2),
        "posting_us_per_arc": round(found["posting"] / arcs * 1e6, 2),
        "certificate_us_per_arc": round(found["certificate"] / arcs * 1e6, 2),
        "application_us_per_arc": round(found["application"] / arcs * 1e6, 2),
        "cleared_share": round(best.cleared / cycle.total, 4),
        "greedy_share": round(sum(greedy) / cycle.total, 4),
        "greedy_s": round(greedy_s, 3),
        **_networkx(problem, best),
    }


def _timed(work: Any, *arguments: Any) -> tuple[float, Any]:
    """Seconds on the clock that some work took, and its result."""
    started = time.perf_counter()
    result = work(*arguments)
    return time.perf_counter() - started, result


def _computed(work: Any, *arguments: Any) -> tuple[float, Any]:
    """As :func:`_timed`, in processor time of this process: other programs do not count."""
    started = time.process_time()
    result = work(*arguments)
    return time.process_time() - started, result


def _freeze(ledger: Any) -> tuple[float, Cycle]:
    """Let some debts fall overdue, then freeze a cycle; the time that freezing took."""
    ledger.keep(ledger.execute(after=10 * MS_PER_DAY))
    while ledger.keep(ledger.execute()):
        pass
    ledger.keep(ledger.execute(ledger.candidate(OpenCycle(ledger.time + 1_000))))
    ledger.keep(ledger.execute(after=2_000))
    spent = 0.0
    while True:
        cycle = current_cycle(ledger.state)
        if cycle is None or cycle.state is CycleState.FROZEN:
            break
        seconds, execution = _computed(ledger.execute)
        spent += seconds
        ledger.keep(execution)
    if cycle is None:
        raise RuntimeError("there is nothing to net")
    return spent, cycle


def _settle(ledger: Any, cycle: Cycle, best: Clearing) -> dict[str, float]:
    """Post, verify and apply a clearing; processor seconds of the blocks of each part."""
    spent = {"posting": 0.0, "certificate": 0.0, "application": 0.0}
    snapshot = snapshot_of(ledger.state, cycle)
    for operations in transactions_of(proposal_of(snapshot, best)):
        candidate = ledger.candidate(*operations)
        seconds, execution = _computed(ledger.execute, candidate)
        spent["posting"] += seconds
        ledger.keep(execution)
    while True:
        now = current_cycle(ledger.state)
        if now is None:
            break
        if now.state not in (CycleState.VERIFYING, CycleState.VERIFIED):
            raise RuntimeError(f"the cycle is {now.state.value}: {now.reason}")
        seconds, execution = _computed(ledger.execute)
        part = "certificate" if now.state is CycleState.VERIFYING else "application"
        spent[part] += seconds
        ledger.keep(execution)
    done = next(c for c in cycles(ledger.state) if c.id == cycle.id)
    if done.state is not CycleState.APPLIED or done.cleared != best.cleared:
        raise RuntimeError(f"the cycle is {done.state.value} with {done.cleared} cleared")
    return spent


def _networkx(problem: Problem, best: Clearing) -> dict[str, float | None]:
    """Solve again by networkx, where that is possible, and hold the results together."""
    if len(problem.amounts) > _NETWORKX_ARCS:
        return {"networkx_s": None, "networkx_share": None}
    from cli.solver.reference import best_weight

    seconds, weight = _timed(best_weight, problem)
    ours = sum(f * w for f, w in zip(best.flows, problem.weights, strict=True))
    if weight != ours:
        raise RuntimeError(f"networkx clears a weight of {weight}, OR-Tools {ours}")
    return {"networkx_s": round(seconds, 3), "networkx_share": 1.0}


def _show(rows: list[dict[str, Any]]) -> None:
    columns = [
        ("Members", "members"),
        ("Invoices", "invoices"),
        ("Arcs", "arcs"),
        ("Solve s", "solve_s"),
        ("Verify+apply µs/arc", "verify_us_per_arc"),
        ("Cleared", "cleared_share"),
        ("Greedy", "greedy_share"),
        ("Greedy s", "greedy_s"),
        ("networkx s", "networkx_s"),
    ]
    output.table(
        [title for title, _ in columns],
        [[_cell(name, row[name]) for _, name in columns] for row in rows],
    )


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name.endswith("_share"):
        return f"{value:.1%}"
    return f"{value:,}"
