"""What happens to credit lines: within caps, called when a member stays below zero too long.

A line in force is ``Dr guarantor.granted / Cr member.line`` for its limit (nothing while it is
frozen), and so much of the guarantor's capacity is committed as its member may have drawn.
"""

from __future__ import annotations

from msgspec import structs

from contracts.accounts import AVAIL
from contracts.capacity import COLLATERAL, commit, uncommit
from contracts.currency.debts import create_debt
from contracts.currency.events import LineCalled, LineChanged, StateLimitsSet
from contracts.currency.line_operations import (
    AcceptLine,
    CallLine,
    ChangeLine,
    EndLine,
    FreezeLine,
    OfferLine,
    ProposeLimits,
    ThawLine,
)
from contracts.currency.line_records import (
    GRANTED,
    IN_FORCE,
    LINE_MACHINE,
    LINE_TABLE,
    PURPOSE,
    STATE_LIMITS,
    STATE_POSITION,
    Line,
    LineState,
    StateLimits,
)
from contracts.currency.positions import position_of, review_position, swing_of
from contracts.currency.records import CurrencyParameters
from contracts.errors import (
    INVALID_TERMS,
    LINE_IN_USE,
    MOTION_OPEN,
    NO_HOME_STATE,
    NO_SUCH_LINE,
    OVER_LINE_CAP,
    WRONG_STATE,
)
from contracts.framework.ballot import Ballot, Majority, on_decision, open_ballot, open_motion
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.context import Context, Moved, watches_accounts
from contracts.framework.operation import transition
from contracts.framework.parameters import parameters_of
from contracts.framework.party import Party, Right, Role, Standing, holder, holders
from contracts.framework.posting import LINE, Unit, balance_of, owner_of
from contracts.framework.schedule import deadline
from contracts.register.hooks import on_standing_change
from ledger.errors import CodedError
from ledger.state import State

ORIGIN = "credit line"
"""How a debt names a called line as what it comes from; its id is that of the call."""
MOTION = "state limits"
NEGATIVE = "credit line too long below zero"


def line_of(state: State, member: str) -> Line | None:
    """A member's credit line that has not ended, or None."""
    line = state.get(LINE_TABLE, member)
    return None if line is None or line.state is LineState.CLOSED else line


def line_cap_of(state: State, country: str) -> int:
    """The most that the credit lines of a state's members may add up to."""
    limits = state.get(STATE_LIMITS, country)
    if limits is not None and limits.line_cap is not None:
        return limits.line_cap
    return parameters_of(state, CurrencyParameters).line_cap


def drawn(state: State, member: str) -> int:
    """How far a member's available money is below zero, in minor units."""
    return max(0, -balance_of(state, AVAIL.of(member)))


# Steps


@transition(OfferLine)
def offer_line(ctx: Context, op: OfferLine) -> None:
    """Commit capacity and put the line to the member."""
    party = ctx.party(op.member, Right.OBLIGE, field="member")
    country = party.profile.home
    if holder(ctx.state, Role.GUARANTOR, country) != ctx.author:
        raise CodedError(
            INVALID_TERMS, f"the guarantor of {country} offers its lines", field="member"
        )
    if op.member == ctx.author:
        raise CodedError(INVALID_TERMS, "nobody guarantees for itself", field="member")
    _count(ctx, country, op.limit)
    commit(ctx, ctx.author, PURPOSE, op.limit)
    due = ctx.in_days(ctx.params(CurrencyParameters).line_offer_days)
    _tell(
        ctx,
        ctx.open(
            LINE_MACHINE,
            Line(op.member, ctx.author, country, op.limit, op.limit, LineState.OFFERED, due),
        ),
    )


@transition(AcceptLine)
def accept_line(ctx: Context, op: AcceptLine) -> None:
    """Put the line into force."""
    line = _line(ctx, ctx.author)
    if op.guarantor != line.guarantor:
        raise CodedError(NO_SUCH_LINE, "this guarantor offers no line", field="guarantor")
    _grant(ctx, line, line.limit)
    _tell(ctx, ctx.move(LINE_MACHINE, line, "accept"))


@transition(ChangeLine)
def change_line(ctx: Context, op: ChangeLine) -> None:
    """Set another limit for new draws."""
    line = _own(ctx, op.member)
    if op.limit == line.limit:
        raise CodedError(INVALID_TERMS, "the line has this limit", field="limit")
    event = "raise" if op.limit > line.limit else "reduce"
    ctx.require_open(LINE_MACHINE, line, event)
    _count(ctx, line.country, op.limit - line.limit)
    _grant(ctx, line, op.limit)
    cover = _cover(ctx, line, op.limit)
    changed = ctx.move(LINE_MACHINE, line, event, limit=op.limit, cover=cover, reason=op.reason)
    _tell(ctx, changed)


