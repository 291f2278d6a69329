"""Guarantor nodes: who decides, who signed of late, who missed its turn, who is there now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from ledger.block import Header
from ledger.validators import Validator, ValidatorSet
from node.explorer.language import msg
from node.explorer.proofs import of_block
from node.explorer.site import Group, Page
from node.explorer.table import Column, Format, Table, entire_of
from node.explorer.view import View

BLOCKS: Final = 200
"""Newest blocks that votes and turns are counted over."""
MOST_VIEWS: Final = 10_000
"""Views between two blocks that are looked at: a long standstill is not counted one by one."""


class Work(NamedTuple):
    """A validator of the present epoch over the newest blocks.

    ``signed`` of ``certificates`` bear its signature; a certificate needs a quorum only, so a
    missing signature may have come late. It led ``led`` blocks and ``missed`` views that ended
    without a block. ``height`` and ``seen`` are what this node knows of it (None: not reached).
    """

    validator: Validator
    certificates: int
    signed: int
    led: int
    missed: int
    reachable: bool | None
    height: int | None
    seen: int | None


def work_of(view: View) -> list[Work]:
    """Every validator of the newest epoch."""
    head = view.head
    validators = view.reader.validators(head.epoch)
    if validators is None:
        return []
    signed: Counter[int] = Counter()
    led: Counter[int] = Counter()
    missed: Counter[int] = Counter()
    certificates = 0
    for header, parent in _recent(view, head):
        certificate = view.reader.certificate(header.height)
        if certificate is not None:
            certificates += 1
            signed.update(entry.signer for entry in certificate.signatures)
        led[validators.leader(header.view)] += 1
        if header.view - parent.view <= MOST_VIEWS:
            missed.update(validators.leader(v) for v in range(parent.view + 1, header.view))
    about = view.node.describe()
    peers = {peer["index"]: peer for peer in about["peers"]}
    found = []
    for index, validator in enumerate(validators.validators):
        peer = peers.get(index)
        own = about["index"] == index
        found.append(
            Work(
                validator,
                certificates,
                signed[index],
                led[index],
                missed[index],
                True if own else (None if peer is None else peer["reachable"]),
                head.height if own else (None if peer is None else peer["height"]),
                None if own or peer is None else peer["last_seen_ms"],
            )
        )
    return found


def _recent(view: View, head: Header) -> Iterator[tuple[Header, Header]]:
    """The newest blocks of the present epoch, each with its parent, newest first."""
    header = head
    for _ in range(BLOCKS):
        parent = view.reader.header(header.height - 1) if header.height else None
        if parent is None or header.epoch != head.epoch:
            return
        yield header, parent
        header = parent


NODES: Table[Work] = Table(
    "nodes",
    msg("The guarantor nodes of this epoch, over the newest blocks"),
    (
        Column("name", msg("Node"), Format.TEXT, lambda w: w.validator.name),
        Column("party", msg("Guarantor"), Format.PARTY, lambda w: w.validator.party),
        Column("country", msg("Country"), Format.COUNTRY, lambda w: w.validator.country),
        Column("signed", msg("Certificates signed"), Format.COUNT, lambda w: w.signed),
        Column("certificates", msg("of"), Format.COUNT, lambda w: w.certificates),
        Column("led", msg("Blocks led"), Format.COUNT, lambda w: w.led),
        Column("missed", msg("Turns without a block"), Format.COUNT, lambda w: w.missed),
        Column("reachable", msg("Reached by this node"), Format.FLAG, lambda w: w.reachable),
        Column("height", msg("Its height"), Format.COUNT, lambda w: w.height),
        Column("seen", msg("Last heard"), Format.INSTANT, lambda w: w.seen),
        Column("key", msg("Voting key"), Format.ID, lambda w: w.validator.vote_key, seen=False),
        Column("address", msg("Address"), Format.TEXT, lambda w: w.validator.address),
    ),
    read=entire_of(work_of),
    size=100,
)


class _Epoch(NamedTuple):
    validators: ValidatorSet
    since: int


def _epochs(view: View) -> Iterator[_Epoch]:
    for epoch in range(view.head.epoch, max(view.head.epoch - 50, -1), -1):
        found, since = view.reader.validators(epoch), view.reader.validators_since(epoch)
        if found is not None and since is not None:
            yield _Epoch(found, since)


EPOCHS: Table[_Epoch] = Table(
    "epochs",
    msg("Who decided when, newest epoch first"),
    (
        Column("epoch", msg("Epoch"), Format.COUNT, lambda e: e.validators.epoch),
        Column(
            "since",
            msg("Decided in block"),
            Format.COUNT,
            lambda e: e.since,
            lambda e: f"/blocks/{e.since}",
        ),
        Column("size", msg("Nodes"), Format.COUNT, lambda e: e.validators.size),
        Column("quorum", msg("Quorum"), Format.COUNT, lambda e: e.validators.quorum),
        Column("faults", msg("May fail or lie"), Format.COUNT, lambda e: e.validators.faults),
        Column(
            "parties",
            msg("Guarantors"),
            Format.PARTIES,
            lambda e: tuple(v.party for v in e.validators.validators),
        ),
    ),
    read=entire_of(_epochs),
)


def nodes(view: View) -> dict[str, Any]:
    """The guarantor nodes."""
    return {
        "intro": view.text(
            msg(
                "Votes and turns are counted over the newest %(count)s blocks that this node "
                "holds. A certificate needs a quorum only: a signature that is missing may have "
                "come late."
            ),
            count=BLOCKS,
        ),
        "work": work_of(view),
        "tables": [view.show(table) for table in (NODES, EPOCHS)],
        "proofs": (of_block(view),),
    }


PAGES = (
    Page(
        "/nodes",
        msg("Guarantor nodes"),
        render=nodes,
        template="nodes.html",
        group=Group.RULE,
        tables=(NODES, EPOCHS),
        live=True,
    ),
)
