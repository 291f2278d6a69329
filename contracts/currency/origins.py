"""What the contract that a debt comes from has to say about it.

A capability that creates debts with an origin of its own may register a rule for that origin: where
payments go, and what it does when some of the debt is extinguished or the debt changes sides.

    @follows_debts("fund.loan")
    class Loans(Follower): ...
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from contracts.accounts import AVAIL
from contracts.currency.records import PaymentRequest
from contracts.framework.context import Context
from ledger.state import State


class Follower:
    """The rules for debts of one origin; those here are the ordinary ones."""

    @staticmethod
    def payee(state: State, debt: PaymentRequest) -> str:
        """The account that payments of a debt go to."""
        return AVAIL.of(debt.creditor)

    @staticmethod
    def reduced(ctx: Context, before: PaymentRequest, amount: int, how: str) -> None:
        """``amount`` minor units of a debt were extinguished; a refusal undoes it."""

    @staticmethod
    def passed(ctx: Context, before: PaymentRequest, successor: bytes) -> None:
        """The rest of a debt goes on as another debt, between other parties."""

    @staticmethod
    def merged(ctx: Context, before: PaymentRequest) -> None:
        """The rest of a debt ended because creditor and debtor became one party."""


_FOLLOWERS: Final[dict[str, type[Follower]]] = {}
F = TypeVar("F", bound=type[Follower])


def follows_debts(origin: str) -> Callable[[F], F]:
    """Declare the rules for debts of an origin."""

    def register(follower: F) -> F:
        if origin in _FOLLOWERS:
            raise ValueError(f"debts of {origin!r} have two followers")
        _FOLLOWERS[origin] = follower
        return follower

    return register


def follower_of(debt: PaymentRequest) -> type[Follower]:
    """The rules for a debt."""
    return _FOLLOWERS.get(debt.origin, Follower)


def is_followed(debt: PaymentRequest) -> bool:
    """Whether the rules for a debt are others than the ordinary ones."""
    return debt.origin in _FOLLOWERS
