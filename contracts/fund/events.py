"""What the joint fund tells."""

from __future__ import annotations

from contracts.framework.event import Event
from contracts.framework.types import Count, Country, Digest, Instant, Lei, Money, ObjectId
from contracts.fund.records import ApplicationState, InstalmentState, PledgeState


class PledgeChanged(Event, tag="fund.PledgeChanged"):
    """A state's pledge was made, called, paid, released, or fell into arrears."""

    pledge: ObjectId
    country: Country
    guarantor: str
    amount: Money
    state: PledgeState
    due: Instant


class ApplicationChanged(Event, tag="fund.ApplicationChanged"):
    """An application took a step."""

    application: ObjectId
    applicant: Lei
    amount: Money
    state: ApplicationState
    reason: str


class ApplicationAppraised(Event, tag="fund.Appraised"):
    """An application was given a score, in basis points; ``weighted`` is what counts."""

    application: ObjectId
    applicant: Lei
    score: Count
    weighted: Count
    report: Digest


class TrancheHeld(Event, tag="fund.TrancheHeld"):
    """Money is held for a milestone, counted from 0, until ``due``."""

    tranche: ObjectId
    application: ObjectId
    applicant: Lei
    milestone: Count
    amount: Money
    due: Instant


class TrancheReleased(Event, tag="fund.TrancheReleased"):
    """A milestone was attested and its money paid out."""

    tranche: ObjectId
    application: ObjectId
    applicant: Lei
    inspector: Lei
    amount: Money
    evidence: Digest


class TrancheReturned(Event, tag="fund.TrancheReturned"):
    """Money that was held for a milestone is free for others again."""

    tranche: ObjectId
    application: ObjectId
    applicant: Lei
    amount: Money


class InstalmentChanged(Event, tag="fund.InstalmentChanged"):
    """A part of a loan was lent, repaid, found in default, or written off."""

    instalment: ObjectId
    application: ObjectId
    borrower: Lei
    debt: ObjectId
    open: Count
    state: InstalmentState


class FirstLossBorne(Event, tag="fund.FirstLossBorne"):
    """The fund bore a first loss; ``liable``, if anybody, owes it back."""

    draw: ObjectId
    kind: str
    payee: Lei
    amount: Money
    liable: str
    debt: ObjectId | None


class FirstLossRecovered(Event, tag="fund.FirstLossRecovered"):
    """Some of a first loss came back."""

    debt: ObjectId
    amount: Money
