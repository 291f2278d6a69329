"""A demand, from its presentation to the answer: examination, preclusion, extend or pay, stays.

The guarantor has a few business days to reject, with everything it objects to at once; silence, or
a word too late, obliges it to pay. The end of the guarantee's term does not shorten these days.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import structs

from contracts.errors import (
    ALREADY_EXTENDED,
    DEADLINE_PASSED,
    INVALID_TERMS,
    NOT_PRESENTED,
    OVER_GUARANTEE,
    PRECLUDED,
    WRONG_STATE,
)
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.context import Context
from contracts.framework.evidence import DocumentKind, Evidence, require_evidence
from contracts.guarantee.events import (
    DemandEnded,
    DemandPresented,
    DemandRejected,
    DemandStayed,
    DemandSuspended,
    DemandUpheld,
    StayEnded,
)
from contracts.guarantee.hooks import Change, tell
from contracts.guarantee.records import (
    DEMAND,
    EXAMINED,
    GUARANTEE,
    Demand,
    DemandState,
    Discrepancy,
    DiscrepancyKind,
    Examined,
    Guarantee,
    GuaranteeParameters,
    GuaranteeState,
)
from contracts.guarantee.undertaking import check_term, guarantee_of, prolong, tell_extended
from ledger.codec import encode
from ledger.errors import CodedError
from ledger.hashing import Tag, digest

SILENCE: Final = "silence: the time to reject has passed"


def demand_of(ctx: Context, guarantee: Guarantee) -> Demand:
    """The demand that is open or contested; raises ``WRONG_STATE`` if there is none."""
    if guarantee.demand is None:
        raise CodedError(WRONG_STATE, f"the guarantee is {guarantee.state.value}: no open demand")
    return ctx.find(DEMAND, guarantee.demand, what="demand")


def present(
    ctx: Context,
    guarantee: Guarantee,
    *,
    amount: int,
    statement: str,
    documents: tuple[Evidence, ...] = (),
    extend_to: int | None = None,
) -> Demand:
    """Present a demand and start its examination. Consent: the beneficiary.

    Raises ``DEADLINE_PASSED`` after the guarantee's term, ``OVER_GUARANTEE``, ``BAD_DOCUMENT``,
    ``INVALID_TERMS``, ``GUARANTEE_TOO_LONG`` or ``WRONG_STATE``.
    """
    ctx.require_open(GUARANTEE, guarantee, "demand")
    if ctx.time > guarantee.expires:
        raise CodedError(DEADLINE_PASSED, f"the guarantee expired at {guarantee.expires}")
    if amount > guarantee.remaining:
        raise CodedError(
            OVER_GUARANTEE,
            f"the guarantee has {guarantee.remaining} remaining, {amount} is demanded "
            "(minor units)",
            field="amount",
        )
    require_evidence(ctx, documents, field="documents")
    if extend_to is not None:
        if extend_to <= guarantee.expires:
            raise CodedError(
                INVALID_TERMS,
                f"the guarantee already lasts until {guarantee.expires}",
                field="extend_to",
            )
        check_term(ctx, extend_to)
    until = ctx.in_business_days(ctx.params(GuaranteeParameters).examination_days)
    demand = Demand(
        id=ctx.new_id(),
        guarantee=guarantee.id,
        number=guarantee.demands + 1,
        amount=amount,
        statement=statement,
        documents=documents,
        extend_to=extend_to,
        presented=ctx.time,
        examined_until=until,
    )
    ctx.put(DEMAND, demand, demand.id)
    changed = ctx.move(
        GUARANTEE,
        guarantee,
        "demand",
        due=until,
        demand=demand.id,
        newest=demand.id,
        demands=demand.number,
    )
    ctx.emit(
        DemandPresented(
            changed.id,
            demand.id,
            changed.guarantor,
            changed.applicant,
            changed.beneficiary,
            amount,
            until,
        )
    )
    tell(ctx, changed, Change.DEMANDED)
    return demand


def return_to_issued(
    ctx: Context, guarantee: Guarantee, event: str, outcome: DemandState, **changes: Any
) -> Guarantee:
    """Close the open demand; the guarantee goes on, or expires at once if its term is over."""
    demand = demand_of(ctx, guarantee)
    ctx.put(DEMAND, structs.replace(demand, state=outcome, decided=ctx.time), demand.id)
    changes.setdefault("expires", guarantee.expires)
    due = max(changes["expires"], ctx.time)
    return ctx.move(
        GUARANTEE, guarantee, event, due=due, demand=None, left=0, stayed_by=None, **changes
    )


def reject(ctx: Context, guarantee: Guarantee, discrepancies: tuple[Discrepancy, ...]) -> Guarantee:
    """Reject a demand for all of its discrepancies. Consent: the guarantor.

    What the guarantor saw in an earlier demand and did not object to, it cannot object to now
    (``PRECLUDED``); what is not in the demand, or not lacking, is no discrepancy
    (``NOT_PRESENTED``). Raises ``DEADLINE_PASSED`` or ``WRONG_STATE`` when it is too late.
    """
    ctx.require_open(GUARANTEE, guarantee, "reject")
    demand = demand_of(ctx, guarantee)
    if demand.upheld:
        raise CodedError(WRONG_STATE, "the demand was upheld and cannot be rejected any more")
    seen = _items(ctx, guarantee, demand)
    objected: set[bytes] = set()
    for index, discrepancy in enumerate(discrepancies):
        where = f"discrepancies[{index}]"
        item = _item_of(ctx, demand, discrepancy, where)
        if item not in seen:
            raise CodedError(
                NOT_PRESENTED,
                f"the demand does not show this {discrepancy.kind.value}",
                field=where,
            )
        before = ctx.get(EXAMINED, guarantee.id, item)
        if before is not None and not before.objected:
            raise CodedError(
                PRECLUDED,
                f"demand {before.demand.hex()} was rejected without objecting to this; "
                "all discrepancies are named at once",
                field=where,
            )
        objected.add(item)
    for item in seen:
        if ctx.get(EXAMINED, guarantee.id, item) is None:
            ctx.put(EXAMINED, Examined(demand.id, item in objected), guarantee.id, item)
    ctx.put(DEMAND, structs.replace(demand, discrepancies=discrepancies), demand.id)
    changed = return_to_issued(ctx, guarantee, "reject", DemandState.REJECTED)
    ctx.emit(DemandRejected(changed.id, demand.id, changed.beneficiary, discrepancies))
    tell(ctx, changed, Change.REJECTED)
    return changed


def _items(ctx: Context, guarantee: Guarantee, demand: Demand) -> dict[bytes, None]:
    """What there is to examine in a demand, each by a digest, in a fixed order."""
    items = [_statement_item(ctx, demand)]
    items += [document.digest for document in demand.documents]
    for term in guarantee.documents:
        if not any(
            d.kind is term.kind and term.issuer in (None, d.issuer) for d in demand.documents
        ):
            items.append(_missing_item(ctx, term.kind))
    return dict.fromkeys(items)


def _statement_item(ctx: Context, demand: Demand) -> bytes:
    return digest(Tag.OBJECT, ctx.chain_id, encode(("statement", demand.statement)))


def _missing_item(ctx: Context, kind: DocumentKind) -> bytes:
    return digest(Tag.OBJECT, ctx.chain_id, encode(("missing", kind.value)))


def _item_of(ctx: Context, demand: Demand, discrepancy: Discrepancy, where: str) -> bytes:
    document, missing = discrepancy.document, discrepancy.missing
    if discrepancy.kind is DiscrepancyKind.DOCUMENT and document is not None and missing is None:
        return document
    if discrepancy.kind is DiscrepancyKind.MISSING and missing is not None and document is None:
        return _missing_item(ctx, missing)
    if discrepancy.kind is DiscrepancyKind.STATEMENT and document is None and missing is None:
        return _statement_item(ctx, demand)
    raise CodedError(
        INVALID_TERMS,
        "a discrepancy of a document names it, one of a missing document names its kind, and one "
        "of the statement names neither",
        field=where,
    )


def _uphold(ctx: Context, guarantee: Guarantee, event: str, why: str) -> Guarantee:
    """The guarantor may reject no more: payment is due in a few days."""
    demand = demand_of(ctx, guarantee)
    ctx.put(DEMAND, structs.replace(demand, upheld=True), demand.id)
    # In calendar days: a time limit that starts by itself must not depend on the calendar's reach.
    until = ctx.in_days(ctx.params(GuaranteeParameters).payment_days)
    changed = ctx.move(GUARANTEE, guarantee, event, due=until, left=0, stayed_by=None)
    ctx.emit(DemandUpheld(changed.id, demand.id, changed.guarantor, why, until))
    return changed


def accept(ctx: Context, guarantee: Guarantee) -> Guarantee:
    """Find the demand complying; payment is due in a few days. Consent: the guarantor."""
    return _uphold(ctx, guarantee, "accept", "accepted by the guarantor")


@GUARANTEE.on_lapse("preclude")
def silence_precludes(ctx: Context, guarantee: Guarantee) -> None:
    """Who does not reject in time cannot reject at all."""
    _uphold(ctx, guarantee, "preclude", SILENCE)


def suspend(ctx: Context, guarantee: Guarantee) -> Guarantee:
    """Let payment wait while an extension is considered. Consent: the guarantor.

    That takes the demand as complying. Raises ``INVALID_TERMS`` unless it asks for an extension.
    """
    demand = demand_of(ctx, guarantee)
    if demand.extend_to is None:
        raise CodedError(INVALID_TERMS, "the demand does not ask for an extension instead")
    until = ctx.in_days(ctx.params(GuaranteeParameters).extend_or_pay_days)
    ctx.put(DEMAND, structs.replace(demand, upheld=True), demand.id)
    changed = ctx.move(GUARANTEE, guarantee, "suspend", due=until)
    ctx.emit(DemandSuspended(changed.id, demand.id, until))
    return changed


def extend(ctx: Context, guarantee: Guarantee) -> Guarantee:
    """Grant the extension asked for, which settles the demand. Consent: the guarantor."""
    ctx.require_open(GUARANTEE, guarantee, "extend")
    demand = demand_of(ctx, guarantee)
    if demand.extend_to is None:
        raise ValueError("only demands that ask for an extension wait for one")
    changed = return_to_issued(
        ctx, guarantee, "extend", DemandState.EXTENDED, expires=demand.extend_to
    )
    tell_extended(ctx, changed, guarantee.expires, "extended instead of paid")
    return changed


@GUARANTEE.on_lapse("fail to extend")
def no_extension(ctx: Context, guarantee: Guarantee) -> None:
    """No extension in time: payment without another demand."""
    _uphold(ctx, guarantee, "fail to extend", "no extension was granted in time")


@GUARANTEE.on_lapse("fail to deliver")
def goods_fail(ctx: Context, guarantee: Guarantee) -> None:
    """What was to be performed in kind was not: payment in money is due."""
    _uphold(ctx, guarantee, "fail to deliver", "performance in kind was not confirmed in time")


def withdraw(ctx: Context, guarantee: Guarantee, why: str) -> Guarantee:
    """Take the open demand back. Consent: the beneficiary."""
    return _end_demand(ctx, guarantee, "withdraw demand", DemandState.WITHDRAWN, why)


def dismiss(ctx: Context, id: bytes, why: str) -> None:
    """End the open or contested demand without payment. Consent: a tribunal, or a dispute's end."""
    _end_demand(ctx, guarantee_of(ctx, id), "dismiss", DemandState.DISMISSED, why)


