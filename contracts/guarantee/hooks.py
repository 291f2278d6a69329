"""What the contract behind a guarantee does when something happens to the guarantee.

A capability whose contracts are secured by guarantees gives its contracts a *kind* and registers
rules for it. A guarantee names its contract as :class:`~contracts.guarantee.records.Underlying`
``(kind, id)``. Rules run inside the same transaction or deadline and must not refuse without need:
a payment that falls due by time has nobody to correct it.

    @on_payment("barter")
    def claim_passes(ctx, guarantee, payment) -> int:
        ...                      # move the beneficiary's goods claim to guarantee.guarantor
        return amount_in_goods   # at most payment.amount; the rest becomes a debt to the guarantor
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final, TypeVar

from contracts.errors import INVALID_TERMS
from contracts.framework.context import Context
from contracts.guarantee.records import Guarantee, Payment, Subrogation
from ledger.errors import CodedError

INDEPENDENT: Final = "none"
"""The kind of a guarantee with no contract of this ledger behind it."""


class Change(StrEnum):
    """What happened to a guarantee, for :func:`on_change`."""

    ISSUED = "issued"
    AMENDED = "amended"
    REDUCED = "reduced"
    DEMANDED = "demanded"
    REJECTED = "rejected"
    PAID = "paid"
    ENDED = "ended"
    """Released, expired, or paid in full."""


Link = Callable[[Context, bytes, str, str], None]
"""``rule(ctx, id, applicant, beneficiary)`` raises unless that contract is theirs and open."""
Pass = Callable[[Context, Guarantee, Payment], int]
"""Moves the beneficiary's claim to the guarantor; returns how much of it is a claim in goods."""
Recover = Callable[[Context, Guarantee, Subrogation, int], None]
"""Takes that much of the guarantor's goods claim away, because a debt replaces it."""
React = Callable[[Context, Guarantee, Change], None]
Support = Callable[[Context, Guarantee, int], int]
"""Pays the beneficiary up to the amount that the guarantor lacks; returns what it paid."""

_LINKS: dict[str, Link] = {}
_PASSES: dict[str, Pass] = {}
_RECOVERIES: dict[str, Recover] = {}
_REACTIONS: dict[str, list[React]] = {}
_SUPPORT: list[Support] = []

Rule = TypeVar("Rule")


def _once(rules: dict[str, Rule], kind: str, what: str) -> Callable[[Rule], Rule]:
    def register(rule: Rule) -> Rule:
        if kind in rules:
            raise ValueError(f"{what} of {kind!r} has two rules")
        rules[kind] = rule
        return rule

    return register


def on_link(kind: str) -> Callable[[Link], Link]:
    """Declare who may have a guarantee drafted for a contract of a kind."""
    return _once(_LINKS, kind, "the link")


def on_payment(kind: str) -> Callable[[Pass], Pass]:
    """Declare how a paid beneficiary's claim passes to the guarantor (subrogation)."""
    return _once(_PASSES, kind, "a payment")


def on_recovery(kind: str) -> Callable[[Recover], Recover]:
    """Declare how a passed goods claim shrinks when the guarantor elects cash."""
    return _once(_RECOVERIES, kind, "a recovery")


def on_change(kind: str) -> Callable[[React], React]:
    """Declare what else a contract does when its guarantee changes; several rules may."""

    def register(rule: React) -> React:
        _REACTIONS.setdefault(kind, []).append(rule)
        return rule

    return register


def on_shortfall(rule: Support) -> Support:
    """Declare who pays a beneficiary what its guarantor lacks: ``rule(ctx, guarantee, lacking)``.

    Asked only when a payment falls due by time, after the guarantor's money and collateral.
    """
    _SUPPORT.append(rule)
    return rule


def check_link(ctx: Context, kind: str, id: bytes | None, applicant: str, beneficiary: str) -> None:
    """Raise ``INVALID_TERMS`` or the kind's own refusal unless a guarantee may name a contract."""
    if kind == INDEPENDENT:
        if id is not None:
            raise CodedError(
                INVALID_TERMS, "an independent guarantee names no contract", field="underlying.id"
            )
        return
    rule = _LINKS.get(kind)
    if rule is None or id is None:
        kinds = ", ".join((INDEPENDENT, *sorted(_LINKS)))
        raise CodedError(
            INVALID_TERMS,
            f"a guarantee names a contract of a known kind by its id; known kinds: {kinds}",
            field="underlying",
        )
    rule(ctx, id, applicant, beneficiary)


def pass_claim(ctx: Context, guarantee: Guarantee, payment: Payment) -> int:
    """Have the claim behind a guarantee pass; the part that is a claim in goods, minor units."""
    rule = _PASSES.get(guarantee.underlying.kind)
    in_goods = 0 if rule is None else rule(ctx, guarantee, payment)
    if not 0 <= in_goods <= payment.amount:
        raise ValueError("no more than what was paid passes to the guarantor")
    return in_goods


def recover_claim(
    ctx: Context, guarantee: Guarantee, subrogation: Subrogation, amount: int
) -> None:
    """Have a passed goods claim shrink by ``amount``."""
    rule = _RECOVERIES.get(guarantee.underlying.kind)
    if rule is not None:
        rule(ctx, guarantee, subrogation, amount)


def tell(ctx: Context, guarantee: Guarantee, change: Change) -> None:
    """Tell the contract behind a guarantee what happened."""
    for rule in _REACTIONS.get(guarantee.underlying.kind, ()):
        rule(ctx, guarantee, change)


def support(ctx: Context, guarantee: Guarantee, lacking: int) -> int:
    """What supporters paid the beneficiary of ``lacking`` minor units."""
    paid = 0
    for rule in _SUPPORT:
        if paid < lacking:
            paid += rule(ctx, guarantee, lacking - paid)
    if not 0 <= paid <= lacking:
        raise ValueError("support pays no more than what is lacking")
    return paid
