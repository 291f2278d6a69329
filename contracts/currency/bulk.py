"""Extinguishing very many debts in one step, as a netting cycle does.

The same as one debt after the other by :mod:`contracts.currency.debts`, and a test holds it to
that; written out flat, because a cycle settles hundreds of thousands of debts and every key that is
built twice counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from contracts.currency.debts import NETTING
from contracts.currency.origins import follower_of, is_followed
from contracts.currency.records import (
    OPEN_DEBT,
    REQUEST,
    REQUEST_TABLE,
    PaymentRequest,
    RequestState,
)
from contracts.framework.context import Context
from contracts.framework.machine import ITEM, Item
from contracts.framework.posting import BALANCE, Balance
from contracts.framework.schedule import DEADLINE
from ledger.receipt import Posting

_S: Final = RequestState
_PART: Final = {_S.ACCEPTED: _S.PART_PAID, _S.PART_PAID: _S.PART_PAID, _S.OVERDUE: _S.OVERDUE}
"""The state of a debt that is netted in part, by its state before: those of the machine."""

_REQUEST: Final = REQUEST_TABLE.prefix
_DEADLINE: Final = DEADLINE.prefix
_encode: Final = REQUEST_TABLE.encode_known
"""The encoder of all tables is the same."""
if (OPEN_DEBT.prefix, ITEM.prefix, BALANCE.prefix) != (b"debt/", b"item/", b"balance/"):
    raise RuntimeError("the keys below are written out with these names")
_MACHINE: Final = REQUEST.name.encode() + b"\0"

Write = tuple[bytes, Any, bytes | None]
"""Key, record and its bytes, or None for both."""

Pair = tuple[str, str, Sequence[bytes], int]
"""Debtor, creditor, ids of debts in the order in which they are cleared, how much (≥ 1)."""


def net_debts(ctx: Context, pairs: Iterable[Pair], by: bytes) -> None:
    """Extinguish so much of each pair's debts, by a netting cycle ``by``; each pair stands once.

    One movement in the books for each pair. No event for each debt: postings and the debts' own
    records tell all of it.
    """
    writes: list[Write] = []
    followed: list[tuple[PaymentRequest, int]] = []
    for debtor, creditor, debts, amount in pairs:
        _net(ctx, writes, followed, debts, amount, by)
        _book(ctx, writes, debtor, creditor, amount)
    ctx.state.write_known(writes)
    for debt, amount in followed:
        follower_of(debt).reduced(ctx, debt, amount, NETTING)


def _book(ctx: Context, writes: list[Write], debtor: str, creditor: str, amount: int) -> None:
    """Bring the two accounts of a pair nearer to zero: in their bounds, so nothing is checked."""
    read, height, index = ctx.state.read_once, ctx.height, ctx.index
    for account, signed in (
        (f"{debtor}/pay/{creditor}", -amount),
        (f"{creditor}/rec/{debtor}", amount),
    ):
        key = b"balance/%b\0SCU\0" % account.encode()
        old = read(BALANCE, key)
        if old is None or not amount <= (old.amount if signed < 0 else -old.amount):
            raise ValueError(f"{account} does not come nearer to zero")
        after, count = old.amount + signed, old.count + 1
        new = Balance(after, count, height, index)
        writes.append((key, new, _encode(new)))
        place = (old.height, old.index)
        ctx.postings.append(Posting(account, "SCU", signed, after, count, place))


def _net(
    ctx: Context,
    writes: list[Write],
    followed: list[tuple[PaymentRequest, int]],
    debts: Sequence[bytes],
    amount: int,
    by: bytes,
) -> None:
    """Extinguish ``amount`` of a pair's debts, in order."""
    read = ctx.state.read_once
    for id in debts:
        key = _REQUEST + id
        old = read(REQUEST_TABLE, key)
        if old is None or old.state not in _PART:
            raise ValueError("only debts that nobody contests are netted")
        remaining = old.amount - old.paid
        if remaining > amount:
            _net_part(ctx, writes, old, amount, by)
            part = amount
        else:
            new = _changed(old, _S.NETTED, 0, old.amount, by)
            debtor = old.debtor.encode()
            place = (debtor, old.creditor.encode(), old.payable.to_bytes(8, "big"), id)
            writes.append((key, new, _encode(new)))
            writes.append((b"debt/%b\0%b\0%b%b" % place, None, None))
            writes.append((b"item/%b\0%b%b" % (debtor, _MACHINE, id), None, None))
            if old.due:
                writes.append((_DEADLINE + old.due.to_bytes(8, "big") + _MACHINE + id, None, None))
            part = remaining
        if is_followed(old):
            followed.append((old, part))
        amount -= part
        if not amount:
            return
    raise ValueError("less is owed than is to be netted")


def _net_part(
    ctx: Context, writes: list[Write], old: PaymentRequest, amount: int, by: bytes
) -> None:
    """Extinguish a part of a debt; one whose date has passed is overdue from now on."""
    late = bool(old.due) and ctx.time > old.due
    part = _S.OVERDUE if late else _PART[old.state]
    due = 0 if late else old.due
    new = _changed(old, part, due, old.paid + amount, by)
    writes.append((_REQUEST + old.id, new, _encode(new)))
    tail = _MACHINE + old.id
    if late:
        writes.append((_DEADLINE + old.due.to_bytes(8, "big") + tail, None, None))
    if part is not old.state:
        item = Item(REQUEST.name, (old.id,), part.value, due, True)
        writes.append((b"item/%b\0%b" % (old.debtor.encode(), tail), item, _encode(item)))


def _changed(
    old: PaymentRequest, state: RequestState, due: int, paid: int, by: bytes
) -> PaymentRequest:
    return PaymentRequest(
        old.id,
        old.creditor,
        old.debtor,
        old.amount,
        paid,
        old.payable,
        old.subject,
        old.document,
        state,
        due,
        old.reason,
        old.origin,
        old.origin_id,
        old.since,
        old.nettable,
        old.opted_out_by,
        NETTING,
        by,
    )
