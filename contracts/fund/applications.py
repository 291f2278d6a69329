"""Applications: appraisal, the council's approval, and money held and released by milestones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import structs

from contracts.accounts import AVAIL
from contracts.errors import (
    BAD_DOCUMENT,
    CONFLICT_OF_INTEREST,
    INVALID_TERMS,
    MOTION_OPEN,
    OVER_FUND,
    TOO_EARLY,
)
from contracts.framework.ballot import (
    Ballot,
    BallotState,
    cancel_ballot,
    on_decision,
    open_ballot,
    open_motion,
)
from contracts.framework.calendar import after_days
from contracts.framework.context import Context
from contracts.framework.evidence import require_evidence
from contracts.framework.machine import ITEM
from contracts.framework.operation import transition
from contracts.framework.party import Party, PartyKind, Right, Role, Standing, holders
from contracts.framework.posting import Unit, balance_of
from contracts.framework.types import BASIS_POINTS
from contracts.fund import operations as ops
from contracts.fund.accounts import THE_POOL, tranches_of
from contracts.fund.events import (
    ApplicationAppraised,
    ApplicationChanged,
    TrancheHeld,
    TrancheReleased,
    TrancheReturned,
)
from contracts.fund.firstloss import tally_of
from contracts.fund.loans import default, lend
from contracts.fund.parameters import FundParameters
from contracts.fund.records import (
    APPLICATION,
    APPLICATION_TABLE,
    INSTALMENT,
    TALLY,
    TRANCHE,
    TRANCHE_TABLE,
    TRANCHES_OF,
    Application,
    ApplicationState,
    Instalment,
    Support,
    Tranche,
    TrancheOf,
    TrancheState,
    weighted_score,
)
from contracts.register.hooks import on_standing_change, on_succession
from contracts.register.membership import conflicts, guarantors
from ledger.errors import CodedError
from ledger.limits import MAX_INT
from ledger.state import State

APPROVAL: Final = "fund.approval"
_S = ApplicationState
_UNDECIDED: Final = (_S.APPLIED, _S.APPRAISED, _S.APPROVED)
_LEAVING: Final = frozenset({Standing.EXCLUDED, Standing.RUN_OFF, Standing.CLOSED})


@transition(ops.ApplyForSupport)
def apply(ctx: Context, op: ops.ApplyForSupport) -> None:
    """Check the plan of dates and amounts, and start the time for the appraisal."""
    parameters = ctx.params(FundParameters)
    amount = sum(m.amount for m in op.milestones)
    if amount > MAX_INT:
        raise CodedError(INVALID_TERMS, "the amounts sum to more than 2^63-1", field="milestones")
    earlier, latest = ctx.time, ctx.in_days(parameters.project_days)
    for index, milestone in enumerate(op.milestones):
        if not earlier < milestone.due <= latest:
            raise CodedError(
                INVALID_TERMS,
                f"milestones ascend by date, after now and until {latest} at the latest",
                field=f"milestones[{index}].due",
            )
        earlier = milestone.due
    if bool(op.repay) is not (op.support is Support.LOAN):
        raise CodedError(INVALID_TERMS, "a loan, and only a loan, is repaid", field="repay")
    # The last tranche may still be released within the time of grace.
    earlier = after_days(earlier, parameters.grace_days)
    latest = ctx.in_days(parameters.loan_days)
    for index, date in enumerate(op.repay):
        if not earlier < date <= latest:
            raise CodedError(
                INVALID_TERMS,
                f"instalments ascend by date, after {earlier} and until {latest} at the latest",
                field=f"repay[{index}]",
            )
        earlier = date
    if op.support is Support.LOAN and min(m.amount for m in op.milestones) < len(op.repay):
        raise CodedError(INVALID_TERMS, "an instalment would round to zero", field="repay")
    application = Application(
        id=ctx.new_id(),
        applicant=ctx.author,
        support=op.support,
        title=op.title,
        amount=amount,
        plan=op.plan,
        milestones=op.milestones,
        repay=op.repay,
        state=_S.APPLIED,
        due=ctx.in_days(parameters.appraisal_days),
        time=ctx.time,
    )
    _tell(ctx, ctx.open(APPLICATION, application))


@transition(ops.WithdrawApplication)
def withdraw(ctx: Context, op: ops.WithdrawApplication) -> None:
    """End an application before money is held."""
    application = application_of(ctx, op.application)
    ctx.require_author(application.applicant, capacity="the applicant")
    withdrawn = ctx.move(APPLICATION, application, "withdraw")
    if application.state is _S.APPRAISED:
        cancel_ballot(ctx, APPROVAL, application.applicant)
    _tell(ctx, withdrawn)


@transition(ops.Appraise)
def appraise(ctx: Context, op: ops.Appraise) -> None:
    """Weigh the score; below the least one the application is refused, else the council votes."""
    application = application_of(ctx, op.application)
    ctx.require_open(APPLICATION, application, "appraise")
    applicant = ctx.party(application.applicant, Right.OBLIGE)
    require_unconnected(ctx, applicant)
    parameters = ctx.params(FundParameters)
    weighted = weighted_score(
        op.score,
        parameters.joint_venture_bonus,
        joint_venture=applicant.profile.kind is PartyKind.JOINT_VENTURE,
    )
    application = ctx.amend(
        APPLICATION, application, score=op.score, weighted=weighted, report=op.report
    )
    ctx.emit(ApplicationAppraised(application.id, applicant.lei, op.score, weighted, op.report))
    if weighted < parameters.least_score:
        reason = f"the score of {weighted} is below {parameters.least_score}"
        _tell(ctx, ctx.move(APPLICATION, application, "refuse", reason=reason))
        return
    if open_motion(ctx, APPROVAL, applicant.lei) is not None:
        raise CodedError(
            MOTION_OPEN, "a ballot on an application of this party is open", field="application"
        )
    _tell(ctx, ctx.move(APPLICATION, application, "appraise"))
    open_ballot(
        ctx,
        APPROVAL,
        applicant.lei,
        terms=(application.id, application.amount, weighted),
        reason=op.reason,
        majority=parameters.approval,
        voters=guarantors(ctx),
        conflicted=conflicted_states(ctx, applicant),
        due=ctx.in_days(parameters.vote_days),
    )


def conflicted_states(ctx: Context, applicant: Party) -> Iterator[str]:
    """Guarantors in conflict: of the home state, of larger owners' states, or connected."""
    least = ctx.params(FundParameters).conflict_share
    yield from conflicts(ctx, applicant)
    yield from holders(ctx.state, Role.GUARANTOR, applicant.profile.home)
    for owner in applicant.profile.owners:
        if owner.share >= least:
            yield from holders(ctx.state, Role.GUARANTOR, owner.country)


