"""The rooms of guarantees, as one value."""

from __future__ import annotations

from typing import Final

from contracts import capacity
from contracts.framework.capability import Capability
from contracts.guarantee import (  # noqa: F401 - some only declare rules
    claim_rules,
    claims,
    debts,
    events,
    operations,
    records,
    rules,
    succession,
)
from contracts.guarantee.invariants import INVARIANTS

CAPABILITY: Final = Capability(
    name="guarantee",
    meaning="Guarantors' irrevocable promises to pay on a complying demand.",
    operations=(
        operations.PostCapacity,
        operations.PostCollateral,
        operations.ReleaseCollateral,
        operations.DraftGuarantee,
        operations.WithdrawDraft,
        operations.IssueGuarantee,
        operations.DeclineDraft,
        operations.ProposeAmendment,
        operations.AcceptAmendment,
        operations.RefuseAmendment,
        operations.PresentReduction,
        operations.LowerGuarantee,
        operations.ReleaseGuarantee,
        operations.TransferGuarantee,
        operations.ClaimForceMajeure,
        claims.PresentDemand,
        claims.WithdrawDemand,
        claims.RejectDemand,
        claims.AcceptDemand,
        claims.SuspendPayment,
        claims.ExtendGuarantee,
        claims.PayDemand,
        claims.AgreeOnGoods,
        claims.ConfirmGoods,
        claims.RecoverInCash,
        succession.AssumeGuarantee,
    ),
    events=(
        events.CapacityPosted,
        events.GuaranteeDrafted,
        events.GuaranteeIssued,
        events.AmendmentProposed,
        events.AmendmentEnded,
        events.GuaranteeReduced,
        events.DemandPresented,
        events.DemandUpheld,
        events.DemandRejected,
        events.DemandSuspended,
        events.DemandEnded,
        events.DemandStayed,
        events.StayEnded,
        events.GuaranteeExtended,
        events.GoodsAgreed,
        events.GuaranteePaid,
        events.ClaimPassed,
        events.ClaimConverted,
        events.PartyReplaced,
        events.GuaranteeEnded,
    ),
    machines=(records.GUARANTEE, records.AMENDMENT),
    tables=records.GUARANTEE_TABLES,
    accounts=(capacity.POSTED, capacity.CAPACITY, capacity.COVER, capacity.COLLATERAL),
    parameters=records.GuaranteeParameters,
    invariants=INVARIANTS,
)
