"""Where two ledgers part, and in what."""

from __future__ import annotations

from itertools import zip_longest
from typing import NamedTuple

from cli.auditing.ledgers import Blocks, each, state_at
from cli.errors import STARTS_LATER
from contracts import blocks as making
from contracts.replay import execute
from contracts.violations import Violated
from ledger import checkpoint
from ledger.errors import CodedError
from ledger.genesis import Genesis
from ledger.receipt import read_receipt
from ledger.segment import PublishedBlock
from ledger.working import WorkingLedger


class Difference(NamedTuple):
    """The first block in which two ledgers differ.

    ``header`` says in which field (empty if the headers are equal and only what came with them is
    not); ids of transactions that only one records, subjects whose receipts differ, and keys of the
    state that have another value after the block. ``state`` is None where the blocks cannot be
    executed.
    """

    height: int
    header: str
    only_left: list[str]
    only_right: list[str]
    receipts: list[str]
    state: list[str] | None


class Comparison(NamedTuple):
    """Two ledgers from ``first``, the lowest block that both hold, to the lower of their heights.

    ``difference`` is None if they agree.
    """

    first: int
    compared: int
    left: int
    right: int
    difference: Difference | None


def compare(left: Blocks, right: Blocks, genesis: Genesis) -> Comparison:
    """Compare block by block, bytes of transactions and receipts included."""
    first = max(left.first, right.first)
    if first > min(left.last, right.last):
        raise CodedError(
            STARTS_LATER,
            f"there is no block that both hold: one begins with block {first}, the other ends with "
            f"block {min(left.last, right.last)}",
        )
    height = first - 1
    for ours, theirs in zip_longest(each(left, first), each(right, first)):
        if ours is None or theirs is None:
            break
        height = ours.header.height
        if ours.header != theirs.header or ours.rows != theirs.rows:
            found = _difference(left, genesis, ours, theirs)
            return Comparison(first, height - 1, left.last, right.last, found)
    return Comparison(first, height, left.last, right.last, None)


def _difference(
    left: Blocks, genesis: Genesis, ours: PublishedBlock, theirs: PublishedBlock
) -> Difference:
    a, b = _receipts(ours), _receipts(theirs)
    return Difference(
        ours.header.height,
        "" if ours.header == theirs.header else making.difference(ours.header, theirs.header),
        sorted(a.keys() - b.keys()),
        sorted(b.keys() - a.keys()),
        sorted(subject for subject in a.keys() & b.keys() if a[subject] != b[subject]),
        _state(left, genesis, ours, theirs),
    )


def _receipts(block: PublishedBlock) -> dict[str, tuple[bytes, bytes]]:
    found = {}
    for index, row in enumerate(block.rows):
        try:
            name = read_receipt(row.receipt).subject.hex()
        except CodedError:
            name = f"receipt {index}, unreadable"
        found[name] = (row.wire, row.receipt)
    return found


def _state(
    left: Blocks, genesis: Genesis, ours: PublishedBlock, theirs: PublishedBlock
) -> list[str] | None:
    """Keys that differ after executing both blocks on what the ledgers have in common."""
    below = ours.header.height - 1
    try:
        ledger = state_at(left, genesis, below).ledger
        for block in each(left, 0 if ledger.head is None else ledger.head.height + 1):
            if block.header.height > below:
                break
            execute(ledger, block)
        common = checkpoint.read(ledger.checkpoint())
        a = execute(WorkingLedger.from_checkpoint(common), ours).commit.state
        b = execute(WorkingLedger.from_checkpoint(common), theirs).commit.state
    except (CodedError, Violated, AssertionError):
        return None
    keys = a.keys() | b.keys()
    return sorted(repr(key)[2:-1] for key in keys if a.get(key, key) != b.get(key, key))
