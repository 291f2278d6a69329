"""Appeals to the tribunal against an exclusion, which is stayed until the ruling."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from contracts.errors import ALREADY_DECIDED, CONFLICT_OF_INTEREST
from contracts.framework.authority import holder_of, member
from contracts.framework.context import Context
from contracts.framework.operation import Operation, operation, transition
from contracts.framework.party import Right, Role
from contracts.framework.types import Digest, ObjectId, Reason
from contracts.register.conduct_records import (
    APPEAL,
    APPEAL_TABLE,
    OPEN_APPEAL,
    Appeal,
    AppealState,
    OpenAppeal,
    ProgrammeParameters,
)
from contracts.register.events import AppealMoved, StandingChanged
from contracts.register.membership import change_standing
from contracts.register.programme import related
from contracts.register.records import MEMBERSHIP, RegisterParameters
from ledger.errors import CodedError


@operation(
    policy="membership",
    by=member(Right.MANAGE),
    emits=(AppealMoved, StandingChanged),
    errors=(ALREADY_DECIDED,),
    text={
        "en": "Appeal against the exclusion: {statement}",
        "ru": "Обжаловать исключение: {statement}",
        "zh": "对除名提出上诉：{statement}",
    },
)
class AppealExclusion(Operation, tag="register.AppealExclusion"):
    """Ask the tribunal to quash the author's exclusion. The run-off does not begin before it rules.

    One appeal is possible against an exclusion, within 30 days of it.
    """

    statement: Annotated[Reason, Meta(description="Why the exclusion is wrong.")]


@operation(
    policy="tribunal",
    by=holder_of(Role.TRIBUNAL),
    emits=(AppealMoved, StandingChanged),
    errors=(CONFLICT_OF_INTEREST,),
    text={
        "en": "Rule on appeal {appeal}: quash the exclusion {quash}; {reason}",
        "ru": "Решить по жалобе {appeal}: отменить исключение {quash}; {reason}",
        "zh": "裁决上诉 {appeal}：撤销除名 {quash}；{reason}",
    },
)
class RuleOnAppeal(Operation, tag="register.RuleOnAppeal"):
    """Quash an exclusion, which leaves the party suspended as before, or confirm it."""

    appeal: Annotated[ObjectId, Meta(description="Which appeal.")]
    quash: Annotated[bool, Meta(description="Whether the exclusion is quashed.")]
    reason: Annotated[Reason, Meta(description="Why.")]
    ruling: Annotated[Digest, Meta(description="Digest of the ruling.")]


@transition(AppealExclusion)
def appeal_exclusion(ctx: Context, op: AppealExclusion) -> None:
    """Stay the exclusion until the tribunal rules or its time is over."""
    party = ctx.party(ctx.author)
    ctx.require_open(MEMBERSHIP, party, "appeal")
    if ctx.get(OPEN_APPEAL, party.lei) is not None:
        raise CodedError(ALREADY_DECIDED, "an appeal against this exclusion waits")
    days = ctx.params(ProgrammeParameters).ruling_days
    appeal = Appeal(ctx.new_id(), party.lei, op.statement, AppealState.OPEN, ctx.in_days(days))
    ctx.open(APPEAL, appeal)
    ctx.put(OPEN_APPEAL, OpenAppeal(appeal.id), party.lei)
    # The appeal's own limit ends it; the membership's, one day later, is never reached.
    change_standing(ctx, party, "appeal", due=ctx.in_days(days + 1), reason=party.reason)
    _tell(ctx, appeal, op.statement)


@transition(RuleOnAppeal)
def rule_on_appeal(ctx: Context, op: RuleOnAppeal) -> None:
    """End the appeal and the stay."""
    appeal = ctx.find(APPEAL_TABLE, op.appeal, what="appeal", field="appeal")
    if related(ctx.party(ctx.author), ctx.party(appeal.lei)):
        raise CodedError(CONFLICT_OF_INTEREST, "the tribunal has an interest in the appeal")
    event = "quash" if op.quash else "confirm"
    _end(ctx, appeal, event, op.reason, ruling=op.ruling)
    party = ctx.party(appeal.lei)
    if op.quash:
        change_standing(ctx, party, "quash", reason=op.reason)
    else:
        _exclusion_is_final(ctx, appeal.lei)


@APPEAL.on_lapse("lapse")
def no_ruling(ctx: Context, appeal: Appeal) -> None:
    """The tribunal did not rule in time: the council's decision stands."""
    _end(ctx, appeal, "lapse", "the tribunal did not rule in time")
    _exclusion_is_final(ctx, appeal.lei)


def _exclusion_is_final(ctx: Context, lei: str) -> None:
    due = ctx.in_days(ctx.params(RegisterParameters).review_days)
    party = ctx.party(lei)
    # Both limits may have passed in one long silence between two blocks.
    event = "begin run-off" if ctx.time > party.due else "confirm"
    change_standing(ctx, party, event, due=due, reason="the exclusion is final")


def _end(ctx: Context, appeal: Appeal, event: str, reason: str, **changes: Any) -> None:
    ended = ctx.move(APPEAL, appeal, event, reason=reason, **changes)
    ctx.delete(OPEN_APPEAL, appeal.lei)
    _tell(ctx, ended, reason)


def _tell(ctx: Context, appeal: Appeal, reason: str) -> None:
    ctx.emit(AppealMoved(appeal.id, appeal.lei, appeal.state.value, reason))
