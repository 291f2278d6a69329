"""Half of the validators are lost at any instant; the others go on, and nothing final is lost."""

from __future__ import annotations

import heapq
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from contracts.framework.calendar import MS_PER_DAY
from contracts.framework.operation import write_operation
from contracts.validators.operations import LeaveValidators
from contracts.verifier import Verifier, validators_after
from ledger import proof
from ledger.block import SignerSignature, VoteKind, sign_vote
from ledger.codec import decode, encode
from ledger.errors import CodedError
from ledger.journal import Journal
from ledger.keys import PrivateKey
from ledger.receipt import Receipt
from ledger.segment import PublishedBlock, PublishedRow
from ledger.store import proofs
from ledger.store.chain import Store
from ledger.store.memory import MemoryEnvironment
from ledger.transaction import Transaction, build
from node.recovery import ceremony as recovery
from node.recovery.documents import Recovery, with_signatures
from node.replica import effects as fx
from node.replica import events as ev
from node.replica.records import recall
from node.sim.application import lei
from node.sim.turnover import Machine, Turnover, vote_key
from tests.sim.disaster import ceremony, height, hide, killed, opened, play


def published(store: Store, number: int) -> PublishedBlock:
    """A stored block as auditors get it."""
    header = store.header(number)
    assert header is not None
    changes = header.next_validators_hash != header.validators_hash
    after = store.validators(header.epoch + 1) if changes else None
    rows = tuple(PublishedRow(row.wire, row.receipt) for row in store.rows(number))
    return PublishedBlock(header, rows, store.certificate(number), after)


@pytest.mark.parametrize("seed", range(12))
def test_survivors_go_on_and_lost_nodes_follow(seed: int, tmp_path: Path) -> None:
    world = killed(seed, 4, 3_000 + 137 * seed)
    order = world.rng.sample(world.machines, 4)
    survivors, others = sorted(order[:2], key=lambda m: m.number), order[2:]
    final = dict(world.chain)
    signed = ceremony(world, survivors, tmp_path)
    for machine in survivors:
        recovery.apply(machine.store, signed)
        world.stored(machine)
        machine.start()
    play(world, world.now + 8_000)
    others[0].start()
    play(world, world.now + 8_000)
    for machine in (*survivors, others[0]):
        for number, block in final.items():
            header = machine.store.header(number)
            assert header is not None and header.hash() == block
        assert height(machine) > signed.header.height + 2
    assert others[0].replica is not None and others[0].replica.identity.index is None
    found = proofs.prove_finality(survivors[0].store, height(survivors[0]) - 2)
    (told,) = proof.verify_finality(found, world.genesis).recoveries
    assert (told.height, told.lies_borne) == (signed.header.height, 0)
    (row,) = survivors[0].store.rows(told.height)[:1]
    said = [event[0] for event in decode(row.receipt, Receipt).events]
    assert "validators.EpochEnded" in said and said.count("validators.NodeMoved") == 4
    assert told.lost == tuple(f"node-{m.number}" for m in sorted(others, key=lambda m: m.number))
    verifier = Verifier(world.genesis, Store(MemoryEnvironment()))
    store = survivors[0].store
    shown = [published(store, number) for number in range(1, signed.header.height + 1)]
    while shown:
        last = next(n for n, b in enumerate(shown, 1) if b.certificate is not None)
        verifier.check(shown[:last])
        for part in shown[:last]:
            verifier.take(part)
        del shown[:last]
    assert verifier.hash == signed.header.hash() and verifier.validators.size == 2
    assert not list(verifier.broken())
    entries = tuple(reversed(found.changes[-1].validators.validators))
    set_ = structs.replace(found.changes[-1].validators, validators=entries)
    changes = (*found.changes[:-1], structs.replace(found.changes[-1], validators=set_))
    with pytest.raises(CodedError):
        proof.verify_finality(structs.replace(found, changes=changes), world.genesis)


