"""The currency's rooms, as one value."""

from __future__ import annotations

from typing import Final

from contracts import accounts
from contracts.currency import events, operations, records, requests, rules, supply  # noqa: F401
from contracts.currency.invariants import INVARIANTS
from contracts.framework.capability import Capability

CAPABILITY: Final = Capability(
    name="currency",
    meaning="The settlement currency: issue, redemption, payments, escrow, requests, reversals.",
    operations=(
        operations.Transfer,
        operations.Exchange,
        operations.AttestReserve,
        operations.RequestIssue,
        operations.Issue,
        operations.DeclineIssue,
        operations.WithdrawIssue,
        operations.RequestRedemption,
        operations.PayOutRedemption,
        operations.ReleaseRedemption,
        operations.OpenEscrow,
        operations.ReleaseEscrow,
        operations.RefundEscrow,
        operations.RequestPayment,
        operations.AcceptRequest,
        operations.RejectRequest,
        operations.PayRequest,
        operations.CreditRequest,
        operations.ProposeReversal,
        operations.ConsentReversal,
        operations.DeclineReversal,
    ),
    events=(
        events.ReserveAttested,
        events.IssueRequested,
        events.IssueAnswered,
        events.RedemptionRequested,
        events.RedemptionAnswered,
        events.EscrowOpened,
        events.EscrowEnded,
        events.PaymentRequested,
        events.RequestChanged,
        events.DebtCreated,
        events.DebtPassed,
        events.ReversalProposed,
        events.ReversalEnded,
    ),
    machines=(
        records.ISSUE,
        records.REDEMPTION,
        records.ESCROW,
        records.REQUEST,
        records.REVERSAL,
    ),
    tables=(
        records.ATTESTATION,
        records.ISSUE_TABLE,
        records.REDEMPTION_TABLE,
        records.ESCROW_TABLE,
        records.REQUEST_TABLE,
        records.OPEN_DEBT,
        records.REVERSAL_TABLE,
        records.REVERSED_LEG,
    ),
    accounts=(
        accounts.AVAIL,
        accounts.HELD,
        accounts.CONTRIBUTION,
        accounts.ISSUED,
        accounts.REC,
        accounts.PAY,
        accounts.ATTESTED,
        accounts.RESERVE,
        accounts.BACKING,
    ),
    parameters=records.CurrencyParameters,
    invariants=INVARIANTS,
)
