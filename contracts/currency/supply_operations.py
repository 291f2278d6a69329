"""What states, issuers and members can do about how much currency there is."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from contracts.accounts import (
    ATTESTED,
    AVAIL,
    BACKING,
    HELD,
    ISSUED,
    RESERVE,
)
from contracts.currency.events import (
    IssueAnswered,
    IssueRequested,
    RedemptionAnswered,
    RedemptionRequested,
    ReserveAttested,
)
from contracts.currency.operations import FUNDS
from contracts.currency.records import ISSUE_TABLE
from contracts.errors import (
    ATTESTATION_STALE,
    INVALID_TERMS,
    NO_HOME_STATE,
    OVER_ISSUED,
    POSITIONS_OPEN,
    RESERVE_EXCEEDED,
    ROLE_NOT_HELD,
)
from contracts.framework.authority import holder_of, member
from contracts.framework.operation import Operation, operation
from contracts.framework.party import Right, Role, holder
from contracts.framework.posting import entry
from contracts.framework.types import (
    Country,
    Digest,
    Line,
    Money,
    MoneyOrNone,
    ObjectId,
    Reason,
)
from ledger.state import State


def _guarantor_of(state: State, author: str, op: AttestReserve) -> tuple[str, ...]:
    guarantor = holder(state, Role.GUARANTOR, op.country)
    return () if guarantor is None or guarantor == author else (guarantor,)


@operation(
    policy="currency",
    by=holder_of(Role.ISSUER),
    amount=lambda state, op, party: op.amount,
    cosigners=_guarantor_of,
    cosigned_by="the state's guarantor",
    posts=(
        entry("state", ATTESTED, "state", RESERVE),
        entry("state", RESERVE, "state", ATTESTED),
    ),
    emits=(ReserveAttested,),
    errors=(ROLE_NOT_HELD, NO_HOME_STATE, RESERVE_EXCEEDED),
    text={
        "en": "Attest a reserve of {amount} for {country}, evidence {evidence}",
        "ru": "Подтвердить резерв {amount} государства {country}, документ {evidence}",
        "zh": "确认 {country} 的储备 {amount}，凭证 {evidence}",
    },
)
class AttestReserve(Operation, tag="currency.AttestReserve"):
    """State the whole reserve behind a state's issue, as its issuer and guarantor attest it.

    It replaces the attestation before, and is never less than what is issued and not redeemed.
    """

    country: Annotated[Country, Meta(description="Whose reserve.")]
    amount: Annotated[MoneyOrNone, Meta(description="The whole reserve.")]
    evidence: Annotated[Digest, Meta(description="Commitment to the auditor's statement.")]


@operation(
    policy="obligation",
    by=member(Right.OBLIGE),
    emits=(IssueRequested,),
    errors=(ROLE_NOT_HELD,),
    text={
        "en": "Ask the issuer of {country} for {amount}",
        "ru": "Запросить эмиссию {amount} у эмитента {country}",
        "zh": "请 {country} 发行人发行 {amount}",
    },
)
class RequestIssue(Operation, tag="currency.RequestIssue"):
    """Ask a state's issuer for new currency, against value given to it outside the ledger."""

    country: Annotated[Country, Meta(description="Which state's issuer.")]
    amount: Annotated[Money, Meta(description="How much.")]


def _requested_issue(state: State, op: Issue, party: str) -> int | None:
    record = state.get(ISSUE_TABLE, op.issue)
    return None if record is None else record.amount


@operation(
    policy="currency",
    by=holder_of(Role.ISSUER),
    amount=_requested_issue,
    posts=(
        entry("state", ISSUED, "member", AVAIL),
        entry("state", RESERVE, "state", BACKING),
    ),
    emits=(IssueAnswered,),
    errors=(ROLE_NOT_HELD, RESERVE_EXCEEDED, ATTESTATION_STALE),
    text={
        "en": "Issue as asked in {issue}, evidence {evidence}",
        "ru": "Выпустить по запросу {issue}, документ {evidence}",
        "zh": "按请求 {issue} 发行，凭证 {evidence}",
    },
)
class Issue(Operation, tag="currency.Issue"):
    """Issue what a member asked for, within the state's attested reserve."""

    issue: Annotated[ObjectId, Meta(description="Which request.")]
    evidence: Annotated[Digest, Meta(description="Commitment to the evidence of the value given.")]


