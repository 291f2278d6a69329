"""A state leaves in order: notice, new homes for its residents or their run-off, then its offices.

From the notice on, the state vouches for nothing new. When the notice is over, residents that found
no new home enter run-off. The withdrawal is complete once no resident is left, nothing that the
guarantor promised is in force, and the state's issue is redeemed; then its offices end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, structs

from contracts.accounts import ISSUED
from contracts.capacity import STANDSTILL, Standstill, capacity_of
from contracts.errors import (
    ALREADY_DECIDED,
    INVALID_TERMS,
    NO_HOME_STATE,
    NOT_ENTITLED,
    NOT_FOUND,
    STATE_WITHDRAWS,
)
from contracts.framework.authority import holder_of, member
from contracts.framework.context import Context
from contracts.framework.operation import Operation, operation, transition
from contracts.framework.party import (
    PARTY,
    Party,
    PartyKind,
    Right,
    Role,
    Standing,
    holder,
    holders,
)
from contracts.framework.posting import balance_of
from contracts.framework.types import Country, Reason
from contracts.register.events import HomeChanged, WithdrawalMoved
from contracts.register.hooks import tell_home, ties_of
from contracts.register.leaving_records import (
    OPEN_WITHDRAWAL,
    WITHDRAWAL,
    WITHDRAWAL_TABLE,
    LeavingParameters,
    OpenWithdrawal,
    Withdrawal,
    WithdrawalState,
)
from contracts.register.membership import change_standing, check_profile, revoke_office
from contracts.register.records import MEMBERSHIP, RegisterParameters
from ledger.errors import CodedError
from ledger.state import State

COUNTRY = Meta(description="Which state.")


def _homes(state: State, author: str, op: ChangeHome) -> tuple[str, ...]:
    """The new home's guarantor, and the old one's unless that state withdraws."""
    found = [holder(state, Role.GUARANTOR, op.home)]
    party = state.get(PARTY, author)
    if party is not None and not is_withdrawing(state, party.profile.home):
        found.append(holder(state, Role.GUARANTOR, party.profile.home))
    return tuple(dict.fromkeys(lei for lei in found if lei is not None and lei != author))


@operation(
    policy="office",
    by=holder_of(Role.GUARANTOR),
    emits=(WithdrawalMoved,),
    errors=(NOT_ENTITLED, ALREADY_DECIDED, INVALID_TERMS),
    text={
        "en": "Give notice that {country} withdraws: {reason}",
        "ru": "Уведомить о выходе государства {country}: {reason}",
        "zh": "通知 {country} 退出：{reason}",
    },
)
class AnnounceWithdrawal(Operation, tag="register.AnnounceWithdrawal"):
    """Give notice that a state leaves the ledger. It vouches for nothing new from now on."""

    country: Annotated[Country, COUNTRY]
    reason: Annotated[Reason, Meta(description="Why.")]


@operation(
    policy="office",
    by=holder_of(Role.GUARANTOR),
    emits=(WithdrawalMoved,),
    errors=(NOT_FOUND, NOT_ENTITLED),
    text={
        "en": "Take back the notice that {country} withdraws: {reason}",
        "ru": "Отозвать уведомление о выходе {country}: {reason}",
        "zh": "撤回 {country} 退出通知：{reason}",
    },
)
class CancelWithdrawal(Operation, tag="register.CancelWithdrawal"):
    """Take a notice of withdrawal back before it takes effect."""

    country: Annotated[Country, COUNTRY]
    reason: Annotated[Reason, Meta(description="Why.")]


@operation(
    policy="membership",
    by=member(Right.OBLIGE),
    cosigners=_homes,
    cosigned_by="the new home's guarantor, and the old one's unless that state withdraws",
    emits=(HomeChanged,),
    errors=(INVALID_TERMS, NO_HOME_STATE, STATE_WITHDRAWS),
    text={
        "en": "Change the home state to {home}",
        "ru": "Сменить государство-поручителя на {home}",
        "zh": "将担保国变更为 {home}",
    },
)
class ChangeHome(Operation, tag="register.ChangeHome"):
    """Have another state vouch for the author. A national party becomes a foreign one there."""

    home: Annotated[Country, Meta(description="The new home state.")]


def open_withdrawal(state: State, country: str) -> Withdrawal | None:
    """The withdrawal of a state that is announced or under way, or None."""
    entry = state.get(OPEN_WITHDRAWAL, country)
    return None if entry is None else state.get(WITHDRAWAL_TABLE, entry.withdrawal)


def is_withdrawing(state: State, country: str) -> bool:
    """Whether a state vouches for nothing new."""
    return state.get(OPEN_WITHDRAWAL, country) is not None


@transition(AnnounceWithdrawal)
def announce_withdrawal(ctx: Context, op: AnnounceWithdrawal) -> None:
    """Begin the notice."""
    guarantor = holder(ctx.state, Role.GUARANTOR, op.country)
    if ctx.author != guarantor:
        raise CodedError(
            NOT_ENTITLED, f"only the guarantor of {op.country} gives this notice", field="country"
        )
    begin_withdrawal(ctx, op.country, op.reason)


def begin_withdrawal(ctx: Context, country: str, reason: str) -> Withdrawal:
    """Give a state's notice. Consent: its guarantor's, or a decision of governance.

    Raises ``INVALID_TERMS`` for the last guarantor, ``NO_HOME_STATE`` or ``ALREADY_DECIDED``.
    """
    guarantor = holder(ctx.state, Role.GUARANTOR, country)
    if guarantor is None:
        raise CodedError(NO_HOME_STATE, f"{country} has no guarantor here", field="country")
    if is_withdrawing(ctx.state, country):
        raise CodedError(ALREADY_DECIDED, f"{country} withdraws already", field="country")
    if not any(_stays(ctx.state, lei, country) for lei in holders(ctx.state, Role.GUARANTOR)):
        raise CodedError(INVALID_TERMS, "the last guarantor cannot withdraw", field="country")
    due = ctx.in_days(ctx.params(LeavingParameters).notice_days)
    withdrawal = Withdrawal(
        ctx.new_id(), country, guarantor, WithdrawalState.ANNOUNCED, due, reason
    )
    ctx.open(WITHDRAWAL, withdrawal)
    ctx.put(OPEN_WITHDRAWAL, OpenWithdrawal(withdrawal.id), country)
    ctx.put(STANDSTILL, Standstill(country), guarantor)
    _tell(ctx, withdrawal)
    return withdrawal


def _stays(state: State, guarantor: str, country: str) -> bool:
    party = state.get(PARTY, guarantor)
    return party is not None and any(
        office.role is Role.GUARANTOR
        and office.scope != country
        and not is_withdrawing(state, office.scope)
        for office in party.offices
    )


@transition(CancelWithdrawal)
def cancel_withdrawal(ctx: Context, op: CancelWithdrawal) -> None:
    """Take the notice back."""
    withdrawal = open_withdrawal(ctx.state, op.country)
    if withdrawal is None:
        raise CodedError(NOT_FOUND, f"{op.country} does not withdraw", field="country")
    ctx.require_author(withdrawal.guarantor, capacity="the state's guarantor")
    cancelled = ctx.move(WITHDRAWAL, withdrawal, "cancel", reason=op.reason)
    _end_standstill(ctx, cancelled)
    _tell(ctx, cancelled)


def _end_standstill(ctx: Context, withdrawal: Withdrawal) -> None:
    ctx.delete(OPEN_WITHDRAWAL, withdrawal.country)
    ctx.delete(STANDSTILL, withdrawal.guarantor)


@transition(ChangeHome)
def change_home(ctx: Context, op: ChangeHome) -> None:
    """Put the party under another state's guarantor."""
    party = ctx.party(ctx.author)
    before = party.profile.home
    if op.home == before:
        raise CodedError(INVALID_TERMS, f"{before} is the author's home", field="home")
    require_vouching(ctx.state, op.home, field="home")
    if any(office.scope == before for office in party.offices):
        raise CodedError(INVALID_TERMS, f"the author holds an office of {before}", field="home")
    kind = PartyKind.FOREIGN if party.profile.kind is PartyKind.NATIONAL else party.profile.kind
    profile = structs.replace(party.profile, home=op.home, kind=kind)
    check_profile(ctx, party.lei, profile)
    ctx.amend(MEMBERSHIP, party, profile=profile)
    ctx.emit(HomeChanged(party.lei, before, op.home))
    tell_home(ctx, party.lei, before, op.home)


