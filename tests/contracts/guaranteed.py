"""A small cluster in which a guarantor stands behind an applicant, for tests."""

from __future__ import annotations

from functools import partial
from typing import Any

from cast import EVIDENCE, attest, money
from ledger_in_memory import CHAIN, Ledger, event, key, lei, member, new_ledger

from contracts.accounts import AVAIL
from contracts.capacity import COLLATERAL
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.evidence import DocumentKind, Evidence, evidence_message
from contracts.framework.party import Office, PartyKind, Role
from contracts.framework.posting import balance_of
from contracts.guarantee.claims import PresentDemand
from contracts.guarantee.events import DemandPresented, GuaranteeDrafted, GuaranteePaid
from contracts.guarantee.operations import (
    DraftGuarantee,
    IssueGuarantee,
    PostCapacity,
    PostCollateral,
)
from contracts.guarantee.records import (
    DEMAND,
    GUARANTEE_TABLE,
    PAYMENT,
    SUBROGATION,
    Demand,
    Guarantee,
    Payment,
    Subrogation,
    Underlying,
)
from ledger.codec import Struct

URAL, VOLGA, ALTAI = "Ural Gear", "Volga Bearings", "Altai Motors"
GUARANTOR, OTHER_GUARANTOR, INSPECTOR = "guarantorKZ", "guarantorRU", "Kama Inspection"
DAY = MS_PER_DAY


def cluster(*parameters: Struct, capacity: int = 1_000_000, collateral: int = 100_000) -> Ledger:
    """Three members, an inspector, hearers of disputes, and a guarantor that posted capacity."""
    institution = partial(member, kind=PartyKind.INSTITUTION)
    ledger = new_ledger(
        member(URAL),
        member(VOLGA, "RU"),
        member(ALTAI, "BY"),
        institution(INSPECTOR, "CN", offices=(Office(Role.INSPECTOR),)),
        institution("Mediator", "CN", offices=(Office(Role.MEDIATOR),)),
        institution("Arbiter One", "CN", offices=(Office(Role.ARBITRATOR),)),
        institution("Arbiter Two", "CN", offices=(Office(Role.ARBITRATOR),)),
        parameters=parameters,
    )
    assert attest(ledger, 100_000_000).applied
    for name, amount in ((URAL, 500_000), (GUARANTOR, 500_000 + collateral), (VOLGA, 50_000)):
        money(ledger, name, amount)
    ledger.must(GUARANTOR, PostCapacity(capacity, EVIDENCE))
    if collateral:
        ledger.must(GUARANTOR, PostCollateral(collateral))
    return ledger


def drafted(ledger: Ledger, amount: int = 10_000, **more: Any) -> bytes:
    """Ural asks for a guarantee to Volga; its id."""
    more.setdefault("underlying", Underlying())
    op = DraftGuarantee(lei(GUARANTOR), lei(VOLGA), amount, **more)
    id: bytes = event(ledger.must(URAL, op), GuaranteeDrafted)["guarantee"]
    return id


def issued(ledger: Ledger, amount: int = 10_000, **more: Any) -> bytes:
    """The same, issued."""
    id = drafted(ledger, amount, **more)
    ledger.must(GUARANTOR, IssueGuarantee(id))
    return id


def demanded(ledger: Ledger, id: bytes, amount: int = 4_000, **more: Any) -> bytes:
    """Volga demands; the demand's id."""
    op = PresentDemand(id, amount, "the goods of July did not come", **more)
    demand: bytes = event(ledger.must(VOLGA, op), DemandPresented)["demand"]
    return demand


def guarantee(ledger: Ledger, id: bytes) -> Guarantee:
    """The guarantee as it stands."""
    found = ledger.state.get(GUARANTEE_TABLE, id)
    assert found is not None
    return found


def demand(ledger: Ledger, id: bytes) -> Demand:
    """The demand as it stands."""
    found = ledger.state.get(DEMAND, id)
    assert found is not None
    return found


def paid(ledger: Ledger) -> tuple[Payment, Subrogation]:
    """The newest payment and what passed by it."""
    tag = GuaranteePaid.__struct_config__.tag
    receipt = next(r for _, r in reversed(ledger.receipts) if any(e[0] == tag for e in r.events))
    id = event(receipt, GuaranteePaid)["payment"]
    payment, passed = ledger.state.get(PAYMENT, id), ledger.state.get(SUBROGATION, id)
    assert payment is not None and passed is not None
    return payment, passed


def available(ledger: Ledger, name: str) -> int:
    """A party's available money."""
    return balance_of(ledger.state, AVAIL.of(lei(name)))


def collateral(ledger: Ledger, name: str = GUARANTOR) -> int:
    """A guarantor's collateral."""
    return balance_of(ledger.state, COLLATERAL.of(lei(name)))


def document(
    content: int,
    issuer: str = INSPECTOR,
    kind: DocumentKind = DocumentKind.INSPECTION_REPORT,
) -> Evidence:
    """A document with its issuer's signature."""
    digest = bytes([content]) * 32
    signer = key(issuer)
    signed = evidence_message(CHAIN, kind, digest, lei(issuer))
    return Evidence(kind, digest, lei(issuer), signer.public, signer.sign(signed))


def pass_time(ledger: Ledger, days: int) -> None:
    """Days pass; every deadline that fires is applied."""
    execution = ledger.later(days * DAY)
    assert all(r.applied for r in execution.receipts), execution.receipts
    ledger.later(1_000)
