"""The joint fund's rooms, as one value."""

from __future__ import annotations

from typing import Final

from contracts.framework.capability import Capability
from contracts.fund import (  # noqa: F401 - some only declare rules
    accounts,
    applications,
    events,
    firstloss,
    loans,
    operations,
    parameters,
    pledges,
    records,
)
from contracts.fund.invariants import INVARIANTS

CAPABILITY: Final = Capability(
    name="fund",
    meaning="The states' joint fund: pledges, grants and loans by milestones, and first losses.",
    operations=(
        operations.Pledge,
        operations.CallPledge,
        operations.PayPledge,
        operations.ProposeRelease,
        operations.ApplyForSupport,
        operations.WithdrawApplication,
        operations.Appraise,
        operations.HoldTranches,
        operations.AttestMilestone,
        operations.RenounceSupport,
        operations.ProposeWriteOff,
    ),
    events=(
        events.PledgeChanged,
        events.ApplicationChanged,
        events.ApplicationAppraised,
        events.TrancheHeld,
        events.TrancheReleased,
        events.TrancheReturned,
        events.InstalmentChanged,
        events.FirstLossBorne,
        events.FirstLossRecovered,
    ),
    machines=(records.PLEDGE, records.APPLICATION, records.TRANCHE, records.INSTALMENT),
    tables=records.TABLES,
    accounts=accounts.ACCOUNTS,
    parameters=parameters.FundParameters,
    invariants=INVARIANTS,
)
