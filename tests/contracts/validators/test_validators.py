"""Nodes enter, change and leave at the ends of epochs; proven faults have consequences."""

from __future__ import annotations

from typing import Any

import pytest
from cast import violations
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from ledger_in_memory import CHAIN, Ledger, event, lei
from seats import (
    LANDS,
    card,
    entry,
    fault,
    guarantor,
    next_epoch,
    parties,
    seated,
    sitting,
    state_of,
    vote_key,
)

from contracts.executor import Candidate, read_candidate
from contracts.framework.ballot import BALLOT_TABLE, BallotOpened, Choice
from contracts.framework.operation import Operation, write_operation
from contracts.governance.operations import GuarantorStep, ProposeGuarantor
from contracts.register.operations import CastVote
from contracts.validators.events import EpochEnded, FaultProven
from contracts.validators.operations import (
    JoinValidators,
    LeaveValidators,
    NodeStep,
    ProposeNode,
    RegisterNode,
    RotateNode,
)
from contracts.validators.records import IN_OFFICE, NodeState, ValidatorParameters
from contracts.validators.views import admitted, nodes, offences
from ledger.codec import encode
from ledger.errors import CodedError
from ledger.receipt import Receipt
from ledger.transaction import KeySignature, SignedTransaction, Transaction

S = NodeState


def by_node(ledger: Ledger, number: int, op: Operation, generation: int = 0) -> Candidate:
    """A transaction that a guarantor's node signs with its vote key."""
    ledger.salt += 1
    transaction = Transaction(
        CHAIN,
        lei(guarantor(number)),
        (write_operation(op),),
        ledger.time + 60_000,
        "",
        ledger.salt.to_bytes(8, "big"),
    )
    signatures = (KeySignature(vote_key(number, generation).public, bytes(64)),)
    return read_candidate(CHAIN, encode(SignedTransaction(encode(transaction), signatures)))


def report(ledger: Ledger, number: int, op: Operation, generation: int = 0) -> Receipt:
    execution = ledger.block(by_node(ledger, number, op, generation))
    if execution.dropped:
        raise execution.dropped[0][1]
    return execution.receipts[-1]


def decide(ledger: Ledger, receipt: Receipt, choice: Choice, *voters: int) -> None:
    ballot = event(receipt, BallotOpened)["ballot"]
    for voter in voters:
        ledger.must(guarantor(voter), CastVote(ballot, choice, "" if choice is Choice.YES else "x"))


def test_a_guarantor_enters_as_an_observer_and_votes_from_the_next_epoch() -> None:
    ledger = seated(4, 5)
    ledger.must(guarantor(4), RegisterNode(card(4)))
    assert state_of(ledger, 4) is S.OBSERVING
    assert [n.party for n in admitted(ledger.state)] == [lei(guarantor(4))]
    ledger.must(guarantor(4), JoinValidators())
    assert parties(ledger) == {0, 1, 2, 3}
    next_epoch(ledger)
    assert parties(ledger) == {0, 1, 2, 3, 4}
    assert sitting(ledger).epoch == 1 and state_of(ledger, 4) is S.VOTING
    assert ledger.last is not None
    ended = event(ledger.last.receipts[0], EpochEnded)
    assert (ended["epoch"], ended["validators"], ended["entered"]) == (0, 5, (lei(guarantor(4)),))
    assert violations(ledger.state) == []


def test_an_epoch_lasts_as_long_as_parameters_say() -> None:
    ledger = seated(4, 5, ValidatorParameters(shortest_epoch=9))
    ledger.must(guarantor(4), RegisterNode(card(4)))
    ledger.must(guarantor(4), JoinValidators())
    next_epoch(ledger)
    assert ledger.height == 9
    ledger.must(guarantor(4), LeaveValidators("enough"))
    next_epoch(ledger)
    assert ledger.height == 18


