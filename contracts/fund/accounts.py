"""The accounts of the joint fund. Their owner is the fund itself, whoever manages it."""

from __future__ import annotations

from typing import Final

from contracts.framework.posting import Side, Unit, account_kind

OWNER: Final = "FUND"
"""The owner of the fund's accounts: no party, so that nobody can spend them as its own."""

POOL: Final = account_kind(
    "pool",
    "Money of the joint fund that is free for grants and loans.",
    unit=Unit.SCU,
    side=Side.CREDIT,
    money=True,
)
FIRST_LOSS: Final = account_kind(
    "first-loss",
    "Money of the joint fund that is ring-fenced to bear first losses; no grant comes from it.",
    unit=Unit.SCU,
    side=Side.CREDIT,
    money=True,
)
TRANCHES: Final = account_kind(
    "tranches",
    "Money of the joint fund held for the milestones of the application named after it.",
    unit=Unit.SCU,
    side=Side.CREDIT,
    money=True,
)
LOAN_LOSS: Final = account_kind(
    "loan-loss",
    "What the joint fund has lost on loans or must expect to lose (below zero, an expense).",
    unit=Unit.SCU,
    side=Side.DEBIT,
)
PROVISION: Final = account_kind(
    "provision",
    "Expected losses on the joint fund's loans that are in default.",
    unit=Unit.SCU,
    side=Side.CREDIT,
)
WRITTEN_OFF: Final = account_kind(
    "written-off",
    "What the council has given up of the joint fund's loans.",
    unit=Unit.SCU,
    side=Side.CREDIT,
)

ACCOUNTS: Final = (POOL, FIRST_LOSS, TRANCHES, LOAN_LOSS, PROVISION, WRITTEN_OFF)

THE_POOL: Final = POOL.of(OWNER)
THE_FIRST_LOSS: Final = FIRST_LOSS.of(OWNER)
THE_LOAN_LOSS: Final = LOAN_LOSS.of(OWNER)
THE_PROVISION: Final = PROVISION.of(OWNER)
THE_WRITTEN_OFF: Final = WRITTEN_OFF.of(OWNER)


def tranches_of(application: bytes) -> str:
    """The account that holds the money of an application's milestones."""
    return TRANCHES.of(OWNER, application.hex())
