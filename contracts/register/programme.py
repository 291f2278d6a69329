"""Production programmes: plan, report, attestation, and what a quarter's deviation says."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from contracts.errors import (
    ALREADY_DECIDED,
    CONFLICT_OF_INTEREST,
    DEADLINE_PASSED,
    INVALID_TERMS,
    NOT_AUTHORISED,
    NOT_ENTITLED,
    TOO_EARLY,
)
from contracts.framework.authority import holder_of, member
from contracts.framework.calendar import after_business_days, after_days, calendar_of
from contracts.framework.context import Context
from contracts.framework.machine import ITEM
from contracts.framework.operation import Operation, operation, transition
from contracts.framework.party import PARTY, Party, Right, Role, Standing, holder
from contracts.framework.types import Digest, Lei
from contracts.register.conduct_records import (
    PROGRAMME,
    PROGRAMME_TABLE,
    Programme,
    ProgrammeParameters,
    ProgrammeState,
)
from contracts.register.deviation import (
    MOST_LINES,
    Deviation,
    PlanLine,
    QuantityOrNone,
    Quarter,
    deviation,
    level_of,
    nothing_produced,
    quarter_of,
)
from contracts.register.events import PlanFiled, ProgrammeJudged
from contracts.register.hooks import on_standing_change
from ledger.errors import CodedError
from ledger.state import State

Actuals = Annotated[
    tuple[QuantityOrNone, ...],
    Meta(
        min_length=1,
        max_length=MOST_LINES,
        description="What was produced of each planned line, in the plan's order.",
    ),
]


def _home_guarantor(state: State, author: str, op: FilePlan) -> tuple[str, ...]:
    party = state.get(PARTY, author)
    guarantor = None if party is None else holder(state, Role.GUARANTOR, party.profile.home)
    return () if guarantor is None or guarantor == author else (guarantor,)


@operation(
    policy="membership",
    by=member(Right.SETTLE),
    cosigners=_home_guarantor,
    cosigned_by="the guarantor of the member's home state",
    emits=(PlanFiled,),
    errors=(DEADLINE_PASSED, TOO_EARLY, ALREADY_DECIDED),
    text={
        "en": "File the production plan for {quarter}: {lines}",
        "ru": "Подать производственный план на {quarter}: {lines}",
        "zh": "提交 {quarter} 生产计划：{lines}",
    },
)
class FilePlan(Operation, tag="register.FilePlan"):
    """File the production plan of a quarter, agreed with the home state.

    It is filed before the quarter begins or shortly after, and cannot be changed then.
    """

    quarter: Annotated[Quarter, Meta(description="Which quarter.")]
    lines: Annotated[
        tuple[PlanLine, ...],
        Meta(min_length=1, max_length=MOST_LINES, description="What is planned."),
    ]


@operation(
    policy="membership",
    by=member(Right.SETTLE),
    emits=(ProgrammeJudged,),
    errors=(TOO_EARLY, INVALID_TERMS, NOT_AUTHORISED, CONFLICT_OF_INTEREST),
    text={
        "en": "Report {actuals} for {quarter}, to be attested by {inspector}",
        "ru": "Отчитаться за {quarter}: {actuals}; подтверждает {inspector}",
        "zh": "报告 {quarter} 实际产量 {actuals}，由 {inspector} 核证",
    },
)
class ReportProgramme(Operation, tag="register.ReportProgramme"):
    """Report what was produced in a quarter that is over, and name the inspector to attest it."""

    quarter: Annotated[Quarter, Meta(description="Which quarter.")]
    actuals: Actuals
    inspector: Annotated[Lei, Meta(description="Who attests the report.")]
    report: Annotated[Digest, Meta(description="Digest of the report.")]


@operation(
    policy="inspection",
    by=holder_of(Role.INSPECTOR),
    emits=(ProgrammeJudged,),
    errors=(NOT_ENTITLED, INVALID_TERMS),
    text={
        "en": "Attest that {party} produced {actuals} in {quarter}",
        "ru": "Подтвердить, что {party} произвёл {actuals} за {quarter}",
        "zh": "核证 {party} 在 {quarter} 的产量为 {actuals}",
    },
)
class AttestProgramme(Operation, tag="register.AttestProgramme"):
    """Attest what a member produced. The inspector's quantities count, not the reported ones."""

    party: Annotated[Lei, Meta(description="Whose report.")]
    quarter: Annotated[Quarter, Meta(description="Which quarter.")]
    actuals: Actuals
    attestation: Annotated[Digest, Meta(description="Digest of the inspector's report.")]


