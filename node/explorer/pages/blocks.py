"""Blocks: what the guarantors decided, one after the other."""

from __future__ import annotations

from typing import Any

from ledger.block import Header
from node.explorer.language import msg
from node.explorer.pages.transactions import TOLD_COLUMNS
from node.explorer.proofs import of_header
from node.explorer.site import Group, Page
from node.explorer.table import Column, Format, Slice, Table, number_of
from node.explorer.told import Told
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
        Column(
            "deadlines", msg("Time limits"), Format.COUNT, lambda h: h.receipts - h.transactions
        ),
        Column("view", msg("View"), Format.COUNT, lambda h: h.view),
        Column("hash", msg("Hash"), Format.ID, lambda h: h.hash(), lambda h: f"/blocks/{h.height}"),
        Column("state_root", msg("State root"), Format.ID, lambda h: h.state_root),
    ),
    read=_newest_first,
)


def blocks(view: View) -> dict[str, Any]:
    """The list of blocks."""
    return {
        "intro": view.text(
            msg(
                "Each block is final once a quorum of the guarantor nodes has signed it. "
                "Nothing in it changes afterwards."
            )
        ),
        "tables": [view.show(BLOCKS)],
    }


def _rows(view: View, cursor: str, limit: int) -> Slice:
    header = _requested(view)
    if header.receipts and header.height < view.base:
        return Slice((), torn=True)
    first = number_of(cursor)
    last = min(first + limit, header.receipts)
    rows = [Told(view, header, index) for index in range(first, last)]
    return Slice(rows, str(last) if last < header.receipts else "")


ROWS: Table[Told] = Table(
    "receipts",
    msg("What the block records: time limits first, then transactions"),
    TOLD_COLUMNS,
    read=_rows,
    empty=msg("The block records nothing; it shows that the nodes agree and time goes on."),
)


def _requested(view: View) -> Header:
    height = view.parameters["height"]
    header = view.reader.header(height) if height <= view.head.height else None
    if header is None:
        raise view.missing(f"block {str(height)[:20]}")
    return header


def block(view: View) -> dict[str, Any]:
    """One block: its header, who certified it, what it records."""
    header = _requested(view)
    validators = view.reader.validators(header.epoch)
    certificate = view.reader.certificate(header.height)
    later = None if certificate else view.reader.next_certified(header.height)
    proof = certificate if certificate else (later[1] if later else None)
    known = () if validators is None else validators.validators
    signed = set() if proof is None else {signature.signer for signature in proof.signatures}
    return {
        "title": view.text(msg("Block %(height)s"), height=f"{header.height:,}"),
        "header": header,
        "certificate": proof,
        "through": later[0] if later else None,
        "validators": [(one, number in signed) for number, one in enumerate(known)],
        "shown": view.show(ROWS),
        "proofs": (of_header(view, header.height, header.hash()),),
    }


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
    Page(
        "/blocks/{height:int}",
        msg("Block"),
        render=block,
        template="block.html",
        parent="/blocks",
        tables=(ROWS,),
    ),
)
