"""What guarantors, applicants and beneficiaries can do with the terms of a guarantee.

Demands and payments are in ``claims``. Existing guarantees bind whatever a party's standing has
become, so their operations ask for the right to settle, and the rules for the party's place.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import Meta

from contracts.accounts import AVAIL
from contracts.capacity import CAPACITY, COLLATERAL, COVER, POSTED
from contracts.errors import (
    ALREADY_EXTENDED,
    BAD_DOCUMENT,
    COLLATERAL_SHORT,
    DEADLINE_PASSED,
    GUARANTEE_TOO_LONG,
    INSUFFICIENT_FUNDS,
    INVALID_TERMS,
    NOT_AUTHORISED,
    NOT_ENTITLED,
    NOT_FOUND,
    NOT_LISTED,
    OVER_CAPACITY,
    OVER_GUARANTEE,
    STANDING_FORBIDS,
    UNKNOWN_PARTY,
    WRONG_STATE,
)
from contracts.framework.authority import holder_of, member
from contracts.framework.evidence import Evidence
from contracts.framework.operation import Operation, operation
from contracts.framework.party import Right, Role, holder
from contracts.framework.posting import entry
from contracts.framework.types import (
    Count,
    Digest,
    Instant,
    Lei,
    Line,
    Money,
    MoneyOrNone,
    ObjectId,
    Reason,
)
from contracts.guarantee.events import (
    AmendmentEnded,
    AmendmentProposed,
    CapacityPosted,
    GuaranteeDrafted,
    GuaranteeEnded,
    GuaranteeExtended,
    GuaranteeIssued,
    GuaranteeReduced,
    PartyReplaced,
)
from contracts.guarantee.records import (
    AMENDMENT_TABLE,
    GUARANTEE_TABLE,
    DocumentTerm,
    ReductionTerm,
    Underlying,
)
from ledger.state import State

POLICY: Final = "guarantee"
OF_AN_OBJECT: Final = (NOT_FOUND, NOT_ENTITLED, WRONG_STATE, DEADLINE_PASSED)
ISSUING: Final = (
    OVER_CAPACITY,
    COLLATERAL_SHORT,
    GUARANTEE_TOO_LONG,
    INVALID_TERMS,
    NOT_AUTHORISED,
    STANDING_FORBIDS,
    UNKNOWN_PARTY,
)
ENDING: Final = (GuaranteeEnded, AmendmentEnded)
WHICH: Final = Meta(description="Which guarantee.")
WHY: Final = Meta(description="Why.")


def stated(state: State, op: Any, party: str) -> int:
    """The amount that the operation states."""
    amount: int = op.amount
    return amount


def face(state: State, op: Any, party: str) -> int:
    """The face amount of the guarantee that the operation names; 0 if there is none."""
    found = state.get(GUARANTEE_TABLE, op.guarantee)
    return 0 if found is None else found.amount


@operation(
    policy=POLICY,
    by=holder_of(Role.GUARANTOR),
    amount=lambda state, op, party: op.amount,
    posts=(
        entry("guarantor", POSTED, "guarantor", CAPACITY),
        entry("guarantor", CAPACITY, "guarantor", POSTED),
    ),
    emits=(CapacityPosted,),
    errors=(OVER_CAPACITY,),
    text={
        "en": "Set the guarantor's whole capacity to {amount}, by the document {evidence}",
        "ru": "Установить общий лимит гаранта {amount} на основании документа {evidence}",
        "zh": "将担保人的总担保能力设为 {amount}，依据文件 {evidence}",
    },
)
class PostCapacity(Operation, tag="guarantee.PostCapacity"):
    """State how much the guarantor may promise in all; never below what it has promised."""

    amount: Annotated[MoneyOrNone, Meta(description="The whole capacity from now on.")]
    evidence: Annotated[Digest, Meta(description="The law or decision that provides for it.")]


@operation(
    policy=POLICY,
    by=holder_of(Role.GUARANTOR),
    amount=stated,
    posts=(entry("guarantor", AVAIL, "guarantor", COLLATERAL),),
    errors=(INSUFFICIENT_FUNDS,),
    text={
        "en": "Post collateral of {amount}",
        "ru": "Внести обеспечение {amount}",
        "zh": "缴存担保金 {amount}",
    },
)
class PostCollateral(Operation, tag="guarantee.PostCollateral"):
    """Set money aside that stands behind the guarantor's promises."""

    amount: Annotated[Money, Meta(description="How much.")]


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    amount=stated,
    posts=(entry("guarantor", COLLATERAL, "guarantor", AVAIL),),
    errors=(INSUFFICIENT_FUNDS, COLLATERAL_SHORT),
    text={
        "en": "Take back collateral of {amount}",
        "ru": "Вернуть обеспечение {amount}",
        "zh": "取回担保金 {amount}",
    },
)
class ReleaseCollateral(Operation, tag="guarantee.ReleaseCollateral"):
    """Take back collateral that the guarantor's promises do not need."""

    amount: Annotated[Money, Meta(description="How much.")]


