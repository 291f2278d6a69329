"""The rooms of disputes, as one value."""

from __future__ import annotations

from typing import Final

from contracts.dispute import (  # noqa: F401 - some only declare rules and subjects
    arbitration,
    events,
    guarantees,
    money,
    operations,
    records,
    rules,
)
from contracts.dispute.invariants import INVARIANTS
from contracts.framework.capability import Capability

CAPABILITY: Final = Capability(
    name="dispute",
    meaning="Mediation, settlement, arbitration, and awards that the ledger executes.",
    operations=(
        operations.OpenDispute,
        operations.WithdrawClaim,
        operations.AgreeMediation,
        operations.WaiveMediation,
        operations.EndMediation,
        operations.ProposeSettlement,
        operations.SignSettlement,
        operations.RequestArbitration,
        operations.AnswerClaim,
        operations.NominateArbitrator,
        operations.AppointArbitrator,
        operations.Recuse,
        operations.ExtendAward,
        operations.MakeAward,
        operations.ExecuteAward,
        operations.MakeOrder,
        operations.HoldMoney,
        operations.ReleaseMoney,
    ),
    events=(
        events.DisputeOpened,
        events.MoneyHeld,
        events.MoneyReleased,
        events.MediationProposed,
        events.MediationBegan,
        events.MediationEnded,
        events.SettlementProposed,
        events.ArbitrationRequested,
        events.ClaimAnswered,
        events.ArbitratorAppointed,
        events.Recused,
        events.Ordered,
        events.AwardExtended,
        events.Awarded,
        events.RulingExecuted,
        events.DisputeEnded,
    ),
    machines=(records.DISPUTE,),
    tables=(
        records.DISPUTE_TABLE,
        records.EXECUTION,
        records.CASELOAD,
        records.OPEN_DISPUTE,
    ),
    accounts=(records.CONTESTED,),
    parameters=records.DisputeParameters,
    invariants=INVARIANTS,
)
