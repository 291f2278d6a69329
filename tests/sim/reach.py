"""Which branches, events and effects of the consensus core simulation and transcripts reach.

``python -m tests.sim.reach`` prints the report and fails if a branch is never taken that is not
among the few listed here with the reason why none can.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

from coverage import Coverage

CORE = Path(__file__).parents[2] / "node" / "consensus"
TRANSCRIPTS = Path(__file__).parents[1] / "node" / "consensus" / "transcripts"
SEEDS = 90
TWINS = 40

UNREACHABLE = {
    "simplex.py: case WorkChanged(pending):": "the list of events is closed: it always matches",
    "simplex.py: case (parent, parent_view):": "a list or a pair: it always matches",
    "simplex.py: case Timer.HEARTBEAT:": "the list of timers is closed: it always matches",
    "evidence.py: if (one.epoch, one.view) != (other.epoch, other.view):": (
        "the core compares certificates of one round; others who ask are tested by themselves"
    ),
}
"""Branches as ``module: source of the line``, each with the reason why the core takes only one."""
DECLARATIONS = ("config.py", "effects.py", "events.py", "__init__.py")
"""Modules without a branch, loaded before anything is measured."""


def measure() -> tuple[dict[str, object], Counter[tuple[str, str]]]:
    """Play everything under measurement; the branch report and (event, effect) pairs seen."""
    coverage = Coverage(
        branch=True,
        source=[str(CORE)],
        data_file=None,
        config_file=False,
        messages=False,
    )
    coverage.exclude("if TYPE_CHECKING:")
    pairs: Counter[tuple[str, str]] = Counter()
    coverage.start()
    try:
        _play(pairs)
    finally:
        coverage.stop()
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        coverage.json_report(outfile=file.name)
        report: dict[str, object] = json.loads(Path(file.name).read_text(encoding="utf-8"))
    return report, pairs


def _play(pairs: Counter[tuple[str, str]]) -> None:
    from node.consensus.effects import EnteredView
    from node.consensus.simplex import Core
    from node.sim.run import Job, run_one
    from node.sim.twins import numbered
    from tests.node.consensus.transcript import replay

    handle = Core.handle

    def counted(self, event):  # type: ignore[no-untyped-def]
        effects = handle(self, event)
        if any(isinstance(effect, EnteredView) for effect in effects):
            self.votes_of(0)  # what a peer that connects is shown of its own votes
        pairs.update((type(event).__name__, type(effect).__name__) for effect in effects)
        if not effects:
            pairs[type(event).__name__, "nothing"] += 1
        return effects

    Core.handle = counted  # type: ignore[method-assign]
    try:
        for path in sorted(TRANSCRIPTS.glob("*.txt")):
            replay(path.read_text(encoding="utf-8"))
        for seed in range(SEEDS):
            assert run_one(Job(seed, core=True)).violation == ""
        count = len(numbered(2))
        for number in range(0, count, count // TWINS):
            assert run_one(Job(number, twins=2)).violation == ""
    finally:
        Core.handle = handle  # type: ignore[method-assign]


def missed(report: dict[str, object]) -> list[str]:
    """Lines and branches of the core that were never reached, with their source."""
    found = []
    files: dict[str, dict[str, list]] = report["files"]  # type: ignore[type-arg, assignment]
    for name, entry in sorted(files.items()):
        source = Path(name).read_text(encoding="utf-8").splitlines()
        module = Path(name).name
        if module in DECLARATIONS:
            continue
        lines = {(line, "is never reached") for line in entry["missing_lines"]}
        jumps = entry["missing_branches"]
        excused = {b for a, b in jumps if _place(module, source, a) in UNREACHABLE}
        lines |= {(a, f"never goes on to line {b}") for a, b in jumps}
        for line, what in sorted(lines):
            place = _place(module, source, line)
            if place not in UNREACHABLE and line not in excused:
                found.append(f"{place}  (line {line} {what})")
    return found


def _place(module: str, source: list[str], line: int) -> str:
    return f"{module}: {source[line - 1].strip()}"


def main() -> int:
    """Print the report; 1 if something was missed."""
    from node.consensus.effects import AnyEffect
    from node.consensus.events import AnyEvent

    report, pairs = measure()
    totals: dict[str, int] = report["totals"]  # type: ignore[assignment]
    events = [event.__name__ for event in AnyEvent.__args__]
    effects = [effect.__name__ for effect in AnyEffect.__args__]
    for event in events:
        reached = sorted((f"{e} {n}" for (ev, e), n in pairs.items() if ev == event))
        print(f"{event:20} → {', '.join(reached)}")
    unseen = [e for e in events if not any(p[0] == e for p in pairs)]
    unseen += [e for e in effects if not any(p[1] == e for p in pairs)]
    left = missed(report) + [f"{name} never happened" for name in unseen]
    print(
        f"{SEEDS} seeds, {TWINS} Twins scenarios and the transcripts reach {len(events)} events, "
        f"{len(effects)} effects, {len(pairs)} pairs of both; "
        f"{totals['covered_branches']} of {totals['num_branches']} branches of the core"
    )
    for line in left:
        print(f"never reached: {line}")
    return bool(left)


if __name__ == "__main__":
    sys.exit(main())
