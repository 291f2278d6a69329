"""What the operations on membership, standing and offices do."""

from __future__ import annotations

from contracts.accounts import AVAIL, CONTRIBUTION
from contracts.errors import (
    ALREADY_REGISTERED,
    INVALID_TERMS,
    MOTION_OPEN,
    NOT_ENTITLED,
    POSITIONS_OPEN,
    ROLE_NOT_HELD,
    UNSAFE_CHANGE,
)
from contracts.framework.ballot import (
    Ballot,
    BallotState,
    Choice,
    Majority,
    cancel_ballot,
    cast,
    on_decision,
    open_motion,
)
from contracts.framework.context import Context
from contracts.framework.operation import transition
from contracts.framework.party import PARTY, Office, Party, Right, Role, Standing
from contracts.framework.posting import Unit, accounts_of, balance_of
from contracts.register.events import ContributionPaid, PartyApplied
from contracts.register.keys import install
from contracts.register.membership import (
    ask_council,
    change_standing,
    check_office,
    check_profile,
    grant_office,
    open_objects,
    revoke_office,
)
from contracts.register.operations import (
    Accede,
    Apply,
    CastVote,
    CheckApplication,
    Close,
    Leave,
    OfficeChange,
    OrderReinstatement,
    OrderSuspension,
    ProposeExclusion,
    ProposeOffice,
    ProposeReinstatement,
    ProposeSuspension,
    ResignOffice,
    WithdrawApplication,
)
from contracts.register.preferences import contribution_of
from contracts.register.records import MEMBERSHIP, RegisterParameters
from contracts.register.runoff import wind_up
from contracts.register.withdrawal import require_vouching
from ledger.errors import CodedError

ADMISSION = "register.admission"
SUSPENSION = "register.suspension"
REINSTATEMENT = "register.reinstatement"
EXCLUSION = "register.exclusion"
OFFICE = "register.office"


@transition(Apply)
def apply(ctx: Context, op: Apply) -> None:
    """Register an applicant with its proposed keyring."""
    known = ctx.get(PARTY, ctx.author)
    if known is not None and not MEMBERSHIP.is_end(known.state):
        raise CodedError(ALREADY_REGISTERED, f"{ctx.author} is {known.state.value}")
    check_profile(ctx, ctx.author, op.profile)
    require_vouching(ctx.state, op.profile.home, field="profile.home")
    install(ctx, ctx.author, op.keys, op.rules)
    due = ctx.in_business_days(ctx.params(RegisterParameters).check_days)
    ctx.open(MEMBERSHIP, Party(ctx.author, op.profile, Standing.APPLIED, due, ctx.time))
    profile = op.profile
    ctx.emit(PartyApplied(ctx.author, profile.name, profile.kind, profile.home))


@transition(WithdrawApplication)
def withdraw_application(ctx: Context, op: WithdrawApplication) -> None:
    """End the author's application."""
    change_standing(ctx, ctx.party(ctx.author), "withdraw", reason=op.reason)
    cancel_ballot(ctx, ADMISSION, ctx.author)


@transition(CheckApplication)
def check_application(ctx: Context, op: CheckApplication) -> None:
    """Pass an application on to the council, or refuse it."""
    party = ctx.party(op.applicant, field="applicant")
    if not op.in_order:
        ctx.require(op.reason != "", INVALID_TERMS, "a refusal states its reason", field="reason")
        change_standing(ctx, party, "refuse", reason=op.reason)
        return
    check_profile(ctx, party.lei, party.profile)
    params = ctx.params(RegisterParameters)
    due = ctx.in_days(params.vote_days)
    party = change_standing(ctx, party, "check", due=due, reason=op.reason)
    ask_council(
        ctx,
        ADMISSION,
        party,
        reason=op.reason,
        majority=params.admission,
        days=params.vote_days,
    )


@transition(CastVote)
def cast_vote(ctx: Context, op: CastVote) -> None:
    """Count a guarantor's vote."""
    ctx.require(
        op.choice is Choice.YES or op.reason != "",
        INVALID_TERMS,
        "a vote against and a recusal state their reason",
        field="reason",
    )
    cast(ctx, op.ballot, op.choice, op.reason)


@on_decision(ADMISSION)
def admission_decided(ctx: Context, ballot: Ballot, passed: bool) -> None:
    """The applicant may accede, is refused, or its application lapses for want of votes."""
    party = ctx.party(ballot.subject)
    if passed:
        due = ctx.in_days(ctx.params(RegisterParameters).accession_days)
        change_standing(ctx, party, "vote", due=due)
    elif ballot.state is BallotState.EXPIRED:
        change_standing(ctx, party, "lapse", reason="the council did not decide in time")
    else:
        change_standing(ctx, party, "vote down", reason="the council did not agree")


