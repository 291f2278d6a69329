"""The sixteen invariants are complete, hold on a busy cluster, and notice what breaks them."""

from __future__ import annotations

from typing import Any

import pytest
from everything import everything
from ledger_in_memory import Ledger, lei
from msgspec import structs

from contracts.accounts import AVAIL, HELD
from contracts.currency.records import ESCROW_TABLE, EscrowState
from contracts.dispute.events import RulingExecuted
from contracts.framework.event import plain_event
from contracts.framework.party import PARTY, Standing
from contracts.framework.posting import BALANCE, Balance
from contracts.framework.schedule import DEADLINE
from contracts.guarantee.records import GUARANTEE_TABLE
from contracts.history import History, illegal_moves
from contracts.invariants import PROMISES, broken, promise
from contracts.registry import CAPABILITIES
from ledger.codec import encode
from ledger.receipt import Posting, Receipt
from ledger.state import State

GEAR = lei("Ural Gear")


def test_there_are_sixteen_and_each_is_checked() -> None:
    assert [p.number for p in PROMISES] == list(range(1, 17))
    assert len({p.name for p in PROMISES}) == 16
    for one in PROMISES:
        assert promise(one.number) is one
        assert one.checks or one.history
    assert [p.number for p in PROMISES if not p.checks] == [16]


def test_every_capabilitys_invariant_serves_one_of_them() -> None:
    for capability in CAPABILITIES:
        names = [found.name for found in capability.invariants]
        assert len(set(names)) == len(names)
        for found in capability.invariants:
            assert found.numbers and set(found.numbers) <= set(range(1, 17)), found.name
            assert found.meaning


def test_a_busy_cluster_keeps_all_of_them() -> None:
    ledger = everything()
    assert list(broken(ledger.state)) == []
    history = History()
    by_height: dict[int, list[Receipt]] = {}
    for height, receipt in ledger.receipts:
        by_height.setdefault(height, []).append(receipt)
    for height, receipts in by_height.items():
        assert list(history.block(height, receipts)) == []
    assert list(history.against(ledger.state)) == []


def numbers_after(change: Any) -> set[int]:
    """The invariants that a change behind the rules' back breaks."""
    ledger = everything()
    overlay = ledger.overlay()
    change(ledger, overlay)
    ledger.base.apply(overlay.changes())
    found = set()
    for one in PROMISES:
        found |= {one.number for _ in one.broken(ledger.state)}
    return found


def first(ledger: Ledger, table: Any, **wanted: Any) -> Any:
    return next(
        r
        for _, r in ledger.state.scan(table)
        if all(getattr(r, name) == value for name, value in wanted.items())
    )


def more_money(ledger: Ledger, overlay: Any) -> None:
    overlay.put(BALANCE, Balance(10**9, 9, 1, 0), AVAIL.of(GEAR), "SCU")


def held_for_nothing(ledger: Ledger, overlay: Any) -> None:
    overlay.put(BALANCE, Balance(5, 1, 1, 0), HELD.of(GEAR), "SCU")


def an_escrow_forgotten(ledger: Ledger, overlay: Any) -> None:
    escrow = first(ledger, ESCROW_TABLE, state=EscrowState.HELD)
    overlay.put(ESCROW_TABLE, structs.replace(escrow, amount=escrow.amount + 1), escrow.id)


def a_guarantee_grown(ledger: Ledger, overlay: Any) -> None:
    found = next(g for _, g in ledger.state.scan(GUARANTEE_TABLE) if g.remaining)
    overlay.put(GUARANTEE_TABLE, structs.replace(found, remaining=found.remaining + 1), found.id)


def a_deadline_lost(ledger: Ledger, overlay: Any) -> None:
    _, entry = next(iter(ledger.state.scan(DEADLINE)))
    overlay.delete(DEADLINE, *entry.key_parts)


def a_stranger_with_money(ledger: Ledger, overlay: Any) -> None:
    overlay.put(BALANCE, Balance(5, 1, 1, 0), AVAIL.of(lei("a stranger")), "SCU")


@pytest.mark.parametrize(
    ("change", "number"),
    [
        (more_money, 1),
        (more_money, 2),
        (held_for_nothing, 5),
        (an_escrow_forgotten, 5),
        (a_guarantee_grown, 3),
        (a_guarantee_grown, 10),
        (a_deadline_lost, 13),
        (a_stranger_with_money, 14),
    ],
)
def test_what_no_rule_may_do_is_noticed(change: Any, number: int) -> None:
    assert number in numbers_after(change)


def numbers_of(*receipts: Receipt) -> set[int]:
    return {f.number for f in History().block(1, receipts)}


def test_receipts_that_cannot_be_are_noticed() -> None:
    one, two = bytes(32), bytes([1]) * 32
    assert numbers_of(Receipt(one), Receipt(two)) == set()
    assert numbers_of(Receipt(one), Receipt(one)) == {13}
    alone = Posting(f"{GEAR}/avail", "SCU", 5, 5, 1, (0, 0))
    assert numbers_of(Receipt(one, postings=(alone,))) == {1}
    wrong = Posting(f"{GEAR}/avail", "SCU", 5, 6, 1, (0, 0))
    assert 16 in numbers_of(Receipt(one, postings=(wrong,)))
    assert 1 in numbers_of(Receipt(one, code="NOT_FOUND", postings=(alone,)))
    ruled = plain_event(RulingExecuted(two, GEAR, GEAR, 5, 5, 0, 0, 0))
    assert numbers_of(Receipt(one, events=(ruled,)), Receipt(two, events=(ruled,))) == {15}


def test_a_step_that_no_machine_has_is_noticed() -> None:
    ledger = everything()
    before = State(ledger.base)
    party = ledger.state.get(PARTY, GEAR)
    assert party is not None and party.state is Standing.ADMITTED
    key = PARTY.key(GEAR)
    back = structs.replace(party, state=Standing.APPLIED)
    assert [f.number for f in illegal_moves(before, {key: encode(back)})] == [12]
    assert [f.number for f in illegal_moves(before, {key: None})] == [12]
    lawful = structs.replace(party, state=Standing.SUSPENDED)
    assert list(illegal_moves(before, {key: encode(lawful)})) == []
