"""Questions about netting, for wallets, solvers and auditors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from contracts.currency.debts import debts_by, debts_to
from contracts.currency.records import DUE
from contracts.framework.parameters import parameters_of
from contracts.netting.records import (
    ARC_PAGE,
    CURRENT,
    CYCLE_TABLE,
    MANDATE,
    ArcPage,
    Cycle,
    NettingParameters,
)
from contracts.netting.snapshot import member_pages
from ledger.state import State


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
    """The snapshot of a cycle that is frozen and not yet applied."""
    pages = list(member_pages(state, cycle))
    weight = parameters_of(state, NettingParameters).overdue_weight
    return Snapshot(
        cycle,
        [page.members for page in pages],
        [page.money for page in pages],
        [page for _, page in state.scan(ARC_PAGE, cycle.id)],
        (1, weight),
    )


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
