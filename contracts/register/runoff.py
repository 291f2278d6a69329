"""Run-off: what a leaving member owes is paid, then its loss is borne layer by layer.

While a run-off lasts, every review pays what is due from the member's own balance (against its
claims on the same creditor first, then from money, then from its contribution), oldest first. After
``loss_days`` everything falls due and what is lacking is determined once: own balance, own
contribution, the home guarantor, the fund's first loss, other members' contributions up to a cap;
the rest is a loss, which creditors bear in proportion. Every layer is recorded and told.

Rounding: each creditor's share is rounded down; what that leaves goes back to the guarantor as far
as it paid, else to the member. Each other member's part is the difference of cumulated shares in
order of LEIs, so that the parts sum up exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, NamedTuple

from msgspec import Meta, structs

from contracts.accounts import AVAIL, CONTRIBUTION, PAY, REC
from contracts.capacity import COLLATERAL, capacity_of
from contracts.currency.debts import (
    PAYMENT,
    debts_between,
    debts_by,
    debts_to,
    outstanding,
    pass_debt,
    pay_debt,
    require_unfrozen,
    settle_debt,
)
from contracts.currency.events import RequestChanged
from contracts.currency.origins import follower_of
from contracts.currency.records import DUE, REQUEST, PaymentRequest
from contracts.errors import DEBT_FROZEN, NOT_ENTITLED, WRONG_STATE
from contracts.framework.authority import holder_of, member
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.context import Context
from contracts.framework.machine import ITEM, machines
from contracts.framework.operation import Operation, operation, transition
from contracts.framework.party import HOLDERS, PARTY, Party, Right, Role, Standing, holder
from contracts.framework.posting import Unit, accounts_of, balance_of, entry, kind_of
from contracts.framework.types import BASIS_POINTS, Lei
from contracts.register.events import LossDetermined, LossShared
from contracts.register.hooks import cover_loss, on_standing_change
from contracts.register.leaving_records import (
    LOSS,
    RUN_OFF,
    SHARING,
    WINDUP,
    LeavingParameters,
    RunOff,
    Sharing,
    SharingState,
)
from contracts.register.records import MEMBERSHIP
from ledger.errors import CodedError
from ledger.state import State

_LASTING = frozenset({REQUEST.name, MEMBERSHIP.name, "guarantee"})
_CONTESTED = frozenset({"disputed", "contested"})
SET_OFF, SHARE, WRITE_OFF = "set-off", "share", "loss"
"""Ways in which a run-off extinguishes debts, besides payment."""


@operation(
    policy="membership",
    by=member(Right.MANAGE) | holder_of(Role.REGISTRAR),
    posts=(
        entry("member", CONTRIBUTION, "member", AVAIL),
        entry("member", AVAIL, "creditor", AVAIL),
        entry("guarantor", AVAIL, "member", AVAIL),
        entry("member", AVAIL, "member", WINDUP),
        entry("member", WINDUP, "creditor", AVAIL),
        entry("state", LOSS, "member", AVAIL),
        entry("guarantor", COLLATERAL, "member", AVAIL),
        entry("other members", CONTRIBUTION, "member", AVAIL),
        entry("debtor", PAY, "creditor", REC),
    ),
    emits=(LossDetermined, RequestChanged),
    errors=(NOT_ENTITLED, WRONG_STATE),
    text={
        "en": "Settle what can be settled in the run-off of {party}",
        "ru": "Провести расчёты при выходе {party}",
        "zh": "结算 {party} 退出清理中的款项",
    },
)
class WindUp(Operation, tag="register.WindUp"):
    """Take a run-off a step further now, instead of at its next monthly review.

    Debts that are due are paid from what the member has. Once the time for it has come, its losses
    are determined and shared.
    """

    party: Annotated[Lei, Meta(description="Whose run-off.")]


@transition(WindUp)
def wind_up_now(ctx: Context, op: WindUp) -> None:
    """Do what a review does, apart from closing."""
    party = ctx.party(op.party, field="party")
    if ctx.author != party.lei and not ctx.party(ctx.author).holds(Role.REGISTRAR):
        raise CodedError(NOT_ENTITLED, "only the party itself and the registrar may do this")
    if party.state is not Standing.RUN_OFF:
        raise CodedError(WRONG_STATE, f"{party.lei} is {party.state.value}, not in run-off")
    wind_up(ctx, party)


@on_standing_change
def run_off_begins(ctx: Context, before: Party, after: Party) -> None:
    """Remember when a run-off began and from where."""
    if after.state is Standing.RUN_OFF:
        floor = min(0, balance_of(ctx.state, AVAIL.of(after.lei)))
        ctx.put(RUN_OFF, RunOff(after.lei, ctx.time, floor), after.lei)


def wind_up(ctx: Context, party: Party) -> None:
    """Pay what is due from a leaving member's own means; determine its loss when it is time."""
    run = ctx.get(RUN_OFF, party.lei)
    if run is None or run.sharing is not None:
        return
    days = ctx.params(LeavingParameters).loss_days
    final = ctx.time > run.began + days * MS_PER_DAY
    pay_own(ctx, party.lei, everything=final)
    if final and not _waits(ctx.state, party.lei):
        determine_loss(ctx, party, run)


