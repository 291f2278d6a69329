"""The published rule: which entries fit, and in which order a party is shown those that do.

Hard filters come first (:func:`misfit`); what passes them is ranked by points (:func:`points`), all
in integers, and ties go to the entry that was posted first, then to the smaller id.

Points, of 10,000 each: **price**, how far the supplier's lowest price lies below the buyer's
highest; **lead time**, 10,000 for none down to 0 for the scale in the parameters; **on-time
record**, ``(kept + 1) / (kept + missed + 2)``, so that a newcomer has half. The three are averaged
by the weights in the parameters, rounded down, and a joint venture gets a bonus on top.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from contracts.barter.terms import Ratio
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.types import BASIS_POINTS
from contracts.market.parameters import MarketParameters
from contracts.market.records import Entry, Side

COST_SCALE: Final = 1_000_000
"""Costs of plans are compared in millionths of a minor unit per unit, rounded down."""


def at_most(left: Ratio, right: Ratio) -> bool:
    """Whether a price is no higher than another, exactly."""
    return left.numerator * right.denominator <= right.numerator * left.denominator


def misfit(supply: Entry, demand: Entry, time: int) -> str:
    """Why two entries do not fit at a block time (ms), or ``""``.

    The supply may be more specific in its HS code than the demand, not less.
    """
    if supply.side is not Side.SUPPLY or demand.side is not Side.DEMAND:
        return "a supply and a demand are needed"
    if supply.owner == demand.owner:
        return "both belong to the same party"
    if supply.kind is not demand.kind or not supply.hs.startswith(demand.hs):
        return "the goods are of another kind or HS code"
    if supply.unit != demand.unit:
        return f"{supply.unit} and {demand.unit} are different units of measure"
    return (
        _misplaced(supply, demand) or _mistimed(supply, demand, time) or _overpriced(supply, demand)
    )


def _misplaced(supply: Entry, demand: Entry) -> str:
    if demand.partners and supply.country not in demand.partners:
        return f"the buyer does not take goods from {supply.country}"
    if supply.partners and demand.country not in supply.partners:
        return f"the supplier does not deliver to {demand.country}"
    return ""


def _mistimed(supply: Entry, demand: Entry, time: int) -> str:
    ready = time + supply.lead_days * MS_PER_DAY
    if max(ready, supply.starts, demand.starts) > min(supply.ends, demand.ends):
        return "the windows of delivery, with the lead time, do not meet"
    return ""


def _overpriced(supply: Entry, demand: Entry) -> str:
    if at_most(supply.lowest, demand.highest):
        return ""
    return "the supplier asks more than the buyer pays at most"


def misprice(supply: Entry, demand: Entry, price: Ratio) -> str:
    """Why a price is outside of what two entries allow, or ``""``."""
    if not at_most(supply.lowest, price):
        return "the price is below what the supplier asks at least"
    if not at_most(price, demand.highest):
        return "the price is above what the buyer pays at most"
    return ""


class Record(NamedTuple):
    """How often a party was on time and how often it was late."""

    kept: int
    missed: int


class Points(NamedTuple):
    """What a candidate earns, of 10,000 each; ``total`` with the bonus."""

    price: int
    lead: int
    record: int
    bonus: int
    total: int


def points(
    supply: Entry,
    demand: Entry,
    record: Record,
    *,
    joint_venture: bool,
    parameters: MarketParameters,
) -> Points:
    """What the other side's entry earns, by its owner's record. The entries fit."""
    ask = supply.lowest.numerator * demand.highest.denominator
    bid = demand.highest.numerator * supply.lowest.denominator
    price = BASIS_POINTS * (bid - ask) // bid
    scale = parameters.lead_scale_days
    lead = BASIS_POINTS * max(0, scale - supply.lead_days) // scale
    on_time = BASIS_POINTS * (record.kept + 1) // (record.kept + record.missed + 2)
    weights = (parameters.price_weight, parameters.lead_weight, parameters.record_weight)
    weighted = sum(w * p for w, p in zip(weights, (price, lead, on_time), strict=True))
    bonus = parameters.joint_venture_bonus if joint_venture else 0
    return Points(price, lead, on_time, bonus, weighted // max(1, sum(weights)) + bonus)


def unit_cost(entry: Entry) -> int:
    """What a unit of a supply costs in a plan, in millionths of a minor unit."""
    return entry.lowest.numerator * COST_SCALE // entry.lowest.denominator
