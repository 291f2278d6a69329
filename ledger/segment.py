"""Segments: final blocks as they are published, complete enough to verify all of them.

What a follower fetches from a node that it does not trust. A segment carries what every block
recorded, byte for byte, with the finalizations that make it final and the validators that take
over, so that whoever has the genesis document and the blocks below needs nothing else.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from ledger import limits
from ledger.block import Certificate, Header
from ledger.codec import Struct, Uint, decode, encode
from ledger.store.interface import ChainReader
from ledger.validators import ValidatorSet

MAX_BLOCKS = 256
MAX_SEGMENT_BYTES = 64 * 1024 * 1024
"""The largest block with its receipts fits several times."""

MAX_RECEIPTS = 2 * limits.MAX_BLOCK_TRANSACTIONS + 100_000
"""Receipts of one block: transactions and the deadlines that fired."""

Wire = Annotated[bytes, msgspec.Meta(max_length=limits.MAX_TRANSACTION_BYTES + 4096)]


class PublishedRow(Struct):
    """One receipt's bytes and those of the signed transaction that it answers (empty for a
    deadline)."""

    wire: Wire
    receipt: bytes


class PublishedBlock(Struct, tag=1):
    """A final block. ``rows`` are its receipts in order, deadlines first; none in a segment of
    headers. ``validators`` are those that take over, where the block changes them."""

    header: Header
    rows: Annotated[tuple[PublishedRow, ...], msgspec.Meta(max_length=MAX_RECEIPTS)]
    certificate: Certificate | None
    validators: ValidatorSet | None = None


class Segment(Struct, tag="iic.blocks/1"):
    """Consecutive final blocks, up to one with a finalization of its own; ``height`` is that of
    the publisher's newest block."""

    height: Uint
    blocks: Annotated[tuple[PublishedBlock, ...], msgspec.Meta(max_length=MAX_BLOCKS)]


def write(segment: Segment) -> bytes:
    """The bytes of a segment."""
    return encode(segment)


def read(data: bytes) -> Segment:
    """The segment of some bytes; nothing in it is verified.

    Raises ``MALFORMED``, ``NOT_CANONICAL`` or ``TOO_LARGE``.
    """
    return decode(data, Segment, limit=MAX_SEGMENT_BYTES)


def publish(
    store: ChainReader, start: int, *, size: int, blocks: int = MAX_BLOCKS, content: bool = True
) -> Segment:
    """The blocks from height ``start`` on in about ``size`` bytes, ending in a certified one.

    At least up to the first certified block, since less could not be verified; empty where the
    store has none, or where what a block recorded was pruned. Without ``content`` the blocks come
    without their rows, and none is too old.
    """
    head = store.head
    assert head is not None, "a store that is published holds block 0"
    if content and start < store.base:
        return Segment(head.height, ())
    found: list[PublishedBlock] = []
    certified = used = 0
    for height in range(start, start + MAX_BLOCKS):
        header = store.header(height)
        if header is None or (certified and (used >= size or len(found) >= blocks)):
            break
        rows = store.rows(height) if content else ()
        certificate = store.certificate(height)
        changes = header.next_validators_hash != header.validators_hash
        found.append(
            PublishedBlock(
                header,
                tuple(PublishedRow(row.wire, row.receipt) for row in rows),
                certificate,
                store.validators(header.epoch + 1) if changes else None,
            )
        )
        used += 1_024 + sum(len(row.wire) + len(row.receipt) for row in rows)
        if certificate is not None:
            certified = len(found)
    return Segment(head.height, tuple(found[:certified]))
