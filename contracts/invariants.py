"""The sixteen invariants that an auditor checks, each by its number.

Composed from the capabilities' own invariants, which look at one state, and from
:mod:`contracts.history`, which looks at receipts and at executing them again. Run by the stateful
tests after every step, by the simulator after every block, and by ``iic audit invariants``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

from contracts.framework.capability import Invariant
from contracts.registry import CAPABILITIES
from ledger.state import State


class Finding(NamedTuple):
    """A violation: the invariant's number, the check that found it, and what is wrong, in words."""

    number: int
    check: str
    what: str

    def __str__(self) -> str:
        return f"invariant {self.number} ({self.check}): {self.what}"


@dataclass(frozen=True)
class Promise:
    """One of the sixteen: its number, its name, what it says.

    ``history`` says in words what of it can only be seen in receipts or by replay; empty if a
    state shows all of it.
    """

    number: int
    name: str
    says: str
    history: str = ""

    @cached_property
    def checks(self) -> tuple[tuple[str, Invariant], ...]:
        """The capabilities' invariants that it consists of, each with its full name."""
        return tuple(
            (f"{capability.name}/{found.name}", found)
            for capability in CAPABILITIES
            for found in capability.invariants
            if self.number in found.numbers
        )

    def broken(self, state: State) -> Iterator[Finding]:
        """Every violation of it that a state shows."""
        for name, check in self.checks:
            for what in check.check(state):
                yield Finding(self.number, name, what)


PROMISES: Final = (
    Promise(
        1,
        "books balance",
        "Every transaction balances per unit, money, goods value and memo separately, in integers.",
        "each receipt's postings sum to zero per unit",
    ),
    Promise(
        2,
        "money is conserved",
        "Members' money equals what was issued and not redeemed, plus credit drawn.",
    ),
    Promise(
        3,
        "credit and guarantees stay within cover",
        "Balances keep to their lines, lines to cover, covers to capacity, states to their swing.",
    ),
    Promise(4, "issue keeps to the reserve", "Per state, outstanding issue ≤ attested reserve."),
    Promise(
        5,
        "held money has its reasons",
        "Held money equals what is open: escrows, redemptions, freezes, tranches.",
    ),
    Promise(
        6,
        "claims mirror debts",
        "A creditor's claims, its debtor's debts and the open invoices are equal, each ended once.",
    ),
    Promise(
        7,
        "netting clears what is owed",
        "Flows keep to obligations, are conserved at every member, and leave nothing in clearing.",
        "each cycle ends once",
    ),
    Promise(
        8,
        "goods claims mirror goods owed",
        "Per contract, claims equal deliveries owed: accepted components less what ended, ≥ 0.",
    ),
    Promise(
        9,
        "no claim ends for more than it was",
        "Cleared, delivered, paid by guarantee and awarded together never exceed a claim.",
    ),
    Promise(
        10,
        "guarantees add up",
        "Paid, reduced and remaining equal issued and increased; each payment meets a demand.",
        "each demand is paid once",
    ),
    Promise(
        11,
        "payments subrogate once",
        "Every guarantee payment passes exactly one claim to the guarantor.",
        "each payment is told once",
    ),
    Promise(
        12,
        "nothing skips a step",
        "Every state has a legal predecessor; keys are authorised; no voter is in conflict.",
        "each object moves along its machine, and each transaction is authorised at its height",
    ),
    Promise(
        13,
        "each time limit fires once",
        "Deadlines follow block time and the pinned calendar, and each fires once.",
        "no deadline or transaction has two receipts, and each deadline fires when it is due",
    ),
    Promise(
        14,
        "the system is closed",
        "Only members hold balances, and a run-off raises no exposure.",
    ),
    Promise(
        15,
        "awards execute once",
        "A ruling is carried out exactly once; mediation precedes arbitration unless waived.",
        "each ruling is told once",
    ),
    Promise(
        16,
        "replay agrees",
        "Replay from genesis reproduces every receipt, root and balance.",
        "postings rebuild every balance, and executing every block again gives the same bytes",
    ),
)
"""The list of the sixteen, in the order of their numbers."""


def promise(number: int) -> Promise:
    """The invariant of a number from 1 to 16."""
    return PROMISES[number - 1]


def broken(state: State) -> Iterator[Finding]:
    """Every violation that a state shows; a check of several numbers is run, and told, once."""
    for capability in CAPABILITIES:
        for found in capability.invariants:
            for what in found.check(state):
                yield Finding(found.numbers[0], f"{capability.name}/{found.name}", what)
