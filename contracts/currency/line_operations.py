"""What guarantors, members and the council can do about credit lines and states' limits."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from contracts.accounts import AVAIL, PAY, REC
from contracts.capacity import CAPACITY, COLLATERAL, COVER
from contracts.currency.events import LineCalled, LineChanged
from contracts.currency.line_records import GRANTED, LINE_TABLE
from contracts.errors import (
    COLLATERAL_SHORT,
    INVALID_TERMS,
    LINE_IN_USE,
    MOTION_OPEN,
    NO_SUCH_LINE,
    NO_VOTERS,
    OVER_CAPACITY,
    OVER_LINE_CAP,
)
from contracts.framework.authority import holder_of, member
from contracts.framework.ballot import BallotOpened
from contracts.framework.operation import Operation, operation
from contracts.framework.party import Right, Role
from contracts.framework.posting import LINE, entry
from contracts.framework.types import Country, Lei, Line, Money, MoneyOrNone, Reason
from ledger.state import State

_COVER = entry("guarantor", CAPACITY, "guarantor", COVER)
_FREE = entry("guarantor", COVER, "guarantor", CAPACITY)
_GRANT = entry("guarantor", GRANTED, "member", LINE)
_END = entry("member", LINE, "guarantor", GRANTED)
_CALL = (
    _END,
    entry("guarantor", AVAIL, "member", AVAIL),
    entry("guarantor", COLLATERAL, "member", AVAIL),
    entry("guarantor", REC, "member", PAY),
    _FREE,
)
_OF_CAPACITY = (OVER_LINE_CAP, OVER_CAPACITY, COLLATERAL_SHORT)
_WHOSE = Meta(description="Whose line.")
_WHY = Meta(description="Why.")


@operation(
    policy="guarantee",
    by=holder_of(Role.GUARANTOR),
    amount=lambda state, op, party: op.limit,
    posts=(_COVER,),
    emits=(LineChanged,),
    errors=(*_OF_CAPACITY, INVALID_TERMS),
    text={
        "en": "Offer {member} a credit line of {limit}",
        "ru": "Предложить {member} кредитную линию {limit}",
        "zh": "向 {member} 提供信用额度 {limit}",
    },
)
class OfferLine(Operation, tag="currency.OfferLine"):
    """Offer a member of one's state a credit line, within the council's cap and own capacity."""

    member: Annotated[Lei, Meta(description="For whom.")]
    limit: Annotated[Money, Meta(description="How far below zero it may go.")]


def _offered(state: State, op: AcceptLine, party: str) -> int | None:
    line = state.get(LINE_TABLE, party)
    return None if line is None else line.limit


@operation(
    policy="obligation",
    by=member(Right.OBLIGE),
    amount=_offered,
    posts=(_GRANT,),
    emits=(LineChanged,),
    errors=(NO_SUCH_LINE,),
    text={
        "en": "Accept the credit line from {guarantor}",
        "ru": "Принять кредитную линию от {guarantor}",
        "zh": "接受 {guarantor} 的信用额度",
    },
)
class AcceptLine(Operation, tag="currency.AcceptLine"):
    """Accept the credit line that one's guarantor offers."""

    guarantor: Annotated[Lei, Meta(description="Whose offer.")]


@operation(
    policy="guarantee",
    by=holder_of(Role.GUARANTOR),
    amount=lambda state, op, party: op.limit,
    posts=(_COVER, _FREE, _GRANT, _END),
    emits=(LineChanged,),
    errors=(NO_SUCH_LINE, *_OF_CAPACITY),
    text={
        "en": "Change the credit line of {member} to {limit}: {reason}",
        "ru": "Изменить кредитную линию {member} до {limit}: {reason}",
        "zh": "将 {member} 的信用额度改为 {limit}：{reason}",
    },
)
class ChangeLine(Operation, tag="currency.ChangeLine"):
    """Raise a line, or reduce it for new draws; what is drawn already stays covered."""

    member: Annotated[Lei, _WHOSE]
    limit: Annotated[Money, Meta(description="How far below zero new draws may go.")]
    reason: Annotated[Reason, _WHY]


