"""What a reservation becomes: a payment request, or a barter offer whose goods it is."""

from __future__ import annotations

from typing import Final

from msgspec import structs

from contracts.barter.offers import place_offer
from contracts.barter.terms import Flow, scheduled
from contracts.currency.requests import place_request
from contracts.errors import INVALID_TERMS
from contracts.framework.context import Context
from contracts.framework.operation import transition
from contracts.market import operations as ops
from contracts.market.book import contract, desk_of, entry_of
from contracts.market.matches import reservation_of, tell_reservation
from contracts.market.records import DESK, RESERVATION, Reservation
from ledger.errors import CodedError

REQUEST: Final = "payment request"
BARTER: Final = "barter contract"


@transition(ops.InvoiceReservation)
def invoice(ctx: Context, op: ops.InvoiceReservation) -> None:
    """Ask the buyer to pay for what was reserved."""
    reservation = reservation_of(ctx, op.reservation)
    ctx.require_author(reservation.supplier, capacity="the supplier")
    ctx.require_open(RESERVATION, reservation, "contract")
    supply = entry_of(ctx, reservation.supply)
    request = place_request(
        ctx, reservation.buyer, reservation.value, op.payable, supply.title, op.document
    )
    _contracted(ctx, reservation, REQUEST, request.id)


@transition(ops.OfferReservation)
def offer(ctx: Context, op: ops.OfferReservation) -> None:
    """Offer a barter contract whose price lists contain exactly what was reserved."""
    found = [
        reservation_of(ctx, id, field=f"reservations[{n}]") for n, id in enumerate(op.reservations)
    ]
    components = found[0]
    ctx.require_author(components.supplier, capacity="the supplier")
    for reservation in found:
        ctx.require_open(RESERVATION, reservation, "contract")
    _require_listed(ctx, components, op.terms.components, "terms.components")
    if len(found) == 2:
        goods = found[1]
        if (goods.supplier, goods.buyer) != (components.buyer, components.supplier):
            raise CodedError(
                INVALID_TERMS,
                "the second reservation is what the buyer of the first one supplies in return",
                field="reservations[1]",
            )
        _require_listed(ctx, goods, op.terms.goods, "terms.goods")
    made = place_offer(
        ctx,
        supplier=components.supplier,
        maker=components.buyer,
        terms=op.terms,
        until=op.until,
    )
    for reservation in found:
        _contracted(ctx, reservation, BARTER, made.id)


def _require_listed(ctx: Context, reservation: Reservation, flow: Flow, field: str) -> None:
    """Raise unless a price list has what was reserved: same code, unit, price and quantity."""
    supply = entry_of(ctx, reservation.supply)
    price = reservation.price
    for index, item in enumerate(flow.items):
        same_price = (
            item.price.numerator * price.denominator == price.numerator * item.price.denominator
        )
        same_goods = (item.hs, item.unit) == (supply.hs, supply.unit)
        if same_goods and same_price and scheduled(flow, index) == reservation.quantity:
            return
    raise CodedError(
        INVALID_TERMS,
        f"the terms do not provide {reservation.quantity} {supply.unit} of HS {supply.hs} at "
        f"{price.numerator}/{price.denominator}, as reserved",
        field=field,
    )


def _contracted(ctx: Context, reservation: Reservation, kind: str, id: bytes) -> None:
    done = ctx.move(RESERVATION, reservation, "contract", contract_kind=kind, contract=id)
    contract(ctx, done.supply, done.quantity)
    contract(ctx, done.demand, done.quantity)
    desk = desk_of(ctx.state, done.supplier)
    ctx.put(DESK, structs.replace(desk, kept=desk.kept + 1), done.supplier)
    tell_reservation(ctx, done)