def at_the_end_of_an_epoch(world: Turnover) -> Machine:
    """Play until one that stays knows the epoch's last block as notarized; no store has it."""
    content = Transaction(
        world.genesis.chain_id,
        lei(203),
        (write_operation(LeaveValidators("its turn is over")),),
        world.clock + MS_PER_DAY,
        "",
        bytes(8),
    )
    wire = encode(build(content).with_signature(content.chain_id, PrivateKey(bytes([12, 3]) * 16)))
    world.machines[0].deliver(ev.Submitted(9, (wire,)))
    while True:
        world.now, _, action = heapq.heappop(world._queue)
        action()
        for machine in world.machines[:3]:
            head = machine.store.head
            assert head is not None and head.next_validators_hash == head.validators_hash, "missed"
            held = recall(Journal(machine.votes).load())
            last = {
                proposal.block
                for proposal in held.proposals
                if proposal.header.next_validators_hash != proposal.header.validators_hash
            }
            if any(c.block in last and c.kind is VoteKind.NOTARIZE for c in held.certificates):
                return machine


@pytest.mark.parametrize("seed", range(4))
def test_a_last_block_that_may_be_final_is_confirmed_and_hands_over_as_it_says(
    seed: int, tmp_path: Path
) -> None:
    world = Turnover(seed, cuts=0)
    world.machines = world.machines[:4]
    world.healed_at = 0
    for machine in world.machines:
        machine.start()
    play(world, 2_000)
    knows = at_the_end_of_an_epoch(world)
    for machine in world.machines:
        machine.cut_power()
    other = world.machines[(knows.number + 1) % 3]
    survivors = sorted((knows, other), key=lambda m: m.number)
    confirmed = ceremony(world, survivors, tmp_path)
    assert confirmed.confirms
    for machine in survivors:
        recovery.apply(machine.store, confirmed)
        world.stored(machine)
        after = validators_after(machine.store, confirmed.header)
        assert [v.name for v in after.validators] == ["node-0", "node-1", "node-2"]
    # Of these three a third is lost, too: the next epoch needs a recovery of its own.
    own = ceremony(world, survivors, tmp_path)
    assert not own.confirms
    for machine in survivors:
        recovery.apply(machine.store, own)
        world.stored(machine)
        machine.start()
    play(world, world.now + 8_000)
    (back,) = [m for m in world.machines[:3] if m not in survivors]
    back.start()
    play(world, world.now + 8_000)
    for machine in (*survivors, back):
        assert height(machine) > own.header.height + 2
    found = proofs.prove_finality(survivors[0].store, height(survivors[0]) - 2)
    told = proof.verify_finality(found, world.genesis).recoveries
    assert [(r.height, r.confirms) for r in told] == [
        (confirmed.header.height, True),
        (own.header.height, False),
    ]


def keeps_all(seed: int, liars: int, folder: Path) -> bool:
    """Whether four of seven, those that lag most, keep what was final, if so many of them lie."""
    world = killed(seed, 7, 3_000 + 311 * seed)
    survivors = sorted(sorted(world.machines, key=height)[:4], key=lambda m: m.number)
    nodes = [opened(machine, folder) for machine in survivors]
    said = [recovery.state(node) for node in nodes]
    for place in world.rng.sample(range(4), liars):
        said[place] = hide(said[place], vote_key(survivors[place].number, 0))
    longest = max(survivors, key=height)
    made = recovery.propose(longest.store, said, "flood", world.clock)
    for machine in survivors:
        recovery.check(machine.store, made)
    first = made.blocks[0].header
    chain = {first.height - 1: first.parent}
    chain |= {block.header.height: block.header.hash() for block in made.blocks}
    return all(
        chain.get(number) == block
        for number, block in world.chain.items()
        if number >= first.height - 1
    )


def test_no_final_block_is_lost_though_as_many_lie_as_the_ceremony_says_it_bears(
    tmp_path: Path,
) -> None:
    seven = Turnover(0, voting=7).genesis.validators
    assert seven.lies_borne(seven.survivors) == 1
    assert all(keeps_all(seed, 1, tmp_path / str(seed)) for seed in range(12))
    assert not all(keeps_all(seed, 4, tmp_path / f"all-{seed}") for seed in range(12)), (
        "hiding votes can cost a final block: otherwise this shows nothing"
    )


