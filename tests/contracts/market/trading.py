"""Traders of three states and what they post, for tests of the market."""

from __future__ import annotations

from functools import partial
from typing import Any

from cast import attest
from ledger_in_memory import Ledger, event, lei, member, new_ledger

from contracts.barter.terms import Ratio
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.party import Office, Owner, PartyKind, Profile, Role
from contracts.genesis import GenesisParty
from contracts.market.events import EntryPosted, MatchProposed, ReservationChanged
from contracts.market.operations import AgreeToMatch, Post, ProposeMatch
from contracts.market.records import (
    ENTRY_TABLE,
    MATCH_TABLE,
    RESERVATION_TABLE,
    Entry,
    GoodsKind,
    Match,
    Reservation,
    Side,
)
from ledger.codec import Struct

URAL, VOLGA, ALTAI, UNION, DON = (
    "Ural Gear", "Volga Bearings", "Altai Motors", "Union Works", "Don Foundry",
)  # fmt: skip
TRADERS = {URAL: "KZ", VOLGA: "RU", ALTAI: "BY", UNION: "KZ", DON: "RU"}
SOLVER = "Book House"
DAY = MS_PER_DAY
BEARINGS, ENGINES = "848210", "840820"


def market(*parameters: Struct) -> Ledger:
    """Five traders, of whom Union Works is a joint venture, and a solver."""
    owners = (Owner(lei("Somebody"), "RU", 5_000), Owner(lei("Another"), "BY", 5_000))
    traders = [member(name, home) for name, home in TRADERS.items() if name != UNION]
    plain = member(UNION, "KZ")
    profile = Profile(UNION, PartyKind.JOINT_VENTURE, "KZ", "KZ", owners)
    house = partial(member, kind=PartyKind.INSTITUTION)(
        SOLVER, "CN", offices=(Office(Role.NETTING),)
    )
    ledger = new_ledger(
        *traders,
        GenesisParty(plain.lei, profile, (), plain.keys, plain.rules),
        house,
        parameters=parameters,
    )
    assert attest(ledger, 1_000_000_000).applied
    return ledger


def entry_for(
    ledger: Ledger,
    side: Side,
    quantity: int = 100,
    *,
    price: int | Ratio = 1_000,
    hs: str = BEARINGS,
    days: int = 60,
    stands: int = 30,
    **more: Any,
) -> Post:
    """An entry whose decisive price is ``price``."""
    exact = price if isinstance(price, Ratio) else Ratio(price)
    low, high = (
        (exact, Ratio(exact.numerator * 2, exact.denominator))
        if side is Side.SUPPLY
        else (Ratio(1, 1_000_000), exact)
    )
    settings: dict[str, Any] = {
        "kind": GoodsKind.COMPONENT,
        "title": "roller bearings",
        "unit": "H87",
        "country": "KZ",
        "starts": ledger.time,
        "ends": ledger.time + days * DAY,
        "until": ledger.time + stands * DAY,
        "lowest": low,
        "highest": high,
    }
    return Post(side=side, hs=hs, quantity=quantity, **{**settings, **more})


def posted(ledger: Ledger, who: str, side: Side, quantity: int = 100, **more: Any) -> bytes:
    """An entry of a trader; its id."""
    receipt = ledger.must(who, entry_for(ledger, side, quantity, **more))
    id: bytes = event(receipt, EntryPosted)["entry"]
    return id


def supply(ledger: Ledger, who: str, quantity: int = 100, **more: Any) -> bytes:
    """A supply; its id."""
    return posted(ledger, who, Side.SUPPLY, quantity, **more)


def demand(ledger: Ledger, who: str, quantity: int = 100, **more: Any) -> bytes:
    """A demand; its id."""
    more.setdefault("price", 1_500)
    return posted(ledger, who, Side.DEMAND, quantity, **more)


def matched(
    ledger: Ledger, who: str, given: bytes, wanted: bytes, quantity: int, price: int = 1_200
) -> bytes:
    """A proposed match; its id."""
    receipt = ledger.must(who, ProposeMatch(given, wanted, quantity, Ratio(price)))
    id: bytes = event(receipt, MatchProposed)["match"]
    return id


def reserved(
    ledger: Ledger, given: bytes, wanted: bytes, quantity: int, price: int = 1_200
) -> bytes:
    """A reservation that both sides agreed to; its id."""
    seller, buyer = name_of(entry(ledger, given).owner), name_of(entry(ledger, wanted).owner)
    match = matched(ledger, seller, given, wanted, quantity, price)
    receipt = ledger.must(buyer, AgreeToMatch(match))
    id: bytes = event(receipt, ReservationChanged)["reservation"]
    return id


def name_of(owner: str) -> str:
    """The name that an LEI was made from."""
    return next(name for name in (*TRADERS, SOLVER) if lei(name) == owner)


def entry(ledger: Ledger, id: bytes) -> Entry:
    """An entry as it stands."""
    found = ledger.state.get(ENTRY_TABLE, id)
    assert found is not None
    return found


def match_of(ledger: Ledger, id: bytes) -> Match:
    """A match as it stands."""
    found = ledger.state.get(MATCH_TABLE, id)
    assert found is not None
    return found


def reservation(ledger: Ledger, id: bytes) -> Reservation:
    """A reservation as it stands."""
    found = ledger.state.get(RESERVATION_TABLE, id)
    assert found is not None
    return found


def quantities(ledger: Ledger, id: bytes) -> tuple[int, int, int, int]:
    """Open, reserved, contracted, released."""
    found = entry(ledger, id)
    return found.open, found.reserved, found.contracted, found.released


def pass_days(ledger: Ledger, days: int) -> None:
    """Days pass; every deadline that fires is applied."""
    execution = ledger.later(days * DAY)
    assert all(r.applied for r in execution.receipts), execution.receipts
    ledger.later(1)
