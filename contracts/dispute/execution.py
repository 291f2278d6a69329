"""Holding contested money, and carrying a ruling out exactly once without the parties' signatures.

The disputed object pays what it can by itself, then the payer's contested money, then its available
money (never its credit line); the shortfall becomes its debt. Whatever else was held goes back.
"""

from __future__ import annotations

from typing import Final

from contracts.accounts import AVAIL
from contracts.currency.debts import create_debt
from contracts.dispute.events import DisputeEnded, MoneyHeld, MoneyReleased, RulingExecuted
from contracts.dispute.interest import leave_case
from contracts.dispute.records import (
    CONTESTED,
    DISPUTE,
    EXECUTION,
    OPEN_DISPUTE,
    Dispute,
    Execution,
    Hold,
    Ruling,
)
from contracts.dispute.subjects import rules_of
from contracts.framework.context import Context
from contracts.framework.posting import Unit, balance_of
from ledger.codec import encode
from ledger.hashing import NO_CHAIN, Tag, digest

ORIGIN: Final = "dispute"
"""The origin of the debts that rulings create."""


def contested_account(owner: str, dispute: Dispute) -> str:
    """Where a party's contested money lies."""
    return CONTESTED.of(owner, dispute.id.hex())


def spendable(ctx: Context, owner: str) -> int:
    """A party's own available money, minor units: its credit line does not count."""
    return max(0, balance_of(ctx.state, AVAIL.of(owner)))


def hold(ctx: Context, dispute: Dispute, owner: str, amount: int) -> Dispute:
    """Hold up to ``amount`` of a party's available money for a dispute."""
    taken = min(amount, spendable(ctx, owner))
    if taken <= 0:
        return dispute
    ctx.post(Unit.SCU, AVAIL.of(owner), contested_account(owner, dispute), taken)
    ctx.emit(MoneyHeld(dispute.id, owner, taken))
    others = tuple(h for h in dispute.holds if h.owner != owner)
    holds = (*others, Hold(owner, dispute.held_of(owner) + taken))
    return ctx.amend(DISPUTE, dispute, holds=holds)


def release_holds(ctx: Context, dispute: Dispute) -> Dispute:
    """Give all contested money back to its owners."""
    for held in dispute.holds:
        account = contested_account(held.owner, dispute)
        ctx.post(Unit.SCU, account, AVAIL.of(held.owner), held.amount)
        ctx.emit(MoneyReleased(dispute.id, held.owner, held.amount))
    return ctx.amend(DISPUTE, dispute, holds=())


def carry_out(ctx: Context, dispute: Dispute, event: str, ruling: Ruling) -> None:
    """Carry a settlement or an award out and end the dispute by ``event``.

    Consent: both parties and whoever heard them, or a tribunal.
    """
    ctx.require_open(DISPUTE, dispute, event)
    if ctx.get(EXECUTION, dispute.id) is not None:
        raise ValueError("a ruling is carried out once")
    payee = dispute.other(ruling.payer)
    by_subject = rules_of(dispute.subject).resolve(ctx, dispute, ruling)
    if not 0 <= by_subject <= ruling.amount:
        raise ValueError("a subject pays no more than the ruling says")
    rest = ruling.amount - by_subject
    dispute, held = _pay_from_held(ctx, dispute, ruling.payer, payee, rest)
    available = min(rest - held, spendable(ctx, ruling.payer))
    if available:
        ctx.post(Unit.SCU, AVAIL.of(ruling.payer), AVAIL.of(payee), available)
    owed = rest - held - available
    if owed:
        create_debt(ctx, payee, ruling.payer, owed, ctx.in_days(1), origin=(ORIGIN, dispute.id))
    dispute = release_holds(ctx, dispute)
    ctx.put(
        EXECUTION,
        Execution(dispute.id, ruling, ruling.amount, by_subject, held, available, owed, ctx.time),
        dispute.id,
    )
    ctx.move(DISPUTE, dispute, event)
    forget(ctx, dispute)
    ctx.emit(
        RulingExecuted(
            dispute.id,
            ruling.payer,
            payee,
            ruling.amount,
            by_subject,
            held,
            available,
            owed,
        )
    )


def _pay_from_held(
    ctx: Context, dispute: Dispute, payer: str, payee: str, amount: int
) -> tuple[Dispute, int]:
    held = dispute.held_of(payer)
    paid = min(amount, held)
    if not paid:
        return dispute, 0
    ctx.post(Unit.SCU, contested_account(payer, dispute), AVAIL.of(payee), paid)
    holds = tuple(h for h in dispute.holds if h.owner != payer)
    if held > paid:
        holds = (*holds, Hold(payer, held - paid))
    return ctx.amend(DISPUTE, dispute, holds=holds), paid


def close(ctx: Context, dispute: Dispute, event: str, why: str) -> None:
    """End a dispute without a ruling: everything is as if it had not been opened."""
    dispute = ctx.move(DISPUTE, release_holds(ctx, dispute), event)
    rules_of(dispute.subject).thaw(ctx, dispute)
    forget(ctx, dispute)
    ctx.emit(DisputeEnded(dispute.id, dispute.claimant, dispute.respondent, why))


def open_key(dispute: Dispute) -> bytes:
    """Under which a dispute stands in the index of open ones, 32 bytes.

    About one object, two parties have one open dispute; bare claims stand each for itself.
    """
    subject = dispute.subject
    about = dispute.id if subject.id is None else subject.id
    content = (subject.kind, about, *sorted(dispute.parties))
    return digest(Tag.OBJECT, NO_CHAIN, encode(("dispute", *content)))


def forget(ctx: Context, dispute: Dispute) -> None:
    """Take an ended dispute out of the index of open ones, and off its arbitrator's cases."""
    ctx.delete(OPEN_DISPUTE, open_key(dispute))
    if dispute.arbitrator is not None:
        leave_case(ctx, dispute.arbitrator)
