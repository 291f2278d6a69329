"""Parameters: every limit and window that governance may change, one structure per capability."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Final, TypeVar

from msgspec import Meta

from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.types import counted
from ledger.codec import Struct
from ledger.state import State, Table

P = TypeVar("P", bound=Struct)

_TABLES: dict[type[Struct], Table[Any]] = {}

Coherence = Callable[[State, Any], Iterator[str]]
"""``rule(state, new)`` yields a sentence for each thing that new parameters would break."""
_COHERENCE: dict[type[Struct], list[Coherence]] = {}


def parameters_table(capability: str, kind: type[P]) -> Table[P]:
    """Declare a capability's parameters; their structure's tag is ``capability.Parameters``."""
    if kind in _TABLES:
        raise ValueError(f"{kind.__name__} is declared twice")
    table = _TABLES[kind] = Table(f"parameters.{capability}", kind)
    return table


def parameters_of(state: State, kind: type[P]) -> P:
    """The parameters in force; their defaults if none were ever set."""
    record: P | None = state.get(_TABLES[kind])
    return kind() if record is None else record


def parameters_table_of(kind: type[P]) -> Table[P]:
    """The table of a parameters structure."""
    return _TABLES[kind]


def parameters_structure(name: str) -> type[Struct] | None:
    """The structure that is called ``capability.Parameters``, or None."""
    return next((k for k in _TABLES if k.__struct_config__.tag == name), None)


def parameters_check(kind: type[Struct]) -> Callable[[Coherence], Coherence]:
    """Declare what new parameters of a kind must not contradict, in themselves or in the state."""

    def register(rule: Coherence) -> Coherence:
        _COHERENCE.setdefault(kind, []).append(rule)
        return rule

    return register


def contradictions(state: State, new: Struct) -> Iterator[str]:
    """In words, everything that new parameters would contradict."""
    for rule in _COHERENCE.get(type(new), ()):
        yield from rule(state, new)


def all_parameters() -> dict[str, type[Struct]]:
    """Every parameters structure by the name of its capability."""
    named = {str(kind.__struct_config__.tag).partition(".")[0]: kind for kind in _TABLES}
    return dict(sorted(named.items()))


class LedgerParameters(Struct, tag="ledger.Parameters"):
    """Limits of the ledger itself."""

    max_validity: Annotated[
        int,
        Meta(ge=1, description="Longest time, in ms, from block time to a validity window's end."),
        counted("ms"),
    ] = 7 * MS_PER_DAY
    max_deadlines: Annotated[
        int, Meta(ge=1, le=10_000, description="Most deadlines that fire in one block.")
    ] = 1_000


LEDGER_PARAMETERS: Final = parameters_table("ledger", LedgerParameters)
