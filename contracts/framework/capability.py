"""What a capability consists of, for the registry, the reference pages and audits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from contracts.framework.event import Event
from contracts.framework.machine import Machine
from contracts.framework.operation import Operation
from contracts.framework.posting import AccountKind
from ledger.codec import Struct
from ledger.state import State, Table

Check = Callable[[State], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Invariant:
    """A named truth about every state: ``check`` yields a sentence for each violation.

    ``numbers`` are those of the list of invariants that an auditor checks.
    """

    name: str
    numbers: tuple[int, ...]
    meaning: str
    check: Check


def invariant(name: str, *numbers: int) -> Callable[[Check], Invariant]:
    """Declare an invariant; the function's docstring is its meaning."""

    def declare(check: Check) -> Invariant:
        return Invariant(name, numbers, (check.__doc__ or "").strip(), check)

    return declare


@dataclass(frozen=True, slots=True)
class Capability:
    """One business capability, as a list of its rooms.

    ``parameters`` is its structure of limits and windows.
    """

    name: str
    meaning: str
    operations: tuple[type[Operation], ...]
    events: tuple[type[Event], ...]
    machines: tuple[Machine[Any], ...]
    tables: tuple[Table[Any], ...]
    accounts: tuple[AccountKind, ...]
    parameters: type[Struct]
    invariants: tuple[Invariant, ...]
