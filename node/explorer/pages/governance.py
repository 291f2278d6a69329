"""Governance: proposals and votes, the parameters in force and how they changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, Final, NamedTuple

from markupsafe import Markup

from contracts.framework.ballot import BALLOT, BALLOT_TABLE, Ballot, VoteCast
from contracts.framework.fields import Field, fields_of
from contracts.framework.forms import from_named, to_named
from contracts.framework.operation import read_trusted_operation
from contracts.framework.parameters import all_parameters, parameters_of, parameters_table_of
from contracts.framework.pause import Pause
from contracts.framework.render import words
from contracts.governance.events import ParameterChanged
from contracts.governance.records import PROPOSAL, PROPOSAL_TABLE, Proposal
from contracts.governance.views import paused
from ledger.codec import Struct
from node.api.words import parse_id
from node.explorer.detail import ANNEXES, HISTORY, LINKS, capital, detail
from node.explorer.facts import Line, bare_html, field_html
from node.explorer.language import msg
from node.explorer.life import places_naming
from node.explorer.listing import Entry, filters, listing, party, plain
from node.explorer.proofs import of_block, of_record
from node.explorer.site import Group, Page
from node.explorer.table import Column, Format, Table, entire_of
from node.explorer.view import View

MOST_PROPOSALS: Final = 500
"""Proposals that the history of parameters looks at, newest first."""


def change_words(view: View, proposal: Proposal) -> str:
    """What a proposal would change, in words."""
    return words(read_trusted_operation(proposal.operation), view.language, view.name)


def _votes(entry: Entry) -> str:
    ballot = entry.view.state.get(BALLOT_TABLE, entry.record.ballot)
    if ballot is None:
        return ""
    return f"{len(ballot.yes)} / {len(ballot.no)} / {len(ballot.pending)}"


PROPOSALS = listing(
    PROPOSAL,
    "proposals",
    msg("Proposals, newest first"),
    (
        Column(
            "change",
            msg("What would change"),
            Format.WORDS,
            lambda e: change_words(e.view, e.record),
        ),
        party("proposer", msg("Proposed by")),
        Column("votes", msg("Yes / no / open"), Format.TEXT, _votes),
        plain("height", msg("Enacted at height"), Format.COUNT),
    ),
)
BALLOTS = listing(
    BALLOT,
    "ballots",
    msg("All ballots, newest first"),
    (
        plain("kind", msg("Kind"), Format.LABEL),
        party("subject", msg("About")),
        Column("yes", msg("Yes"), Format.COUNT, lambda e: len(e.record.yes)),
        Column("no", msg("No"), Format.COUNT, lambda e: len(e.record.no)),
        Column("pending", msg("Open"), Format.COUNT, lambda e: len(e.record.pending)),
    ),
    filtered=False,
)

PAUSES: Table[Pause] = Table(
    "pauses",
    msg("Operations that are paused now"),
    (
        Column("policy", msg("Class of operations"), Format.LABEL, lambda p: p.policy),
        Column("until", msg("Until"), Format.INSTANT, lambda p: p.until),
    ),
    read=entire_of(lambda view: paused(view.state)),
    empty=msg("Nothing is paused."),
)


def proposals(view: View) -> dict[str, Any]:
    """Proposals, ballots and pauses."""
    return {
        "intro": view.text(
            msg(
                "The guarantors change the ledger's own rules together; each kind of proposal has "
                "its quorum, and what has passed takes effect at a stated height."
            )
        ),
        "filters": filters(view, PROPOSAL),
        "shown": view.show(PROPOSALS),
        "tables": [view.show(table) for table in (PAUSES, BALLOTS)],
    }


class _Vote(NamedTuple):
    voter: str
    choice: str
    height: int | None
    reason: str


def _votes_of(view: View, ballot: Ballot) -> Iterator[_Vote]:
    cast = {
        event.voter: (height, event)
        for height, event in places_naming(view, ballot.id)
        if isinstance(event, VoteCast)
    }
    for voter in (*ballot.voters, *ballot.excluded):
        found = cast.get(voter)
        if found is not None:
            height, event = found
            yield _Vote(voter, event.choice.value, height, event.reason)
        else:
            yield _Vote(voter, "excluded" if voter in ballot.excluded else "not voted", None, "")


def _ballot_of(view: View) -> Ballot | None:
    identity = parse_id(view.parameters["id"])
    proposal = view.state.get(PROPOSAL_TABLE, identity)
    return view.state.get(BALLOT_TABLE, identity if proposal is None else proposal.ballot)


def _requested_votes(view: View) -> Iterator[_Vote]:
    ballot = _ballot_of(view)
    if ballot is not None:
        yield from _votes_of(view, ballot)


VOTES: Table[_Vote] = Table(
    "votes",
    msg("Votes"),
    (
        Column("voter", msg("Voter"), Format.PARTY, lambda v: v.voter),
        Column("choice", msg("Vote"), Format.LABEL, lambda v: v.choice),
        Column(
            "height", msg("In block"), Format.COUNT, lambda v: v.height, lambda v: _block(v.height)
        ),
        Column("reason", msg("Reason"), Format.TEXT, lambda v: v.reason),
    ),
    read=entire_of(_requested_votes),
)


def _block(height: int | None) -> str | None:
    return None if height is None else f"/blocks/{height}"


def proposal(view: View) -> dict[str, Any]:
    """One proposal."""
    identity = parse_id(view.parameters["id"])
    found = view.state.get(PROPOSAL_TABLE, identity)
    if found is None:
        raise view.missing(f"proposal {identity.hex()[:16]}…")
    given = detail(view, PROPOSAL, found, title=view.text(msg("Proposal")))
    return given | {
        "sentence": change_words(view, found),
        "ballot": _ballot_of(view),
        "lines": [line for line in given["lines"] if line.name != "operation"],
        "tables": [view.show(VOTES)],
        "proofs": (
            *given["proofs"],
            of_record(view, view.text(msg("The ballot")), BALLOT_TABLE, found.ballot),
        ),
    }


def _objects_alone(view: View, line: Line) -> Line:
    """The terms of a ballot are its rule's own values; of these people follow the objects."""
    if line.name != "terms":
        return line
    objects = tuple(value for value in line.value if isinstance(value, bytes))
    return replace(line, html=bare_html(view, objects))


