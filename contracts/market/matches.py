"""Matches and reservations: proposed, agreed by every party, kept for a while, then used or not."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from contracts.errors import (
    NO_CYCLE,
    NO_MATCH,
    NOT_ENTITLED,
    OVER_BALANCE_LIMIT,
    VALUE_ROUNDS_TO_ZERO,
    WRONG_STATE,
)
from contracts.framework.context import Context
from contracts.framework.machine import ITEM
from contracts.framework.operation import transition
from contracts.framework.party import Party, Right
from contracts.framework.types import BASIS_POINTS
from contracts.market import operations as ops
from contracts.market.book import (
    desk_of,
    entry_of,
    require_open,
    reserve,
    unreserve,
    value_at,
    withdraw_all,
)
from contracts.market.events import MatchChanged, MatchProposed, ReservationChanged
from contracts.market.fitting import misfit, misprice
from contracts.market.parameters import MarketParameters
from contracts.market.records import (
    DESK,
    MATCH,
    MATCH_TABLE,
    RESERVATION,
    RESERVATION_TABLE,
    Entry,
    Leg,
    Match,
    MatchKind,
    MatchState,
    Reservation,
    ReservationState,
)
from contracts.register.hooks import on_standing_change, on_succession
from ledger.errors import CodedError
from ledger.limits import MAX_INT


def check_leg(ctx: Context, leg: Leg, where: str = "") -> tuple[Entry, Entry]:
    """The two entries of a leg, if it can be reserved now.

    Raises ``NOT_FOUND``, ``WRONG_STATE``, ``DEADLINE_PASSED``, ``OVER_ENTRY``, ``NO_MATCH``,
    ``STANDING_FORBIDS``, ``VALUE_ROUNDS_TO_ZERO`` or ``OVER_BALANCE_LIMIT``.
    """
    supply = entry_of(ctx, leg.supply, field=f"{where}supply")
    demand = entry_of(ctx, leg.demand, field=f"{where}demand")
    why = misfit(supply, demand, ctx.time)
    if why:
        raise CodedError(NO_MATCH, why, field=f"{where}supply")
    why = misprice(supply, demand, leg.price)
    if why:
        raise CodedError(NO_MATCH, why, field=f"{where}price")
    for entry in (supply, demand):
        require_open(ctx, entry, leg.quantity, f"{where}quantity")
        ctx.party(entry.owner, Right.OBLIGE)
    value = value_at(leg.price, leg.quantity)
    if not value:
        raise CodedError(
            VALUE_ROUNDS_TO_ZERO,
            "the quantity is worth less than one minor unit at this price",
            field=f"{where}quantity",
        )
    if value > MAX_INT:
        raise CodedError(
            OVER_BALANCE_LIMIT, f"the leg is worth more than {MAX_INT} minor units", field=where
        )
    return supply, demand


def propose(
    ctx: Context,
    kind: MatchKind,
    legs: Sequence[Leg],
    pairs: Sequence[tuple[Entry, Entry]],
    plan: bytes | None = None,
) -> Match:
    """Propose legs that were checked to the owners of their entries."""
    owners = (owner for pair in pairs for owner in (pair[0].owner, pair[1].owner))
    parties = tuple(sorted(set(owners)))
    match = Match(
        id=ctx.new_id(),
        kind=kind,
        legs=tuple(legs),
        parties=parties,
        agreed=(ctx.author,) if ctx.author in parties and plan is None else (),
        proposer=ctx.author,
        state=MatchState.MATCHED,
        due=ctx.in_days(ctx.params(MarketParameters).answer_days),
        plan=plan,
    )
    ctx.open(MATCH, match)
    entries = tuple(id for leg in legs for id in (leg.supply, leg.demand))
    ctx.emit(MatchProposed(match.id, kind, parties, entries, plan))
    return match


@transition(ops.ProposeMatch)
def propose_match(ctx: Context, op: ops.ProposeMatch) -> None:
    """Propose a pair, of which the author owns one side."""
    leg = Leg(op.supply, op.demand, op.quantity, op.price)
    supply, demand = check_leg(ctx, leg)
    ctx.require_author(supply.owner, demand.owner, capacity="the owner of one of the entries")
    propose(ctx, MatchKind.PAIR, (leg,), ((supply, demand),))


@transition(ops.ProposeCycle)
def propose_cycle(ctx: Context, op: ops.ProposeCycle) -> None:
    """Check that the legs form a circle of parties and are worth about the same."""
    legs = [Leg(g.supply, g.demand, g.quantity, g.price) for g in op.legs]
    pairs = [check_leg(ctx, leg, f"legs[{n}].") for n, leg in enumerate(legs)]
    suppliers = [supply.owner for supply, _ in pairs]
    if len(set(suppliers)) != len(suppliers):
        raise CodedError(NO_CYCLE, "each party supplies once", field="legs")
    for index, (_, demand) in enumerate(pairs):
        if demand.owner != suppliers[(index + 1) % len(suppliers)]:
            raise CodedError(
                NO_CYCLE, "each buyer supplies in the next leg", field=f"legs[{index}].demand"
            )
    values = [value_at(leg.price, leg.quantity) for leg in legs]
    gap, most = max(values) - min(values), max(values)
    tolerance = ctx.params(MarketParameters).cycle_tolerance
    if gap * BASIS_POINTS > tolerance * most:
        raise CodedError(
            NO_CYCLE,
            f"the legs are worth from {min(values)} to {most} minor units; they may differ by "
            f"{tolerance} basis points of the largest",
            field="legs",
        )
    propose(ctx, MatchKind.CYCLE, legs, pairs)


@transition(ops.AgreeToMatch)
def agree(ctx: Context, op: ops.AgreeToMatch) -> None:
    """Count the agreement; the last one reserves every leg, or none."""
    match = _match_of(ctx, op.match)
    ctx.require_author(*match.parties, capacity="a party of the match")
    ctx.require_open(MATCH, match, "agree")
    if ctx.author in match.agreed:
        raise CodedError(WRONG_STATE, f"{ctx.author} has agreed to this match already")
    match = ctx.amend(MATCH, match, agreed=(*match.agreed, ctx.author))
    if len(match.agreed) < len(match.parties):
        _tell(ctx, match)
        return
    _tell(ctx, ctx.move(MATCH, match, "agree"))
    due = ctx.in_business_days(ctx.params(MarketParameters).reservation_days)
    for index, leg in enumerate(match.legs):
        supply, demand = check_leg(ctx, leg, f"legs[{index}].")
        reserve(ctx, supply.id, leg.quantity)
        reserve(ctx, demand.id, leg.quantity)
        reservation = Reservation(
            id=ctx.new_id(),
            match=match.id,
            supply=supply.id,
            demand=demand.id,
            supplier=supply.owner,
            buyer=demand.owner,
            quantity=leg.quantity,
            price=leg.price,
            value=value_at(leg.price, leg.quantity),
            state=ReservationState.RESERVED,
            due=due,
        )
        tell_reservation(ctx, ctx.open(RESERVATION, reservation))


@transition(ops.DeclineMatch)
def decline(ctx: Context, op: ops.DeclineMatch) -> None:
    """End a match."""
    match = _match_of(ctx, op.match)
    ctx.require_author(*match.parties, capacity="a party of the match")
    _tell(ctx, ctx.move(MATCH, match, "decline", reason=op.reason))


@MATCH.on_lapse("lapse")
def match_lapses(ctx: Context, match: Match) -> None:
    """Silence is not consent."""
    _tell(ctx, ctx.move(MATCH, match, "lapse"))


@transition(ops.ReleaseReservation)
def release(ctx: Context, op: ops.ReleaseReservation) -> None:
    """Give a reservation up."""
    reservation = reservation_of(ctx, op.reservation)
    if ctx.author not in (reservation.supplier, reservation.buyer):
        raise CodedError(NOT_ENTITLED, "only the supplier or the buyer may do this")
    _free(ctx, reservation, "release", op.reason)


@RESERVATION.on_lapse("expire")
def reservation_expires(ctx: Context, reservation: Reservation) -> None:
    """The supplier neither contracted nor released it, which counts in its record."""
    _free(ctx, reservation, "expire", "the time limit passed")
    desk = desk_of(ctx.state, reservation.supplier)
    ctx.put(DESK, structs.replace(desk, missed=desk.missed + 1), reservation.supplier)


def _free(ctx: Context, reservation: Reservation, event: str, reason: str) -> None:
    freed = ctx.move(RESERVATION, reservation, event, reason=reason)
    unreserve(ctx, freed.supply, freed.quantity)
    unreserve(ctx, freed.demand, freed.quantity)
    tell_reservation(ctx, freed)


def leave(ctx: Context, lei: str, limit: int | None = None) -> int:
    """End what a party has in the market, up to a number of objects; how many ended."""
    matches = [item.key for _, item in ctx.state.scan(ITEM, lei, MATCH.name)][:limit]
    for (id,) in matches:
        match = _match_of(ctx, id)
        event = "lapse" if ctx.time > match.due else "decline"
        _tell(ctx, ctx.move(MATCH, match, event, reason=f"{lei} takes on nothing new"))
    rest = None if limit is None else limit - len(matches)
    reserved = [item.key for _, item in ctx.state.scan(ITEM, lei, RESERVATION.name)][:rest]
    for (id,) in reserved:
        reservation = reservation_of(ctx, id)
        event = "expire" if ctx.time > reservation.due else "release"
        _free(ctx, reservation, event, f"{lei} takes on nothing new")
    done = len(matches) + len(reserved)
    return done + withdraw_all(ctx, lei, None if limit is None else limit - done)


@on_standing_change
def standing_changed(ctx: Context, before: Party, after: Party) -> None:
    """Who may take on nothing new leaves the market: nothing in it is an obligation yet."""
    if before.may(Right.OBLIGE) and not after.may(Right.OBLIGE):
        leave(ctx, after.lei)


@on_succession("market")
def entries_do_not_pass(ctx: Context, old: str, new: str, limit: int) -> int:
    """A successor posts what it supplies or needs itself."""
    return leave(ctx, old, limit)


def reservation_of(ctx: Context, id: bytes, *, field: str = "reservation") -> Reservation:
    """The reservation of an id; raises ``NOT_FOUND``."""
    return ctx.find(RESERVATION_TABLE, id, what="reservation", field=field)


def _match_of(ctx: Context, id: bytes) -> Match:
    return ctx.find(MATCH_TABLE, id, what="match", field="match")


def _tell(ctx: Context, match: Match) -> None:
    ctx.emit(MatchChanged(match.id, match.parties, match.agreed, match.state, match.reason))


def tell_reservation(ctx: Context, reservation: Reservation) -> None:
    """Tell both sides of a reservation's new state."""
    ctx.emit(
        ReservationChanged(
            reservation.id,
            reservation.supplier,
            reservation.buyer,
            reservation.quantity,
            reservation.value,
            reservation.state,
            reservation.contract_kind,
            reservation.contract,
            reservation.reason,
        )
    )
