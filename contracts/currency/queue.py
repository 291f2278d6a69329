"""The payment queue: what waits for money is paid singly, or together where each waits for another.

A round looks at a window of the queue, first come first. It starts from the wish that all of its
payments be made, and takes back, for every payer that could not cover them, its last ones until it
can (Bech & Soramäki, *Gridlock resolution in interbank payment systems*, 2001). What is left is
paid in one step: a payment that its payer can cover alone, two that offset each other and a whole
gridlock of many are the same case. Each payment is taken back at most once per try, so a round is
bounded by the window.
"""

from __future__ import annotations

from collections.abc import Sequence

from contracts.accounts import AVAIL
from contracts.currency.events import PaymentQueued, QueuedPaymentEnded
from contracts.currency.positions import home_of, position_of, swing_of
from contracts.currency.queue_operations import CancelQueued, QueuePayment
from contracts.currency.queue_records import (
    QUEUE,
    QUEUE_COUNT,
    QUEUE_STATE,
    QUEUED,
    QUEUED_TABLE,
    InQueue,
    QueueCount,
    QueuedPayment,
    QueuedState,
    QueueState,
)
from contracts.currency.records import CurrencyParameters
from contracts.errors import INVALID_TERMS, QUEUE_FULL
from contracts.framework.context import Context
from contracts.framework.operation import transition
from contracts.framework.party import PARTY, Right
from contracts.framework.posting import LINE, Unit, balance_of
from contracts.framework.schedule import deadline
from ledger.errors import CodedError
from ledger.state import State

ROUND = "payment queue"
_START = b""


def headroom(state: State, member: str) -> int:
    """What a member can pay now: its available money and what its credit line adds."""
    return balance_of(state, AVAIL.of(member)) + balance_of(state, LINE.of(member))


@transition(QueuePayment)
def queue_payment(ctx: Context, op: QueuePayment) -> None:
    """Pay at once or put the payment into the queue."""
    if op.payee == ctx.author:
        raise CodedError(INVALID_TERMS, "the payee is another party", field="payee")
    ctx.party(op.payee, Right.RECEIVE, field="payee")
    latest = ctx.in_days(ctx.params(CurrencyParameters).queue_days)
    if not ctx.time < op.until <= latest:
        raise CodedError(
            INVALID_TERMS, f"a payment waits until after now and {latest} at most", field="until"
        )
    enqueue(ctx, ctx.author, op.payee, op.amount, op.until, op.text)


def enqueue(
    ctx: Context, payer: str, payee: str, amount: int, until: int, text: str
) -> QueuedPayment:
    """Put a payment into the queue and try it and its payer's earlier ones at once.

    Raises ``QUEUE_FULL``.
    """
    count = ctx.get(QUEUE_COUNT, payer) or QueueCount(0)
    most = ctx.params(CurrencyParameters).queue_per_payer
    if count.count >= most:
        raise CodedError(QUEUE_FULL, f"{payer} has {count.count} queued payments, at most {most}")
    place = (ctx.time, ctx.index)
    id = ctx.new_id()
    payment = QueuedPayment(id, payer, payee, amount, text, place, QueuedState.QUEUED, until)
    ctx.open(QUEUED, payment)
    ctx.put(QUEUE, InQueue(id), *place, id)
    ctx.put(QUEUE_COUNT, QueueCount(count.count + 1), payer)
    ctx.emit(PaymentQueued(id, payer, payee, amount, until))
    first_of_payer = not count.count
    if first_of_payer and _settleable(ctx, [payment]):
        _complete(ctx, [payment])
    else:
        _call_round(ctx)
    return payment


@transition(CancelQueued)
def cancel_queued(ctx: Context, op: CancelQueued) -> None:
    """Take the author's payment out."""
    payment = ctx.find(QUEUED_TABLE, op.payment, what="queued payment", field="payment")
    ctx.require_author(payment.payer, capacity="the payer")
    _end(ctx, payment, "cancel", "cancelled by the payer")


@QUEUED.on_lapse("time out")
def times_out(ctx: Context, payment: QueuedPayment) -> None:
    """There was no money in time."""
    _end(ctx, payment, "time out", "no money in time")


def _end(
    ctx: Context, payment: QueuedPayment, event: str, reason: str, *, together: int = 0
) -> None:
    ended = ctx.move(QUEUED, payment, event, reason=reason)
    ctx.delete(QUEUE, *payment.place, payment.id)
    count = ctx.find(QUEUE_COUNT, payment.payer, what="count of queued payments").count - 1
    if count:
        ctx.put(QUEUE_COUNT, QueueCount(count), payment.payer)
    else:
        ctx.delete(QUEUE_COUNT, payment.payer)
    ctx.emit(
        QueuedPaymentEnded(
            payment.id,
            payment.payer,
            payment.payee,
            payment.amount,
            ended.state.value,
            together,
            reason,
        )
    )


