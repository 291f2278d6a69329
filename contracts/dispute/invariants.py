"""What is true of disputes after every block. The numbers are those that auditors check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from contracts.dispute.execution import contested_account, open_key
from contracts.dispute.records import (
    CASELOAD,
    CONTESTED,
    DISPUTE,
    DISPUTE_TABLE,
    EXECUTION,
    OPEN_DISPUTE,
    Dispute,
    DisputeState,
    Mediation,
)
from contracts.framework.capability import invariant
from contracts.framework.posting import balances, kind_of
from ledger.state import State

_S = DisputeState
_AFTER_MEDIATION = frozenset(
    {_S.FAILED, _S.RESPONSE, _S.APPOINTMENT, _S.VACANT, _S.ARBITRATION, _S.AWARDED, _S.EXECUTED}
)


def _name(dispute: Dispute) -> str:
    return f"dispute {dispute.id.hex()[:16]}"


@invariant("contested-money-is-held", 5)
def contested_money_is_held(state: State) -> Iterator[str]:
    """Every contested account holds what its open dispute holds of that party, and nothing else."""
    expected: dict[str, int] = {}
    for _, dispute in state.scan(DISPUTE_TABLE):
        for held in dispute.holds:
            if DISPUTE.is_end(dispute.state):
                yield f"{_name(dispute)}: {dispute.state.value}, but holds {held.amount}"
            account = contested_account(held.owner, dispute)
            expected[account] = expected.get(account, 0) + held.amount
    actual = {
        account: balance.amount
        for account, _, balance in balances(state)
        if kind_of(account) is CONTESTED and balance.amount
    }
    for account in sorted(expected.keys() | actual.keys()):
        if expected.get(account, 0) != actual.get(account, 0):
            yield f"{account} has {actual.get(account, 0)} for {expected.get(account, 0)} held"


@invariant("rulings-execute-once", 15)
def rulings_execute_once(state: State) -> Iterator[str]:
    """A settled or executed dispute has one execution, whose parts sum up; no other has any."""
    executed = {entry.dispute: entry for _, entry in state.scan(EXECUTION)}
    for _, dispute in state.scan(DISPUTE_TABLE):
        entry = executed.pop(dispute.id, None)
        ruled = dispute.state in {_S.SETTLED, _S.EXECUTED}
        if ruled is not (entry is not None):
            yield f"{_name(dispute)}: {dispute.state.value}, executed: {entry is not None}"
        if entry is None:
            continue
        parts = entry.subject + entry.held + entry.available + entry.owed
        if parts != entry.amount or entry.amount != entry.ruling.amount:
            yield f"{_name(dispute)}: {entry.ruling.amount} was ruled, {parts} was carried out"
        agreed = None if dispute.settlement is None else dispute.settlement.ruling
        if entry.ruling != (dispute.award if dispute.state is _S.EXECUTED else agreed):
            yield f"{_name(dispute)}: another ruling was carried out"
    for id in sorted(executed):
        yield f"a ruling was carried out without dispute {id.hex()[:16]}"


@invariant("mediation-precedes-arbitration", 15)
def mediation_precedes_arbitration(state: State) -> Iterator[str]:
    """Arbitration follows mediation that was held, not agreed in time, or waived by both."""
    for _, dispute in state.scan(DISPUTE_TABLE):
        if dispute.state in _AFTER_MEDIATION and dispute.mediation is Mediation.PENDING:
            yield f"{_name(dispute)}: {dispute.state.value} before mediation"
        waived = set(dispute.waivers) == set(dispute.parties)
        if dispute.mediation is Mediation.WAIVED and not waived:
            yield f"{_name(dispute)}: mediation was not waived by both"


@invariant("awards-within-claims", 9)
def awards_within_claims(state: State) -> Iterator[str]:
    """No award is more than what is claimed from the party that pays."""
    for _, dispute in state.scan(DISPUTE_TABLE):
        award = dispute.award
        if award is None:
            continue
        claimed = dispute.claim if award.payer == dispute.respondent else dispute.counterclaim
        if award.amount > claimed or award.payer not in dispute.parties:
            yield f"{_name(dispute)}: {award.amount} awarded of {claimed} claimed"


@invariant("hearers-are-neutral", 12)
def hearers_are_neutral(state: State) -> Iterator[str]:
    """No party hears its own case, nor does anybody who left it; caseloads count open cases."""
    cases: Counter[str] = Counter()
    open_disputes: dict[bytes, bytes] = {}
    for _, dispute in state.scan(DISPUTE_TABLE):
        hearers = {dispute.mediator, dispute.arbitrator} - {None}
        if hearers & {*dispute.parties, *dispute.excluded}:
            yield f"{_name(dispute)}: heard by a party in conflict"
        if not DISPUTE.is_end(dispute.state):
            open_disputes[open_key(dispute)] = dispute.id
            if dispute.arbitrator is not None:
                cases[dispute.arbitrator] += 1
    indexed = {key[len(OPEN_DISPUTE.prefix) :]: e.dispute for key, e in state.scan(OPEN_DISPUTE)}
    if indexed != open_disputes:
        yield f"{len(open_disputes)} disputes are open, the index has {len(indexed)}"
    for key, load in state.scan(CASELOAD):
        arbitrator = key[len(CASELOAD.prefix) :].rstrip(b"\0").decode()
        if load.open != cases.pop(arbitrator, 0):
            yield f"{arbitrator}: a caseload of {load.open} is counted"
    for arbitrator in sorted(cases):
        yield f"{arbitrator}: its cases are not counted"


INVARIANTS = (
    contested_money_is_held,
    rulings_execute_once,
    mediation_precedes_arbitration,
    awards_within_claims,
    hearers_are_neutral,
)
