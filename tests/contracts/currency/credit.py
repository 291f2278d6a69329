"""Members with money, capacity and credit lines, for tests of the currency."""

from __future__ import annotations

from cast import EVIDENCE, attest, money
from ledger_in_memory import Ledger, lei, member, new_ledger

from contracts.accounts import AVAIL
from contracts.currency.line_operations import AcceptLine, OfferLine
from contracts.framework.posting import balance_of
from contracts.guarantee.operations import PostCapacity, PostCollateral
from ledger.codec import Struct

KZ1, KZ2, BY1, BY2 = "Altyn Works", "Kent Steel", "Minsk Drive", "Brest Optics"


def credit_ledger(*parameters: Struct, collateral: int = 100_000) -> Ledger:
    """Two members each of two states; KZ's guarantor has posted capacity and collateral."""
    ledger = new_ledger(
        member(KZ1), member(KZ2), member(BY1, "BY"), member(BY2, "BY"), parameters=parameters
    )
    assert attest(ledger, 10_000_000).applied
    assert attest(ledger, 10_000_000, "BY").applied
    money(ledger, "guarantorKZ", collateral + 50_000)
    ledger.must("guarantorKZ", PostCollateral(collateral))
    ledger.must("guarantorKZ", PostCapacity(500_000, EVIDENCE))
    return ledger


def line(ledger: Ledger, name: str, limit: int) -> None:
    """An accepted credit line from KZ's guarantor."""
    ledger.must("guarantorKZ", OfferLine(lei(name), limit))
    ledger.must(name, AcceptLine(lei("guarantorKZ")))


def avail(ledger: Ledger, name: str) -> int:
    """A member's available money."""
    return balance_of(ledger.state, AVAIL.of(lei(name)))