@transition(FilePlan)
def file_plan(ctx: Context, op: FilePlan) -> None:
    """Store a plan, to be reported on after the quarter."""
    params = ctx.params(ProgrammeParameters)
    latest = after_days(op.quarter.starts, params.plan_days)
    if ctx.time > latest:
        raise CodedError(
            DEADLINE_PASSED,
            f"the plan for {op.quarter.words} was to be filed until {latest}",
            field="quarter",
        )
    if op.quarter.index > quarter_of(ctx.time).index + params.quarters_ahead:
        raise CodedError(
            TOO_EARLY, f"plans are filed {params.quarters_ahead} quarters ahead", field="quarter"
        )
    if ctx.get(PROGRAMME_TABLE, ctx.author, op.quarter.index) is not None:
        raise CodedError(
            ALREADY_DECIDED, f"a plan for {op.quarter.words} is on file", field="quarter"
        )
    due = after_business_days(calendar_of(ctx.state), op.quarter.ends, params.report_days)
    plan = Programme(ctx.author, op.quarter, op.lines, ctx.time, ProgrammeState.PLANNED, due)
    ctx.open(PROGRAMME, plan)
    ctx.emit(PlanFiled(ctx.author, op.quarter, len(op.lines)))


@transition(ReportProgramme)
def report_programme(ctx: Context, op: ReportProgramme) -> None:
    """Put a report before its inspector."""
    plan = _programme(ctx, ctx.author, op.quarter)
    ctx.require_open(PROGRAMME, plan, "report")
    if ctx.time <= op.quarter.ends:
        raise CodedError(
            TOO_EARLY, f"{op.quarter.words} ends at {op.quarter.ends}", field="quarter"
        )
    inspector = ctx.party(op.inspector, Right.SERVE, field="inspector")
    if not inspector.holds(Role.INSPECTOR):
        raise CodedError(NOT_AUTHORISED, f"{op.inspector} is no inspector", field="inspector")
    if related(inspector, ctx.party(ctx.author)):
        raise CodedError(
            CONFLICT_OF_INTEREST,
            "the inspector is the member itself, its owner or its property",
            field="inspector",
        )
    due = ctx.in_business_days(ctx.params(ProgrammeParameters).attest_days)
    _judge(
        ctx,
        plan,
        "report",
        _measured(plan, op.actuals),
        due=due,
        actuals=op.actuals,
        inspector=op.inspector,
        report=op.report,
    )


@transition(AttestProgramme)
def attest_programme(ctx: Context, op: AttestProgramme) -> None:
    """Let the inspector's quantities stand."""
    plan = _programme(ctx, op.party, op.quarter)
    ctx.require_open(PROGRAMME, plan, "attest")
    ctx.require_author(plan.inspector, capacity="the inspector whom the report names")
    found = _measured(plan, op.actuals)
    _judge(ctx, plan, "attest", found, actuals=op.actuals, attestation=op.attestation)


@PROGRAMME.on_lapse("miss")
def report_is_missing(ctx: Context, plan: Programme) -> None:
    """A quarter without a report counts as one in which nothing was produced."""
    _judge(ctx, plan, "miss", nothing_produced(plan.lines))


@PROGRAMME.on_lapse("stand")
def attestation_is_missing(ctx: Context, plan: Programme) -> None:
    """An inspector's silence is not held against the member; that it is unattested shows."""
    _judge(ctx, plan, "stand", Deviation(plan.off, plan.planned))


@on_standing_change
def programmes_end(ctx: Context, before: Party, after: Party) -> None:
    """Who leaves has no programme to keep any more."""
    if after.state is not Standing.RUN_OFF:
        return
    for key in [item.key for _, item in ctx.state.scan(ITEM, after.lei, PROGRAMME.name)]:
        plan = ctx.get(PROGRAMME_TABLE, *key)
        if plan is not None and plan.lei == after.lei and ctx.time <= plan.due:
            ctx.move(PROGRAMME, plan, "drop")


def _programme(ctx: Context, lei: str, quarter: Quarter) -> Programme:
    return ctx.find(
        PROGRAMME_TABLE, lei, quarter.index, what=f"plan for {quarter.words}", field="quarter"
    )


def _measured(plan: Programme, actuals: tuple[int, ...]) -> Deviation:
    if len(actuals) != len(plan.lines):
        raise CodedError(
            INVALID_TERMS,
            f"the plan has {len(plan.lines)} lines, the report {len(actuals)}",
            field="actuals",
        )
    return deviation(plan.lines, actuals)


def _judge(
    ctx: Context,
    plan: Programme,
    event: str,
    found: Deviation,
    *,
    due: int = 0,
    **changes: Any,
) -> Programme:
    params = ctx.params(ProgrammeParameters)
    level = level_of(found, params.amber, params.red)
    changed = ctx.move(
        PROGRAMME,
        plan,
        event,
        due=due,
        off=found.off,
        planned=found.planned,
        level=level,
        **changes,
    )
    ctx.emit(
        ProgrammeJudged(
            changed.lei,
            changed.quarter,
            changed.state.value,
            changed.inspector,
            found.off,
            found.planned,
            level,
        )
    )
    return changed


def related(one: Party, other: Party) -> bool:
    """Whether two parties are the same, or one owns a part of the other."""
    return (
        one.lei == other.lei
        or any(owner.lei == one.lei for owner in other.profile.owners)
        or any(owner.lei == other.lei for owner in one.profile.owners)
    )
