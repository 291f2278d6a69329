"""What the joint fund stores, and the lives of pledges, applications, tranches and instalments."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta

from contracts.framework.machine import Limit, Machine, step
from contracts.framework.types import (
    BASIS_POINTS,
    Count,
    Country,
    Digest,
    Instant,
    Lei,
    Money,
    MoneyOrNone,
    ObjectId,
    Title,
    counted,
)
from ledger.codec import Struct, Uint
from ledger.state import Table

MANAGER: Final = "fund"
"""How to-do lists name whoever manages the fund."""


class PledgeState(StrEnum):
    """A state's promise to pay into the fund."""

    PLEDGED = "pledged"
    CALLED = "called"
    ARREARS = "arrears"
    PAID = "paid"
    RELEASED = "released"


class Pledge(Struct, tag=1):
    """A state promised to pay ``amount`` minor units when called; its guarantor acts for it.

    A call for a part splits a pledge in two: ``split_from`` is the pledge that it was part of.
    """

    id: ObjectId
    country: Country
    amount: Money
    state: PledgeState
    due: Uint = 0
    split_from: ObjectId | None = None
    reason: str = ""


PLEDGE_TABLE: Final = Table("fund.pledge", Pledge)
_P = PledgeState
PLEDGE: Final = Machine[Pledge](
    name="pledge",
    meaning="A state's promise to pay into the joint fund.",
    table=PLEDGE_TABLE,
    key=lambda p: (p.id,),
    states=PledgeState,
    initial=(_P.PLEDGED, _P.CALLED),
    transitions=(
        step("call", _P.PLEDGED, _P.CALLED, "the fund's manager"),
        step("pay", (_P.CALLED, _P.ARREARS), _P.PAID, "the state's guarantor"),
        step("fall into arrears", _P.CALLED, _P.ARREARS, "the time limit"),
        step("release", (_P.PLEDGED, _P.CALLED, _P.ARREARS), _P.RELEASED, "council"),
    ),
    limits={_P.CALLED: Limit("fall into arrears", "30 days")},
    rests={
        _P.PLEDGED: "a promise stands until it is called",
        _P.ARREARS: "a state's debt does not end by time; its vote is suspended meanwhile",
    },
    parties=lambda p: (f"guarantor:{p.country}", MANAGER),
    awaits=lambda p: () if p.state is _P.PLEDGED else (f"guarantor:{p.country}",),
)


class Arrears(Struct, tag=1):
    """Index entry: a pledge of a state is in arrears."""

    pledge: ObjectId


ARREARS: Final = Table("fund.arrears", Arrears)
"""By country and pledge."""


class Support(StrEnum):
    """What the fund gives."""

    GRANT = "grant"
    LOAN = "loan"


class Milestone(Struct):
    """What has to be reached by when for a part of the money."""

    title: Annotated[Title, Meta(description="What has to be reached.")]
    amount: Annotated[Money, Meta(description="How much of the money it releases.")]
    due: Annotated[Instant, Meta(description="By when.")]


class ApplicationState(StrEnum):
    """An application to the fund, from its receipt to the end of the project."""

    APPLIED = "applied"
    APPRAISED = "appraised"
    APPROVED = "approved"
    FUNDED = "funded"
    COMPLETED = "completed"
    STOPPED = "stopped"
    REFUSED = "refused"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"


class Application(Struct, tag=1):
    """A resident asks the fund for a grant or a loan.

    ``repay`` are the dates of a loan's instalments; ``score`` is the appraiser's and ``weighted``
    what counts, both in basis points; ``released`` and ``returned`` are what became of the money
    that was held, in minor units. ``open_tranches`` counts milestones that are still ahead.
    """

    id: ObjectId
    applicant: Lei
    support: Support
    title: Title
    amount: Money
    plan: Digest
    milestones: tuple[Milestone, ...]
    repay: tuple[Instant, ...]
    state: ApplicationState
    due: Uint
    time: Instant
    score: Annotated[Count, counted("basis points")] = 0
    weighted: Annotated[Count, counted("basis points")] = 0
    report: Digest | None = None
    released: MoneyOrNone = 0
    returned: MoneyOrNone = 0
    open_tranches: Count = 0
    reason: str = ""


