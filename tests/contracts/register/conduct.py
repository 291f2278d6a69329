"""Members with programmes, debts and contributions, for tests of conduct and leaving."""

from __future__ import annotations

from typing import Any

from cast import EVIDENCE, URAL, VOLGA, attest, money, vote
from ledger_in_memory import CHAIN, START, Ledger, event, key, lei, member, new_ledger

from contracts.accounts import AVAIL, CONTRIBUTION
from contracts.currency.events import PaymentRequested
from contracts.currency.operations import AcceptRequest, RequestPayment
from contracts.framework.ballot import BallotOpened
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.evidence import DocumentKind, Evidence, evidence_message
from contracts.framework.party import PARTY, Office, PartyKind, Role, Standing
from contracts.framework.posting import balance_of
from contracts.register.deviation import PlanLine, Quarter, quarter_at, quarter_of
from contracts.register.operations import OrderSuspension, ProposeExclusion
from contracts.register.programme import AttestProgramme, FilePlan, ReportProgramme
from ledger.codec import Struct

ALTAI, INSPECTOR = "Altai Motors", "Kama Inspection"
DAY = MS_PER_DAY
NEXT = quarter_at(quarter_of(START).index + 1)
PLAN = (PlanLine("gears", "848340", "H87", 100, 3), PlanLine("shafts", "848310", "H87", 50))


def cluster(*parameters: Struct, states: dict[str, str] | None = None) -> Ledger:
    """Three members, an inspector, and money for those who have to pay."""
    homes = {URAL: "KZ", VOLGA: "RU", ALTAI: "BY"} | (states or {})
    ledger = new_ledger(
        *(member(name, home) for name, home in homes.items()),
        member(INSPECTOR, "CN", kind=PartyKind.INSTITUTION, offices=(Office(Role.INSPECTOR),)),
        parameters=parameters,
    )
    assert attest(ledger, 100_000_000).applied
    return ledger


def ahead(quarters: int) -> Quarter:
    """The quarter so many after the first that begins after the ledger's start."""
    return quarter_at(NEXT.index + quarters)


def plan(ledger: Ledger, quarter: Quarter, name: str = URAL, home: str = "KZ") -> None:
    """A member files its plan, agreed with its home state."""
    ledger.must(name, FilePlan(quarter, PLAN), signers=(name, f"guarantor{home}"))


def until(ledger: Ledger, time: int) -> None:
    """An empty block at a time."""
    ledger.later(time - ledger.time)


def report(ledger: Ledger, quarter: Quarter, *actuals: int, name: str = URAL) -> None:
    """The quarter passes, and the member reports."""
    if ledger.time <= quarter.ends:
        until(ledger, quarter.ends + DAY)
    ledger.must(name, ReportProgramme(quarter, actuals, lei(INSPECTOR), EVIDENCE))


def attested(ledger: Ledger, quarter: Quarter, *actuals: int, name: str = URAL) -> None:
    """The quarter passes, the member reports, the inspector agrees."""
    report(ledger, quarter, *actuals, name=name)
    ledger.must(INSPECTOR, AttestProgramme(lei(name), quarter, actuals, EVIDENCE))


def red_twice(ledger: Ledger) -> Quarter:
    """Two red quarters; the second."""
    for quarter in (ahead(0), ahead(1)):
        plan(ledger, quarter)
        attested(ledger, quarter, 40, 50)
    return ahead(1)


def standing(ledger: Ledger, name: str) -> Standing:
    """A party's standing."""
    party = ledger.state.get(PARTY, lei(name))
    assert party is not None
    return party.state


def owes(ledger: Ledger, debtor: str, creditor: str, amount: int, *, days: int = 30) -> bytes:
    """A debt by an accepted invoice; its id."""
    op = RequestPayment(lei(debtor), amount, ledger.time + days * DAY, "goods")
    id: bytes = event(ledger.must(creditor, op), PaymentRequested)["request"]
    ledger.must(debtor, AcceptRequest(id))
    return id


def excluded(ledger: Ledger, name: str = URAL, by: tuple[str, ...] = ("BY", "CN")) -> None:
    """The tribunal suspends and the council excludes."""
    ledger.must("tribunal", OrderSuspension(lei(name), "order 7", EVIDENCE))
    ballot = ledger.must("registrar", ProposeExclusion(lei(name), "no deliveries"))
    vote(ledger, event(ballot, BallotOpened)["ballot"], *by)


def available(ledger: Ledger, name: str) -> int:
    """A party's available money."""
    return balance_of(ledger.state, AVAIL.of(lei(name)))


def contribution(ledger: Ledger, name: str) -> int:
    """What a party paid in."""
    return balance_of(ledger.state, CONTRIBUTION.of(lei(name)))


def document(
    content: int, issuer: str = INSPECTOR, kind: DocumentKind = DocumentKind.INSPECTION_REPORT
) -> Evidence:
    """A document with its issuer's signature."""
    digest = bytes([content]) * 32
    signed = evidence_message(CHAIN, kind, digest, lei(issuer))
    return Evidence(kind, digest, lei(issuer), key(issuer).public, key(issuer).sign(signed))


def rich(ledger: Ledger, **amounts: Any) -> None:
    """Money for some parties by name, underscores as spaces."""
    for name, amount in amounts.items():
        money(ledger, name.replace("_", " "), amount)