def owed_by(state: State, lei: str) -> int:
    """Everything that a party owes, in minor units."""
    return sum(
        balance.amount for account, _, balance in accounts_of(state, lei) if kind_of(account) is PAY
    )


def _waits(state: State, lei: str) -> bool:
    """Whether something is open that will end and may change what the party owes or has.

    A debt matters only while it is contested; a guarantee, which may last for years, does not: what
    it leads to later is another loss. What rests without a limit, or is reviewed again and again,
    would be waited for in vain.
    """
    for _, item in state.scan(ITEM, lei):
        if item.machine in _LASTING:
            if item.state in _CONTESTED:
                return True
            continue
        machine = machines()[item.machine]
        standing = machine.states(item.state)
        limit = machine.limits.get(standing)
        ends = limit is not None and machine.target(standing, limit.event) is not standing
        if ends or (standing in machine.rests and item.state in _CONTESTED):
            return True
    return False


# Own means


def pay_own(ctx: Context, lei: str, *, everything: bool) -> None:
    """Set off and pay what is due (or everything) from a party's own means, oldest first."""
    batch = ctx.params(LeavingParameters).batch
    debts = sorted(islice(debts_by(ctx.state, lei), batch), key=_age)
    due = [debt for debt in debts if everything or debt.payable < ctx.time]
    for debt in due:
        _set_off(ctx, debt, everything=everything)
    lacking = sum(_free(ctx.state, debt) for debt in due) - _money(ctx.state, lei)
    contribution = min(lacking, balance_of(ctx.state, CONTRIBUTION.of(lei)))
    if contribution > 0:
        ctx.post(Unit.SCU, CONTRIBUTION.of(lei), AVAIL.of(lei), contribution)
    for debt in due:
        part = min(_free(ctx.state, debt), _money(ctx.state, lei))
        if part > 0:
            pay_debt(ctx, debt.id, part)


def _age(debt: PaymentRequest) -> tuple[int, str, bytes]:
    return debt.payable, debt.creditor, debt.id


def _money(state: State, lei: str) -> int:
    return max(0, balance_of(state, AVAIL.of(lei)))


def _free(state: State, debt: PaymentRequest) -> int:
    """What of a debt may be settled now: nothing if it is contested or a cycle has frozen it."""
    left = outstanding(state, debt.id)
    if debt.state not in DUE or left < 1:
        return 0
    try:
        require_unfrozen(state, debt)
    except CodedError as error:
        if error.code is not DEBT_FROZEN:
            raise
        return 0
    return left


def _set_off(ctx: Context, debt: PaymentRequest, *, everything: bool) -> None:
    """Set a debt off against what its creditor owes in return."""
    for claim in list(islice(debts_between(ctx.state, debt.creditor, debt.debtor), 100)):
        part = min(_free(ctx.state, debt), _free(ctx.state, claim))
        if part > 0 and (everything or claim.payable < ctx.time):
            settle_debt(ctx, debt.id, part, SET_OFF)
            settle_debt(ctx, claim.id, part, SET_OFF)


