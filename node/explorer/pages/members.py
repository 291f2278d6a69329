"""Members: who they are, what they may do, what they have, and their keys over time."""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple

from contracts.currency.views import AccountHead, accounts, funds
from contracts.framework.party import (
    KEYRING,
    PARTY,
    RIGHTS,
    Office,
    Party,
    PartyKind,
    Role,
    Standing,
)
from contracts.register.conduct_records import Programme
from contracts.register.conduct_views import programmes_of
from contracts.register.views import KeyReport, Task, keys_of, offices, open_objects
from node.api.describe import machines
from node.explorer.cells import country_text
from node.explorer.language import msg
from node.explorer.pages.transactions import TOLD_COLUMNS
from node.explorer.proofs import of_record
from node.explorer.site import Group, Page
from node.explorer.table import (
    Column,
    Format,
    Money,
    Slice,
    Table,
    cut,
    key_of,
    place_of,
)
from node.explorer.told import Happened, Told, events_of, history_slice, told_slice
from node.explorer.view import View


class Member(NamedTuple):
    """A party in the list."""

    party: Party
    offices: str
    available: int


def office_text(view: View, held: tuple[Office, ...]) -> str:
    """Offices in words: ``issuer KZ, registrar``."""
    return ", ".join(f"{view.label(o.role.value)} {o.scope}".strip() for o in held)


def _listed(view: View, cursor: str, limit: int) -> Slice:
    chosen = view.query.get("list", "")
    leis, more = view.index.parties(chosen, key_of(cursor), limit)
    found = []
    for lei in leis:
        party = view.party(lei)
        if party is not None:
            held = office_text(view, party.offices)
            found.append(Member(party, held, funds(view.state, lei).available))
    return Slice(found, more.hex())


MEMBERS: Table[Member] = Table(
    "members",
    msg("Members by name"),
    columns=(
        Column(
            "name",
            msg("Name"),
            Format.TEXT,
            lambda m: m.party.profile.name,
            lambda m: f"/members/{m.party.lei}",
        ),
        Column("lei", msg("LEI"), Format.TEXT, lambda m: m.party.lei),
        Column("standing", msg("Standing"), Format.STATE, lambda m: m.party.state.value),
        Column("kind", msg("Kind"), Format.LABEL, lambda m: m.party.profile.kind.value),
        Column("home", msg("Home state"), Format.COUNTRY, lambda m: m.party.profile.home),
        Column("offices", msg("Offices"), Format.TEXT, lambda m: m.offices),
        Column("available", msg("Available"), Format.AMOUNT, lambda m: Money(m.available, "SCU")),
    ),
    read=_listed,
)


def members(view: View) -> dict[str, Any]:
    """The register: all parties, or those of a state, a standing, a kind or an office."""
    homes = sorted({holder.scope for holder in offices(view.state) if holder.scope})
    groups = [
        (msg("Home state"), [(f"home:{home}", country_text(view, home)) for home in homes]),
        (msg("Standing"), [(f"standing:{s.value}", view.label(s.value)) for s in Standing]),
        (msg("Kind"), [(f"kind:{k.value}", view.label(k.value)) for k in PartyKind]),
        (msg("Office"), [(f"role:{r.value}", view.label(r.value)) for r in Role]),
    ]
    return {
        "groups": groups,
        "chosen": view.query.get("list", ""),
        "shown": view.show(MEMBERS),
    }


def _party(view: View) -> Party:
    lei: str = view.parameters["lei"]
    party = view.party(lei)
    if party is None:
        raise view.missing(f"party {lei[:40]}")
    return party


ACCOUNTS: Table[AccountHead] = Table(
    "accounts",
    msg("Accounts"),
    columns=(
        Column("account", msg("Account"), Format.ACCOUNT, lambda a: a.account),
        Column("balance", msg("Balance"), Format.AMOUNT, lambda a: Money(a.balance, a.unit)),
        Column("postings", msg("Postings"), Format.COUNT, lambda a: a.postings),
        Column(
            "meaning",
            msg("Meaning"),
            Format.WORDS,
            lambda a: a.meaning,
            told=lambda view, a: view.meaning(a.meaning),
        ),
    ),
    read=lambda view, cursor, limit: cut(
        accounts(view.state, view.parameters["lei"]), cursor, limit
    ),
)

KEYS: Table[KeyReport] = Table(
    "keys",
    msg("Keys today"),
    columns=(
        Column("name", msg("Name"), Format.TEXT, lambda k: k.key.name),
        Column("role", msg("Role"), Format.LABEL, lambda k: k.key.role),
        Column("status", msg("Status"), Format.STATE, lambda k: k.key.status.value),
        Column("valid_from", msg("Valid from"), Format.INSTANT, lambda k: k.key.valid_from),
        Column("expires", msg("Expires"), Format.INSTANT, lambda k: k.key.expires),
        Column("public_key", msg("Public key"), Format.ID, lambda k: k.key.public_key),
    ),
    read=lambda view, cursor, limit: cut(
        keys_of(view.state, view.parameters["lei"], view.head.time), cursor, limit
    ),
)


