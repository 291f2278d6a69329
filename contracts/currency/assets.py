"""What can be exchanged against money besides money: the kinds, and who adds them.

A capability whose claims may change hands registers their kind; an exchange then moves them
together with money, all or nothing:

    @asset_kind("goods claim")
    def deliver(ctx, giver, taker, asset, amount): ...    # pass the claim, or raise

The giver has signed. A kind that needs more consents names them with ``consents(state, asset)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from contracts.accounts import AVAIL
from contracts.currency.debts import debt_of, outstanding, pass_debt, require_unfrozen
from contracts.errors import INVALID_TERMS, NOT_ENTITLED, NOT_FOUND, UNKNOWN_ASSET
from contracts.framework.context import Context
from contracts.framework.posting import Unit
from ledger.errors import CodedError
from ledger.state import State

MONEY: Final = "money"
DEBT: Final = "debt"

Delivery = Callable[[Context, str, str, bytes, int], None]
"""``rule(ctx, giver, taker, asset, amount)`` moves it or raises."""
Consents = Callable[[State, bytes], tuple[str, ...]]


class Leg(Protocol):
    """One side's delivery, as operations state it."""

    @property
    def giver(self) -> str:
        """Who gives."""
        ...

    @property
    def taker(self) -> str:
        """Who gets it."""
        ...

    @property
    def kind(self) -> str:
        """What."""
        ...

    @property
    def amount(self) -> int:
        """How much, in minor units."""
        ...

    @property
    def asset(self) -> bytes | None:
        """Which one; None for money."""
        ...


class AssetKind(NamedTuple):
    """How a kind of claims changes hands."""

    deliver: Delivery
    consents: Consents


_KINDS: dict[str, AssetKind] = {}


def _no_consents(state: State, asset: bytes) -> tuple[str, ...]:
    return ()


def asset_kind(name: str, *, consents: Consents = _no_consents) -> Callable[[Delivery], Delivery]:
    """Declare a kind of assets that exchanges may move."""

    def register(rule: Delivery) -> Delivery:
        if name in _KINDS or name == MONEY:
            raise ValueError(f"assets of kind {name!r} have two rules")
        _KINDS[name] = AssetKind(rule, consents)
        return rule

    return register


def consents_of(state: State, leg: Leg) -> tuple[str, ...]:
    """Who besides the giver has to sign a leg; nobody for a kind that does not exist."""
    kind = _KINDS.get(leg.kind)
    return () if kind is None or leg.asset is None else kind.consents(state, leg.asset)


def worth_of(leg: Leg) -> int:
    """What a leg counts for in its giver's signing policy, in minor units."""
    return leg.amount


def deliver(ctx: Context, leg: Leg, where: str) -> None:
    """Move one leg. Raises ``UNKNOWN_ASSET``, ``INVALID_TERMS`` or what its kind raises."""
    if leg.kind == MONEY and leg.asset is None:
        ctx.post(Unit.SCU, AVAIL.of(leg.giver), AVAIL.of(leg.taker), leg.amount)
        return
    kind = _KINDS.get(leg.kind)
    if kind is None or leg.asset is None:
        kinds = ", ".join((MONEY, *sorted(_KINDS)))
        raise CodedError(
            UNKNOWN_ASSET,
            f"a leg is of a known kind and names its asset unless it is money; kinds: {kinds}",
            field=f"{where}.kind",
        )
    kind.deliver(ctx, leg.giver, leg.taker, leg.asset, leg.amount)


@asset_kind(DEBT)
def deliver_debt(ctx: Context, giver: str, taker: str, asset: bytes, amount: int) -> None:
    """A creditor passes a debt on, whole; the debtor is told."""
    debt = debt_of(ctx.state, asset)
    if debt is None:
        raise CodedError(NOT_FOUND, "there is no such debt")
    if debt.creditor != giver:
        raise CodedError(NOT_ENTITLED, "only the creditor may pass a debt on")
    require_unfrozen(ctx.state, debt)
    if amount != outstanding(ctx.state, asset):
        raise CodedError(
            INVALID_TERMS,
            f"a debt passes whole: {outstanding(ctx.state, asset)} (minor units) remains of it",
        )
    if taker == debt.debtor:
        raise CodedError(INVALID_TERMS, "a debtor pays its debt instead of taking it over")
    pass_debt(ctx, asset, creditor=taker)
