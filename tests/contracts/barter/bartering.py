"""A barter world for tests: three countries with guarantors, customs and an inspector.

Gear of RU ships components to Looms of BY, which returns machines; Motors of KZ trades claims.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from cast import EVIDENCE, attest, money
from ledger_in_memory import CHAIN, Ledger, event, key, lei, member, new_ledger

from contracts.barter.claims import claim_of
from contracts.barter.default import GiveNotice
from contracts.barter.events import LotMoved, OfferMade
from contracts.barter.inspection import AcceptLot, Arrive
from contracts.barter.lot_records import LOT_TABLE, Lot
from contracts.barter.lots import Deliver, Ship
from contracts.barter.offers import Accept, Offer
from contracts.barter.records import CONTRACT_TABLE, Contract
from contracts.barter.securing import AttestRelief, Secure
from contracts.barter.terms import (
    Flow,
    Item,
    Milestone,
    OnExclusion,
    Procedure,
    Ratio,
    Risk,
    Terms,
)
from contracts.capacity import CapacityParameters
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.evidence import DocumentKind, Evidence, evidence_message
from contracts.framework.party import Office, PartyKind, Role
from contracts.guarantee.operations import PostCapacity
from contracts.registry import CAPABILITIES
from ledger.codec import Struct
from ledger.state import State

GEAR, LOOMS, MOTORS = "Ural Gear", "Minsk Looms", "Altai Motors"
INSPECTOR = "inspector"
DAY = MS_PER_DAY
TEN, FIFTY = Ratio(1_000), Ratio(5_000)
HOME = {GEAR: "RU", LOOMS: "BY", MOTORS: "KZ"}


def world(*parameters: Struct) -> Ledger:
    """Members with money, customs of three states, an inspector, guarantors with capacity."""
    institutions = [
        member(
            f"customs{state}",
            state,
            kind=PartyKind.INSTITUTION,
            offices=(Office(Role.CUSTOMS, state),),
        )
        for state in ("RU", "BY", "KZ")
    ]
    inspector = member(
        INSPECTOR, "CN", kind=PartyKind.INSTITUTION, offices=(Office(Role.INSPECTOR),)
    )
    ledger = new_ledger(
        *(member(name, home) for name, home in HOME.items()),
        *institutions,
        inspector,
        parameters=(CapacityParameters(collateral_ratio=0), *parameters),
    )
    for state in ("RU", "BY", "KZ"):
        assert attest(ledger, 100_000_000, state).applied
        money(ledger, f"guarantor{state}", 1_000_000, state)
        ledger.must(f"guarantor{state}", PostCapacity(10_000_000, EVIDENCE))
    for name, home in HOME.items():
        money(ledger, name, 1_000_000, home)
    return ledger


def item(name: str, price: Ratio) -> Item:
    """An item of the price list, in pieces."""
    return Item(name, "848210", "H87", price)


def flow(
    now: int,
    *,
    price: Ratio,
    plan: tuple[tuple[int, int], ...],
    risk: Risk = Risk.SHIPPER,
    steps: tuple[int, ...] = (),
) -> Flow:
    """A flow of one item: (quantity, days from now) per milestone."""
    return Flow(
        items=(item("bearing", price),),
        schedule=tuple(
            Milestone(0, quantity, now + days * DAY, steps[i] if steps else 0)
            for i, (quantity, days) in enumerate(plan)
        ),
        incoterm="DAP",
        place="Minsk",
        transit_days=10,
        procedure=Procedure.INWARD_PROCESSING,
        risk=risk,
    )


def terms_at(
    now: int,
    *,
    component_price: Ratio = TEN,
    goods_price: Ratio = FIFTY,
    components: tuple[tuple[int, int], ...] = ((100, 30), (100, 60)),
    goods: tuple[tuple[int, int], ...] = ((20, 90), (20, 120)),
    risk: Risk = Risk.SHIPPER,
    **more: Any,
) -> Terms:
    """Terms: components worth 200,000 against goods worth 200,000 unless told otherwise."""
    settings: dict[str, Any] = {
        "components": flow(now, price=component_price, plan=components, risk=risk),
        "goods": flow(now, price=goods_price, plan=goods, risk=risk),
        "starts": now,
        "supplier_cover": 20_000,
        "maker_cover": 150_000,
        "cover_until": now + 400 * DAY,
        "lead_days": 10,
        "make_days": 20,
        "on_exclusion": OnExclusion.CONTINUE,
    }
    return Terms(**{**settings, **more})


def offered(ledger: Ledger, terms: Terms | None = None, until_days: int = 5) -> Contract:
    """A contract that Gear offered to Looms."""
    terms = terms or terms_at(ledger.time + until_days * DAY)
    receipt = ledger.must(GEAR, Offer(lei(LOOMS), terms, ledger.time + until_days * DAY))
    return contract(ledger, event(receipt, OfferMade)["contract"])


def secured(ledger: Ledger, terms: Terms | None = None) -> Contract:
    """A contract that is accepted and secured; it starts with the next block."""
    made = offered(ledger, terms)
    ledger.must(LOOMS, Accept(made.id, made.terms_hash))
    ledger.must("guarantorRU", Secure(made.id, lei(GEAR)))
    ledger.must("guarantorBY", Secure(made.id, lei(LOOMS)))
    for state in ("RU", "BY"):
        ledger.must(f"customs{state}", AttestRelief(made.id, state, True, f"{state}-1"))
    return contract(ledger, made.id)


def active(ledger: Ledger, terms: Terms | None = None) -> Contract:
    """A contract that runs."""
    made = secured(ledger, terms)
    start = made.due - ledger.time
    ledger.later(max(start, 0) + 1)
    return contract(ledger, made.id)


def contract(ledger: Ledger, id: bytes) -> Contract:
    """A contract as it stands."""
    found = ledger.state.get(CONTRACT_TABLE, id)
    assert found is not None
    return found


def lot(ledger: Ledger, id: bytes) -> Lot:
    """A lot as it stands."""
    found = ledger.state.get(LOT_TABLE, id)
    assert found is not None
    return found


def free(ledger: Ledger, id: bytes, name: str) -> int:
    """What of a claim may be called off."""
    return claim_of(ledger.state, id, lei(name)).free


_documents = iter(range(10**9))


def document(
    issuer: str, kind: DocumentKind = DocumentKind.CONSIGNMENT_NOTE, text: str = ""
) -> Evidence:
    """A document signed by its issuer's registered key."""
    content = sha256((text or f"document {next(_documents)}").encode()).digest()
    private = key(issuer)
    signature = private.sign(evidence_message(CHAIN, kind, content, lei(issuer)))
    return Evidence(kind, content, lei(issuer), private.public, signature)


