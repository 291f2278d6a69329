"""Transactions: what members asked, in words, and what the ledger answered."""

from __future__ import annotations

from typing import Any

from contracts.framework.operation import declarations
from contracts.framework.statement import statement
from ledger.receipt import NO_PLACE, Posting
from node.api.words import parse_id
from node.explorer.language import msg
from node.explorer.proofs import of_receipt
from node.explorer.site import Group, Page
from node.explorer.table import (
    Column,
    Format,
    Money,
    Slice,
    Table,
    number_of,
    place_of,
)
from node.explorer.told import (
    Told,
    asked,
    events_of,
    operation_title,
    signers_of,
    told_at,
    told_slice,
)
from node.explorer.view import View

TOLD_COLUMNS: tuple[Column[Told], ...] = (
    Column("id", msg("Id"), Format.ID, lambda t: t.receipt.subject, lambda t: t.path),
    Column("time", msg("Time"), Format.INSTANT, lambda t: t.header.time),
    Column(
        "height",
        msg("Height"),
        Format.COUNT,
        lambda t: t.header.height,
        lambda t: f"/blocks/{t.header.height}",
    ),
    Column("author", msg("Author"), Format.PARTY, lambda t: t.author),
    Column("words", msg("What was stated"), Format.WORDS, lambda t: t.sentence),
    Column("reference", msg("Reference"), Format.TEXT, lambda t: t.reference),
    Column("outcome", msg("Outcome"), Format.OUTCOME, lambda t: t.outcome),
)
"""How receipts are listed on every page."""


def _all(view: View, cursor: str, limit: int) -> Slice:
    chosen = view.query.get("operation", "")
    if chosen:
        return told_slice(view, view.index.with_operation(chosen, place_of(cursor), limit), limit)
    last = number_of(cursor) if cursor else view.index.transactions
    numbers = range(last - 1, max(last - limit, 0) - 1, -1)
    found = (view.index.transaction(number) for number in numbers)
    places = [place for place in found if place is not None]
    rows = [told_at(view, place) for place in places if place[0] >= view.base]
    more = str(last - limit) if last > limit and len(rows) == len(places) else ""
    return Slice(rows, more, torn=view.base > 0 and not more)


TRANSACTIONS: Table[Told] = Table(
    "transactions", msg("Transactions, newest first"), TOLD_COLUMNS, read=_all
)


def transactions(view: View) -> dict[str, Any]:
    """The list of transactions, all or those with one operation."""
    counts = view.index.tallies("operation")
    known = declarations()
    choices = sorted(
        (operation_title(known[name], view.language), name, count)
        for name, count in counts.items()
        if name in known
    )
    return {
        "shown": view.show(TRANSACTIONS),
        "choices": choices,
        "chosen": view.query.get("operation", ""),
        "total": view.index.transactions,
        "refusals": sorted(view.index.tallies("refusal").items(), key=lambda r: (-r[1], r[0])),
    }


class _Side:
    """A posting of the receipt that is shown."""

    def __init__(self, posting: Posting) -> None:
        self.posting = posting
        self.amount = Money(posting.amount, posting.unit)
        self.balance = Money(posting.balance, posting.unit)


def _sides(view: View, cursor: str, limit: int) -> Slice:
    postings = _requested(view).receipt.postings
    first = number_of(cursor)
    rows = [_Side(posting) for posting in postings[first : first + limit]]
    return Slice(rows, str(first + limit) if first + limit < len(postings) else "")


POSTINGS: Table[_Side] = Table(
    "postings",
    msg("Postings: what moved"),
    columns=(
        Column("account", msg("Account"), Format.ACCOUNT, lambda s: s.posting.account),
        Column("amount", msg("Amount"), Format.AMOUNT, lambda s: s.amount),
        Column("balance", msg("Balance after it"), Format.AMOUNT, lambda s: s.balance),
        Column("sequence", msg("Posting"), Format.COUNT, lambda s: s.posting.sequence),
        Column(
            "previous_height",
            msg("Posting before it"),
            Format.COUNT,
            lambda s: None if s.posting.previous == NO_PLACE else s.posting.previous[0],
            lambda s: f"/blocks/{s.posting.previous[0]}/{s.posting.previous[1]}",
        ),
    ),
    read=_sides,
    size=100,
    empty=msg("No money and no goods moved."),
)


def _requested(view: View) -> Told:
    """The receipt that the address names: by id, or by block and number."""
    if "id" not in view.parameters:
        return told_at(view, (view.parameters["height"], view.parameters["index"]))
    identity = parse_id(view.parameters["id"])
    place = view.reader.find_transaction(identity)
    if place is None:
        raise view.missing(f"transaction {identity.hex()[:16]}…")
    return told_at(view, place)


def transaction(view: View) -> dict[str, Any]:
    """One transaction, or a transaction that this node knows and no block records yet."""
    if "id" in view.parameters:
        identity = parse_id(view.parameters["id"])
        if view.reader.find_transaction(identity) is None:
            known = view.node.status(identity)
            if known.status in ("pending", "refused"):
                return {"told": None, "known": known, "id": identity, "proofs": ()}
    told = _requested(view)
    candidate = told.candidate
    return {
        "title": view.text(msg("Transaction")) if candidate else view.text(msg("Time limit")),
        "told": told,
        "operations": [asked(view, op) for op in candidate.operations] if candidate else [],
        "statement": statement(candidate.transaction, view.language) if candidate else None,
        "signers": signers_of(view, candidate) if candidate else [],
        "events": events_of(view, told.receipt),
        "postings": view.show(POSTINGS),
        "proofs": (of_receipt(view, told.header.height, told.index, told.receipt.subject),),
    }


PAGES = (
    Page(
        "/transactions",
        msg("Transactions"),
        render=transactions,
        template="transactions.html",
        group=Group.LEDGER,
        tables=(TRANSACTIONS,),
        live=True,
    ),
    Page(
        "/transactions/{id}",
        msg("Transaction"),
        render=transaction,
        template="transaction.html",
        parent="/transactions",
        tables=(POSTINGS,),
    ),
    Page(
        "/blocks/{height:int}/{index:int}",
        msg("Transaction"),
        render=transaction,
        template="transaction.html",
        parent="/blocks",
        tables=(POSTINGS,),
    ),
)
