"""What attesting, issuing and redeeming do.

The memo accounts make the rule that issue stays within the reserve a matter of bookkeeping: each
issue moves attested reserve from ``reserve`` to ``backing``, and neither may fall below zero.
"""

from __future__ import annotations

from contracts.accounts import ATTESTED, AVAIL, BACKING, HELD, ISSUED, PAY, RESERVE
from contracts.currency import records
from contracts.currency.events import (
    IssueAnswered,
    IssueRequested,
    RedemptionAnswered,
    RedemptionRequested,
    ReserveAttested,
)
from contracts.currency.records import (
    ATTESTATION,
    ISSUE,
    ISSUE_TABLE,
    REDEMPTION,
    REDEMPTION_TABLE,
    Attestation,
    CurrencyParameters,
    IssueState,
    Redemption,
    RedemptionState,
)
from contracts.currency.supply_operations import (
    AttestReserve,
    DeclineIssue,
    Issue,
    PayOutRedemption,
    ReleaseRedemption,
    RequestIssue,
    RequestRedemption,
    WithdrawIssue,
)
from contracts.errors import (
    ATTESTATION_STALE,
    INVALID_TERMS,
    NO_HOME_STATE,
    OVER_ISSUED,
    POSITIONS_OPEN,
    RESERVE_EXCEEDED,
    ROLE_NOT_HELD,
)
from contracts.framework.context import Context
from contracts.framework.operation import transition
from contracts.framework.party import Role, Standing, holder
from contracts.framework.posting import Unit, accounts_of, balance_of, kind_of
from ledger.errors import CodedError
from ledger.state import State


def outstanding(state: State, country: str) -> int:
    """What a state's issuer has issued and not redeemed, in minor units."""
    return -balance_of(state, ISSUED.of(country))


def attested(state: State, country: str) -> int:
    """A state's attested reserve, in minor units."""
    return -balance_of(state, ATTESTED.of(country))


def _require_issuer(ctx: Context, country: str) -> None:
    """Raise ``ROLE_NOT_HELD`` unless the author is the issuer of a state."""
    if holder(ctx.state, Role.ISSUER, country) != ctx.author:
        raise CodedError(ROLE_NOT_HELD, f"the author is not the issuer of {country}")


def _require_an_issuer(ctx: Context, country: str) -> None:
    if holder(ctx.state, Role.ISSUER, country) is None:
        raise CodedError(ROLE_NOT_HELD, f"{country} has no issuer", field="country")


@transition(AttestReserve)
def attest_reserve(ctx: Context, op: AttestReserve) -> None:
    """Raise or lower a state's reserve to what is attested."""
    _require_issuer(ctx, op.country)
    guarantor = holder(ctx.state, Role.GUARANTOR, op.country)
    if guarantor is None:
        raise CodedError(NO_HOME_STATE, f"{op.country} has no guarantor", field="country")
    issued = outstanding(ctx.state, op.country)
    if op.amount < issued:
        raise CodedError(
            RESERVE_EXCEEDED,
            f"{issued} (minor units) is issued and not redeemed; redeem before attesting less",
            field="amount",
        )
    change = op.amount - attested(ctx.state, op.country)
    total, free = ATTESTED.of(op.country), RESERVE.of(op.country)
    if change > 0:
        ctx.post(Unit.RSV, total, free, change)
    elif change < 0:
        ctx.post(Unit.RSV, free, total, -change)
    fresh_until = ctx.in_days(ctx.params(CurrencyParameters).attestation_days)
    ctx.put(
        ATTESTATION,
        Attestation(
            op.country, op.amount, op.evidence, ctx.author, guarantor, ctx.time, fresh_until
        ),
        op.country,
    )
    ctx.emit(ReserveAttested(op.country, op.amount, op.evidence, ctx.author, guarantor))


@transition(RequestIssue)
def request_issue(ctx: Context, op: RequestIssue) -> None:
    """Put a request to the issuer."""
    _require_an_issuer(ctx, op.country)
    due = ctx.in_business_days(ctx.params(CurrencyParameters).issue_days)
    issue = records.Issue(
        ctx.new_id(), ctx.author, op.country, op.amount, IssueState.REQUESTED, due
    )
    ctx.open(ISSUE, issue)
    ctx.emit(IssueRequested(issue.id, ctx.author, op.country, op.amount))


@transition(Issue)
def issue(ctx: Context, op: Issue) -> None:
    """Create the currency that was asked for."""
    request = ctx.find(ISSUE_TABLE, op.issue, what="request for issue", field="issue")
    country, amount = request.country, request.amount
    _require_issuer(ctx, country)
    attestation = ctx.get(ATTESTATION, country)
    if attestation is None or ctx.time > attestation.fresh_until:
        raise CodedError(
            ATTESTATION_STALE, f"the reserve of {country} must be attested before more is issued"
        )
    free = balance_of(ctx.state, RESERVE.of(country))
    if amount > free:
        raise CodedError(
            RESERVE_EXCEEDED,
            f"{free} (minor units) of the attested reserve of {country} is free, {amount} is asked",
        )
    _answer_issue(ctx, request, "issue", evidence=op.evidence)
    ctx.post(Unit.SCU, ISSUED.of(country), AVAIL.of(request.member), amount)
    ctx.post(Unit.RSV, RESERVE.of(country), BACKING.of(country), amount)


