"""Barter contracts: the list, and one contract with its flows, lots, claims and guarantees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

from contracts.barter.lot_records import Lot, LotState
from contracts.barter.records import CLAIM, CONTRACT, CONTRACT_TABLE, LIVE, PROGRESS, TERMS, Claim
from contracts.barter.terms import Item, Side, flow_value, scheduled, value_of
from contracts.barter.views import PlannedDelivery, Timeline, timeline
from contracts.framework.forms import format_instant
from contracts.framework.party import Party
from contracts.guarantee.records import GUARANTEE_TABLE, Guarantee
from node.api.words import parse_id
from node.explorer.detail import ANNEXES, HISTORY, LINKS, detail
from node.explorer.language import msg
from node.explorer.listing import Entry, filters, goods, listing
from node.explorer.pictures import barter as picture
from node.explorer.proofs import of_record
from node.explorer.site import Group, Page
from node.explorer.table import Column, Format, Money, Slice, Table, cut
from node.explorer.view import View


def _worth(side: Side) -> Callable[[Entry], Money | None]:
    def worth(entry: Entry) -> Money | None:
        stored = entry.view.state.get(TERMS, entry.id)
        return None if stored is None else Money(flow_value(stored.terms.flow(side)), "GV")

    return worth


CONTRACTS = listing(
    CONTRACT,
    "contracts",
    msg("Barter contracts, newest first"),
    (
        Column(
            "supplier", msg("Supplier of components"), Format.PARTY, lambda e: e.record.supplier
        ),
        Column("maker", msg("Maker of finished goods"), Format.PARTY, lambda e: e.record.maker),
        Column("components", msg("Components"), Format.AMOUNT, _worth(Side.COMPONENTS)),
        Column("goods", msg("Finished goods"), Format.AMOUNT, _worth(Side.GOODS)),
        Column(
            "open", msg("Claim open"), Format.AMOUNT, lambda e: Money(e.record.totals.open, "GV")
        ),
    ),
)


def contracts(view: View) -> dict[str, Any]:
    """The list of contracts."""
    return {
        "intro": view.text(
            msg(
                "A supplier ships components, a maker returns finished goods worth the same, and "
                "two states guarantee that both happen. Values are in goods value (GV)."
            )
        ),
        "filters": filters(view, CONTRACT),
        "shown": view.show(CONTRACTS),
    }


class Whole:
    """A contract with what belongs to it, as one page shows it."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.id = parse_id(view.parameters["id"])
        if view.state.get(CONTRACT_TABLE, self.id) is None:
            raise view.missing(f"contract {self.id.hex()[:16]}…")

    @cached_property
    def timeline(self) -> Timeline:
        """Plan, lots and claims."""
        return timeline(self.view.state, self.id, self.view.head.time)

    def guarantee(self, id: bytes | None) -> Guarantee | None:
        """A guarantee of the contract."""
        return None if id is None else self.view.state.get(GUARANTEE_TABLE, id)

    def item(self, side: Side, number: int) -> Item:
        """A line of a price list."""
        return self.timeline.terms.flow(side).items[number]


def _over(rows: Callable[[Whole], Iterator[Any]]) -> Callable[[View, str, int], Slice]:
    return lambda view, cursor, limit: cut(list(rows(Whole(view))), cursor, limit)


class _Line(NamedTuple):
    side: Side
    item: Item
    planned: int
    accepted: int
    moving: int
    waived: int


def _lines(whole: Whole) -> Iterator[_Line]:
    progress = whole.view.state.get(PROGRESS, whole.id)
    for side in Side:
        flow = whole.timeline.terms.flow(side)
        done = progress.flow(side) if progress is not None else ()
        for number, item in enumerate(flow.items):
            at = done[number] if number < len(done) else None
            yield _Line(
                side,
                item,
                scheduled(flow, number),
                at.accepted if at else 0,
                at.moving if at else 0,
                at.waived if at else 0,
            )


ITEMS: Table[_Line] = Table(
    "items",
    msg("What was agreed: price lists of both directions"),
    (
        Column("item", msg("Item"), Format.TEXT, lambda r: r.item.name),
        Column("side", msg("Direction"), Format.LABEL, lambda r: r.side.value),
        goods(lambda line: line.item.hs),
        Column("price", msg("Price, GV"), Format.PRICE, lambda r: r.item.price),
        Column("quantity", msg("Agreed quantity"), Format.COUNT, lambda r: r.planned),
        Column("unit", msg("Unit"), Format.UNIT, lambda r: r.item.unit),
        Column("accepted", msg("Accepted"), Format.COUNT, lambda r: r.accepted),
        Column("moving", msg("On its way"), Format.COUNT, lambda r: r.moving),
        Column("waived", msg("Waived"), Format.COUNT, lambda r: r.waived),
        Column(
            "value",
            msg("Agreed value"),
            Format.AMOUNT,
            lambda r: Money(value_of(r.item.price, 0, r.planned), "GV"),
        ),
    ),
    _over(_lines),
)