def test_a_new_vote_key_counts_from_the_next_epoch_and_the_old_one_never_again() -> None:
    ledger = seated(4, 4)
    ledger.must(guarantor(2), RotateNode(card(2, 1)))
    assert entry(2) in sitting(ledger).validators
    next_epoch(ledger)
    assert sitting(ledger).validators[2] == entry(2, 1)
    refused = ledger.do(guarantor(2), RotateNode(card(2)))
    assert refused.code == "KEY_IN_USE"
    stolen = ledger.do(guarantor(3), RotateNode(card(3, 0, "elsewhere.invalid:1")))
    assert stolen.applied  # an address alone changes without a new key
    assert violations(ledger.state) == []


def test_a_card_must_be_the_partys_own_and_unlike_all_others() -> None:
    ledger = seated(4, 6)
    assert ledger.do(guarantor(5), RegisterNode(card(4))).code == "BAD_SIGNATURE"
    copied = card(4, 0, entry(0).address)
    refused = ledger.do(guarantor(4), RegisterNode(copied))
    assert (refused.code, refused.field) == ("INVALID_TERMS", "card.address")
    ledger.must(guarantor(4), RegisterNode(card(4)))
    assert ledger.do(guarantor(4), RegisterNode(card(4, 1))).code == "WRONG_STATE"
    assert ledger.do(guarantor(0), RotateNode(card(0))).code == "INVALID_TERMS"


def test_no_change_takes_the_quorum_from_those_that_vote_already() -> None:
    """Of the next set at most f are new or have a new key, so a boundary needs none of them."""
    ledger = seated(7, 20)
    for n in range(7, 20):
        ledger.must(guarantor(n), RegisterNode(card(n)))
        ledger.must(guarantor(n), JoinValidators())
    for n in (1, 3, 5):
        ledger.must(guarantor(n), RotateNode(card(n, 1)))
    while any(n.state is S.JOINING or n.following for n in nodes(ledger.state)):
        before = {v.vote_key for v in sitting(ledger).validators}
        next_epoch(ledger)
        after = sitting(ledger)
        fresh = sum(v.vote_key not in before for v in after.validators)
        assert after.size - fresh >= after.quorum
        assert violations(ledger.state) == []
    assert sitting(ledger).size == 20


def test_a_ledger_grows_from_one_validator_to_thirty_one() -> None:
    ledger = seated(1, 31, ValidatorParameters(shortest_epoch=1))
    for n in range(1, 31):
        ledger.must(guarantor(n), RegisterNode(card(n)))
        ledger.must(guarantor(n), JoinValidators())
    while sitting(ledger).size < 31:
        next_epoch(ledger)
    assert parties(ledger) == set(range(31))
    assert sitting(ledger).quorum == 21
    for n in range(30):
        ledger.must(guarantor(n), LeaveValidators("done"))
    while sitting(ledger).size > 1:
        next_epoch(ledger)
    assert parties(ledger) == {30}
    assert violations(ledger.state) == []


def test_the_last_validators_stay() -> None:
    ledger = seated(4, 4, ValidatorParameters(least_validators=4))
    assert ledger.do(guarantor(0), LeaveValidators("tired")).code == "UNSAFE_CHANGE"
    alone = seated(1, 2)
    assert alone.do(guarantor(0), LeaveValidators("tired")).code == "UNSAFE_CHANGE"


def test_a_proven_fault_ends_the_vote_and_asks_the_council() -> None:
    ledger = seated(4, 4)
    receipt = report(ledger, 0, fault(3, signer=3))
    assert event(receipt, FaultProven)["party"] == lei(guarantor(3))
    (found,) = offences(ledger.state)
    assert (found.party, found.reporter) == (lei(guarantor(3)), lei(guarantor(0)))
    next_epoch(ledger)
    assert parties(ledger) == {0, 1, 2} and state_of(ledger, 3) is S.SUSPENDED
    decide(ledger, receipt, Choice.YES, 0, 1)
    assert state_of(ledger, 3) is S.REMOVED
    assert violations(ledger.state) == []


