"""State machines as data.

A machine says in which states an object can be, which events lead from one to another, who causes
them, how long a state may last and what happens when that time is over. Rules move objects only
through :meth:`~contracts.framework.context.Context.move`, so an illegal step cannot happen, time
limits are set and cancelled by themselves, and diagrams and to-do lists come from the same data.

The record of a machine has the fields ``state`` (an enum) and ``due`` (the time limit of the state
in ms of block time, 0 for none; the last millisecond at which an event is still in time).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from contracts.framework.schedule import deadline
from ledger.codec import Struct, Uint
from ledger.state import KeyPart, Table

if TYPE_CHECKING:
    from contracts.framework.context import Context

R = TypeVar("R", bound=Struct)


@dataclass(frozen=True, slots=True)
class Transition:
    """``event`` leads from any of ``sources`` to ``target``; ``by`` says in words who causes it."""

    event: str
    sources: tuple[StrEnum, ...]
    target: StrEnum
    by: str


@dataclass(frozen=True, slots=True)
class Limit:
    """How long a state may last (``window``, in words) and the event when that is over."""

    event: str
    window: str


def step(
    event: str, sources: StrEnum | tuple[StrEnum, ...], target: StrEnum, by: str
) -> Transition:
    """Declare a transition."""
    return Transition(event, sources if isinstance(sources, tuple) else (sources,), target, by)


@dataclass(frozen=True, eq=False)
class Machine(Generic[R]):
    """The life of one kind of object.

    ``initial`` are the states an object may start in. A state that no time limit ends is an end
    state or a lawful rest, whose reason ``rests`` states (its limit, if it has one, is a review
    that leads back to it). ``parties`` names whom an object concerns (LEIs, or offices by name)
    and ``awaits`` who has to act in its present state.
    """

    name: str
    meaning: str
    table: Table[R]
    key: Callable[[R], tuple[KeyPart, ...]]
    states: type[StrEnum]
    initial: tuple[StrEnum, ...]
    transitions: tuple[Transition, ...]
    limits: Mapping[StrEnum, Limit]
    rests: Mapping[StrEnum, str]
    parties: Callable[[R], tuple[str, ...]]
    awaits: Callable[[R], tuple[str, ...]]
    lapses: dict[str, Callable[[Context, R], None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check()
        if self.name in _MACHINES:
            raise ValueError(f"machine {self.name!r} is declared twice")
        _MACHINES[self.name] = self
        deadline(self.name)(self._lapse)

    def _check(self) -> None:
        by_step: set[tuple[str, StrEnum]] = set()
        for transition in self.transitions:
            for source in transition.sources:
                if (transition.event, source) in by_step:
                    raise ValueError(f"{self.name}: two steps {transition.event} from {source}")
                by_step.add((transition.event, source))
        for state, limit in self.limits.items():
            if (limit.event, state) not in by_step:
                raise ValueError(f"{self.name}: no step {limit.event} from {state}")
        for state in self.states:
            own = self.limits.get(state)
            ends_by_time = own is not None and self.target(state, own.event) is not state
            if ends_by_time + (state in self.rests) + self.is_end(state) != 1:
                raise ValueError(
                    f"{self.name}: {state} needs a limit, a reason to rest, or no exit"
                )

    def _lapse(self, ctx: Context, *key: KeyPart) -> None:
        """The time limit of an object's state has passed."""
        record: Any = ctx.get(self.table, *key)
        limit = self.limits[record.state]
        rule = self.lapses.get(limit.event)
        if rule is None:
            ctx.move(self, record, limit.event)
        else:
            rule(ctx, record)

    def target(self, state: StrEnum, event: str) -> StrEnum | None:
        """Where an event leads from a state, or None."""
        for transition in self.transitions:
            if transition.event == event and state in transition.sources:
                return transition.target
        return None

    def events_from(self, state: StrEnum) -> tuple[str, ...]:
        """The events that a state allows."""
        return tuple(t.event for t in self.transitions if state in t.sources)

    def events_in_time(self, state: StrEnum) -> tuple[str, ...]:
        """The events that a passed time limit does not rule out: all, unless it ends the state."""
        limit = self.limits.get(state)
        if limit is None or self.target(state, limit.event) is state:
            return self.events_from(state)
        return (limit.event,)

    def is_end(self, state: StrEnum) -> bool:
        """Whether nothing leads out of a state."""
        return not any(state in t.sources for t in self.transitions)

    def on_lapse(
        self, event: str
    ) -> Callable[[Callable[[Context, R], None]], Callable[[Context, R], None]]:
        """Declare what else happens when a limit with this event passes.

        The function must make the move itself; without one, the object just moves.
        """

        def register(rule: Callable[[Context, R], None]) -> Callable[[Context, R], None]:
            if event in self.lapses:
                raise ValueError(f"{self.name}: {event} has two rules")
            self.lapses[event] = rule
            return rule

        return register


_MACHINES: dict[str, Machine[Any]] = {}


def machines() -> dict[str, Machine[Any]]:
    """All declared machines by name."""
    return dict(sorted(_MACHINES.items()))


class Item(Struct, tag=1):
    """An open object, in the list of everybody whom it concerns.

    ``acts`` tells whether the list's owner has to act; ``key`` finds the record in the machine's
    table, ``due`` is the time limit of its state or 0.
    """

    machine: str
    key: tuple[Any, ...]
    state: str
    due: Uint
    acts: bool


ITEM: Table[Item] = Table("item", Item)
"""Open objects by party (or office name), machine and key."""


def mermaid(machine: Machine[Any]) -> str:
    """The machine as a Mermaid state diagram."""
    lines = ["stateDiagram-v2"]
    names = {state: state.name for state in machine.states}
    lines += [f"    [*] --> {names[state]}" for state in machine.initial]
    for transition in machine.transitions:
        for source in transition.sources:
            limit = machine.limits.get(source)
            timed = limit is not None and limit.event == transition.event
            by = f"after {limit.window}" if limit is not None and timed else transition.by
            lines.append(
                f"    {names[source]} --> {names[transition.target]}: {transition.event} [{by}]"
            )
    lines += [f"    {names[state]} --> [*]" for state in machine.states if machine.is_end(state)]
    return "\n".join(lines)
