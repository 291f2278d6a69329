"""Parameters: every limit and window that governance may change, one structure per capability."""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeVar

from msgspec import Meta

from contracts.framework.calendar import MS_PER_DAY
from ledger.codec import Struct
from ledger.state import State, Table

P = TypeVar("P", bound=Struct)

_TABLES: dict[type[Struct], Table[Any]] = {}


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


class LedgerParameters(Struct, tag="ledger.Parameters"):
    """Limits of the ledger itself."""

    max_validity: Annotated[
        int,
        Meta(ge=1, description="Longest time, in ms, from block time to a validity window's end."),
    ] = 7 * MS_PER_DAY
    max_deadlines: Annotated[
        int, Meta(ge=1, le=10_000, description="Most deadlines that fire in one block.")
    ] = 1_000


LEDGER_PARAMETERS: Final = parameters_table("ledger", LedgerParameters)