def test_a_reinstated_node_votes_again_with_another_key_only() -> None:
    ledger = seated(4, 4)
    receipt = report(ledger, 0, fault(3, signer=3))
    next_epoch(ledger)
    decide(ledger, receipt, Choice.NO, 0, 1)
    assert state_of(ledger, 3) is S.OBSERVING
    assert ledger.do(guarantor(3), JoinValidators()).code == "KEY_IN_USE"
    ledger.must(guarantor(3), RotateNode(card(3, 1)))
    ledger.must(guarantor(3), JoinValidators())
    next_epoch(ledger)
    assert parties(ledger) == {0, 1, 2, 3}


def test_more_proven_faults_than_consensus_tolerates_leave_the_set_to_people() -> None:
    ledger = seated(4, 4)
    report(ledger, 0, fault(2, signer=2))
    receipt = report(ledger, 0, fault(3, signer=3))
    next_epoch(ledger)
    assert parties(ledger) == {0, 1, 3}
    assert state_of(ledger, 3) is S.CONVICTED
    ledger.later(60_000)
    assert parties(ledger) == {0, 1, 3}
    decide(ledger, receipt, Choice.YES, 0, 1)
    next_epoch(ledger)
    assert parties(ledger) == {0, 1}


def test_one_key_is_convicted_once_and_forgeries_convict_nobody() -> None:
    ledger = seated(4, 4)
    assert report(ledger, 0, fault(3, signer=2)).code == "BAD_FAULT_PROOF"
    assert report(ledger, 0, fault(3, signer=3, epoch=7)).code == "NOT_FOUND"
    assert report(ledger, 0, fault(3, signer=3)).applied
    assert report(ledger, 1, fault(3, signer=3, view=10)).code == "ALREADY_REPORTED"
    with pytest.raises(CodedError, match="MISSING_SIGNATURES"):
        ledger.do(guarantor(0), fault(3, signer=3, view=11))  # only the node's key reports
    with pytest.raises(CodedError):
        report(ledger, 0, LeaveValidators("stolen"))  # and it may do nothing else


def test_evidence_against_a_retired_key_stays_valid_and_ends_no_vote() -> None:
    ledger = seated(4, 4)
    ledger.must(guarantor(3), RotateNode(card(3, 1)))
    next_epoch(ledger)
    receipt = report(ledger, 0, fault(3, signer=3, epoch=0))
    assert event(receipt, FaultProven)["vote_key"] == vote_key(3).public
    assert state_of(ledger, 3) is S.VOTING
    decide(ledger, receipt, Choice.YES, 0, 1)
    assert state_of(ledger, 3) is S.REMOVING  # the council judges; the rule does not


def test_the_council_rescues_a_guarantor_that_cannot_sign() -> None:
    ledger = seated(4, 4)
    rescue = ProposeNode(lei(guarantor(3)), NodeStep.REPLACE, "keys burnt", card(3, 1))
    receipt = ledger.must(guarantor(0), rescue)
    decide(ledger, receipt, Choice.YES, 0, 1)
    next_epoch(ledger)
    assert entry(3, 1) in sitting(ledger).validators


def test_a_removed_guarantor_stops_voting_with_the_epoch() -> None:
    ledger = seated(4, 4)
    op = ProposeGuarantor(
        lei(guarantor(3)), LANDS[3], GuarantorStep.REMOVE, ledger.height + 12, "agreed"
    )
    receipt = ledger.must("registrar", op)
    decide(ledger, receipt, Choice.YES, 0, 1, 2)
    while state_of(ledger, 3) is S.VOTING:
        ledger.later(1_000)
    next_epoch(ledger)
    assert parties(ledger) == {0, 1, 2} and state_of(ledger, 3) is S.REMOVED


