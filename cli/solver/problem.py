"""What a clearing solver gets and gives, as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.netting.operations import PostFlows, PostPotentials, Propose, Seal
from contracts.netting.views import Snapshot

Operations = Propose | PostFlows | PostPotentials | Seal


@dataclass(frozen=True, slots=True)
class Problem:
    """Who owes whom: arc ``i`` is ``amounts[i]`` from ``debtors[i]`` to ``creditors[i]``.

    Members are numbered from 0; ``money`` is what each set aside. Amounts are in minor units,
    ``weights`` say how much clearing a unit of an arc counts.
    """

    money: Sequence[int]
    debtors: Sequence[int]
    creditors: Sequence[int]
    amounts: Sequence[int]
    weights: Sequence[int]

    @property
    def members(self) -> int:
        """How many members there are."""
        return len(self.money)


@dataclass(frozen=True, slots=True)
class Clearing:
    """How much of each arc is cleared, and the certificate that nothing better exists.

    Potentials are by member and at least 0; ``liquidity`` is the potential of money.
    """

    flows: list[int]
    potentials: list[int]
    liquidity: int

    @property
    def cleared(self) -> int:
        """What is cleared in all, in minor units."""
        return sum(self.flows)


def problem_of(snapshot: Snapshot) -> Problem:
    """The problem that a frozen cycle poses."""
    plain, overdue = snapshot.weights
    return Problem(
        money=[amount for page in snapshot.money for amount in page],
        debtors=[v for page in snapshot.arcs for v in page.debtors],
        creditors=[v for page in snapshot.arcs for v in page.creditors],
        amounts=[v for page in snapshot.arcs for v in page.amounts],
        weights=[overdue if late else plain for page in snapshot.arcs for late in page.overdue],
    )


def proposal_of(snapshot: Snapshot, clearing: Clearing) -> list[Operations]:
    """The operations that post a clearing, in order; one transaction carries several of them."""
    cycle = snapshot.cycle
    found: list[Operations] = [Propose(cycle.id, cycle.snapshot, clearing.liquidity)]
    at = 0
    for number, members in enumerate(snapshot.members):
        values = tuple(clearing.potentials[at : at + len(members)])
        found.append(PostPotentials(cycle.id, number, values))
        at += len(members)
    at = 0
    for number, arcs in enumerate(snapshot.arcs):
        flows = tuple(clearing.flows[at : at + len(arcs.amounts)])
        found.append(PostFlows(cycle.id, number, flows))
        at += len(arcs.amounts)
    return [*found, Seal(cycle.id)]


BYTES_OF_A_NUMBER = 9
"""The longest encoding of an integer in a transaction."""


def transactions_of(
    operations: Sequence[Operations], *, most_bytes: int = 60_000, most: int = 64
) -> list[list[Operations]]:
    """Operations gathered into as few transactions as the ledger's limits allow, in order."""
    found: list[list[Operations]] = []
    room = 0
    for op in operations:
        numbers = op.flows if isinstance(op, PostFlows) else ()
        numbers = op.potentials if isinstance(op, PostPotentials) else numbers
        size = 128 + BYTES_OF_A_NUMBER * len(numbers)
        if size > room or len(found[-1]) == most:
            found.append([])
            room = most_bytes
        found[-1].append(op)
        room -= size
    return found
