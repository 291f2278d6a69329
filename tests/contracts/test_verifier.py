"""An auditor's engine: what is right is taken, and what is wrong is named where it stands."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_in_memory import lei
from msgspec import structs
from published import (
    BEARINGS,
    GEAR,
    Ledger,
    example,
    finalization,
    follower,
    four_guarantors,
    signed_anyway,
    taken,
)

from contracts.currency.operations import Leg, Transfer
from contracts.framework.operation import write_operation
from contracts.framework.posting import BALANCE, Balance
from contracts.validators.operations import LeaveValidators
from contracts.verifier import Verifier
from contracts.violations import Check, Forked, Violated, Violation
from ledger import merkle, segment
from ledger.codec import encode
from ledger.errors import BAD_GENESIS, CodedError
from ledger.receipt import Receipt, read_receipt, receipt_hash
from ledger.segment import PublishedBlock, PublishedRow
from ledger.store import tables
from ledger.store.chain import Store
from ledger.store.memory import MemoryEnvironment
from ledger.transaction import wire_hash


@cache
def known() -> Ledger:
    return example()


def only(verifier: Verifier, blocks: list[PublishedBlock]) -> Violation:
    with pytest.raises(Violated) as caught:
        taken(verifier, blocks)
    return caught.value.violations[0]


def everything_in(store: Store) -> list[tuple[str, bytes, bytes]]:
    return [
        (table.name, key, value)
        for table in tables.CHAIN_TABLES
        for key, value in tables.each(store.environment, table)
    ]


def test_a_ledger_is_made_again_to_the_last_byte() -> None:
    store = Store(MemoryEnvironment())
    verifier = Verifier(known().genesis, store)
    taken(verifier, known().segment().blocks)
    assert everything_in(store) == everything_in(known().store)
    assert list(verifier.broken()) == []


def test_a_verifier_goes_on_where_its_store_ends() -> None:
    store = Store(MemoryEnvironment())
    blocks = known().segment().blocks
    for start in range(0, len(blocks)):
        verifier = Verifier(known().genesis, store)
        if verifier.head.height == start:
            end = next(n for n in range(start, len(blocks)) if blocks[n].certificate) + 1
            taken(verifier, blocks[start:end])
    assert everything_in(store) == everything_in(known().store)


@given(data=st.data())
def test_one_flipped_byte_anywhere_is_found_in_its_block(data: st.DataObject) -> None:
    blocks = list(known().segment().blocks)
    number = data.draw(st.integers(0, len(blocks) - 1), label="block")
    encoded = bytearray(segment.write(segment.Segment(8, (blocks[number],))))
    # The first bytes frame the segment: its kind and its publisher's height.
    start = encoded.index(encode(blocks[number])[1:])
    at = data.draw(st.integers(start, len(encoded) - 1), label="byte")
    encoded[at] ^= 1 << data.draw(st.integers(0, 7), label="bit")
    try:
        [altered] = segment.read(bytes(encoded)).blocks
    except (CodedError, ValueError):
        return  # not even a block
    verifier = follower(known())
    violation = only(verifier, [*blocks[:number], altered, *blocks[number + 1 :]])
    # A header that is another one shows where its neighbours or its certificate do not fit it.
    certified = next(n for n in range(number, len(blocks)) if blocks[n].certificate)
    assert number < violation.height <= certified + 2
    assert not violation.certified, "no quorum signed what a publisher altered"
    assert verifier.head.height <= number


def altered_row(position: int, **change: object) -> PublishedBlock:
    block = known().segment(4).blocks[0]
    rows = list(block.rows)
    rows[position] = structs.replace(rows[position], **change)
    return structs.replace(block, rows=tuple(rows))


def flipped(data: bytes, at: int) -> bytes:
    at %= len(data)
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("at", [-1, 20, 60])
def test_an_altered_transaction_is_named_by_its_position(position: int, at: int) -> None:
    wire = known().segment(4).blocks[0].rows[position].wire
    block = altered_row(position, wire=flipped(wire, at))
    violation = only(follower(known()), [*known().segment().blocks[:3], block])
    assert (violation.check, violation.height, violation.position) == (Check.CONTENT, 4, position)


@pytest.mark.parametrize("position", [0, 1, 2])
def test_an_altered_receipt_is_named_by_its_position(position: int) -> None:
    receipt = known().segment(4).blocks[0].rows[position].receipt
    block = altered_row(position, receipt=flipped(receipt, len(receipt) - 10))
    violation = only(follower(known()), [*known().segment().blocks[:3], block])
    assert (violation.check, violation.height, violation.position) == (Check.RECEIPT, 4, position)
    assert violation.object == read_receipt(receipt).subject.hex()
    assert not violation.certified


def test_less_than_a_quorum_makes_nothing_final() -> None:
    block = known().segment(1).blocks[0]
    few = structs.replace(block, certificate=finalization(block.header, (0, 1)))
    assert only(follower(known()), [few]).check is Check.CERTIFICATE
    nothing = structs.replace(block, certificate=None)
    assert only(follower(known()), [nothing]).check is Check.CERTIFICATE


@pytest.mark.parametrize(
    ("name", "value", "check"),
    [
        ("state_root", bytes(32), Check.ROOT),
        ("next_validators_hash", bytes(32), Check.CONTENT),
        ("time", 5, Check.LINK),
        ("view", 0, Check.LINK),
        ("epoch", 1, Check.LINK),
        ("history_root", bytes(32), Check.LINK),
        ("validators_hash", bytes(32), Check.CONTENT),
        ("protocol", 9, Check.LINK),
    ],
)
def test_what_a_quorum_signed_wrongly_is_a_violation_all_the_same(
    name: str, value: object, check: Check
) -> None:
    block = signed_anyway(known().segment().blocks[0], lambda _: {name: value})
    if name == "epoch":  # the certificate is of the epoch that signed it
        block = structs.replace(
            block, certificate=structs.replace(finalization(block.header), epoch=0)
        )
        with pytest.raises(Violated):
            taken(follower(known()), [block])
        return
    violation = only(follower(known()), [block])
    assert violation.check is check
    assert violation.certified == (check is not Check.CONTENT)


def test_a_quorum_that_leaves_the_verified_chain_forks_the_ledger() -> None:
    verifier = follower(known())
    blocks = known().segment().blocks
    taken(verifier, blocks[:1])
    other = signed_anyway(blocks[1], lambda _: {"parent": bytes(32)})
    violation = only(verifier, [other])
    assert violation.check is Check.LINK and violation.certified
    with pytest.raises(Forked):
        verifier.check([other])


def recorded_wrongly(*wires: bytes, receipt: bytes | None = None) -> list[PublishedBlock]:
    """A block that a quorum finalized, with transactions that no correct node records."""
    ledger = Ledger()
    made = ledger.make([ledger.payment() for _ in wires])
    receipts = [receipt or row.receipt for row in made.commit.rows]
    chain_id = ledger.genesis.chain_id
    header = structs.replace(
        made.header,
        transactions_root=merkle.tree_head([wire_hash(chain_id, wire) for wire in wires]),
        receipts_root=merkle.tree_head([receipt_hash(chain_id, found) for found in receipts]),
    )
    rows = tuple(map(PublishedRow, wires, receipts))
    return [PublishedBlock(header, rows, finalization(header))]


def test_a_final_transaction_with_a_bad_signature_is_named() -> None:
    ledger = Ledger()
    violation = only(follower(ledger), recorded_wrongly(flipped(ledger.payment(), -1)))
    assert violation.check is Check.SIGNATURE and "BAD_SIGNATURE" in violation.what
    assert violation.certified and violation.position == 0


def test_the_first_unsound_transaction_is_named_whatever_is_wrong_with_a_later_one() -> None:
    ledger = Ledger()
    sound, forged, unreadable = ledger.payment(), flipped(ledger.payment(), -1), b"?"
    violation = only(follower(ledger), recorded_wrongly(sound, forged, unreadable))
    assert violation.check is Check.SIGNATURE and violation.position == 1
    violation = only(follower(ledger), recorded_wrongly(sound, unreadable, forged))
    assert violation.check is Check.SIGNATURE and violation.position == 1


def test_a_final_transaction_without_authority_is_named() -> None:
    ledger = Ledger()
    wire = ledger.payment(GEAR, signer=BEARINGS)
    violation = only(follower(ledger), recorded_wrongly(wire))
    assert violation.check is Check.TRANSITION
    assert violation.certified and violation.position == 0 and len(violation.object) == 64


@pytest.mark.parametrize("strictly", [True, False])
def test_a_final_operation_that_no_declaration_allows_is_named(strictly: bool) -> None:
    ledger = Ledger()
    plain = write_operation(Transfer((Leg(lei(BEARINGS), 5),)))
    wire = ledger.signed(GEAR, (plain[0], ((lei(BEARINGS), 0),), *plain[2:]))
    [block] = recorded_wrongly(wire)
    verifier = follower(ledger)
    verifier.check([block])
    with pytest.raises(Violated) as caught:
        verifier.take(block, signatures=not strictly, strictly=strictly)
    [violation, *_] = caught.value.violations
    assert (violation.check, violation.position) == (Check.SIGNATURE, 0)


def test_a_final_receipt_that_execution_does_not_make_is_named() -> None:
    ledger = Ledger()
    made = ledger.make([ledger.payment()])
    wire, receipt = made.commit.rows[0]
    lie = encode(Receipt(read_receipt(receipt).subject))
    violation = only(follower(ledger), recorded_wrongly(wire, receipt=lie))
    assert violation.check is Check.RECEIPT
    assert violation.certified and violation.position == 0


def test_a_broken_state_is_found_by_the_complete_check() -> None:
    store = Store(MemoryEnvironment())
    verifier = Verifier(known().genesis, store)
    key = BALANCE.key("KZ/issued", "SCU")
    record = encode(Balance(-5, 0, 0, 0))
    store.environment.write([tables.Change(tables.Table.STATE, [(key, record)])])
    found = list(Verifier(known().genesis, store).broken())
    assert found and all(v.check is Check.INVARIANT and v.certified for v in found)
    assert list(verifier.broken())


def test_another_ledgers_store_is_refused() -> None:
    other = structs.replace(four_guarantors(), network="another")
    with pytest.raises(CodedError) as caught:
        Verifier(other, known().store)
    assert caught.value.code is BAD_GENESIS


def changing() -> Ledger:
    """A ledger whose first guarantor leaves the validators, with blocks before and after."""
    ledger = Ledger()
    ledger.append([ledger.signed("guarantorBY", write_operation(LeaveValidators("maintenance")))])
    for _ in range(12):
        ledger.append([ledger.payment()])
    return ledger


def test_changes_of_validators_are_followed() -> None:
    ledger = changing()
    store = Store(MemoryEnvironment())
    verifier = Verifier(ledger.genesis, store)
    taken(verifier, ledger.segment().blocks)
    assert (verifier.validators.epoch, verifier.validators.size) == (1, 3)
    assert everything_in(store) == everything_in(ledger.store)
    again = Verifier(ledger.genesis, store)
    assert again.validators == verifier.validators


def test_who_left_makes_nothing_final_and_no_set_is_slipped_in() -> None:
    ledger = changing()
    blocks = list(ledger.segment().blocks)
    handover = next(n for n, block in enumerate(blocks) if block.validators is not None)
    after = blocks[handover + 1]
    old = finalization(after.header)
    forged = structs.replace(after, certificate=old)
    assert only(follower(ledger), [*blocks[: handover + 1], forged]).check is Check.CERTIFICATE
    first = blocks[handover].validators
    assert first is not None
    others = structs.replace(first, validators=first.validators[::-1])
    slipped = structs.replace(blocks[handover], validators=others)
    found = only(follower(ledger), [*blocks[:handover], slipped])
    assert (found.check, found.height) == (Check.CONTENT, handover + 1)
    # A quorum that hands over to others than its own state names is found by executing the block.
    header = structs.replace(
        blocks[handover].header, next_validators_hash=others.hash(ledger.genesis.chain_id)
    )
    signed = structs.replace(slipped, header=header, certificate=finalization(header))
    found = only(follower(ledger), [*blocks[:handover], signed])
    assert found.check is Check.ROOT and found.certified and "next_validators" in found.what
