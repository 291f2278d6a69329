"""Accounts of barter: claims in goods value, and the memo of goods in transit."""

from __future__ import annotations

from typing import Final

from contracts.framework.posting import Side, Unit, account_kind

GCLAIM: Final = account_kind(
    "gclaim",
    "Goods that its owner may still call for under the contract named after it (below zero, an "
    "asset).",
    unit=Unit.GV,
    side=Side.DEBIT,
)
GDEL: Final = account_kind(
    "gdel",
    "Goods that its owner has still to deliver under the contract named after it.",
    unit=Unit.GV,
    side=Side.CREDIT,
)
SHIPPED: Final = account_kind(
    "shipped",
    "Memo: value that its owner has shipped and that is not settled yet (below zero).",
    unit=Unit.GIT,
    side=Side.DEBIT,
)
TRANSIT: Final = account_kind(
    "transit",
    "Memo: value on its way to its owner, or under inspection there.",
    unit=Unit.GIT,
    side=Side.CREDIT,
)
