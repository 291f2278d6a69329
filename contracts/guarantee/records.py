"""What guarantees store, their parameters and their state machines."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final

from msgspec import Meta

from contracts.framework.evidence import DocumentKind, Evidence
from contracts.framework.machine import Limit, Machine, step
from contracts.framework.parameters import parameters_table
from contracts.framework.types import (
    Days,
    Digest,
    Instant,
    Lei,
    Money,
    MoneyOrNone,
    ObjectId,
    Reason,
)
from ledger.codec import Struct, Uint
from ledger.state import Table


class GuaranteeParameters(Struct, tag="guarantee.Parameters"):
    """Limits and windows of guarantees."""

    draft_days: Annotated[
        Days, Meta(description="Days that a guarantor has to answer a draft.")
    ] = 30
    examination_days: Annotated[
        Days, Meta(description="Business days to examine a demand (URDG 758: five).")
    ] = 5
    extend_or_pay_days: Annotated[
        Days, Meta(description="Days that payment may wait for an extension (URDG 758: thirty).")
    ] = 30
    payment_days: Annotated[
        Days, Meta(description="Days to pay once payment is due; then the ledger books it.")
    ] = 2
    goods_days: Annotated[
        Days, Meta(description="Longest time, in days, to perform in kind instead of paying.")
    ] = 90
    amendment_days: Annotated[
        Days, Meta(description="Business days that a beneficiary has to answer an amendment.")
    ] = 10
    term_days: Annotated[
        Days, Meta(description="Term of a guarantee that names no date (three years).")
    ] = 1_095
    longest_days: Annotated[
        Days, Meta(description="Longest term, in days from now, that may be promised.")
    ] = 3_650
    force_majeure_days: Annotated[Days, Meta(description="Days that one force majeure adds.")] = 30
    force_majeure_times: Annotated[
        int, Meta(ge=0, le=12, description="How often force majeure may add time to a guarantee.")
    ] = 1
    stay_days: Annotated[
        Days, Meta(description="Longest time, in days, that one tribunal order stays a demand.")
    ] = 60
    contest_days: Annotated[
        Days, Meta(description="Days after a rejection in which a dispute keeps the demand alive.")
    ] = 30
    reimbursement_days: Annotated[
        Days, Meta(description="Days that an applicant has to reimburse its guarantor.")
    ] = 30


GUARANTEE_PARAMETERS: Final = parameters_table("guarantee", GuaranteeParameters)


class Underlying(Struct):
    """The contract that a guarantee secures."""

    kind: Annotated[
        str,
        Meta(min_length=1, max_length=32, description="Its kind, or 'none' if independent."),
    ] = "none"
    id: Annotated[ObjectId | None, Meta(description="Its id.")] = None


class DocumentTerm(Struct):
    """A document that a demand has to present."""

    kind: Annotated[DocumentKind, Meta(description="What kind of document.")]
    issuer: Annotated[Lei | None, Meta(description="By whom; open if anybody may.")] = None


class ReductionTerm(Struct):
    """A document that, once, reduces the guarantee; its issuer is a party of the register."""

    kind: Annotated[DocumentKind, Meta(description="What kind of document.")]
    issuer: Annotated[Lei, Meta(description="Who issues and signs it.")]
    amount: Annotated[Money, Meta(description="By how much the guarantee falls.")]


class GuaranteeState(StrEnum):
    """Where a guarantee and its open demand stand."""

    DRAFT = "draft"
    ISSUED = "issued"
    EXAMINING = "examining"
    EXTEND_OR_PAY = "extend or pay"
    DUE = "due"
    IN_KIND = "in kind"
    STAYED = "stayed"
    PAYMENT_STAYED = "payment stayed"
    CONTESTED = "contested"
    PAID = "paid"
    EXPIRED = "expired"
    RELEASED = "released"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


class Guarantee(Struct, tag=1):
    """A guarantee. Amounts in minor units: ``amount + increases = paid + reduced + remaining +
    lapsed``, where ``lapsed`` is what remained when it ended unpaid.

    ``demand`` is the demand that is open or in dispute, ``newest`` the last one presented, and
    ``left`` the time, in ms, that its examination has left while an order in the dispute
    ``stayed_by`` stops it. ``used`` are positions of reduction terms.
    """

    id: ObjectId
    guarantor: Lei
    applicant: Lei
    beneficiary: Lei
    amount: Money
    underlying: Underlying
    documents: tuple[DocumentTerm, ...]
    reductions: tuple[ReductionTerm, ...]
    transferable: bool
    expires: Instant
    text: str
    state: GuaranteeState
    due: Uint
    remaining: MoneyOrNone = 0
    increases: MoneyOrNone = 0
    paid: MoneyOrNone = 0
    reduced: MoneyOrNone = 0
    lapsed: MoneyOrNone = 0
    used: tuple[Uint, ...] = ()
    demands: Uint = 0
    demand: ObjectId | None = None
    newest: ObjectId | None = None
    left: Uint = 0
    stayed_by: ObjectId | None = None
    prolonged: Uint = 0

    @property
    def in_force(self) -> bool:
        """Whether the guarantor is bound: capacity is committed for what remains."""
        return self.state in IN_FORCE


class DemandState(StrEnum):
    """How a demand stands, or ended."""

    OPEN = "open"
    PAID = "paid"
    REJECTED = "rejected"
    EXTENDED = "extended"
    WITHDRAWN = "withdrawn"
    DISMISSED = "dismissed"


class DiscrepancyKind(StrEnum):
    """What of a demand does not comply."""

    STATEMENT = "statement"
    DOCUMENT = "document"
    MISSING = "missing"


class Discrepancy(Struct):
    """One reason for which a demand does not comply with the guarantee's terms."""

    kind: Annotated[DiscrepancyKind, Meta(description="The statement, a document, or a lack.")]
    reason: Annotated[Reason, Meta(description="What does not comply.")]
    document: Annotated[Digest | None, Meta(description="The document that does not comply.")] = (
        None
    )
    missing: Annotated[
        DocumentKind | None, Meta(description="The kind of document that was not presented.")
    ] = None