@transition(DeclineIssue)
def decline_issue(ctx: Context, op: DeclineIssue) -> None:
    """Refuse a request."""
    request = ctx.find(ISSUE_TABLE, op.issue, what="request for issue", field="issue")
    _require_issuer(ctx, request.country)
    _answer_issue(ctx, request, "decline", reason=op.reason)


@transition(WithdrawIssue)
def withdraw_issue(ctx: Context, op: WithdrawIssue) -> None:
    """End the author's own request."""
    request = ctx.find(ISSUE_TABLE, op.issue, what="request for issue", field="issue")
    ctx.require_author(request.member, capacity="the member that asked")
    _answer_issue(ctx, request, "withdraw")


@ISSUE.on_lapse("lapse")
def issue_lapses(ctx: Context, request: records.Issue) -> None:
    """The issuer did not answer in time."""
    _answer_issue(ctx, request, "lapse")


def _answer_issue(
    ctx: Context,
    request: records.Issue,
    event: str,
    *,
    evidence: bytes | None = None,
    reason: str = "",
) -> None:
    done = ctx.move(ISSUE, request, event, evidence=evidence, reason=reason)
    ctx.emit(IssueAnswered(done.id, done.member, done.state.value, reason))


@transition(RequestRedemption)
def request_redemption(ctx: Context, op: RequestRedemption) -> None:
    """Set the author's money aside for redemption; one that leaves pays its debts first."""
    _require_an_issuer(ctx, op.country)
    if ctx.party(ctx.author).state is Standing.RUN_OFF and _owes(ctx.state, ctx.author):
        raise CodedError(
            POSITIONS_OPEN, "in a run-off redemption comes last: debts of the author are open"
        )
    _require_outstanding(ctx, op.country, op.amount)
    due = ctx.in_business_days(ctx.params(CurrencyParameters).redemption_days)
    redemption = Redemption(
        ctx.new_id(), ctx.author, op.country, op.amount, RedemptionState.REQUESTED, due
    )
    ctx.open(REDEMPTION, redemption)
    ctx.post(Unit.SCU, AVAIL.of(ctx.author), HELD.of(ctx.author), op.amount)
    ctx.emit(RedemptionRequested(redemption.id, ctx.author, op.country, op.amount))


def _owes(state: State, lei: str) -> bool:
    return any(b.amount and kind_of(account) is PAY for account, _, b in accounts_of(state, lei))


@transition(PayOutRedemption)
def pay_out_redemption(ctx: Context, op: PayOutRedemption) -> None:
    """Take the currency back into the issue account."""
    redemption = ctx.find(REDEMPTION_TABLE, op.redemption, what="redemption", field="redemption")
    country, amount = redemption.country, redemption.amount
    _require_issuer(ctx, country)
    _require_outstanding(ctx, country, amount)
    _answer_redemption(ctx, redemption, "pay out", evidence=op.evidence)
    ctx.post(Unit.SCU, HELD.of(redemption.member), ISSUED.of(country), amount)
    ctx.post(Unit.RSV, BACKING.of(country), RESERVE.of(country), amount)


@transition(ReleaseRedemption)
def release_redemption(ctx: Context, op: ReleaseRedemption) -> None:
    """Give the money back to the member's disposal."""
    redemption = ctx.find(REDEMPTION_TABLE, op.redemption, what="redemption", field="redemption")
    issuer = holder(ctx.state, Role.ISSUER, redemption.country) or redemption.member
    ctx.require_author(redemption.member, issuer, capacity="the member and the issuer")
    if ctx.author != redemption.member and not op.reason:
        raise CodedError(INVALID_TERMS, "the issuer states its reason", field="reason")
    _release(ctx, redemption, "release", op.reason)


@REDEMPTION.on_lapse("expire")
def redemption_expires(ctx: Context, redemption: Redemption) -> None:
    """The issuer did not pay in time: the money is the member's to use again."""
    _release(ctx, redemption, "expire", "not paid out in time")


def _release(ctx: Context, redemption: Redemption, event: str, reason: str) -> None:
    _answer_redemption(ctx, redemption, event, reason=reason)
    member = redemption.member
    ctx.post(Unit.SCU, HELD.of(member), AVAIL.of(member), redemption.amount)


def _answer_redemption(
    ctx: Context,
    redemption: Redemption,
    event: str,
    *,
    evidence: bytes | None = None,
    reason: str = "",
) -> None:
    done = ctx.move(REDEMPTION, redemption, event, evidence=evidence, reason=reason)
    ctx.emit(RedemptionAnswered(done.id, done.member, done.state.value, reason))


def _require_outstanding(ctx: Context, country: str, amount: int) -> None:
    issued = outstanding(ctx.state, country)
    if amount > issued:
        raise CodedError(
            OVER_ISSUED,
            f"{issued} (minor units) of {country} is outstanding, {amount} is to be redeemed",
        )