def require_unconnected(ctx: Context, applicant: Party) -> None:
    """Raise ``CONFLICT_OF_INTEREST`` if the author is the applicant or connected by ownership."""
    own = {owner.lei for owner in ctx.party(ctx.author).profile.owners}
    theirs = {owner.lei for owner in applicant.profile.owners}
    if ctx.author == applicant.lei or ctx.author in theirs or applicant.lei in own or own & theirs:
        raise CodedError(
            CONFLICT_OF_INTEREST, f"{ctx.author} and {applicant.lei} are connected by ownership"
        )


@on_decision(APPROVAL)
def approval_decided(ctx: Context, ballot: Ballot, passed: bool) -> None:
    """Hold the money at once if there is enough; otherwise the approval waits for it."""
    application = application_of(ctx, ballot.terms[0])
    if application.state is not _S.APPRAISED:
        return
    if not passed:
        expired = ballot.state is BallotState.EXPIRED
        event = "lapse" if expired else "refuse"
        reason = "the council did not decide in time" if expired else "the council did not agree"
        _tell(ctx, ctx.move(APPLICATION, application, event, reason=reason))
        return
    due = ctx.in_days(ctx.params(FundParameters).funding_days)
    application = ctx.move(APPLICATION, application, "approve", due=due)
    _tell(ctx, application)
    if not _lacking(ctx, application):
        _hold(ctx, application)


