"""Blocks: what the guarantors decided, one after the other."""

from __future__ import annotations

from typing import Any

from ledger.block import Header
from node.explorer.language import msg
from node.explorer.site import Group, Page
from node.explorer.table import Column, Format, Slice, Table, number_of
from node.explorer.view import View


def _newest_first(view: View, cursor: str, limit: int) -> Slice:
    height = min(number_of(cursor) - 1, view.head.height) if cursor else view.head.height
    found: list[Header] = []
    while height >= 0 and len(found) < limit:
        header = view.reader.header(height)
        if header is None:
            break  # older than what this node holds
        found.append(header)
        height -= 1
    return Slice(found, str(found[-1].height) if found and found[-1].height > 0 else "")


BLOCKS: Table[Header] = Table(
    "blocks",
    msg("Blocks, newest first"),
    columns=(
        Column(
            "height",
            msg("Height"),
            Format.COUNT,
            lambda h: h.height,
            lambda h: f"/blocks/{h.height}",
        ),
        Column("time", msg("Time"), Format.INSTANT, lambda h: h.time),
        Column("transactions", msg("Transactions"), Format.COUNT, lambda h: h.transactions),
        Column("deadlines", msg("Deadlines"), Format.COUNT, lambda h: h.receipts - h.transactions),
        Column("view", msg("View"), Format.COUNT, lambda h: h.view),
        Column("hash", msg("Hash"), Format.ID, lambda h: h.hash(), lambda h: f"/blocks/{h.height}"),
        Column("state_root", msg("State root"), Format.ID, lambda h: h.state_root),
    ),
    read=_newest_first,
)


def blocks(view: View) -> dict[str, Any]:
    """The list of blocks."""
    return {"tables": [view.show(BLOCKS)]}


PAGES = (
    Page(
        "/blocks",
        msg("Blocks"),
        render=blocks,
        template="list.html",
        group=Group.LEDGER,
        tables=(BLOCKS,),
        live=True,
    ),
)
