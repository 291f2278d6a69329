"""Checkpoints: all that executing the next block needs, as one canonical file.

A ledger verified up to a checkpoint can be forgotten and gone on with from there; with checkpoints
in between, the parts of a ledger can be executed side by side. A checkpoint proves nothing by
itself, apart from its state, which its header's state root commits to: whoever verifies the blocks
below it makes the same file, byte for byte (:func:`write`), and compares.

=======  ==========================================================================================
part     bytes
=======  ==========================================================================================
head     its length (4, big-endian), then a :class:`Head` in the ledger's canonical encoding
open     per transaction that could still be sent again: id (32) ‖ valid until (8), ascending
records  per record of the state: key length (2) ‖ value length (4) ‖ key ‖ value, ascending by key
=======  ==========================================================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from struct import Struct as Layout
from typing import Annotated, NamedTuple

import msgspec

from ledger import limits
from ledger.block import Header
from ledger.codec import Hash32, Struct, Uint, decode, encode
from ledger.errors import BAD_ARCHIVE, CodedError
from ledger.merkle import Frontier
from ledger.validators import ValidatorSet

_LENGTH = Layout(">I")
_OPEN = Layout(">32sQ")
_SIZES = Layout(">HI")


class Head(Struct, tag="iic.checkpoint/1"):
    """``header`` is the block after which the state stands; ``peaks`` accumulate all header hashes
    up to and including it; ``validators`` decide the next block. ``open`` and ``records`` count
    what follows."""

    header: Header
    peaks: Annotated[tuple[Hash32, ...], msgspec.Meta(max_length=64)]
    validators: ValidatorSet
    open: Uint
    records: Uint


class Checkpoint(NamedTuple):
    """A ledger after one block; ``open`` are ids of transactions by the end of their validity."""

    header: Header
    history: Frontier
    validators: ValidatorSet
    open: Mapping[bytes, int]
    state: Mapping[bytes, bytes]


def write(
    header: Header,
    history: Frontier,
    validators: ValidatorSet,
    open: Mapping[bytes, int],
    state: Iterable[tuple[bytes, bytes]],
) -> bytes:
    """The bytes of a checkpoint; ``state`` ascends by key.

    Of ``open``, those that the next block could not record any more are left out.
    """
    kept = sorted((id, until) for id, until in open.items() if until > header.time)
    records = [_SIZES.pack(len(key), len(value)) + key + value for key, value in state]
    head = encode(Head(header, history.peaks, validators, len(kept), len(records)))
    return b"".join(
        (_LENGTH.pack(len(head)), head, *(_OPEN.pack(*entry) for entry in kept), *records)
    )


def read(data: bytes) -> Checkpoint:
    """The checkpoint of some bytes; nothing in it is verified.

    Raises ``BAD_ARCHIVE`` unless they are exactly what :func:`write` makes.
    """
    head, at = _read_head(data)
    if len(data) < at + head.open * _OPEN.size:
        raise _bad("it ends within the open transactions")
    entries = list(_OPEN.iter_unpack(data[at : at + head.open * _OPEN.size]))
    if not _ascending([entry[0] for entry in entries]):
        raise _bad("its open transactions are not in ascending order, each once")
    if any(until <= head.header.time or until > limits.MAX_INT for _, until in entries):
        raise _bad("it names a transaction that is not open")
    state = _read_records(data, at + head.open * _OPEN.size)
    if len(state) != head.records or not _ascending(list(state)):
        raise _bad("its records are not in ascending order, each once, or not as many as it says")
    history = Frontier(head.header.height + 1, head.peaks)
    if len(head.peaks) != history.size.bit_count():
        raise _bad("its history has another size than its height says")
    return Checkpoint(head.header, history, head.validators, dict(entries), state)


def header_of(data: bytes) -> Header:
    """The header of a checkpoint's bytes, without reading the rest. Raises ``BAD_ARCHIVE``."""
    return _read_head(data)[0].header


def _read_head(data: bytes) -> tuple[Head, int]:
    if len(data) < _LENGTH.size:
        raise _bad("it ends within its head")
    end = _LENGTH.size + _LENGTH.unpack_from(data)[0]
    try:
        return decode(data[_LENGTH.size : end], Head), end
    except CodedError as error:
        raise _bad(f"its head is none: {error.message}") from None


def _read_records(data: bytes, at: int) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    unpack, step, end = _SIZES.unpack_from, _SIZES.size, len(data)
    while at < end:
        if at + step > end:
            raise _bad("it ends within a record")
        key_bytes, value_bytes = unpack(data, at)
        middle = at + step + key_bytes
        at = middle + value_bytes
        if at > end:
            raise _bad("it ends within a record")
        found[data[middle - key_bytes : middle]] = data[middle:at]
    return found


def _ascending(keys: list[bytes]) -> bool:
    return all(map(bytes.__lt__, keys, keys[1:]))


def _bad(what: str) -> CodedError:
    return CodedError(BAD_ARCHIVE, f"this is no checkpoint: {what}")
