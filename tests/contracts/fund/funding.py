"""A joint fund with a manager, an inspector and applicants, for tests."""

from __future__ import annotations

from functools import partial
from typing import Any

from cast import attest, money, vote
from guaranteed import document
from ledger_in_memory import START, STATES, Ledger, event, lei, member, new_ledger

from contracts.accounts import AVAIL
from contracts.framework.ballot import BallotOpened
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.party import Office, Owner, PartyKind, Profile, Role
from contracts.framework.posting import balance_of
from contracts.fund.events import ApplicationChanged, PledgeChanged
from contracts.fund.operations import (
    ApplyForSupport,
    Appraise,
    AttestMilestone,
    CallPledge,
    PayPledge,
    Pledge,
)
from contracts.fund.records import (
    APPLICATION_TABLE,
    PLEDGE_TABLE,
    Application,
    Milestone,
    Support,
    Tranche,
)
from contracts.fund.records import Pledge as PledgeRecord
from contracts.fund.views import whole
from contracts.genesis import GenesisParty
from ledger.codec import Struct
from ledger.receipt import Receipt

FUND, INSPECTOR = "Cluster Fund", "Kama Inspection"
URAL, VOLGA, ALTAI, UNION = "Ural Gear", "Volga Bearings", "Altai Motors", "Union Works"
DAY = MS_PER_DAY
PLAN, REPORT = b"p" * 32, b"r" * 32


def joint_venture() -> GenesisParty:
    """A company of Kazakhstan owned in halves by companies of Russia and Belarus."""
    owners = (Owner(lei(VOLGA), "RU", 5_000), Owner(lei(ALTAI), "BY", 5_000))
    plain = member(UNION, "KZ")
    profile = Profile(UNION, PartyKind.JOINT_VENTURE, "KZ", "KZ", owners)
    return GenesisParty(plain.lei, profile, (), plain.keys, plain.rules)


def fund_ledger(*parameters: Struct, purse: int = 10_000_000) -> Ledger:
    """Guarantors of four states with money, applicants, an inspector and the fund's manager."""
    institution = partial(member, kind=PartyKind.INSTITUTION)
    ledger = new_ledger(
        member(URAL),
        member(VOLGA, "RU"),
        member(ALTAI, "BY"),
        joint_venture(),
        institution(FUND, "CN", offices=(Office(Role.FUND),)),
        institution(INSPECTOR, "CN", offices=(Office(Role.INSPECTOR),)),
        parameters=parameters,
    )
    assert attest(ledger, 1_000_000_000).applied
    for state in STATES:
        money(ledger, f"guarantor{state}", purse)
    return ledger


def pledged(ledger: Ledger, state: str, amount: int) -> bytes:
    """A state's pledge; its id."""
    receipt = ledger.must(f"guarantor{state}", Pledge(state, amount))
    id: bytes = event(receipt, PledgeChanged)["pledge"]
    return id


def paid_in(ledger: Ledger, amount: int = 1_000_000) -> None:
    """Every state pledges, is called and pays the same amount."""
    for state in STATES:
        id = pledged(ledger, state, amount)
        ledger.must(FUND, CallPledge(id, amount, "to begin"))
        ledger.must(f"guarantor{state}", PayPledge(id))


def plan(ledger: Ledger, *amounts: int, days: int = 30) -> tuple[Milestone, ...]:
    """Milestones at equal distances."""
    return tuple(
        Milestone(f"step {n}", amount, ledger.time + n * days * DAY)
        for n, amount in enumerate(amounts, start=1)
    )


def applied(
    ledger: Ledger, *amounts: int, by: str = URAL, repay: tuple[int, ...] = (), **more: Any
) -> bytes:
    """An application; its id. Dates of repayment are in days from now."""
    support = Support.LOAN if repay else Support.GRANT
    dates = tuple(ledger.time + days * DAY for days in repay)
    op = ApplyForSupport(support, "a foundry", PLAN, plan(ledger, *amounts, **more), dates)
    id: bytes = event(ledger.must(by, op), ApplicationChanged)["application"]
    return id


def appraised(ledger: Ledger, id: bytes, score: int = 8_000) -> bytes:
    """The ballot on an application that was given a score."""
    receipt = ledger.must(FUND, Appraise(id, score, REPORT, "sound"))
    ballot: bytes = event(receipt, BallotOpened)["ballot"]
    return ballot


def funded(ledger: Ledger, *amounts: int, by: str = URAL, **more: Any) -> bytes:
    """An application whose money is held; its id."""
    id = applied(ledger, *amounts, by=by, **more)
    ballot = appraised(ledger, id)
    vote(ledger, ballot, *(("CN", "RU", "BY") if by == URAL else ("CN", "KZ"))[:2])
    return id


def attest_step(ledger: Ledger, id: bytes, number: int) -> Receipt:
    """The inspector attests a milestone."""
    tranche = tranches_of(ledger, id)[number]
    return ledger.do(INSPECTOR, AttestMilestone(tranche.id, document(7 + number, INSPECTOR)))


def tranches_of(ledger: Ledger, id: bytes) -> tuple[Tranche, ...]:
    """The tranches of an application."""
    found = whole(ledger.state, id)
    assert found is not None
    return found.tranches


def application(ledger: Ledger, id: bytes) -> Application:
    """The application as it stands."""
    found = ledger.state.get(APPLICATION_TABLE, id)
    assert found is not None
    return found


def pledge_of(ledger: Ledger, id: bytes) -> PledgeRecord:
    """The pledge as it stands."""
    found = ledger.state.get(PLEDGE_TABLE, id)
    assert found is not None
    return found


def available(ledger: Ledger, name: str) -> int:
    """A party's available money."""
    return balance_of(ledger.state, AVAIL.of(lei(name)))


def pass_days(ledger: Ledger, days: int) -> None:
    """Days pass; every deadline that fires is applied."""
    assert ledger.time >= START
    execution = ledger.later(days * DAY)
    assert all(r.applied for r in execution.receipts), execution.receipts
    ledger.later(1)
