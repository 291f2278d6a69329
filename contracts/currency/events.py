"""What the currency tells beyond movements of money."""

from __future__ import annotations

from contracts.framework.event import Event
from contracts.framework.types import Count, Digest, Instant, Lei, Money, MoneyOrNone, ObjectId


class ReserveAttested(Event, tag="currency.ReserveAttested"):
    """A state's reserve was attested."""

    country: str
    amount: MoneyOrNone
    evidence: Digest
    issuer: Lei
    guarantor: Lei


class IssueRequested(Event, tag="currency.IssueRequested"):
    """A member asked a state's issuer for new currency."""

    issue: ObjectId
    member: Lei
    country: str
    amount: Money


class IssueAnswered(Event, tag="currency.IssueAnswered"):
    """A request for new currency was answered, withdrawn, or lapsed."""

    issue: ObjectId
    member: Lei
    outcome: str
    reason: str


class RedemptionRequested(Event, tag="currency.RedemptionRequested"):
    """A member gives currency back to a state's issuer."""

    redemption: ObjectId
    member: Lei
    country: str
    amount: Money


class RedemptionAnswered(Event, tag="currency.RedemptionAnswered"):
    """A redemption was paid out, or the money returned to the member's disposal."""

    redemption: ObjectId
    member: Lei
    outcome: str
    reason: str


class EscrowOpened(Event, tag="currency.EscrowOpened"):
    """A payer set money aside for a payee."""

    escrow: ObjectId
    payer: Lei
    payee: Lei
    signer: Lei
    amount: Money
    expires: Instant


class EscrowEnded(Event, tag="currency.EscrowEnded"):
    """Money that was held went to the payee or back to the payer."""

    escrow: ObjectId
    payer: Lei
    payee: Lei
    outcome: str


class PaymentRequested(Event, tag="currency.PaymentRequested"):
    """A creditor asked a debtor to pay."""

    request: ObjectId
    creditor: Lei
    debtor: Lei
    amount: Money
    payable: Instant


class RequestChanged(Event, tag="currency.RequestChanged"):
    """A payment request is in another state; ``remaining`` is what is still to be paid."""

    request: ObjectId
    creditor: Lei
    debtor: Lei
    state: str
    remaining: MoneyOrNone
    reason: str


class DebtCreated(Event, tag="currency.DebtCreated"):
    """A contract made one party owe another; ``origin`` and ``source`` say which."""

    debt: ObjectId
    creditor: Lei
    debtor: Lei
    amount: Money
    payable: Instant
    origin: str
    source: ObjectId


class DebtPassed(Event, tag="currency.DebtPassed"):
    """What remained of a debt passed to another creditor or debtor as a new debt."""

    debt: ObjectId
    successor: ObjectId
    creditor: Lei
    debtor: Lei
    amount: Money


class ReversalProposed(Event, tag="currency.ReversalProposed"):
    """One side of a payment asks that it be paid back."""

    reversal: ObjectId
    original: ObjectId
    payer: Lei
    payee: Lei
    amount: Money


class ReversalEnded(Event, tag="currency.ReversalEnded"):
    """A reversal was posted, declined, or lapsed."""

    reversal: ObjectId
    original: ObjectId
    payer: Lei
    payee: Lei
    outcome: str


class LineChanged(Event, tag="currency.LineChanged"):
    """A credit line is in another state or has another limit."""

    member: Lei
    guarantor: Lei
    state: str
    limit: MoneyOrNone
    reason: str


class LineCalled(Event, tag="currency.LineCalled"):
    """A guarantor paid what a member had drawn; the member owes it as ``debt``."""

    member: Lei
    guarantor: Lei
    amount: Money
    debt: ObjectId
    reason: str


class SwingExceeded(Event, tag="currency.SwingExceeded"):
    """A state's net position passed its limit by something that is owed and not refused."""

    country: str
    net: MoneyOrNone
    limit: MoneyOrNone


class StateLimitsSet(Event, tag="currency.StateLimitsSet"):
    """The council set a state's cap on credit lines and the limit of its net position."""

    guarantor: Lei
    country: str
    line_cap: MoneyOrNone
    swing: MoneyOrNone


class PaymentQueued(Event, tag="currency.PaymentQueued"):
    """A payment waits until its payer has the money."""

    payment: ObjectId
    payer: Lei
    payee: Lei
    amount: Money
    until: Instant


class QueuedPaymentEnded(Event, tag="currency.QueuedPaymentEnded"):
    """A queued payment was made, alone or together with others, cancelled, or timed out."""

    payment: ObjectId
    payer: Lei
    payee: Lei
    amount: Money
    outcome: str
    together: Count
    reason: str


class PaymentMandateGiven(Event, tag="currency.PaymentMandateGiven"):
    """A payer let an operator pay on its behalf within limits."""

    mandate: ObjectId
    payer: Lei
    operator: Lei
    until: Instant


class PaymentMandateUsed(Event, tag="currency.PaymentMandateUsed"):
    """An operator paid on a payer's behalf."""

    mandate: ObjectId
    payer: Lei
    operator: Lei
    payee: Lei
    amount: Money
    text: str


class PaymentMandateEnded(Event, tag="currency.PaymentMandateEnded"):
    """An operator may no longer pay on a payer's behalf."""

    mandate: ObjectId
    payer: Lei
    operator: Lei
    outcome: str


class StandingOrderChanged(Event, tag="currency.StandingOrderChanged"):
    """A standing order was given, paid or queued an instalment, or ended."""

    order: ObjectId
    payer: Lei
    payee: Lei
    state: str
    outcome: str
    left: Count


class AssetDelivered(Event, tag="currency.AssetDelivered"):
    """In an exchange, one party gave another something that is not money."""

    giver: Lei
    taker: Lei
    kind: str
    asset: ObjectId
    amount: Money
