"""The books: whatever is booked, every unit sums to zero and every history is complete."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_in_memory import CHAIN, lei, member, new_ledger

from contracts.accounts import AVAIL, HELD, ISSUED, PAY, REC
from contracts.framework.context import Context
from contracts.framework.posting import (
    BALANCE,
    LINE,
    Balance,
    Side,
    Unit,
    account_kind,
    account_kinds,
    balance_of,
    balances,
    owner_of,
)
from ledger.errors import CodedError
from ledger.limits import MAX_INT
from ledger.state import Overlay

A, B = lei("Ural Gear"), lei("Volga Bearings")
LEDGER = new_ledger(member("Ural Gear"), member("Volga Bearings"))
ACCOUNTS = (AVAIL.of(A), AVAIL.of(B), HELD.of(A), ISSUED.of("KZ"), REC.of(A, B), PAY.of(B, A))


def context(overlay: Overlay) -> Context:
    return Context(overlay, CHAIN, 1, LEDGER.time, 0, bytes(32), A)


movements = st.lists(
    st.tuples(
        st.sampled_from(ACCOUNTS),
        st.sampled_from(ACCOUNTS),
        st.one_of(st.integers(1, 100), st.integers(1, MAX_INT)),
    ),
    max_size=12,
)


@given(movements)
def test_any_movements_keep_the_sum_at_zero_and_the_histories_whole(
    plan: list[tuple[str, str, int]],
) -> None:
    overlay = Overlay(LEDGER.state)
    ctx = context(overlay)
    for debit, credit, amount in plan:
        try:
            ctx.post(Unit.SCU, debit, credit, amount)
        except CodedError as error:
            assert error.code.name in {"SAME_ACCOUNT", "OVER_BALANCE_LIMIT"}
            return
    assert sum(balance.amount for _, _, balance in balances(overlay)) == 0
    assert sum(posting.amount for posting in ctx.postings) == 0
    for account in ACCOUNTS:
        own = [p for p in ctx.postings if p.account == account]
        assert [p.sequence for p in own] == list(range(1, len(own) + 1))
        running = 0
        for posting in own:
            running += posting.amount
            assert posting.balance == running
        assert balance_of(overlay, account) == running


@given(movements)
def test_bounds_are_those_of_each_kind(plan: list[tuple[str, str, int]]) -> None:
    overlay = Overlay(LEDGER.state)
    ctx = context(overlay)
    try:
        for debit, credit, amount in plan:
            ctx.post(Unit.SCU, debit, credit, amount)
        ctx.finish_operation()
    except CodedError as error:
        assert error.code.name in {"SAME_ACCOUNT", "OVER_BALANCE_LIMIT", "INSUFFICIENT_FUNDS"}
        return
    for account, _, balance in balances(overlay):
        side = account_kinds()[account.split("/")[1]].side
        assert balance.amount >= 0 if side in (Side.CREDIT, Side.LINE) else balance.amount <= 0


def with_line(line: int) -> Overlay:
    overlay = Overlay(LEDGER.state)
    overlay.put(BALANCE, Balance(line, 1, 0, 0), LINE.of(A), Unit.LINE.value)
    return overlay


@pytest.mark.parametrize(("line", "amount", "code"), [
    (0, 1, "INSUFFICIENT_FUNDS"), (100, 100, ""), (100, 101, "OVER_CREDIT_LINE"),
])  # fmt: skip
def test_a_limit_error_says_limit_and_not_balance(line: int, amount: int, code: str) -> None:
    ctx = context(with_line(line))
    ctx.post(Unit.SCU, AVAIL.of(A), AVAIL.of(B), amount)
    try:
        ctx.finish_operation()
        assert code == ""
    except CodedError as error:
        assert error.code.name == code


def test_only_members_are_credited() -> None:
    with pytest.raises(CodedError, match="STANDING_FORBIDS"):
        context(Overlay(LEDGER.state)).post(Unit.SCU, AVAIL.of(A), AVAIL.of(lei("x")), 1)


@pytest.mark.parametrize("amount", [0, -1])
def test_a_movement_is_positive(amount: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        context(Overlay(LEDGER.state)).post(Unit.SCU, AVAIL.of(A), AVAIL.of(B), amount)


def test_an_account_names_its_owner_and_a_kind_is_declared_once() -> None:
    assert owner_of(REC.of(A, B)) == A
    with pytest.raises(ValueError, match="twice"):
        account_kind("avail", "again", unit=Unit.SCU, side=Side.FREE)
