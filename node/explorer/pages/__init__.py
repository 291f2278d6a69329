"""The explorer's pages, in the order of the navigation. Naming a module here puts it in place."""

from __future__ import annotations

from typing import Final

from node.explorer.pages import (
    accounts,
    alarms,
    annexes,
    blocks,
    contracts,
    disputes,
    fund,
    governance,
    guarantees,
    market,
    members,
    money,
    netting,
    nodes,
    objects,
    overview,
    search,
    transactions,
    verify,
)
from node.explorer.site import Page

PAGES: Final[tuple[Page, ...]] = (
    *overview.PAGES,
    *blocks.PAGES,
    *transactions.PAGES,
    *members.PAGES,
    *accounts.PAGES,
    *contracts.PAGES,
    *guarantees.PAGES,
    *disputes.PAGES,
    *market.PAGES,
    *annexes.PAGES,
    *money.PAGES,
    *netting.PAGES,
    *fund.PAGES,
    *governance.PAGES,
    *nodes.PAGES,
    *objects.PAGES,
    *alarms.PAGES,
    *search.PAGES,
    *verify.PAGES,
)