def forced(world: Turnover, folder: Path) -> tuple[list[Machine], Recovery]:
    """Four of seven who all hide their votes, and sign all the same."""
    survivors = sorted(sorted(world.machines, key=height)[:4], key=lambda m: m.number)
    said = [
        hide(recovery.state(opened(machine, folder)), vote_key(machine.number, 0))
        for machine in survivors
    ]
    longest = max(survivors, key=height)
    made = recovery.propose(longest.store, said, "flood", world.clock)
    header = made.header
    votes = [
        sign_vote(
            header.chain_id, vote_key(m.number, 0), m.number, VoteKind.RECOVER, header.epoch,
            made.view, header.hash(),
        )
        for m in survivors
    ]  # fmt: skip
    signed = tuple(SignerSignature(vote.signer, vote.signature) for vote in votes)
    return survivors, with_signatures(made, signed)


def test_a_node_that_holds_what_liars_made_others_lose_says_so_and_keeps_it(
    tmp_path: Path,
) -> None:
    seed = next(s for s in range(12) if not keeps_all(s, 4, tmp_path / str(s)))
    world = killed(seed, 7, 3_000 + 311 * seed)
    survivors, signed = forced(world, tmp_path / "forced")
    witness = max(world.machines, key=height)
    newest = witness.store.head
    assert newest is not None and newest.height >= signed.header.height
    world.chain.clear()
    for machine in survivors:
        recovery.apply(machine.store, signed)
        machine.start()
    play(world, world.now + 8_000)
    told: list[str] = []
    carry_out = witness._do

    def listen(effect: fx.Effect) -> None:
        if isinstance(effect, fx.Alarm):
            told.append(f"{effect.code} {effect.text}")
        carry_out(effect)

    witness._do = listen  # type: ignore[method-assign]
    witness.start()
    play(world, world.now + 8_000)
    assert witness.store.head == newest
    assert any("BAD_BLOCKS" in t and newest.hash().hex() in t and "forked" in t for t in told)
    assert height(survivors[0]) > signed.header.height + 2


def test_what_the_ceremony_refuses(tmp_path: Path) -> None:
    world = killed(3, 4, 5_000)
    one, other = world.machines[:2]
    nodes = [opened(m, tmp_path) for m in (one, other)]
    statements = [recovery.state(node) for node in nodes]
    longest = max((one, other), key=height)

    def refused(action: Any) -> str:
        with pytest.raises(CodedError) as error:
            action()
        return error.value.message

    def propose(said: Any) -> Recovery:
        return recovery.propose(longest.store, said, "flood", world.clock)

    assert "1 survivors" in refused(lambda: propose(statements[:1]))
    third = recovery.state(opened(world.machines[2], tmp_path))
    assert "are a quorum" in refused(lambda: propose([*statements, third]))
    altered = structs.replace(statements[0], records=statements[0].records[:-1])
    assert "does not verify" in refused(lambda: propose([altered, statements[1]]))
    made = propose(statements)
    assert "have not signed yet" in refused(lambda: recovery.apply(one.store, made))
    last = made.blocks[-1]
    wrong = structs.replace(last, header=structs.replace(last.header, parent=bytes(32)))
    moved = structs.replace(made, blocks=(*made.blocks[:-1], wrong))
    assert "does not follow" in refused(lambda: recovery.sign(nodes[0], moved, world.clock))
    signed = recovery.sign(nodes[0], made, world.clock)
    later = recovery.propose(longest.store, statements, "flood", world.clock + 1)
    assert "has signed recovery" in refused(lambda: recovery.sign(nodes[0], later, world.clock))
    assert "have not signed yet" in refused(lambda: recovery.apply(one.store, signed))
    forged = SignerSignature(1, signed.signatures[0].signature)
    false = structs.replace(signed, signatures=(*signed.signatures, forged))
    assert "does not verify" in refused(lambda: recovery.apply(one.store, false))
