"""What the operations on terms of guarantees do: who may, then the step itself."""

from __future__ import annotations

from contracts.accounts import AVAIL
from contracts.capacity import (
    CAPACITY,
    COLLATERAL,
    POSTED,
    CapacityParameters,
    capacity_of,
    commit,
    require_collateral,
)
from contracts.errors import (
    INSUFFICIENT_FUNDS,
    INVALID_TERMS,
    NOT_AUTHORISED,
    NOT_LISTED,
    OVER_CAPACITY,
    WRONG_STATE,
)
from contracts.framework.context import Context
from contracts.framework.evidence import require_evidence
from contracts.framework.operation import transition
from contracts.framework.party import Right, Role
from contracts.framework.posting import Unit
from contracts.guarantee import demands, operations
from contracts.guarantee.events import (
    AmendmentProposed,
    CapacityPosted,
    GuaranteeDrafted,
)
from contracts.guarantee.hooks import Change, check_link, tell
from contracts.guarantee.records import (
    AMENDMENT,
    AMENDMENT_TABLE,
    GUARANTEE,
    OPEN_AMENDMENT,
    Amendment,
    AmendmentState,
    Guarantee,
    GuaranteeParameters,
    GuaranteeState,
    OpenAmendment,
)
from contracts.guarantee.undertaking import (
    PURPOSE,
    check_term,
    close_amendment,
    cut_guarantee,
    draft,
    end,
    guarantee_of,
    issue_draft,
    open_amendment,
    prolong,
    substitute,
)
from ledger.errors import CodedError


def as_guarantor(ctx: Context, id: bytes) -> Guarantee:
    """The guarantee, for its guarantor; raises ``NOT_FOUND`` or ``NOT_ENTITLED``."""
    guarantee = guarantee_of(ctx, id)
    ctx.require_author(guarantee.guarantor, capacity="the guarantor")
    return guarantee


def as_beneficiary(ctx: Context, id: bytes) -> Guarantee:
    """The guarantee, for its beneficiary; raises ``NOT_FOUND`` or ``NOT_ENTITLED``."""
    guarantee = guarantee_of(ctx, id)
    ctx.require_author(guarantee.beneficiary, capacity="the beneficiary")
    return guarantee


# Capacity and collateral


@transition(operations.PostCapacity)
def post_capacity(ctx: Context, op: operations.PostCapacity) -> None:
    """Raise or lower the guarantor's free capacity by the difference."""
    now = capacity_of(ctx.state, ctx.author)
    largest = ctx.params(CapacityParameters).largest_capacity
    if largest and op.amount > max(largest, now.posted):
        raise CodedError(
            OVER_CAPACITY,
            f"one guarantor posts {largest} at most (minor units)",
            field="amount",
        )
    if op.amount < now.committed:
        raise CodedError(
            OVER_CAPACITY,
            f"{now.committed} of the capacity is promised, so it cannot fall to {op.amount} "
            "(minor units)",
            field="amount",
        )
    difference = op.amount - now.posted
    posted, free = POSTED.of(ctx.author), CAPACITY.of(ctx.author)
    if difference > 0:
        ctx.post(Unit.GTEE, posted, free, difference)
    elif difference < 0:
        ctx.post(Unit.GTEE, free, posted, -difference)
    ctx.emit(CapacityPosted(ctx.author, now.posted, op.amount, op.evidence))


@transition(operations.PostCollateral)
def post_collateral(ctx: Context, op: operations.PostCollateral) -> None:
    """Set the guarantor's money aside."""
    ctx.post(Unit.SCU, AVAIL.of(ctx.author), COLLATERAL.of(ctx.author), op.amount)


@transition(operations.ReleaseCollateral)
def release_collateral(ctx: Context, op: operations.ReleaseCollateral) -> None:
    """Give collateral back that the promises do not need."""
    now = capacity_of(ctx.state, ctx.author)
    if op.amount > now.collateral:
        raise CodedError(
            INSUFFICIENT_FUNDS,
            f"{ctx.author} posted collateral of {now.collateral}, needs {op.amount} (minor units)",
            field="amount",
        )
    require_collateral(ctx.author, now, now.collateral - op.amount)
    ctx.post(Unit.SCU, COLLATERAL.of(ctx.author), AVAIL.of(ctx.author), op.amount)


# Draft and issue


