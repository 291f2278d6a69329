"""Credit lines and limits of states: what is stored, and the life of a line."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from contracts.framework.machine import Limit, Machine, step
from contracts.framework.posting import Side, Unit, account_kind
from contracts.framework.types import Country, Instant, Lei, Money, MoneyOrNone, ObjectId
from ledger.codec import Struct, Uint
from ledger.receipt import Signed
from ledger.state import Table

GRANTED: Final = account_kind(
    "granted",
    "Memo: minus the credit lines in force that a guarantor has granted.",
    unit=Unit.LINE,
    side=Side.DEBIT,
)
PURPOSE: Final = "lines"
"""What guarantors commit capacity to when they grant lines."""


class LineState(StrEnum):
    """A credit line, from the guarantor's offer until nothing of it remains."""

    OFFERED = "offered"
    ACTIVE = "active"
    REDUCED = "reduced"
    FROZEN = "frozen"
    CALLED = "called"
    CLOSED = "closed"


class Line(Struct, tag=1):
    """A guarantor lets a member's available money go below zero, and answers for it.

    ``limit`` is how far new draws may go; ``cover`` the guarantor's commitment: the limit, or what
    was drawn when the limit was reduced below it. ``negative_since`` is when the member's money
    last went below zero, 0 while it is not, and ``call_at`` when it is called for that.
    """

    member: Lei
    guarantor: Lei
    country: Country
    limit: Money
    cover: MoneyOrNone
    state: LineState
    due: Uint
    negative_since: Instant = 0
    call_at: Instant = 0
    debt: ObjectId | None = None
    reason: str = ""


LINE_TABLE: Final = Table("line", Line)
"""By member: a member has one line at a time."""
_L = LineState
IN_FORCE: Final = (_L.ACTIVE, _L.REDUCED, _L.FROZEN)
LINE_MACHINE: Final = Machine[Line](
    name="credit line",
    meaning="A member's permission to go below zero, backed by its state's guarantor.",
    table=LINE_TABLE,
    key=lambda line: (line.member,),
    states=LineState,
    initial=(_L.OFFERED,),
    transitions=(
        step("accept", _L.OFFERED, _L.ACTIVE, "member"),
        step("decline", _L.OFFERED, _L.CLOSED, "member or guarantor"),
        step("lapse", _L.OFFERED, _L.CLOSED, "the time limit; silence is not consent"),
        step("reduce", (_L.ACTIVE, _L.REDUCED), _L.REDUCED, "guarantor; for new draws only"),
        step("raise", (_L.ACTIVE, _L.REDUCED), _L.ACTIVE, "guarantor, within the council's cap"),
        step("freeze", (_L.ACTIVE, _L.REDUCED), _L.FROZEN, "guarantor, or a suspension"),
        step("thaw", _L.FROZEN, _L.ACTIVE, "guarantor"),
        step("call", IN_FORCE, _L.CALLED, "guarantor, exclusion, or 365 days below zero"),
        step("close", IN_FORCE, _L.CLOSED, "member or guarantor, when nothing is drawn"),
        step("settle", _L.CALLED, _L.CLOSED, "the guarantor's payment"),
        step("wait", _L.CALLED, _L.CALLED, "the time limit; the guarantor is asked again"),
    ),
    limits={_L.OFFERED: Limit("lapse", "30 days"), _L.CALLED: Limit("wait", "5 days")},
    rests={
        _L.ACTIVE: "a line lasts until it is closed or called; below zero, at most 365 days",
        _L.REDUCED: "a line lasts until it is closed or called; below zero, at most 365 days",
        _L.FROZEN: "a line lasts until it is closed or called; below zero, at most 365 days",
        _L.CALLED: "what a guarantor owes does not end by time; it is asked again and again",
    },
    parties=lambda line: (line.member, line.guarantor),
    awaits=lambda line: (line.member,) if line.state is _L.OFFERED else (),
)


class StateLimits(Struct, tag=1):
    """What the council decided for a state, in minor units; None where the default holds."""

    country: Country
    line_cap: MoneyOrNone | None
    swing: MoneyOrNone | None


STATE_LIMITS: Final = Table("state.limits", StateLimits)
"""By country."""


class StatePosition(Struct, tag=1):
    """A state's net position: its members' money less what its issuer has outstanding.

    Above zero, its members have sold more to other states than they bought. ``lines`` is what the
    lines of its members in force or on offer add up to, ``over_since`` when the position passed its
    swing limit by something that no limit can refuse, 0 while it is within.
    """

    country: Country
    net: Signed = 0
    lines: MoneyOrNone = 0
    over_since: Instant = 0


STATE_POSITION: Final = Table("state.position", StatePosition)
"""By country."""
