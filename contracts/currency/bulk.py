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
_OPEN: Final = OPEN_DEBT.prefix
_DEADLINE: Final = DEADLINE.prefix
_ITEM: Final = ITEM.prefix
_BALANCE: Final = BALANCE.prefix
_IN_SCU: Final = b"\0SCU\0"
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
        left = amount
        for id in debts:
            left -= _net(ctx, writes, followed, id, left, by)
            if not left:
                break
        if left:
            raise ValueError("less is owed than is to be netted")
        _book(ctx, writes, f"{debtor}/pay/{creditor}", -amount)
        _book(ctx, writes, f"{creditor}/rec/{debtor}", amount)
    ctx.state.write_known(writes)
    for debt, amount in followed:
        follower_of(debt).reduced(ctx, debt, amount, NETTING)


def _book(ctx: Context, writes: list[Write], account: str, amount: int) -> None:
    """Bring an account nearer to zero. It stays in its bounds, so nothing is checked later."""
    key = _BALANCE + account.encode() + _IN_SCU
    old = ctx.state.read_once(BALANCE, key)
    before = 0 if old is None else old.amount
    after = before + amount
    if old is None or abs(after) + abs(amount) != abs(before):
        raise ValueError(f"{account} does not come nearer to zero")
    count = old.count + 1
    new = Balance(after, count, ctx.height, ctx.index)
    writes.append((key, new, BALANCE.encode_known(new)))
    ctx.postings.append(Posting(account, "SCU", amount, after, count, (old.height, old.index)))


def _net(
    ctx: Context,
    writes: list[Write],
    followed: list[tuple[PaymentRequest, int]],
    id: bytes,
    amount: int,
    by: bytes,
) -> int:
    """Extinguish up to ``amount`` of a debt; how much it was."""
    key = _REQUEST + id
    old = ctx.state.read_once(REQUEST_TABLE, key)
    if old is None or old.state not in _PART:
        raise ValueError("only debts that nobody contests are netted")
    remaining = old.amount - old.paid
    if is_followed(old):
        followed.append((old, min(remaining, amount)))
    debtor, creditor = old.debtor.encode() + b"\0", old.creditor.encode() + b"\0"
    tail = _MACHINE + id
    if remaining <= amount:
        new = _changed(old, _S.NETTED, 0, old.amount, by)
        writes.append((key, new, REQUEST_TABLE.encode_known(new)))
        payable = old.payable.to_bytes(8, "big")
        writes.append((_OPEN + debtor + creditor + payable + id, None, None))
        if old.due:
            writes.append((_DEADLINE + old.due.to_bytes(8, "big") + tail, None, None))
        writes.append((_ITEM + debtor + tail, None, None))
        writes.append((_ITEM + creditor + tail, None, None))
        return remaining
    late = bool(old.due) and ctx.time > old.due
    part = _S.OVERDUE if late else _PART[old.state]
    due = 0 if late else old.due
    new = _changed(old, part, due, old.paid + amount, by)
    writes.append((key, new, REQUEST_TABLE.encode_known(new)))
    if late:
        writes.append((_DEADLINE + old.due.to_bytes(8, "big") + tail, None, None))
    if part is not old.state:
        for name, acts in ((debtor, True), (creditor, False)):
            item = Item(REQUEST.name, (id,), part.value, due, acts)
            writes.append((_ITEM + name + tail, item, ITEM.encode_known(item)))
    return amount


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
