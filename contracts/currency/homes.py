"""A member's money counts for the state that vouches for it, so positions follow its home."""

from __future__ import annotations

from msgspec import structs

from contracts.currency.line_records import STATE_POSITION
from contracts.currency.positions import position_of, review_position
from contracts.framework.context import Context
from contracts.framework.posting import Unit, accounts_of, kind_of
from contracts.register.hooks import on_home_change


@on_home_change
def money_counts_elsewhere(ctx: Context, lei: str, before: str, after: str) -> None:
    """Move a member's money from one state's position to another's; limits do not refuse it."""
    total = sum(
        balance.amount
        for account, unit, balance in accounts_of(ctx.state, lei)
        if unit is Unit.SCU and kind_of(account).money
    )
    for country, change in ((before, -total), (after, total)):
        if change:
            position = position_of(ctx.state, country)
            moved = structs.replace(position, net=position.net + change)
            ctx.put(STATE_POSITION, moved, country)
            review_position(ctx, country)
