"""Preferences of joint ventures: who is eligible, and what it is worth.

Read by whoever ranks members or shares support out (market, joint fund), and by the register itself
for the contribution. Pure functions of the state.
"""

from __future__ import annotations

from typing import Final

from contracts.framework.parameters import parameters_of
from contracts.framework.party import PARTY, PartyKind, Profile, Right, Role, holder
from contracts.framework.types import BASIS_POINTS
from contracts.register.records import RegisterParameters
from ledger.state import State

_MEMBER_STATES: Final = 2


def is_preferred(state: State, profile: Profile) -> bool:
    """Whether a profile is that of an eligible joint venture.

    Owners in at least two states that have a guarantor here each hold the least share together, and
    in each of two such states an owner is itself a member, so that the venture joins members and
    not letter-boxes.
    """
    if profile.kind is not PartyKind.JOINT_VENTURE:
        return False
    least = parameters_of(state, RegisterParameters).joint_venture_share
    shares: dict[str, int] = {}
    member_states: set[str] = set()
    for owner in profile.owners:
        shares[owner.country] = shares.get(owner.country, 0) + owner.share
        party = state.get(PARTY, owner.lei)
        if party is not None and party.may(Right.OBLIGE):
            member_states.add(owner.country)
    eligible = [
        country
        for country, share in shares.items()
        if share >= least
        and country in member_states
        and holder(state, Role.GUARANTOR, country) is not None
    ]
    return len(eligible) >= _MEMBER_STATES


def preference_of(state: State, lei: str) -> int:
    """The weight that a member gets on top, in basis points; 0 for most."""
    party = state.get(PARTY, lei)
    if party is None or not party.may(Right.OBLIGE) or not is_preferred(state, party.profile):
        return 0
    return parameters_of(state, RegisterParameters).joint_venture_bonus


def contribution_of(state: State, profile: Profile) -> int:
    """What a new member of a profile pays in, minor units; a share is rounded up."""
    params = parameters_of(state, RegisterParameters)
    if not is_preferred(state, profile):
        return params.contribution
    return -(-params.contribution * params.joint_venture_contribution // BASIS_POINTS)