@transition(ops.HoldTranches)
def hold_tranches(ctx: Context, op: ops.HoldTranches) -> None:
    """Hold the money for an application that waited for it."""
    application = application_of(ctx, op.application)
    ctx.require_open(APPLICATION, application, "hold")
    lacking = _lacking(ctx, application)
    if lacking:
        raise CodedError(OVER_FUND, lacking, field="application")
    _hold(ctx, application)


def _lacking(ctx: Context, application: Application) -> str:
    free = balance_of(ctx.state, THE_POOL)
    share = ctx.params(FundParameters).largest_share
    most = free * share // BASIS_POINTS
    if application.amount <= most:
        return ""
    return (
        f"one application takes at most {share} basis points of the {free} that are free, "
        f"which is {most}; this one needs {application.amount} (minor units)"
    )


def _hold(ctx: Context, application: Application) -> None:
    """Set the money of every milestone aside. A milestone that is past begins with its grace."""
    grace = ctx.params(FundParameters).grace_days
    funded = ctx.move(APPLICATION, application, "hold", open_tranches=len(application.milestones))
    ctx.post(Unit.SCU, THE_POOL, tranches_of(funded.id), funded.amount)
    for number, milestone in enumerate(funded.milestones):
        tranche = Tranche(
            ctx.new_id(),
            funded.id,
            funded.applicant,
            number,
            milestone.amount,
            TrancheState.HELD,
            after_days(max(milestone.due, ctx.time), grace),
        )
        ctx.open(TRANCHE, tranche)
        ctx.put(TRANCHES_OF, TrancheOf(tranche.id), funded.id, number)
        ctx.emit(
            TrancheHeld(
                tranche.id, funded.id, funded.applicant, number, tranche.amount, tranche.due
            )
        )
    _tell(ctx, funded)


@transition(ops.AttestMilestone)
def attest_milestone(ctx: Context, op: ops.AttestMilestone) -> None:
    """Pay the money of a milestone out, as a gift or as a loan."""
    tranche = ctx.find(TRANCHE_TABLE, op.tranche, what="tranche", field="tranche")
    ctx.require_open(TRANCHE, tranche, "release")
    application = application_of(ctx, tranche.application)
    require_unconnected(ctx, ctx.party(application.applicant, Right.OBLIGE))
    require_evidence(ctx, (op.report,), field="report")
    if op.report.issuer != ctx.author:
        raise CodedError(
            BAD_DOCUMENT, "the inspector attests by its own report", field="report.issuer"
        )
    for earlier in tranches(ctx.state, application.id):
        if earlier.state is TrancheState.HELD and earlier.milestone < tranche.milestone:
            raise CodedError(TOO_EARLY, f"milestone {earlier.milestone} comes first")
    ctx.post(Unit.SCU, tranches_of(application.id), AVAIL.of(application.applicant), tranche.amount)
    lent: tuple[bytes, ...] = ()
    tally = tally_of(ctx.state)
    if application.support is Support.LOAN:
        lent = lend(ctx, application, tranche.amount)
        tally = structs.replace(tally, lent=tally.lent + tranche.amount)
    else:
        tally = structs.replace(tally, granted=tally.granted + tranche.amount)
    ctx.put(TALLY, tally)
    ctx.move(
        TRANCHE,
        tranche,
        "release",
        evidence=op.report.digest,
        inspector=ctx.author,
        lent=lent,
    )
    ctx.emit(
        TrancheReleased(
            tranche.id,
            application.id,
            application.applicant,
            ctx.author,
            tranche.amount,
            op.report.digest,
        )
    )
    application = ctx.amend(
        APPLICATION,
        application,
        released=application.released + tranche.amount,
        open_tranches=application.open_tranches - 1,
    )
    if not application.open_tranches:
        _tell(ctx, ctx.move(APPLICATION, application, "complete"))


@transition(ops.RenounceSupport)
def renounce(ctx: Context, op: ops.RenounceSupport) -> None:
    """Return what is still held."""
    application = application_of(ctx, op.application)
    ctx.require_author(application.applicant, capacity="the applicant")
    stop(ctx, application, op.reason)


