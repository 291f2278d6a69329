"""Loans: instalments as debts of the currency, repayment, default, provision and write-off.

Every part of a loan that is released becomes instalments on the dates of the application. Each is a
debt to whoever manages the fund, whose payments go into the pool. An instalment that is still open
so many days after its date is in default: what is open is provided for (``Dr loan-loss / Cr
provision``), repayment reverses that, and only the council gives it up (``Dr provision / Cr
written-off``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import structs

from contracts.currency.debts import create_debt, outstanding, settle_debt
from contracts.currency.origins import Follower, follows_debts
from contracts.currency.records import REQUEST_TABLE, PaymentRequest
from contracts.errors import MOTION_OPEN, NOT_ENTITLED, WRONG_STATE
from contracts.framework.ballot import Ballot, on_decision, open_ballot, open_motion
from contracts.framework.calendar import after_days
from contracts.framework.context import Context
from contracts.framework.operation import transition
from contracts.framework.party import PARTY, Role, holder, holders
from contracts.framework.posting import Unit
from contracts.fund import operations as ops
from contracts.fund.accounts import (
    THE_LOAN_LOSS,
    THE_POOL,
    THE_PROVISION,
    THE_WRITTEN_OFF,
)
from contracts.fund.events import InstalmentChanged
from contracts.fund.firstloss import into_fund, tally_of
from contracts.fund.parameters import FundParameters
from contracts.fund.records import (
    APPLICATION_TABLE,
    INSTALMENT,
    INSTALMENT_OF,
    INSTALMENT_TABLE,
    LOANS_OF,
    TALLY,
    Application,
    Instalment,
    InstalmentState,
    LoanOf,
)
from contracts.register.membership import conflicts, guarantors
from ledger.errors import CodedError
from ledger.state import State

LOAN: Final = "fund.loan"
"""The origin of the debts that loans are."""
WRITE_OFF: Final = "fund.write-off"
_GIVEN_UP: Final = "write-off"


def parts_of(amount: int, dates: int) -> list[int]:
    """Equal instalments in minor units; what division leaves over goes into the last one.

    >>> parts_of(1_000, 3)
    [333, 333, 334]
    """
    part = amount // dates
    return [part] * (dates - 1) + [amount - part * (dates - 1)]


def lend(ctx: Context, application: Application, amount: int) -> tuple[bytes, ...]:
    """Turn a released part of a loan into instalments; their ids.

    Raises ``NOT_ENTITLED`` while nobody manages the fund, or its manager is the borrower.
    """
    manager = holder(ctx.state, Role.FUND)
    if manager is None or manager == application.applicant:
        raise CodedError(NOT_ENTITLED, "the fund needs a manager other than the borrower to lend")
    wait = ctx.params(FundParameters).default_days
    found: list[bytes] = []
    for date, part in zip(application.repay, parts_of(amount, len(application.repay)), strict=True):
        id = ctx.new_id()
        debt = create_debt(
            ctx,
            manager,
            application.applicant,
            part,
            date,
            origin=(LOAN, application.id),
            subject=application.title,
            nettable=False,
        )
        instalment = Instalment(
            id, application.id, application.applicant, debt, part, date,
            InstalmentState.DUE, after_days(max(date, ctx.time), wait),
        )  # fmt: skip
        ctx.open(INSTALMENT, instalment)
        ctx.put(LOANS_OF, LoanOf(id), application.id, id)
        ctx.put(INSTALMENT_OF, LoanOf(id), debt)
        _tell(ctx, instalment)
        found.append(id)
    return tuple(found)


@follows_debts(LOAN)
class Loans(Follower):
    """Payments go into the pool, and the instalment follows what becomes of its debt."""

    @staticmethod
    def payee(state: State, debt: PaymentRequest) -> str:
        """The pool."""
        return THE_POOL

    @staticmethod
    def reduced(ctx: Context, before: PaymentRequest, amount: int, how: str) -> None:
        """Count a repayment. Raises ``NOT_ENTITLED`` if the manager gives a loan up by itself."""
        if how == "credit":
            raise CodedError(NOT_ENTITLED, "only the council writes a loan of the fund off")
        if how in {"succession", _GIVEN_UP}:
            return
        instalment = instalment_of(ctx, before.id)
        came = into_fund(ctx, before, amount, how, THE_POOL)
        tally = tally_of(ctx.state)
        tally = structs.replace(
            tally,
            repaid=tally.repaid + amount,
            not_in_money=tally.not_in_money + amount - came,
        )
        ctx.put(TALLY, tally)
        _repay(ctx, instalment, amount)

    @staticmethod
    def passed(ctx: Context, before: PaymentRequest, successor: bytes) -> None:
        """The instalment goes on as another debt."""
        instalment = instalment_of(ctx, before.id)
        debt = ctx.find(REQUEST_TABLE, successor, what="debt")
        ctx.delete(INSTALMENT_OF, before.id)
        ctx.put(INSTALMENT_OF, LoanOf(instalment.id), successor)
        changed = ctx.amend(INSTALMENT, instalment, debt=successor, borrower=debt.debtor)
        _tell(ctx, changed)

    @staticmethod
    def merged(ctx: Context, before: PaymentRequest) -> None:
        """The manager took the borrower's place, so the debt is gone: a loss, and shown as one."""
        instalment = instalment_of(ctx, before.id)
        if instalment.state is InstalmentState.DUE:
            instalment = default(ctx, instalment)
        _give_up(ctx, instalment)


