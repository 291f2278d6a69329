"""What is true of guarantees after every block. The numbers are those that auditors check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from contracts.capacity import COVER, capacity_of
from contracts.framework.capability import invariant
from contracts.framework.posting import balances, kind_of, owner_of
from contracts.guarantee.records import (
    DEMAND,
    DEMANDED,
    GUARANTEE_TABLE,
    PAYMENT,
    PAYMENT_OF,
    SUBROGATION,
    DemandState,
    Guarantee,
    GuaranteeState,
)
from contracts.guarantee.undertaking import PURPOSE
from ledger.state import State


def _name(guarantee: Guarantee) -> str:
    return f"guarantee {guarantee.id.hex()[:16]}"


@invariant("guarantees-add-up", 9, 10)
def guarantees_add_up(state: State) -> Iterator[str]:
    """Issued and increases equal payments, reductions, what remains, and what lapsed unpaid."""
    paid: Counter[bytes] = Counter()
    for _, payment in state.scan(PAYMENT):
        paid[payment.guarantee] += payment.amount
    for _, guarantee in state.scan(GUARANTEE_TABLE):
        name = _name(guarantee)
        if guarantee.paid != paid[guarantee.id]:
            total = paid[guarantee.id]
            yield f"{name}: {guarantee.paid} is counted as paid, payments sum to {total}"
        given = guarantee.amount + guarantee.increases
        used = guarantee.paid + guarantee.reduced + guarantee.remaining + guarantee.lapsed
        was_issued = guarantee.in_force or guarantee.paid or guarantee.reduced or guarantee.lapsed
        if was_issued and given != used:
            yield f"{name}: {given} was promised, {used} is accounted for"
        if guarantee.remaining and not guarantee.in_force:
            yield f"{name}: {guarantee.state.value} with {guarantee.remaining} remaining"


@invariant("payments-follow-demands", 10)
def payments_follow_demands(state: State) -> Iterator[str]:
    """Each payment meets one demand of its amount that came in time, and each is met once."""
    met: set[bytes] = set()
    for _, payment in state.scan(PAYMENT):
        name = f"payment {payment.id.hex()[:16]}"
        demand = state.get(DEMAND, payment.demand)
        guarantee = state.get(GUARANTEE_TABLE, payment.guarantee)
        if demand is None or guarantee is None or demand.guarantee != payment.guarantee:
            yield f"{name}: no demand under its guarantee"
            continue
        if demand.state is not DemandState.PAID or demand.amount != payment.amount:
            yield f"{name}: its demand of {demand.amount} is {demand.state.value}"
        if demand.presented > guarantee.expires:
            yield f"{name}: its demand came after the guarantee's term"
        if payment.demand in met:
            yield f"{name}: its demand was met before"
        met.add(payment.demand)
        parts = payment.cash + payment.collateral + payment.support + payment.owed + payment.goods
        if parts != payment.amount:
            yield f"{name}: its parts sum to {parts}, not {payment.amount}"
        if state.get(PAYMENT_OF, payment.guarantee, payment.id) is None:
            yield f"{name}: not listed under its guarantee"
    for _, demand in state.scan(DEMAND):
        if demand.state is DemandState.PAID and demand.id not in met:
            yield f"demand {demand.id.hex()[:16]}: paid without a payment"


@invariant("one-open-demand", 10)
def one_open_demand(state: State) -> Iterator[str]:
    """A guarantee has an open demand exactly while one is examined, stayed, due or contested."""
    open_demands = {
        demand.id: demand.guarantee
        for _, demand in state.scan(DEMAND)
        if demand.state is DemandState.OPEN
    }
    for _, guarantee in state.scan(GUARANTEE_TABLE):
        busy = guarantee.state in DEMANDED
        if busy and open_demands.pop(guarantee.demand or b"", None) != guarantee.id:
            yield f"{_name(guarantee)}: {guarantee.state.value} without its open demand"
        contested = guarantee.state is GuaranteeState.CONTESTED
        if not busy and (guarantee.demand is not None) is not contested:
            yield f"{_name(guarantee)}: {guarantee.state.value} names a wrong demand"
    for demand in sorted(open_demands):
        yield f"demand {demand.hex()[:16]}: open, but its guarantee does not know"


@invariant("payments-subrogate-once", 11)
def payments_subrogate_once(state: State) -> Iterator[str]:
    """Every payment passes exactly one claim, of its amount, to the guarantor that paid."""
    passed = {entry.payment: entry for _, entry in state.scan(SUBROGATION)}
    for _, payment in state.scan(PAYMENT):
        entry = passed.pop(payment.id, None)
        name = f"payment {payment.id.hex()[:16]}"
        if entry is None:
            yield f"{name}: no claim passed"
            continue
        if entry.amount != payment.amount or entry.goods + entry.cash != entry.amount:
            yield f"{name}: {payment.amount} was paid, {entry.goods} + {entry.cash} passed"
        if entry.guarantor != payment.guarantor:
            yield f"{name}: the claim passed to somebody else"
        if entry.recoverable < 0:
            yield f"{name}: more was received and converted than passed in goods"
    for id in sorted(passed):
        yield f"a claim passed without payment {id.hex()[:16]}"


@invariant("guarantees-within-capacity", 3)
def guarantees_within_capacity(state: State) -> Iterator[str]:
    """Per guarantor, capacity is committed for what remains, within what it posted."""
    expected: Counter[str] = Counter()
    for _, guarantee in state.scan(GUARANTEE_TABLE):
        if guarantee.in_force:
            expected[guarantee.guarantor] += guarantee.remaining
    actual: Counter[str] = Counter()
    guarantors: set[str] = set()
    for account, _, balance in balances(state):
        if kind_of(account) is COVER:
            guarantors.add(owner_of(account))
            if account.endswith(f"/{PURPOSE}"):
                actual[owner_of(account)] += balance.amount
    for guarantor in sorted(expected.keys() | guarantors):
        if expected[guarantor] != actual[guarantor]:
            yield (
                f"{guarantor}: {actual[guarantor]} committed for {expected[guarantor]} guaranteed"
            )
        capacity = capacity_of(state, guarantor)
        if capacity.posted != capacity.free + capacity.committed:
            yield (
                f"{guarantor}: posted {capacity.posted}, free {capacity.free}, "
                f"committed {capacity.committed}"
            )


INVARIANTS = (
    guarantees_add_up,
    payments_follow_demands,
    one_open_demand,
    payments_subrogate_once,
    guarantees_within_capacity,
)
