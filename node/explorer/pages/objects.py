"""Any object of the ledger: its state, its time limit, who has to act, everything that moved it."""

from __future__ import annotations

from typing import Any

from node.api.describe import machines
from node.api.words import parse_id
from node.explorer.language import msg
from node.explorer.pages.transactions import TOLD_COLUMNS
from node.explorer.proofs import of_record
from node.explorer.site import Page
from node.explorer.table import Slice, Table
from node.explorer.told import Told, history_slice, lines_of
from node.explorer.view import View


def _history(view: View, cursor: str, limit: int) -> Slice:
    return history_slice(view, parse_id(view.parameters["id"]), cursor, limit)


HISTORY: Table[Told] = Table(
    "history", msg("What concerned it, newest first"), TOLD_COLUMNS, read=_history
)


def object_(view: View) -> dict[str, Any]:
    """One object by its id."""
    identity = parse_id(view.parameters["id"])
    for machine in machines().values():
        record = view.state.get(machine.table, identity)
        if record is not None:
            return {
                "title": view.label(machine.name).capitalize(),
                "machine": machine,
                "record": record,
                "lines": lines_of(view, record),
                "awaits": machine.awaits(record),
                "shown": view.show(HISTORY),
                "proofs": (of_record(view, view.label(machine.name), machine.table, identity),),
            }
    shown = view.show(HISTORY)
    if not shown.rows:
        raise view.missing(f"object {identity.hex()[:16]}…")
    return {"title": view.text(msg("Object")), "machine": None, "shown": shown, "id": identity}


PAGES = (
    Page(
        "/objects/{id}",
        msg("Object"),
        render=object_,
        template="object.html",
        tables=(HISTORY,),
        live=True,
    ),
)
