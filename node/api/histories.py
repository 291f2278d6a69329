"""Histories of parties and of objects: every transaction and deadline that concerned them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from contracts.framework.posting import BALANCE, account_kinds
from ledger.block import Header
from ledger.state import State
from ledger.store.interface import ChainReader
from node.api import cursors
from node.api.blocks import MAX_SIDES, CursorParameter, Limit, page_size
from node.api.context import Api
from node.api.cursors import Mark, Place
from node.api.describe import Describer, machines
from node.api.history import Merged, Step, Track, as_far_as_held, merged
from node.api.models import HistoryPage, ObjectAnswer, RowView
from node.api.parties import Lei
from node.api.schema import answers
from node.api.words import missing, moment, parse_id, respond

HISTORY = "history"

ObjectId = Annotated[
    str, Path(min_length=64, max_length=64, description="The object's id, 64 hex digits.")
]


def tracks_of(reader: ChainReader, lei: str) -> list[Track]:
    """A party's money accounts, from their newest postings."""
    state = State(reader)
    found = []
    for kind in account_kinds().values():
        account = kind.of(lei)
        record = state.get(BALANCE, account, kind.unit.value) if kind.money else None
        if record is not None:
            step = Step(record.height, record.index, record.count)
            found.append(Track(account, kind.unit.value, step))
    return found


def resumed(place: Place) -> list[Track]:
    """The accounts of a cursor, each at its next posting."""
    return [
        Track(mark.account, mark.unit, Step(mark.height, mark.index, mark.sequence))
        for mark in place.marks
    ]


def cursor_after(subject: bytes, last: Merged) -> str:
    """The cursor of what is older than a place of a merged history."""
    marks = tuple(Mark(t.account, t.unit, *t.step) for t in last.tracks)
    return cursors.write(Place(HISTORY, subject, last.height, last.position, marks=marks))


def _page(
    api: Api,
    reader: ChainReader,
    head: Header,
    subject: bytes,
    found: Iterator[Merged],
    limit: int | None,
) -> Response:
    told = Describer(reader, api.node.chain_id)
    entries: list[RowView] = []
    following = ""
    sides = 0
    last = None
    for place in as_far_as_held(found):
        last = place
        row, header = reader.row(place.height, place.position), reader.header(place.height)
        assert row is not None and header is not None, "an index names a stored row"
        view = told.row(row, header, place.position)
        entries.append(view)
        sides += len(view.receipt.postings)
        if len(entries) >= page_size(api, limit) or sides >= MAX_SIDES:
            following = cursor_after(subject, place)
            break
    else:
        if last is not None and reader.base:
            # The next page says that the history goes on where this node holds nothing.
            following = cursor_after(subject, last)
    body = HistoryPage(height=head.height, entries=entries, names=told.names(), next=following)
    return respond(body)


def routes(api: Api) -> APIRouter:
    """Histories, and objects."""
    router = APIRouter(prefix="/v1")

    @router.get(
        "/parties/{lei}/history",
        tags=["parties"],
        summary="What concerned a party, newest first",
        openapi_extra=answers(HistoryPage),
    )
    async def party(lei: Lei, cursor: CursorParameter = "", limit: Limit = None) -> Response:
        """Movements of its money, and everything that names it: votes, keys, escrows, refusals."""
        subject = lei.encode()
        async with api.long_read() as (reader, head):
            before, tracks = None, tracks_of(reader, lei)
            if cursor:
                place = cursors.read(cursor, HISTORY, subject)
                before, tracks = (place.height, place.index), resumed(place)
            return _page(api, reader, head, subject, merged(reader, subject, before, tracks), limit)

    @router.get(
        "/objects/{id}",
        tags=["objects"],
        summary="One object",
        openapi_extra=answers(ObjectAnswer),
    )
    async def object(id: ObjectId) -> Response:
        """An escrow, payment request, redemption, ballot …: its state, its time limit, who acts."""
        identity = parse_id(id)
        with api.snapshot() as (reader, head):
            state = State(reader)
            told = Describer(reader, api.node.chain_id)
            for machine in machines().values():
                record = state.get(machine.table, identity)
                if record is not None:
                    break
            else:
                raise missing(f"object {id[:16]}…", head.height)
            fields, shown = told.fields(record)
            awaits = list(machine.awaits(record))
            told.mention(*awaits)
            body = ObjectAnswer(
                height=head.height,
                id=id.lower(),
                machine=machine.name,
                meaning=machine.meaning,
                state=record.state.value,
                ended=machine.is_end(record.state),
                due=moment(record.due) if record.due else None,
                awaits=awaits,
                events=list(machine.events_from(record.state)),
                fields=fields,
                shown=shown,
                names=told.names(),
            )
        return respond(body)

    @router.get(
        "/objects/{id}/history",
        tags=["objects"],
        summary="What concerned an object, newest first",
        openapi_extra=answers(HistoryPage),
    )
    async def object_history(
        id: ObjectId, cursor: CursorParameter = "", limit: Limit = None
    ) -> Response:
        """Every receipt that names it, back to the one that opened it."""
        subject = parse_id(id)
        async with api.long_read() as (reader, head):
            place = cursors.read(cursor, HISTORY, subject) if cursor else None
            before = None if place is None else (place.height, place.index)
            return _page(api, reader, head, subject, merged(reader, subject, before, ()), limit)

    return router
