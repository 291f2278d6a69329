"""Plans made by hand, where the point is one fault and not a mixture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from node.sim.application import BareApplication
from node.sim.plan import Crash, Machine, Plan, Strategy
from node.sim.settlement import Settlement
from node.sim.world import Outcome, World

FOUR = tuple(Machine(i, None, 0) for i in range(4))


def quiet_plan(*machines: Machine, **more: Any) -> Plan:
    """Four validators on a good network for six seconds, unless told otherwise."""
    base = Plan(
        seed=1,
        nodes=4,
        machines=machines or FOUR,
        loss=0,
        duplication=0,
        delay=(5, 20),
        sync=(1, 5),
        cuts=(),
        crashes=(),
        heal=6_000,
        submissions=tuple((t, 1) for t in range(500, 5_000, 250)),
        encoded=True,
    )
    return base._replace(**more)


def with_traitor(strategy: Strategy, **more: Any) -> Plan:
    """Validator 0 follows a strategy; validator 1 is away for a while and must catch up."""
    machines = [Machine(0, strategy, 0), *FOUR[1:]]
    if strategy is Strategy.TWIN:
        machines.append(Machine(0, strategy, 50))
    away = (Crash(1, 1_500, 4_000, wiped=False),)
    return quiet_plan(*machines, **{"crashes": away, **more})


def whole_power_cuts() -> Iterator[Plan]:
    """The whole cluster loses power, at one moment after another within a few blocks."""
    for moment in range(2_000, 3_000, 100):
        crashes = tuple(Crash(m, moment + 7 * m, moment + 800, wiped=False) for m in range(4))
        yield quiet_plan(crashes=crashes, sync=(1, 60))


def play(plan: Plan, *, core: bool = False) -> Outcome:
    """Play a plan with its log."""
    application = BareApplication(plan.nodes) if core else Settlement(plan)
    return World(plan, application, tracing=True).run()
