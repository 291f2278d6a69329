"""What may follow from a step under a contract, for the declarations of operations.

Any step can be the last one: it may discharge the contract and release guarantees, or, once the
contract has ended, turn what it credits into a receivable.
"""

from __future__ import annotations

from typing import Final

from contracts.accounts import PAY, REC
from contracts.barter.accounts import GCLAIM, GDEL, SHIPPED, TRANSIT
from contracts.barter.events import ClaimConverted, ContractMoved, LotMoved, LotSettled
from contracts.capacity import CAPACITY, COVER
from contracts.currency.events import DebtCreated
from contracts.framework.event import Event
from contracts.framework.posting import Entry, entry
from contracts.guarantee.events import ClaimConverted as PassedClaimConverted
from contracts.guarantee.events import GuaranteeEnded

RELEASES: Final[tuple[Entry, ...]] = (entry("guarantor", COVER, "guarantor", CAPACITY),)
"""A guarantee ends."""
OWES: Final[tuple[Entry, ...]] = (entry("creditor", REC, "debtor", PAY),)
"""Something is owed in money."""
SHIPS: Final[tuple[Entry, ...]] = (entry("shipper", SHIPPED, "receiver", TRANSIT),)
"""A lot leaves."""
ENDS_TRANSIT: Final[tuple[Entry, ...]] = (entry("receiver", TRANSIT, "shipper", SHIPPED),)
"""A lot is settled or goes back."""
CREDITS: Final[tuple[Entry, ...]] = (entry("supplier", GCLAIM, "maker", GDEL),)
"""Components were accepted, or finished goods proved defective."""
ENDS_CLAIM: Final[tuple[Entry, ...]] = (entry("maker", GDEL, "holder", GCLAIM),)
"""A claim ends, in goods, money or otherwise."""

STEP_POSTS: Final = (*ENDS_CLAIM, *OWES, *RELEASES)
STEP_EVENTS: Final[tuple[type[Event], ...]] = (
    LotMoved,
    LotSettled,
    ContractMoved,
    ClaimConverted,
    DebtCreated,
    PassedClaimConverted,
    GuaranteeEnded,
)