@transition(Accede)
def accede(ctx: Context, op: Accede) -> None:
    """Make the author a member, its contribution paid in the same step."""
    party = ctx.party(ctx.author)
    amount = contribution_of(ctx.state, party.profile)
    if (amount > 0) is not (op.contributor is not None):
        raise CodedError(
            INVALID_TERMS,
            f"the contribution is {amount} (minor units); a contributor is named "
            "if and only if it is not zero",
            field="contributor",
        )
    require_vouching(ctx.state, party.profile.home, field="author")
    change_standing(ctx, party, "accede", agreement=op.agreement)
    if op.contributor is not None:
        ctx.party(op.contributor, Right.PAY, field="contributor")
        ctx.post(Unit.SCU, AVAIL.of(op.contributor), CONTRIBUTION.of(ctx.author), amount)
    ctx.emit(ContributionPaid(ctx.author, op.agreement, op.contributor or ctx.author, amount))


def _propose(
    ctx: Context,
    kind: str,
    lei: str,
    event: str,
    reason: str,
    majority: Majority,
    *,
    recuse_home: bool = False,
) -> None:
    """Open a ballot on taking a party one step further, if that step is possible now."""
    party = ctx.party(lei, field="party")
    ctx.require_open(MEMBERSHIP, party, event)
    if open_motion(ctx, kind, lei) is not None:
        raise CodedError(MOTION_OPEN, "a ballot on this motion is open", field="party")
    days = ctx.params(RegisterParameters).vote_days
    ask_council(
        ctx,
        kind,
        party,
        reason=reason,
        majority=majority,
        days=days,
        recuse_home=recuse_home,
    )


@transition(ProposeSuspension)
def propose_suspension(ctx: Context, op: ProposeSuspension) -> None:
    """Open the ballot on a suspension."""
    majority = ctx.params(RegisterParameters).admission
    _propose(ctx, SUSPENSION, op.party, "suspend", op.reason, majority)


@on_decision(SUSPENSION)
def suspension_decided(ctx: Context, ballot: Ballot, passed: bool) -> None:
    """Suspend the member, unless the tribunal did so meanwhile or it left."""
    _step_if_passed(ctx, ballot, passed, "suspend")


@transition(ProposeReinstatement)
def propose_reinstatement(ctx: Context, op: ProposeReinstatement) -> None:
    """Open the ballot on a reinstatement."""
    majority = ctx.params(RegisterParameters).admission
    _propose(ctx, REINSTATEMENT, op.party, "reinstate", op.reason, majority)


@on_decision(REINSTATEMENT)
def reinstatement_decided(ctx: Context, ballot: Ballot, passed: bool) -> None:
    """Reinstate the member, if it is still suspended."""
    _step_if_passed(ctx, ballot, passed, "reinstate")


@transition(ProposeExclusion)
def propose_exclusion(ctx: Context, op: ProposeExclusion) -> None:
    """Open the ballot on an exclusion; the home state's guarantor does not vote."""
    if ctx.party(op.party, field="party").holds(Role.REGISTRAR):
        raise CodedError(
            UNSAFE_CHANGE, "governance gives the registrar's office to another first", field="party"
        )
    majority = ctx.params(RegisterParameters).exclusion
    _propose(ctx, EXCLUSION, op.party, "exclude", op.reason, majority, recuse_home=True)


@on_decision(EXCLUSION)
def exclusion_decided(ctx: Context, ballot: Ballot, passed: bool) -> None:
    """Exclude the member and end its offices; run-off begins when the appeal's time is over."""
    party = ctx.party(ballot.subject)
    passed = passed and not party.holds(Role.REGISTRAR)  # it may have become so meanwhile
    if passed and MEMBERSHIP.target(party.state, "exclude") is not None:
        for office in party.offices:
            revoke_office(ctx, ctx.party(party.lei), office)
    due = ctx.in_days(ctx.params(RegisterParameters).appeal_days)
    _step_if_passed(ctx, ballot, passed, "exclude", due=due)


def _step_if_passed(
    ctx: Context, ballot: Ballot, passed: bool, event: str, *, due: int = 0
) -> None:
    party = ctx.party(ballot.subject)
    if passed and MEMBERSHIP.target(party.state, event) is not None:
        change_standing(ctx, party, event, due=due, reason=ballot.reason)


@transition(ProposeOffice)
def propose_office(ctx: Context, op: ProposeOffice) -> None:
    """Open the ballot on granting or revoking an office."""
    granting = op.change is OfficeChange.GRANT
    if op.office.role is Role.GUARANTOR or (op.office.role is Role.REGISTRAR and not granting):
        raise CodedError(
            INVALID_TERMS,
            "guarantors come and go, and the registrar changes, by governance",
            field="office",
        )
    party = ctx.party(op.party, Right.SERVE if granting else None, field="party")
    check_office(ctx, party, op.office, granting=granting)
    if open_motion(ctx, OFFICE, op.party) is not None:
        raise CodedError(MOTION_OPEN, "a ballot on an office of the party is open", field="party")
    params = ctx.params(RegisterParameters)
    ask_council(
        ctx,
        OFFICE,
        party,
        reason=op.reason,
        majority=params.admission,
        days=params.vote_days,
        terms=(op.change.value, op.office.role.value, op.office.scope),
    )


