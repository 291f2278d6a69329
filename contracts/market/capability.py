"""The market's rooms, as one value."""

from __future__ import annotations

from typing import Final

from contracts.framework.capability import Capability
from contracts.market import (  # noqa: F401 - some only declare rules
    book,
    conversion,
    events,
    matches,
    operations,
    parameters,
    plans,
    records,
)
from contracts.market.invariants import INVARIANTS

CAPABILITY: Final = Capability(
    name="market",
    meaning="Supply and demand: registers, matches by a published rule, reservations, plans.",
    operations=(
        operations.Post,
        operations.Withdraw,
        operations.ProposeMatch,
        operations.ProposeCycle,
        operations.ProposePlan,
        operations.AgreeToMatch,
        operations.DeclineMatch,
        operations.ReleaseReservation,
        operations.InvoiceReservation,
        operations.OfferReservation,
    ),
    events=(
        events.EntryPosted,
        events.EntryEnded,
        events.MatchProposed,
        events.MatchChanged,
        events.ReservationChanged,
        events.PlanVerified,
    ),
    machines=(records.ENTRY, records.MATCH, records.RESERVATION),
    tables=records.TABLES,
    accounts=(),
    parameters=parameters.MarketParameters,
    invariants=INVARIANTS,
)