@operation(
    policy=POLICY,
    by=member(Right.OBLIGE),
    amount=stated,
    emits=(GuaranteeDrafted,),
    errors=ISSUING,
    text={
        "en": "Ask {guarantor} to guarantee {amount} to {beneficiary}",
        "ru": "Просить {guarantor} выдать гарантию на {amount} в пользу {beneficiary}",
        "zh": "请 {guarantor} 向 {beneficiary} 担保 {amount}",
    },
)
class DraftGuarantee(Operation, tag="guarantee.DraftGuarantee"):
    """Ask a guarantor for a guarantee, promising to reimburse what it pays."""

    guarantor: Annotated[Lei, Meta(description="Who is to guarantee: a state's guarantor.")]
    beneficiary: Annotated[Lei, Meta(description="To whom.")]
    amount: Annotated[Money, Meta(description="How much at most.")]
    underlying: Annotated[Underlying, Meta(description="The contract that it secures.")]
    expires: Annotated[
        Instant | None, Meta(description="Last moment for a demand; none: the usual term.")
    ] = None
    documents: Annotated[
        tuple[DocumentTerm, ...],
        Meta(max_length=16, description="What a demand presents beside its statement."),
    ] = ()
    reductions: Annotated[
        tuple[ReductionTerm, ...],
        Meta(max_length=32, description="Documents that reduce the guarantee."),
    ] = ()
    transferable: Annotated[
        bool, Meta(description="Whether the beneficiary may put another in its place.")
    ] = False
    text: Annotated[Line, Meta(description="A note to both.")] = ""


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    emits=ENDING,
    errors=OF_AN_OBJECT,
    text={
        "en": "Withdraw the draft of guarantee {guarantee}",
        "ru": "Отозвать проект гарантии {guarantee}",
        "zh": "撤回担保草案 {guarantee}",
    },
)
class WithdrawDraft(Operation, tag="guarantee.WithdrawDraft"):
    """Take back a draft that the guarantor has not answered."""

    guarantee: Annotated[ObjectId, WHICH]


@operation(
    policy=POLICY,
    by=holder_of(Role.GUARANTOR),
    amount=face,
    posts=(entry("guarantor", CAPACITY, "guarantor", COVER),),
    emits=(GuaranteeIssued,),
    errors=(*OF_AN_OBJECT, *ISSUING),
    text={
        "en": "Issue guarantee {guarantee}, irrevocably",
        "ru": "Выдать гарантию {guarantee}, безотзывно",
        "zh": "签发担保 {guarantee}，不可撤销",
    },
)
class IssueGuarantee(Operation, tag="guarantee.IssueGuarantee"):
    """Give the guarantor's irrevocable word, within its capacity and collateral."""

    guarantee: Annotated[ObjectId, WHICH]


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    emits=ENDING,
    errors=OF_AN_OBJECT,
    text={
        "en": "Decline to issue guarantee {guarantee}: {reason}",
        "ru": "Отказать в выдаче гарантии {guarantee}: {reason}",
        "zh": "拒绝签发担保 {guarantee}：{reason}",
    },
)
class DeclineDraft(Operation, tag="guarantee.DeclineDraft"):
    """Refuse a draft, with a reason."""

    guarantee: Annotated[ObjectId, WHICH]
    reason: Annotated[Reason, WHY]


def _burdened(state: State, author: str, op: ProposeAmendment) -> tuple[str, ...]:
    """The applicant, if it is to answer for more or for longer."""
    found = state.get(GUARANTEE_TABLE, op.guarantee)
    if found is None or found.applicant == author:
        return ()
    more = op.remaining is not None and op.remaining > found.remaining
    longer = op.expires is not None and op.expires > found.expires
    return (found.applicant,) if more or longer else ()


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    amount=lambda state, op, party: op.remaining or 0,
    cosigners=_burdened,
    cosigned_by="the applicant, if the amount rises or the term is longer",
    emits=(AmendmentProposed,),
    errors=(*OF_AN_OBJECT, INVALID_TERMS, GUARANTEE_TOO_LONG),
    text={
        "en": "Propose to amend guarantee {guarantee}: {reason}",
        "ru": "Предложить изменить гарантию {guarantee}: {reason}",
        "zh": "提议修改担保 {guarantee}：{reason}",
    },
)
class ProposeAmendment(Operation, tag="guarantee.ProposeAmendment"):
    """Offer the beneficiary other terms; its silence is not acceptance."""

    guarantee: Annotated[ObjectId, WHICH]
    reason: Annotated[Reason, WHY]
    remaining: Annotated[Money | None, Meta(description="What it secures from then on.")] = None
    expires: Annotated[Instant | None, Meta(description="Last moment for a demand.")] = None
    replace_documents: Annotated[
        bool, Meta(description="Whether the listed documents replace those required so far.")
    ] = False
    documents: Annotated[
        tuple[DocumentTerm, ...],
        Meta(max_length=16, description="What a demand presents beside its statement."),
    ] = ()


