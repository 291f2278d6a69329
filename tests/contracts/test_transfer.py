"""Paying, from bytes to balances."""

from __future__ import annotations

from ledger_in_memory import Ledger, lei, member, new_ledger

from contracts.accounts import AVAIL, ISSUED
from contracts.currency.operations import Leg, Transfer
from contracts.framework.posting import BALANCE, Balance, balance_of


def with_money(ledger: Ledger, name: str, amount: int) -> None:
    changes = ledger.overlay()
    changes.put(BALANCE, Balance(amount, 1, 0, 0), AVAIL.of(lei(name)), "SCU")
    changes.put(BALANCE, Balance(-amount, 1, 0, 0), ISSUED.of("KZ"), "SCU")
    ledger.base.apply(changes.changes())


def test_a_payment_moves_money_and_a_second_without_funds_changes_nothing() -> None:
    ledger = new_ledger(member("Ural Gear"), member("Volga Bearings"))
    with_money(ledger, "Ural Gear", 1000)
    receipt = ledger.must("Ural Gear", Transfer((Leg(lei("Volga Bearings"), 400),)))
    assert [p.amount for p in receipt.postings] == [-400, 400]
    refused = ledger.do("Ural Gear", Transfer((Leg(lei("Volga Bearings"), 601),)))
    assert refused.code == "INSUFFICIENT_FUNDS"
    assert balance_of(ledger.state, AVAIL.of(lei("Ural Gear"))) == 600
    assert balance_of(ledger.state, AVAIL.of(lei("Volga Bearings"))) == 400
