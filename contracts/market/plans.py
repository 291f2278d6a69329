"""Plans over the whole book of a kind of goods: found outside the ledger, proved to it."""

from __future__ import annotations

from typing import NamedTuple

from contracts.errors import BOOK_CHANGED, INVALID_TERMS, NOT_OPTIMAL, OVER_BALANCE_LIMIT, OVER_BOOK
from contracts.framework.context import Context
from contracts.framework.operation import transition
from contracts.framework.party import PARTY, Right
from contracts.market import operations as ops
from contracts.market.book import HS_DIGITS, listed, value_at
from contracts.market.events import PlanVerified
from contracts.market.fitting import misfit, unit_cost
from contracts.market.matches import check_leg, propose
from contracts.market.optimal import Flow, flaw, worth_of
from contracts.market.parameters import MarketParameters
from contracts.market.records import PLAN, Entry, GoodsKind, Leg, MatchKind, Plan, Side
from ledger.codec import encode
from ledger.errors import CodedError
from ledger.hashing import Tag, digest
from ledger.limits import MAX_INT
from ledger.state import State


class Book(NamedTuple):
    """The open entries of a kind of goods whose owners may take on obligations, by id."""

    kind: GoodsKind
    hs: str
    unit: str
    supplies: tuple[Entry, ...]
    demands: tuple[Entry, ...]

    @property
    def worth(self) -> list[int]:
        """What a unit of each supply is worth in a plan."""
        return worth_of([unit_cost(entry) for entry in self.supplies], len(self.demands))

    def digest(self, chain_id: bytes) -> bytes:
        """What a plan is bound to: the entries and what is open of them."""
        content = [
            [(entry.id, entry.open) for entry in side] for side in (self.supplies, self.demands)
        ]
        name = ("market.book", self.kind.value, self.hs, self.unit)
        return digest(Tag.DOCUMENT, chain_id, encode((*name, content)))


def book_of(state: State, kind: GoodsKind, hs: str, unit: str) -> Book:
    """The book of a kind of goods, as a plan sees it."""
    sides = []
    for side in (Side.SUPPLY, Side.DEMAND):
        found = []
        for entry in listed(state, kind, hs, unit, side):
            owner = state.get(PARTY, entry.owner)
            if owner is not None and owner.may(Right.OBLIGE):
                found.append(entry)
        sides.append(tuple(found))
    return Book(kind, hs[:HS_DIGITS], unit, sides[0], sides[1])


@transition(ops.ProposePlan)
def propose_plan(ctx: Context, op: ops.ProposePlan) -> None:
    """Verify a plan and propose its legs to their parties."""
    if len(op.hs) != HS_DIGITS:
        raise CodedError(INVALID_TERMS, f"a book has {HS_DIGITS} digits", field="hs")
    book = book_of(ctx.state, op.kind, op.hs, op.unit)
    entries, most = len(book.supplies) + len(book.demands), ctx.params(MarketParameters)
    if entries > most.plan_entries:
        raise CodedError(
            OVER_BOOK, f"the book has {entries} entries; a plan takes {most.plan_entries}"
        )
    now = book.digest(ctx.chain_id)
    if op.book != now:
        raise CodedError(BOOK_CHANGED, f"the book's digest is now {now.hex()}", field="book")
    why = flaw(
        [entry.open for entry in book.supplies],
        [entry.open for entry in book.demands],
        book.worth,
        lambda i, j: not misfit(book.supplies[i], book.demands[j], ctx.time),
        [Flow(leg.supply, leg.demand, leg.quantity) for leg in op.legs],
        _numbers(op.supply_prices, "supply_prices"),
        _numbers(op.demand_prices, "demand_prices"),
    )
    if why:
        raise CodedError(NOT_OPTIMAL, why)
    plan = ctx.new_id()
    cost = quantity = matches = 0
    for index, chosen in enumerate(op.legs):
        supply, demand = book.supplies[chosen.supply], book.demands[chosen.demand]
        leg = Leg(supply.id, demand.id, chosen.quantity, supply.lowest)
        quantity += leg.quantity
        value = value_at(leg.price, leg.quantity)
        cost += value
        if value:  # what is worth less than a minor unit cannot be reserved
            propose(ctx, MatchKind.PLAN, (leg,), (check_leg(ctx, leg, f"legs[{index}]."),), plan)
            matches += 1
    if cost > MAX_INT:
        raise CodedError(OVER_BALANCE_LIMIT, f"the plan costs more than {MAX_INT} minor units")
    record = Plan(plan, ctx.author, op.kind, book.hs, op.unit, quantity, cost, matches, ctx.time)
    ctx.put(PLAN, record, plan)
    ctx.emit(PlanVerified(plan, ctx.author, book.hs, quantity, cost, matches))


def _numbers(values: tuple[bytes, ...], field: str) -> list[int]:
    for index, value in enumerate(values):
        if value[:1] == b"\0":
            raise CodedError(
                INVALID_TERMS, "a number has no leading zeros", field=f"{field}[{index}]"
            )
    return [int.from_bytes(value, "big") for value in values]


def as_bytes(number: int) -> bytes:
    """A natural number as the proof of a plan states it."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