def ship(ledger: Ledger, id: bytes, quantity: int, who: str = GEAR) -> Lot:
    """A lot of components on its way."""
    receipt = ledger.must(who, Ship(id, 0, quantity, (document(who),)))
    return lot(ledger, event(receipt, LotMoved)["lot"])


def credited(ledger: Ledger, id: bytes, quantity: int, *, who: str = GEAR, to: str = LOOMS) -> Lot:
    """A lot of components that was accepted."""
    sent = ship(ledger, id, quantity, who)
    ledger.must(to, Arrive(sent.id))
    ledger.must(to, AcceptLot(sent.id, quantity))
    return lot(ledger, sent.id)


def delivered(ledger: Ledger, id: bytes, quantity: int, *, to: str = GEAR, who: str = LOOMS) -> Lot:
    """A lot of finished goods that was accepted."""
    receipt = ledger.must(who, Deliver(id, 0, quantity, lei(to), (document(who),)))
    sent = lot(ledger, event(receipt, LotMoved)["lot"])
    ledger.must(to, Arrive(sent.id))
    ledger.must(to, AcceptLot(sent.id, quantity))
    return lot(ledger, sent.id)


def defaulted(ledger: Ledger, id: bytes, injured: str = GEAR) -> Contract:
    """Time passes until the contract is overdue, then notice and grace pass too."""
    while contract(ledger, id).state.value in {"active", "partial"}:
        ledger.later(max(contract(ledger, id).due - ledger.time, 0) + 1)
    assert contract(ledger, id).state.value == "overdue"
    ledger.must(injured, GiveNotice(id, "nothing came"))
    ledger.later(contract(ledger, id).due - ledger.time + 1)
    found = contract(ledger, id)
    assert found.state.value == "defaulted"
    return found


def violations(state: State) -> list[str]:
    """Every violated invariant of every capability that takes part."""
    return [
        f"{capability.name}.{inv.name}: {sentence}"
        for capability in CAPABILITIES
        for inv in capability.invariants
        for sentence in inv.check(state)
    ]
