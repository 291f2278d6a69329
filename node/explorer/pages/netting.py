"""Netting cycles: who owed whom before and after, what each member gave and got."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from contracts.accounts import PAY
from contracts.framework.posting import kind_of, owner_of
from contracts.netting.events import CycleEnded, MemberNetted, ProposalEnded
from contracts.netting.records import (
    CURRENT,
    CYCLE,
    CYCLE_TABLE,
    FLOW_PAGE,
    MANDATE,
    Cycle,
    CycleState,
    Mandate,
)
from contracts.netting.views import snapshot_of
from ledger.errors import CodedError
from ledger.receipt import read_receipt
from node.api.words import parse_id
from node.explorer.detail import ANNEXES, HISTORY, LINKS, detail
from node.explorer.language import msg
from node.explorer.life import events_naming, places_naming
from node.explorer.listing import filters, listing, money, party, plain
from node.explorer.pictures import netting as picture
from node.explorer.pictures.netting import Arc
from node.explorer.site import Group, Page
from node.explorer.table import Column, Format, Money, Slice, Table, cut, entire_of
from node.explorer.view import View

MOST_ARCS: Final = 10_000
MOST_BLOCKS: Final = 400
"""A cycle is applied in steps, one a block; so many blocks before its end are read."""

CYCLES = listing(
    CYCLE,
    "cycles",
    msg("Netting cycles, newest first"),
    (
        plain("frozen_at", msg("Frozen"), Format.INSTANT),
        plain("members", msg("Members"), Format.COUNT),
        plain("debts", msg("Debts"), Format.COUNT),
        money("total", msg("Owed in it")),
        money("cleared", msg("Cleared")),
        Column(
            "share",
            msg("Share cleared"),
            Format.PERCENT,
            lambda e: 10_000 * e.record.cleared // e.record.total if e.record.total else None,
        ),
        plain("liquidity", msg("With members' money"), Format.FLAG, seen=False),
        party("operator", msg("Opened by")),
    ),
)


def _mandates(view: View, cursor: str, limit: int) -> Slice:
    after = MANDATE.key(cursor) + b"\0" if cursor else b""
    rows: list[Mandate] = []
    for _, record in view.state.records(MANDATE, MANDATE.key(), after):
        rows.append(record)
        if len(rows) == limit:
            return Slice(rows, record.member)
    return Slice(rows)


MANDATES: Table[Mandate] = Table(
    "mandates",
    msg("Members that agreed to netting"),
    (
        Column("member", msg("Member"), Format.PARTY, lambda m: m.member),
        Column("since", msg("Since"), Format.INSTANT, lambda m: m.since),
        Column(
            "liquidity",
            msg("Own money that may be used"),
            Format.AMOUNT,
            lambda m: Money(m.liquidity, "SCU"),
        ),
    ),
    read=_mandates,
    empty=msg("No member has agreed to netting."),
)


def cycles(view: View) -> dict[str, Any]:
    """The list of cycles, and who takes part."""
    return {
        "intro": view.text(
            msg(
                "What members owe each other in circles is cleared all at once; a solver finds the "
                "most that can be cleared, and the ledger verifies its proof before it books."
            )
        ),
        "filters": filters(view, CYCLE),
        "shown": view.show(CYCLES),
        "tables": [view.show(MANDATES)],
    }


def _requested(view: View) -> Cycle:
    identity = parse_id(view.parameters["id"])
    found = view.state.get(CYCLE_TABLE, identity)
    if found is None:
        raise view.missing(f"netting cycle {identity.hex()[:16]}…")
    return found


def arcs_of(view: View, cycle: Cycle) -> list[Arc]:
    """Who owed whom, largest first: as the books say once it is applied, before that as frozen.

    None of a cycle with more than :data:`MOST_ARCS`: its members' figures tell it.
    """
    if cycle.arcs > MOST_ARCS:
        return []
    known: list[Arc] | None = view.memo.get(("arcs", cycle.id))
    if known is not None:
        return known
    found = _applied(view, cycle) if cycle.state is CycleState.APPLIED else _frozen(view, cycle)
    arcs = sorted(found, key=lambda arc: (-arc.cleared, -arc.before, arc.debtor, arc.creditor))
    view.memo["arcs", cycle.id] = arcs
    return arcs


def _applied(view: View, cycle: Cycle) -> Iterator[Arc]:
    """What the books say: each pair's payable before its first and after its last posting."""
    began, ended = _span(view, cycle.id)
    sums: dict[str, tuple[int, int]] = {}
    for height in range(began, ended + 1):
        header = view.reader.header(height)
        if header is None:
            continue
        for index in range(header.receipts - header.transactions):
            row = view.reader.row(height, index)
            for posting in read_receipt(row.receipt).postings if row is not None else ():
                if kind_of(posting.account) is PAY:
                    before, _ = sums.get(posting.account, (posting.balance - posting.amount, 0))
                    sums[posting.account] = (before, posting.balance)
    for account, (before, after) in sums.items():
        if after < before:
            yield Arc(owner_of(account), account.rpartition("/")[2], before, after)