def require_vouching(state: State, country: str, *, field: str) -> None:
    """Raise ``STATE_WITHDRAWS`` if a state takes on nobody any more."""
    if is_withdrawing(state, country):
        raise CodedError(STATE_WITHDRAWS, f"{country} withdraws from the ledger", field=field)


@WITHDRAWAL.on_lapse("begin")
def notice_is_over(ctx: Context, withdrawal: Withdrawal) -> None:
    """The withdrawal takes effect: residents without a new home leave."""
    winding = ctx.move(WITHDRAWAL, withdrawal, "begin", due=ctx.time)
    _tell(ctx, winding)


@WITHDRAWAL.on_lapse("review")
def review_withdrawal(ctx: Context, withdrawal: Withdrawal) -> None:
    """Have residents leave, a bounded number per block; complete once nothing binds the state."""
    batch = ctx.params(LeavingParameters).batch
    due = ctx.in_days(ctx.params(RegisterParameters).review_days)
    leaving = [party for party in residents(ctx.state, withdrawal) if _can_leave(party)]
    for party in leaving[:batch]:
        reason = f"{withdrawal.country} withdraws"
        change_standing(ctx, party, "lose home", due=due, reason=reason)
    if len(leaving) > batch:
        ctx.go_on(WITHDRAWAL, withdrawal, ctx.time)
        return
    if any(ties(ctx.state, withdrawal)):
        ctx.move(WITHDRAWAL, withdrawal, "review", due=due)
        return
    _complete(ctx, withdrawal, due)


