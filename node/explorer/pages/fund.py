"""The joint fund: what it has, what states promised, whom it helps, what it lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from contracts.fund.accounts import TRANCHES
from contracts.fund.records import (
    APPLICATION,
    INSTALMENT,
    PLEDGE,
    TALLY,
    Draw,
    Instalment,
    Milestone,
    Tranche,
)
from contracts.fund.views import Case, draws, position, whole
from node.api.words import parse_id
from node.explorer.detail import ANNEXES, HISTORY, LINKS, detail
from node.explorer.language import msg
from node.explorer.listing import filters, listing, money, party, plain
from node.explorer.proofs import of_block, of_record
from node.explorer.site import Group, Page
from node.explorer.table import Column, Format, Money, Table, entire_of
from node.explorer.view import View

APPLICATIONS = listing(
    APPLICATION,
    "applications",
    msg("Applications, newest first"),
    (
        party("applicant", msg("Applicant")),
        plain("title", msg("Project"), Format.TEXT),
        plain("support", msg("Asked for"), Format.LABEL),
        money("amount", msg("Amount")),
        plain("weighted", msg("Score that counts"), Format.PERCENT),
        money("released", msg("Released")),
        money("returned", msg("Returned")),
    ),
)
PLEDGES = listing(
    PLEDGE,
    "pledges",
    msg("Pledges of states, newest first"),
    (
        plain("country", msg("Country"), Format.COUNTRY),
        money("amount", msg("Amount")),
        plain("reason", msg("Reason"), Format.TEXT),
    ),
    filtered=False,
)
INSTALMENTS = listing(
    INSTALMENT,
    "instalments",
    msg("Instalments of loans, newest first"),
    (
        party("borrower", msg("Borrower")),
        money("amount", msg("Amount")),
        money("repaid", msg("Repaid")),
        money("provision", msg("Expected to be lost")),
        money("written_off", msg("Written off")),
        plain("payable", msg("Payable"), Format.INSTANT),
    ),
    filtered=False,
)


class _Figure(NamedTuple):
    what: str
    amount: int


def _figures(view: View) -> Iterator[_Figure]:
    series = (one for one in view.index.series() if one.kind == TRANCHES.name)
    held = sum(view.index.total(one, view.index.height) for one in series)
    found = position(view.state, held=held)
    for name, label in (
        ("free", msg("Free in the pool")),
        ("held", msg("Held for milestones")),
        ("first_loss", msg("For first losses")),
        ("pledged", msg("Promised, not called")),
        ("called", msg("Called, not paid")),
        ("arrears", msg("Of it in arrears")),
        ("loans", msg("Loans outstanding")),
        ("provision", msg("Of them expected to be lost")),
        ("losses", msg("Losses on loans")),
    ):
        yield _Figure(view.text(label), getattr(found, name))
    for name, label in (
        ("paid_in", msg("Paid in since the beginning")),
        ("granted", msg("Granted since the beginning")),
        ("lent", msg("Lent since the beginning")),
        ("repaid", msg("Repaid since the beginning")),
        ("drawn", msg("First losses borne")),
        ("recovered", msg("Of them recovered")),
    ):
        yield _Figure(view.text(label), getattr(found.tally, name))


FIGURES: Table[_Figure] = Table(
    "position",
    msg("The fund at a glance"),
    (
        Column("what", msg("What"), Format.WORDS, lambda f: f.what),
        Column("amount", msg("Amount"), Format.AMOUNT, lambda f: Money(f.amount, "SCU")),
    ),
    read=entire_of(_figures),
)

DRAWS: Table[Draw] = Table(
    "draws",
    msg("First losses that the fund bore"),
    (
        Column("time", msg("Time"), Format.INSTANT, lambda d: d.time),
        Column("kind", msg("Cause"), Format.LABEL, lambda d: d.kind),
        Column("payee", msg("Paid to"), Format.PARTY, lambda d: d.payee),
        Column("amount", msg("Amount"), Format.AMOUNT, lambda d: Money(d.amount, "SCU")),
        Column("liable", msg("Owes it back"), Format.PARTY, lambda d: d.liable or None),
    ),
    read=entire_of(lambda view: draws(view.state)),
    empty=msg("The fund has borne no first loss."),
)


def fund(view: View) -> dict[str, Any]:
    """The fund."""
    return {
        "intro": view.text(
            msg(
                "States pay in, residents apply, milestones release the money, loans return. A "
                "part is set apart for first losses."
            )
        ),
        "filters": filters(view, APPLICATION),
        "shown": view.show(APPLICATIONS),
        "tables": [view.show(table) for table in (FIGURES, PLEDGES, INSTALMENTS, DRAWS)],
        "proofs": (of_block(view), of_record(view, view.text(msg("The fund's sums")), TALLY)),
    }


def _requested(view: View) -> Case:
    identity = parse_id(view.parameters["id"])
    found = whole(view.state, identity)
    if found is None:
        raise view.missing(f"fund application {identity.hex()[:16]}…")
    return found


class _Step(NamedTuple):
    view: View
    number: int
    milestone: Milestone
    tranche: Tranche | None


def _steps(view: View) -> Iterator[_Step]:
    case = _requested(view)
    tranches = {tranche.milestone: tranche for tranche in case.tranches}
    for number, milestone in enumerate(case.application.milestones):
        yield _Step(view, number, milestone, tranches.get(number))


MILESTONES: Table[_Step] = Table(
    "milestones",
    msg("Milestones and the money that they release"),
    (
        Column("number", msg("Number"), Format.COUNT, lambda s: s.number + 1),
        Column("title", msg("What has to be reached"), Format.TEXT, lambda s: s.milestone.title),
        Column("due", msg("By when"), Format.INSTANT, lambda s: s.milestone.due),
        Column("amount", msg("Amount"), Format.AMOUNT, lambda s: Money(s.milestone.amount, "SCU")),
        Column(
            "tranche",
            msg("Tranche"),
            Format.ID,
            lambda s: None if s.tranche is None else s.tranche.id,
            lambda s: None if s.tranche is None else s.view.object_path(s.tranche.id),
        ),
        Column(
            "state",
            msg("State"),
            Format.STATE,
            lambda s: None if s.tranche is None else s.tranche.state.value,
        ),
        Column(
            "inspector",
            msg("Attested by"),
            Format.PARTY,
            lambda s: None if s.tranche is None else s.tranche.inspector or None,
        ),
        Column(
            "evidence",
            msg("Evidence"),
            Format.ID,
            lambda s: None if s.tranche is None else s.tranche.evidence,
        ),
    ),
    read=entire_of(_steps),
)


def _repayments(view: View) -> tuple[Instalment, ...]:
    return _requested(view).instalments


LOAN: Table[Instalment] = Table(
    "loan",
    msg("Repayment of the loan"),
    (
        Column("payable", msg("Payable"), Format.INSTANT, lambda i: i.payable),
        Column("amount", msg("Amount"), Format.AMOUNT, lambda i: Money(i.amount, "SCU")),
        Column("repaid", msg("Repaid"), Format.AMOUNT, lambda i: Money(i.repaid, "SCU")),
        Column("open", msg("Open"), Format.AMOUNT, lambda i: Money(i.open, "SCU")),
        Column(
            "written_off", msg("Written off"), Format.AMOUNT, lambda i: Money(i.written_off, "SCU")
        ),
        Column("state", msg("State"), Format.STATE, lambda i: i.state.value),
    ),
    read=entire_of(_repayments),
    empty=msg("No loan has been paid out."),
)


def application(view: View) -> dict[str, Any]:
    """One application."""
    found = _requested(view).application
    held = found.amount - found.released - found.returned
    parts = (
        (msg("released"), "delivered", found.released),
        (msg("returned"), "cancelled", found.returned),
        (msg("still ahead"), "open", held),
    )
    return detail(view, APPLICATION, found, title=found.title) | {
        "shares": [(view.text(label), kind, amount) for label, kind, amount in parts if amount],
        "whole": found.amount,
        "tables": [view.show(table) for table in (MILESTONES, LOAN)],
    }


PAGES = (
    Page(
        "/fund",
        msg("Joint fund"),
        render=fund,
        template="objects.html",
        group=Group.MONEY,
        tables=(APPLICATIONS, FIGURES, PLEDGES, INSTALMENTS, DRAWS),
        live=True,
    ),
    Page(
        "/fund/{id}",
        msg("Application to the fund"),
        render=application,
        template="guarantee.html",
        parent="/fund",
        tables=(MILESTONES, LOAN, LINKS, ANNEXES, HISTORY),
        live=True,
        shows=APPLICATION.name,
    ),
)
