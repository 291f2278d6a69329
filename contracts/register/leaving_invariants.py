"""What is true of conduct and leaving after every block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from contracts.accounts import AVAIL
from contracts.capacity import STANDSTILL
from contracts.framework.capability import invariant
from contracts.framework.machine import Machine
from contracts.framework.party import PARTY, Role, Standing, holder
from contracts.framework.posting import balance_of, balances, kind_of, owner_of
from contracts.register.conduct_records import APPEAL, FINDING, OPEN_APPEAL, PROGRAMME_TABLE
from contracts.register.deviation import Deviation, deviation, nothing_produced
from contracts.register.leaving_records import (
    LOSS,
    OPEN_SUCCESSION,
    OPEN_WITHDRAWAL,
    RUN_OFF,
    SHARING_TABLE,
    SUCCESSION,
    WINDUP,
    WITHDRAWAL,
    SharingState,
)
from ledger.state import State, Table


@invariant("deviations-are-exact", 12)
def deviations_are_exact(state: State) -> Iterator[str]:
    """Every judged quarter's deviation is that of its plan and its quantities."""
    for _, plan in state.scan(PROGRAMME_TABLE):
        if plan.level is None:
            continue
        found = deviation(plan.lines, plan.actuals) if plan.actuals else None
        expected = found or nothing_produced(plan.lines)
        if Deviation(plan.off, plan.planned) != expected:
            yield f"{plan.lei} {plan.quarter.words}: {plan.off}/{plan.planned} is recorded"


@invariant("one-open-at-a-time", 12)
def one_open_at_a_time(state: State) -> Iterator[str]:
    """A party has one open finding, appeal and succession at most, a state one withdrawal."""
    yield from _indexed_once(state, FINDING, lambda r: r.lei, None)
    yield from _indexed_once(state, APPEAL, lambda r: r.lei, OPEN_APPEAL)
    yield from _indexed_once(state, SUCCESSION, lambda r: r.lei, OPEN_SUCCESSION)
    yield from _indexed_once(state, WITHDRAWAL, lambda r: r.country, OPEN_WITHDRAWAL)


def _indexed_once(
    state: State, machine: Machine[Any], whose: Any, index: Table[Any] | None
) -> Iterator[str]:
    owners = [
        whose(record) for _, record in state.scan(machine.table) if not machine.is_end(record.state)
    ]
    if len(set(owners)) != len(owners):
        yield f"somebody has two open objects of {machine.name}"
    if index is not None:
        if sum(1 for _ in state.scan(index)) != len(owners):
            yield f"the index of open objects of {machine.name} differs from them"
        for owner in owners:
            if state.get(index, owner) is None:
                yield f"{machine.name} of {owner} is open and not in its index"


@invariant("appeals-stay-exclusions", 12)
def appeals_stay_exclusions(state: State) -> Iterator[str]:
    """Who waits for a ruling on its exclusion is excluded, and not in run-off."""
    for key, _ in state.scan(OPEN_APPEAL):
        lei = key[len(OPEN_APPEAL.prefix) :].split(b"\0", 1)[0].decode()
        party = state.get(PARTY, lei)
        if party is None or party.state is not Standing.EXCLUDED:
            yield f"{lei} appeals and is not excluded"


@invariant("run-off-raises-nothing", 14)
def run_off_raises_nothing(state: State) -> Iterator[str]:
    """In a run-off nobody overdraws further or holds an office."""
    for _, party in state.scan(PARTY):
        if party.state is not Standing.RUN_OFF:
            continue
        run = state.get(RUN_OFF, party.lei)
        avail = balance_of(state, AVAIL.of(party.lei))
        if run is None:
            yield f"{party.lei} is in run-off, which nothing records"
        elif avail < min(0, run.floor):
            yield f"{party.lei} stands at {avail} and began its run-off at {run.floor}"
        if party.offices:
            yield f"{party.lei} is in run-off and holds offices"


@invariant("losses-add-up", 2, 14)
def losses_add_up(state: State) -> Iterator[str]:
    """Each loss is the sum of its layers, and what is left of it is in the books and no more."""
    pools: dict[str, int] = {}
    overdrawn: dict[str, int] = {}
    for _, loss in state.scan(SHARING_TABLE):
        name = loss.id.hex()[:16]
        layers = loss.own + loss.contribution + loss.guarantor_paid + loss.fund + loss.others
        if layers + loss.loss != loss.owed + loss.overdrawn:
            yield f"loss {name}: {layers} + {loss.loss} for {loss.owed} + {loss.overdrawn}"
        if loss.paid + loss.written_off > loss.owed:
            yield f"loss {name}: more was settled than was owed"
        if loss.state is SharingState.SHARING:
            pools[loss.lei] = loss.pool - loss.paid
        elif loss.paid + loss.returned != loss.pool:
            yield f"loss {name}: {loss.paid} paid and {loss.returned} returned of {loss.pool}"
        home = state.get(PARTY, loss.lei)
        if home is not None:
            uncovered = loss.overdrawn - (layers - loss.own)
            country = home.profile.home
            overdrawn[country] = overdrawn.get(country, 0) + max(0, uncovered)
    held = {
        owner_of(account): balance.amount
        for account, _, balance in balances(state)
        if kind_of(account) is WINDUP and balance.amount
    }
    if held != {lei: amount for lei, amount in pools.items() if amount}:
        yield "money set aside for creditors differs from the losses that are being shared"
    booked = -sum(b.amount for account, _, b in balances(state) if kind_of(account) is LOSS)
    if booked != sum(overdrawn.values()):
        yield f"losses of {sum(overdrawn.values())} are recorded, {booked} is booked"


@invariant("withdrawing-states-stand-still", 12)
def withdrawing_states_stand_still(state: State) -> Iterator[str]:
    """A withdrawing state's guarantor promises nothing new, and nobody else is barred."""
    barred = {still.country for _, still in state.scan(STANDSTILL)}
    leaving = {
        record.country
        for _, record in state.scan(WITHDRAWAL.table)
        if not WITHDRAWAL.is_end(record.state)
    }
    if barred != leaving:
        yield f"barred are {sorted(barred)}, withdrawing {sorted(leaving)}"
    for country in sorted(leaving):
        if holder(state, Role.GUARANTOR, country) is None:
            yield f"{country} withdraws without a guarantor"


LEAVING_INVARIANTS = (
    deviations_are_exact,
    one_open_at_a_time,
    appeals_stay_exclusions,
    run_off_raises_nothing,
    losses_add_up,
    withdrawing_states_stand_still,
)