def _end_demand(
    ctx: Context, guarantee: Guarantee, event: str, outcome: DemandState, why: str
) -> Guarantee:
    demand = demand_of(ctx, guarantee)
    changed = return_to_issued(ctx, guarantee, event, outcome)
    ctx.emit(DemandEnded(changed.id, demand.id, changed.beneficiary, why))
    tell(ctx, changed, Change.REJECTED)
    return changed


def stay(ctx: Context, id: bytes, dispute: bytes) -> Guarantee:
    """Stop the examination or payment of a demand, or renew a stay. Consent: a tribunal.

    Only a tribunal's order for manifest abuse does this; a dispute as such stops nothing.
    """
    guarantee = guarantee_of(ctx, id)
    demand = demand_of(ctx, guarantee)
    until = ctx.in_days(ctx.params(GuaranteeParameters).stay_days)
    if guarantee.state in {GuaranteeState.EXAMINING, GuaranteeState.STAYED}:
        left = guarantee.left or guarantee.due - ctx.time
        changed = ctx.move(
            GUARANTEE, guarantee, "stay", due=until, left=max(left, 1), stayed_by=dispute
        )
    else:
        changed = ctx.move(GUARANTEE, guarantee, "stay payment", due=until, stayed_by=dispute)
    ctx.emit(DemandStayed(id, demand.id, dispute, until))
    return changed