@TRANCHE.on_lapse("miss")
def milestone_missed(ctx: Context, tranche: Tranche) -> None:
    """A missed milestone ends the support: what is held for later ones returns as well."""
    application = application_of(ctx, tranche.application)
    _return(ctx, tranche, "miss")
    application = application_of(ctx, tranche.application)
    stop(ctx, application, f"milestone {tranche.milestone} was missed")


@INSTALMENT.on_lapse("default")
def instalment_defaults(ctx: Context, instalment: Instalment) -> None:
    """Provide for the loss, and hold back what the borrower was still to get."""
    default(ctx, instalment)
    application = application_of(ctx, instalment.application)
    if application.state is _S.FUNDED:
        stop(ctx, application, "an instalment is in default")


@APPLICATION.on_lapse("lapse")
def application_lapses(ctx: Context, application: Application) -> None:
    """Nobody appraised it, or no money became free."""
    _tell(ctx, ctx.move(APPLICATION, application, "lapse", reason="the time limit passed"))


def stop(ctx: Context, application: Application, reason: str) -> None:
    """End an application in whatever open state it is; money that is held returns to the pool."""
    undecided = application.state is _S.APPRAISED
    if application.due and ctx.time > application.due:
        application_lapses(ctx, application)
        return
    for tranche in list(tranches(ctx.state, application.id)):
        if tranche.state is TrancheState.HELD:
            _return(ctx, tranche, "miss" if ctx.time > tranche.due else "return")
    application = application_of(ctx, application.id)
    _tell(ctx, ctx.move(APPLICATION, application, "stop", reason=reason))
    if undecided:
        cancel_ballot(ctx, APPROVAL, application.applicant)


def _return(ctx: Context, tranche: Tranche, event: str) -> None:
    ctx.move(TRANCHE, tranche, event)
    ctx.post(Unit.SCU, tranches_of(tranche.application), THE_POOL, tranche.amount)
    application = application_of(ctx, tranche.application)
    ctx.amend(
        APPLICATION,
        application,
        returned=application.returned + tranche.amount,
        open_tranches=application.open_tranches - 1,
    )
    ctx.emit(TrancheReturned(tranche.id, application.id, application.applicant, tranche.amount))


def tranches(state: State, application: bytes) -> Iterator[Tranche]:
    """The tranches of an application, in the order of its milestones."""
    for _, entry in state.scan(TRANCHES_OF, application):
        found = state.get(TRANCHE_TABLE, entry.tranche)
        if found is not None:
            yield found


@on_standing_change
def standing_changed(ctx: Context, before: Party, after: Party) -> None:
    """Who may take on nothing new gets no new money; who leaves gets none at all."""
    if after.may(Right.OBLIGE):
        return
    for application in open_applications(ctx.state, after.lei):
        if application.state in _UNDECIDED or after.state in _LEAVING:
            stop(ctx, application, f"the applicant is {after.state.value}")


@on_succession("fund.applications")
def applications_pass(ctx: Context, old: str, new: str, limit: int) -> int:
    """What is held for a project goes on with the successor; undecided applications end."""
    passed = 0
    for application in open_applications(ctx.state, old)[:limit]:
        passed += 1
        if application.state is not _S.FUNDED:
            stop(ctx, application, "the applicant has a successor")
            continue
        for tranche in list(tranches(ctx.state, application.id)):
            if tranche.state is TrancheState.HELD:
                ctx.amend(TRANCHE, tranche, applicant=new)
        _tell(ctx, ctx.amend(APPLICATION, application, applicant=new))
    return passed


def open_applications(state: State, applicant: str) -> list[Application]:
    """A party's applications that have not ended, in the order of ids."""
    keys = [item.key for _, item in state.scan(ITEM, applicant, APPLICATION.name)]
    found = [state.get(APPLICATION_TABLE, *key) for key in keys]
    return [a for a in found if a is not None]


def application_of(ctx: Context, id: bytes) -> Application:
    """The application of an id; raises ``NOT_FOUND``."""
    return ctx.find(APPLICATION_TABLE, id, what="application", field="application")


def _tell(ctx: Context, application: Application) -> None:
    ctx.emit(
        ApplicationChanged(
            application.id,
            application.applicant,
            application.amount,
            application.state,
            application.reason,
        )
    )