# The loss


class _Layers(NamedTuple):
    """What each layer pays, in minor units."""

    contribution: int
    guarantor: str
    guarantor_paid: int
    fund: int
    others: int


def determine_loss(ctx: Context, party: Party, run: RunOff) -> None:
    """Draw the layers of the waterfall and begin to share out what they gave."""
    lei = party.lei
    owed = owed_by(ctx.state, lei)
    avail = balance_of(ctx.state, AVAIL.of(lei))
    lacking = max(0, owed - avail)
    if owed == 0 and avail >= 0:
        return
    layers = _draw(ctx, party, run, lacking)
    covered = layers.contribution + layers.guarantor_paid + layers.fund + layers.others
    after = balance_of(ctx.state, AVAIL.of(lei))
    if after < 0:
        ctx.post(Unit.SCU, LOSS.of(party.profile.home), AVAIL.of(lei), -after)
    pool = max(0, min(after, owed))
    if pool:
        ctx.post(Unit.SCU, AVAIL.of(lei), WINDUP.of(lei), pool)
    sharing = Sharing(
        id=ctx.new_id(),
        lei=lei,
        began=ctx.time,
        owed=owed,
        overdrawn=max(0, -avail),
        own=max(0, min(avail, owed)),
        **layers._asdict(),
        loss=lacking - covered,
        pool=pool,
        state=SharingState.SHARING,
        due=ctx.time,
    )
    ctx.open(SHARING, sharing)
    others = run.others + layers.others
    ctx.put(RUN_OFF, structs.replace(run, sharing=sharing.id, others=others), lei)
    ctx.emit(
        LossDetermined(
            sharing.id,
            lei,
            owed,
            sharing.overdrawn,
            sharing.own,
            sharing.contribution,
            sharing.guarantor or lei,
            sharing.guarantor_paid,
            sharing.fund,
            sharing.others,
            sharing.loss,
        )
    )


def _draw(ctx: Context, party: Party, run: RunOff, lacking: int) -> _Layers:
    """Credit the member with what every layer gives, in their order."""
    lei = party.lei
    contribution = min(lacking, balance_of(ctx.state, CONTRIBUTION.of(lei)))
    if contribution:
        ctx.post(Unit.SCU, CONTRIBUTION.of(lei), AVAIL.of(lei), contribution)
    lacking -= contribution
    guarantor = holder(ctx.state, Role.GUARANTOR, party.profile.home) or ""
    paid = 0 if guarantor in {"", lei} else _draw_guarantor(ctx, guarantor, lei, lacking)
    lacking -= paid
    fund = cover_loss(ctx, lei, lacking) if lacking else 0
    lacking -= fund
    # Others bear one member's run-off once, whatever comes up later.
    others = _draw_others(ctx, lei, lacking) if lacking and not run.others else 0
    return _Layers(contribution, guarantor, paid, fund, others)


def _draw_guarantor(ctx: Context, guarantor: str, lei: str, lacking: int) -> int:
    """What a home guarantor pays: its money, then collateral that its promises do not need."""
    limit = ctx.params(LeavingParameters).guarantor_limit
    bound = min(lacking, limit) if limit else lacking
    cash = min(bound, _money(ctx.state, guarantor))
    if cash:
        ctx.post(Unit.SCU, AVAIL.of(guarantor), AVAIL.of(lei), cash)
    capacity = capacity_of(ctx.state, guarantor)
    spare = max(0, capacity.collateral - capacity.collateral_needed)
    collateral = min(bound - cash, spare)
    if collateral:
        ctx.post(Unit.SCU, COLLATERAL.of(guarantor), AVAIL.of(lei), collateral)
    return cash + collateral


