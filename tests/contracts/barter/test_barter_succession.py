"""Barter when a party's standing changes: contracts end by their terms or pass to a successor."""

from __future__ import annotations

import pytest
from bartering import (
    DAY,
    GEAR,
    LOOMS,
    MOTORS,
    active,
    contract,
    credited,
    document,
    free,
    lot,
    offered,
    ship,
    terms_at,
    violations,
    world,
)
from cast import EVIDENCE, vote
from ledger_in_memory import CHAIN, Ledger, event, lei

from contracts.barter.inspection import AcceptLot, Arrive
from contracts.barter.invariants import hash_mismatches
from contracts.barter.records import ContractState
from contracts.barter.terms import OnExclusion
from contracts.currency.debts import debts_to
from contracts.framework.ballot import BallotOpened
from contracts.framework.party import PARTY, Standing
from contracts.guarantee.records import GUARANTEE_TABLE
from contracts.register.leaving_records import SuccessionGround
from contracts.register.operations import Leave, OrderSuspension
from contracts.register.succession import ProposeSuccession


def succeed(ledger: Ledger, party: str, successor: str, *yes: str) -> None:
    """The council agrees that another takes a party's place."""
    deed = document("inspector")
    op = ProposeSuccession(
        lei(party), lei(successor), SuccessionGround.INSOLVENCY, "by court order", (deed,)
    )
    receipt = ledger.must("registrar", op, signers=("registrar", successor))
    vote(ledger, event(receipt, BallotOpened)["ballot"], *(yes or ("BY", "CN", "RU")))
    ledger.later(1_000)
    ledger.later(1_000)


def sound(ledger: Ledger) -> None:
    assert violations(ledger.state) == []
    assert list(hash_mismatches(ledger.state, CHAIN)) == []


@pytest.mark.parametrize("party", [GEAR, LOOMS])
def test_a_successor_steps_into_a_running_contract(party: str) -> None:
    ledger = world()
    id = active(ledger).id
    credited(ledger, id, 50)
    sent = ship(ledger, id, 30)
    succeed(ledger, party, MOTORS)
    now = contract(ledger, id)
    assert lei(MOTORS) in now.parties and lei(party) not in now.parties
    assert now.state in {ContractState.ACTIVE, ContractState.PARTIAL}
    holder = MOTORS if party == GEAR else GEAR
    assert free(ledger, id, holder) == 50_000
    for cover in (now.maker_cover, now.supplier_cover):
        assert cover is not None
        guarantee = ledger.state.get(GUARANTEE_TABLE, cover)
        assert guarantee is not None
        assert {guarantee.applicant, guarantee.beneficiary} == set(now.parties)
    sound(ledger)
    receiver = MOTORS if party == LOOMS else LOOMS
    ledger.must(receiver, Arrive(sent.id))
    ledger.must(receiver, AcceptLot(sent.id, lot(ledger, sent.id).quantity))
    assert free(ledger, id, holder) == 80_000
    sound(ledger)
    ledger.later(31 * DAY)
    gone = ledger.state.get(PARTY, lei(party))
    assert gone is not None and gone.state is Standing.CLOSED
    sound(ledger)


def test_a_contract_whose_sides_become_one_party_ends() -> None:
    ledger = world()
    id = active(ledger).id
    credited(ledger, id, 50)
    succeed(ledger, GEAR, LOOMS, "CN", "KZ", "RU")
    assert contract(ledger, id).state is ContractState.TERMINATED
    assert list(debts_to(ledger.state, lei(GEAR))) == []
    assert list(debts_to(ledger.state, lei(LOOMS))) == []
    sound(ledger)


def test_offers_fall_through_with_a_suspension() -> None:
    ledger = world()
    id = offered(ledger).id
    ledger.must("tribunal", OrderSuspension(lei(GEAR), "order 7", EVIDENCE))
    ledger.later(1_000)
    assert contract(ledger, id).state is ContractState.LAPSED
    sound(ledger)


@pytest.mark.parametrize(
    ("clause", "state"),
    [
        (OnExclusion.TERMINATE, ContractState.TERMINATED),
        (OnExclusion.CONTINUE, ContractState.ACTIVE),
    ],
)
def test_a_run_off_ends_contracts_whose_terms_say_so(
    clause: OnExclusion, state: ContractState
) -> None:
    ledger = world()
    terms = terms_at(ledger.time + 5 * DAY, on_exclusion=clause)
    id = active(ledger, terms).id
    ledger.must(LOOMS, Leave())
    ledger.later(1_000)
    assert contract(ledger, id).state is state
    sound(ledger)
