"""Who may hear a case: a holder of the role without an interest in it.

Interests that the ledger can see: being a party, a side of the disputed object, an owner of a party
or owned by one, sharing an owner with one, or holding an office for a party's home state. Any other
interest is declared by recusal.
"""

from __future__ import annotations

from contracts.dispute.records import CASELOAD, Caseload, Dispute
from contracts.dispute.subjects import sides_of
from contracts.errors import CONFLICT_OF_INTEREST, NOT_AUTHORISED
from contracts.framework.context import Context
from contracts.framework.party import PARTY, Right, Role, holder, holders
from ledger.errors import CodedError
from ledger.state import State


def interest_of(state: State, lei: str, dispute: Dispute) -> str:
    """Why a party may not hear a case, or ``""``."""
    if lei in dispute.excluded:
        return "it left this case before"
    if lei in (*dispute.parties, *sides_of(state, dispute.subject)):
        return "it is a party to the matter"
    hearer = state.get(PARTY, lei)
    if hearer is None:
        return "it is not in the register"
    own = {owner.lei for owner in hearer.profile.owners}
    for name in dispute.parties:
        party = state.get(PARTY, name)
        if party is None:
            continue
        owners = {owner.lei for owner in party.profile.owners}
        if lei in owners or name in own or own & owners:
            return f"it and {name} are connected by ownership"
        if any(office.scope == party.profile.home for office in hearer.offices):
            return f"it holds an office of the home state of {name}"
    return ""


def require_hearer(
    ctx: Context, lei: str, roles: tuple[Role, ...], dispute: Dispute, *, field: str
) -> None:
    """Raise ``NOT_AUTHORISED`` or ``CONFLICT_OF_INTEREST`` unless a party may hear a case."""
    party = ctx.party(lei, Right.SERVE, field=field)
    if not any(party.holds(role) for role in roles):
        words = " or ".join(role.value for role in roles)
        raise CodedError(NOT_AUTHORISED, f"{lei} is no {words}", field=field)
    interest = interest_of(ctx.state, lei, dispute)
    if interest:
        raise CodedError(CONFLICT_OF_INTEREST, f"{lei} may not: {interest}", field=field)


def by_rule(ctx: Context, dispute: Dispute) -> str | None:
    """Whom the default rule appoints, or None.

    Of the arbitrators without an interest, the one with the fewest open cases; among equals the one
    appointed longest ago, then the first by LEI. If there is none, the tribunal itself. Nobody can
    choose by this rule, because it does not depend on anything in the dispute.
    """
    free = [lei for lei in holders(ctx.state, Role.ARBITRATOR) if _may(ctx.state, lei, dispute)]
    if free:
        return min(free, key=lambda lei: (*_load(ctx.state, lei), lei))
    tribunal = holder(ctx.state, Role.TRIBUNAL)
    return tribunal if tribunal is not None and _may(ctx.state, tribunal, dispute) else None


def _may(state: State, lei: str, dispute: Dispute) -> bool:
    party = state.get(PARTY, lei)
    return party is not None and party.may(Right.SERVE) and not interest_of(state, lei, dispute)


def _load(state: State, lei: str) -> tuple[int, int]:
    load = state.get(CASELOAD, lei)
    return (0, 0) if load is None else (load.open, load.last)


def take_case(ctx: Context, lei: str) -> None:
    """Count an appointment."""
    opened, _ = _load(ctx.state, lei)
    ctx.put(CASELOAD, Caseload(opened + 1, ctx.time), lei)


def leave_case(ctx: Context, lei: str) -> None:
    """Count the end of a case."""
    opened, last = _load(ctx.state, lei)
    ctx.put(CASELOAD, Caseload(max(0, opened - 1), last), lei)
