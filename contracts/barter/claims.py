"""The books in goods value: who may still call for how much, under which contract.

Every change of a claim goes through here, so that a holder's record, its account, the maker's
account and the contract's totals always say the same. Used by the other modules of barter, by
guarantees (a paid claim passes to the guarantor) and by disputes (an award cancels or passes one).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import structs

from contracts.barter.accounts import GCLAIM, GDEL
from contracts.barter.events import ClaimAssigned, ClaimConverted, ClaimEnded
from contracts.barter.parameters import BarterParameters
from contracts.barter.records import (
    CLAIM,
    CONTRACT,
    CONTRACT_TABLE,
    CONVERSION,
    PASSED,
    Claim,
    Contract,
    Conversion,
    Passed,
)
from contracts.currency.debts import create_debt, outstanding, settle_debt
from contracts.errors import INVALID_TERMS, OVER_OPEN_CLAIM
from contracts.framework.context import Context
from contracts.framework.posting import Unit
from contracts.guarantee import payments
from contracts.guarantee.records import SUBROGATION, Payment
from ledger.errors import CodedError
from ledger.state import State

ORIGIN = "barter"
"""How debts and guarantees name a contract as what they come from."""

End = Literal["delivered", "topped", "converted", "awarded", "cancelled"]


def gclaim(holder: str, contract: bytes) -> str:
    """The account of a holder's claim."""
    return GCLAIM.of(holder, contract.hex())


def gdel(maker: str, contract: bytes) -> str:
    """The account of what the maker has to deliver."""
    return GDEL.of(maker, contract.hex())


def contract_of(ctx: Context, id: bytes, *, field: str = "contract") -> Contract:
    """The contract of an id; raises ``NOT_FOUND``."""
    return ctx.find(CONTRACT_TABLE, id, what="barter contract", field=field)


def claim_of(state: State, contract: bytes, holder: str) -> Claim:
    """A holder's claim, empty if it never had one."""
    return state.get(CLAIM, contract, holder) or Claim(contract, holder, 0, 0, 0)


def claims_of(state: State, contract: bytes) -> Iterator[Claim]:
    """Every claim that anybody has or had under a contract, in order of holders."""
    for _, claim in state.scan(CLAIM, contract):
        yield claim


def _put(ctx: Context, claim: Claim) -> None:
    ctx.put(CLAIM, claim, claim.contract, claim.holder)


def _with_totals(ctx: Context, contract: Contract, **more: int) -> Contract:
    totals = contract.totals
    changed = {name: getattr(totals, name) + amount for name, amount in more.items()}
    return ctx.amend(CONTRACT, contract, totals=structs.replace(totals, **changed))


def credit(
    ctx: Context,
    contract: Contract,
    holder: str,
    amount: int,
    how: Literal["credited", "restored"] = "credited",
) -> Contract:
    """Raise a holder's claim: accepted components, or finished goods that proved defective."""
    ctx.post(Unit.GV, gclaim(holder, contract.id), gdel(contract.maker, contract.id), amount)
    claim = claim_of(ctx.state, contract.id, holder)
    _put(ctx, structs.replace(claim, gained=claim.gained + amount))
    return _with_totals(ctx, contract, **{how: amount})


def commit(ctx: Context, contract: Contract, holder: str, amount: int, *, field: str = "") -> None:
    """Set part of a claim aside for goods that are called off or on their way.

    Raises ``OVER_OPEN_CLAIM``.
    """
    claim = claim_of(ctx.state, contract.id, holder)
    require_free(claim, amount, field=field)
    _put(ctx, structs.replace(claim, committed=claim.committed + amount))


def free(ctx: Context, contract: Contract, holder: str, amount: int) -> None:
    """Undo :func:`commit`."""
    if amount:
        claim = claim_of(ctx.state, contract.id, holder)
        _put(ctx, structs.replace(claim, committed=claim.committed - amount))


def require_free(claim: Claim, amount: int, *, field: str = "") -> None:
    """Raise ``OVER_OPEN_CLAIM`` unless so much is open and not called off."""
    if amount > claim.free:
        raise CodedError(
            OVER_OPEN_CLAIM,
            f"{amount} is over the limit of the open claim: {claim.free} of {claim.open} is open "
            "and not called off (minor units of goods value)",
            field=field,
        )


def reduce(
    ctx: Context,
    contract: Contract,
    holder: str,
    amount: int,
    how: End,
    *,
    committed: int = 0,
    recovered: bool = False,
) -> Contract:
    """Lower a holder's claim; ``committed`` of it had been set aside.

    ``recovered`` tells that the guarantee counts it already. Raises ``OVER_OPEN_CLAIM``.
    """
    free(ctx, contract, holder, committed)
    claim = claim_of(ctx.state, contract.id, holder)
    require_free(claim, amount)
    ctx.post(Unit.GV, gdel(contract.maker, contract.id), gclaim(holder, contract.id), amount)
    _put(ctx, structs.replace(claim, spent=claim.spent + amount))
    if how not in {"delivered", "converted"}:
        ctx.emit(ClaimEnded(contract.id, holder, contract.maker, how, amount))
    if not recovered:
        _count_received(ctx, contract, holder, amount)
    return _with_totals(ctx, contract, **{how: amount})


