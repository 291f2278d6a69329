"""Queued payments, payment mandates and standing orders: what is stored, and their lives."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from contracts.framework.machine import Limit, Machine, step
from contracts.framework.types import Count, Instant, Lei, Money, MoneyOrNone, ObjectId
from ledger.codec import Struct, Uint
from ledger.state import Table


class QueuedState(StrEnum):
    """A payment that waits for money, or how it ended."""

    QUEUED = "queued"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed out"


class QueuedPayment(Struct, tag=1):
    """A payment that is made as soon as its payer has the money.

    ``place`` orders the queue: block time in ms and position in the block, first come first.
    """

    id: ObjectId
    payer: Lei
    payee: Lei
    amount: Money
    text: str
    place: tuple[Uint, Uint]
    state: QueuedState
    due: Uint
    reason: str = ""


class InQueue(Struct, tag=1):
    """Index entry: a payment that waits."""

    payment: ObjectId


class QueueState(Struct, tag=1):
    """When the next round is due (ms), 0 for none, and after which key of the queue it starts."""

    next_round: Instant
    after: bytes


class QueueCount(Struct, tag=1):
    """How many payments of a payer wait."""

    count: Count


QUEUED_TABLE: Final = Table("queued", QueuedPayment)
"""By id."""
QUEUE: Final = Table("queue", InQueue)
"""By place (two integers) and id: first come first."""
QUEUE_STATE: Final = Table("queue.state", QueueState)
"""One record."""
QUEUE_COUNT: Final = Table("queue.count", QueueCount)
"""By payer."""

_Q = QueuedState
QUEUED: Final = Machine[QueuedPayment](
    name="queued payment",
    meaning="A payment that waits for money and is made alone or together with others.",
    table=QUEUED_TABLE,
    key=lambda p: (p.id,),
    states=QueuedState,
    initial=(_Q.QUEUED,),
    transitions=(
        step("complete", _Q.QUEUED, _Q.COMPLETED, "a round of the queue"),
        step("cancel", _Q.QUEUED, _Q.CANCELLED, "payer, or a standing that forbids it"),
        step("time out", _Q.QUEUED, _Q.TIMED_OUT, "the time limit"),
    ),
    limits={_Q.QUEUED: Limit("time out", "the payer's own limit, at most 30 days")},
    rests={},
    parties=lambda p: (p.payer, p.payee),
    awaits=lambda p: (),
)


class MandateState(StrEnum):
    """A payment mandate, or how it ended."""

    ACTIVE = "active"
    REVOKED = "revoked"
    EXPIRED = "expired"
    USED_UP = "used up"


class PaymentMandate(Struct, tag=1):
    """An operator may pay on a payer's behalf, within limits (minor units; 0 for no limit).

    ``period`` numbers the current period of ``period_days`` since ``given``, in which ``in_period``
    was paid; ``used`` was paid in all. ``payees`` is empty if anybody may be paid.
    """

    id: ObjectId
    payer: Lei
    operator: Lei
    payees: tuple[Lei, ...]
    per_payment: MoneyOrNone
    per_period: MoneyOrNone
    period_days: Count
    total: MoneyOrNone
    given: Instant
    state: MandateState
    due: Uint
    period: Count = 0
    in_period: MoneyOrNone = 0
    used: MoneyOrNone = 0


PAYMENT_MANDATE_TABLE: Final = Table("mandate", PaymentMandate)
_M = MandateState
PAYMENT_MANDATE: Final = Machine[PaymentMandate](
    name="payment mandate",
    meaning="An operator's permission to pay on a member's behalf within limits.",
    table=PAYMENT_MANDATE_TABLE,
    key=lambda m: (m.id,),
    states=MandateState,
    initial=(_M.ACTIVE,),
    transitions=(
        step("revoke", _M.ACTIVE, _M.REVOKED, "payer or operator"),
        step("use up", _M.ACTIVE, _M.USED_UP, "the payment that reaches the total"),
        step("expire", _M.ACTIVE, _M.EXPIRED, "the time limit"),
    ),
    limits={_M.ACTIVE: Limit("expire", "the mandate's own end")},
    rests={},
    parties=lambda m: (m.payer, m.operator),
    awaits=lambda m: (),
)


class OrderState(StrEnum):
    """A standing order, or how it ended."""

    ACTIVE = "active"
    CANCELLED = "cancelled"
    FINISHED = "finished"


class StandingOrder(Struct, tag=1):
    """A payment that repeats every so many days; ``left`` are the instalments still to come."""

    id: ObjectId
    payer: Lei
    payee: Lei
    amount: Money
    every_days: Count
    left: Count
    text: str
    state: OrderState
    due: Uint
    queued: Count = 0


ORDER_TABLE: Final = Table("standing", StandingOrder)
_O = OrderState
ORDER: Final = Machine[StandingOrder](
    name="standing order",
    meaning="A payment that repeats by itself.",
    table=ORDER_TABLE,
    key=lambda o: (o.id,),
    states=OrderState,
    initial=(_O.ACTIVE,),
    transitions=(
        step("cancel", _O.ACTIVE, _O.CANCELLED, "payer, or a standing that forbids it"),
        step("finish", _O.ACTIVE, _O.FINISHED, "the last instalment"),
    ),
    limits={_O.ACTIVE: Limit("finish", "each instalment's date; the last one ends it")},
    rests={},
    parties=lambda o: (o.payer, o.payee),
    awaits=lambda o: (),
)
