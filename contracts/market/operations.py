"""What parties and solvers can do in the market."""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import Meta

from contracts.barter.events import OfferMade
from contracts.barter.terms import Quantity, Ratio, Terms, most_value
from contracts.currency.events import PaymentRequested
from contracts.errors import (
    BOOK_CHANGED,
    DEADLINE_PASSED,
    INVALID_TERMS,
    NO_CYCLE,
    NO_MATCH,
    NOT_ENTITLED,
    NOT_FOUND,
    NOT_OPTIMAL,
    OVER_BALANCE_LIMIT,
    OVER_BOOK,
    OVER_ENTRY,
    STANDING_FORBIDS,
    VALUE_ROUNDS_TO_ZERO,
    WRONG_STATE,
)
from contracts.framework.authority import holder_of, member
from contracts.framework.operation import Operation, operation
from contracts.framework.party import Right, Role
from contracts.framework.types import (
    Count,
    Country,
    Digest,
    HsCode,
    Instant,
    Line,
    ObjectId,
    Reason,
    Title,
    UnitCode,
)
from contracts.market.events import (
    EntryEnded,
    EntryPosted,
    MatchChanged,
    MatchProposed,
    PlanVerified,
    ReservationChanged,
)
from contracts.market.records import MATCH_TABLE, RESERVATION_TABLE, GoodsKind, Side
from ledger.codec import Struct
from ledger.limits import MAX_INT
from ledger.state import State

POLICY: Final = "market"
OF_AN_OBJECT: Final = (NOT_FOUND, WRONG_STATE, DEADLINE_PASSED)
MATCHING: Final = (
    *OF_AN_OBJECT,
    NO_MATCH,
    OVER_ENTRY,
    OVER_BALANCE_LIMIT,
    VALUE_ROUNDS_TO_ZERO,
    STANDING_FORBIDS,
)
SOLVER: Final = member(Right.OBLIGE) | holder_of(Role.NETTING)

DualPrice = Annotated[bytes, Meta(max_length=32)]
"""A natural number, big-endian without leading zeros: larger than the ledger's integers."""
_MATCH = Meta(description="Which match.")
_RESERVATION = Meta(description="Which reservation.")


def _agreed_value(state: State, op: Any, party: str) -> int:
    """What a party would buy by a match, in minor units."""
    match = state.get(MATCH_TABLE, op.match)
    legs = () if match is None else match.legs
    return min(MAX_INT, sum(most_value(leg.price, leg.quantity) for leg in legs))


def _reserved_value(state: State, op: Any, party: str) -> int:
    found = state.get(RESERVATION_TABLE, op.reservation)
    return 0 if found is None else found.value


@operation(
    policy=POLICY,
    by=member(Right.OBLIGE),
    emits=(EntryPosted,),
    errors=(INVALID_TERMS, OVER_BOOK),
    text={
        "en": "Post {side} of {quantity} {unit} {title} (HS {hs}, {kind}) in {country} at {lowest} "
        "to {highest} per unit, delivery {starts} to {ends}; stands until {until}",
        "ru": "Разместить ({side}): {quantity} {unit} {title} (ТН ВЭД {hs}, {kind}), {country}, "
        "цена от {lowest} до {highest} за единицу, поставка с {starts} по {ends}; до {until}",
        "zh": "发布{side}：{quantity} {unit} {title}（HS {hs}，{kind}），{country}，"
        "单价 {lowest} 至 {highest}，交货 {starts} 至 {ends}；有效期至 {until}",
    },
)
class Post(Operation, tag="market.Post"):
    """Post what one supplies or needs into the register. It obliges to nothing."""

    side: Annotated[Side, Meta(description="Supply or demand.")]
    kind: Annotated[GoodsKind, Meta(description="What kind of goods.")]
    title: Annotated[Title, Meta(description="What it is.")]
    hs: Annotated[HsCode, Meta(description="HS code, six digits or more.")]
    unit: Annotated[UnitCode, Meta(description="Unit of measure, Rec 20.")]
    quantity: Annotated[Quantity, Meta(description="How many units.")]
    country: Annotated[Country, Meta(description="Where it is, or where it is needed.")]
    lowest: Annotated[Ratio, Meta(description="Lowest price per unit; a supplier asks no less.")]
    highest: Annotated[Ratio, Meta(description="Highest price per unit; a buyer pays no more.")]
    starts: Annotated[Instant, Meta(description="Delivery not before.")]
    ends: Annotated[Instant, Meta(description="Delivery not after.")]
    until: Annotated[Instant, Meta(description="Until when the entry stands.")]
    lead_days: Annotated[
        int, Meta(ge=0, le=3_650, description="Days that a supplier needs; 0 for a demand.")
    ] = 0
    partners: Annotated[
        tuple[Country, ...],
        Meta(max_length=64, description="Countries of the other side; none named for all."),
    ] = ()
    sector: Annotated[Line, Meta(description="Item of the sector plan that it serves.")] = ""


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    emits=(EntryEnded,),
    errors=(*OF_AN_OBJECT, NOT_ENTITLED),
    text={
        "en": "Withdraw entry {entry} from the market",
        "ru": "Снять запись {entry} с рынка",
        "zh": "撤回市场条目 {entry}",
    },
)
class Withdraw(Operation, tag="market.Withdraw"):
    """Take an own entry out of the register. What is reserved of it stays reserved."""

    entry: Annotated[ObjectId, Meta(description="Which entry.")]


