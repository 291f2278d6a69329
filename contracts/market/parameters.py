"""Limits and windows of the market, and the weights of its ranking."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from contracts.framework.parameters import parameters_table
from contracts.framework.types import Days, Share
from ledger.codec import Struct

Weight = Annotated[int, Meta(ge=0, le=1_000)]


class MarketParameters(Struct, tag="market.Parameters"):
    """Limits and windows of the market, and the weights of its ranking."""

    entry_days: Annotated[
        Days, Meta(description="Longest time, in days, that an entry stands.")
    ] = 90
    horizon_days: Annotated[
        Days, Meta(description="Latest end of a delivery window, in days from the posting.")
    ] = 730
    entries_per_party: Annotated[
        int, Meta(ge=1, le=10_000, description="Most entries that one party has open.")
    ] = 200
    answer_days: Annotated[
        Days, Meta(description="Days that the parties of a match have to agree to it.")
    ] = 14
    reservation_days: Annotated[
        Days, Meta(description="Business days that a reservation holds.")
    ] = 10
    price_weight: Annotated[Weight, Meta(description="Weight of the price in the ranking.")] = 50
    lead_weight: Annotated[Weight, Meta(description="Weight of the lead time.")] = 20
    record_weight: Annotated[Weight, Meta(description="Weight of the on-time record.")] = 30
    lead_scale_days: Annotated[
        Days, Meta(description="The lead time, in days, that earns no points.")
    ] = 180
    joint_venture_bonus: Annotated[
        Share, Meta(description="Points, of 10,000, that a joint venture gets on top.")
    ] = 500
    cycle_tolerance: Annotated[
        Share,
        Meta(description="By how much the legs of a barter cycle may differ in value, in basis "
             "points of the largest."),
    ] = 500  # fmt: skip
    plan_entries: Annotated[
        int, Meta(ge=2, le=1_000, description="Most entries of a kind of goods that a plan takes.")
    ] = 200


MARKET_PARAMETERS: Final = parameters_table("market", MarketParameters)
