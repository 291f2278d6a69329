"""The book: entries and their quantities. ``open + reserved + contracted + released = posted``."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import structs

from contracts.barter.terms import Ratio, most_value
from contracts.errors import INVALID_TERMS, OVER_BALANCE_LIMIT, OVER_BOOK, OVER_ENTRY
from contracts.framework.context import Context
from contracts.framework.machine import ITEM
from contracts.framework.operation import transition
from contracts.market import operations as ops
from contracts.market.events import EntryEnded, EntryPosted
from contracts.market.fitting import at_most
from contracts.market.parameters import MarketParameters
from contracts.market.records import (
    BOOK,
    DESK,
    ENTRY,
    ENTRY_TABLE,
    Desk,
    Entry,
    EntryState,
    GoodsKind,
    Listed,
    Side,
)
from ledger.errors import CodedError
from ledger.limits import MAX_INT
from ledger.state import KeyPart, State

HS_DIGITS = 6


@transition(ops.Post)
def post(ctx: Context, op: ops.Post) -> None:
    """Check that the entry makes sense and put it into the book."""
    parameters = ctx.params(MarketParameters)
    desk = desk_of(ctx.state, ctx.author)
    if desk.open >= parameters.entries_per_party:
        raise CodedError(
            OVER_BOOK,
            f"{ctx.author} has {desk.open} entries open; the limit is "
            f"{parameters.entries_per_party}",
        )
    _check(ctx, op, parameters)
    entry = Entry(
        id=ctx.new_id(),
        owner=ctx.author,
        side=op.side,
        kind=op.kind,
        sector=op.sector,
        title=op.title,
        hs=op.hs,
        unit=op.unit,
        country=op.country,
        partners=op.partners,
        posted=op.quantity,
        starts=op.starts,
        ends=op.ends,
        lead_days=op.lead_days,
        lowest=op.lowest,
        highest=op.highest,
        state=EntryState.OPEN,
        due=op.until,
        time=ctx.time,
        open=op.quantity,
    )
    ctx.open(ENTRY, entry)
    ctx.put(BOOK, Listed(entry.id), *_place(entry))
    ctx.put(DESK, structs.replace(desk, open=desk.open + 1), ctx.author)
    ctx.emit(EntryPosted(entry.id, entry.owner, entry.side, entry.kind, entry.hs, entry.posted))


def _check(ctx: Context, op: ops.Post, parameters: MarketParameters) -> None:
    latest = ctx.in_days(parameters.entry_days)
    if not ctx.time < op.until <= latest:
        raise _bad(f"an entry stands until after now and {latest} at the latest", "until")
    horizon = ctx.in_days(parameters.horizon_days)
    if not ctx.time < op.ends <= horizon:
        raise _bad(f"the window ends after now and at {horizon} at the latest", "ends")
    if op.starts > op.ends:
        raise _bad("the window ends before it starts", "starts")
    if not at_most(op.lowest, op.highest):
        raise _bad("the lowest price is above the highest", "lowest")
    if op.side is Side.DEMAND and op.lead_days:
        raise _bad("a demand has no lead time", "lead_days")
    if tuple(sorted(set(op.partners))) != op.partners:
        raise _bad("countries are listed once each, in the order of their codes", "partners")
    most = most_value(op.highest, op.quantity)
    if most > MAX_INT:
        raise CodedError(
            OVER_BALANCE_LIMIT,
            f"the entry is worth more than {MAX_INT} minor units",
            field="highest",
        )


def _bad(sentence: str, field: str) -> CodedError:
    return CodedError(INVALID_TERMS, sentence, field=field)


def _place(entry: Entry) -> tuple[KeyPart, ...]:
    return entry.kind.value, entry.hs[:HS_DIGITS], entry.unit, entry.side.value, entry.id


@transition(ops.Withdraw)
def withdraw(ctx: Context, op: ops.Withdraw) -> None:
    """End an own entry."""
    entry = entry_of(ctx, op.entry, field="entry")
    ctx.require_author(entry.owner, capacity="the owner of the entry")
    end(ctx, entry, "withdraw")


@ENTRY.on_lapse("expire")
def entry_expires(ctx: Context, entry: Entry) -> None:
    """What is open of it is released."""
    end(ctx, entry, "expire")


def end(ctx: Context, entry: Entry, event: str) -> Entry:
    """Take an entry out of the book. What is reserved of it stays so until its own end."""
    ended = ctx.move(ENTRY, entry, event, open=0, released=entry.released + entry.open)
    ctx.delete(BOOK, *_place(ended))
    desk = desk_of(ctx.state, ended.owner)
    ctx.put(DESK, structs.replace(desk, open=desk.open - 1), ended.owner)
    ctx.emit(EntryEnded(ended.id, ended.owner, ended.state, ended.contracted, ended.released))
    return ended


def withdraw_all(ctx: Context, owner: str, limit: int | None = None) -> int:
    """End so many of a party's entries, or all; how many ended."""
    keys = [item.key for _, item in ctx.state.scan(ITEM, owner, ENTRY.name)][:limit]
    for (id,) in keys:
        entry = entry_of(ctx, id)
        end(ctx, entry, "expire" if ctx.time > entry.due else "withdraw")
    return len(keys)


