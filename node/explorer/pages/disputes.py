"""Disputes: what is contested, how far the case is, and how its ruling was carried out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from contracts.dispute.records import (
    DISPUTE,
    DISPUTE_TABLE,
    EXECUTION,
    Dispute,
    Execution,
    Hold,
    Ruling,
)
from contracts.dispute.views import arbitrators
from node.api.words import parse_id
from node.explorer.detail import ANNEXES, HISTORY, LINKS, detail
from node.explorer.language import msg
from node.explorer.listing import filters, listing, money, party, plain
from node.explorer.proofs import of_record
from node.explorer.site import Group, Page
from node.explorer.table import Column, Format, Money, Table, entire_of
from node.explorer.view import View

DISPUTES = listing(
    DISPUTE,
    "disputes",
    msg("Disputes, newest first"),
    (
        party("claimant", msg("Claimant")),
        party("respondent", msg("Respondent")),
        Column("subject", msg("About"), Format.LABEL, lambda e: e.record.subject.kind),
        money("claim", msg("Claim")),
        money("counterclaim", msg("Counterclaim")),
        plain("opened", msg("Opened"), Format.INSTANT),
        party("mediator", msg("Mediator"), seen=False),
        party("arbitrator", msg("Arbitrator")),
    ),
)

ARBITRATORS: Table[Any] = Table(
    "arbitrators",
    msg("Who arbitrates"),
    (
        Column("arbitrator", msg("Arbitrator"), Format.PARTY, lambda a: a.lei),
        Column("cases", msg("Open cases"), Format.COUNT, lambda a: a.cases),
    ),
    read=entire_of(lambda view: arbitrators(view.state)),
)


def disputes(view: View) -> dict[str, Any]:
    """The list of disputes, and who arbitrates."""
    return {
        "intro": view.text(
            msg(
                "Mediation comes first, then arbitration; the ledger holds what is contested and "
                "carries an award out by itself, once."
            )
        ),
        "filters": filters(view, DISPUTE),
        "shown": view.show(DISPUTES),
        "tables": [view.show(ARBITRATORS)],
    }


def _requested(view: View) -> Dispute:
    identity = parse_id(view.parameters["id"])
    found = view.state.get(DISPUTE_TABLE, identity)
    if found is None:
        raise view.missing(f"dispute {identity.hex()[:16]}…")
    return found


HOLDS: Table[Hold] = Table(
    "holds",
    msg("Money that is held for it"),
    (
        Column("owner", msg("Of whom"), Format.PARTY, lambda h: h.owner),
        Column("amount", msg("Amount"), Format.AMOUNT, lambda h: Money(h.amount, "SCU")),
    ),
    read=entire_of(lambda view: _requested(view).holds),
    empty=msg("No money is held for it."),
)


class _Outcome(NamedTuple):
    what: str
    ruling: Ruling
    execution: Execution | None


def _outcomes(view: View) -> Iterator[_Outcome]:
    found = _requested(view)
    execution = view.state.get(EXECUTION, found.id)
    if found.settlement is not None:
        settled = execution if found.award is None else None
        yield _Outcome("settlement", found.settlement.ruling, settled)
    if found.award is not None:
        yield _Outcome("award", found.award, execution)


def _part(name: str, label: str) -> Column[_Outcome]:
    return Column(
        name,
        label,
        Format.AMOUNT,
        lambda o: None if o.execution is None else Money(getattr(o.execution, name), "SCU"),
    )


OUTCOMES: Table[_Outcome] = Table(
    "outcomes",
    msg("Settlement and award, and how they were carried out"),
    (
        Column("what", msg("What"), Format.LABEL, lambda o: o.what),
        Column("payer", msg("Who pays"), Format.PARTY, lambda o: o.ruling.payer),
        Column("amount", msg("Amount"), Format.AMOUNT, lambda o: Money(o.ruling.amount, "SCU")),
        Column(
            "discharged",
            msg("Of the claim ends"),
            Format.AMOUNT,
            lambda o: Money(o.ruling.discharged, "SCU"),
        ),
        Column("document", msg("Reasoned document"), Format.ID, lambda o: o.ruling.document),
        _part("subject", msg("Paid by what was contested")),
        _part("held", msg("From held money")),
        _part("available", msg("From available money")),
        _part("owed", msg("Became a debt")),
        Column(
            "time",
            msg("Carried out"),
            Format.INSTANT,
            lambda o: None if o.execution is None else o.execution.time,
        ),
    ),
    read=entire_of(_outcomes),
    empty=msg("There is neither a settlement nor an award."),
)


def dispute(view: View) -> dict[str, Any]:
    """One dispute."""
    found = _requested(view)
    given = detail(
        view,
        DISPUTE,
        found,
        title=view.text(
            msg("%(claimant)s against %(respondent)s"),
            claimant=view.name(found.claimant),
            respondent=view.name(found.respondent),
        ),
    )
    executed = view.text(msg("How the ruling was carried out, or that it was not"))
    return given | {
        "tables": [view.show(table) for table in (OUTCOMES, HOLDS)],
        "proofs": (*given["proofs"], of_record(view, executed, EXECUTION, found.id)),
    }


PAGES = (
    Page(
        "/disputes",
        msg("Disputes"),
        render=disputes,
        template="objects.html",
        group=Group.TRADE,
        tables=(DISPUTES, ARBITRATORS),
        live=True,
    ),
    Page(
        "/disputes/{id}",
        msg("Dispute"),
        render=dispute,
        template="detail.html",
        parent="/disputes",
        tables=(OUTCOMES, HOLDS, LINKS, ANNEXES, HISTORY),
        live=True,
        shows=DISPUTE.name,
    ),
)