@operation(
    policy=POLICY,
    by=member(Right.OBLIGE),
    amount=lambda state, op, party: min(MAX_INT, most_value(op.price, op.quantity)),
    emits=(MatchProposed,),
    errors=(*MATCHING, NOT_ENTITLED),
    text={
        "en": "Propose to reserve {quantity} of supply {supply} for demand {demand} at {price}",
        "ru": "Предложить резерв {quantity} из {supply} для {demand} по цене {price}",
        "zh": "提议为需求 {demand} 预留供应 {supply} 的 {quantity}，单价 {price}",
    },
)
class ProposeMatch(Operation, tag="market.ProposeMatch"):
    """Propose to the other side, as owner of one of two entries, to reserve a quantity."""

    supply: Annotated[ObjectId, Meta(description="Which supply.")]
    demand: Annotated[ObjectId, Meta(description="Which demand.")]
    quantity: Annotated[Quantity, Meta(description="How many units.")]
    price: Annotated[Ratio, Meta(description="Price per unit.")]


class CycleLeg(Struct):
    """So much of a supply goes to a demand."""

    supply: Annotated[ObjectId, Meta(description="Which supply.")]
    demand: Annotated[ObjectId, Meta(description="Which demand.")]
    quantity: Annotated[Quantity, Meta(description="How many units.")]
    price: Annotated[Ratio, Meta(description="Price per unit.")]


@operation(
    policy=POLICY,
    by=SOLVER,
    emits=(MatchProposed,),
    errors=(*MATCHING, NO_CYCLE),
    text={
        "en": "Propose a barter cycle: {legs}",
        "ru": "Предложить бартерный цикл: {legs}",
        "zh": "提议易货循环：{legs}",
    },
)
class ProposeCycle(Operation, tag="market.ProposeCycle"):
    """Propose that two or three parties supply each other in a circle, each worth about the same.

    Reserved once all of them have agreed; differences in value are paid in money.
    """

    legs: Annotated[
        tuple[CycleLeg, ...],
        Meta(min_length=2, max_length=3, description="Each buyer supplies in the next leg."),
    ]


class PlanLeg(Struct):
    """So much of a supply goes to a demand, by their places in the book."""

    supply: Annotated[Count, Meta(description="Which supply, counted from 0.")]
    demand: Annotated[Count, Meta(description="Which demand, counted from 0.")]
    quantity: Annotated[Quantity, Meta(description="How many units.")]


@operation(
    policy=POLICY,
    by=SOLVER,
    emits=(PlanVerified, MatchProposed),
    errors=(BOOK_CHANGED, OVER_BOOK, NOT_OPTIMAL, VALUE_ROUNDS_TO_ZERO, OVER_BALANCE_LIMIT),
    text={
        "en": "Propose the cheapest plan for {kind} of HS {hs} in {unit}: {legs} (book {book})",
        "ru": "Предложить самый дешёвый план: {kind}, ТН ВЭД {hs}, {unit}: {legs} (книга {book})",
        "zh": "提出最低成本供应方案：{kind}，HS {hs}，{unit}：{legs}（登记簿 {book}）",
    },
)
class ProposePlan(Operation, tag="market.ProposePlan"):
    """Propose the cheapest plan for a kind of goods, with the proof that none is better.

    The ledger checks the proof in integers and proposes each leg to its two parties as a match at
    the supplier's lowest price. Entries are counted in the order of the book, that of their ids.
    """

    kind: Annotated[GoodsKind, Meta(description="What kind of goods.")]
    hs: Annotated[HsCode, Meta(description="HS code, six digits.")]
    unit: Annotated[UnitCode, Meta(description="Unit of measure, Rec 20.")]
    book: Annotated[Digest, Meta(description="Digest of the open entries that it was made for.")]
    legs: Annotated[
        tuple[PlanLeg, ...], Meta(min_length=1, max_length=1_000, description="Who supplies whom.")
    ]
    supply_prices: Annotated[
        tuple[DualPrice, ...],
        Meta(max_length=1_000, description="The proof: a price for each supply, big-endian."),
    ]
    demand_prices: Annotated[
        tuple[DualPrice, ...],
        Meta(max_length=1_000, description="The proof: a price for each demand, big-endian."),
    ]


