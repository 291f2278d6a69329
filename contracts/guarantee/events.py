"""What guarantees tell."""

from __future__ import annotations

from contracts.framework.event import Event
from contracts.framework.types import Digest, Instant, Lei, Money, MoneyOrNone, ObjectId
from contracts.guarantee.records import AmendmentState, Discrepancy, GuaranteeState


class CapacityPosted(Event, tag="guarantee.CapacityPosted"):
    """A guarantor posted how much it may promise in all."""

    guarantor: Lei
    before: MoneyOrNone
    after: MoneyOrNone
    evidence: Digest


class GuaranteeDrafted(Event, tag="guarantee.Drafted"):
    """An applicant asked its guarantor for a guarantee."""

    guarantee: ObjectId
    guarantor: Lei
    applicant: Lei
    beneficiary: Lei
    amount: Money


class GuaranteeIssued(Event, tag="guarantee.Issued"):
    """A guarantor gave its irrevocable word until ``expires``."""

    guarantee: ObjectId
    guarantor: Lei
    applicant: Lei
    beneficiary: Lei
    amount: Money
    expires: Instant
    kind: str
    underlying: ObjectId | None


class AmendmentProposed(Event, tag="guarantee.AmendmentProposed"):
    """A guarantor proposed changed terms, which bind once the beneficiary accepts."""

    amendment: ObjectId
    guarantee: ObjectId
    beneficiary: Lei


class AmendmentEnded(Event, tag="guarantee.AmendmentEnded"):
    """A proposed amendment was accepted, refused, withdrawn or lapsed."""

    amendment: ObjectId
    guarantee: ObjectId
    beneficiary: Lei
    outcome: AmendmentState


class GuaranteeReduced(Event, tag="guarantee.Reduced"):
    """A guarantee fell by an amount, and why."""

    guarantee: ObjectId
    beneficiary: Lei
    amount: Money
    remaining: MoneyOrNone
    why: str


class DemandPresented(Event, tag="guarantee.DemandPresented"):
    """A beneficiary demanded payment; the guarantor examines until ``until``."""

    guarantee: ObjectId
    demand: ObjectId
    guarantor: Lei
    applicant: Lei
    beneficiary: Lei
    amount: Money
    until: Instant


class DemandUpheld(Event, tag="guarantee.DemandUpheld"):
    """The guarantor may reject no more and pays by ``until``; ``why`` is how it came to that."""

    guarantee: ObjectId
    demand: ObjectId
    guarantor: Lei
    why: str
    until: Instant


class DemandRejected(Event, tag="guarantee.DemandRejected"):
    """A demand was rejected with all its discrepancies."""

    guarantee: ObjectId
    demand: ObjectId
    beneficiary: Lei
    discrepancies: tuple[Discrepancy, ...]


class DemandSuspended(Event, tag="guarantee.DemandSuspended"):
    """Payment waits for an extension until ``until``."""

    guarantee: ObjectId
    demand: ObjectId
    until: Instant


class DemandEnded(Event, tag="guarantee.DemandEnded"):
    """A demand was withdrawn, or dismissed by a tribunal."""

    guarantee: ObjectId
    demand: ObjectId
    beneficiary: Lei
    why: str


class DemandStayed(Event, tag="guarantee.DemandStayed"):
    """A tribunal stopped the examination or payment of a demand until ``until`` at the latest."""

    guarantee: ObjectId
    demand: ObjectId
    dispute: ObjectId
    until: Instant


class StayEnded(Event, tag="guarantee.StayEnded"):
    """A stay ended and the demand goes on until ``until``."""

    guarantee: ObjectId
    demand: ObjectId
    until: Instant


class GuaranteeExtended(Event, tag="guarantee.Extended"):
    """A guarantee expires later, and why."""

    guarantee: ObjectId
    guarantor: Lei
    beneficiary: Lei
    before: Instant
    after: Instant
    why: str


class GoodsAgreed(Event, tag="guarantee.GoodsAgreed"):
    """The guarantor performs in kind until ``until`` instead of paying."""

    guarantee: ObjectId
    demand: ObjectId
    until: Instant
    text: str


class GuaranteePaid(Event, tag="guarantee.Paid"):
    """A demand was met: the parts say by what (see the record of the payment)."""

    guarantee: ObjectId
    demand: ObjectId
    payment: ObjectId
    guarantor: Lei
    beneficiary: Lei
    amount: Money
    cash: MoneyOrNone
    collateral: MoneyOrNone
    support: MoneyOrNone
    owed: MoneyOrNone
    goods: MoneyOrNone


class ClaimPassed(Event, tag="guarantee.ClaimPassed"):
    """The beneficiary's claim passed to the guarantor: in goods, in cash, or both."""

    payment: ObjectId
    guarantor: Lei
    applicant: Lei
    goods: MoneyOrNone
    cash: MoneyOrNone


class ClaimConverted(Event, tag="guarantee.ClaimConverted"):
    """The guarantor elected cash: so much of its goods claim became a debt of the applicant."""

    payment: ObjectId
    guarantor: Lei
    applicant: Lei
    amount: Money
    debt: ObjectId


class PartyReplaced(Event, tag="guarantee.PartyReplaced"):
    """Another party took a place in a guarantee: by transfer, succession or assumption."""

    guarantee: ObjectId
    before: Lei
    after: Lei


class GuaranteeEnded(Event, tag="guarantee.Ended"):
    """A guarantee ended; what remained of it binds nobody any more."""

    guarantee: ObjectId
    guarantor: Lei
    applicant: Lei
    beneficiary: Lei
    state: GuaranteeState
    lapsed: MoneyOrNone
    why: str