def _count_received(ctx: Context, contract: Contract, holder: str, amount: int) -> None:
    """Tell the guarantee how much of a claim that passed by its payments is no longer open."""
    for payment, left in passed_payments(ctx.state, contract.id, holder):
        part = min(amount, left)
        if part:
            payments.received(ctx, payment, part)
            amount -= part


def passed_payments(state: State, contract: bytes, holder: str) -> list[tuple[bytes, int]]:
    """Payments by which a guarantor got its claim, and what of each is left in goods."""
    found = []
    for _, entry in state.scan(PASSED, contract, holder):
        passed = state.get(SUBROGATION, entry.payment)
        if passed is not None:
            found.append((entry.payment, passed.recoverable))
    return found


def transfer_claim(
    ctx: Context,
    contract: Contract,
    holder: str,
    assignee: str,
    amount: int,
    *,
    reason: str,
    guaranteed: bool = False,
) -> Contract:
    """Pass part of a claim to another holder; the event is the maker's notice.

    Raises ``OVER_OPEN_CLAIM`` or ``INVALID_TERMS``.
    """
    if assignee in {holder, contract.maker}:
        raise CodedError(
            INVALID_TERMS,
            "a claim passes to somebody else than its holder and the maker",
            field="assignee",
        )
    source = claim_of(ctx.state, contract.id, holder)
    require_free(source, amount, field="amount")
    ctx.post(Unit.GV, gclaim(assignee, contract.id), gclaim(holder, contract.id), amount)
    _put(ctx, structs.replace(source, spent=source.spent + amount))
    target = claim_of(ctx.state, contract.id, assignee)
    _put(ctx, structs.replace(target, gained=target.gained + amount))
    _count_received(ctx, contract, holder, amount)
    ctx.emit(ClaimAssigned(contract.id, holder, assignee, contract.maker, amount, reason))
    return _with_totals(ctx, contract, guaranteed=amount) if guaranteed else contract


def convert(ctx: Context, contract: Contract, holder: str, amount: int) -> Contract:
    """Turn part of a claim into a receivable in money, one to one. Raises ``OVER_OPEN_CLAIM``."""
    contract = reduce(ctx, contract, holder, amount, "converted")
    owe(ctx, contract, holder, contract.maker, amount, converted=True)
    return contract


def owe(
    ctx: Context,
    contract: Contract,
    creditor: str,
    debtor: str,
    amount: int,
    *,
    converted: bool = False,
) -> bytes:
    """Book a receivable that comes from a contract; returns the debt's id."""
    due = ctx.in_days(ctx.params(BarterParameters).receivable_days)
    debt = create_debt(ctx, creditor, debtor, amount, due, origin=(ORIGIN, contract.id))
    if converted:
        ctx.put(CONVERSION, Conversion(debt), contract.id, creditor, debt)
        ctx.emit(ClaimConverted(contract.id, creditor, debtor, amount, debt))
    return debt


def convert_free(ctx: Context, contract: Contract) -> Contract:
    """Turn everything that is open and not on its way into receivables, holder by holder.

    What passed to a guarantor is recovered through its guarantee, which keeps count of it.
    """
    for claim in list(claims_of(ctx.state, contract.id)):
        left = claim.free
        for payment, recoverable in passed_payments(ctx.state, contract.id, claim.holder):
            part = min(left, recoverable)
            if part:
                payments.convert(ctx, payment, part)
                left -= part
        contract = contract_of(ctx, contract.id)
        if left:
            contract = convert(ctx, contract, claim.holder, left)
    return contract


def claimable(state: State, contract: Contract, holder: str) -> int:
    """What a holder can ask a guarantor for: its free claim, and receivables it turned into."""
    total = claim_of(state, contract.id, holder).free
    for _, entry in state.scan(CONVERSION, contract.id, holder):
        total += outstanding(state, entry.debt)
    return total


def pass_to_guarantor(
    ctx: Context, contract: Contract, holder: str, payment: Payment
) -> tuple[Contract, int]:
    """What a guarantor paid for leaves the holder: goods value first, then receivables from it.

    The goods value passes to the guarantor and is returned; for the rest of ``amount`` the
    guarantee makes the applicant a debtor, so the holder's receivables from this contract shrink.
    """
    claim = claim_of(ctx.state, contract.id, holder)
    goods = min(payment.amount, claim.free)
    if goods:
        contract = transfer_claim(
            ctx,
            contract,
            holder,
            payment.guarantor,
            goods,
            reason="guarantee paid",
            guaranteed=True,
        )
        ctx.put(PASSED, Passed(payment.id), contract.id, payment.guarantor, payment.id)
    rest = payment.amount - goods
    for _, entry in list(ctx.state.scan(CONVERSION, contract.id, holder)):
        part = min(rest, outstanding(ctx.state, entry.debt))
        if part:
            settle_debt(ctx, entry.debt, part, "guarantee")
            rest -= part
    return contract, goods