def ballot(view: View) -> dict[str, Any]:
    """One ballot."""
    found = _ballot_of(view)
    if found is None:
        raise view.missing(f"ballot {view.parameters['id'][:16]}…")
    given = detail(view, BALLOT, found, title=capital(view.label(found.kind)))
    return given | {
        "lines": [_objects_alone(view, line) for line in given["lines"]],
        "sentence": found.reason,
        "ballot": found,
        "tables": [view.show(VOTES)],
    }


class _Parameter(NamedTuple):
    capability: str
    field: Field
    value: Any
    default: Any


def _parameters(view: View) -> Iterator[_Parameter]:
    for capability, kind in all_parameters().items():
        now, first = parameters_of(view.state, kind), kind()
        for field in fields_of(kind):
            yield _Parameter(
                capability, field, getattr(now, field.name), getattr(first, field.name)
            )


def _json(value: Any) -> str:
    return json.dumps(to_named(value) if isinstance(value, Struct) else value)


PARAMETERS: Table[_Parameter] = Table(
    "parameters",
    msg("Parameters in force"),
    (
        Column("name", msg("Parameter"), Format.TEXT, lambda p: f"{p.capability}.{p.field.name}"),
        Column(
            "value",
            msg("Value in force"),
            Format.TEXT,
            lambda p: _json(p.value),
            told=lambda view, p: field_html(view, p.field, p.value),
        ),
        Column(
            "default",
            msg("Standard value"),
            Format.TEXT,
            lambda p: _json(p.default),
            told=lambda view, p: field_html(view, p.field, p.default),
        ),
        Column(
            "meaning",
            msg("Meaning"),
            Format.WORDS,
            lambda p: p.field.meaning,
            told=lambda view, p: view.meaning(p.field.meaning),
        ),
    ),
    read=entire_of(_parameters),
    size=500,
)


class _Change(NamedTuple):
    view: View
    height: int
    event: ParameterChanged


def _revised(view: View, event: ParameterChanged, text: str) -> Markup:
    """A parameter's value, told as JSON, as people read it."""
    kind = all_parameters()[event.capability]
    field = next(f for f in fields_of(kind) if f.name == event.name)
    read = from_named(kind, {event.name: json.loads(text)})
    return field_html(view, field, getattr(read, event.name))


def _changes(view: View) -> Iterator[_Change]:
    found, _ = view.index.objects(PROPOSAL.name, b"", MOST_PROPOSALS)
    for listed in found:
        for height, event in islice(places_naming(view, listed.id), 200):
            if isinstance(event, ParameterChanged) and event.proposal == listed.id:
                yield _Change(view, height, event)


CHANGES: Table[_Change] = Table(
    "changes",
    msg("How parameters changed, newest first"),
    (
        Column(
            "height", msg("At height"), Format.COUNT, lambda c: c.height, lambda c: _block(c.height)
        ),
        Column(
            "name",
            msg("Parameter"),
            Format.TEXT,
            lambda c: f"{c.event.capability}.{c.event.name}",
        ),
        Column(
            "before",
            msg("Before"),
            Format.TEXT,
            lambda c: c.event.before,
            told=lambda view, c: _revised(view, c.event, c.event.before),
        ),
        Column(
            "after",
            msg("After"),
            Format.TEXT,
            lambda c: c.event.after,
            told=lambda view, c: _revised(view, c.event, c.event.after),
        ),
        Column(
            "proposal",
            msg("Proposal"),
            Format.ID,
            lambda c: c.event.proposal,
            lambda c: c.view.object_path(c.event.proposal),
        ),
    ),
    read=entire_of(_changes),
    empty=msg("No parameter has been changed since genesis."),
)


def parameters(view: View) -> dict[str, Any]:
    """Every limit and window, now and over time."""
    return {
        "intro": view.text(
            msg(
                "Every limit and window that governance may change: its value now, and each change."
            )
        ),
        "tables": [view.show(table) for table in (CHANGES, PARAMETERS)],
        "proofs": (
            of_block(view),
            *(
                of_record(view, capability, parameters_table_of(kind))
                for capability, kind in all_parameters().items()
            ),
        ),
    }


PAGES = (
    Page(
        "/proposals",
        msg("Proposals and votes"),
        render=proposals,
        template="objects.html",
        group=Group.RULE,
        tables=(PROPOSALS, PAUSES, BALLOTS),
        live=True,
    ),
    Page(
        "/proposals/{id}",
        msg("Proposal"),
        render=proposal,
        template="proposal.html",
        parent="/proposals",
        tables=(VOTES, LINKS, ANNEXES, HISTORY),
        live=True,
        shows=PROPOSAL.name,
    ),
    Page(
        "/ballots/{id}",
        msg("Ballot"),
        render=ballot,
        template="proposal.html",
        parent="/proposals",
        tables=(VOTES, LINKS, ANNEXES, HISTORY),
        live=True,
        shows=BALLOT.name,
    ),
    Page(
        "/parameters",
        msg("Parameters"),
        render=parameters,
        template="list.html",
        group=Group.RULE,
        tables=(CHANGES, PARAMETERS),
    ),
)
