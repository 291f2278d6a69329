"""What the market tells."""

from __future__ import annotations

from contracts.framework.event import Event
from contracts.framework.types import Count, HsCode, Lei, MoneyOrNone, ObjectId
from contracts.market.records import (
    EntryState,
    GoodsKind,
    MatchKind,
    MatchState,
    ReservationState,
    Side,
)


class EntryPosted(Event, tag="market.EntryPosted"):
    """A party posted what it supplies or needs."""

    entry: ObjectId
    owner: Lei
    side: Side
    kind: GoodsKind
    hs: HsCode
    quantity: Count


class EntryEnded(Event, tag="market.EntryEnded"):
    """An entry left the book; ``released`` of what was posted never came to a contract."""

    entry: ObjectId
    owner: Lei
    state: EntryState
    contracted: Count
    released: Count


class MatchProposed(Event, tag="market.MatchProposed"):
    """Entries fit together; their owners may agree to reserve them."""

    match: ObjectId
    kind: MatchKind
    parties: tuple[Lei, ...]
    entries: tuple[ObjectId, ...]
    plan: ObjectId | None


class MatchChanged(Event, tag="market.MatchChanged"):
    """A party agreed to a match, or it ended."""

    match: ObjectId
    parties: tuple[Lei, ...]
    agreed: tuple[Lei, ...]
    state: MatchState
    reason: str


class ReservationChanged(Event, tag="market.ReservationChanged"):
    """A quantity was reserved, contracted or released."""

    reservation: ObjectId
    supplier: Lei
    buyer: Lei
    quantity: Count
    value: MoneyOrNone
    state: ReservationState
    contract_kind: str
    contract: ObjectId | None
    reason: str


class PlanVerified(Event, tag="market.PlanVerified"):
    """A plan for a kind of goods was proved to be the best one; its matches bind nobody."""

    plan: ObjectId
    proposer: Lei
    hs: HsCode
    quantity: Count
    cost: MoneyOrNone
    matches: Count
