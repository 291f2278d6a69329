"""What people ask about conduct and leaving. Reads only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from contracts.accounts import AVAIL, CONTRIBUTION
from contracts.currency.debts import debts_to
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.parameters import parameters_of
from contracts.framework.party import Party, party_of
from contracts.framework.posting import balance_of
from contracts.register.conduct_records import (
    APPEAL_TABLE,
    FINDING_TABLE,
    OPEN_APPEAL,
    PROGRAMME_TABLE,
    Appeal,
    Finding,
    Programme,
)
from contracts.register.leaving_records import (
    RUN_OFF,
    SHARING_TABLE,
    SUCCESSION_TABLE,
    WITHDRAWAL_TABLE,
    LeavingParameters,
    Sharing,
    Succession,
    Withdrawal,
)
from contracts.register.runoff import owed_by
from contracts.register.withdrawal import residents, ties
from ledger.state import State


def programmes_of(state: State, lei: str) -> list[Programme]:
    """A member's programmes, the newest quarter first; each has its deviation and level."""
    return [plan for _, plan in state.scan(PROGRAMME_TABLE, lei)][::-1]


def findings_of(state: State, lei: str) -> list[Finding]:
    """Findings against a member, the newest quarter first."""
    found = [finding for _, finding in state.scan(FINDING_TABLE) if finding.lei == lei]
    return sorted(found, key=lambda finding: -finding.quarter.index)


def appeal_of(state: State, lei: str) -> Appeal | None:
    """A party's appeal that waits for the tribunal, or None."""
    entry = state.get(OPEN_APPEAL, lei)
    return None if entry is None else state.get(APPEAL_TABLE, entry.appeal)


class RunOffReport(NamedTuple):
    """How far a run-off is; amounts in minor units, times in ms.

    ``losses_from`` is when what is still owed is shared out as a loss.
    """

    party: Party
    began: int
    losses_from: int
    money: int
    contribution: int
    owes: int
    is_owed: int
    losses: tuple[Sharing, ...]


def run_off_of(state: State, lei: str) -> RunOffReport | None:
    """A party's newest run-off, or None if it never had one. Raises ``UNKNOWN_PARTY``."""
    run = state.get(RUN_OFF, lei)
    party = party_of(state, lei)
    if run is None:
        return None
    days = parameters_of(state, LeavingParameters).loss_days
    return RunOffReport(
        party,
        run.began,
        run.began + days * MS_PER_DAY,
        balance_of(state, AVAIL.of(lei)),
        balance_of(state, CONTRIBUTION.of(lei)),
        owed_by(state, lei),
        sum(debt.remaining for debt in debts_to(state, lei)),
        tuple(loss for loss in losses(state) if loss.lei == lei),
    )


def losses(state: State) -> Iterator[Sharing]:
    """Every loss that was ever determined, layer by layer."""
    for _, loss in state.scan(SHARING_TABLE):
        yield loss


def successions(state: State) -> Iterator[Succession]:
    """Every succession that was ever proposed."""
    for _, succession in state.scan(SUCCESSION_TABLE):
        yield succession


class WithdrawalReport(NamedTuple):
    """A state's withdrawal, who has to find a new home, and in words what still binds it."""

    withdrawal: Withdrawal
    residents: tuple[str, ...]
    ties: tuple[str, ...]


def withdrawals(state: State) -> Iterator[WithdrawalReport]:
    """Every withdrawal that was ever announced."""
    for _, found in state.scan(WITHDRAWAL_TABLE):
        if found.state.value in {"complete", "cancelled"}:
            yield WithdrawalReport(found, (), ())
        else:
            leaving = tuple(party.lei for party in residents(state, found))
            yield WithdrawalReport(found, leaving, tuple(ties(state, found)))
