"""Money that is promised: payment requests and debts, escrows, credit lines, what waits."""

from __future__ import annotations

from typing import Any

from contracts.currency.line_records import LINE_TABLE, Line
from contracts.currency.queue_records import ORDER, PAYMENT_MANDATE, QUEUED
from contracts.currency.records import ESCROW, ISSUE, REDEMPTION, REQUEST, REVERSAL
from contracts.framework.machine import Machine
from node.explorer.language import msg
from node.explorer.listing import Entry, filters, listing, money, party, plain
from node.explorer.site import Group, Page, Render
from node.explorer.table import Column, Format, Money, Slice, Table
from node.explorer.view import View

REQUESTS = listing(
    REQUEST,
    "requests",
    msg("Payment requests and debts, newest first"),
    (
        party("creditor", msg("Creditor")),
        party("debtor", msg("Debtor")),
        money("amount", msg("Amount")),
        money("paid", msg("Paid")),
        plain("payable", msg("Payable"), Format.INSTANT, seen=False),
        plain("subject", msg("What for"), Format.TEXT),
        Column(
            "origin",
            msg("Comes from"),
            Format.LABEL,
            lambda e: str(e.record.origin),
            lambda e: e.record.origin_id and e.view.path_of(e.record.origin_id),
        ),
        plain("origin_id", msg("Origin"), Format.ID, seen=False),
        plain("nettable", msg("May be netted"), Format.FLAG, seen=False),
        plain("how", msg("Ended by"), Format.LABEL, seen=False),
    ),
)

ESCROWS = listing(
    ESCROW,
    "escrows",
    msg("Money held until a condition is met, newest first"),
    (
        party("payer", msg("Payer")),
        party("payee", msg("Payee")),
        money("amount", msg("Amount")),
        party("signer", msg("Signs the condition")),
        plain("condition", msg("Condition"), Format.WORDS),
    ),
)

ISSUES = listing(
    ISSUE,
    "issues",
    msg("Issues of currency, newest first"),
    (
        party("member", msg("Member")),
        plain("country", msg("Country"), Format.COUNTRY),
        money("amount", msg("Amount")),
        plain("evidence", msg("Evidence"), Format.ID),
        plain("reason", msg("Reason"), Format.TEXT),
    ),
)
REDEMPTIONS = listing(
    REDEMPTION,
    "redemptions",
    msg("Redemptions of currency, newest first"),
    (
        party("member", msg("Member")),
        plain("country", msg("Country"), Format.COUNTRY),
        money("amount", msg("Amount")),
        plain("evidence", msg("Evidence"), Format.ID),
        plain("reason", msg("Reason"), Format.TEXT),
    ),
    filtered=False,
)
REVERSALS = listing(
    REVERSAL,
    "reversals",
    msg("Reversals of payments, newest first"),
    (
        party("payer", msg("Payer")),
        party("payee", msg("Payee")),
        money("amount", msg("Amount")),
        Column(
            "original",
            msg("Payment"),
            Format.ID,
            lambda e: e.record.original,
            lambda e: f"/transactions/{e.record.original.hex()}",
        ),
    ),
    filtered=False,
)
WAITING = listing(
    QUEUED,
    "queue",
    msg("Payments that wait for money, newest first"),
    (
        party("payer", msg("Payer")),
        party("payee", msg("Payee")),
        money("amount", msg("Amount")),
        plain("text", msg("What for"), Format.TEXT),
        plain("reason", msg("Reason"), Format.TEXT),
    ),
)
MANDATES = listing(
    PAYMENT_MANDATE,
    "mandates",
    msg("Mandates to pay for somebody, newest first"),
    (
        party("payer", msg("Payer")),
        party("operator", msg("Who may pay")),
        plain("payees", msg("To whom"), Format.PARTIES),
        money("per_payment", msg("Most for each payment")),
        money("total", msg("Most in all")),
        money("used", msg("Used")),
    ),
    filtered=False,
)
ORDERS = listing(
    ORDER,
    "orders",
    msg("Standing orders, newest first"),
    (
        party("payer", msg("Payer")),
        party("payee", msg("Payee")),
        money("amount", msg("Amount")),
        plain("every_days", msg("Every so many days"), Format.COUNT),
        plain("left", msg("Times left"), Format.COUNT),
        plain("text", msg("For"), Format.TEXT),
    ),
    filtered=False,
)