# Rounds


def _call_round(ctx: Context) -> None:
    """Have a round come, unless one is coming."""
    queue = ctx.get(QUEUE_STATE) or QueueState(0, _START)
    interval = ctx.params(CurrencyParameters).queue_interval
    if queue.next_round and queue.next_round + interval >= ctx.time:
        return
    at = ctx.time + interval
    ctx.schedule(at, ROUND)
    ctx.put(QUEUE_STATE, QueueState(at, queue.after))


@deadline(ROUND)
def hold_round(ctx: Context) -> None:
    """Pay what can be paid of one window of the queue, and have the next round come."""
    queue = ctx.get(QUEUE_STATE) or QueueState(0, _START)
    window, after = _window(ctx, queue.after)
    possible = []
    for payment in window:
        reason = _forbidden(ctx.state, payment)
        if reason:
            _end(ctx, payment, "cancel", reason)
        elif ctx.time <= payment.due:
            possible.append(payment)
    together = _settleable(ctx, possible)
    if together:
        _complete(ctx, together)
    ctx.put(QUEUE_STATE, QueueState(0, after))
    if next(iter(ctx.state.scan(QUEUE)), None) is not None:
        _call_round(ctx)


def _window(ctx: Context, after: bytes) -> tuple[list[QueuedPayment], bytes]:
    """The next payments in turn, and where the round after this one starts."""
    most = ctx.params(CurrencyParameters).queue_window
    found: list[QueuedPayment] = []
    last = after
    for key, entry in ctx.state.scan(QUEUE, after=after or None):
        if len(found) == most:
            return found, last
        last = key
        found.append(ctx.find(QUEUED_TABLE, entry.payment, what="queued payment"))
    return found, _START


def _forbidden(state: State, payment: QueuedPayment) -> str:
    for lei, right in ((payment.payer, Right.PAY), (payment.payee, Right.RECEIVE)):
        party = state.get(PARTY, lei)
        if party is None or not party.may(right):
            return f"{lei} may no longer {right.value}"
    return ""


def _settleable(ctx: Context, payments: Sequence[QueuedPayment]) -> list[QueuedPayment]:
    """The payments that can be made together, in turn."""
    left = list(payments)
    while left:
        left = _covered(ctx.state, left)
        worst = _over_swing(ctx.state, left)
        if worst is None:
            break
        left.remove(worst)
    return left


def _covered(state: State, payments: list[QueuedPayment]) -> list[QueuedPayment]:
    """What is left when payers that cannot cover their payments take back the last of them."""
    room: dict[str, int] = {}
    own: dict[str, list[int]] = {}
    for index, payment in enumerate(payments):
        own.setdefault(payment.payer, []).append(index)
        for member in (payment.payer, payment.payee):
            if member not in room:
                room[member] = headroom(state, member)
        room[payment.payer] -= payment.amount
        room[payment.payee] += payment.amount
    back: set[int] = set()
    short = [member for member in room if room[member] < 0 and own.get(member)]
    while short:
        member = short.pop()
        while room[member] < 0 and own[member]:
            index = own[member].pop()
            back.add(index)
            payment = payments[index]
            room[member] += payment.amount
            room[payment.payee] -= payment.amount
            if room[payment.payee] < 0 and own.get(payment.payee):
                short.append(payment.payee)
    return [payment for index, payment in enumerate(payments) if index not in back]


def _over_swing(state: State, payments: list[QueuedPayment]) -> QueuedPayment | None:
    """The last payment that takes a state further beyond its swing limit, or None."""
    changes: dict[str, int] = {}
    homes = [(home_of(state, p.payer), home_of(state, p.payee)) for p in payments]
    for payment, (payer, payee) in zip(payments, homes, strict=True):
        changes[payer] = changes.get(payer, 0) - payment.amount
        changes[payee] = changes.get(payee, 0) + payment.amount
    for country, change in changes.items():
        limit = swing_of(state, country)
        net = position_of(state, country).net
        if limit and abs(net + change) > max(limit, abs(net)):
            side = 0 if net + change < 0 else 1
            for payment, pair in zip(reversed(payments), reversed(homes), strict=True):
                if pair[side] == country and pair[0] != pair[1]:
                    return payment
    return None


def _complete(ctx: Context, payments: Sequence[QueuedPayment]) -> None:
    for payment in payments:
        _end(ctx, payment, "complete", "", together=len(payments))
        ctx.post(Unit.SCU, AVAIL.of(payment.payer), AVAIL.of(payment.payee), payment.amount)
