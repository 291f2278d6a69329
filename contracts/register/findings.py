"""Findings: what the registrar may do about a member far off its programme, and what follows."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from contracts.errors import (
    ALREADY_DECIDED,
    BAD_DOCUMENT,
    CONFLICT_OF_INTEREST,
    NO_VOTERS,
    NOT_AUTHORISED,
    NOT_ENTITLED,
    NOT_OFF_PROGRAMME,
    STANDING_FORBIDS,
    TOO_EARLY,
)
from contracts.framework.authority import holder_of, member
from contracts.framework.ballot import open_motion
from contracts.framework.context import Context
from contracts.framework.evidence import Evidence, require_evidence
from contracts.framework.machine import ITEM
from contracts.framework.operation import Operation, operation, transition
from contracts.framework.party import Party, Right, Role, Standing
from contracts.framework.types import Digest, Lei, ObjectId, Reason
from contracts.register.conduct_records import (
    FINDING,
    FINDING_TABLE,
    LAST_FINDING,
    PROGRAMME_TABLE,
    Finding,
    FindingState,
    Ground,
    LastFinding,
    ProgrammeParameters,
)
from contracts.register.deviation import Level, Quarter, quarter_at, quarter_of
from contracts.register.events import FindingMoved
from contracts.register.hooks import on_standing_change
from contracts.register.membership import ask_council
from contracts.register.programme import related
from contracts.register.records import MEMBERSHIP, RegisterParameters
from contracts.register.rules import SUSPENSION
from ledger.errors import CodedError

FINDING_ID = Meta(description="Which finding.")


@operation(
    policy="office",
    by=holder_of(Role.REGISTRAR),
    emits=(FindingMoved,),
    errors=(
        NOT_OFF_PROGRAMME,
        TOO_EARLY,
        ALREADY_DECIDED,
        STANDING_FORBIDS,
        CONFLICT_OF_INTEREST,
    ),
    text={
        "en": "Find against {party}, {ground} up to {quarter}: {statement}",
        "ru": "Вынести замечание {party}, {ground} по {quarter}: {statement}",
        "zh": "认定 {party} 截至 {quarter} {ground}：{statement}",
    },
)
class OpenFinding(Operation, tag="register.OpenFinding"):
    """Find that a member was red, or had no plan, in consecutive quarters up to one that is over.

    The ledger checks it. The member then has 15 business days to respond.
    """

    party: Annotated[Lei, Meta(description="Which member.")]
    ground: Annotated[Ground, Meta(description="Red quarters, or no programme filed.")]
    quarter: Annotated[Quarter, Meta(description="The last of those quarters.")]
    statement: Annotated[Reason, Meta(description="What is found.")]


@operation(
    policy="membership",
    by=member(Right.MANAGE),
    emits=(FindingMoved,),
    errors=(NOT_ENTITLED,),
    text={
        "en": "Respond to finding {finding}: {response}",
        "ru": "Ответить на замечание {finding}: {response}",
        "zh": "答复认定 {finding}：{response}",
    },
)
class RespondToFinding(Operation, tag="register.RespondToFinding"):
    """Respond to a finding: explain, or say how it will be remedied."""

    finding: Annotated[ObjectId, FINDING_ID]
    response: Annotated[Reason, Meta(description="The response.")]
    evidence: Annotated[Digest | None, Meta(description="Commitment to the evidence.")] = None


@operation(
    policy="office",
    by=holder_of(Role.REGISTRAR),
    emits=(FindingMoved,),
    text={
        "en": "Order a remedy for finding {finding}: {reason}",
        "ru": "Назначить устранение по замечанию {finding}: {reason}",
        "zh": "责令整改认定 {finding}：{reason}",
    },
)
class OrderRemedy(Operation, tag="register.OrderRemedy"):
    """Keep to a finding after the member's response: the time for its remedy begins."""

    finding: Annotated[ObjectId, FINDING_ID]
    reason: Annotated[Reason, Meta(description="Why.")]


