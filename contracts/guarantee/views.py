"""What people ask about guarantees: mine, one with its history, and a guarantor's statement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from contracts.capacity import Capacity, capacity_of
from contracts.framework.machine import ITEM
from contracts.guarantee.records import (
    AMENDMENT,
    DEMAND,
    EXAMINED,
    GUARANTEE,
    GUARANTEE_TABLE,
    OPEN_AMENDMENT,
    PAYMENT,
    PAYMENT_OF,
    SUBROGATION,
    Amendment,
    Demand,
    Guarantee,
    Payment,
    Subrogation,
)
from ledger.state import State


class Settled(NamedTuple):
    """A payment and the claim that passed by it."""

    payment: Payment
    passed: Subrogation | None


class Whole(NamedTuple):
    """A guarantee with what belongs to it.

    ``open_demand`` is open or contested, ``newest_demand`` the last one presented.
    """

    guarantee: Guarantee
    open_demand: Demand | None
    newest_demand: Demand | None
    amendment: Amendment | None
    payments: tuple[Settled, ...]


class Exposure(NamedTuple):
    """A guarantor's statement: capacity, and its guarantees in force by their remaining amount."""

    capacity: Capacity
    in_force: tuple[Guarantee, ...]
    demanded: int
    recoverable_in_goods: int


class Task(NamedTuple):
    """Something that waits for a party; ``due`` is its time limit in ms, or 0."""

    machine: str
    id: bytes
    state: str
    due: int


def guarantees_of(state: State, party: str) -> Iterator[Guarantee]:
    """The guarantees that a party is in and that have not ended, in the order of their ids."""
    for _, item in state.scan(ITEM, party, GUARANTEE.name):
        found = state.get(GUARANTEE_TABLE, item.key[0])
        if found is not None:
            yield found


def whole(state: State, id: bytes) -> Whole | None:
    """A guarantee with everything that belongs to it, or None."""
    guarantee = state.get(GUARANTEE_TABLE, id)
    if guarantee is None:
        return None
    waiting = state.get(OPEN_AMENDMENT, id)
    return Whole(
        guarantee,
        None if guarantee.demand is None else state.get(DEMAND, guarantee.demand),
        None if guarantee.newest is None else state.get(DEMAND, guarantee.newest),
        None if waiting is None else state.get(AMENDMENT.table, waiting.amendment),
        tuple(payments_of(state, id)),
    )


def payments_of(state: State, guarantee: bytes) -> Iterator[Settled]:
    """The payments under a guarantee and what passed by each."""
    for _, entry in state.scan(PAYMENT_OF, guarantee):
        payment = state.get(PAYMENT, entry.payment)
        if payment is not None:
            yield Settled(payment, state.get(SUBROGATION, payment.id))


def exposure(state: State, guarantor: str) -> Exposure:
    """What a guarantor has promised, what is demanded of it, and what it may still recover."""
    bound = [g for g in guarantees_of(state, guarantor) if g.in_force and g.guarantor == guarantor]
    demanded = recoverable = 0
    for guarantee in bound:
        demand = None if guarantee.demand is None else state.get(DEMAND, guarantee.demand)
        demanded += 0 if demand is None else demand.amount
    for _, passed in state.scan(SUBROGATION):
        if passed.guarantor == guarantor:
            recoverable += passed.recoverable
    return Exposure(capacity_of(state, guarantor), tuple(bound), demanded, recoverable)


def tasks(state: State, party: str) -> Iterator[Task]:
    """What waits for a party in guarantees and amendments."""
    for name in (AMENDMENT.name, GUARANTEE.name):
        for _, item in state.scan(ITEM, party, name):
            if item.acts:
                yield Task(item.machine, item.key[0], item.state, item.due)


def was_examined(state: State, guarantee: bytes, item: bytes) -> bool | None:
    """Whether the guarantor objected to a document it saw before; None if it never saw it."""
    found = state.get(EXAMINED, guarantee, item)
    return None if found is None else found.objected
