"""What other capabilities do when a party's standing changes, when it loses, and when another
takes its place.

The register knows none of them; they register rules here. Rules run inside the transaction or
deadline that changes the standing, so they must not refuse: what cannot happen now, they leave or
schedule.

    @on_standing_change
    def offers_fall_through(ctx, before, after):
        if not after.may(Right.OBLIGE):
            ...                               # no new obligations: withdraw open offers
        if after.state is Standing.RUN_OFF:
            ...                               # wind down

    @on_succession("currency")
    def debts_pass(ctx, old, new, limit) -> int:
        ...                                   # move up to ``limit`` objects; how many were moved

    @covers_losses
    def first_loss(ctx, loser, lacking) -> int:
        ...                                   # Dr fund / Cr loser.avail; how much was paid
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from contracts.framework.context import Context
from contracts.framework.party import Party
from ledger.state import State

React = Callable[[Context, Party, Party], None]
"""``rule(ctx, before, after)``: the party's record before and after the step."""
Succeed = Callable[[Context, str, str, int], int]
"""``rule(ctx, old, new, limit)``: LEIs; moves at most ``limit`` objects and returns how many.

A rule that moved fewer than ``limit`` has nothing left that could be moved now.
"""
Cover = Callable[[Context, str, int], int]
"""``rule(ctx, loser, lacking)``: pays up to ``lacking`` minor units into the loser's ``avail``."""
Tie = Callable[[State, str], Iterator[str]]
"""``rule(state, country)``: in words, what still binds a state that wants to withdraw."""

Rehome = Callable[[Context, str, str, str], None]
"""``rule(ctx, lei, before, after)``: another state vouches for a party from now on."""

Vacate = Callable[[Context, str], None]
"""``rule(ctx, lei)``: a party has just lost an office."""

_REACTIONS: Final[list[React]] = []
_VACANCIES: Final[list[Vacate]] = []
_REHOMES: Final[list[Rehome]] = []
_SUCCESSIONS: Final[dict[str, Succeed]] = {}
_COVERS: Final[list[Cover]] = []
_TIES: Final[list[Tie]] = []


def on_standing_change(rule: React) -> React:
    """Declare what else happens when a party's standing changes."""
    _REACTIONS.append(rule)
    return rule


def on_succession(name: str) -> Callable[[Succeed], Succeed]:
    """Declare how one kind of a party's open objects passes to its successor.

    Kinds pass in the order of their names.
    """

    def register(rule: Succeed) -> Succeed:
        if name in _SUCCESSIONS:
            raise ValueError(f"the succession in {name!r} has two rules")
        _SUCCESSIONS[name] = rule
        return rule

    return register


def covers_losses(rule: Cover) -> Cover:
    """Declare who bears a leaving member's loss after its guarantor: the fund's first loss."""
    _COVERS.append(rule)
    return rule


def binds_state(rule: Tie) -> Tie:
    """Declare what keeps a state's withdrawal from being complete."""
    _TIES.append(rule)
    return rule


def on_home_change(rule: Rehome) -> Rehome:
    """Declare what else happens when another state vouches for a party."""
    _REHOMES.append(rule)
    return rule


def on_office_end(rule: Vacate) -> Vacate:
    """Declare what else happens when a party loses an office."""
    _VACANCIES.append(rule)
    return rule


def tell_office_end(ctx: Context, lei: str) -> None:
    """Have every capability react to the end of an office."""
    for rule in _VACANCIES:
        rule(ctx, lei)


def tell_home(ctx: Context, lei: str, before: str, after: str) -> None:
    """Have every capability react to a party's new home state."""
    for rule in _REHOMES:
        rule(ctx, lei, before, after)


def tell_standing(ctx: Context, before: Party, after: Party) -> None:
    """Have every capability react to a change of standing."""
    for rule in _REACTIONS:
        rule(ctx, before, after)


def pass_objects(ctx: Context, old: str, new: str, limit: int) -> int:
    """Pass up to ``limit`` of a party's open objects to its successor; how many were passed."""
    passed = 0
    for _, rule in sorted(_SUCCESSIONS.items()):
        if passed < limit:
            passed += rule(ctx, old, new, limit - passed)
    return passed


def cover_loss(ctx: Context, loser: str, lacking: int) -> int:
    """What the registered layers paid of a loss, in minor units."""
    paid = 0
    for rule in _COVERS:
        if paid < lacking:
            paid += rule(ctx, loser, lacking - paid)
    if not 0 <= paid <= lacking:
        raise ValueError("a layer bears no more than what is lacking")
    return paid


def ties_of(state: State, country: str) -> Iterator[str]:
    """In words, everything that still binds a state."""
    for rule in _TIES:
        yield from rule(state, country)