@operation(
    policy="currency",
    by=holder_of(Role.ISSUER),
    emits=(IssueAnswered,),
    errors=(ROLE_NOT_HELD,),
    text={
        "en": "Decline issue {issue}: {reason}",
        "ru": "Отклонить эмиссию {issue}: {reason}",
        "zh": "拒绝发行 {issue}：{reason}",
    },
)
class DeclineIssue(Operation, tag="currency.DeclineIssue"):
    """Decline a request for new currency, with a reason."""

    issue: Annotated[ObjectId, Meta(description="Which request.")]
    reason: Annotated[Reason, Meta(description="Why.")]


@operation(
    policy="obligation",
    by=member(Right.SETTLE),
    emits=(IssueAnswered,),
    text={
        "en": "Withdraw the request for issue {issue}",
        "ru": "Отозвать запрос эмиссии {issue}",
        "zh": "撤回发行请求 {issue}",
    },
)
class WithdrawIssue(Operation, tag="currency.WithdrawIssue"):
    """Withdraw one's own request for new currency."""

    issue: Annotated[ObjectId, Meta(description="Which request.")]


@operation(
    policy="payment",
    by=member(Right.SETTLE),
    amount=lambda state, op, party: op.amount,
    posts=(entry("member", AVAIL, "member", HELD),),
    emits=(RedemptionRequested,),
    errors=(*FUNDS, ROLE_NOT_HELD, OVER_ISSUED, POSITIONS_OPEN),
    text={
        "en": "Redeem {amount} from the issuer of {country}",
        "ru": "Погасить {amount} у эмитента {country}",
        "zh": "向 {country} 发行人赎回 {amount}",
    },
)
class RequestRedemption(Operation, tag="currency.RequestRedemption"):
    """Give currency back to a state's issuer. It is held until the issuer has paid it out."""

    country: Annotated[Country, Meta(description="Which state's issuer.")]
    amount: Annotated[Money, Meta(description="How much.")]


@operation(
    policy="currency",
    by=holder_of(Role.ISSUER),
    posts=(
        entry("member", HELD, "state", ISSUED),
        entry("state", BACKING, "state", RESERVE),
    ),
    emits=(RedemptionAnswered,),
    errors=(ROLE_NOT_HELD, OVER_ISSUED),
    text={
        "en": "Confirm that redemption {redemption} is paid out, evidence {evidence}",
        "ru": "Подтвердить выплату по погашению {redemption}, документ {evidence}",
        "zh": "确认赎回 {redemption} 已付款，凭证 {evidence}",
    },
)
class PayOutRedemption(Operation, tag="currency.PayOutRedemption"):
    """Confirm that a redemption was paid outside the ledger, which takes the currency back."""

    redemption: Annotated[ObjectId, Meta(description="Which redemption.")]
    evidence: Annotated[Digest, Meta(description="Commitment to the evidence of payment.")]


@operation(
    policy="payment",
    by=member(Right.SETTLE),
    posts=(entry("member", HELD, "member", AVAIL),),
    emits=(RedemptionAnswered,),
    errors=(INVALID_TERMS,),
    text={
        "en": "Release redemption {redemption}: {reason}",
        "ru": "Отменить погашение {redemption}: {reason}",
        "zh": "解除赎回 {redemption}：{reason}",
    },
)
class ReleaseRedemption(Operation, tag="currency.ReleaseRedemption"):
    """End a redemption without payment: the member for any reason, the issuer with a stated one."""

    redemption: Annotated[ObjectId, Meta(description="Which redemption.")]
    reason: Annotated[Line, Meta(description="Why; required from the issuer.")] = ""
