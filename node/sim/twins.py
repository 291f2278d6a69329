"""Systematic scenarios in the manner of *Twins* (Bano et al., OPODIS 2021).

Four validators, of which one is two machines with one key: the *twins*, each honest by itself.
A scenario says for each of the first views who leads it, the twins or validator 1, and which
machines hear each other in it. All combinations are played, except those that differ only by the
names of the twins, or of the two validators that lead nothing. Equivocation, lost votes, forgotten
votes and conflicting proposals are all among them, without a line of attacking code.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product

from ledger.block import Certificate, Vote
from ledger.validators import ValidatorSet
from node.messages import Message, Proposal
from node.sim.application import validator_set
from node.sim.plan import Machine, Plan, Round, Strategy

TWIN, CANDIDATE = 0, 1
"""The validator that is two machines, and the other one that may lead."""
MACHINES = (
    Machine(TWIN, Strategy.TWIN, 0),
    Machine(CANDIDATE, None, 0),
    Machine(2, None, 0),
    Machine(3, None, 0),
    Machine(TWIN, Strategy.TWIN, 7),
)
ROUND_MS = 1_500
"""A view's sides are parted for so long after a machine first sends something of it."""
SAME = (((0, 4),), ((2, 3),), ((0, 4), (2, 3)))
"""Exchanges of machines that give the same scenario by other names."""


class Rounds:
    """Who hears whom in which view of a scenario."""

    def __init__(self, plan: Plan) -> None:
        self._rounds = plan.rounds
        self._since: dict[int, int] = {}

    def part(self, sender: int, receiver: int, message: Message, view: int, now: int) -> bool:
        """Whether a message, sent in ``view`` if it does not say of which view it is, is lost."""
        if not self._rounds:
            return False
        match message:
            case Vote() | Certificate():
                view = message.view
            case Proposal(header):
                view = header.view
            case _:
                pass
        if not 0 < view <= len(self._rounds):
            return False
        sides = self._rounds[view - 1].sides
        since = self._since.setdefault(view, now)
        return sides[sender] != sides[receiver] and now < since + ROUND_MS


@cache
def scheduled(leaders: tuple[int, ...]) -> ValidatorSet:
    """Four validators of whom these lead the first views; then they take turns."""

    class Scheduled(ValidatorSet, tag=1):
        def leader(self, view: int) -> int:
            return leaders[view - 1] if 0 < view <= len(leaders) else super().leader(view)

    members = validator_set(4)
    return Scheduled(members.epoch, members.validators)


def scenarios(rounds: int) -> Iterator[tuple[Round, ...]]:
    """Every scenario of so many views, each once."""
    sides = [(0, *rest) for rest in product((0, 1), repeat=len(MACHINES) - 1)]
    one = [Round(leader, side) for leader in (TWIN, CANDIDATE) for side in sides]
    for scenario in product(one, repeat=rounds):
        if all(scenario <= _renamed(scenario, exchanges) for exchanges in SAME):
            yield scenario


def _renamed(
    scenario: tuple[Round, ...], exchanges: tuple[tuple[int, int], ...]
) -> tuple[Round, ...]:
    return tuple(Round(leader, _exchanged(sides, exchanges)) for leader, sides in scenario)


@cache
def _exchanged(sides: tuple[int, ...], exchanges: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    names = list(sides)
    for a, b in exchanges:
        names[a], names[b] = names[b], names[a]
    return tuple(side ^ names[0] for side in names)


@cache
def numbered(rounds: int) -> tuple[tuple[Round, ...], ...]:
    """The scenarios by number."""
    return tuple(scenarios(rounds))


def plan_of(number: int, rounds: int) -> Plan:
    """The plan of a scenario."""
    scenario = numbered(rounds)[number]
    heal = (rounds + 1) * ROUND_MS
    return Plan(
        seed=number,
        nodes=4,
        machines=MACHINES,
        loss=0,
        duplication=0,
        delay=(5, 15),
        sync=(1, 3),
        cuts=(),
        crashes=(),
        heal=heal,
        submissions=((300, 0), (heal, 0)),
        encoded=False,
        rounds=scenario,
    )
