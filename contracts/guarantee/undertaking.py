"""The life of a guarantee apart from demands: issue, reduce, extend, release, replace a party.

These functions are what contracts secured by guarantees call. They check that a step is lawful, not
who asked for it: whoever calls them has the consent that each one names.
"""

from __future__ import annotations

from typing import Any, Final

from contracts.capacity import commit, uncommit
from contracts.errors import (
    GUARANTEE_TOO_LONG,
    INVALID_TERMS,
    NOT_AUTHORISED,
    OVER_GUARANTEE,
    WRONG_STATE,
)
from contracts.framework.calendar import after_days
from contracts.framework.context import Context
from contracts.framework.party import Right, Role
from contracts.guarantee.events import (
    AmendmentEnded,
    GuaranteeEnded,
    GuaranteeExtended,
    GuaranteeIssued,
    GuaranteeReduced,
    PartyReplaced,
)
from contracts.guarantee.hooks import Change, tell
from contracts.guarantee.records import (
    AMENDMENT,
    AMENDMENT_TABLE,
    DEMAND,
    GUARANTEE,
    GUARANTEE_TABLE,
    OPEN_AMENDMENT,
    Amendment,
    DocumentTerm,
    Guarantee,
    GuaranteeParameters,
    GuaranteeState,
    ReductionTerm,
    Underlying,
)
from ledger.errors import CodedError
from ledger.state import State

PURPOSE: Final = "guarantees"
"""What capacity is committed for."""


def guarantee_of(ctx: Context, id: bytes, *, field: str = "guarantee") -> Guarantee:
    """The guarantee of an id; raises ``NOT_FOUND``."""
    return ctx.find(GUARANTEE_TABLE, id, what="guarantee", field=field)


def remaining(state: State, id: bytes) -> int:
    """What a guarantee still secures, minor units: 0 for one that is not in force or unknown."""
    found = state.get(GUARANTEE_TABLE, id)
    return found.remaining if found is not None and found.in_force else 0


def demanded(state: State, guarantee: Guarantee) -> int:
    """What the open or contested demand asks for, minor units."""
    found = None if guarantee.demand is None else state.get(DEMAND, guarantee.demand)
    return 0 if found is None else found.amount


def reducible(state: State, guarantee: Guarantee) -> int:
    """By how much a guarantee may fall without touching an open demand, minor units."""
    return guarantee.remaining - demanded(state, guarantee)


def draft(
    ctx: Context,
    *,
    guarantor: str,
    applicant: str,
    beneficiary: str,
    amount: int,
    underlying: Underlying | None = None,
    expires: int | None = None,
    documents: tuple[DocumentTerm, ...] = (),
    reductions: tuple[ReductionTerm, ...] = (),
    transferable: bool = False,
    text: str = "",
) -> Guarantee:
    """The record of a new guarantee, not stored, every term checked; a draft.

    ``expires`` None means the term that the parameters give a guarantee without a date. Raises
    ``INVALID_TERMS``, ``NOT_AUTHORISED``, ``STANDING_FORBIDS``, ``UNKNOWN_PARTY`` or
    ``GUARANTEE_TOO_LONG``.
    """
    params = ctx.params(GuaranteeParameters)
    if len({guarantor, applicant, beneficiary}) != 3:
        raise CodedError(
            INVALID_TERMS, "guarantor, applicant and beneficiary are three different parties"
        )
    if not ctx.party(guarantor, Right.SERVE, field="guarantor").holds(Role.GUARANTOR):
        raise CodedError(NOT_AUTHORISED, f"{guarantor} is no state's guarantor", field="guarantor")
    ctx.party(applicant, Right.OBLIGE, field="applicant")
    ctx.party(beneficiary, Right.SETTLE, field="beneficiary")
    for index, term in enumerate(reductions):
        ctx.party(term.issuer, field=f"reductions[{index}].issuer")
    if sum(term.amount for term in reductions) > amount:
        raise CodedError(
            INVALID_TERMS, "the listed reductions are more than the guarantee", field="reductions"
        )
    until = after_days(ctx.time, params.term_days) if expires is None else expires
    check_term(ctx, until)
    return Guarantee(
        id=ctx.new_id(),
        guarantor=guarantor,
        applicant=applicant,
        beneficiary=beneficiary,
        amount=amount,
        underlying=underlying or Underlying(),
        documents=documents,
        reductions=reductions,
        transferable=transferable,
        expires=until,
        text=text,
        state=GuaranteeState.DRAFT,
        due=ctx.in_days(params.draft_days),
    )


def check_term(ctx: Context, expires: int) -> None:
    """Raise ``INVALID_TERMS`` or ``GUARANTEE_TOO_LONG`` unless a guarantee may end then (ms)."""
    if expires <= ctx.time:
        raise CodedError(INVALID_TERMS, "a guarantee expires after now", field="expires")
    longest = after_days(ctx.time, ctx.params(GuaranteeParameters).longest_days)
    if expires > longest:
        raise CodedError(
            GUARANTEE_TOO_LONG,
            f"a guarantee ends at {longest} at the latest, this one would at {expires}",
            field="expires",
        )


