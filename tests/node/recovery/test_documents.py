"""Whatever becomes of the ceremony's files, only what all survivors signed is ever applied."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from ledger.block import SignerSignature, VoteKind, sign_vote
from ledger.codec import encode
from ledger.errors import CodedError
from ledger.store.chain import Store
from ledger.store.memory import MemoryEnvironment
from node.opening import OpenNode
from node.recovery import ceremony
from node.recovery.documents import (
    Recovery,
    Statement,
    combine,
    read_recovery,
    read_statement,
    stated,
    with_signatures,
)
from node.recovery.faults import signed_both
from node.recovery.hearing import audit
from node.sim.turnover import Turnover, vote_key
from tests.sim.disaster import height, hide, killed, opened


class Held(NamedTuple):
    """Four of seven survive; what they made, and the disk of the one that lags most."""

    world: Turnover
    nodes: list[OpenNode]
    statements: list[Statement]
    made: Recovery
    copies: list[Recovery]
    complete: Recovery
    disk: MemoryEnvironment

    def store(self) -> Store:
        """A disk of its own for one try."""
        return Store(copy.deepcopy(self.disk))


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Held:
    folder = tmp_path_factory.mktemp("ceremony")
    world = killed(5, 7, 4_000)
    survivors = world.machines[1:5]
    nodes = [opened(machine, folder) for machine in survivors]
    statements = [ceremony.state(node) for node in nodes]
    longest, slowest = max(survivors, key=height), min(survivors, key=height)
    made = ceremony.propose(longest.store, statements, "flood", world.clock)
    copies = [ceremony.sign(node, made, world.clock) for node in nodes]
    disk = slowest.store.environment
    assert isinstance(disk, MemoryEnvironment)
    return Held(world, nodes, statements, made, copies, combine(copies), disk)


def refused(store: Store, recovery: Recovery) -> bool:
    """Whether a disk stays as it is."""
    before = store.head
    try:
        ceremony.apply(store, recovery)
    except CodedError:
        assert store.head == before
        return True
    return False


def test_files_are_read_as_they_were_written(held: Held) -> None:
    assert read_recovery(encode(held.complete)) == held.complete
    assert [read_statement(encode(one)) for one in held.statements] == held.statements


@given(data=st.data())
@settings(deadline=None)
def test_copies_combine_in_any_order_and_number(held: Held, data: st.DataObject) -> None:
    taken = data.draw(
        st.lists(st.sampled_from([held.made, *held.copies, held.complete]), min_size=1)
    )
    joined = combine(taken)
    signers = {entry.signer for one in taken for entry in one.signatures}
    assert {entry.signer for entry in joined.signatures} == signers
    assert joined == combine(taken[::-1]) == combine([joined, *taken])
    if len(signers) == len(held.copies):
        assert joined == held.complete


@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_it_takes_every_survivors_genuine_signature_and_no_others(
    held: Held, data: st.DataObject
) -> None:
    genuine = list(held.complete.signatures)
    header, view = held.made.header, held.made.view

    def signed(signer: int, kind: VoteKind, at: int, epoch: int) -> SignerSignature:
        key = vote_key(signer, 0)
        vote = sign_vote(header.chain_id, key, signer, kind, epoch, at, header.hash())
        return SignerSignature(signer, vote.signature)

    others = [
        *(signed(lost, VoteKind.RECOVER, view, header.epoch) for lost in (0, 5, 6)),
        *(signed(s, VoteKind.FINALIZE, view, header.epoch) for s in held.made.survivors),
        *(signed(s, VoteKind.RECOVER, view + 1, header.epoch) for s in held.made.survivors),
        *(signed(s, VoteKind.RECOVER, view, header.epoch + 1) for s in held.made.survivors),
        *(SignerSignature(s, bytes(64)) for s in held.made.survivors),
    ]
    chosen = data.draw(st.lists(st.sampled_from([*genuine, *others]), max_size=6, unique=True))
    tried = with_signatures(held.made, data.draw(st.permutations(chosen)))
    complete = set(tried.signatures) == set(genuine)
    assert refused(held.store(), tried) is not complete


@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_a_file_with_a_flipped_bit_brings_the_same_block_or_none(
    held: Held, data: st.DataObject
) -> None:
    whole = bytearray(encode(held.complete))
    bit = data.draw(st.integers(0, 8 * len(whole) - 1))
    whole[bit // 8] ^= 1 << bit % 8
    store = held.store()
    try:
        read = read_recovery(bytes(whole))
    except CodedError:
        return
    if not refused(store, read):
        assert store.head == held.made.header


@given(data=st.data())
@settings(deadline=None, max_examples=30)
def test_nothing_follows_from_statements_that_are_not_those_of_half_who_still_know_their_votes(
    held: Held, data: st.DataObject
) -> None:
    def doubted(place: int) -> Statement:
        said = structs.replace(held.statements[place], doubt="a backup")
        return structs.replace(said, signature=vote_key(said.signer, 0).sign(stated(said)))

    def of_epoch(place: int) -> Statement:
        head = structs.replace(held.statements[place].head, validators_hash=bytes(32),
                               next_validators_hash=bytes(32))  # fmt: skip
        said = structs.replace(held.statements[place], head=head)
        return structs.replace(said, signature=vote_key(said.signer, 0).sign(stated(said)))

    whole = held.statements
    few = data.draw(st.lists(st.sampled_from(whole), max_size=3, unique_by=lambda s: s.signer))
    twice = [*whole, data.draw(st.sampled_from(whole))]
    places = data.draw(st.permutations(range(4)))
    forgetful = [doubted(p) if p in places[:2] else whole[p] for p in range(4)]
    astray = [of_epoch(p) if p == places[0] else whole[p] for p in range(4)]
    forged = [
        structs.replace(s, signature=bytes(64)) if s is whole[places[0]] else s for s in whole
    ]
    for said in (few, twice, forgetful, astray, forged):
        with pytest.raises(CodedError) as error:
            ceremony.propose(held.nodes[0].store, said, "flood", held.world.clock)
        assert error.value.code.name == "BAD_RECOVERY"
    one = [doubted(p) if p == places[0] else whole[p] for p in range(4)]
    longest = max(held.nodes, key=lambda n: n.store.head.height if n.store.head else 0)
    made = ceremony.propose(longest.store, one, "flood", held.world.clock)
    assert made.doubtful == (whole[places[0]].signer,)


def test_an_auditor_makes_the_choice_again_on_the_ledger_that_went_on_and_on_no_other(
    held: Held,
) -> None:
    store = held.store()
    with pytest.raises(CodedError, match="ends before"):
        audit(held.complete, store)
    ceremony.apply(store, held.complete)
    assert audit(held.complete, store) == held.world.genesis.validators
    longest = max(held.nodes, key=lambda n: n.store.head.height if n.store.head else 0)
    other = ceremony.propose(longest.store, held.statements, "flood", held.world.clock + 1)
    hidden = structs.replace(held.statements[0], records=())
    forged = structs.replace(hidden, signature=bytes(64))
    with pytest.raises(CodedError, match="another block"):
        audit(other, store)
    for statements in ((forged, *held.statements[1:]), held.statements[1:]):
        with pytest.raises(CodedError):
            audit(structs.replace(held.complete, statements=tuple(statements)), store)
    everybody = tuple(hide(said, vote_key(said.signer, 0)) for said in held.statements)
    with pytest.raises(CodedError, match=r"of view|stands on"):
        audit(structs.replace(held.complete, statements=everybody), store)


def test_who_signs_two_recoveries_of_an_epoch_is_convicted_and_nobody_else(held: Held) -> None:
    longest = max(held.nodes, key=lambda n: n.store.head.height if n.store.head else 0)
    other = ceremony.propose(longest.store, held.statements, "again", held.world.clock + 1)
    header = other.header
    chain_id, validators = header.chain_id, held.world.genesis.validators
    with pytest.raises(CodedError, match="has signed recovery"):
        ceremony.sign(held.nodes[0], other, held.world.clock + 1)
    culprit = held.made.survivors[2]
    vote = sign_vote(
        chain_id, vote_key(culprit, 0), culprit, VoteKind.RECOVER, header.epoch, other.view,
        header.hash(),
    )  # fmt: skip
    forged = SignerSignature(held.made.survivors[1], bytes(64))
    twice = with_signatures(other, (SignerSignature(culprit, vote.signature), forged))
    (proof,) = signed_both(held.complete, twice, chain_id, validators)
    assert proof.verify(chain_id, validators) == culprit
    assert signed_both(held.complete, held.complete, chain_id, validators) == []


def test_a_survivor_whose_home_is_a_copy_or_that_forgot_votes_says_so(
    held: Held, tmp_path: Path
) -> None:
    machine = held.world.machines[1]
    node = opened(machine, tmp_path)
    assert ceremony.state(node).doubt == ""
    ahead = height(machine) + 1_000
    (node.home.votes / "abstain-below").write_text(str(ahead))
    assert ceremony.state(node).doubt == f"votes below view {ahead} may be forgotten"
    (node.home.votes / "doubt").write_text("this home is a copy")
    assert ceremony.state(node).doubt == "this home is a copy"