@operation(
    policy="guarantee",
    by=holder_of(Role.GUARANTOR),
    posts=(_END, _FREE),
    emits=(LineChanged,),
    errors=(NO_SUCH_LINE,),
    text={
        "en": "Freeze the credit line of {member}: {reason}",
        "ru": "Заморозить кредитную линию {member}: {reason}",
        "zh": "冻结 {member} 的信用额度：{reason}",
    },
)
class FreezeLine(Operation, tag="currency.FreezeLine"):
    """Stop new draws on a line."""

    member: Annotated[Lei, _WHOSE]
    reason: Annotated[Reason, _WHY]


@operation(
    policy="guarantee",
    by=holder_of(Role.GUARANTOR),
    posts=(_COVER, _GRANT),
    emits=(LineChanged,),
    errors=(NO_SUCH_LINE, *_OF_CAPACITY),
    text={
        "en": "Allow draws on the credit line of {member} again",
        "ru": "Возобновить кредитную линию {member}",
        "zh": "恢复 {member} 的信用额度",
    },
)
class ThawLine(Operation, tag="currency.ThawLine"):
    """Allow draws on a frozen line again."""

    member: Annotated[Lei, _WHOSE]


@operation(
    policy="guarantee",
    by=holder_of(Role.GUARANTOR),
    posts=_CALL,
    emits=(LineCalled, LineChanged),
    errors=(NO_SUCH_LINE,),
    text={
        "en": "Call the frozen credit line of {member}: {reason}",
        "ru": "Востребовать замороженную кредитную линию {member}: {reason}",
        "zh": "收回 {member} 已冻结的信用额度：{reason}",
    },
)
class CallLine(Operation, tag="currency.CallLine"):
    """Pay what a member has drawn on a frozen line; it owes the guarantor from then on."""

    member: Annotated[Lei, _WHOSE]
    reason: Annotated[Reason, _WHY]


@operation(
    policy="obligation",
    by=member(Right.SETTLE),
    posts=(_END, _FREE),
    emits=(LineChanged,),
    errors=(NO_SUCH_LINE, LINE_IN_USE),
    text={
        "en": "End the credit line of {member}: {reason}",
        "ru": "Закрыть кредитную линию {member}: {reason}",
        "zh": "终止 {member} 的信用额度：{reason}",
    },
)
class EndLine(Operation, tag="currency.EndLine"):
    """End a line on which nothing is drawn, or an offer: by the member or the guarantor."""

    member: Annotated[Lei, _WHOSE]
    reason: Annotated[Line, _WHY] = ""


@operation(
    policy="governance",
    by=holder_of(Role.GUARANTOR),
    emits=(BallotOpened,),
    errors=(MOTION_OPEN, NO_VOTERS, INVALID_TERMS),
    text={
        "en": "Propose for {country} a cap of {line_cap} on lines and a swing of {swing}: {reason}",
        "ru": "Предложить для {country} лимит линий {line_cap} и свинг {swing}: {reason}",
        "zh": "为 {country} 提议额度上限 {line_cap}、摆动限额 {swing}：{reason}",
    },
)
class ProposeLimits(Operation, tag="currency.ProposeLimits"):
    """Ask the council to set a state's cap on credit lines and limit of its net position.

    A limit that is left open stays or returns to the default. The state's guarantor does not vote.
    """

    country: Annotated[Country, Meta(description="Whose limits.")]
    reason: Annotated[Reason, _WHY]
    line_cap: Annotated[
        MoneyOrNone | None, Meta(description="Most that its members' lines may add up to.")
    ] = None
    swing: Annotated[
        MoneyOrNone | None,
        Meta(description="Most that its net position may be on either side; 0 for no limit."),
    ] = None