APPLICATION_TABLE: Final = Table("fund.application", Application)
_A = ApplicationState
APPLICATION: Final = Machine[Application](
    name="fund application",
    meaning="A resident's application to the joint fund.",
    table=APPLICATION_TABLE,
    key=lambda a: (a.id,),
    states=ApplicationState,
    initial=(_A.APPLIED,),
    transitions=(
        step("appraise", _A.APPLIED, _A.APPRAISED, "the fund's manager"),
        step("lapse", (_A.APPLIED, _A.APPRAISED, _A.APPROVED), _A.LAPSED,
             "the time limit, or the ballot's"),
        step("refuse", (_A.APPLIED, _A.APPRAISED), _A.REFUSED, "the score, or the council"),
        step("withdraw", (_A.APPLIED, _A.APPRAISED, _A.APPROVED), _A.WITHDRAWN, "applicant"),
        step("approve", _A.APPRAISED, _A.APPROVED, "council"),
        step("hold", _A.APPROVED, _A.FUNDED, "free money, at once or by the manager"),
        step("complete", _A.FUNDED, _A.COMPLETED, "the last milestone"),
        step("stop", (_A.APPLIED, _A.APPRAISED, _A.APPROVED, _A.FUNDED), _A.STOPPED,
             "a missed milestone, the applicant, or the end of its membership"),
    ),
    limits={
        _A.APPLIED: Limit("lapse", "60 days"),
        _A.APPROVED: Limit("lapse", "90 days"),
    },
    rests={
        _A.APPRAISED: "the ballot has its own limit and ends this state",
        _A.FUNDED: "each tranche has its own limit, and the last one ends this state",
    },
    parties=lambda a: (a.applicant, MANAGER),
    awaits=lambda a: (MANAGER,) if a.state in {_A.APPLIED, _A.APPROVED} else (),
)  # fmt: skip


class TrancheState(StrEnum):
    """Money held for a milestone."""

    HELD = "held"
    RELEASED = "released"
    RETURNED = "returned"


class Tranche(Struct, tag=1):
    """The money of one milestone of an application. ``lent`` names the instalments of a loan."""

    id: ObjectId
    application: ObjectId
    applicant: Lei
    milestone: Count
    amount: Money
    state: TrancheState
    due: Uint
    evidence: Digest | None = None
    inspector: str = ""
    lent: tuple[ObjectId, ...] = ()


TRANCHE_TABLE: Final = Table("fund.tranche", Tranche)
_T = TrancheState
TRANCHE: Final = Machine[Tranche](
    name="tranche",
    meaning="Money that the joint fund holds for one milestone.",
    table=TRANCHE_TABLE,
    key=lambda t: (t.id,),
    states=TrancheState,
    initial=(_T.HELD,),
    transitions=(
        step("release", _T.HELD, _T.RELEASED, "an inspector's attestation"),
        step("miss", _T.HELD, _T.RETURNED, "the time limit"),
        step("return", _T.HELD, _T.RETURNED, "the end of the support"),
    ),
    limits={_T.HELD: Limit("miss", "the milestone's date and 30 days")},
    rests={},
    parties=lambda t: (t.applicant, MANAGER),
    awaits=lambda t: (t.applicant,),
)


class TrancheOf(Struct, tag=1):
    """Index entry: a tranche of an application."""

    tranche: ObjectId


TRANCHES_OF: Final = Table("fund.tranches", TrancheOf)
"""By application and number of the milestone."""


class InstalmentState(StrEnum):
    """A part of a loan that is to be repaid by a date."""

    DUE = "due"
    REPAID = "repaid"
    DEFAULTED = "defaulted"
    WRITTEN_OFF = "written off"


