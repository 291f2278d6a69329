"""Netting's rooms, as one value."""

from __future__ import annotations

from typing import Final

from contracts.framework.capability import Capability
from contracts.netting import accounts, course, events, operations, records, rules  # noqa: F401
from contracts.netting.invariants import INVARIANTS

CAPABILITY: Final = Capability(
    name="netting",
    meaning="Clearing what members owe each other in cycles, proposed by solvers and verified.",
    operations=(
        operations.GiveMandate,
        operations.EndMandate,
        operations.OptOut,
        operations.OptIn,
        operations.OpenCycle,
        operations.CancelCycle,
        operations.Propose,
        operations.PostFlows,
        operations.PostPotentials,
        operations.Seal,
    ),
    events=(
        events.MandateGiven,
        events.MandateEnded,
        events.DebtOptedOut,
        events.CycleOpened,
        events.CycleFrozen,
        events.ClearingProposed,
        events.ProposalEnded,
        events.MemberNetted,
        events.CycleEnded,
    ),
    machines=(records.CYCLE,),
    tables=(records.MANDATE, records.CYCLE_TABLE, records.CURRENT, *records.PAGE_TABLES),
    accounts=(accounts.CLEARING, accounts.LIQUIDITY),
    parameters=records.NettingParameters,
    invariants=INVARIANTS,
)