@transition(FreezeLine)
def freeze_line(ctx: Context, op: FreezeLine) -> None:
    """Stop new draws."""
    _freeze(ctx, _own(ctx, op.member), op.reason)


@transition(ThawLine)
def thaw_line(ctx: Context, op: ThawLine) -> None:
    """Allow draws again."""
    line = _own(ctx, op.member)
    ctx.require_open(LINE_MACHINE, line, "thaw")
    ctx.party(line.member, Right.OBLIGE, field="member")
    cover = _cover(ctx, line, line.limit)
    _grant(ctx, line, line.limit)
    _tell(ctx, ctx.move(LINE_MACHINE, line, "thaw", cover=cover, reason=""))


@transition(CallLine)
def call_line(ctx: Context, op: CallLine) -> None:
    """Pay for the member and become its creditor."""
    line = _own(ctx, op.member)
    if line.state is not LineState.FROZEN:
        raise CodedError(WRONG_STATE, f"the line is {line.state.value}; freeze it first")
    call(ctx, line, op.reason)


@transition(EndLine)
def end_line(ctx: Context, op: EndLine) -> None:
    """End a line that is not in use."""
    line = _line(ctx, op.member)
    ctx.require_author(line.member, line.guarantor, capacity="the member and the guarantor")
    event = "decline" if line.state is LineState.OFFERED else "close"
    ctx.require_open(LINE_MACHINE, line, event)
    if event == "close" and drawn(ctx.state, line.member):
        raise CodedError(
            LINE_IN_USE, f"{drawn(ctx.state, line.member)} (minor units) is drawn on the line"
        )
    _close(ctx, line, event, op.reason)


@LINE_MACHINE.on_lapse("lapse")
def offer_lapses(ctx: Context, line: Line) -> None:
    """Silence is not consent."""
    _close(ctx, line, "lapse", "not accepted in time")


def _freeze(ctx: Context, line: Line, reason: str) -> None:
    ctx.require_open(LINE_MACHINE, line, "freeze")
    _grant(ctx, line, 0)
    cover = _cover(ctx, line, 0)
    _tell(ctx, ctx.move(LINE_MACHINE, line, "freeze", cover=cover, reason=reason))


def call(ctx: Context, line: Line, reason: str) -> None:
    """Have the guarantor pay what is drawn; the member owes it from then on."""
    _grant(ctx, line, 0)
    due = ctx.in_days(ctx.params(CurrencyParameters).line_retry_days)
    line = _set_clock(ctx, line, 0)
    _collect(ctx, ctx.move(LINE_MACHINE, line, "call", due=due, reason=reason))


@LINE_MACHINE.on_lapse("wait")
def ask_again(ctx: Context, line: Line) -> None:
    """The guarantor lacked money before."""
    due = ctx.in_days(ctx.params(CurrencyParameters).line_retry_days)
    _collect(ctx, ctx.move(LINE_MACHINE, line, "wait", due=due))


def _collect(ctx: Context, line: Line) -> None:
    """Move what the guarantor has, its collateral last, and end the line if that is enough."""
    owed = drawn(ctx.state, line.member)
    for kind in (AVAIL, COLLATERAL):
        own = max(0, balance_of(ctx.state, kind.of(line.guarantor)))
        paid = min(owed, own)
        if paid:
            ctx.post(Unit.SCU, kind.of(line.guarantor), AVAIL.of(line.member), paid)
            owed -= paid
            due = ctx.in_days(ctx.params(CurrencyParameters).line_repay_days)
            debt = create_debt(ctx, line.guarantor, line.member, paid, due, origin=(ORIGIN, ctx.id))
            line = ctx.amend(LINE_MACHINE, line, debt=debt)
            ctx.emit(LineCalled(line.member, line.guarantor, paid, debt, line.reason))
    if owed == 0:
        _close(ctx, line, "settle", line.reason)
    else:
        line = ctx.amend(LINE_MACHINE, line, cover=_cover(ctx, line, 0))
        _tell(ctx, line)


def _close(ctx: Context, line: Line, event: str, reason: str) -> None:
    if line.state in IN_FORCE:
        _grant(ctx, line, 0)
    if line.cover:
        uncommit(ctx, line.guarantor, PURPOSE, line.cover)
    _count(ctx, line.country, -line.limit)
    ended = ctx.move(LINE_MACHINE, _set_clock(ctx, line, 0), event, cover=0, reason=reason)
    _tell(ctx, ended)


def _grant(ctx: Context, line: Line, limit: int) -> None:
    """Book the limit for new draws."""
    account = LINE.of(line.member)
    change = limit - balance_of(ctx.state, account)
    if change > 0:
        ctx.post(Unit.LINE, GRANTED.of(line.guarantor), account, change)
    elif change < 0:
        ctx.post(Unit.LINE, account, GRANTED.of(line.guarantor), -change)