def resume(ctx: Context, id: bytes) -> None:
    """Lift a stay: examination goes on for the time it had left, or payment is due."""
    guarantee = guarantee_of(ctx, id)
    if guarantee.state is GuaranteeState.PAYMENT_STAYED:
        payment_resumes(ctx, guarantee)
    else:
        examination_resumes(ctx, guarantee)


@GUARANTEE.on_lapse("resume")
def examination_resumes(ctx: Context, guarantee: Guarantee) -> None:
    """The stay is over: the guarantor examines for the time that was left."""
    demand = demand_of(ctx, guarantee)
    until = ctx.time + guarantee.left
    ctx.put(DEMAND, structs.replace(demand, examined_until=until), demand.id)
    changed = ctx.move(GUARANTEE, guarantee, "resume", due=until, left=0, stayed_by=None)
    ctx.emit(StayEnded(changed.id, demand.id, until))


@GUARANTEE.on_lapse("resume payment")
def payment_resumes(ctx: Context, guarantee: Guarantee) -> None:
    """The stay is over: payment is due in a few days."""
    _uphold(ctx, guarantee, "resume payment", "the stay of payment is over")


def contest(ctx: Context, id: bytes) -> Demand:
    """Keep the newest demand, which was rejected, alive for a dispute. Consent: the beneficiary.

    Raises ``WRONG_STATE`` if that demand was not rejected, ``DEADLINE_PASSED`` if the rejection is
    too old.
    """
    guarantee = guarantee_of(ctx, id)
    ctx.require_open(GUARANTEE, guarantee, "contest")
    demand = newest_demand(ctx, guarantee)
    if demand is None or demand.state is not DemandState.REJECTED:
        raise CodedError(WRONG_STATE, "the guarantee's newest demand was not rejected")
    days = ctx.params(GuaranteeParameters).contest_days
    if ctx.time > demand.decided + days * MS_PER_DAY:
        raise CodedError(
            DEADLINE_PASSED,
            f"a rejection is contested within {days} days; it was made at {demand.decided}",
        )
    if demand.amount > guarantee.remaining:
        raise CodedError(
            OVER_GUARANTEE,
            f"the guarantee has {guarantee.remaining} remaining, {demand.amount} was demanded",
        )
    ctx.move(GUARANTEE, guarantee, "contest", demand=demand.id)
    return demand


def newest_demand(ctx: Context, guarantee: Guarantee) -> Demand | None:
    """The newest demand under a guarantee, whatever became of it; None before the first."""
    return None if guarantee.newest is None else ctx.get(DEMAND, guarantee.newest)


def add_force_majeure(ctx: Context, guarantee: Guarantee) -> Guarantee:
    """Add time to a guarantee and to its open examination. Consent: registrar and the affected.

    Raises ``ALREADY_EXTENDED`` beyond the number of times that the parameters allow.
    """
    params = ctx.params(GuaranteeParameters)
    if guarantee.prolonged >= params.force_majeure_times:
        raise CodedError(
            ALREADY_EXTENDED,
            f"force majeure adds time {params.force_majeure_times} times at most",
        )
    more = params.force_majeure_days * MS_PER_DAY
    due = 0 if guarantee.state is GuaranteeState.ISSUED else guarantee.due + more
    if guarantee.state is GuaranteeState.EXAMINING:
        demand = demand_of(ctx, guarantee)
        ctx.put(DEMAND, structs.replace(demand, examined_until=due), demand.id)
    return prolong(
        ctx,
        guarantee,
        guarantee.expires + more,
        "force majeure",
        due=due,
        prolonged=guarantee.prolonged + 1,
    )