def _span(view: View, id: bytes) -> tuple[int, int]:
    """The blocks in which a cycle was applied: after its proposal was verified, to its end."""
    ended = next((h for h, event in places_naming(view, id) if isinstance(event, CycleEnded)), 0)
    verified = next(
        (h for h, e in places_naming(view, id) if isinstance(e, ProposalEnded) and e.verified),
        ended,
    )
    return max(verified, ended - MOST_BLOCKS), ended


def _frozen(view: View, cycle: Cycle) -> Iterator[Arc]:
    current = view.state.get(CURRENT)
    if current is None or current.cycle != cycle.id or not cycle.pages:
        return
    try:
        snapshot = snapshot_of(view.state, cycle)
    except CodedError:
        return  # its pages are not complete, or cleared away already
    members = [lei for page in snapshot.members for lei in page]
    for number, page in enumerate(snapshot.arcs):
        proposed = view.state.get(FLOW_PAGE, cycle.id, number)
        flows = proposed.flows if proposed and proposed.proposal == cycle.proposal else ()
        for at, amount in enumerate(page.amounts):
            flow = flows[at] if at < len(flows) else 0
            debtor, creditor = members[page.debtors[at]], members[page.creditors[at]]
            yield Arc(debtor, creditor, amount, amount - flow)


def _amount(name: str, label: str) -> Column[Arc]:
    return Column(name, label, Format.AMOUNT, lambda a: Money(getattr(a, name), "SCU"))


ARCS: Table[Arc] = Table(
    "arcs",
    msg("Who owed whom, before and after"),
    (
        Column("debtor", msg("Debtor"), Format.PARTY, lambda a: a.debtor),
        Column("creditor", msg("Creditor"), Format.PARTY, lambda a: a.creditor),
        _amount("before", msg("Before")),
        _amount("cleared", msg("Cleared")),
        _amount("after", msg("After")),
    ),
    read=lambda view, cursor, limit: cut(arcs_of(view, _requested(view)), cursor, limit),
    empty=msg(
        "Nothing of it is frozen yet, nothing was cleared, or it is too large to list: then what "
        "each member gave and got stands below."
    ),
)


def _netted(name: str, label: str) -> Column[MemberNetted]:
    return Column(name, label, Format.AMOUNT, lambda m: Money(getattr(m, name), "SCU"))


NETTED: Table[MemberNetted] = Table(
    "netted",
    msg("What each member gave and got"),
    (
        Column("member", msg("Member"), Format.PARTY, lambda m: m.member),
        _netted("owed_cleared", msg("Debts cleared")),
        _netted("claims_cleared", msg("Claims cleared")),
        _netted("paid", msg("Paid in money")),
        _netted("received", msg("Received in money")),
    ),
    read=entire_of(lambda view: events_naming(view, parse_id(view.parameters["id"]), MemberNetted)),
    empty=msg("The cycle has not been applied."),
)


_RUNNING_WORK: Final = frozenset(
    {"after", "arcs", "member_pages", "pages", "phase", "position", "potential"}
)
"""Where bounded steps go on: nothing to a reader, and provable with the record all the same."""


def cycle(view: View) -> dict[str, Any]:
    """One cycle."""
    found = _requested(view)
    arcs = arcs_of(view, found)
    parts = (
        (msg("cleared"), "delivered", found.cleared),
        (msg("still owed"), "open", found.total - found.cleared),
    )
    given = detail(view, CYCLE, found, title=view.text(msg("Netting cycle")))
    return given | {
        "lines": [line for line in given["lines"] if line.name not in _RUNNING_WORK],
        "graphs": [picture.graph(view, arcs, after=after) for after in (False, True)]
        if arcs
        else [],
        "shares": [(view.text(label), kind, amount) for label, kind, amount in parts if amount],
        "whole": found.total,
        "tables": [view.show(table) for table in (ARCS, NETTED)],
    }


PAGES = (
    Page(
        "/netting",
        msg("Netting"),
        render=cycles,
        template="objects.html",
        group=Group.MONEY,
        tables=(CYCLES, MANDATES),
        live=True,
    ),
    Page(
        "/netting/{id}",
        msg("Netting cycle"),
        render=cycle,
        template="cycle.html",
        parent="/netting",
        tables=(ARCS, NETTED, LINKS, ANNEXES, HISTORY),
        live=True,
        shows=CYCLE.name,
    ),
)
