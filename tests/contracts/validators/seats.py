"""A ledger whose guarantors run nodes, for tests of validators."""

from __future__ import annotations

from ledger_in_memory import CALENDAR, CHAIN, Ledger, lei, member

from contracts.codes import COUNTRIES
from contracts.framework.party import Office, PartyKind, Role
from contracts.genesis import application_genesis
from contracts.validators.faults import report_of
from contracts.validators.operations import Card, ReportFault
from contracts.validators.records import NODE, VALIDATORS, Node, NodeState
from ledger.block import VoteKind, sign_vote
from ledger.codec import Struct
from ledger.evidence import double_vote
from ledger.genesis import make_card
from ledger.keys import PrivateKey
from ledger.validators import Validator, ValidatorSet

LANDS = tuple(sorted(COUNTRIES))[:40]


def guarantor(number: int) -> str:
    """The name of a land's guarantor."""
    return f"guarantor{LANDS[number]}"


def vote_key(number: int, generation: int = 0) -> PrivateKey:
    """The vote key of a guarantor's node, one for each generation."""
    return PrivateKey(bytes([number, generation, 7, 7]) * 8)


def entry(number: int, generation: int = 0, address: str = "") -> Validator:
    """A node's entry with the vote key of a generation."""
    return Validator(
        lei(guarantor(number)),
        f"node-{LANDS[number].lower()}",
        LANDS[number],
        vote_key(number, generation).public,
        f"certificate {number}/{generation}".encode(),
        address or f"node-{number}.invalid:7000",
    )


def card(number: int, generation: int = 0, address: str = "") -> Card:
    """The same as a signed card."""
    made = make_card(entry(number, generation, address), vote_key(number, generation))
    v = made.validator
    return Card(v.name, v.country, v.vote_key, v.certificate, v.address, made.signature)


def seated(voting: int, guarantors: int, *parameters: Struct) -> Ledger:
    """A ledger of some guarantors, the first of which run its validators."""
    parties = [
        member("registrar", LANDS[0], kind=PartyKind.INSTITUTION, offices=(Office(Role.REGISTRAR),))
    ]
    parties += [
        member(
            guarantor(n),
            LANDS[n],
            kind=PartyKind.INSTITUTION,
            offices=(Office(Role.GUARANTOR, LANDS[n]),),
        )
        for n in range(guarantors)
    ]
    first = ValidatorSet(0, tuple(entry(n) for n in range(voting)))
    return Ledger(application_genesis(CALENDAR, tuple(parties), *parameters), validators=first)


def sitting(ledger: Ledger) -> ValidatorSet:
    """Who decides the next block."""
    found = ledger.state.get(VALIDATORS)
    assert found is not None
    return found


def parties(ledger: Ledger) -> set[int]:
    """The numbers of the guarantors that decide the next block."""
    seats = {v.party for v in sitting(ledger).validators}
    return {n for n in range(len(LANDS)) if lei(guarantor(n)) in seats}


def node(ledger: Ledger, number: int) -> Node:
    """A guarantor's node."""
    found = ledger.state.get(NODE, lei(guarantor(number)))
    assert found is not None
    return found


def state_of(ledger: Ledger, number: int) -> NodeState:
    """The state of a guarantor's node."""
    return node(ledger, number).state


def next_epoch(ledger: Ledger, most: int = 12) -> None:
    """Empty blocks until the epoch ends."""
    epoch = sitting(ledger).epoch
    for _ in range(most):
        ledger.later(1_000)
        if sitting(ledger).epoch > epoch:
            return
    raise AssertionError("the epoch does not end")


def fault(
    number: int, *, signer: int, epoch: int = 0, view: int = 9, generation: int = 0
) -> ReportFault:
    """The report of two notarize votes that a guarantor's node signed in one view."""
    key = vote_key(number, generation)
    one, other = (
        sign_vote(CHAIN, key, signer, VoteKind.NOTARIZE, epoch, view, bytes([n]) * 32)
        for n in (1, 2)
    )
    return report_of(double_vote(one, other))


def node_signs(number: int, generation: int = 0) -> str:
    """The name under which :func:`ledger_in_memory.key` finds a node's vote key."""
    return f"node:{number}:{generation}"
