"""What waits for a party: open objects in which it, or an office that it holds, has to act."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from contracts.framework.machine import ITEM, Item
from contracts.framework.party import PARTY, Party
from ledger.state import State
from node.api import cursors
from node.api.blocks import CursorParameter, Limit, page_size
from node.api.context import Api
from node.api.cursors import Place
from node.api.describe import Describer, machines
from node.api.models import TodoAnswer, TodoItem
from node.api.parties import MAX_SCANNED, Lei
from node.api.schema import answers
from node.api.words import missing, moment, respond

_TODO = "todo"


def _items(state: State, party: Party, after: bytes) -> Iterator[tuple[bytes, str, Item]]:
    """Open objects of a party and then of its offices: key, office (or empty), entry.

    ``after`` is the key that came last; an office lost since then starts over with the next one.
    """
    for capacity in ("", *(office.name for office in party.offices)):
        prefix = ITEM.key(capacity or party.lei)
        if after and not after.startswith(prefix):
            continue
        for key, item in state.records(ITEM, prefix, after + b"\0" if after else b""):
            yield key, capacity, item
        after = b""


def todo_item(told: Describer, state: State, capacity: str, item: Item) -> TodoItem | None:
    """An open object with its record; None for a machine unknown to this version."""
    machine = machines().get(item.machine)
    record: Any = None if machine is None else state.get(machine.table, *item.key)
    if machine is None or record is None:
        return None
    fields, shown = told.fields(record)
    key = [part.hex() if isinstance(part, bytes) else part for part in item.key]
    single = len(item.key) == 1 and isinstance(item.key[0], bytes)
    return TodoItem(
        machine=machine.name,
        id=str(key[0]) if single else None,
        key=key,
        state=item.state,
        due=moment(item.due) if item.due else None,
        acts=item.acts,
        capacity=capacity,
        events=list(machine.events_from(record.state)),
        fields=fields,
        shown=shown,
    )


def routes(api: Api) -> APIRouter:
    """``/v1/parties/{lei}/todo``."""
    router = APIRouter(prefix="/v1/parties", tags=["parties"])

    @router.get("/{lei}/todo", summary="What waits for a party", openapi_extra=answers(TodoAnswer))
    async def todo(
        lei: Lei,
        all: Annotated[
            bool, Query(description="Also open objects in which others have to act.")
        ] = False,
        cursor: CursorParameter = "",
        limit: Limit = None,
    ) -> Response:
        """Open objects in which the party, or an office that it holds, has to act, with limits."""
        items: list[TodoItem] = []
        following = ""
        after = cursors.read(cursor, _TODO, lei.encode()).key if cursor else b""
        async with api.long_read() as (reader, head):
            state = State(reader)
            party = state.get(PARTY, lei)
            if party is None:
                raise missing(f"party {lei}", head.height)
            told = Describer(reader, api.node.chain_id)
            entries = _items(state, party, after)
            for seen, (key, capacity, item) in enumerate(entries, start=1):
                shown = todo_item(told, state, capacity, item) if all or item.acts else None
                if shown is not None:
                    items.append(shown)
                if len(items) >= page_size(api, limit) or seen >= MAX_SCANNED:
                    following = cursors.write(Place(_TODO, lei.encode(), key=key))
                    break
            names = told.names()
        return respond(
            TodoAnswer(height=head.height, party=lei, items=items, names=names, next=following)
        )

    return router