@operation(
    policy="office",
    by=holder_of(Role.REGISTRAR),
    emits=(FindingMoved,),
    text={
        "en": "Drop finding {finding}: {reason}",
        "ru": "Снять замечание {finding}: {reason}",
        "zh": "撤销认定 {finding}：{reason}",
    },
)
class DropFinding(Operation, tag="register.DropFinding"):
    """Drop a finding because the member's explanation holds."""

    finding: Annotated[ObjectId, FINDING_ID]
    reason: Annotated[Reason, Meta(description="Why.")]


@operation(
    policy="office",
    by=holder_of(Role.REGISTRAR),
    emits=(FindingMoved,),
    errors=(BAD_DOCUMENT, NOT_AUTHORISED, CONFLICT_OF_INTEREST),
    text={
        "en": "Confirm that finding {finding} is remedied",
        "ru": "Подтвердить устранение по замечанию {finding}",
        "zh": "确认认定 {finding} 已整改",
    },
)
class ConfirmRemedy(Operation, tag="register.ConfirmRemedy"):
    """Confirm, on the report of an inspector that is free of conflict, that a remedy was made."""

    finding: Annotated[ObjectId, FINDING_ID]
    report: Annotated[Evidence, Meta(description="The inspector's report.")]


@transition(OpenFinding)
def open_finding(ctx: Context, op: OpenFinding) -> None:
    """Check the quarters and open the finding."""
    party = ctx.party(op.party, field="party")
    if party.state is not Standing.ADMITTED:
        raise CodedError(
            STANDING_FORBIDS, f"{op.party} is {party.state.value}, not admitted", field="party"
        )
    if related(party, ctx.party(ctx.author)):
        raise CodedError(CONFLICT_OF_INTEREST, "the registrar finds against others only")
    if ctx.time <= op.quarter.ends:
        raise CodedError(TOO_EARLY, f"{op.quarter.words} is not over", field="quarter")
    params = ctx.params(ProgrammeParameters)
    first = op.quarter.index - params.red_quarters + 1
    _require_unfound(ctx, op.party, first)
    for index in range(first, op.quarter.index + 1):
        _require_ground(ctx, op, index, party.since)
    finding = Finding(
        id=ctx.new_id(),
        lei=op.party,
        quarter=op.quarter,
        ground=op.ground,
        statement=op.statement,
        state=FindingState.OPEN,
        due=ctx.in_business_days(params.response_days),
    )
    ctx.open(FINDING, finding)
    ctx.put(LAST_FINDING, LastFinding(finding.id), op.party)
    _tell(ctx, finding, op.statement)


def _require_unfound(ctx: Context, lei: str, first: int) -> None:
    entry = ctx.get(LAST_FINDING, lei)
    last = None if entry is None else ctx.get(FINDING_TABLE, entry.finding)
    if last is None:
        return
    if not FINDING.is_end(last.state):
        raise CodedError(ALREADY_DECIDED, f"a finding against {lei} is {last.state.value}")
    if last.quarter.index >= first:
        raise CodedError(ALREADY_DECIDED, f"quarters up to {last.quarter.words} were found before")


def _require_ground(ctx: Context, op: OpenFinding, index: int, since: int) -> None:
    quarter = quarter_at(index)
    plan = ctx.get(PROGRAMME_TABLE, op.party, index)
    if op.ground is Ground.RED:
        if plan is None or plan.level is not Level.RED:
            level = "none" if plan is None or plan.level is None else plan.level.value
            raise CodedError(NOT_OFF_PROGRAMME, f"{quarter.words} is not red; its level is {level}")
    elif plan is not None or quarter_of(since).index >= index:
        raise CodedError(
            NOT_OFF_PROGRAMME,
            f"{op.party} has a plan for {quarter.words} or was not admitted before it began",
        )


def _finding(ctx: Context, id: bytes) -> Finding:
    return ctx.find(FINDING_TABLE, id, what="finding", field="finding")


