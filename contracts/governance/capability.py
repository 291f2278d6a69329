"""Governance's rooms, as one value."""

from __future__ import annotations

from typing import Final

from contracts.framework.capability import Capability
from contracts.framework.pause import PAUSES
from contracts.framework.protocol import PROTOCOL
from contracts.governance import coherence, events, operations, records, rules  # noqa: F401
from contracts.governance.invariants import INVARIANTS

CAPABILITY: Final = Capability(
    name="governance",
    meaning="How the ledger's own rules change: parameters, offices, guarantors, upgrades, pauses.",
    operations=(
        operations.ProposeParameters,
        operations.ProposeRole,
        operations.ProposeGuarantor,
        operations.ProposeUpgrade,
        operations.ProposePause,
        operations.ProposeResumption,
        operations.WithdrawProposal,
    ),
    events=(
        events.ProposalMade,
        events.ProposalMoved,
        events.ParameterChanged,
        events.GuarantorDecided,
        events.UpgradeDecided,
        events.ClassPaused,
        events.ClassResumed,
    ),
    machines=(records.PROPOSAL,),
    tables=(
        records.PROPOSAL_TABLE,
        PROTOCOL,
        records.GUARANTOR_CHANGE,
        PAUSES,
    ),
    accounts=(),
    parameters=records.GovernanceParameters,
    invariants=INVARIANTS,
)
