"""What the two parties agree on: the terms of a barter contract, and what follows from them.

Quantities are whole numbers of the stated Rec 20 unit; whoever needs finer steps states a finer
unit. Prices are exact rationals in minor units of goods value per unit, net of duty and tax. The
value of a quantity is rounded once, by :func:`value_of` on running totals, so that the parts of a
delivery never differ from the whole; the fraction below one minor unit that remains per item at the
end is the receiver's.

>>> price = Ratio(100, 3)
>>> value_of(price, 0, 1), value_of(price, 1, 2), value_of(price, 0, 3)
(33, 67, 100)
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from contracts.errors import INVALID_TERMS, OVER_BALANCE_LIMIT
from contracts.framework.forms import format_amount
from contracts.framework.types import (
    Count,
    Digest,
    HsCode,
    Incoterm,
    Instant,
    Money,
    ObjectId,
    Title,
    UnitCode,
)
from ledger.codec import Struct, encode
from ledger.errors import CodedError
from ledger.hashing import Tag, digest
from ledger.limits import MAX_INT

Quantity = Annotated[int, Meta(ge=1, le=10**12)]
Window = Annotated[int, Meta(ge=1, le=3_650)]


class Side(StrEnum):
    """The two flows of a contract."""

    COMPONENTS = "components"
    """From the supplier to the maker."""
    GOODS = "goods"
    """Finished goods, from the maker to whoever holds the claim."""


class Procedure(StrEnum):
    """The customs relief on which the parties count."""

    INWARD_PROCESSING = "inward processing"
    OUTWARD_PROCESSING = "outward processing"
    TEMPORARY_ADMISSION = "temporary admission"
    PREFERENTIAL_ORIGIN = "preferential origin"
    EXEMPTION = "exemption"


class Risk(StrEnum):
    """Who bears duty and tax if relief is refused."""

    SHIPPER = "shipper"
    """The charge reduces the value that the lot is credited with."""
    RECEIVER = "receiver"
    SHARED = "shared"
    """Half each; an odd minor unit is the receiver's."""
    RETURN = "return"
    """The lot goes back; a contract whose relief is refused as a whole lapses."""


class OnExclusion(StrEnum):
    """What becomes of the contract when a party is excluded or leaves."""

    CONTINUE = "continue"
    TERMINATE = "terminate"


class Ratio(Struct):
    """An exact price: minor units per unit of measure, as a fraction."""

    numerator: Annotated[int, Meta(ge=1, le=10**15, description="Minor units of goods value.")]
    denominator: Annotated[int, Meta(ge=1, le=10**9, description="For so many units.")] = 1

    def reading(self) -> str:
        """As people write it: ``12.50``, or ``12.50 / 3`` for three units."""
        price = format_amount(self.numerator)
        return price if self.denominator == 1 else f"{price} / {self.denominator}"


class Item(Struct):
    """A line of the price list."""

    name: Annotated[Title, Meta(description="What it is.")]
    hs: Annotated[HsCode, Meta(description="HS code, six digits or more.")]
    unit: Annotated[UnitCode, Meta(description="Unit of measure, Rec 20.")]
    price: Annotated[Ratio, Meta(description="Price per unit, net of duty and tax.")]


class Milestone(Struct):
    """So much of an item is to be shipped by a date."""

    item: Annotated[Count, Meta(description="The item's place in the price list, from 0.")]
    quantity: Annotated[Quantity, Meta(description="How many units, in addition to earlier ones.")]
    due: Annotated[Instant, Meta(description="By when.")]
    step: Annotated[
        Count, Meta(description="Step of the chain's shared schedule, from 1; 0 for none.")
    ] = 0


class Flow(Struct):
    """One direction: what goes, when, how, and under which customs relief."""

    items: Annotated[
        tuple[Item, ...], Meta(min_length=1, max_length=32, description="The price list.")
    ]
    schedule: Annotated[
        tuple[Milestone, ...], Meta(min_length=1, max_length=64, description="Ascending by date.")
    ]
    incoterm: Annotated[Incoterm, Meta(description="Incoterms 2020 rule.")]
    place: Annotated[Title, Meta(description="The place that the rule names.")]
    transit_days: Annotated[Window, Meta(description="Days of carriage until a reminder.")]
    procedure: Annotated[Procedure, Meta(description="Customs relief that is counted on.")]
    risk: Annotated[Risk, Meta(description="Who bears duty and tax if relief is refused.")]