numbers = st.integers(0, 7)
generations = st.integers(0, 3)


class Seats(RuleBasedStateMachine):
    """Guarantors do what they like about their nodes; sets stay coherent and quorums sit."""

    @initialize(voting=st.integers(1, 5), shortest=st.integers(1, 6))
    def begin(self, voting: int, shortest: int) -> None:
        self.ledger = seated(voting, 8, ValidatorParameters(shortest_epoch=shortest))
        self.sets = [sitting(self.ledger)]

    def attempt(self, author: int, op: Any) -> None:
        receipt = self.ledger.do(guarantor(author), op)
        assert receipt.code in {
            "", "KEY_IN_USE", "WRONG_STATE", "NOT_FOUND", "INVALID_TERMS", "UNSAFE_CHANGE",
            "MOTION_OPEN", "NO_VOTERS", "BAD_FAULT_PROOF", "ALREADY_REPORTED",
        }, receipt  # fmt: skip

    @rule(n=numbers, g=generations)
    def register(self, n: int, g: int) -> None:
        self.attempt(n, RegisterNode(card(n, g)))

    @rule(n=numbers, g=generations)
    def rotate(self, n: int, g: int) -> None:
        self.attempt(n, RotateNode(card(n, g)))

    @rule(n=numbers)
    def join(self, n: int) -> None:
        self.attempt(n, JoinValidators())

    @rule(n=numbers)
    def leave(self, n: int) -> None:
        self.attempt(n, LeaveValidators("as it likes"))

    @rule(n=numbers, change=st.sampled_from(NodeStep), g=generations, author=numbers)
    def propose(self, n: int, change: NodeStep, g: int, author: int) -> None:
        shown = card(n, g) if change is NodeStep.REPLACE else None
        self.attempt(author, ProposeNode(lei(guarantor(n)), change, "because", shown))

    @rule(n=numbers, data=st.data())
    def convict(self, n: int, data: st.DataObject) -> None:
        epoch = data.draw(st.integers(0, len(self.sets) - 1))
        for signer, validator in enumerate(self.sets[epoch].validators):
            g = next((g for g in range(4) if vote_key(n, g).public == validator.vote_key), None)
            if g is None:
                continue
            reporter = next(
                (r, h)
                for r in range(8)
                for h in range(4)
                for v in sitting(self.ledger).validators
                if vote_key(r, h).public == v.vote_key
            )
            report(self.ledger, reporter[0], fault(n, signer=signer, epoch=epoch, generation=g),
                   reporter[1])  # fmt: skip

    @rule(yes=st.booleans(), n=numbers)
    def vote(self, yes: bool, n: int) -> None:
        for _, ballot in list(self.ledger.state.scan(BALLOT_TABLE)):
            if ballot.state.value == "open" and lei(guarantor(n)) in ballot.pending:
                choice = Choice.YES if yes else Choice.NO
                self.ledger.must(guarantor(n), CastVote(ballot.id, choice, "so"))

    @rule(blocks=st.integers(1, 7))
    def wait(self, blocks: int) -> None:
        for _ in range(blocks):
            self.ledger.later(1_000)
            self.note()

    def note(self) -> None:
        now = sitting(self.ledger)
        if now.epoch != self.sets[-1].epoch:
            before = {v.vote_key for v in self.sets[-1].validators}
            fresh = sum(v.vote_key not in before for v in now.validators)
            assert now.epoch == self.sets[-1].epoch + 1
            assert fresh <= max(1, now.faults)
            self.sets.append(now)

    @invariant()
    def holds(self) -> None:
        if not hasattr(self, "ledger"):
            return
        self.note()
        assert violations(self.ledger.state) == []
        found = {n.party for n in nodes(self.ledger.state) if n.state in IN_OFFICE}
        assert found and found == {v.party for v in sitting(self.ledger).validators}


TestSeats = Seats.TestCase
TestSeats.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