@transition(operations.DraftGuarantee)
def draft_guarantee(ctx: Context, op: operations.DraftGuarantee) -> None:
    """Put a draft before the guarantor."""
    check_link(ctx, op.underlying.kind, op.underlying.id, ctx.author, op.beneficiary)
    record = draft(
        ctx,
        guarantor=op.guarantor,
        applicant=ctx.author,
        beneficiary=op.beneficiary,
        amount=op.amount,
        underlying=op.underlying,
        expires=op.expires,
        documents=op.documents,
        reductions=op.reductions,
        transferable=op.transferable,
        text=op.text,
    )
    ctx.open(GUARANTEE, record)
    ctx.emit(
        GuaranteeDrafted(
            record.id, record.guarantor, record.applicant, record.beneficiary, record.amount
        )
    )


@transition(operations.WithdrawDraft)
def withdraw_draft(ctx: Context, op: operations.WithdrawDraft) -> None:
    """Take a draft back."""
    record = guarantee_of(ctx, op.guarantee)
    ctx.require_author(record.applicant, capacity="the applicant")
    end(ctx, record, "withdraw", "withdrawn by the applicant")


@transition(operations.IssueGuarantee)
def issue_guarantee(ctx: Context, op: operations.IssueGuarantee) -> None:
    """Issue a draft, if the contract that it secures is still what it was."""
    record = as_guarantor(ctx, op.guarantee)
    ctx.require_open(GUARANTEE, record, "issue")
    link = record.underlying
    check_link(ctx, link.kind, link.id, record.applicant, record.beneficiary)
    issue_draft(ctx, record)


@transition(operations.DeclineDraft)
def decline_draft(ctx: Context, op: operations.DeclineDraft) -> None:
    """Refuse a draft."""
    end(ctx, as_guarantor(ctx, op.guarantee), "decline", op.reason)


@GUARANTEE.on_lapse("lapse")
def draft_lapses(ctx: Context, record: Guarantee) -> None:
    """An unanswered draft binds nobody."""
    end(ctx, record, "lapse", "not answered in time")


# Amendment


@transition(operations.ProposeAmendment)
def propose_amendment(ctx: Context, op: operations.ProposeAmendment) -> None:
    """Offer the beneficiary other terms."""
    guarantee = as_guarantor(ctx, op.guarantee)
    _require_quiet(ctx, guarantee)
    if open_amendment(ctx, guarantee.id) is not None:
        raise CodedError(WRONG_STATE, "an amendment of this guarantee waits for its answer")
    if op.remaining is None and op.expires is None and not op.replace_documents:
        raise CodedError(INVALID_TERMS, "an amendment changes something")
    if op.documents and not op.replace_documents:
        raise CodedError(
            INVALID_TERMS, "documents are listed, but are not to replace any", field="documents"
        )
    if op.expires is not None:
        check_term(ctx, op.expires)
    amendment = Amendment(
        id=ctx.new_id(),
        guarantee=guarantee.id,
        guarantor=guarantee.guarantor,
        beneficiary=guarantee.beneficiary,
        remaining=op.remaining,
        expires=op.expires,
        documents=op.documents if op.replace_documents else None,
        reason=op.reason,
        state=AmendmentState.PROPOSED,
        due=ctx.in_business_days(ctx.params(GuaranteeParameters).amendment_days),
        base=guarantee.remaining,
    )
    ctx.open(AMENDMENT, amendment)
    ctx.put(OPEN_AMENDMENT, OpenAmendment(amendment.id), guarantee.id)
    ctx.emit(AmendmentProposed(amendment.id, guarantee.id, guarantee.beneficiary))


def _require_quiet(ctx: Context, guarantee: Guarantee) -> None:
    """Terms change only while no demand is open, which is examined under the terms it found."""
    ctx.require_open(GUARANTEE, guarantee, "prolong")
    if guarantee.state is not GuaranteeState.ISSUED:
        raise CodedError(
            WRONG_STATE, f"the guarantee is {guarantee.state.value}; its terms do not change now"
        )


def _amendment(ctx: Context, id: bytes) -> Amendment:
    return ctx.find(AMENDMENT_TABLE, id, what="amendment", field="amendment")


@transition(operations.AcceptAmendment)
def accept_amendment(ctx: Context, op: operations.AcceptAmendment) -> None:
    """Change the guarantee as proposed, all of it or nothing."""
    amendment = _amendment(ctx, op.amendment)
    ctx.require_author(amendment.beneficiary, capacity="the beneficiary")
    ctx.require_open(AMENDMENT, amendment, "accept")
    guarantee = guarantee_of(ctx, amendment.guarantee)
    _require_quiet(ctx, guarantee)
    if amendment.remaining is not None and guarantee.remaining != amendment.base:
        raise CodedError(
            WRONG_STATE,
            f"the guarantee had {amendment.base} remaining when this was proposed and has "
            f"{guarantee.remaining} now (minor units)",
        )
    close_amendment(ctx, guarantee.id, "accept")
    _apply(ctx, guarantee, amendment)


