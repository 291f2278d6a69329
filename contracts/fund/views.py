"""Questions about the joint fund: what it has, what it owes and is owed, who waits for what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from contracts.framework.ballot import BALLOT_TABLE, OPEN_MOTION, Ballot
from contracts.framework.posting import balance_of, balances, kind_of
from contracts.fund.accounts import (
    THE_FIRST_LOSS,
    THE_LOAN_LOSS,
    THE_POOL,
    THE_PROVISION,
    TRANCHES,
)
from contracts.fund.applications import APPROVAL, tranches
from contracts.fund.firstloss import tally_of
from contracts.fund.loans import instalments
from contracts.fund.records import (
    APPLICATION_TABLE,
    DRAW,
    INSTALMENT_TABLE,
    PLEDGE,
    PLEDGE_TABLE,
    Application,
    ApplicationState,
    Draw,
    Instalment,
    InstalmentState,
    Pledge,
    PledgeState,
    Tally,
    Tranche,
)
from ledger.state import State


class Position(NamedTuple):
    """The fund at a glance, in minor units.

    ``pledged`` is promised and not called, ``called`` includes ``arrears``; ``loans`` are open
    instalments, of which ``provision`` is expected to be lost.
    """

    free: int
    held: int
    first_loss: int
    pledged: int
    called: int
    arrears: int
    loans: int
    provision: int
    losses: int
    tally: Tally


class Case(NamedTuple):
    """An application with everything that belongs to it; ``ballot`` is the open vote, if any."""

    application: Application
    tranches: tuple[Tranche, ...]
    instalments: tuple[Instalment, ...]
    ballot: Ballot | None


def position(state: State, *, held: int | None = None) -> Position:
    """What the fund has, is promised and is owed.

    ``held`` is what is held for milestones, if the caller knows; otherwise every account is read.
    """
    if held is None:
        held = sum(b.amount for a, _, b in balances(state) if kind_of(a) is TRANCHES)
    promised = dict.fromkeys(PledgeState, 0)
    for _, pledge in state.scan(PLEDGE_TABLE):
        promised[pledge.state] += pledge.amount
    arrears = promised[PledgeState.ARREARS]
    loans = sum(
        i.open for _, i in state.scan(INSTALMENT_TABLE) if i.state is not InstalmentState.REPAID
    )
    return Position(
        free=balance_of(state, THE_POOL),
        held=held,
        first_loss=balance_of(state, THE_FIRST_LOSS),
        pledged=promised[PledgeState.PLEDGED],
        called=promised[PledgeState.CALLED] + arrears,
        arrears=arrears,
        loans=loans,
        provision=balance_of(state, THE_PROVISION),
        losses=-balance_of(state, THE_LOAN_LOSS),
        tally=tally_of(state),
    )


def pledges(state: State, country: str = "", *, open_only: bool = False) -> Iterator[Pledge]:
    """Pledges of one state or of all, in the order of ids."""
    for _, pledge in state.scan(PLEDGE_TABLE):
        if country in {"", pledge.country} and not (open_only and PLEDGE.is_end(pledge.state)):
            yield pledge


def ranking(state: State) -> list[Application]:
    """Applications that wait for a decision or for money.

    Best weighted score first; equal ones by their time, then by their id.
    """
    waiting = {ApplicationState.APPLIED, ApplicationState.APPRAISED, ApplicationState.APPROVED}
    found = [a for _, a in state.scan(APPLICATION_TABLE) if a.state in waiting]
    return sorted(found, key=lambda a: (-a.weighted, a.time, a.id))


def applications_by(state: State, applicant: str) -> Iterator[Application]:
    """Every application of a party, in the order of ids."""
    for _, application in state.scan(APPLICATION_TABLE):
        if application.applicant == applicant:
            yield application


def whole(state: State, id: bytes) -> Case | None:
    """An application with its tranches, its loan and its ballot, or None."""
    application = state.get(APPLICATION_TABLE, id)
    if application is None:
        return None
    motion = state.get(OPEN_MOTION, APPROVAL, application.applicant)
    ballot = None if motion is None else state.get(BALLOT_TABLE, motion.ballot)
    return Case(
        application,
        tuple(tranches(state, id)),
        tuple(sorted(instalments(state, id), key=lambda i: (i.payable, i.id))),
        ballot if ballot is not None and ballot.terms[0] == id else None,
    )


def draws(state: State) -> list[Draw]:
    """Every first loss that the fund bore, oldest first."""
    return sorted((d for _, d in state.scan(DRAW)), key=lambda d: (d.time, d.id))
