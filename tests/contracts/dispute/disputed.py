"""Disputes at each stage, for tests."""

from __future__ import annotations

from typing import Any

from guaranteed import DAY, URAL, VOLGA
from ledger_in_memory import Ledger, event, lei

from contracts.currency.events import PaymentRequested
from contracts.currency.operations import AcceptRequest, RequestPayment
from contracts.dispute.events import DisputeOpened
from contracts.dispute.operations import (
    AnswerClaim,
    MakeAward,
    NominateArbitrator,
    OpenDispute,
    RequestArbitration,
    WaiveMediation,
)
from contracts.dispute.records import DISPUTE_TABLE, Dispute, Ruling, Subject

ARBITER, SECOND = "Arbiter One", "Arbiter Two"
CLAIM = 6_000


def debt(
    ledger: Ledger, amount: int = CLAIM, *, debtor: str = URAL, creditor: str = VOLGA
) -> bytes:
    """The debtor owes the creditor; the debt's id."""
    op = RequestPayment(lei(debtor), amount, ledger.time + 40 * DAY, "x")
    request: bytes = event(ledger.must(creditor, op), PaymentRequested)["request"]
    ledger.must(debtor, AcceptRequest(request))
    return request


def opened(
    ledger: Ledger,
    subject: Subject | None = None,
    *,
    claimant: str = VOLGA,
    respondent: str = URAL,
    claim: int = CLAIM,
) -> bytes:
    """A dispute; its id."""
    op = OpenDispute(lei(respondent), subject or Subject(), claim, "the goods were faulty")
    id: bytes = event(ledger.must(claimant, op), DisputeOpened)["dispute"]
    return id


def dispute(ledger: Ledger, id: bytes) -> Dispute:
    """The dispute as it stands."""
    found = ledger.state.get(DISPUTE_TABLE, id)
    assert found is not None
    return found


def unmediated(ledger: Ledger, id: bytes) -> bytes:
    """Both parties waive mediation."""
    found = dispute(ledger, id)
    for name in names(found):
        ledger.must(name, WaiveMediation(id))
    return id


def names(found: Dispute) -> tuple[str, ...]:
    """The parties by the names under which tests know them."""
    known = {lei(n): n for n in (URAL, VOLGA, "Altai Motors", "guarantorKZ")}
    return tuple(known[party] for party in found.parties)


def arbitrated(ledger: Ledger, id: bytes, *, counterclaim: int = 0) -> bytes:
    """The case is before an arbitrator whom both want."""
    unmediated(ledger, id)
    claimant, respondent = names(dispute(ledger, id))
    ledger.must(claimant, RequestArbitration(id))
    ledger.must(respondent, AnswerClaim(id, "they were not", counterclaim))
    for name in (claimant, respondent):
        ledger.must(name, NominateArbitrator(id, lei(ARBITER)))
    return id


def awarded(ledger: Ledger, id: bytes, payer: str, amount: int, **more: Any) -> bytes:
    """The arbitrator decides."""
    ledger.must(ARBITER, MakeAward(id, Ruling(lei(payer), amount, **more), "as found"))
    return id