def _apply(ctx: Context, guarantee: Guarantee, amendment: Amendment) -> None:
    if amendment.documents is not None:
        guarantee = ctx.amend(GUARANTEE, guarantee, documents=amendment.documents)
        tell(ctx, guarantee, Change.AMENDED)
    if amendment.expires is not None:
        check_term(ctx, amendment.expires)
        guarantee = prolong(ctx, guarantee, amendment.expires, "amended")
    difference = (amendment.remaining or guarantee.remaining) - guarantee.remaining
    if difference > 0:
        ctx.party(guarantee.applicant, Right.OBLIGE)
        if not ctx.party(guarantee.guarantor, Right.SERVE).holds(Role.GUARANTOR):
            raise CodedError(NOT_AUTHORISED, f"{guarantee.guarantor} is no guarantor any more")
        commit(ctx, guarantee.guarantor, PURPOSE, difference)
        guarantee = ctx.amend(
            GUARANTEE,
            guarantee,
            remaining=guarantee.remaining + difference,
            increases=guarantee.increases + difference,
        )
        tell(ctx, guarantee, Change.AMENDED)
    elif difference < 0:
        cut_guarantee(ctx, guarantee, -difference, "amended")


@transition(operations.RefuseAmendment)
def refuse_amendment(ctx: Context, op: operations.RefuseAmendment) -> None:
    """Leave the guarantee as it is."""
    amendment = _amendment(ctx, op.amendment)
    ctx.require_author(
        amendment.beneficiary, amendment.guarantor, capacity="the beneficiary or the guarantor"
    )
    event = "refuse" if ctx.author == amendment.beneficiary else "withdraw"
    ctx.require_open(AMENDMENT, amendment, event)
    close_amendment(ctx, amendment.guarantee, event)


# Reduction, release, transfer


@transition(operations.PresentReduction)
def present_reduction(ctx: Context, op: operations.PresentReduction) -> None:
    """Let a guarantee fall by a listed amount, once per listed document."""
    guarantee = guarantee_of(ctx, op.guarantee)
    ctx.require_author(
        guarantee.applicant, guarantee.guarantor, capacity="the applicant or the guarantor"
    )
    _require_in_force(guarantee)
    if op.term >= len(guarantee.reductions) or op.term in guarantee.used:
        raise CodedError(
            NOT_LISTED, f"no unused reduction is listed at position {op.term}", field="term"
        )
    term = guarantee.reductions[op.term]
    document = op.document
    if (document.kind, document.issuer) != (term.kind, term.issuer):
        raise CodedError(
            NOT_LISTED,
            f"the guarantee lists a {term.kind.value} of {term.issuer} here",
            field="document",
        )
    require_evidence(ctx, (document,), field="document")
    used = (*guarantee.used, op.term)
    cut_guarantee(ctx, guarantee, term.amount, f"{term.kind.value} presented", used=used)


def _require_in_force(guarantee: Guarantee) -> None:
    if not guarantee.in_force:
        raise CodedError(WRONG_STATE, f"the guarantee is {guarantee.state.value}, not in force")


@transition(operations.LowerGuarantee)
def lower_guarantee(ctx: Context, op: operations.LowerGuarantee) -> None:
    """Let a guarantee fall because its beneficiary gives a part up."""
    guarantee = as_beneficiary(ctx, op.guarantee)
    _require_in_force(guarantee)
    cut_guarantee(ctx, guarantee, op.amount, "given up by the beneficiary")


@transition(operations.ReleaseGuarantee)
def release_guarantee(ctx: Context, op: operations.ReleaseGuarantee) -> None:
    """End a guarantee because its beneficiary gives it back."""
    end(ctx, as_beneficiary(ctx, op.guarantee), "release", "released by the beneficiary")


@transition(operations.TransferGuarantee)
def transfer_guarantee(ctx: Context, op: operations.TransferGuarantee) -> None:
    """Put another beneficiary in one's place."""
    guarantee = as_beneficiary(ctx, op.guarantee)
    _require_quiet(ctx, guarantee)
    if not guarantee.transferable:
        raise CodedError(INVALID_TERMS, "the guarantee is not transferable")
    substitute(ctx, guarantee.id, guarantee.beneficiary, op.beneficiary)


@transition(operations.ClaimForceMajeure)
def claim_force_majeure(ctx: Context, op: operations.ClaimForceMajeure) -> None:
    """Add time, confirmed by the registrar."""
    guarantee = guarantee_of(ctx, op.guarantee)
    ctx.require_author(
        guarantee.guarantor, guarantee.beneficiary, capacity="the guarantor or the beneficiary"
    )
    require_evidence(ctx, (op.document,), field="document")
    demands.add_force_majeure(ctx, guarantee)