# Quantities


def require_open(ctx: Context, entry: Entry, quantity: int, field: str) -> None:
    """Raise ``WRONG_STATE``, ``DEADLINE_PASSED`` or ``OVER_ENTRY`` unless so much is open."""
    ctx.require_open(ENTRY, entry, "withdraw")
    if quantity > entry.open:
        raise CodedError(
            OVER_ENTRY,
            f"{entry.open} {entry.unit} are open of it, {quantity} are asked",
            field=field,
        )


def reserve(ctx: Context, id: bytes, quantity: int) -> None:
    """Move a quantity from open to reserved; the caller has checked that it is open."""
    entry = entry_of(ctx, id)
    ctx.amend(ENTRY, entry, open=entry.open - quantity, reserved=entry.reserved + quantity)


def unreserve(ctx: Context, id: bytes, quantity: int) -> None:
    """Move a reserved quantity back to open, or to released if the entry has ended."""
    entry = entry_of(ctx, id)
    reserved = entry.reserved - quantity
    if entry.state is EntryState.OPEN:
        ctx.amend(ENTRY, entry, reserved=reserved, open=entry.open + quantity)
    else:
        ctx.amend(ENTRY, entry, reserved=reserved, released=entry.released + quantity)


def contract(ctx: Context, id: bytes, quantity: int) -> None:
    """Move a reserved quantity to contracted; an entry of which nothing is left ends."""
    entry = entry_of(ctx, id)
    entry = ctx.amend(
        ENTRY,
        entry,
        reserved=entry.reserved - quantity,
        contracted=entry.contracted + quantity,
    )
    over = not entry.open and not entry.reserved
    if over and entry.state is EntryState.OPEN and ctx.time <= entry.due:
        end(ctx, entry, "exhaust")


# Reading


def entry_of(ctx: Context, id: bytes, *, field: str = "") -> Entry:
    """The entry of an id; raises ``NOT_FOUND``."""
    return ctx.find(ENTRY_TABLE, id, what="entry of the market", field=field)


def desk_of(state: State, lei: str) -> Desk:
    """A party's counts in the market."""
    return state.get(DESK, lei) or Desk()


def listed(state: State, kind: GoodsKind, hs: str, unit: str, side: Side) -> Iterator[Entry]:
    """One side of the book for a kind of goods: entries with something open, by id."""
    for _, place in state.scan(BOOK, kind.value, hs[:HS_DIGITS], unit, side.value):
        entry = state.get(ENTRY_TABLE, place.entry)
        if entry is not None and entry.open:
            yield entry


def value_at(price: Ratio, quantity: int) -> int:
    """What a quantity is worth in minor units, rounded down."""
    return quantity * price.numerator // price.denominator
