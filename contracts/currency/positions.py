"""Net positions of states, kept with every movement of money, and their swing limits.

Bilateral clearing dies of surpluses that nobody can spend, so the council caps how far a state may
get ahead or behind. Only payments that a member chooses to make are refused at the cap: guarantees,
awards, called lines and run-offs are owed and go through, and the state is marked as over its
limit until payments the other way bring it back.
"""

from __future__ import annotations

from contracts.accounts import AVAIL, ISSUED
from contracts.codes import COUNTRIES
from contracts.currency.events import SwingExceeded
from contracts.currency.line_records import (
    STATE_LIMITS,
    STATE_POSITION,
    StatePosition,
)
from contracts.currency.records import CurrencyParameters
from contracts.errors import OVER_SWING
from contracts.framework.context import Context, Moved, watches_accounts
from contracts.framework.parameters import parameters_of
from contracts.framework.party import PARTY
from contracts.framework.posting import owner_of
from ledger.errors import CodedError
from ledger.state import State

_CHOSEN = frozenset({"payment", "mandate"})
"""Classes of operations whose payments somebody chooses to make."""


def position_of(state: State, country: str) -> StatePosition:
    """A state's position; zero before anything happened."""
    return state.get(STATE_POSITION, country) or StatePosition(country)


def swing_of(state: State, country: str) -> int:
    """The most that a state's net position may be on either side; 0 for no limit."""
    limits = state.get(STATE_LIMITS, country)
    if limits is not None and limits.swing is not None:
        return limits.swing
    return parameters_of(state, CurrencyParameters).swing


def home_of(state: State, owner: str) -> str:
    """The state that money counts for: a member's home, a country itself, ``""`` for none.

    The joint fund's own accounts are no state's.
    """
    party = state.get(PARTY, owner)
    if party is not None:
        return party.profile.home
    return owner if owner in COUNTRIES else ""


@watches_accounts
def keep_positions(ctx: Context, moved: list[Moved]) -> None:
    """Add what moved between states to their positions.

    Raises ``OVER_SWING`` for a payment of the author's choice that passes a limit.
    """
    changes: dict[str, int] = {}
    chosen = False
    state = ctx.state
    for account, kind, before, after in moved:
        if kind.money or kind is ISSUED:
            home = home_of(state, owner_of(account))
            changes[home] = changes.get(home, 0) + after - before
            if after < before and kind is AVAIL:
                chosen = ctx.policy in _CHOSEN
    if len(changes) > 1:
        for country, change in changes.items():
            if change and country:
                move_position(ctx, country, change, refuse=chosen)


def move_position(ctx: Context, country: str, change: int, *, refuse: bool) -> None:
    """Change a state's net position; raises ``OVER_SWING`` if it is to be refused beyond."""
    position = position_of(ctx.state, country)
    net = position.net + change
    limit = swing_of(ctx.state, country)
    over_since = 0
    if limit and abs(net) > limit:
        if refuse and abs(net) > abs(position.net):
            raise CodedError(
                OVER_SWING,
                f"the net position of {country} is {position.net}, with this it would be {net}; "
                f"its limit is {limit} on either side (minor units)",
            )
        over_since = position.over_since or ctx.time
        if not position.over_since:
            ctx.emit(SwingExceeded(country, abs(net), limit))
    ctx.put(STATE_POSITION, StatePosition(country, net, position.lines, over_since), country)


def review_position(ctx: Context, country: str) -> None:
    """Mark a state as over its limit or not after the limit changed."""
    if ctx.get(STATE_POSITION, country) is not None:
        move_position(ctx, country, 0, refuse=False)
