"""The chart of accounts, shared by all capabilities: what each kind of account means."""

from __future__ import annotations

from typing import Final

from contracts.framework.posting import Side, Unit, account_kind

AVAIL: Final = account_kind(
    "avail",
    "A member's money at its free disposal; below zero only within its credit line.",
    unit=Unit.SCU,
    side=Side.LINE,
    money=True,
)
HELD: Final = account_kind(
    "held",
    "A member's money that is set aside for an escrow or a redemption.",
    unit=Unit.SCU,
    side=Side.CREDIT,
    money=True,
)
CONTRIBUTION: Final = account_kind(
    "contribution",
    "What a member paid in when it was admitted; it covers its own losses first.",
    unit=Unit.SCU,
    side=Side.CREDIT,
    money=True,
)
ISSUED: Final = account_kind(
    "issued",
    "A state's outstanding issue: minus what its issuer has issued and not redeemed.",
    unit=Unit.SCU,
    side=Side.DEBIT,
)
REC: Final = account_kind(
    "rec",
    "What a creditor may claim from the debtor named after it (below zero, an asset).",
    unit=Unit.SCU,
    side=Side.DEBIT,
)
PAY: Final = account_kind(
    "pay",
    "What a debtor owes to the creditor named after it.",
    unit=Unit.SCU,
    side=Side.CREDIT,
)
ATTESTED: Final = account_kind(
    "attested",
    "Memo: minus the reserve that a state's issuer and guarantor have attested.",
    unit=Unit.RSV,
    side=Side.DEBIT,
)
RESERVE: Final = account_kind(
    "reserve",
    "Memo: attested reserve that backs no issue yet.",
    unit=Unit.RSV,
    side=Side.CREDIT,
)
BACKING: Final = account_kind(
    "backing",
    "Memo: attested reserve that backs outstanding issue.",
    unit=Unit.RSV,
    side=Side.CREDIT,
)