def _draw_others(ctx: Context, lei: str, lacking: int) -> int:
    """What other members' contributions pay: each up to the cap, in proportion to it."""
    cap = ctx.params(LeavingParameters).others_cap
    bounds = [
        (other, bound)
        for other, contribution in _contributions(ctx.state, lei)
        if (bound := contribution * cap // BASIS_POINTS)
    ]
    total = sum(bound for _, bound in bounds)
    drawn = min(total, lacking)
    before = 0
    for other, bound in bounds:
        part = (before + bound) * drawn // total - before * drawn // total
        before += bound
        if part:
            ctx.post(Unit.SCU, CONTRIBUTION.of(other), AVAIL.of(lei), part)
    return drawn


def _contributions(state: State, but: str) -> Iterator[tuple[str, int]]:
    """The contributions of members that stay, in order of LEIs."""
    for _, party in list(state.scan(PARTY)):
        if party.lei != but and party.state in HOLDERS and party.state is not Standing.RUN_OFF:
            yield party.lei, balance_of(state, CONTRIBUTION.of(party.lei))


# Sharing out


@SHARING.on_lapse("finish")
def share_out(ctx: Context, sharing: Sharing) -> None:
    """Pay creditors their shares, as many debts as one block may, and write off the rest."""
    batch = ctx.params(LeavingParameters).batch
    settled = 0
    debts = list(islice(debts_by(ctx.state, sharing.lei), batch))
    for debt in debts:
        left = outstanding(ctx.state, debt.id)
        if left < 1 or debt.since > sharing.began:
            continue
        share = min(left * sharing.pool // sharing.owed, sharing.pool - sharing.paid)
        if share:
            payee = follower_of(debt).payee(ctx.state, debt)
            ctx.post(Unit.SCU, WINDUP.of(sharing.lei), payee, share)
            settle_debt(ctx, debt.id, share, PAYMENT if share == left else SHARE)
        if left > share:
            settle_debt(ctx, debt.id, left - share, WRITE_OFF)
        sharing = structs.replace(
            sharing,
            paid=sharing.paid + share,
            written_off=sharing.written_off + left - share,
        )
        settled += 1
    if settled and len(debts) == batch:
        ctx.go_on(SHARING, _stored(ctx, sharing), ctx.time, **_counts(sharing))
    else:
        _finish(ctx, sharing)


def _stored(ctx: Context, sharing: Sharing) -> Sharing:
    return ctx.find(SHARING.table, sharing.id, what="loss sharing")


def _counts(sharing: Sharing) -> dict[str, int]:
    return {"paid": sharing.paid, "written_off": sharing.written_off}


def _finish(ctx: Context, sharing: Sharing) -> None:
    """Give back what rounding left; the guarantor's recourse are the member's own claims."""
    lei = sharing.lei
    rest = balance_of(ctx.state, WINDUP.of(lei))
    to_guarantor = min(rest, sharing.guarantor_paid)
    if to_guarantor:
        ctx.post(Unit.SCU, WINDUP.of(lei), AVAIL.of(sharing.guarantor), to_guarantor)
    if rest > to_guarantor:
        ctx.post(Unit.SCU, WINDUP.of(lei), AVAIL.of(lei), rest - to_guarantor)
    done = ctx.move(SHARING, _stored(ctx, sharing), "finish", returned=rest, **_counts(sharing))
    run = ctx.get(RUN_OFF, lei)
    if run is not None:
        ctx.put(RUN_OFF, structs.replace(run, sharing=None), lei)
    _take_recourse(ctx, done, done.guarantor_paid - to_guarantor)
    ctx.emit(LossShared(done.id, lei, done.paid, done.written_off, rest))


def _take_recourse(ctx: Context, sharing: Sharing, bound: int) -> None:
    """Pass the member's own claims, oldest first, to the guarantor, as far as it paid."""
    batch = ctx.params(LeavingParameters).batch
    for claim in sorted(islice(debts_to(ctx.state, sharing.lei), batch), key=_age):
        amount = _free(ctx.state, claim)
        if amount == claim.remaining and 0 < amount <= bound:
            pass_debt(ctx, claim.id, creditor=sharing.guarantor)
            bound -= amount
