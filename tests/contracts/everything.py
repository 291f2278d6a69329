"""One cluster in which every capability is in use at once, for tests."""

from __future__ import annotations

from functools import cache, partial

from bartering import active, terms_at
from cast import EVIDENCE, attest, money
from ledger_in_memory import STATES, Ledger, event, lei, member, new_ledger

from contracts.barter.offers import Offer
from contracts.capacity import CapacityParameters
from contracts.currency.events import PaymentRequested
from contracts.currency.line_operations import AcceptLine, OfferLine
from contracts.currency.operations import AcceptRequest, OpenEscrow, RequestPayment
from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.party import Office, Owner, PartyKind, Profile, Role
from contracts.fund.events import PledgeChanged
from contracts.fund.operations import CallPledge, PayPledge, Pledge
from contracts.genesis import GenesisParty
from contracts.guarantee.events import GuaranteeDrafted
from contracts.guarantee.operations import (
    DraftGuarantee,
    IssueGuarantee,
    PostCapacity,
    PostCollateral,
)
from contracts.guarantee.records import Underlying
from contracts.netting.operations import GiveMandate
from ledger.state import MemoryMap

GEAR, LOOMS, MOTORS, OPTICS, UNION = (
    "Ural Gear", "Minsk Looms", "Altai Motors", "Brest Optics", "Union Works",
)  # fmt: skip
MEMBERS = {GEAR: "RU", LOOMS: "BY", MOTORS: "KZ", OPTICS: "BY", UNION: "KZ"}
OFFICES = {
    "Kama Inspection": Office(Role.INSPECTOR),
    "Mediator": Office(Role.MEDIATOR),
    "Arbiter One": Office(Role.ARBITRATOR),
    "Arbiter Two": Office(Role.ARBITRATOR),
    "Clearing House": Office(Role.NETTING),
    "Cluster Fund": Office(Role.FUND),
    "Auditor": Office(Role.AUDITOR),
    **{f"customs{state}": Office(Role.CUSTOMS, state) for state in STATES},
}
APPLICANTS = ("Ishim Castings", "Tian Foundry")
NAMES = (
    *MEMBERS, *OFFICES, *APPLICANTS, "registrar", "tribunal",
    *(f"{role}{state}" for role in ("guarantor", "issuer") for state in STATES),
)  # fmt: skip
DAY = MS_PER_DAY


def _union() -> GenesisParty:
    owners = (Owner(lei(GEAR), "RU", 5_000), Owner(lei(LOOMS), "BY", 5_000))
    plain = member(UNION, "KZ")
    profile = Profile(UNION, PartyKind.JOINT_VENTURE, "KZ", "KZ", owners)
    return GenesisParty(plain.lei, profile, (), plain.keys, plain.rules)


def _owe(ledger: Ledger, debtor: str, creditor: str, amount: int, days: int) -> bytes:
    asked = RequestPayment(lei(debtor), amount, ledger.time + days * DAY, "gears")
    debt: bytes = event(ledger.must(creditor, asked), PaymentRequested)["request"]
    ledger.must(debtor, AcceptRequest(debt))
    return debt


@cache
def _opened() -> Ledger:
    institution = partial(member, kind=PartyKind.INSTITUTION)
    ledger = new_ledger(
        *(member(name, home) for name, home in MEMBERS.items() if name != UNION),
        _union(),
        *(institution(n, o.scope or "CN", offices=(o,)) for n, o in OFFICES.items()),
        parameters=(CapacityParameters(collateral_ratio=0),),
    )
    for state in STATES:
        assert attest(ledger, 100_000_000, state).applied
        guarantor = f"guarantor{state}"
        money(ledger, guarantor, 200_000, state)
        ledger.must(guarantor, PostCapacity(1_000_000, EVIDENCE))
        ledger.must(guarantor, PostCollateral(20_000))
        pledge = event(ledger.must(guarantor, Pledge(state, 50_000)), PledgeChanged)["pledge"]
        ledger.must("Cluster Fund", CallPledge(pledge, 50_000, "to begin"))
        ledger.must(guarantor, PayPledge(pledge))
    for name, home in MEMBERS.items():
        if name != OPTICS:
            money(ledger, name, 40_000, home)
        ledger.must(name, GiveMandate(0))
    ledger.must("guarantorBY", OfferLine(lei(OPTICS), 5_000))
    ledger.must(OPTICS, AcceptLine(lei("guarantorBY")))
    small = partial(
        terms_at,
        components=((60, 30), (60, 60)),
        goods=((12, 90), (12, 120)),
        maker_cover=60_000,
        supplier_cover=1_000,
    )
    active(ledger, small(ledger.time + 5 * DAY))
    ledger.must(MOTORS, Offer(lei(LOOMS), small(ledger.time + 9 * DAY), ledger.time + 5 * DAY))
    for debtor, creditor in ((GEAR, LOOMS), (LOOMS, MOTORS), (MOTORS, GEAR), (OPTICS, GEAR)):
        for part in (1, 2):
            debt = _owe(ledger, debtor, creditor, 700 * part, 20 * part)
    op = DraftGuarantee(lei("guarantorBY"), lei(GEAR), 900, Underlying("debt", debt))
    id = event(ledger.must(OPTICS, op), GuaranteeDrafted)["guarantee"]
    ledger.must("guarantorBY", IssueGuarantee(id))
    expires = ledger.time + 40 * DAY
    ledger.must(MOTORS, OpenEscrow(lei(GEAR), 500, lei("Kama Inspection"), "gears", expires))
    return ledger


def everything() -> Ledger:
    """A fresh copy of the cluster: a running barter contract, an offer, debts in a circle, a line
    drawn by nobody yet, guarantees, an escrow, a paid-in fund, clearing mandates.
    """
    made = _opened()
    copy = Ledger(made.genesis)
    copy.base = MemoryMap(dict(made.base.scan(b"")))
    copy.time, copy.height, copy.salt = made.time, made.height, made.salt
    copy.recorded, copy.receipts = set(made.recorded), list(made.receipts)
    return copy