@operation(
    policy=POLICY,
    by=member(Right.OBLIGE),
    amount=_agreed_value,
    emits=(MatchChanged, ReservationChanged),
    errors=(*MATCHING, NOT_ENTITLED),
    text={
        "en": "Agree to match {match}",
        "ru": "Согласиться с подбором {match}",
        "zh": "同意撮合 {match}",
    },
)
class AgreeToMatch(Operation, tag="market.AgreeToMatch"):
    """Agree to reserve what a match names; it is reserved when all its parties have agreed."""

    match: Annotated[ObjectId, _MATCH]


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    emits=(MatchChanged,),
    errors=(*OF_AN_OBJECT, NOT_ENTITLED),
    text={
        "en": "Decline match {match}: {reason}",
        "ru": "Отклонить подбор {match}: {reason}",
        "zh": "拒绝撮合 {match}：{reason}",
    },
)
class DeclineMatch(Operation, tag="market.DeclineMatch"):
    """Decline a match that one is a party of."""

    match: Annotated[ObjectId, _MATCH]
    reason: Annotated[Reason, Meta(description="Why.")]


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    emits=(ReservationChanged, EntryEnded),
    errors=(*OF_AN_OBJECT, NOT_ENTITLED),
    text={
        "en": "Release reservation {reservation}: {reason}",
        "ru": "Снять резерв {reservation}: {reason}",
        "zh": "解除预留 {reservation}：{reason}",
    },
)
class ReleaseReservation(Operation, tag="market.ReleaseReservation"):
    """Give a reservation up, as its supplier or buyer. The quantity is open again."""

    reservation: Annotated[ObjectId, _RESERVATION]
    reason: Annotated[Reason, Meta(description="Why.")]


@operation(
    policy=POLICY,
    by=member(Right.OBLIGE),
    amount=_reserved_value,
    emits=(ReservationChanged, PaymentRequested, EntryEnded),
    errors=(*OF_AN_OBJECT, NOT_ENTITLED, INVALID_TERMS, STANDING_FORBIDS),
    text={
        "en": "Invoice reservation {reservation}, payable {payable}",
        "ru": "Выставить счёт по резерву {reservation}, срок оплаты {payable}",
        "zh": "就预留 {reservation} 开具付款请求，付款期限 {payable}",
    },
)
class InvoiceReservation(Operation, tag="market.InvoiceReservation"):
    """Turn a reservation into a payment request to the buyer, for its value."""

    reservation: Annotated[ObjectId, _RESERVATION]
    payable: Annotated[Instant, Meta(description="Until when it is payable.")]
    document: Annotated[
        Digest | None, Meta(description="SHA-256 of the invoice, if there is one.")
    ] = None


@operation(
    policy=POLICY,
    by=member(Right.OBLIGE),
    emits=(ReservationChanged, OfferMade, EntryEnded),
    errors=(*OF_AN_OBJECT, NOT_ENTITLED, INVALID_TERMS, STANDING_FORBIDS, OVER_BALANCE_LIMIT),
    text={
        "en": "Offer barter for reservations {reservations}: {terms}; open until {until}",
        "ru": "Предложить бартер по резервам {reservations}: {terms}; до {until}",
        "zh": "就预留 {reservations} 提出易货要约：{terms}；有效期至 {until}",
    },
)
class OfferReservation(Operation, tag="market.OfferReservation"):
    """Turn a reservation into a barter offer whose components it is.

    A second one, of the other direction, is found in the goods that come back.
    """

    reservations: Annotated[
        tuple[ObjectId, ...],
        Meta(min_length=1, max_length=2, description="The components, then the goods, if any."),
    ]
    terms: Annotated[Terms, Meta(description="What is offered.")]
    until: Annotated[Instant, Meta(description="Until when the offer stands.")]