def _repay(ctx: Context, instalment: Instalment, amount: int) -> None:
    repaid = instalment.repaid + amount
    released = min(instalment.provision, amount)
    if released:
        ctx.post(Unit.SCU, THE_PROVISION, THE_LOAN_LOSS, released)
    changes = {"repaid": repaid, "provision": instalment.provision - released}
    if repaid + instalment.written_off < instalment.amount:
        _tell(ctx, ctx.amend(INSTALMENT, instalment, **changes))
        return
    if instalment.state is InstalmentState.DUE and ctx.time > instalment.due:
        # Repaid before the deadline of the same block: late, but not lost.
        instalment = ctx.go_on(INSTALMENT, instalment, ctx.time)
    _tell(ctx, ctx.move(INSTALMENT, instalment, "repay", **changes))


def default(ctx: Context, instalment: Instalment) -> Instalment:
    """Put an instalment into default and provide for what is open of it."""
    provision = instalment.open
    changed = ctx.move(INSTALMENT, instalment, "default", provision=provision)
    ctx.post(Unit.SCU, THE_LOAN_LOSS, THE_PROVISION, provision)
    _tell(ctx, changed)
    return changed


@transition(ops.ProposeWriteOff)
def propose_write_off(ctx: Context, op: ops.ProposeWriteOff) -> None:
    """Ask the council about what is in default at present."""
    application = ctx.find(
        APPLICATION_TABLE, op.application, what="application", field="application"
    )
    lost = [i for i in instalments(ctx.state, application.id) if i.provision]
    if not lost:
        raise CodedError(WRONG_STATE, "no instalment of this application is in default")
    subject = lost[0].borrower
    if open_motion(ctx, WRITE_OFF, subject) is not None:
        raise CodedError(MOTION_OPEN, "a ballot on this borrower is open", field="application")
    borrower = ctx.state.get(PARTY, subject)
    excluded: list[str] = []
    if borrower is not None:
        excluded += conflicts(ctx, borrower)
        excluded += holders(ctx.state, Role.GUARANTOR, borrower.profile.home)
    parameters = ctx.params(FundParameters)
    open_ballot(
        ctx,
        WRITE_OFF,
        subject,
        terms=(application.id, sum(i.open for i in lost), tuple(i.id for i in lost)),
        reason=op.reason,
        majority=parameters.write_off,
        voters=guarantors(ctx),
        conflicted=excluded,
        due=ctx.in_days(parameters.vote_days),
    )


@on_decision(WRITE_OFF)
def write_off_decided(ctx: Context, ballot: Ballot, passed: bool) -> None:
    """Give up what is still open of the instalments that the council was asked about."""
    if not passed:
        return
    for id in ballot.terms[2]:
        instalment = ctx.find(INSTALMENT_TABLE, id, what="instalment")
        part = outstanding(ctx.state, instalment.debt)
        if instalment.state is not InstalmentState.DEFAULTED or part != instalment.open:
            continue
        settle_debt(ctx, instalment.debt, part, _GIVEN_UP)
        _give_up(ctx, instalment)


def _give_up(ctx: Context, instalment: Instalment) -> None:
    part = instalment.open
    ctx.post(Unit.SCU, THE_PROVISION, THE_WRITTEN_OFF, part)
    tally = tally_of(ctx.state)
    ctx.put(TALLY, structs.replace(tally, written_off=tally.written_off + part))
    _tell(ctx, ctx.move(INSTALMENT, instalment, "write off", written_off=part, provision=0))


def instalments(state: State, application: bytes) -> Iterator[Instalment]:
    """The instalments of an application's loan, in the order of ids."""
    for _, entry in state.scan(LOANS_OF, application):
        found = state.get(INSTALMENT_TABLE, entry.instalment)
        if found is not None:
            yield found


def instalment_of(ctx: Context, debt: bytes) -> Instalment:
    """The instalment that a debt is."""
    entry = ctx.find(INSTALMENT_OF, debt, what="instalment")
    return ctx.find(INSTALMENT_TABLE, entry.instalment, what="instalment")


def _tell(ctx: Context, instalment: Instalment) -> None:
    ctx.emit(
        InstalmentChanged(
            instalment.id,
            instalment.application,
            instalment.borrower,
            instalment.debt,
            instalment.open,
            instalment.state,
        )
    )