class Instalment(Struct, tag=1):
    """A part of a loan. It is a debt of the currency: ``debt`` is its present record.

    ``amount = repaid + written_off + what is open``; while in default, ``provision`` is what is
    open and expected to be lost. All in minor units.
    """

    id: ObjectId
    application: ObjectId
    borrower: Lei
    debt: ObjectId
    amount: Money
    payable: Instant
    state: InstalmentState
    due: Uint
    repaid: MoneyOrNone = 0
    provision: MoneyOrNone = 0
    written_off: MoneyOrNone = 0

    @property
    def open(self) -> int:
        """What is still to be repaid."""
        return self.amount - self.repaid - self.written_off


INSTALMENT_TABLE: Final = Table("fund.instalment", Instalment)
_I = InstalmentState
INSTALMENT: Final = Machine[Instalment](
    name="instalment",
    meaning="A part of a loan of the joint fund, until it is repaid or given up.",
    table=INSTALMENT_TABLE,
    key=lambda i: (i.id,),
    states=InstalmentState,
    initial=(_I.DUE,),
    transitions=(
        step("repay", (_I.DUE, _I.DEFAULTED), _I.REPAID, "borrower, in full"),
        step("default", _I.DUE, _I.DEFAULTED, "the time limit"),
        step("write off", _I.DEFAULTED, _I.WRITTEN_OFF, "council"),
    ),
    limits={_I.DUE: Limit("default", "its date and 90 days")},
    rests={_I.DEFAULTED: "a debt does not end by time; the council may write it off"},
    parties=lambda i: (i.borrower, MANAGER),
    awaits=lambda i: (i.borrower,),
)


class LoanOf(Struct, tag=1):
    """Index entry: an instalment of an application's loan."""

    instalment: ObjectId


LOANS_OF: Final = Table("fund.loans", LoanOf)
"""By application and instalment."""
INSTALMENT_OF: Final = Table("fund.debts", LoanOf)
"""By the debt that it is at present."""


class Draw(Struct, tag=1):
    """A first loss that the fund bore. ``liable``, if anybody, owes ``debt`` back to the fund."""

    id: ObjectId
    kind: str
    cause: bytes
    payee: Lei
    amount: Money
    time: Instant
    liable: str = ""
    debt: ObjectId | None = None


DRAW: Final = Table("fund.draw", Draw)
"""By id."""


class Case(Struct, tag=1):
    """What one case has drawn from first losses in all, in minor units."""

    drawn: MoneyOrNone


CASE: Final = Table("fund.case", Case)
"""By kind and id of the cause."""


class Tally(Struct, tag=1):
    """The fund since its beginning, in minor units; checked against accounts and records.

    ``paid_in = to_pool + to_first_loss``. ``lent`` and ``granted`` were released to applicants,
    ``repaid`` was extinguished of loans, of which ``not_in_money`` did not reach the pool (a
    guarantor that still owes it to the manager); ``drawn`` and ``recovered`` are of first losses.
    """

    paid_in: MoneyOrNone = 0
    to_pool: MoneyOrNone = 0
    to_first_loss: MoneyOrNone = 0
    granted: MoneyOrNone = 0
    lent: MoneyOrNone = 0
    repaid: MoneyOrNone = 0
    not_in_money: MoneyOrNone = 0
    written_off: MoneyOrNone = 0
    drawn: MoneyOrNone = 0
    recovered: MoneyOrNone = 0


TALLY: Final = Table("fund.tally", Tally)
"""One record."""

TABLES: Final = (
    PLEDGE_TABLE,
    ARREARS,
    APPLICATION_TABLE,
    TRANCHE_TABLE,
    TRANCHES_OF,
    INSTALMENT_TABLE,
    LOANS_OF,
    INSTALMENT_OF,
    DRAW,
    CASE,
    TALLY,
)


def weighted_score(score: int, bonus: int, *, joint_venture: bool) -> int:
    """What an appraiser's score counts, in basis points: a joint venture's is raised.

    Rounded down.

    >>> weighted_score(6_001, 2_500, joint_venture=True)
    7501
    """
    return score * (BASIS_POINTS + bonus) // BASIS_POINTS if joint_venture else score
