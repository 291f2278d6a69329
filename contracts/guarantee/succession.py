"""Guarantees of a party pass to its successor, and a guarantor's to another guarantor."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from contracts.errors import (
    COLLATERAL_SHORT,
    INVALID_TERMS,
    NOT_AUTHORISED,
    OVER_CAPACITY,
    STATE_WITHDRAWS,
)
from contracts.framework.authority import holder_of
from contracts.framework.context import Context
from contracts.framework.machine import ITEM
from contracts.framework.operation import Operation, operation, transition
from contracts.framework.party import Role
from contracts.framework.types import ObjectId
from contracts.guarantee.events import PartyReplaced
from contracts.guarantee.records import (
    GUARANTEE,
    GUARANTEE_TABLE,
    Guarantee,
    GuaranteeState,
)
from contracts.guarantee.undertaking import end, guarantee_of, substitute
from contracts.register.hooks import on_succession
from ledger.errors import CodedError
from ledger.state import State


def _burdened(state: State, author: str, op: AssumeGuarantee) -> tuple[str, ...]:
    found = state.get(GUARANTEE_TABLE, op.guarantee)
    if found is None:
        return ()
    parties = (found.guarantor, found.beneficiary)
    return tuple(dict.fromkeys(lei for lei in parties if lei != author))


@operation(
    policy="guarantee",
    by=holder_of(Role.GUARANTOR),
    cosigners=_burdened,
    cosigned_by="the guarantor that it takes over from, and the beneficiary",
    emits=(PartyReplaced,),
    errors=(INVALID_TERMS, NOT_AUTHORISED, OVER_CAPACITY, COLLATERAL_SHORT, STATE_WITHDRAWS),
    text={
        "en": "Take over guarantee {guarantee} from its guarantor",
        "ru": "Принять гарантию {guarantee} от её гаранта",
        "zh": "接管担保 {guarantee}",
    },
)
class AssumeGuarantee(Operation, tag="guarantee.AssumeGuarantee"):
    """Take another guarantor's place in a guarantee, within the author's own capacity.

    For a state that withdraws, or by agreement. The beneficiary consents, because it gets another
    debtor.
    """

    guarantee: Annotated[ObjectId, Meta(description="Which guarantee.")]


@transition(AssumeGuarantee)
def assume_guarantee(ctx: Context, op: AssumeGuarantee) -> None:
    """Replace the guarantor of a guarantee in force that nobody has demanded."""
    guarantee = guarantee_of(ctx, op.guarantee)
    if guarantee.state is not GuaranteeState.ISSUED:
        raise CodedError(
            INVALID_TERMS,
            f"the guarantee is {guarantee.state.value}; one that is issued and not demanded passes",
            field="guarantee",
        )
    substitute(ctx, guarantee.id, guarantee.guarantor, ctx.author)


@on_succession("guarantee")
def guarantees_pass(ctx: Context, old: str, new: str, limit: int) -> int:
    """Put the successor in the applicant's or beneficiary's place."""
    passed = 0
    for key in [item.key for _, item in ctx.state.scan(ITEM, old, GUARANTEE.name)]:
        found = ctx.get(GUARANTEE_TABLE, *key)
        if passed < limit and found is not None and _pass(ctx, found, old, new):
            passed += 1
    return passed


def _pass(ctx: Context, guarantee: Guarantee, old: str, new: str) -> bool:
    """Whether a guarantee could pass now; one whose sides become one party ends."""
    if ctx.time > guarantee.due > 0:
        return False
    if guarantee.state is GuaranteeState.DRAFT:
        end(ctx, guarantee, "withdraw", "the party has a successor")
        return True
    if new not in {guarantee.guarantor, guarantee.applicant, guarantee.beneficiary}:
        substitute(ctx, guarantee.id, old, new)
        return True
    if guarantee.state is GuaranteeState.ISSUED:
        # Whoever took over is the debtor or creditor itself, so nothing is left to secure.
        end(ctx, guarantee, "release", "the successor is a party to the guarantee")
        return True
    return False
