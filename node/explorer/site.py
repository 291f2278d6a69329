"""What the explorer consists of: one declaration per page, in groups for the navigation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from node.explorer.language import msg
from node.explorer.table import Table

if TYPE_CHECKING:
    from node.explorer.view import View

Render = Callable[["View"], dict[str, Any]]


class Elsewhere(Exception):
    """Raised while a page is rendered: the reader is sent to ``path`` in the same language."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class Group(Enum):
    """Groups of the navigation, in their order."""

    LEDGER = msg("Ledger")
    MEMBERS = msg("Members")
    TRADE = msg("Trade")
    MONEY = msg("Money")
    RULE = msg("Governance")


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its path in Starlette's form, without the language.

    ``render`` gives the values of ``template``; ``title`` among them replaces the declared one.
    ``group`` puts the page in the navigation; a page about one object has none, and ``parent`` is
    the path of the list that it belongs to. ``tables`` are those that can be downloaded. ``live``
    pages are fetched again when a block arrives. ``shows`` names the machine whose objects the page
    is about; its path then ends in ``{id}``, and every link to such an object leads to it. What a
    ``private`` page shows depends on the browser, so it is never stored.
    """

    path: str
    title: str
    render: Render
    template: str
    group: Group | None = None
    parent: str = ""
    tables: tuple[Table[Any], ...] = ()
    live: bool = False
    shows: str = ""
    private: bool = False
