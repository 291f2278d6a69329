"""Any object of the ledger: its state, its time limit, who has to act, everything that moved it."""

from __future__ import annotations

from typing import Any

from node.api.describe import machines
from node.api.words import parse_id
from node.explorer.detail import ANNEXES, HISTORY, LINKS, detail
from node.explorer.language import msg
from node.explorer.site import Page
from node.explorer.view import View


def object_(view: View) -> dict[str, Any]:
    """One object by its id."""
    identity = parse_id(view.parameters["id"])
    for machine in machines().values():
        record = view.state.get(machine.table, identity)
        if record is not None:
            return detail(view, machine, record)
    shown = view.show(HISTORY)
    if not shown.rows:
        raise view.missing(f"object {identity.hex()[:16]}…")
    return {"machine": None, "identity": identity, "after": [shown]}


PAGES = (
    Page(
        "/objects/{id}",
        msg("Object"),
        render=object_,
        template="detail.html",
        tables=(LINKS, ANNEXES, HISTORY),
        live=True,
    ),
)