class Demand(Struct, tag=1):
    """A beneficiary's demand: ``presented`` and the last moment to reject are in ms.

    ``upheld`` tells that the guarantor may reject no more: it accepted, was silent, or a tribunal
    found the demand complying.
    """

    id: ObjectId
    guarantee: ObjectId
    number: Uint
    amount: Money
    statement: Reason
    documents: tuple[Evidence, ...]
    extend_to: Instant | None
    presented: Instant
    examined_until: Instant
    state: DemandState = DemandState.OPEN
    upheld: bool = False
    decided: Instant = 0
    discrepancies: tuple[Discrepancy, ...] = ()


class Examined(Struct, tag=1):
    """A guarantor saw something in a demand it rejected: whether it objected to it."""

    demand: ObjectId
    objected: bool


class Payment(Struct, tag=1):
    """A payment under a guarantee and where it came from, in minor units; the parts sum up.

    ``owed`` is what nobody could pay: a debt of the guarantor to the beneficiary. ``goods`` was
    performed in kind.
    """

    id: ObjectId
    guarantee: ObjectId
    demand: ObjectId
    guarantor: Lei
    beneficiary: Lei
    amount: Money
    cash: MoneyOrNone
    collateral: MoneyOrNone
    support: MoneyOrNone
    owed: MoneyOrNone
    goods: MoneyOrNone
    time: Instant


class Subrogation(Struct, tag=1):
    """The claim that passed to the guarantor by a payment, in minor units: ``amount = goods +
    cash``.

    Of ``goods`` (a claim to finished goods) ``received`` was delivered to the guarantor and
    ``converted`` became a debt at its choice. ``debts`` are the applicant's debts for the rest.
    """

    payment: ObjectId
    guarantee: ObjectId
    guarantor: Lei
    applicant: Lei
    amount: Money
    goods: MoneyOrNone
    cash: MoneyOrNone
    received: MoneyOrNone = 0
    converted: MoneyOrNone = 0
    debts: tuple[ObjectId, ...] = ()

    @property
    def recoverable(self) -> int:
        """What is left of the goods claim."""
        return self.goods - self.received - self.converted


