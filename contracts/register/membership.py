"""Admission, standing and offices: the steps that operations and ballots share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import structs

from contracts.errors import (
    INVALID_TERMS,
    NO_HOME_STATE,
    ROLE_HELD,
    ROLE_NOT_HELD,
)
from contracts.framework.ballot import Ballot, Majority, open_ballot
from contracts.framework.context import Context
from contracts.framework.machine import ITEM
from contracts.framework.party import (
    HELD_ONCE,
    HOLDING,
    OF_A_STATE,
    PARTY,
    Holding,
    Office,
    Party,
    PartyKind,
    Profile,
    Role,
    holder,
    holders,
)
from contracts.framework.types import BASIS_POINTS
from contracts.register.events import RoleGranted, RoleRevoked, StandingChanged
from contracts.register.hooks import tell_office_end, tell_standing
from contracts.register.records import MEMBERSHIP
from ledger.errors import CodedError
from ledger.state import State


def change_standing(
    ctx: Context, party: Party, event: str, *, due: int = 0, reason: str = "", **changes: Any
) -> Party:
    """Take a party one step through its membership and tell it."""
    after = ctx.move(MEMBERSHIP, party, event, due=due, since=ctx.time, reason=reason, **changes)
    ctx.emit(StandingChanged(party.lei, party.state, after.state, reason))
    if after.state is not party.state:
        tell_standing(ctx, party, after)
    return after


def check_profile(ctx: Context, lei: str, profile: Profile) -> None:
    """Raise ``NO_HOME_STATE`` or ``INVALID_TERMS`` unless a profile makes sense.

    A national party is registered in its home state; a joint venture has at least two owners; the
    shares of owners, if any are named, make up the whole.
    """
    if holder(ctx.state, Role.GUARANTOR, profile.home) is None:
        raise CodedError(
            NO_HOME_STATE, f"{profile.home} has no guarantor in this ledger", field="profile.home"
        )
    if profile.kind is PartyKind.NATIONAL and profile.country != profile.home:
        raise CodedError(
            INVALID_TERMS,
            "a national party is registered in its home state",
            field="profile.country",
        )
    owners = [owner.lei for owner in profile.owners]
    if profile.kind is PartyKind.JOINT_VENTURE and len(owners) < 2:
        raise CodedError(
            INVALID_TERMS, "a joint venture has at least two owners", field="profile.owners"
        )
    if len(set(owners)) != len(owners) or lei in owners:
        raise CodedError(
            INVALID_TERMS,
            "each owner is named once, and no party owns itself",
            field="profile.owners",
        )
    if owners and sum(owner.share for owner in profile.owners) != BASIS_POINTS:
        raise CodedError(
            INVALID_TERMS, "the owners' shares sum to 10,000 basis points", field="profile.owners"
        )


def guarantors(ctx: Context) -> tuple[str, ...]:
    """The council: every state's guarantor, in order of their states."""
    return tuple(holders(ctx.state, Role.GUARANTOR))


def conflicts(ctx: Context, party: Party) -> Iterator[str]:
    """Guarantors that may not vote on a party: itself, and those it owns or is owned by."""
    yield party.lei
    for owner in party.profile.owners:
        yield owner.lei
    for lei in guarantors(ctx):
        guarantor = ctx.party(lei)
        if any(owner.lei == party.lei for owner in guarantor.profile.owners):
            yield lei


def ask_council(
    ctx: Context,
    kind: str,
    party: Party,
    *,
    reason: str,
    majority: Majority,
    days: int,
    terms: tuple[Any, ...] = (),
    recuse_home: bool = False,
) -> Ballot:
    """Open a ballot of the guarantors about a party; its home guarantor recused if asked."""
    excluded = list(conflicts(ctx, party))
    if recuse_home:
        excluded += holders(ctx.state, Role.GUARANTOR, party.profile.home)
    return open_ballot(
        ctx,
        kind,
        party.lei,
        terms=terms,
        reason=reason,
        majority=majority,
        voters=guarantors(ctx),
        conflicted=excluded,
        due=ctx.in_days(days),
    )


def check_office(ctx: Context, party: Party, office: Office, *, granting: bool) -> None:
    """Raise unless an office could be granted to (or revoked from) a party now."""
    if (office.role in OF_A_STATE) is not bool(office.scope):
        raise CodedError(
            INVALID_TERMS,
            f"the role {office.role.value} is held "
            + ("for a state" if office.role in OF_A_STATE else "for all states"),
            field="office.scope",
        )
    if not granting:
        if office not in party.offices:
            raise CodedError(ROLE_NOT_HELD, f"{party.lei} is not {office.name}", field="office")
        return
    if office in party.offices:
        raise CodedError(ROLE_HELD, f"{party.lei} is {office.name} already", field="office")
    if office.role in HELD_ONCE:
        current = holder(ctx.state, office.role, office.scope)
        if current is not None:
            raise CodedError(ROLE_HELD, f"{current} is {office.name}", field="office")


def grant_office(ctx: Context, party: Party, office: Office) -> None:
    """Give an office to a party."""
    check_office(ctx, party, office, granting=True)
    changed = structs.replace(party, offices=(*party.offices, office))
    ctx.put(PARTY, changed, party.lei)
    ctx.put(HOLDING, Holding(party.lei), office.role.value, office.scope, party.lei)
    ctx.emit(RoleGranted(party.lei, office.role, office.scope))


def revoke_office(ctx: Context, party: Party, office: Office) -> None:
    """Take an office from a party."""
    check_office(ctx, party, office, granting=False)
    changed = structs.replace(party, offices=tuple(o for o in party.offices if o != office))
    ctx.put(PARTY, changed, party.lei)
    ctx.delete(HOLDING, office.role.value, office.scope, party.lei)
    ctx.emit(RoleRevoked(party.lei, office.role, office.scope))
    tell_office_end(ctx, party.lei)


def open_objects(state: State, lei: str) -> Iterator[str]:
    """Names of the machines of a party's open objects, apart from its own membership."""
    for _, item in state.scan(ITEM, lei):
        if item.machine != MEMBERSHIP.name:
            yield item.machine