def issue(
    ctx: Context,
    *,
    guarantor: str,
    applicant: str,
    beneficiary: str,
    amount: int,
    underlying: tuple[str, bytes | None] = ("none", None),
    expires: int | None = None,
    documents: tuple[DocumentTerm, ...] = (),
    reductions: tuple[ReductionTerm, ...] = (),
    transferable: bool = False,
    text: str = "",
) -> bytes:
    """Issue a guarantee at once, in SCU minor units; its id. Consents: guarantor and applicant.

    Raises as :func:`draft`, and ``OVER_CAPACITY`` or ``COLLATERAL_SHORT``.
    """
    record = draft(
        ctx,
        guarantor=guarantor,
        applicant=applicant,
        beneficiary=beneficiary,
        amount=amount,
        underlying=Underlying(*underlying),
        expires=expires,
        documents=documents,
        reductions=reductions,
        transferable=transferable,
        text=text,
    )
    ctx.open(GUARANTEE, record)
    return issue_draft(ctx, record).id


def issue_draft(ctx: Context, guarantee: Guarantee) -> Guarantee:
    """Issue a draft, committing capacity. Consent: the guarantor, whose word is irrevocable."""
    check_term(ctx, guarantee.expires)
    if not ctx.party(guarantee.guarantor, Right.SERVE).holds(Role.GUARANTOR):
        raise CodedError(NOT_AUTHORISED, f"{guarantee.guarantor} is no state's guarantor")
    ctx.party(guarantee.applicant, Right.OBLIGE)
    ctx.party(guarantee.beneficiary, Right.SETTLE)
    issued = ctx.move(
        GUARANTEE, guarantee, "issue", due=guarantee.expires, remaining=guarantee.amount
    )
    commit(ctx, issued.guarantor, PURPOSE, issued.amount)
    ctx.emit(
        GuaranteeIssued(
            issued.id,
            issued.guarantor,
            issued.applicant,
            issued.beneficiary,
            issued.amount,
            issued.expires,
            issued.underlying.kind,
            issued.underlying.id,
        )
    )
    tell(ctx, issued, Change.ISSUED)
    return issued


def reduce(ctx: Context, id: bytes, amount: int, why: str) -> int:
    """Let a guarantee fall by up to ``amount``; by how much it fell, minor units.

    What an open demand asks for is not touched, and a guarantee that is not in force stays as it
    is, so the result may be 0. Consent: the beneficiary's, given in the secured contract.
    """
    guarantee = guarantee_of(ctx, id)
    if not guarantee.in_force or _is_over(ctx, guarantee):
        return 0
    cut = min(amount, reducible(ctx.state, guarantee))
    if cut > 0:
        cut_guarantee(ctx, guarantee, cut, why)
    return max(cut, 0)


def cut_guarantee(ctx: Context, guarantee: Guarantee, amount: int, why: str, **more: Any) -> None:
    """Let a guarantee in force fall by exactly ``amount``; one with nothing left is released.

    Raises ``OVER_GUARANTEE``.
    """
    free = reducible(ctx.state, guarantee)
    if amount > free:
        raise CodedError(
            OVER_GUARANTEE,
            f"the guarantee has {guarantee.remaining} remaining, of which {free} is not demanded; "
            f"a reduction by {amount} is more (minor units)",
            field="amount",
        )
    after = ctx.amend(
        GUARANTEE,
        guarantee,
        remaining=guarantee.remaining - amount,
        reduced=guarantee.reduced + amount,
        **more,
    )
    uncommit(ctx, after.guarantor, PURPOSE, amount)
    ctx.emit(GuaranteeReduced(after.id, after.beneficiary, amount, after.remaining, why))
    tell(ctx, after, Change.REDUCED)
    after = guarantee_of(ctx, after.id)  # the contract that was told may have released it
    if after.remaining == 0 and after.state is GuaranteeState.ISSUED:
        end(ctx, after, "release", why)


def release(ctx: Context, id: bytes, why: str = "released by the secured contract") -> None:
    """End a guarantee that is in force; one that has ended stays as it is.

    Consent: the beneficiary's, given in the secured contract. Raises ``WRONG_STATE`` while a demand
    is open or contested (see :func:`contracts.guarantee.demands.withdraw`).
    """
    guarantee = guarantee_of(ctx, id)
    if GUARANTEE.is_end(guarantee.state):
        return
    if guarantee.state is GuaranteeState.DRAFT:
        raise CodedError(WRONG_STATE, "the guarantee is a draft and binds nobody yet")
    if _is_over(ctx, guarantee):
        end(ctx, guarantee, "expire", "expired")
    else:
        end(ctx, guarantee, "release", why)


