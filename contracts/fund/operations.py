"""What states, residents, inspectors and the manager can do with the joint fund."""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import Meta

from contracts.accounts import AVAIL, PAY, REC
from contracts.errors import (
    BAD_DOCUMENT,
    CONFLICT_OF_INTEREST,
    DEADLINE_PASSED,
    INSUFFICIENT_FUNDS,
    INVALID_TERMS,
    MOTION_OPEN,
    NO_VOTERS,
    NOT_ENTITLED,
    NOT_FOUND,
    OVER_BALANCE_LIMIT,
    OVER_CREDIT_LINE,
    OVER_FUND,
    STANDING_FORBIDS,
    TOO_EARLY,
    WRONG_STATE,
)
from contracts.framework.authority import holder_of, member
from contracts.framework.ballot import BallotOpened
from contracts.framework.evidence import Evidence
from contracts.framework.operation import Operation, operation
from contracts.framework.party import Right, Role
from contracts.framework.posting import entry
from contracts.framework.types import (
    BASIS_POINTS,
    Country,
    Digest,
    Instant,
    Money,
    ObjectId,
    Reason,
    Title,
)
from contracts.fund.accounts import FIRST_LOSS, POOL, TRANCHES
from contracts.fund.events import (
    ApplicationAppraised,
    ApplicationChanged,
    InstalmentChanged,
    PledgeChanged,
    TrancheHeld,
    TrancheReleased,
    TrancheReturned,
)
from contracts.fund.records import PLEDGE_TABLE, Milestone, Support
from ledger.state import State

POLICY: Final = "fund"
OF_AN_OBJECT: Final = (NOT_FOUND, WRONG_STATE, DEADLINE_PASSED)
MANAGED: Final = holder_of(Role.FUND)

_PLEDGE = Meta(description="Which pledge.")
_APPLICATION = Meta(description="Which application.")
_WHY = Meta(description="Why.")


def _pledged(state: State, op: Any, party: str) -> int:
    pledge = state.get(PLEDGE_TABLE, op.pledge)
    return 0 if pledge is None else pledge.amount


@operation(
    policy=POLICY,
    by=holder_of(Role.GUARANTOR),
    amount=lambda state, op, party: op.amount,
    emits=(PledgeChanged,),
    errors=(NOT_ENTITLED,),
    text={
        "en": "Pledge {amount} of {country} to the joint fund",
        "ru": "Обязаться внести {amount} от {country} в совместный фонд",
        "zh": "代表 {country} 向联合基金认缴 {amount}",
    },
)
class Pledge(Operation, tag="fund.Pledge"):
    """Promise, for the state that one guarantees for, to pay into the fund when called."""

    country: Annotated[Country, Meta(description="The state that pledges.")]
    amount: Annotated[Money, Meta(description="How much, in minor units.")]


@operation(
    policy=POLICY,
    by=MANAGED,
    emits=(PledgeChanged,),
    errors=(*OF_AN_OBJECT, INVALID_TERMS),
    text={
        "en": "Call {amount} of pledge {pledge}: {reason}",
        "ru": "Востребовать {amount} по обязательству {pledge}: {reason}",
        "zh": "催缴认缴款 {pledge} 中的 {amount}：{reason}",
    },
)
class CallPledge(Operation, tag="fund.CallPledge"):
    """Call a pledge, in full or for a part, which then becomes a pledge of its own."""

    pledge: Annotated[ObjectId, _PLEDGE]
    amount: Annotated[Money, Meta(description="How much of it.")]
    reason: Annotated[Reason, Meta(description="What it is needed for.")]


@operation(
    policy=POLICY,
    by=holder_of(Role.GUARANTOR),
    amount=_pledged,
    posts=(
        entry("guarantor", AVAIL, "fund", POOL),
        entry("guarantor", AVAIL, "fund", FIRST_LOSS),
    ),
    emits=(PledgeChanged,),
    errors=(*OF_AN_OBJECT, NOT_ENTITLED, INSUFFICIENT_FUNDS, OVER_CREDIT_LINE, OVER_BALANCE_LIMIT),
    text={
        "en": "Pay pledge {pledge} into the joint fund",
        "ru": "Внести взнос по обязательству {pledge} в совместный фонд",
        "zh": "向联合基金缴付认缴款 {pledge}",
    },
)
class PayPledge(Operation, tag="fund.PayPledge"):
    """Pay a pledge that is called, late or not; part of it is ring-fenced for first losses."""

    pledge: Annotated[ObjectId, _PLEDGE]


@operation(
    policy=POLICY,
    by=holder_of(Role.FUND, Role.GUARANTOR),
    emits=(BallotOpened,),
    errors=(*OF_AN_OBJECT, MOTION_OPEN, NO_VOTERS),
    text={
        "en": "Propose to release {pledge} from its pledge: {reason}",
        "ru": "Предложить освободить от обязательства {pledge}: {reason}",
        "zh": "提议解除认缴款 {pledge}：{reason}",
    },
)
class ProposeRelease(Operation, tag="fund.ProposeRelease"):
    """Put it to the council to release a state from a pledge; its own guarantor does not vote."""

    pledge: Annotated[ObjectId, _PLEDGE]
    reason: Annotated[Reason, _WHY]