class OwnEvent(NamedTuple):
    """Something that happened to a party's keys, offices or standing."""

    told: Told
    event: Happened

    @property
    def words(self) -> str:
        """Its fields, but the party itself."""
        return ", ".join(f"{line.label} {line.text}" for line in self.event.lines[1:])


def _own(view: View, cursor: str, limit: int) -> Slice:
    lei: str = view.parameters["lei"]
    places = view.index.own_history(lei, place_of(cursor), limit)
    found = []
    within = told_slice(view, places, limit)
    for told in within.rows:
        for event in events_of(view, told.receipt):
            mine = event.lines and event.lines[0].value == lei
            if mine and event.name.startswith("register."):
                found.append(OwnEvent(told, event))
    return within._replace(rows=found)


OWN: Table[OwnEvent] = Table(
    "own",
    msg("Keys, offices and standing over time, newest first"),
    columns=(
        Column("time", msg("Time"), Format.INSTANT, lambda e: e.told.header.time),
        Column(
            "event",
            msg("What happened"),
            Format.TEXT,
            lambda e: e.event.title,
            lambda e: e.told.path,
        ),
        Column("words", msg("Details"), Format.WORDS, lambda e: e.words),
    ),
    read=_own,
    size=20,
    empty=msg("Nothing has changed since the genesis document."),
)


def _open(view: View, cursor: str, limit: int) -> Slice:
    return cut(open_objects(view.state, view.parameters["lei"]), cursor, limit)


def _task_path(task: Task) -> str | None:
    known = machines()[task.machine]
    first = task.key[0] if task.key else b""
    if known.table is PARTY or not isinstance(first, bytes) or len(first) != 32:
        return None
    return f"/objects/{first.hex()}"


OPEN: Table[Task] = Table(
    "open",
    msg("Open objects that concern it, the most urgent first"),
    columns=(
        Column("kind", msg("Kind"), Format.LABEL, lambda t: t.machine, _task_path),
        Column("state", msg("State"), Format.STATE, lambda t: t.state),
        Column("due", msg("Time limit"), Format.INSTANT, lambda t: t.due),
        Column("acts", msg("Has to act"), Format.FLAG, lambda t: t.acts),
    ),
    read=_open,
    size=20,
    empty=msg("Nothing is open."),
)

PROGRAMMES: Table[Programme] = Table(
    "programme",
    msg("Production programme by quarter"),
    columns=(
        Column(
            "quarter",
            msg("Quarter"),
            Format.TEXT,
            lambda p: f"{p.quarter.year} Q{p.quarter.number}",
        ),
        Column("state", msg("State"), Format.STATE, lambda p: p.state.value),
        Column("lines", msg("Lines"), Format.COUNT, lambda p: len(p.lines)),
        Column(
            "deviation",
            msg("Deviation"),
            Format.PERCENT,
            lambda p: p.off * 10_000 // p.planned if p.planned else None,
        ),
        Column("level", msg("Level"), Format.STATE, lambda p: p.level and p.level.value),
    ),
    read=lambda view, cursor, limit: cut(
        programmes_of(view.state, view.parameters["lei"]), cursor, limit
    ),
    empty=msg("No programme is filed."),
)


def _history(view: View, cursor: str, limit: int) -> Slice:
    return history_slice(view, view.parameters["lei"], cursor, limit)


HISTORY: Table[Told] = Table(
    "history", msg("What concerned the party, newest first"), TOLD_COLUMNS, read=_history
)


def history(view: View) -> dict[str, Any]:
    """Everything that concerned a party."""
    party = _party(view)
    return {
        "title": view.text(msg("History of %(name)s"), name=party.profile.name),
        "intro": view.text(
            msg("Movements of its money, and everything that names it: votes, keys, refusals.")
        ),
        "tables": [view.show(HISTORY)],
    }


def member(view: View) -> dict[str, Any]:
    """One party of the register."""
    party = _party(view)
    lei = party.lei
    keyring = view.state.get(KEYRING, lei)
    open_now = Counter(task.machine for task in open_objects(view.state, lei))
    return {
        "title": party.profile.name,
        "party_": party,
        "rights": sorted(right.value for right in RIGHTS[party.state]),
        "offices": office_text(view, party.offices),
        "funds": funds(view.state, lei),
        "rules": () if keyring is None else keyring.rules,
        "open_now": open_now,
        "proofs": (
            of_record(view, view.text(msg("Entry in the register")), PARTY, lei),
            of_record(view, view.text(msg("Keys and signing policy")), KEYRING, lei),
        ),
        "tables": [view.show(table) for table in (ACCOUNTS, OPEN, PROGRAMMES, KEYS, OWN)],
    }


PAGES = (
    Page(
        "/members",
        msg("Members"),
        render=members,
        template="members.html",
        group=Group.MEMBERS,
        tables=(MEMBERS,),
    ),
    Page(
        "/members/{lei}",
        msg("Member"),
        render=member,
        template="member.html",
        parent="/members",
        tables=(ACCOUNTS, OPEN, PROGRAMMES, KEYS, OWN),
        live=True,
    ),
    Page(
        "/members/{lei}/history",
        msg("History"),
        render=history,
        template="list.html",
        parent="/members",
        tables=(HISTORY,),
        live=True,
    ),
)