class AmendmentState(StrEnum):
    """A proposed amendment and its answer. Silence is not acceptance."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


class Amendment(Struct, tag=1):
    """Changed terms, proposed by the guarantor; None leaves a term as it is.

    ``base`` is what the guarantee had remaining when it was proposed.
    """

    id: ObjectId
    guarantee: ObjectId
    guarantor: Lei
    beneficiary: Lei
    remaining: MoneyOrNone | None
    expires: Instant | None
    documents: tuple[DocumentTerm, ...] | None
    reason: str
    state: AmendmentState
    due: Uint
    base: MoneyOrNone


class OpenAmendment(Struct, tag=1):
    """Index entry: the amendment of a guarantee that waits."""

    amendment: ObjectId


class GuaranteePayment(Struct, tag=1):
    """Index entry: a payment of a guarantee."""

    payment: ObjectId


GUARANTEE_TABLE: Final = Table("guarantee", Guarantee)
"""By id."""
DEMAND: Final = Table("guarantee.demand", Demand)
"""By id."""
EXAMINED: Final = Table("guarantee.examined", Examined)
"""By guarantee and the digest of what was examined."""
PAYMENT: Final = Table("guarantee.payment", Payment)
"""By id."""
PAYMENT_OF: Final = Table("guarantee.paid", GuaranteePayment)
"""By guarantee and payment."""
SUBROGATION: Final = Table("guarantee.passed", Subrogation)
"""By payment: each passes a claim once."""
AMENDMENT_TABLE: Final = Table("guarantee.amendment", Amendment)
"""By id."""
OPEN_AMENDMENT: Final = Table("guarantee.amending", OpenAmendment)
"""By guarantee: one amendment waits at a time."""

_S = GuaranteeState
PAYABLE: Final = (_S.EXAMINING, _S.EXTEND_OR_PAY, _S.DUE)
DEMANDED: Final = (*PAYABLE, _S.IN_KIND, _S.STAYED, _S.PAYMENT_STAYED)
"""A demand is open."""
IN_FORCE: Final = frozenset({_S.ISSUED, *DEMANDED, _S.CONTESTED})


def _awaited(guarantee: Guarantee) -> tuple[str, ...]:
    if guarantee.state in {_S.DRAFT, *PAYABLE}:
        return (guarantee.guarantor,)
    if guarantee.state is _S.IN_KIND:
        return (guarantee.guarantor, guarantee.beneficiary)
    return ()


GUARANTEE: Final = Machine[Guarantee](
    name="guarantee",
    meaning="A guarantor's promise to pay a beneficiary on a complying demand.",
    table=GUARANTEE_TABLE,
    key=lambda g: (g.id,),
    states=GuaranteeState,
    initial=(_S.DRAFT, _S.ISSUED),
    transitions=(
        step("issue", _S.DRAFT, _S.ISSUED, "guarantor"),
        step("decline", _S.DRAFT, _S.DECLINED, "guarantor, with a reason"),
        step("withdraw", _S.DRAFT, _S.WITHDRAWN, "applicant"),
        step("lapse", _S.DRAFT, _S.LAPSED, "the time limit"),
        step("demand", _S.ISSUED, _S.EXAMINING, "beneficiary, stating the breach"),
        step("release", _S.ISSUED, _S.RELEASED, "beneficiary, secured contract, or nothing left"),
        step("exhaust", _S.ISSUED, _S.PAID, "all of it is paid"),
        step("expire", _S.ISSUED, _S.EXPIRED, "the time limit"),
        step("contest", _S.ISSUED, _S.CONTESTED, "dispute about a rejected demand"),
        *(
            step("prolong", state, state, "amendment, force majeure")
            for state in (_S.ISSUED, *PAYABLE)
        ),
        step("reject", _S.EXAMINING, _S.ISSUED, "guarantor, with all discrepancies"),
        step("accept", _S.EXAMINING, _S.DUE, "guarantor"),
        step("preclude", _S.EXAMINING, _S.DUE, "the time limit: silence is acceptance"),
        step("suspend", _S.EXAMINING, _S.EXTEND_OR_PAY, "guarantor, if extension is asked for"),
        step("extend", _S.EXTEND_OR_PAY, _S.ISSUED, "guarantor"),
        step("fail to extend", _S.EXTEND_OR_PAY, _S.DUE, "the time limit"),
        step("pay", (*PAYABLE, _S.CONTESTED), _S.ISSUED, "guarantor, time limit, or award"),
        step("agree on goods", PAYABLE, _S.IN_KIND, "guarantor and beneficiary"),
        step("confirm goods", _S.IN_KIND, _S.ISSUED, "beneficiary"),
        step("fail to deliver", _S.IN_KIND, _S.DUE, "the time limit"),
        step("stay", (_S.EXAMINING, _S.STAYED), _S.STAYED, "tribunal, for manifest abuse"),
        step("resume", _S.STAYED, _S.EXAMINING, "tribunal, or the time limit"),
        step(
            "stay payment",
            (_S.EXTEND_OR_PAY, _S.DUE, _S.PAYMENT_STAYED),
            _S.PAYMENT_STAYED,
            "tribunal, for manifest abuse",
        ),
        step("resume payment", _S.PAYMENT_STAYED, _S.DUE, "tribunal, or the time limit"),
        step("withdraw demand", DEMANDED, _S.ISSUED, "beneficiary"),
        step(
            "dismiss",
            (*DEMANDED, _S.CONTESTED),
            _S.ISSUED,
            "tribunal, or the end of a dispute",
        ),
    ),
    limits={
        _S.DRAFT: Limit("lapse", "30 days"),
        _S.ISSUED: Limit("expire", "its term"),
        _S.EXAMINING: Limit("preclude", "5 business days"),
        _S.EXTEND_OR_PAY: Limit("fail to extend", "30 days"),
        _S.DUE: Limit("pay", "2 days"),
        _S.IN_KIND: Limit("fail to deliver", "the agreed time"),
        _S.STAYED: Limit("resume", "60 days"),
        _S.PAYMENT_STAYED: Limit("resume payment", "60 days"),
    },
    rests={_S.CONTESTED: "the time limits of the dispute end it"},
    parties=lambda g: (g.guarantor, g.applicant, g.beneficiary),
    awaits=_awaited,
)

_A = AmendmentState
AMENDMENT: Final = Machine[Amendment](
    name="amendment",
    meaning="Changed terms of a guarantee that wait for the beneficiary.",
    table=AMENDMENT_TABLE,
    key=lambda a: (a.id,),
    states=AmendmentState,
    initial=(_A.PROPOSED,),
    transitions=(
        step("accept", _A.PROPOSED, _A.ACCEPTED, "beneficiary"),
        step("refuse", _A.PROPOSED, _A.REFUSED, "beneficiary"),
        step("withdraw", _A.PROPOSED, _A.WITHDRAWN, "guarantor, or the guarantee's end"),
        step("lapse", _A.PROPOSED, _A.LAPSED, "the time limit: silence is not acceptance"),
    ),
    limits={_A.PROPOSED: Limit("lapse", "10 business days")},
    rests={},
    parties=lambda a: (a.guarantor, a.beneficiary),
    awaits=lambda a: (a.beneficiary,),
)

GUARANTEE_TABLES: Final[tuple[Table[Any], ...]] = (
    GUARANTEE_TABLE,
    DEMAND,
    EXAMINED,
    PAYMENT,
    PAYMENT_OF,
    SUBROGATION,
    AMENDMENT_TABLE,
    OPEN_AMENDMENT,
)