@operation(
    policy=POLICY,
    by=member(Right.OBLIGE),
    amount=lambda state, op, party: sum(m.amount for m in op.milestones),
    emits=(ApplicationChanged,),
    errors=(INVALID_TERMS,),
    text={
        "en": "Apply for a {support} of the joint fund for {title}: {milestones}, repaid {repay}",
        "ru": "Подать заявку в фонд ({support}) на {title}: {milestones}, возврат {repay}",
        "zh": "向基金申请 {support}，用于 {title}：{milestones}，还款 {repay}",
    },
)
class ApplyForSupport(Operation, tag="fund.ApplyForSupport"):
    """Apply for a grant or a loan, whose money comes milestone by milestone.

    Each part of a loan is repaid in equal instalments on the dates that are stated; what division
    leaves over goes into the last one. Loans of the fund bear no interest.
    """

    support: Annotated[Support, Meta(description="Grant or loan.")]
    title: Annotated[Title, Meta(description="The project.")]
    plan: Annotated[Digest, Meta(description="SHA-256 of the business plan, or a commitment.")]
    milestones: Annotated[
        tuple[Milestone, ...],
        Meta(min_length=1, max_length=12, description="Milestones, ascending by date."),
    ]
    repay: Annotated[
        tuple[Instant, ...],
        Meta(max_length=12, description="Dates of a loan's instalments, after the milestones."),
    ] = ()


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    emits=(ApplicationChanged,),
    errors=(*OF_AN_OBJECT, NOT_ENTITLED),
    text={
        "en": "Withdraw application {application} to the joint fund",
        "ru": "Отозвать заявку {application} в совместный фонд",
        "zh": "撤回向联合基金提交的申请 {application}",
    },
)
class WithdrawApplication(Operation, tag="fund.WithdrawApplication"):
    """Take back an own application before money is held for it."""

    application: Annotated[ObjectId, _APPLICATION]


@operation(
    policy=POLICY,
    by=MANAGED,
    emits=(ApplicationAppraised, ApplicationChanged, BallotOpened),
    errors=(*OF_AN_OBJECT, CONFLICT_OF_INTEREST, MOTION_OPEN, NO_VOTERS),
    text={
        "en": "Appraise application {application} with {score} of 10,000: {reason}",
        "ru": "Оценить заявку {application} в {score} из 10 000: {reason}",
        "zh": "评估申请 {application}，得分 {score}/10000：{reason}",
    },
)
class Appraise(Operation, tag="fund.Appraise"):
    """Give an application a score and put it to the council's vote if it reaches the least score.

    A joint venture's score is raised by the published bonus. The states of the applicant and of its
    larger owners do not vote.
    """

    application: Annotated[ObjectId, _APPLICATION]
    score: Annotated[
        int, Meta(ge=0, le=BASIS_POINTS, description="The appraisal, from 0 to 10,000.")
    ]
    report: Annotated[Digest, Meta(description="SHA-256 of the appraisal report.")]
    reason: Annotated[Reason, Meta(description="The appraisal in one sentence.")]


@operation(
    policy=POLICY,
    by=MANAGED,
    posts=(entry("fund", POOL, "fund", TRANCHES),),
    emits=(ApplicationChanged, TrancheHeld),
    errors=(*OF_AN_OBJECT, OVER_FUND),
    text={
        "en": "Hold the money of approved application {application}",
        "ru": "Зарезервировать средства по одобренной заявке {application}",
        "zh": "为已批准的申请 {application} 预留资金",
    },
)
class HoldTranches(Operation, tag="fund.HoldTranches"):
    """Hold the money of an approved application for which there was none when it was approved."""

    application: Annotated[ObjectId, _APPLICATION]


@operation(
    policy="evidence",
    by=holder_of(Role.INSPECTOR),
    posts=(
        entry("fund", TRANCHES, "applicant", AVAIL),
        entry("fund manager", REC, "applicant", PAY),
    ),
    emits=(TrancheReleased, InstalmentChanged, ApplicationChanged),
    errors=(*OF_AN_OBJECT, BAD_DOCUMENT, CONFLICT_OF_INTEREST, STANDING_FORBIDS, TOO_EARLY),
    text={
        "en": "Attest the milestone of tranche {tranche} by {report}",
        "ru": "Подтвердить этап транша {tranche} документом {report}",
        "zh": "以 {report} 证明拨款 {tranche} 的里程碑已达成",
    },
)
class AttestMilestone(Operation, tag="fund.AttestMilestone"):
    """Attest that a milestone is reached, which pays its money out; milestones come in order."""

    tranche: Annotated[ObjectId, Meta(description="The tranche of the milestone.")]
    report: Annotated[Evidence, Meta(description="The inspector's own report.")]


@operation(
    policy=POLICY,
    by=member(Right.SETTLE),
    posts=(entry("fund", TRANCHES, "fund", POOL),),
    emits=(ApplicationChanged, TrancheReturned),
    errors=(*OF_AN_OBJECT, NOT_ENTITLED),
    text={
        "en": "Renounce the rest of the support for {application}: {reason}",
        "ru": "Отказаться от остатка поддержки по заявке {application}: {reason}",
        "zh": "放弃申请 {application} 的剩余资助：{reason}",
    },
)
class RenounceSupport(Operation, tag="fund.RenounceSupport"):
    """Give back what is still held for one's project. What was lent is repaid as agreed."""

    application: Annotated[ObjectId, _APPLICATION]
    reason: Annotated[Reason, _WHY]


@operation(
    policy=POLICY,
    by=MANAGED,
    emits=(BallotOpened,),
    errors=(*OF_AN_OBJECT, MOTION_OPEN, NO_VOTERS),
    text={
        "en": "Propose to write off the defaulted loan of {application}: {reason}",
        "ru": "Предложить списать просроченный заём по заявке {application}: {reason}",
        "zh": "提议核销申请 {application} 的违约贷款：{reason}",
    },
)
class ProposeWriteOff(Operation, tag="fund.ProposeWriteOff"):
    """Put it to the council to give up the instalments of a loan that are in default."""

    application: Annotated[ObjectId, _APPLICATION]
    reason: Annotated[Reason, _WHY]
