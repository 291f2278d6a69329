"""Alarms: what nobody may overlook, the evidence behind it, and what was checked to find it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ledger.codec import encode
from ledger.evidence import DoubleVote
from node.api.handle import Peer, RaisedAlarm
from node.explorer.language import msg
from node.explorer.site import Group, Page
from node.explorer.table import Column, Format, Slice, Table, cut
from node.explorer.view import View


class Verified(NamedTuple):
    """A kind of check, how often it was made, and the newest block that it reached."""

    what: str
    times: int
    block: int | None


def checked(view: View) -> list[Verified]:
    """What this node has verified on behalf of auditors since it was started."""
    watch = view.node.watch
    if watch is None:
        return []
    height = view.head.height
    rows = (
        (msg("Blocks: link, content, execution, roots, what they touch"), watch.blocks, height),
        (msg("Transactions: encoding, signatures, rules, receipts"), watch.transactions, height),
        (msg("Finalizations by a quorum"), watch.certificates, height),
        (
            msg("Complete checks of all invariants"),
            watch.complete_checks,
            watch.complete_block,
        ),
        (msg("Comparisons with other nodes"), watch.comparisons, None),
    )
    return [Verified(view.text(what), times, block) for what, times, block in rows]


def _block_path(block: int | None) -> str | None:
    return None if block is None else f"/blocks/{block}"


def _newest_first(rows: Sequence[Any], cursor: str, limit: int) -> Slice:
    return cut(rows[::-1], cursor, limit)


ALARMS: Table[RaisedAlarm] = Table(
    "alarms",
    msg("Alarms, newest first"),
    columns=(
        Column("number", msg("Number"), Format.COUNT, lambda a: a.number),
        Column("raised", msg("Raised"), Format.INSTANT, lambda a: a.raised_ms),
        Column("code", msg("Code"), Format.TEXT, lambda a: a.code),
        Column("text", msg("What happened"), Format.WORDS, lambda a: a.text),
        Column(
            "block",
            msg("Block"),
            Format.COUNT,
            lambda a: a.block,
            lambda a: _block_path(a.block),
        ),
        Column("position", msg("Receipt"), Format.COUNT, lambda a: a.position),
        Column("object", msg("Object"), Format.TEXT, lambda a: a.object),
        Column("source", msg("Shown by"), Format.TEXT, lambda a: a.source),
        Column("freezes", msg("Ends verification"), Format.FLAG, lambda a: a.freezes),
    ),
    read=lambda view, cursor, limit: _newest_first(view.node.alarms, cursor, limit),
    empty=msg("There is no alarm."),
)

EVIDENCE: Table[DoubleVote] = Table(
    "evidence",
    msg("Guarantors that contradicted themselves"),
    columns=(
        Column("validator", msg("Validator"), Format.COUNT, lambda e: e.first.signer),
        Column("epoch", msg("Epoch"), Format.COUNT, lambda e: e.first.epoch),
        Column("view", msg("View"), Format.COUNT, lambda e: e.first.view),
        Column("first", msg("One vote"), Format.TEXT, lambda e: e.first.kind.name.lower()),
        Column("first_block", msg("Its block"), Format.ID, lambda e: e.first.block),
        Column("second", msg("The other vote"), Format.TEXT, lambda e: e.second.kind.name.lower()),
        Column("second_block", msg("Its block"), Format.ID, lambda e: e.second.block),
        Column("proof", msg("Proof"), Format.ID, lambda e: encode(e).hex()),
    ),
    read=lambda view, cursor, limit: _newest_first(view.node.evidence, cursor, limit),
    empty=msg("This node holds no evidence against a guarantor."),
)

CHECKED: Table[Verified] = Table(
    "checked",
    msg("Verified by this node since it was started"),
    columns=(
        Column("what", msg("Check"), Format.WORDS, lambda v: v.what),
        Column("count", msg("Times"), Format.COUNT, lambda v: v.times),
        Column(
            "block",
            msg("Up to block"),
            Format.COUNT,
            lambda v: v.block,
            lambda v: _block_path(v.block),
        ),
    ),
    read=lambda view, cursor, limit: cut(checked(view), cursor, limit),
    empty=msg("This is a guarantor's node. A follower checks everything on behalf of auditors."),
)

PEERS: Table[Peer] = Table(
    "peers",
    msg("Nodes that it compares"),
    columns=(
        Column("name", msg("Name"), Format.TEXT, lambda p: p["name"]),
        Column("address", msg("Address"), Format.TEXT, lambda p: p["address"]),
        Column("reachable", msg("Reachable"), Format.FLAG, lambda p: p["reachable"]),
        Column("height", msg("Height"), Format.COUNT, lambda p: p["height"]),
        Column("last_seen", msg("Last heard"), Format.INSTANT, lambda p: p["last_seen_ms"] or 0),
    ),
    read=lambda view, cursor, limit: cut(view.node.describe()["peers"], cursor, limit),
)


def alarms(view: View) -> dict[str, Any]:
    """Everything about what went wrong, and what was done to notice it."""
    shown: list[Table[Any]] = [ALARMS, EVIDENCE, CHECKED]
    if view.node.watch is not None:
        shown.append(PEERS)
    return {"tables": [view.show(table) for table in shown]}


PAGES = (
    Page(
        "/alarms",
        msg("Alarms"),
        render=alarms,
        template="list.html",
        group=Group.RULE,
        tables=(ALARMS, EVIDENCE, CHECKED, PEERS),
        live=True,
    ),
)
