"""How far a member's production is from its programme: pure functions, exact rationals.

The deviation of a quarter is ``Σ w·|plan − actual| / Σ w·plan`` over the lines of its plan. Nothing
is rounded: a limit in basis points is compared by cross-multiplication.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Final, NamedTuple

from msgspec import Meta

from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.types import BASIS_POINTS, HsCode, Title, UnitCode
from ledger.codec import Struct

MOST_LINES: Final = 50
Quantity = Annotated[int, Meta(ge=1, le=10**12)]
QuantityOrNone = Annotated[int, Meta(ge=0, le=10**12)]
"""Fifty lines of weight 10^4 and 10^12 units stay below 2^63 together."""


class Level(StrEnum):
    """How a quarter went."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


class PlanLine(Struct):
    """One product of a quarterly programme."""

    item: Annotated[Title, Meta(description="The product, in the member's words.")]
    hs: Annotated[HsCode, Meta(description="Its code of the Harmonized System.")]
    unit: Annotated[UnitCode, Meta(description="The unit that is counted (Recommendation 20).")]
    quantity: Annotated[Quantity, Meta(description="How many units are planned.")]
    weight: Annotated[
        int, Meta(ge=1, le=10_000, description="How much the line counts against the others.")
    ] = 1


class Quarter(Struct):
    """A calendar quarter of UTC."""

    year: Annotated[int, Meta(ge=2000, le=2199, description="The year.")]
    number: Annotated[int, Meta(ge=1, le=4, description="Its quarter, 1 to 4.")]

    @property
    def index(self) -> int:
        """Consecutive quarters have consecutive indices."""
        return self.year * 4 + self.number - 1

    @property
    def starts(self) -> int:
        """Its first millisecond since the Unix epoch."""
        first = date(self.year, 3 * self.number - 2, 1)
        return (first - date(1970, 1, 1)).days * MS_PER_DAY

    @property
    def ends(self) -> int:
        """Its last millisecond since the Unix epoch."""
        return quarter_at(self.index + 1).starts - 1

    @property
    def words(self) -> str:
        """``2026-Q4``."""
        return f"{self.year}-Q{self.number}"


def quarter_at(index: int) -> Quarter:
    """The quarter of an index."""
    return Quarter(index // 4, index % 4 + 1)


def quarter_of(time: int) -> Quarter:
    """The quarter of a block time in ms."""
    day = date.fromordinal(date(1970, 1, 1).toordinal() + time // MS_PER_DAY)
    return Quarter(day.year, (day.month + 2) // 3)


class Deviation(NamedTuple):
    """A deviation as the exact fraction ``off / planned``; 1/1 and more is possible."""

    off: int
    planned: int

    def reaches(self, basis_points: int) -> bool:
        """Whether it is at least a limit."""
        return self.off * BASIS_POINTS >= basis_points * self.planned


def deviation(lines: Sequence[PlanLine], actuals: Sequence[int]) -> Deviation:
    """``Σ w·|plan − actual| / Σ w·plan``.

    >>> deviation([PlanLine("gears", "848340", "H87", 100, 3)], [85])
    Deviation(off=45, planned=300)
    """
    if len(lines) != len(actuals) or not lines:
        raise ValueError("each planned line has one actual quantity")
    pairs = list(zip(lines, actuals, strict=True))
    return Deviation(
        off=sum(line.weight * abs(line.quantity - actual) for line, actual in pairs),
        planned=sum(line.weight * line.quantity for line, _ in pairs),
    )


def nothing_produced(lines: Sequence[PlanLine]) -> Deviation:
    """The deviation of a quarter on which nothing was reported: all of the plan."""
    return deviation(lines, [0] * len(lines))


def level_of(found: Deviation, amber: int, red: int) -> Level:
    """The level of a deviation; limits in basis points belong to the higher level."""
    if found.reaches(red):
        return Level.RED
    return Level.AMBER if found.reaches(amber) else Level.GREEN
