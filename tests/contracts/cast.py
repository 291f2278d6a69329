"""Members, keys and money for tests: a small cluster with the reserve attested and money issued."""

from __future__ import annotations

from ledger_in_memory import Ledger, event, lei, member, named_key, new_ledger

from contracts.currency.events import IssueRequested
from contracts.currency.supply_operations import AttestReserve, Issue, RequestIssue
from contracts.framework.ballot import BallotOpened, Choice
from contracts.framework.party import PartyKind, Profile
from contracts.register.operations import Accede, Apply, CastVote, CheckApplication
from contracts.registry import CAPABILITIES
from ledger.codec import Struct
from ledger.policy import ANY, Key, Requirement, Rule
from ledger.receipt import Receipt
from ledger.state import State

URAL, VOLGA, ALTAI = "Ural Gear", "Volga Bearings", "Altai Motors"
EVIDENCE = bytes(range(1, 33))


def money(ledger: Ledger, name: str, amount: int, country: str = "KZ") -> None:
    """Issue money to a member by the ordinary operations."""
    request = ledger.must(name, RequestIssue(country, amount))
    issue = event(request, IssueRequested)["issue"]
    ledger.must(f"issuer{country}", Issue(issue, EVIDENCE))


def attest(ledger: Ledger, amount: int, country: str = "KZ") -> Receipt:
    """Attest a state's reserve, signed by issuer and guarantor."""
    return ledger.do(
        f"issuer{country}",
        AttestReserve(country, amount, EVIDENCE),
        signers=(f"issuer{country}", f"guarantor{country}"),
    )


def funded(*parameters: Struct, amount: int = 1_000_000) -> Ledger:
    """Three members, of whom the first has money."""
    ledger = new_ledger(member(URAL), member(VOLGA), member(ALTAI), parameters=parameters)
    assert attest(ledger, 10_000_000).applied
    money(ledger, URAL, amount)
    return ledger


def application(name: str, *, home: str = "KZ", now: int, keys: tuple[Key, ...] = ()) -> Apply:
    """An application by a national company with one director key."""
    profile = Profile(name, PartyKind.NATIONAL, home, home)
    rules = (Rule(ANY, (Requirement("director", 1),)),)
    return Apply(profile, keys or (named_key(name, now=now),), rules)


def vote(ledger: Ledger, ballot: bytes, *yes: str, choice: Choice = Choice.YES) -> Receipt:
    """Guarantors of some states vote alike; the last receipt."""
    reason = "" if choice is Choice.YES else "not convinced"
    for state in yes:
        receipt = ledger.must(f"guarantor{state}", CastVote(ballot, choice, reason))
    return receipt


def checked(ledger: Ledger, name: str, home: str = "KZ") -> bytes:
    """An application that was found in order; the ballot's id."""
    receipt = ledger.must(
        "registrar",
        CheckApplication(lei(name), True),
        signers=("registrar", f"guarantor{home}"),
    )
    ballot: bytes = event(receipt, BallotOpened)["ballot"]
    return ballot


def admitted(ledger: Ledger, name: str) -> None:
    """A new member, from application to accession."""
    ledger.must(name, application(name, now=ledger.time))
    vote(ledger, checked(ledger, name), "BY", "CN", "KZ")
    ledger.must(name, Accede(EVIDENCE))


def violations(state: State) -> list[str]:
    """Every violated invariant of every capability."""
    return [
        f"{inv.name}: {sentence}"
        for capability in CAPABILITIES
        for inv in capability.invariants
        for sentence in inv.check(state)
    ]