PLAN: Table[PlannedDelivery] = Table(
    "plan",
    msg("Schedule: what is to be shipped by when"),
    (
        Column("due", msg("By when"), Format.INSTANT, lambda p: p.due),
        Column("side", msg("Direction"), Format.LABEL, lambda p: p.side.value),
        Column("item", msg("Item"), Format.TEXT, lambda p: p.name),
        Column("quantity", msg("Quantity"), Format.COUNT, lambda p: p.quantity),
        Column("reached", msg("Reached"), Format.COUNT, lambda p: p.reached),
        Column("late", msg("Late"), Format.FLAG, lambda p: p.late),
    ),
    _over(lambda whole: iter(whole.timeline.plan)),
)


class _Sent(NamedTuple):
    view: View
    lot: Lot
    item: Item

    @property
    def value(self) -> int:
        """What it was credited with, or is worth at the agreed price."""
        return self.lot.credited or value_of(self.item.price, 0, self.lot.quantity)


def _sent(whole: Whole) -> Iterator[_Sent]:
    for lot in sorted(whole.timeline.lots, key=_order):
        yield _Sent(whole.view, lot, whole.item(lot.side, lot.item))


def _order(lot: Lot) -> tuple[int, bytes]:
    return lot.settled_at or lot.arrived_at or lot.due or 2**62, lot.id


LOTS: Table[_Sent] = Table(
    "lots",
    msg("Lots, in the order of time"),
    (
        Column(
            "id", msg("Lot"), Format.ID, lambda s: s.lot.id, lambda s: s.view.object_path(s.lot.id)
        ),
        Column("side", msg("Direction"), Format.LABEL, lambda s: s.lot.side.value),
        Column("item", msg("Item"), Format.TEXT, lambda s: s.item.name),
        Column("quantity", msg("Quantity"), Format.COUNT, lambda s: s.lot.quantity),
        Column("unit", msg("Unit"), Format.UNIT, lambda s: s.item.unit),
        Column("value", msg("Value"), Format.AMOUNT, lambda s: Money(s.value, "GV")),
        Column("shipper", msg("Shipper"), Format.PARTY, lambda s: s.lot.shipper, seen=False),
        Column("receiver", msg("Receiver"), Format.PARTY, lambda s: s.lot.receiver, seen=False),
        Column("state", msg("State"), Format.STATE, lambda s: s.lot.state.value),
        Column("credited", msg("Credited"), Format.AMOUNT, lambda s: Money(s.lot.credited, "GV")),
        Column("arrived", msg("Arrived"), Format.INSTANT, lambda s: s.lot.arrived_at or None),
        Column("settled", msg("Settled"), Format.INSTANT, lambda s: s.lot.settled_at or None),
        Column("due", msg("Time limit"), Format.INSTANT, lambda s: s.lot.due or None),
    ),
    _over(_sent),
    empty=msg("Nothing has been shipped or called off yet."),
)

CLAIMS: Table[Claim] = Table(
    "claims",
    msg("Claims to finished goods"),
    (
        Column("holder", msg("Holder"), Format.PARTY, lambda c: c.holder),
        Column("gained", msg("Gained"), Format.AMOUNT, lambda c: Money(c.gained, "GV")),
        Column("spent", msg("Spent"), Format.AMOUNT, lambda c: Money(c.spent, "GV")),
        Column("open", msg("Open"), Format.AMOUNT, lambda c: Money(c.open, "GV")),
        Column(
            "committed", msg("Of it called off"), Format.AMOUNT, lambda c: Money(c.committed, "GV")
        ),
    ),
    _over(lambda whole: iter(whole.timeline.claims)),
    empty=msg("Nobody has a claim yet: claims arise when components are accepted."),
)


class _Cover(NamedTuple):
    view: View
    guarantee: Guarantee


def _covers(whole: Whole) -> Iterator[_Cover]:
    contract = whole.timeline.contract
    for id in (contract.maker_cover, contract.supplier_cover):
        found = whole.guarantee(id)
        if found is not None:
            yield _Cover(whole.view, found)


