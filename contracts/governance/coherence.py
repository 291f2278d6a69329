"""Parameters that must fit each other, across capabilities.

Ranges of single values stand at the parameters themselves. What stands here could make a rule
impossible to follow, a time limit pointless, or a promise uncovered.
"""

from __future__ import annotations

from collections.abc import Iterator

from contracts.capacity import CapacityParameters, capacity_of, collateral_for
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.parameters import LedgerParameters, parameters_check, parameters_of
from contracts.framework.party import Role, holders
from contracts.governance.records import GovernanceParameters
from contracts.guarantee.records import GuaranteeParameters
from contracts.register.conduct_records import ProgrammeParameters
from contracts.register.records import RegisterParameters
from ledger.state import State

_HOURS_PER_DAY = 24
_LONGEST_VALIDITY_DAYS = 92


@parameters_check(LedgerParameters)
def transactions_expire(state: State, new: LedgerParameters) -> Iterator[str]:
    """Replay protection keeps ids for ever, but a signature must not wait for ever."""
    if new.max_validity > _LONGEST_VALIDITY_DAYS * MS_PER_DAY:
        yield f"a transaction stays valid for {_LONGEST_VALIDITY_DAYS} days at most"


@parameters_check(RegisterParameters)
def keys_outlive_warnings(state: State, new: RegisterParameters) -> Iterator[str]:
    """Warnings come before a key expires, the last one last, and a recovery fits in."""
    if new.last_warning_days > new.first_warning_days:
        yield "the last warning comes after the first one"
    if new.first_warning_days >= new.key_days:
        yield "a key is valid for longer than the time from its first warning"
    if new.recovery_hours >= new.key_days * _HOURS_PER_DAY:
        yield "a recovery ends before the keys that it installs expire"


@parameters_check(RegisterParameters)
def exclusion_needs_most(state: State, new: RegisterParameters) -> Iterator[str]:
    """Excluding a member is never easier than admitting it."""
    admission, exclusion = new.admission, new.exclusion
    if exclusion.numerator * admission.denominator < admission.numerator * exclusion.denominator:
        yield "excluding needs at least the majority that admits"


@parameters_check(RegisterParameters)
def majorities_can_be_reached(state: State, new: RegisterParameters) -> Iterator[str]:
    """No quorum asks for more than everybody."""
    for name in ("admission", "exclusion"):
        majority = getattr(new, name)
        if majority.numerator > majority.denominator:
            yield f"{name} asks for more than all votes"


@parameters_check(GovernanceParameters)
def quorums_can_be_reached(state: State, new: GovernanceParameters) -> Iterator[str]:
    """No quorum asks for more than everybody, and changing quorums is never the easiest."""
    names = ("parameters", "constitution", "roles", "guarantors", "upgrades", "pauses")
    for name in (*names, "resumptions"):
        majority = getattr(new, name)
        if majority.numerator > majority.denominator:
            yield f"{name} asks for more than all votes"
    own, least = new.constitution, new.parameters
    if own.numerator * least.denominator < least.numerator * own.denominator:
        yield "changing quorums needs at least the majority that changes parameters"
    if new.notice_blocks > new.horizon_blocks:
        yield "the notice of a proposal is longer than its horizon"
    before = parameters_of(state, GovernanceParameters)
    guarantors = len(set(holders(state, Role.GUARANTOR)))
    # States may withdraw later all the same; the number bounds removals by the others.
    if new.least_guarantors > guarantors and new.least_guarantors != before.least_guarantors:
        yield f"there are {guarantors} guarantors, fewer than {new.least_guarantors}"


@parameters_check(ProgrammeParameters)
def amber_comes_before_red(state: State, new: ProgrammeParameters) -> Iterator[str]:
    """A warning level lies below the level that has consequences."""
    if new.amber >= new.red:
        yield "amber lies below red"


@parameters_check(GuaranteeParameters)
def guarantees_have_terms(state: State, new: GuaranteeParameters) -> Iterator[str]:
    """A guarantee without a date does not end later than any may."""
    if new.term_days > new.longest_days:
        yield "the term of a guarantee without a date is longer than the longest"


@parameters_check(CapacityParameters)
def promises_stay_covered(state: State, new: CapacityParameters) -> Iterator[str]:
    """No guarantor is short of collateral, or over the limit, for what it has promised."""
    before = parameters_of(state, CapacityParameters)
    for lei in sorted(set(holders(state, Role.GUARANTOR))):
        now = capacity_of(state, lei)
        needed = collateral_for(now.committed, new.collateral_ratio)
        if new.collateral_ratio > before.collateral_ratio and needed > now.collateral:
            yield f"{lei} would need collateral of {needed} and posted {now.collateral}"
        if 0 < new.largest_capacity < now.committed and new != before:
            yield f"{lei} has promised {now.committed}, more than {new.largest_capacity}"
