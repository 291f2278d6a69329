"""Debts settled in bulk are settled as one by one."""

from __future__ import annotations

from clearing import NAMES, clearing_ledger, owes
from hypothesis import given, settings
from hypothesis import strategies as st
from ledger_in_memory import Ledger, lei

from contracts.currency.bulk import net_debts
from contracts.currency.debts import debts_between, settle_debt
from contracts.currency.records import REQUEST_TABLE, PaymentRequest, RequestState
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.context import Context
from contracts.framework.machine import ITEM
from contracts.framework.posting import balances
from contracts.framework.schedule import DEADLINE
from ledger.state import Overlay, State

A, B, *_ = NAMES
CYCLE = bytes(range(32))


def _books(state: State) -> list[tuple[str, int, int]]:
    return [(account, b.amount, b.count) for account, _, b in balances(state)]


def _lists(state: State) -> list[object]:
    return [list(state.scan(ITEM)), list(state.scan(DEADLINE))]


def _context(ledger: Ledger, overlay: Overlay) -> Context:
    return Context(overlay, bytes(32), ledger.height + 1, ledger.time + 1, 0, CYCLE)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(1, 20)), min_size=1, max_size=6),
    st.integers(0, 25),
    st.integers(1, 300),
)
def test_bulk_settlement_equals_settling_one_debt_after_the_other(
    debts: list[tuple[int, int]], days: int, amount: int
) -> None:
    ledger = clearing_ledger()
    for each, due in debts:
        owes(ledger, A, B, each, days=due)
    ledger.later(days * MS_PER_DAY)
    amount = min(amount, sum(each for each, _ in debts))
    found = list(debts_between(ledger.state, lei(A), lei(B)))

    single = ledger.overlay()
    ctx, left = _context(ledger, single), amount
    for debt in found:
        part = min(left, debt.remaining)
        if part:
            settle_debt(ctx, debt.id, part, "netting")
        left -= part
    bulk = ledger.overlay()
    both = _context(ledger, bulk)
    net_debts(both, [(lei(A), lei(B), [d.id for d in found], amount)], CYCLE)
    both.finish_operation()

    records = [[s.get(REQUEST_TABLE, d.id) for d in found] for s in (single, bulk)]
    assert records[0] == records[1]
    assert _lists(single) == _lists(bulk)
    assert [(a, n) for a, n, _ in _books(single)] == [(a, n) for a, n, _ in _books(bulk)]
    assert sum(p.amount for p in both.postings) == 0
    # What was encoded without a second check can be read again.
    again = State(_Bytes(bulk))
    assert [again.get(REQUEST_TABLE, d.id) for d in found] == records[1]
    assert _books(again) == _books(bulk)
    settled = [r for r in records[1] if isinstance(r, PaymentRequest)]
    assert all((r.state is RequestState.NETTED) is (r.remaining == 0) for r in settled)


class _Bytes:
    """An overlay's content as bytes, over what it stands on."""

    def __init__(self, overlay: Overlay) -> None:
        self._changes = overlay.changes()
        self._below = overlay._parent._reader

    def get(self, key: bytes) -> bytes | None:
        return self._changes[key] if key in self._changes else self._below.get(key)

    def scan(self, prefix: bytes, start: bytes = b"") -> object:
        merged = dict(self._below.scan(prefix, start))
        for key, value in self._changes.items():
            if key.startswith(prefix) and key >= start:
                merged[key] = value
        return ((k, v) for k, v in sorted(merged.items()) if v is not None)