COVERS: Table[_Cover] = Table(
    "covers",
    msg("Guarantees by both states"),
    (
        Column(
            "id",
            msg("Guarantee"),
            Format.ID,
            lambda c: c.guarantee.id,
            lambda c: c.view.object_path(c.guarantee.id),
        ),
        Column("guarantor", msg("Guarantor"), Format.PARTY, lambda c: c.guarantee.guarantor),
        Column("applicant", msg("For"), Format.PARTY, lambda c: c.guarantee.applicant),
        Column("beneficiary", msg("In favour of"), Format.PARTY, lambda c: c.guarantee.beneficiary),
        Column("amount", msg("Amount"), Format.AMOUNT, lambda c: Money(c.guarantee.amount, "SCU")),
        Column("paid", msg("Paid"), Format.AMOUNT, lambda c: Money(c.guarantee.paid, "SCU")),
        Column(
            "remaining",
            msg("Remaining"),
            Format.AMOUNT,
            lambda c: Money(c.guarantee.remaining, "SCU"),
        ),
        Column("state", msg("State"), Format.STATE, lambda c: c.guarantee.state.value),
        Column("expires", msg("Expires"), Format.INSTANT, lambda c: c.guarantee.expires),
    ),
    _over(_covers),
    empty=msg("The states have not guaranteed it yet."),
)

_SETTLED = frozenset({LotState.ACCEPTED, LotState.DEEMED_ACCEPTED})
_LOST = frozenset({LotState.CANCELLED, LotState.RETURNED})


def _corner(whole: Whole, lei: str, id: bytes | None, agreed: int) -> picture.Corner:
    party: Party | None = whole.view.party(lei)
    guarantee = whole.guarantee(id)
    return picture.Corner(
        whole.view.name(lei),
        "" if party is None else party.profile.country,
        "–" if guarantee is None else whole.view.name(guarantee.guarantor),
        agreed if guarantee is None else guarantee.amount,
        None if guarantee is None else guarantee.state.value,
    )


def _stream(whole: Whole, side: Side, done: int) -> picture.Stream:
    moving = sum(
        sent.value
        for sent in _sent(whole)
        if sent.lot.side is side and sent.lot.state not in _SETTLED | _LOST
    )
    return picture.Stream(flow_value(whole.timeline.terms.flow(side)), done, moving)


def _bars(whole: Whole) -> Iterator[picture.Bar]:
    claim = 0
    for sent in _sent(whole):
        lot = sent.lot
        settled = lot.state in _SETTLED
        if settled:
            claim += lot.credited if lot.side is Side.COMPONENTS else -lot.credited
        yield picture.Bar(
            lot.side,
            sent.item.name,
            sent.value,
            lot.state.value,
            settled,
            lot.state in _LOST,
            _day(lot.settled_at or lot.arrived_at or lot.due),
            max(claim, 0) if settled else None,
        )
    contract = whole.timeline.contract
    if contract.state in LIVE or not whole.timeline.lots:
        for planned in whole.timeline.plan:
            left = planned.quantity - planned.reached
            if left > 0:
                price = whole.item(planned.side, planned.item).price
                value = value_of(price, 0, left)
                yield picture.Bar(
                    planned.side, planned.name, value, None, False, False, _day(planned.due), None
                )


def _day(ms: int) -> str:
    return format_instant(ms)[:10] if ms else ""


def contract(view: View) -> dict[str, Any]:
    """One contract."""
    whole = Whole(view)
    found = whole.timeline.contract
    terms, totals = whole.timeline.terms, found.totals
    supplier = _corner(whole, found.supplier, found.supplier_cover, terms.supplier_cover)
    maker = _corner(whole, found.maker, found.maker_cover, terms.maker_cover)
    given = detail(
        view,
        CONTRACT,
        found,
        title=view.text(msg("%(supplier)s ⇄ %(maker)s"), supplier=supplier.name, maker=maker.name),
    )
    components = _stream(whole, Side.COMPONENTS, totals.credited)
    goods = _stream(whole, Side.GOODS, totals.delivered)
    return given | {
        "terms": terms,
        "contract": found,
        "flows": picture.flows(view, supplier, maker, components, goods, totals),
        "lots_picture": picture.lots(view, list(_bars(whole))),
        "tables": [view.show(table) for table in (ITEMS, PLAN, LOTS, CLAIMS, COVERS)],
        "proofs": (
            *given["proofs"],
            of_record(view, view.text(msg("The terms that were agreed")), TERMS, whole.id),
            *(
                of_record(
                    view,
                    view.text(msg("The claim of %(name)s"), name=view.name(claim.holder)),
                    CLAIM,
                    whole.id,
                    claim.holder,
                )
                for claim in whole.timeline.claims[:5]
            ),
        ),
    }


PAGES = (
    Page(
        "/contracts",
        msg("Barter contracts"),
        render=contracts,
        template="objects.html",
        group=Group.TRADE,
        tables=(CONTRACTS,),
        live=True,
    ),
    Page(
        "/contracts/{id}",
        msg("Barter contract"),
        render=contract,
        template="contract.html",
        parent="/contracts",
        tables=(ITEMS, PLAN, LOTS, CLAIMS, COVERS, LINKS, ANNEXES, HISTORY),
        live=True,
        shows=CONTRACT.name,
    ),
)
