"""Samples to start from: what a real ledger, its nodes and its files consist of."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from contracts.barter import certificate as preference
from ledger import checkpoint, genesis, proof, segment, snapshot
from ledger.block import SignerSignature
from ledger.codec import encode
from ledger.errors import CodedError
from ledger.hashing import Tag, message
from ledger.store.interface import ChainReader
from ledger.store.proofs import prove_extension, prove_receipt, prove_state
from node.messages import BlockRequest, FullBlock, Status, ViewRequest, encode_message
from node.network.frames import encode_frame
from node.recovery.documents import Recovery, Statement
from node.replica.records import write_record
from tests.cli.recorded import recorded_scenario

_BLOCKS = 40
_BIG = 64 * 1024


def write_seeds(folder: Path) -> int:
    """Write a folder of samples for each target; how many there are."""
    count = 0
    with tempfile.TemporaryDirectory() as scratch:
        recorded = recorded_scenario(Path(scratch))
        document = recorded.genesis_file.read_bytes()
        for target, data in _samples(recorded.memory, document):
            if len(data) <= _BIG:
                there = folder / target
                there.mkdir(parents=True, exist_ok=True)
                (there / f"{count:05}").write_bytes(data)
                count += 1
    return count


def _samples(store: ChainReader, document: bytes) -> Iterator[tuple[str, bytes]]:
    head = store.head
    assert head is not None
    chain_id = head.chain_id
    yield "genesis", document
    yield "application-genesis", genesis.parse(document).genesis.application
    for height in range(1, min(_BLOCKS, head.height)):
        header, certificate = store.header(height), store.certificate(height)
        assert header is not None
        yield "codec", encode(header)
        if certificate is not None:
            kind, data = encode_message(certificate)
            yield "message", bytes((kind,)) + data
            yield "frames", encode_frame(kind, data)
        for index, row in enumerate(store.rows(height)[:3]):
            yield "codec", row.receipt
            if row.wire:
                yield "transaction", row.wire
                yield "submission", encode((row.wire,))
            try:
                proven = prove_receipt(store, height, index)
            except CodedError:
                continue
            if proven is not None:
                yield "proof", proof.write(proven)
                for granted in preference.preferences_in(proven.receipt):
                    made = preference.make(proven, granted.lot)
                    yield "preference-certificate", preference.write(made)
                    codes = preference.to_parts(preference.compact(made))
                    yield "certificate-codes", "\n".join(codes).encode()
        yield "segment", encode(segment.publish(store, height, size=2_000, blocks=1))
    for key, _ in list(store.scan(b""))[:40]:
        yield "proof", proof.write(prove_state(store, key))
    extension = prove_extension(store, 3)
    if extension is not None:
        yield "proof", proof.write(extension)
    few = list(store.scan(b""))[:30]
    yield "snapshot-records", snapshot.write_records(few)
    yield "snapshot-items", snapshot.write_items([key for key, _ in few])
    validators = store.validators(head.epoch)
    assert validators is not None
    yield "checkpoint", checkpoint.write(head, store.history(), validators, {}, sorted(few))
    for sent in (Status(3, 4), ViewRequest((1, 2)), BlockRequest(1, 2)):
        kind, data = encode_message(sent)
        yield "message", bytes((kind,)) + data
        yield "frames", encode_frame(kind, data) * 2
    votes = store.certificate(head.height)
    kept = () if votes is None else (write_record(votes),)
    said = Statement(0, head, votes, "", kept, bytes(64))
    yield "survivor-statement", encode(said)
    last = FullBlock(head, tuple(row.wire for row in store.rows(head.height) if row.wire), votes)
    signed = SignerSignature(0, bytes(64))
    yield "recovery", encode(Recovery("flood", (said,), head.view, (last,), (signed,)))
    for tag in (Tag.NOTARIZE, Tag.NULLIFY, Tag.FINALIZE, Tag.RECOVER):
        yield "signer", message(tag, chain_id, encode((0, 7, bytes(32))))
    yield "event-stream", b'id: 3\nevent: block\ndata: {"height": 3}\n\n: ping\n\n'
    yield "typed-value", b"1,500.00"
    yield "typed-value", b"2026-11-23T14:30Z"
    yield "annex", b"iic/annex/1\0" + bytes(160)