def _is_over(ctx: Context, guarantee: Guarantee) -> bool:
    """Whether its term has passed, although the deadline that ends it has not fired yet.

    Contracts that end by a deadline of their own may call before it has.
    """
    return guarantee.state is GuaranteeState.ISSUED and ctx.time > guarantee.due


def end(ctx: Context, guarantee: Guarantee, event: str, why: str) -> Guarantee:
    """End a guarantee by an event; what remains binds no more and frees capacity."""
    rest = guarantee.remaining
    ended = ctx.move(
        GUARANTEE, guarantee, event, remaining=0, lapsed=guarantee.lapsed + rest, demand=None
    )
    if rest:
        uncommit(ctx, ended.guarantor, PURPOSE, rest)
    close_amendment(ctx, ended.id, "withdraw")
    ctx.emit(
        GuaranteeEnded(
            ended.id,
            ended.guarantor,
            ended.applicant,
            ended.beneficiary,
            ended.state,
            rest,
            why,
        )
    )
    tell(ctx, ended, Change.ENDED)
    return ended


@GUARANTEE.on_lapse("expire")
def guarantee_expires(ctx: Context, guarantee: Guarantee) -> None:
    """No demand was presented in time, so what remains binds nobody any more."""
    end(ctx, guarantee, "expire", "expired")


def open_amendment(ctx: Context, guarantee_id: bytes) -> Amendment | None:
    """The amendment of a guarantee that waits for an answer, or None."""
    entry = ctx.get(OPEN_AMENDMENT, guarantee_id)
    return None if entry is None else ctx.get(AMENDMENT_TABLE, entry.amendment)


def close_amendment(ctx: Context, guarantee_id: bytes, event: str) -> Amendment | None:
    """End the amendment that waits, if there is one, by an event; its record."""
    waiting = open_amendment(ctx, guarantee_id)
    if waiting is None:
        return None
    if ctx.time > waiting.due:
        event = "lapse"  # the guarantee's own deadline came before the one that lets this lapse
    closed = ctx.move(AMENDMENT, waiting, event)
    ctx.delete(OPEN_AMENDMENT, guarantee_id)
    ctx.emit(AmendmentEnded(closed.id, guarantee_id, closed.beneficiary, closed.state))
    return closed


@AMENDMENT.on_lapse("lapse")
def amendment_lapses(ctx: Context, amendment: Amendment) -> None:
    """Silence is not acceptance."""
    close_amendment(ctx, amendment.guarantee, "lapse")


def prolong(
    ctx: Context, guarantee: Guarantee, expires: int, why: str, *, due: int = 0, **more: Any
) -> Guarantee:
    """Have a guarantee expire at another time. Consent: as the caller's rule asks.

    ``due`` is the new time limit of its state, in ms, if a demand is open.
    """
    before = guarantee.expires
    changed = ctx.move(GUARANTEE, guarantee, "prolong", due=due or expires, expires=expires, **more)
    tell_extended(ctx, changed, before, why)
    return changed


def tell_extended(ctx: Context, guarantee: Guarantee, before: int, why: str) -> None:
    """Tell that a guarantee expires at another time than ``before``."""
    ctx.emit(
        GuaranteeExtended(
            guarantee.id,
            guarantee.guarantor,
            guarantee.beneficiary,
            before,
            guarantee.expires,
            why,
        )
    )
    tell(ctx, guarantee, Change.AMENDED)


def substitute(ctx: Context, id: bytes, old: str, new: str) -> Guarantee:
    """Put a party in another's place in a guarantee that is in force or a draft.

    For transfer, succession and assumption by another guarantor, whose capacity is committed
    instead. Consents: all whom it burdens. Raises ``INVALID_TERMS``, ``NOT_AUTHORISED``,
    ``OVER_CAPACITY``, ``COLLATERAL_SHORT`` or ``STANDING_FORBIDS``.
    """
    guarantee = guarantee_of(ctx, id)
    places = {
        "guarantor": guarantee.guarantor,
        "applicant": guarantee.applicant,
        "beneficiary": guarantee.beneficiary,
    }
    place = next((name for name, lei in places.items() if lei == old), None)
    if place is None or new in places.values():
        raise CodedError(INVALID_TERMS, f"{new} cannot take the place of {old} in this guarantee")
    if place == "guarantor":
        if not ctx.party(new, Right.SERVE).holds(Role.GUARANTOR):
            raise CodedError(NOT_AUTHORISED, f"{new} is no state's guarantor")
        if guarantee.remaining:
            uncommit(ctx, old, PURPOSE, guarantee.remaining)
            commit(ctx, new, PURPOSE, guarantee.remaining)
    else:
        ctx.party(new, Right.SETTLE)
    close_amendment(ctx, id, "withdraw")
    changed = ctx.amend(GUARANTEE, guarantee, **{place: new})
    ctx.emit(PartyReplaced(id, old, new))
    return changed
