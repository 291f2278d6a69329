"""What barter stores about chains and their shared schedule."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from contracts.framework.machine import Limit, Machine, step
from contracts.framework.types import Count, Instant, Lei, ObjectId
from ledger.codec import Struct, Uint
from ledger.state import Table


class Step(Struct):
    """A date of a chain's shared schedule."""

    name: str
    due: Instant


class Chain(Struct, tag=1):
    """Contracts that build on each other (components of components) and share one schedule."""

    id: ObjectId
    opener: Lei
    name: str
    steps: tuple[Step, ...]
    contracts: tuple[ObjectId, ...] = ()


CHAIN: Final = Table("barter.chain", Chain)
"""By id."""


class ShiftState(StrEnum):
    """A proposal to move a step of a chain."""

    PROPOSED = "proposed"
    AGREED = "agreed"
    REFUSED = "refused"
    LAPSED = "lapsed"


class Shift(Struct, tag=1):
    """A proposal to move one step of a chain to a later time; every party must agree."""

    id: ObjectId
    chain: ObjectId
    step: Count
    to: Instant
    proposer: Lei
    parties: tuple[Lei, ...]
    agreed: tuple[Lei, ...]
    state: ShiftState
    due: Uint
    reason: str


class OpenShift(Struct, tag=1):
    """Index entry: the proposal that is open for a chain."""

    shift: ObjectId


SHIFT_TABLE: Final = Table("barter.shift", Shift)
"""By id."""
OPEN_SHIFT: Final = Table("barter.shift.open", OpenShift)
"""By chain: one proposal is open at a time."""
_F = ShiftState
SHIFT: Final = Machine[Shift](
    name="barter.shift",
    meaning="A proposal to move a date that all contracts of a chain share.",
    table=SHIFT_TABLE,
    key=lambda s: (s.id,),
    states=ShiftState,
    initial=(_F.PROPOSED,),
    transitions=(
        step("agree", _F.PROPOSED, _F.AGREED, "the last party to agree"),
        step("refuse", _F.PROPOSED, _F.REFUSED, "any party"),
        step("lapse", _F.PROPOSED, _F.LAPSED, "the time limit: silence is not consent"),
    ),
    limits={_F.PROPOSED: Limit("lapse", "15 days")},
    rests={},
    parties=lambda s: s.parties,
    awaits=lambda s: tuple(p for p in s.parties if p not in s.agreed),
)
