"""The accounts of netting."""

from __future__ import annotations

from typing import Final

from contracts.framework.posting import Side, Unit, account_kind

CLEARING: Final = account_kind(
    "clr",
    "Money on its way from net payers to net receivers of a netting cycle; zero when it ends.",
    unit=Unit.SCU,
    side=Side.FREE,
    money=True,
)
LIQUIDITY: Final = account_kind(
    "liquidity",
    "A member's money set aside for a netting cycle, as its mandate allows.",
    unit=Unit.SCU,
    side=Side.CREDIT,
    money=True,
)