def _cover(ctx: Context, line: Line, limit: int) -> int:
    """Commit what may be drawn under a limit, or is drawn; returns it."""
    cover = max(limit, drawn(ctx.state, line.member))
    if cover > line.cover:
        commit(ctx, line.guarantor, PURPOSE, cover - line.cover)
    elif cover < line.cover:
        uncommit(ctx, line.guarantor, PURPOSE, line.cover - cover)
    return cover


def _count(ctx: Context, country: str, change: int) -> None:
    """Count lines against the council's cap; raises ``OVER_LINE_CAP``."""
    position = position_of(ctx.state, country)
    lines, cap = position.lines + change, line_cap_of(ctx.state, country)
    if change > 0 and lines > cap:
        raise CodedError(
            OVER_LINE_CAP,
            f"credit lines of {country} add up to {position.lines}, with this to {lines}; "
            f"the council's cap is {cap} (minor units)",
            field="limit",
        )
    ctx.put(STATE_POSITION, structs.replace(position, lines=lines), country)


def _line(ctx: Context, member: str) -> Line:
    line = line_of(ctx.state, member)
    if line is None:
        raise CodedError(NO_SUCH_LINE, f"{member} has no credit line", field="member")
    return line


def _own(ctx: Context, member: str) -> Line:
    line = _line(ctx, member)
    ctx.require_author(line.guarantor, capacity="the guarantor of the line")
    return line


def _tell(ctx: Context, line: Line) -> None:
    ctx.emit(LineChanged(line.member, line.guarantor, line.state.value, line.limit, line.reason))


# The clock


@watches_accounts
def keep_clocks(ctx: Context, moved: list[Moved]) -> None:
    """Start a line's clock when its member's money goes below zero, stop it at zero."""
    for account, kind, before, after in moved:
        if kind is AVAIL and (before < 0) is not (after < 0):
            line = ctx.get(LINE_TABLE, owner_of(account))
            if line is not None and line.state in IN_FORCE:
                _set_clock(ctx, line, ctx.time if after < 0 else 0)


def _set_clock(ctx: Context, line: Line, since: int) -> Line:
    if line.call_at:
        ctx.cancel(line.call_at, NEGATIVE, line.member)
    days = ctx.params(CurrencyParameters).line_negative_days
    call_at = since + days * MS_PER_DAY if since else 0
    if call_at:
        ctx.schedule(call_at, NEGATIVE, line.member)
    return ctx.amend(LINE_MACHINE, line, negative_since=since, call_at=call_at)


@deadline(NEGATIVE)
def too_long_below_zero(ctx: Context, member: str) -> None:
    """Balances are to swing through zero within a year: the guarantor pays, the member owes it."""
    line = line_of(ctx.state, member)
    if line is not None and line.state in IN_FORCE:
        call(ctx, line, "too long below zero")


@on_standing_change
def lines_follow_standing(ctx: Context, before: Party, after: Party) -> None:
    """A suspended member draws no more; the line of one that is excluded or leaves is called."""
    line = line_of(ctx.state, after.lei)
    if line is None or after.may(Right.OBLIGE):
        return
    if line.state is LineState.OFFERED:
        _close(ctx, line, "decline", f"the member is {after.state.value}")
    elif after.state in (Standing.EXCLUDED, Standing.RUN_OFF):
        if line.state in IN_FORCE:
            call(ctx, line, f"the member is {after.state.value}")
    elif line.state in (LineState.ACTIVE, LineState.REDUCED):
        _freeze(ctx, line, f"the member is {after.state.value}")


# The council


@transition(ProposeLimits)
def propose_limits(ctx: Context, op: ProposeLimits) -> None:
    """Put a state's limits to the guarantors, without its own."""
    own = holder(ctx.state, Role.GUARANTOR, op.country)
    if own is None:
        raise CodedError(NO_HOME_STATE, f"{op.country} has no guarantor", field="country")
    if open_motion(ctx, MOTION, own) is not None:
        raise CodedError(MOTION_OPEN, "a ballot on limits of this state is open")
    open_ballot(
        ctx,
        MOTION,
        own,
        terms=(op.country, op.line_cap, op.swing),
        reason=op.reason,
        majority=Majority(1, 2),
        voters=dict.fromkeys(holders(ctx.state, Role.GUARANTOR)),
        conflicted=(own,),
        due=ctx.in_days(ctx.params(CurrencyParameters).council_days),
    )


@on_decision(MOTION)
def limits_decided(ctx: Context, ballot: Ballot, passed: bool) -> None:
    """Put limits into force that the council agreed on."""
    if passed:
        country, line_cap, swing = ballot.terms
        ctx.put(STATE_LIMITS, StateLimits(country, line_cap, swing), country)
        review_position(ctx, country)
        cap, net = line_cap_of(ctx.state, country), swing_of(ctx.state, country)
        ctx.emit(StateLimitsSet(ballot.subject, country, cap, net))
