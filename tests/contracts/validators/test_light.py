"""Receipts verify offline across any number of changes of validators, from genesis alone."""

from __future__ import annotations

import pytest
from ledger_in_memory import START, lei
from msgspec import structs
from seats import card, guarantor, seated, vote_key

from contracts.blocks import Parent, make_block
from contracts.executor import read_candidate
from contracts.framework.operation import Operation, write_operation
from contracts.validators.operations import Card, RotateNode
from contracts.validators.records import ValidatorParameters
from contracts.verifier import validators_after
from ledger import proof
from ledger.block import VoteKind, assemble, sign_vote
from ledger.codec import encode
from ledger.errors import CodedError
from ledger.genesis import Genesis, make_card
from ledger.keys import PrivateKey
from ledger.proof import ProvenReceipt
from ledger.state import State
from ledger.store import proofs
from ledger.store.chain import Store, first_block
from ledger.store.memory import MemoryEnvironment
from ledger.transaction import Transaction, build
from ledger.validators import Validator

CHANGES = 300


class Chain:
    """A ledger of four validators, one of which gets a new key in every epoch."""

    def __init__(self) -> None:
        ledger = seated(4, 4, ValidatorParameters(shortest_epoch=1))
        assert ledger.validators is not None
        self.genesis = Genesis("light", START, ledger.validators, encode(ledger.genesis))
        self.store = Store(MemoryEnvironment())
        opening = dict(ledger.base.scan(b""))
        self.store.commit(first_block(self.genesis, opening))
        self.state = State(self.store)
        self.keys = {vote_key(n).public: vote_key(n) for n in range(4)}
        self.salt = 0

    def block(self, *ops: tuple[int, Operation]) -> None:
        """The next block, finalized by the first three of its validators."""
        head = self.store.head
        assert head is not None
        validators = validators_after(self.store, head)
        chain_id = self.genesis.chain_id
        candidates = []
        for number, op in ops:
            self.salt += 1
            content = Transaction(
                chain_id,
                lei(guarantor(number)),
                (write_operation(op),),
                head.time + 60_000,
                "",
                self.salt.to_bytes(8, "big"),
            )
            signer = PrivateKey(guarantor(number).encode().ljust(32, b"\0")[:32])
            signed = build(content).with_signature(chain_id, signer)
            candidates.append(read_candidate(chain_id, encode(signed)))
        parent = Parent(head, head.hash(), self.state, self.store, self.store.history())
        made = make_block(
            chain_id,
            parent,
            validators,
            view=head.view + 1,
            time=head.time + 1_000,
            candidates=candidates,
            is_recorded=lambda identity: False,
        )
        assert [r.code for r in made.execution.receipts] == [""] * len(made.execution.receipts)
        votes = [
            sign_vote(
                chain_id,
                self.keys[validators.validators[n].vote_key],
                n,
                VoteKind.FINALIZE,
                validators.epoch,
                head.view + 1,
                made.hash,
            )
            for n in range(3)
        ]
        self.store.commit(made.commit._replace(certificate=assemble(votes)))
        self.state.absorb(made.execution.overlay)

    def rotate(self, round_: int) -> None:
        """One validator's new key, in force when this returns."""
        number = round_ % 4
        key = PrivateKey(round_.to_bytes(32, "big"))
        self.keys[key.public] = key
        shown = card(number)
        entry = Validator(
            lei(guarantor(number)), shown.name, shown.country, key.public,
            f"certificate {round_}".encode(), shown.address,
        )  # fmt: skip
        signature = make_card(entry, key).signature
        new = Card(
            entry.name, entry.country, key.public, entry.certificate, entry.address, signature
        )
        self.block((number, RotateNode(new)))
        self.block()


@pytest.fixture(scope="module")
def chain() -> Chain:
    made = Chain()
    for round_ in range(1, CHANGES + 1):
        made.rotate(round_)
    made.block()
    return made


def newest(chain: Chain) -> ProvenReceipt:
    """The proof of the end of the last epoch: a deadline's receipt."""
    head = chain.store.head
    assert head is not None and head.epoch == CHANGES
    found = proofs.prove_receipt(chain.store, head.height - 1, 0)
    assert found is not None
    return found


def test_a_receipt_verifies_through_hundreds_of_changes(chain: Chain) -> None:
    data = proof.write(newest(chain))
    summary = proof.verify(proof.read(data), chain.genesis)
    assert summary.receipt.applied
    assert summary.signers.epoch in {CHANGES - 1, CHANGES}
    assert len(data) < 2_000 * CHANGES


@pytest.mark.parametrize("number", [0, 1, CHANGES // 2, CHANGES - 2])
def test_no_change_may_be_missing_altered_or_certified_by_others(chain: Chain, number: int) -> None:
    whole = newest(chain)
    changes = whole.finality.changes

    def refused(*altered: proof.ValidatorChange) -> str:
        finality = structs.replace(whole.finality, changes=altered)
        with pytest.raises(CodedError) as error:
            proof.verify(structs.replace(whole, finality=finality), chain.genesis)
        return error.value.code.name

    one, other = changes[number], changes[number + 1 if number + 1 < len(changes) else 0]
    assert refused(*changes[:number], *changes[number + 1 :]) in {"BAD_PROOF", "BAD_CERTIFICATE"}
    for wrong in (
        structs.replace(one, certificate=other.certificate),
        structs.replace(one, validators=other.validators),
        structs.replace(one, validators=structs.replace(one.validators, epoch=7_000)),
        structs.replace(one, certificate=structs.replace(one.certificate, epoch=7_000)),
        structs.replace(one, header=structs.replace(one.header, epoch=7_000)),
    ):
        assert refused(*changes[:number], wrong, *changes[number + 1 :]) in {
            "BAD_PROOF", "BAD_CERTIFICATE",
        }  # fmt: skip
