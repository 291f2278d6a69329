"""The currency's rooms, as one value."""

from __future__ import annotations

from typing import Final

from contracts import accounts
from contracts.currency import operations, rules  # noqa: F401 - rules declare the transitions
from contracts.currency.records import CurrencyParameters
from contracts.framework.capability import Capability

CAPABILITY: Final = Capability(
    name="currency",
    meaning="The settlement currency: issue, redemption, payments, escrow, requests, reversals.",
    operations=(operations.Transfer,),
    events=(),
    machines=(),
    tables=(),
    accounts=(accounts.AVAIL,),
    parameters=CurrencyParameters,
    invariants=(),
)
