"""The explorer's pages, in the order of the navigation. Naming a module here puts it in place."""

from __future__ import annotations

from typing import Final

from node.explorer.pages import (
    accounts,
    blocks,
    members,
    objects,
    transactions,
    verify,
)
from node.explorer.site import Page

PAGES: Final[tuple[Page, ...]] = (
    *blocks.PAGES,
    *transactions.PAGES,
    *members.PAGES,
    *accounts.PAGES,
    *objects.PAGES,
    *verify.PAGES,
)
