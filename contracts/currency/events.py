"""What the currency tells beyond movements of money."""

from __future__ import annotations

from contracts.framework.event import Event
from contracts.framework.types import Digest, Instant, Lei, Money, MoneyOrNone, ObjectId


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