@on_decision(OFFICE)
def office_decided(ctx: Context, ballot: Ballot, passed: bool) -> None:
    """Grant or revoke the office, if that is still possible."""
    if not passed:
        return
    change, role, scope = ballot.terms
    office = Office(Role(role), scope)
    party = ctx.party(ballot.subject)
    granting = change == OfficeChange.GRANT.value
    try:
        check_office(ctx, party, office, granting=granting)
    except CodedError:
        return  # somebody else was given the office, or it was given up, while votes were cast
    if not granting:
        revoke_office(ctx, party, office)
    elif party.may(Right.SERVE):
        grant_office(ctx, party, office)


@transition(OrderSuspension)
def order_suspension(ctx: Context, op: OrderSuspension) -> None:
    """Suspend a member."""
    change_standing(ctx, ctx.party(op.party, field="party"), "suspend", reason=op.reason)


@transition(OrderReinstatement)
def order_reinstatement(ctx: Context, op: OrderReinstatement) -> None:
    """End a suspension."""
    change_standing(ctx, ctx.party(op.party, field="party"), "reinstate", reason=op.reason)


@MEMBERSHIP.on_lapse("begin run-off")
def appeal_time_over(ctx: Context, party: Party) -> None:
    """The exclusion is final."""
    _begin_run_off(ctx, party, "begin run-off", "the exclusion is final")


@transition(Leave)
def leave(ctx: Context, op: Leave) -> None:
    """Begin the author's run-off."""
    party = ctx.party(ctx.author)
    if party.offices:
        names = ", ".join(office.name for office in party.offices)
        raise CodedError(POSITIONS_OPEN, f"the author holds offices: {names}")
    _begin_run_off(ctx, party, "leave", op.reason)


def _begin_run_off(ctx: Context, party: Party, event: str, reason: str) -> None:
    due = ctx.in_days(ctx.params(RegisterParameters).review_days)
    change_standing(ctx, party, event, due=due, reason=reason)


@transition(ResignOffice)
def resign_office(ctx: Context, op: ResignOffice) -> None:
    """Take an office from the author at its own wish."""
    ctx.require(
        op.office.role is not Role.GUARANTOR,
        ROLE_NOT_HELD,
        "a guarantor's office ends by decision of the council only",
        field="office",
    )
    ctx.require(
        op.office.role is not Role.REGISTRAR,
        UNSAFE_CHANGE,
        "the ledger needs a registrar: governance gives the office to another",
        field="office",
    )
    revoke_office(ctx, ctx.party(ctx.author), op.office)


@transition(Close)
def close(ctx: Context, op: Close) -> None:
    """Return the contribution or close the membership; refuse while more than that is open."""
    party = ctx.party(op.party, field="party")
    author = ctx.party(ctx.author)
    if ctx.author != party.lei and not author.holds(Role.REGISTRAR):
        raise CodedError(NOT_ENTITLED, "only the party itself and the registrar may close it")
    ctx.require_open(MEMBERSHIP, party, "close")
    if not _finish(ctx, party):
        raise CodedError(POSITIONS_OPEN, "still open: " + ", ".join(_open_positions(ctx, party)))


@MEMBERSHIP.on_lapse("review")
def review_run_off(ctx: Context, party: Party) -> None:
    """Settle what can be settled; close a run-off in which nothing is open, or look again later."""
    wind_up(ctx, party)
    if _finish(ctx, party):
        party = ctx.party(party.lei)
    if party.state is Standing.RUN_OFF:
        _begin_run_off(ctx, party, "review", party.reason)


def _finish(ctx: Context, party: Party) -> bool:
    """Close, or else return the contribution if only money is left; whether either was done."""
    open_positions = _open_positions(ctx, party)
    if not open_positions:
        change_standing(ctx, party, "close", reason=party.reason)
        return True
    contribution = balance_of(ctx.state, CONTRIBUTION.of(party.lei))
    own = {AVAIL.of(party.lei), CONTRIBUTION.of(party.lei)}
    if contribution > 0 and own.issuperset(open_positions):
        ctx.post(Unit.SCU, CONTRIBUTION.of(party.lei), AVAIL.of(party.lei), contribution)
        return True
    return False


def _open_positions(ctx: Context, party: Party) -> list[str]:
    """Accounts that are not zero, and objects that are open, of a party in run-off."""
    accounts = [
        account for account, _, balance in accounts_of(ctx.state, party.lei) if balance.amount
    ]
    return accounts + list(open_objects(ctx.state, party.lei))