class Terms(Struct, tag=1):
    """Everything that is agreed. Its hash binds offer and acceptance."""

    components: Annotated[Flow, Meta(description="What the supplier ships.")]
    goods: Annotated[Flow, Meta(description="What the maker returns.")]
    starts: Annotated[Instant, Meta(description="From when on lots may be shipped.")]
    supplier_cover: Annotated[
        Money, Meta(description="The supplier's state guarantees so much, minor units.")
    ]
    maker_cover: Annotated[
        Money, Meta(description="The maker's state guarantees so much, minor units.")
    ]
    cover_until: Annotated[Instant, Meta(description="The guarantees expire no earlier.")]
    lead_days: Annotated[Window, Meta(description="Least notice of a call-off, in days.")]
    make_days: Annotated[
        int,
        Meta(
            ge=0, le=3_650, description="Days that the maker has, at least, after a credited lot."
        ),
    ]
    on_exclusion: Annotated[
        OnExclusion, Meta(description="What becomes of it if a party is excluded.")
    ] = OnExclusion.CONTINUE
    assignable: Annotated[bool, Meta(description="Whether the claim may be assigned.")] = True
    chain: Annotated[
        ObjectId | None, Meta(description="The chain whose schedule it shares, if any.")
    ] = None
    annex: Annotated[
        Digest | None, Meta(description="Commitment to a confidential annex, if any.")
    ] = None

    def flow(self, side: Side) -> Flow:
        """One of the two directions."""
        return self.components if side is Side.COMPONENTS else self.goods


def terms_hash(chain_id: bytes, supplier: str, maker: str, terms: Terms) -> bytes:
    """What offer and acceptance both name: 32 bytes over the parties and the terms."""
    return digest(Tag.DOCUMENT, chain_id, encode(("barter.terms", supplier, maker, terms)))


def value_of(price: Ratio, before: int, quantity: int) -> int:
    """Minor units that ``quantity`` units add to ``before`` units: floors of running totals."""
    up_to = (before + quantity) * price.numerator // price.denominator
    return up_to - before * price.numerator // price.denominator


def most_value(price: Ratio, quantity: int) -> int:
    """What a quantity is worth at most, whatever came before it: rounded up."""
    return -(-quantity * price.numerator // price.denominator)


def least_value(price: Ratio, quantity: int) -> int:
    """What a quantity is worth at least, whatever came before it: rounded down."""
    return quantity * price.numerator // price.denominator


def scheduled(flow: Flow, item: int) -> int:
    """How many units of an item the whole schedule provides."""
    return sum(m.quantity for m in flow.schedule if m.item == item)


def flow_value(flow: Flow) -> int:
    """What the whole schedule of a flow is worth, in minor units."""
    return sum(
        value_of(item.price, 0, scheduled(flow, index)) for index, item in enumerate(flow.items)
    )


def last_due(terms: Terms) -> int:
    """The latest date of both schedules."""
    return max(terms.components.schedule[-1].due, terms.goods.schedule[-1].due)


def check_terms(terms: Terms, time: int) -> None:
    """Raise ``INVALID_TERMS`` or ``OVER_BALANCE_LIMIT`` unless terms agree with themselves."""
    for side in Side:
        _check_flow(terms.flow(side), f"terms.{side.value}", terms, time)
    components, goods = flow_value(terms.components), flow_value(terms.goods)
    for amount, side in ((components, Side.COMPONENTS), (goods, Side.GOODS)):
        if amount > MAX_INT:
            raise CodedError(
                OVER_BALANCE_LIMIT,
                f"the {side.value} are worth more than {MAX_INT} minor units, the ledger's limit",
                field=f"terms.{side.value}",
            )
    if goods > components:
        raise _bad(
            f"goods worth {goods} could not be credited against components worth {components}",
            "goods",
        )
    if terms.cover_until < last_due(terms):
        raise _bad("the guarantees would expire before the last due date", "cover_until")
    if terms.maker_cover > components:
        raise _bad(f"the cover exceeds the components' value of {components}", "maker_cover")
    if terms.supplier_cover > components:
        raise _bad(f"the cover exceeds the components' value of {components}", "supplier_cover")


def _check_flow(flow: Flow, where: str, terms: Terms, time: int) -> None:
    for index, item in enumerate(flow.items):
        if scheduled(flow, index) == 0:
            raise CodedError(
                INVALID_TERMS, "an item stands in no milestone", field=f"{where}.items[{index}]"
            )
        if value_of(item.price, 0, scheduled(flow, index)) == 0:
            raise CodedError(
                INVALID_TERMS,
                "an item's value rounds to zero",
                field=f"{where}.items[{index}].price",
            )
    earlier = max(time, terms.starts)
    for index, milestone in enumerate(flow.schedule):
        field = f"{where}.schedule[{index}]"
        if milestone.item >= len(flow.items):
            raise CodedError(INVALID_TERMS, "no such item", field=f"{field}.item")
        if milestone.due < earlier:
            raise CodedError(
                INVALID_TERMS,
                "milestones ascend by date, after now and after the start",
                field=f"{field}.due",
            )
        earlier = milestone.due
        if milestone.step and terms.chain is None:
            raise CodedError(
                INVALID_TERMS, "a step needs a chain whose schedule it is of", field=f"{field}.step"
            )


def _bad(sentence: str, field: str) -> CodedError:
    return CodedError(INVALID_TERMS, sentence, field=f"terms.{field}")
