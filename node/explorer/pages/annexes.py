"""Confidential annexes: what is on record of them, and what a logged-in recipient is handed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from contracts.annex.events import AnnexGranted, AnnexSealed
from contracts.annex.records import ANNEX, GRANT, Annex, Grant
from contracts.annex.views import trace
from node.api.words import parse_id
from node.explorer.detail import ANNEX_COLUMNS, HISTORY
from node.explorer.language import msg
from node.explorer.life import places_naming
from node.explorer.proofs import Proof, of_record
from node.explorer.sessions import BROWSER_COOKIE, SESSION_COOKIE, SESSION_S
from node.explorer.site import Group, Page
from node.explorer.table import Column, Format, Slice, Table, cut, entire_of, key_of
from node.explorer.view import View


def _all(view: View, cursor: str, limit: int) -> Slice:
    after = ANNEX.key(key_of(cursor)) + b"\0" if cursor else b""
    rows: list[Annex] = []
    for _, record in view.state.records(ANNEX, ANNEX.key(), after):
        rows.append(record)
        if len(rows) == limit:
            return Slice(rows, record.commitment.hex())
    return Slice(rows)


ANNEXES: Table[Annex] = Table(
    "annexes",
    msg("All annexes, by commitment"),
    ANNEX_COLUMNS,
    read=_all,
    empty=msg("No confidential annex is on record."),
)


def _readable(view: View) -> Iterator[Annex]:
    """Annexes whose key the logged-in party was given, newest first, as its history tells."""
    if view.session is None:
        return
    party = view.session.party
    seen: set[bytes] = set()
    for _, event in places_naming(view, party.encode()):
        if isinstance(event, AnnexGranted | AnnexSealed) and event.annex not in seen:
            seen.add(event.annex)
            record = view.state.get(ANNEX, event.annex)
            if record is not None and grants_to(view, event.annex, party):
                yield record


READABLE: Table[Annex] = Table(
    "readable",
    msg("Annexes that you can read"),
    ANNEX_COLUMNS,
    read=lambda view, cursor, limit: cut(list(_readable(view)), cursor, limit),
    empty=msg("Nobody has given you the key of an annex."),
)


def grants_to(view: View, annex: bytes, party: str) -> list[Grant]:
    """The sealed keys of an annex that a party was given."""
    return [grant for _, grant in view.state.scan(GRANT, annex, party)]


def annexes(view: View) -> dict[str, Any]:
    """The list of annexes; a logged-in party sees first what it can read."""
    tables = (READABLE, ANNEXES) if view.session is not None else (ANNEXES,)
    return {
        "intro": view.text(
            msg(
                "Everybody sees that an annex exists, its title, size and readers. Its content is "
                "encrypted, travels outside of the ledger, and opens on its readers' own machines."
            )
        ),
        "tables": [view.show(table) for table in tables],
    }


def _requested(view: View) -> Annex:
    identity = parse_id(view.parameters["id"])
    found = view.state.get(ANNEX, identity)
    if found is None:
        raise view.missing(f"annex {identity.hex()[:16]}…")
    return found


TRACE: Table[Grant] = Table(
    "trace",
    msg("Who was given its key, by whom and why"),
    (
        Column("recipient", msg("Reader"), Format.PARTY, lambda g: g.recipient),
        Column("capacity", msg("As"), Format.LABEL, lambda g: g.capacity.value),
        Column("by", msg("Given by"), Format.PARTY, lambda g: g.by),
        Column("reason", msg("Reason"), Format.TEXT, lambda g: g.reason),
        Column("time", msg("Time"), Format.INSTANT, lambda g: g.time),
        Column("key", msg("Sealed to key"), Format.ID, lambda g: g.key),
    ),
    read=entire_of(lambda view: trace(view.state, _requested(view).commitment)),
)


def annex(view: View) -> dict[str, Any]:
    """One annex."""
    found = _requested(view)
    session = view.session
    mine = [] if session is None else grants_to(view, found.commitment, session.party)
    proofs: list[Proof] = [
        of_record(view, view.text(msg("The commitment and its record")), ANNEX, found.commitment),
        *(
            of_record(
                view,
                view.text(msg("The key that was sealed for you")),
                GRANT,
                found.commitment,
                grant.recipient,
                grant.key,
            )
            for grant in mine
        ),
    ]
    return {
        "title": found.title,
        "annex": found,
        "mine": mine,
        "tables": [view.show(table) for table in (TRACE, HISTORY)],
        "proofs": proofs,
    }


def login(view: View) -> dict[str, Any]:
    """Logging in and out; what a browser is told to keep is in ``view.keep``."""
    if "out" in view.query:
        view.sessions.end(view.cookies.get(SESSION_COOKIE, ""))
        view.keep[SESSION_COOKIE] = ("", 0)
        view.session = None
    browser = view.cookies.get(BROWSER_COOKIE, "")
    begun = view.sessions.begin(browser)
    if begun is not None:
        view.keep[SESSION_COOKIE] = (begun, SESSION_S)
        view.keep[BROWSER_COOKIE] = ("", 0)
        view.session = view.sessions.who(begun, view.state, view.head.time)
    code = ""
    if view.session is None:
        browser, code = view.sessions.ask(browser)
        view.keep[BROWSER_COOKIE] = (browser, SESSION_S)
    return {"code": code, "minutes": SESSION_S // 60, "proofs": ()}


PAGES = (
    Page(
        "/annexes",
        msg("Annexes"),
        render=annexes,
        template="list.html",
        group=Group.TRADE,
        tables=(READABLE, ANNEXES),
        live=True,
    ),
    Page(
        "/annexes/{id}",
        msg("Confidential annex"),
        render=annex,
        template="annex.html",
        parent="/annexes",
        tables=(TRACE, HISTORY),
    ),
    Page("/login", msg("Log in"), render=login, template="login.html", private=True),
)
