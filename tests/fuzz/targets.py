"""Everything that decodes bytes from outside, as fuzz targets.

A target takes arbitrary bytes. It may refuse them with a coded error, and nothing else may come out
of it; what it accepts it must write again byte for byte, where a value has one encoding.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from cli import annexes, txfile
from cli.describe import describe
from cli.stream import EventReader
from contracts.barter import certificate as preference
from contracts.executor import read_candidate
from contracts.framework.fields import Field, Kind
from contracts.framework.forms import parse_value
from contracts.framework.operation import declarations
from contracts.genesis import read_application
from ledger import checkpoint, genesis, proof, segment, snapshot
from ledger.codec import decode_plain, encode
from ledger.errors import CodedError
from ledger.transaction import open_envelope
from node.api import cursors
from node.api.submissions import read_wires
from node.messages import decode_message, encode_message
from node.network.frames import Decoder, encode_frame
from node.recovery.documents import read_recovery, read_statement
from node.replica.records import recall
from node.signer import guard

CHAIN = bytes(range(32))
Target = Callable[[bytes], None]
"""Returns, or raises a coded error."""


def canonical(read: Callable[[bytes], Any], write: Callable[[Any], bytes] = encode) -> Target:
    """What is read must be written alike."""

    def accept(data: bytes) -> None:
        assert write(read(data)) == data, "accepted bytes that would be written otherwise"

    return accept


def text(read: Callable[[str], Any]) -> Target:
    """What people type, or a file holds, as UTF-8."""

    def accept(data: bytes) -> None:
        read(data.decode("utf-8", errors="replace"))

    return accept


def plain(read: Callable[[bytes], Any]) -> Target:
    """What has no single encoding, or is not ours to write."""

    def accept(data: bytes) -> None:
        read(data)

    return accept


def message(data: bytes) -> None:
    """A peer's message: its kind, then its bytes."""
    if data:
        assert encode_message(decode_message(data[0], data[1:])) == (data[0], data[1:])


def frames(data: bytes) -> None:
    """A peer's stream, cut in two: where it is cut makes no difference."""
    whole, decoder = Decoder(), Decoder()
    expected = whole.feed(data)
    cut = data[0] % len(data) if data else 0
    assert decoder.feed(data[:cut]) + decoder.feed(data[cut:]) == expected
    used = b"".join(encode_frame(frame.kind, frame.payload) for frame in expected)
    assert data.startswith(used) and len(data) - len(used) == decoder.pending


def transaction(data: bytes) -> None:
    """A submitted transaction: envelope, content and every operation."""
    signed = open_envelope(data)
    assert encode(signed) == data
    read_candidate(signed.content[4:36] if len(signed.content) > 36 else CHAIN, data)


def submission(data: bytes) -> None:
    """A submission's body, as MessagePack and as JSON."""
    for media_type in ("application/msgpack", "application/json"):
        try:
            read_wires(data, media_type)
        except CodedError:
            continue


def signer_request(data: bytes) -> None:
    """What a signer is asked to sign."""
    try:
        guard.read(data)
    except guard.Refused:
        return


def statement(data: bytes) -> None:
    """What a survivor of a disaster states, down to the records of its journal."""
    said = read_statement(data)
    assert encode(said) == data
    recall(said.records)


def records(data: bytes) -> None:
    """A part of a snapshot."""
    assert snapshot.write_records(snapshot.read_records(data)) == data


def items(data: bytes) -> None:
    """Headers and rows in a snapshot."""
    assert snapshot.write_items(snapshot.read_items(data)) == data


def typed(value: str) -> None:
    """What a person typed into a field of each kind."""
    for field in _one_of_each_kind().values():
        try:
            parse_value(field, value)
        except CodedError:
            continue


@cache
def _one_of_each_kind() -> dict[Kind, Field]:
    every = (declared.fields for declared in declarations().values())
    return {field.kind: field for fields in every for field in fields}


TARGETS: dict[str, Target] = {
    "codec": canonical(decode_plain),
    "transaction": transaction,
    "message": message,
    "frames": frames,
    "proof": canonical(proof.read, proof.write),
    "segment": canonical(segment.read),
    "checkpoint": plain(checkpoint.read),
    "snapshot-records": records,
    "snapshot-items": items,
    "application-genesis": canonical(read_application),
    "genesis": plain(genesis.parse),
    "node-card": plain(genesis.parse_card),
    "preference-certificate": canonical(preference.read, preference.write),
    "annex": plain(annexes.read_annex),
    "transaction-file": plain(lambda data: txfile.parse(data, describe)),
    "event-stream": plain(lambda data: EventReader(None).feed(data)),
    "submission": submission,
    "cursor": text(lambda cursor: cursors.read(cursor, "history", CHAIN)),
    "signer": signer_request,
    "survivor-statement": statement,
    "recovery": canonical(read_recovery),
    "typed-value": text(typed),
    "certificate-codes": text(lambda codes: preference.from_parts(codes.split())),
}
"""By name."""
