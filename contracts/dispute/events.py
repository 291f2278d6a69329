"""What disputes tell."""

from __future__ import annotations

from contracts.dispute.records import Mediation, Ruling, Subject
from contracts.framework.event import Event
from contracts.framework.types import Digest, Instant, Lei, Money, MoneyOrNone, ObjectId


class DisputeOpened(Event, tag="dispute.Opened"):
    """A party made a claim against another."""

    dispute: ObjectId
    claimant: Lei
    respondent: Lei
    subject: Subject
    claim: Money


class MoneyHeld(Event, tag="dispute.MoneyHeld"):
    """Contested money is held."""

    dispute: ObjectId
    owner: Lei
    amount: Money


class MoneyReleased(Event, tag="dispute.MoneyReleased"):
    """Held money went back to its owner."""

    dispute: ObjectId
    owner: Lei
    amount: Money


class MediationProposed(Event, tag="dispute.MediationProposed"):
    """A party proposed mediation by a mediator."""

    dispute: ObjectId
    by: Lei
    mediator: Lei


class MediationBegan(Event, tag="dispute.MediationBegan"):
    """Both parties agreed on a mediator."""

    dispute: ObjectId
    mediator: Lei
    until: Instant


class MediationEnded(Event, tag="dispute.MediationEnded"):
    """Mediation failed, was not agreed or was waived; arbitration may be requested."""

    dispute: ObjectId
    outcome: Mediation


class SettlementProposed(Event, tag="dispute.SettlementProposed"):
    """Somebody proposed a settlement; it binds once both parties and their hearer signed it."""

    dispute: ObjectId
    by: Lei
    ruling: Ruling


class ArbitrationRequested(Event, tag="dispute.ArbitrationRequested"):
    """A party asked for arbitration."""

    dispute: ObjectId
    by: Lei
    until: Instant


class ClaimAnswered(Event, tag="dispute.ClaimAnswered"):
    """The respondent answered, perhaps with a counterclaim."""

    dispute: ObjectId
    respondent: Lei
    counterclaim: MoneyOrNone


class ArbitratorAppointed(Event, tag="dispute.ArbitratorAppointed"):
    """Somebody hears the case: agreed by the parties, named by the tribunal, or by the rule."""

    dispute: ObjectId
    arbitrator: Lei
    how: str
    until: Instant


class Recused(Event, tag="dispute.Recused"):
    """A mediator or arbitrator left the case."""

    dispute: ObjectId
    party: Lei
    reason: str


class Ordered(Event, tag="dispute.Ordered"):
    """A tribunal made an order about the subject of a dispute."""

    dispute: ObjectId
    by: Lei
    order: str
    reason: str
    document: Digest


class AwardExtended(Event, tag="dispute.AwardExtended"):
    """The time for the award is longer."""

    dispute: ObjectId
    until: Instant
    reason: str


class Awarded(Event, tag="dispute.Awarded"):
    """An award was made, or corrected; it is executed at ``until`` at the latest."""

    dispute: ObjectId
    arbitrator: Lei
    ruling: Ruling
    corrected: bool
    until: Instant


class RulingExecuted(Event, tag="dispute.RulingExecuted"):
    """A settlement or an award was carried out; the parts say from what."""

    dispute: ObjectId
    payer: Lei
    payee: Lei
    amount: MoneyOrNone
    subject: MoneyOrNone
    held: MoneyOrNone
    available: MoneyOrNone
    owed: MoneyOrNone


class DisputeEnded(Event, tag="dispute.Ended"):
    """A dispute ended without a ruling: withdrawn, or lapsed."""

    dispute: ObjectId
    claimant: Lei
    respondent: Lei
    why: str