def _can_leave(party: Party) -> bool:
    # An exclusion or appeal that is under way ends by itself and comes first.
    return not party.offices and party.state in {
        Standing.ADMITTED,
        Standing.SUSPENDED,
    }


def residents(state: State, withdrawal: Withdrawal) -> Iterator[Party]:
    """Parties of the state that are members or want to be, apart from holders of its offices."""
    for _, party in list(state.scan(PARTY)):
        if party.profile.home != withdrawal.country or MEMBERSHIP.is_end(party.state):
            continue
        if not _of_state(party, withdrawal.country):
            yield party


def _of_state(party: Party, country: str) -> bool:
    return bool(party.offices) and all(office.scope == country for office in party.offices)


def ties(state: State, withdrawal: Withdrawal) -> Iterator[str]:
    """In words, what keeps a withdrawal from being complete."""
    for party in residents(state, withdrawal):
        offices = ", ".join(office.name for office in party.offices)
        yield f"{party.lei} is {party.state.value}" + (f" and {offices}" if offices else "")
    committed = capacity_of(state, withdrawal.guarantor).committed
    if committed:
        yield f"{withdrawal.guarantor} has promised {committed} (minor units)"
    issued = -balance_of(state, ISSUED.of(withdrawal.country))
    if issued:
        yield f"{issued} (minor units) of the issue of {withdrawal.country} is not redeemed"
    yield from ties_of(state, withdrawal.country)


def _complete(ctx: Context, withdrawal: Withdrawal, due: int) -> None:
    """End the state's offices; their holders leave as everybody else does."""
    for role in (Role.GUARANTOR, Role.ISSUER, Role.CUSTOMS):
        for lei in list(holders(ctx.state, role, withdrawal.country)):
            party = ctx.party(lei)
            for office in party.offices:
                if office.scope == withdrawal.country:
                    revoke_office(ctx, ctx.party(lei), office)
            party = ctx.party(lei)
            if party.profile.home == withdrawal.country and _can_leave(party):
                reason = f"{withdrawal.country} withdrew"
                change_standing(ctx, party, "lose home", due=due, reason=reason)
    done = ctx.move(WITHDRAWAL, withdrawal, "complete")
    _end_standstill(ctx, done)
    _tell(ctx, done)


def _tell(ctx: Context, withdrawal: Withdrawal) -> None:
    ctx.emit(
        WithdrawalMoved(
            withdrawal.country, withdrawal.guarantor, withdrawal.state.value, withdrawal.reason
        )
    )