def _amended(state: State, op: Any, party: str) -> int:
    found = state.get(AMENDMENT_TABLE, op.amendment)
    return 0 if found is None else found.remaining or 0


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    amount=_amended,
    posts=(
        entry("guarantor", CAPACITY, "guarantor", COVER),
        entry("guarantor", COVER, "guarantor", CAPACITY),
    ),
    emits=(AmendmentEnded, GuaranteeReduced, GuaranteeExtended),
    errors=(*OF_AN_OBJECT, *ISSUING, OVER_GUARANTEE),
    text={
        "en": "Accept amendment {amendment}",
        "ru": "Принять изменение {amendment}",
        "zh": "接受修改 {amendment}",
    },
)
class AcceptAmendment(Operation, tag="guarantee.AcceptAmendment"):
    """Accept changed terms, whole as they are."""

    amendment: Annotated[ObjectId, Meta(description="Which amendment.")]


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    emits=(AmendmentEnded,),
    errors=OF_AN_OBJECT,
    text={
        "en": "Refuse amendment {amendment}",
        "ru": "Отклонить изменение {amendment}",
        "zh": "拒绝修改 {amendment}",
    },
)
class RefuseAmendment(Operation, tag="guarantee.RefuseAmendment"):
    """Refuse changed terms (as beneficiary) or take them back (as guarantor)."""

    amendment: Annotated[ObjectId, Meta(description="Which amendment.")]


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    posts=(entry("guarantor", COVER, "guarantor", CAPACITY),),
    emits=(GuaranteeReduced, *ENDING),
    errors=(*OF_AN_OBJECT, NOT_LISTED, BAD_DOCUMENT, OVER_GUARANTEE),
    text={
        "en": "Reduce guarantee {guarantee} by its listed document {term}",
        "ru": "Уменьшить гарантию {guarantee} по перечисленному документу {term}",
        "zh": "凭所列文件 {term} 减少担保 {guarantee}",
    },
)
class PresentReduction(Operation, tag="guarantee.PresentReduction"):
    """Present a document that the guarantee lists, which reduces it by the listed amount."""

    guarantee: Annotated[ObjectId, WHICH]
    term: Annotated[Count, Meta(description="Position in the list of reductions, from 0.")]
    document: Annotated[Evidence, Meta(description="The document, signed by its issuer.")]


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    amount=stated,
    posts=(entry("guarantor", COVER, "guarantor", CAPACITY),),
    emits=(GuaranteeReduced, *ENDING),
    errors=(*OF_AN_OBJECT, OVER_GUARANTEE),
    text={
        "en": "Give up {amount} of guarantee {guarantee}",
        "ru": "Отказаться от {amount} по гарантии {guarantee}",
        "zh": "放弃担保 {guarantee} 中的 {amount}",
    },
)
class LowerGuarantee(Operation, tag="guarantee.LowerGuarantee"):
    """Give up a part of a guarantee, as its beneficiary."""

    guarantee: Annotated[ObjectId, WHICH]
    amount: Annotated[Money, Meta(description="By how much it falls.")]


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    amount=face,
    posts=(entry("guarantor", COVER, "guarantor", CAPACITY),),
    emits=ENDING,
    errors=OF_AN_OBJECT,
    text={
        "en": "Release guarantee {guarantee}",
        "ru": "Освободить гаранта от гарантии {guarantee}",
        "zh": "解除担保 {guarantee}",
    },
)
class ReleaseGuarantee(Operation, tag="guarantee.ReleaseGuarantee"):
    """Give a guarantee back before it expires, as its beneficiary."""

    guarantee: Annotated[ObjectId, WHICH]


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    amount=face,
    cosigners=lambda state, author, op: (op.beneficiary,),
    cosigned_by="the new beneficiary",
    emits=(PartyReplaced, AmendmentEnded),
    errors=(*OF_AN_OBJECT, INVALID_TERMS, STANDING_FORBIDS),
    text={
        "en": "Transfer guarantee {guarantee} to {beneficiary}",
        "ru": "Передать гарантию {guarantee} в пользу {beneficiary}",
        "zh": "将担保 {guarantee} 转让给 {beneficiary}",
    },
)
class TransferGuarantee(Operation, tag="guarantee.TransferGuarantee"):
    """Put another beneficiary in one's place, where the guarantee is transferable."""

    guarantee: Annotated[ObjectId, WHICH]
    beneficiary: Annotated[Lei, Meta(description="The new beneficiary.")]


def _registrar(state: State, author: str, op: Operation) -> tuple[str, ...]:
    registrar = holder(state, Role.REGISTRAR)
    return () if registrar in (None, author) else (str(registrar),)


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    cosigners=_registrar,
    cosigned_by="the registrar, who confirms the event",
    emits=(GuaranteeExtended,),
    errors=(*OF_AN_OBJECT, ALREADY_EXTENDED, BAD_DOCUMENT),
    text={
        "en": "Add time to guarantee {guarantee} for force majeure",
        "ru": "Продлить гарантию {guarantee} из-за непреодолимой силы",
        "zh": "因不可抗力延长担保 {guarantee}",
    },
)
class ClaimForceMajeure(Operation, tag="guarantee.ClaimForceMajeure"):
    """Add time to a guarantee and its open examination, because business was interrupted."""

    guarantee: Annotated[ObjectId, WHICH]
    document: Annotated[Evidence, Meta(description="What shows the event.")]