@transition(RespondToFinding)
def respond(ctx: Context, op: RespondToFinding) -> None:
    """Put the member's response before the registrar."""
    finding = _finding(ctx, op.finding)
    ctx.require_author(finding.lei, capacity="the member concerned")
    due = ctx.in_business_days(ctx.params(ProgrammeParameters).decision_days)
    _move(ctx, finding, "respond", op.response, due=due, response=op.response, evidence=op.evidence)


@transition(OrderRemedy)
def order_remedy(ctx: Context, op: OrderRemedy) -> None:
    """Begin the time for the remedy."""
    _begin_remedy(ctx, _finding(ctx, op.finding), "order remedy", op.reason)


@FINDING.on_lapse("stay silent")
def no_response(ctx: Context, finding: Finding) -> None:
    """The member said nothing: the finding stands."""
    _begin_remedy(ctx, finding, "stay silent", "no response")


@FINDING.on_lapse("stay undecided")
def no_decision(ctx: Context, finding: Finding) -> None:
    """The registrar did not drop the finding in time: it stands."""
    _begin_remedy(ctx, finding, "stay undecided", "not dropped in time")


def _begin_remedy(ctx: Context, finding: Finding, event: str, reason: str) -> None:
    due = ctx.in_days(ctx.params(ProgrammeParameters).remedy_days)
    _move(ctx, finding, event, reason, due=due)


@transition(DropFinding)
def drop_finding(ctx: Context, op: DropFinding) -> None:
    """End a finding in the member's favour."""
    _move(ctx, _finding(ctx, op.finding), "drop", op.reason)


@transition(ConfirmRemedy)
def confirm_remedy(ctx: Context, op: ConfirmRemedy) -> None:
    """End a finding because it was remedied."""
    finding = _finding(ctx, op.finding)
    ctx.require_open(FINDING, finding, "remedy")
    inspector = ctx.party(op.report.issuer, Right.SERVE, field="report.issuer")
    if not inspector.holds(Role.INSPECTOR):
        raise CodedError(NOT_AUTHORISED, f"{inspector.lei} is no inspector", field="report.issuer")
    if related(inspector, ctx.party(finding.lei)):
        raise CodedError(
            CONFLICT_OF_INTEREST, "the inspector has an interest", field="report.issuer"
        )
    require_evidence(ctx, (op.report,), field="report")
    _move(ctx, finding, "remedy", "remedied", evidence=op.report.digest)


@FINDING.on_lapse("fail")
def remedy_fails(ctx: Context, finding: Finding) -> None:
    """Nothing was remedied in time: the council votes on the member's suspension."""
    failed = _move(ctx, finding, "fail", "not remedied in time")
    party = ctx.party(failed.lei)
    if MEMBERSHIP.target(party.state, "suspend") is None:
        return
    if open_motion(ctx, SUSPENSION, party.lei) is not None:
        return
    params = ctx.params(RegisterParameters)
    try:
        ask_council(
            ctx,
            SUSPENSION,
            party,
            reason=f"{failed.ground.value} up to {failed.quarter.words}, not remedied",
            majority=params.admission,
            days=params.vote_days,
        )
    except CodedError as error:
        if error.code is not NO_VOTERS:
            raise


@on_standing_change
def findings_become_moot(ctx: Context, before: Party, after: Party) -> None:
    """Who is excluded or leaves has nothing to remedy any more."""
    if after.state not in {Standing.EXCLUDED, Standing.RUN_OFF}:
        return
    for key in [item.key for _, item in ctx.state.scan(ITEM, after.lei, FINDING.name)]:
        finding = ctx.get(FINDING_TABLE, *key)
        if finding is not None and finding.lei == after.lei and ctx.time <= finding.due:
            _move(ctx, finding, "become moot", f"the member is {after.state.value}")


def _move(
    ctx: Context, finding: Finding, event: str, reason: str, *, due: int = 0, **changes: Any
) -> Finding:
    moved = ctx.move(FINDING, finding, event, due=due, reason=reason, **changes)
    _tell(ctx, moved, reason)
    return moved


def _tell(ctx: Context, finding: Finding, reason: str) -> None:
    ctx.emit(FindingMoved(finding.id, finding.lei, finding.state.value, reason))
