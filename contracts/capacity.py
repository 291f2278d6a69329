"""What a guarantor may still promise: posted capacity, what is committed, and posted collateral.

Shared by every capability in which a guarantor answers for others (guarantees, credit lines), so
that the sum of all its promises stays within what it posted. Low in the order of capabilities: it
knows neither guarantees nor lines, only that a purpose commits an amount and frees it again.

Memo entries in ``GTEE``: posting ``Dr G.posted / Cr G.capacity``; committing ``Dr G.capacity / Cr
G.cover/purpose``; freeing is the reverse. Collateral is money: ``Dr G.avail / Cr G.collateral``.
"""

from __future__ import annotations

from typing import Annotated, Final, NamedTuple

from msgspec import Meta

from contracts.errors import COLLATERAL_SHORT, OVER_CAPACITY, STATE_WITHDRAWS
from contracts.framework.context import Context
from contracts.framework.parameters import parameters_of, parameters_table
from contracts.framework.posting import Side, Unit, account_kind, accounts_of, balance_of, kind_of
from contracts.framework.types import BASIS_POINTS, MoneyOrNone, counted
from ledger.codec import Struct
from ledger.errors import CodedError
from ledger.state import State, Table

POSTED: Final = account_kind(
    "posted",
    "Memo: minus the capacity that a guarantor has posted.",
    unit=Unit.GTEE,
    side=Side.DEBIT,
)
CAPACITY: Final = account_kind(
    "capacity",
    "Memo: posted capacity that backs no promise yet.",
    unit=Unit.GTEE,
    side=Side.CREDIT,
)
COVER: Final = account_kind(
    "cover",
    "Memo: posted capacity that backs promises of the purpose named after it.",
    unit=Unit.GTEE,
    side=Side.CREDIT,
)
COLLATERAL: Final = account_kind(
    "collateral",
    "Money that a guarantor has posted to stand behind its promises.",
    unit=Unit.SCU,
    side=Side.CREDIT,
    money=True,
)


class CapacityParameters(Struct, tag="capacity.Parameters"):
    """Limits on what guarantors may promise."""

    collateral_ratio: Annotated[
        int,
        Meta(
            ge=0,
            le=BASIS_POINTS,
            description="Collateral that promises need, in basis points of their sum.",
        ),
        counted("basis points"),
    ] = 1_000
    largest_capacity: Annotated[
        MoneyOrNone,
        Meta(description="Most that one guarantor may post, in minor units; 0 for no limit."),
    ] = 0


CAPACITY_PARAMETERS: Final = parameters_table("capacity", CapacityParameters)


class Capacity(NamedTuple):
    """A guarantor's capacity in minor units: ``posted = free + committed``."""

    posted: int
    free: int
    committed: int
    collateral: int
    collateral_needed: int


def collateral_for(committed: int, ratio: int) -> int:
    """The collateral that promises need: ``ratio`` basis points of their sum, rounded up."""
    return -(-committed * ratio // BASIS_POINTS)


def capacity_of(state: State, guarantor: str) -> Capacity:
    """A guarantor's capacity, from its accounts."""
    ratio = parameters_of(state, CapacityParameters).collateral_ratio
    committed = sum(
        balance.amount
        for account, _, balance in accounts_of(state, guarantor)
        if kind_of(account) is COVER
    )
    return Capacity(
        posted=-balance_of(state, POSTED.of(guarantor)),
        free=balance_of(state, CAPACITY.of(guarantor)),
        committed=committed,
        collateral=balance_of(state, COLLATERAL.of(guarantor)),
        collateral_needed=collateral_for(committed, ratio),
    )


def committed_for(state: State, guarantor: str, purpose: str) -> int:
    """What a guarantor has committed to one purpose, in minor units."""
    return balance_of(state, COVER.of(guarantor, purpose))


class Standstill(Struct, tag=1):
    """A guarantor that promises nothing new, because its state ``country`` withdraws."""

    country: str


STANDSTILL: Final = Table("capacity.standstill", Standstill)
"""By LEI."""


def commit(ctx: Context, guarantor: str, purpose: str, amount: int) -> None:
    """Set ``amount`` minor units of a guarantor's capacity aside for a purpose.

    Raises ``OVER_CAPACITY`` or ``COLLATERAL_SHORT``, naming the limit and what is left of it, or
    ``STATE_WITHDRAWS``.
    """
    still = ctx.get(STANDSTILL, guarantor)
    if still is not None:
        raise CodedError(
            STATE_WITHDRAWS, f"{still.country} withdraws, so {guarantor} promises nothing new"
        )
    now = capacity_of(ctx.state, guarantor)
    if amount > now.free:
        raise CodedError(
            OVER_CAPACITY,
            f"{guarantor} posted a capacity of {now.posted}, of which {now.free} is free; "
            f"this needs {amount} (minor units)",
        )
    ratio = ctx.params(CapacityParameters).collateral_ratio
    committed = now.committed + amount
    needed = collateral_for(committed, ratio)
    after = now._replace(committed=committed, collateral_needed=needed)
    require_collateral(guarantor, after, now.collateral)
    ctx.post(Unit.GTEE, CAPACITY.of(guarantor), COVER.of(guarantor, purpose), amount)


def require_collateral(guarantor: str, capacity: Capacity, collateral: int) -> None:
    """Raise ``COLLATERAL_SHORT`` unless so much collateral is enough for a guarantor's promises."""
    if capacity.collateral_needed > collateral:
        raise CodedError(
            COLLATERAL_SHORT,
            f"promises of {capacity.committed} need collateral of {capacity.collateral_needed}; "
            f"{guarantor} would have {collateral} posted (minor units)",
        )


def uncommit(ctx: Context, guarantor: str, purpose: str, amount: int) -> None:
    """Give ``amount`` minor units back to a guarantor's free capacity."""
    ctx.post(Unit.GTEE, COVER.of(guarantor, purpose), CAPACITY.of(guarantor), amount)
