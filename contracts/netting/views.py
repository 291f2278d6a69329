"""Questions about netting, for wallets, solvers and auditors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeVar

from contracts.currency.debts import debts_by, debts_to
from contracts.currency.records import DUE
from contracts.errors import NOT_FOUND
from contracts.framework.parameters import parameters_of
from contracts.netting.records import (
    ARC_PAGE,
    CURRENT,
    CYCLE_TABLE,
    MANDATE,
    MEMBER_PAGE,
    ArcPage,
    Cycle,
    NettingParameters,
)
from ledger.codec import Struct
from ledger.errors import CodedError
from ledger.state import State, Table

P = TypeVar("P", bound=Struct)


class Snapshot(NamedTuple):
    """A frozen cycle as a solver reads it: members and arcs by number, page by page.

    ``members`` and ``money`` are lists per page of members; ``weights`` what clearing counts for
    arcs that are not overdue and for those that are.
    """

    cycle: Cycle
    members: list[tuple[str, ...]]
    money: list[tuple[int, ...]]
    arcs: list[ArcPage]
    weights: tuple[int, int]


class Position(NamedTuple):
    """What a member owes and may claim, and how much of each could be netted (minor units)."""

    owes: int
    claims: int
    owes_nettable: int
    claims_nettable: int


def current_cycle(state: State) -> Cycle | None:
    """The cycle that has not ended, or None."""
    current = state.get(CURRENT)
    return None if current is None else state.get(CYCLE_TABLE, current.cycle)


def cycles(state: State) -> Iterator[Cycle]:
    """Every cycle there ever was, in order of ids."""
    for _, cycle in state.scan(CYCLE_TABLE):
        yield cycle


def snapshot_of(state: State, cycle: Cycle) -> Snapshot:
    """The snapshot of a cycle that is frozen and not yet applied, read page by page.

    Reads single records only, so a wallet can have each of them proven. Raises ``NOT_FOUND`` for a
    cycle that has none, or no longer.
    """
    members = [_page(state, MEMBER_PAGE, cycle, n) for n in range(cycle.member_pages)]
    arcs = [_page(state, ARC_PAGE, cycle, n) for n in range(cycle.pages)]
    weight = parameters_of(state, NettingParameters).overdue_weight
    return Snapshot(
        cycle,
        [page.members for page in members],
        [page.money for page in members],
        arcs,
        (1, weight),
    )


def _page(state: State, table: Table[P], cycle: Cycle, number: int) -> P:
    page = state.get(table, cycle.id, number)
    if page is None:
        raise CodedError(NOT_FOUND, f"page {number} of the snapshot is not there", field="cycle")
    return page


def position_of(state: State, member: str) -> Position:
    """A member's debts and claims, as a cycle that froze now would see them."""
    sums = [0, 0, 0, 0]
    for index, debts in enumerate((debts_by(state, member), debts_to(state, member))):
        for debt in debts:
            sums[index] += debt.remaining
            other = debt.creditor if index == 0 else debt.debtor
            both = all(state.get(MANDATE, lei) is not None for lei in (member, other))
            if both and debt.nettable and debt.state in DUE:
                sums[index + 2] += debt.remaining
    return Position(*sums)