def _credit_lines(view: View, cursor: str, limit: int) -> Slice:
    prefix = LINE_TABLE.key()
    after = LINE_TABLE.key(cursor) if cursor else b""
    rows: list[Line] = []
    for _, record in view.state.records(LINE_TABLE, prefix, after + b"\0" if after else b""):
        rows.append(record)
        if len(rows) == limit:
            return Slice(rows, record.member)
    return Slice(rows)


LINES: Table[Line] = Table(
    "lines",
    msg("Credit lines, by member"),
    (
        Column("member", msg("Member"), Format.PARTY, lambda r: r.member),
        Column("guarantor", msg("Guarantor"), Format.PARTY, lambda r: r.guarantor),
        Column("country", msg("Country"), Format.COUNTRY, lambda r: r.country),
        Column("limit", msg("Limit"), Format.AMOUNT, lambda r: Money(r.limit, "SCU")),
        Column("cover", msg("Covered by the guarantor"), Format.AMOUNT,
               lambda r: Money(r.cover, "SCU")),
        Column("negative_since", msg("Below zero since"), Format.INSTANT,
               lambda r: r.negative_since or None),
        Column("call_at", msg("Called at"), Format.INSTANT, lambda r: r.call_at or None),
        Column("state", msg("State"), Format.STATE, lambda r: r.state.value),
        Column("due", msg("Time limit"), Format.INSTANT, lambda r: r.due or None),
    ),
    read=_credit_lines,
    empty=msg("No state has given a member a credit line."),
)  # fmt: skip


def _one(machine: Machine[Any], table: Table[Entry], intro: str, *more: Table[Any]) -> Render:
    def page(view: View) -> dict[str, Any]:
        return {
            "intro": view.text(intro),
            "filters": filters(view, machine),
            "shown": view.show(table),
            "tables": [view.show(other) for other in more],
        }

    return page


def lines(view: View) -> dict[str, Any]:
    """Credit lines."""
    intro = msg("How far below zero a member may go, under its state's guarantee.")
    return {"intro": view.text(intro), "tables": [view.show(LINES)]}


PAGES = (
    Page(
        "/requests",
        msg("Requests and debts"),
        render=_one(
            REQUEST,
            REQUESTS,
            msg("An accepted request is a debt in the books of both sides until it is paid."),
        ),
        template="objects.html",
        group=Group.MONEY,
        tables=(REQUESTS,),
        live=True,
    ),
    Page(
        "/escrows",
        msg("Escrows"),
        render=_one(
            ESCROW,
            ESCROWS,
            msg("The payer's money, held until whoever signs the condition says that it is met."),
        ),
        template="objects.html",
        group=Group.MONEY,
        tables=(ESCROWS,),
        live=True,
    ),
    Page(
        "/credit-lines",
        msg("Credit lines"),
        render=lines,
        template="list.html",
        group=Group.MONEY,
        tables=(LINES,),
        live=True,
    ),
    Page(
        "/queue",
        msg("Payments that wait"),
        render=_one(
            QUEUED,
            WAITING,
            msg("What waits for money is paid singly, or together where each waits for another."),
            MANDATES,
            ORDERS,
        ),
        template="objects.html",
        group=Group.MONEY,
        tables=(WAITING, MANDATES, ORDERS),
        live=True,
    ),
    Page(
        "/issues",
        msg("Issues and redemptions"),
        render=_one(
            ISSUE,
            ISSUES,
            msg("Each state's issuer brings currency into circulation under its reserve."),
            REDEMPTIONS,
            REVERSALS,
        ),
        template="objects.html",
        group=Group.MONEY,
        tables=(ISSUES, REDEMPTIONS, REVERSALS),
        live=True,
    ),
)
