"""Guarantees: their terms, the demands under them, payments and the claims that passed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from contracts.capacity import capacity_of
from contracts.framework.party import PARTY, Role, holders
from contracts.guarantee.events import DemandPresented
from contracts.guarantee.records import (
    AMENDMENT,
    DEMAND,
    GUARANTEE,
    GUARANTEE_TABLE,
    SUBROGATION,
    Demand,
    Guarantee,
    Payment,
    Subrogation,
)
from contracts.guarantee.views import payments_of
from node.api.words import parse_id
from node.explorer.detail import ANNEXES, HISTORY, LINKS, detail
from node.explorer.language import msg
from node.explorer.life import events_naming
from node.explorer.listing import filters, listing, money, party, plain
from node.explorer.proofs import of_record
from node.explorer.site import Group, Page
from node.explorer.table import Column, Format, Money, Table, entire_of
from node.explorer.view import View

GUARANTEES = listing(
    GUARANTEE,
    "guarantees",
    msg("Guarantees, newest first"),
    (
        party("guarantor", msg("Guarantor")),
        party("applicant", msg("For")),
        party("beneficiary", msg("In favour of")),
        money("amount", msg("Amount")),
        money("paid", msg("Paid"), seen=False),
        money("remaining", msg("Remaining")),
        plain("expires", msg("Expires"), Format.INSTANT),
        Column(
            "underlying",
            msg("Secures"),
            Format.ID,
            lambda e: e.record.underlying.id,
            lambda e: e.view.object_path(e.record.underlying.id),
            seen=False,
        ),
    ),
)


class _Room(NamedTuple):
    lei: str
    country: str
    posted: int
    committed: int
    free: int
    collateral: int


def _rooms(view: View) -> Iterator[_Room]:
    for lei in holders(view.state, Role.GUARANTOR):
        found = capacity_of(view.state, lei)
        about = view.state.get(PARTY, lei)
        country = "" if about is None else about.profile.country
        yield _Room(lei, country, found.posted, found.committed, found.free, found.collateral)


CAPACITY: Table[_Room] = Table(
    "capacity",
    msg("What each state's guarantor may still promise"),
    (
        Column("guarantor", msg("Guarantor"), Format.PARTY, lambda r: r.lei),
        Column("country", msg("Country"), Format.COUNTRY, lambda r: r.country),
        Column("posted", msg("Posted capacity"), Format.AMOUNT, lambda r: Money(r.posted, "SCU")),
        Column("committed", msg("Committed"), Format.AMOUNT, lambda r: Money(r.committed, "SCU")),
        Column("free", msg("Free"), Format.AMOUNT, lambda r: Money(r.free, "SCU")),
        Column(
            "collateral", msg("Collateral"), Format.AMOUNT, lambda r: Money(r.collateral, "SCU")
        ),
    ),
    read=entire_of(_rooms),
)


def guarantees(view: View) -> dict[str, Any]:
    """The list of guarantees, and what their guarantors may still promise."""
    return {
        "intro": view.text(
            msg(
                "A guarantor pays on a complying demand without asking whether the debtor would "
                "have had to (URDG 758); the claim then passes to it."
            )
        ),
        "filters": filters(view, GUARANTEE),
        "shown": view.show(GUARANTEES),
        "tables": [view.show(CAPACITY)],
    }


def _requested(view: View) -> Guarantee:
    identity = parse_id(view.parameters["id"])
    found = view.state.get(GUARANTEE_TABLE, identity)
    if found is None:
        raise view.missing(f"guarantee {identity.hex()[:16]}…")
    return found


class _Term(NamedTuple):
    what: str
    kind: str
    issuer: str | None
    amount: int | None
    used: bool


def _terms(view: View) -> Iterator[_Term]:
    found = _requested(view)
    for wanted in found.documents:
        yield _Term("document of a demand", wanted.kind.value, wanted.issuer, None, False)
    for number, cut in enumerate(found.reductions):
        used = number in found.used
        yield _Term("reduction", cut.kind.value, cut.issuer, cut.amount, used)


TERMS: Table[_Term] = Table(
    "terms",
    msg("Documents that its terms name"),
    (
        Column("what", msg("For what"), Format.LABEL, lambda t: t.what),
        Column("kind", msg("Kind"), Format.LABEL, lambda t: t.kind),
        Column("issuer", msg("Issued by"), Format.PARTY, lambda t: t.issuer),
        Column(
            "amount",
            msg("Reduces by"),
            Format.AMOUNT,
            lambda t: None if t.amount is None else Money(t.amount, "SCU"),
        ),
        Column("used", msg("Used"), Format.FLAG, lambda t: t.used),
    ),
    read=entire_of(_terms),
    empty=msg("A demand needs no document but the statement of the breach."),
)


def _demands(view: View) -> Iterator[Demand]:
    identity = parse_id(view.parameters["id"])
    presented = events_naming(view, identity, DemandPresented)
    for id in dict.fromkeys(event.demand for event in presented):
        found = view.state.get(DEMAND, id)
        if found is not None:
            yield found


DEMANDS: Table[Demand] = Table(
    "demands",
    msg("Demands and their examination"),
    (
        Column("number", msg("Number"), Format.COUNT, lambda d: d.number),
        Column("amount", msg("Amount"), Format.AMOUNT, lambda d: Money(d.amount, "SCU")),
        Column("statement", msg("Breach as stated"), Format.WORDS, lambda d: d.statement),
        Column("presented", msg("Presented"), Format.INSTANT, lambda d: d.presented),
        Column("until", msg("Examined until"), Format.INSTANT, lambda d: d.examined_until),
        Column("documents", msg("Documents"), Format.COUNT, lambda d: len(d.documents), seen=False),
        Column("extend_to", msg("Or extend to"), Format.INSTANT, lambda d: d.extend_to),
        Column("upheld", msg("Upheld"), Format.FLAG, lambda d: d.upheld, seen=False),
        Column("decided", msg("Decided"), Format.INSTANT, lambda d: d.decided or None, seen=False),
        Column(
            "discrepancies",
            msg("Discrepancies"),
            Format.WORDS,
            lambda d: "; ".join(one.reason for one in d.discrepancies),
        ),
        Column("state", msg("State"), Format.STATE, lambda d: d.state.value),
    ),
    read=entire_of(_demands),
    empty=msg("Nothing was demanded under it."),
)


class _Paid(NamedTuple):
    payment: Payment
    passed: Subrogation | None


def _payments(view: View) -> Iterator[_Paid]:
    for settled in payments_of(view.state, parse_id(view.parameters["id"])):
        yield _Paid(settled.payment, view.state.get(SUBROGATION, settled.payment.id))


def _part(name: str, label: str) -> Column[_Paid]:
    return Column(name, label, Format.AMOUNT, lambda p: Money(getattr(p.payment, name), "SCU"))


def _passed(name: str, label: str) -> Column[_Paid]:
    return Column(
        f"passed_{name}",
        label,
        Format.AMOUNT,
        lambda p: None if p.passed is None else Money(getattr(p.passed, name), "SCU"),
    )


PAYMENTS: Table[_Paid] = Table(
    "payments",
    msg("Payments, and where they came from"),
    (
        Column("time", msg("Time"), Format.INSTANT, lambda p: p.payment.time),
        _part("amount", msg("Amount")),
        _part("cash", msg("From its money")),
        _part("collateral", msg("From collateral")),
        _part("support", msg("From the fund")),
        _part("goods", msg("In goods")),
        _part("owed", msg("Owed still")),
    ),
    read=entire_of(_payments),
    empty=msg("Nothing was paid under it."),
)

PASSED: Table[_Paid] = Table(
    "passed",
    msg("The claim that passed to the guarantor with each payment"),
    (
        Column("time", msg("Time"), Format.INSTANT, lambda p: p.payment.time),
        _passed("amount", msg("Claim passed")),
        _passed("goods", msg("Of it to goods")),
        _passed("received", msg("Goods received")),
        _passed("converted", msg("Became a debt")),
        _passed("cash", msg("In money")),
    ),
    read=entire_of(lambda view: (paid for paid in _payments(view) if paid.passed is not None)),
    empty=msg("No claim has passed to the guarantor."),
)


def guarantee(view: View) -> dict[str, Any]:
    """One guarantee."""
    found = _requested(view)
    given = detail(
        view,
        GUARANTEE,
        found,
        title=view.text(
            msg("Guarantee of %(guarantor)s for %(applicant)s"),
            guarantor=view.name(found.guarantor),
            applicant=view.name(found.applicant),
        ),
    )
    whole = found.amount + found.increases
    parts = (
        (msg("paid"), "converted", found.paid),
        (msg("reduced"), "topped", found.reduced),
        (msg("lapsed unpaid"), "cancelled", found.lapsed),
        (msg("remaining"), "open", found.remaining),
    )
    return given | {
        "shares": [(view.text(label), kind, amount) for label, kind, amount in parts if amount],
        "whole": whole,
        "tables": [view.show(table) for table in (TERMS, DEMANDS, PAYMENTS, PASSED)],
        "proofs": (
            *given["proofs"],
            *(
                of_record(
                    view,
                    view.text(msg("Demand %(number)s"), number=demand.number),
                    DEMAND,
                    demand.id,
                )
                for demand in list(_demands(view))[-3:]
            ),
        ),
    }


AMENDMENTS = listing(
    AMENDMENT,
    "amendments",
    msg("Amendments of guarantees, newest first"),
    (
        Column(
            "guarantee",
            msg("Guarantee"),
            Format.ID,
            lambda e: e.record.guarantee,
            lambda e: e.view.object_path(e.record.guarantee),
        ),
        party("guarantor", msg("Guarantor")),
        party("beneficiary", msg("In favour of")),
        money("remaining", msg("New amount")),
        plain("expires", msg("New expiry"), Format.INSTANT),
        plain("reason", msg("Reason"), Format.WORDS),
    ),
)


def amendments(view: View) -> dict[str, Any]:
    """The list of amendments."""
    return {"filters": filters(view, AMENDMENT), "shown": view.show(AMENDMENTS)}


PAGES = (
    Page(
        "/guarantees",
        msg("Guarantees"),
        render=guarantees,
        template="objects.html",
        group=Group.TRADE,
        tables=(GUARANTEES, CAPACITY),
        live=True,
    ),
    Page(
        "/guarantees/{id}",
        msg("Guarantee"),
        render=guarantee,
        template="guarantee.html",
        parent="/guarantees",
        tables=(TERMS, DEMANDS, PAYMENTS, PASSED, LINKS, ANNEXES, HISTORY),
        live=True,
        shows=GUARANTEE.name,
    ),
    Page(
        "/amendments",
        msg("Amendments"),
        render=amendments,
        template="objects.html",
        parent="/guarantees",
        tables=(AMENDMENTS,),
    ),
)
