"""Replaying a stretch of a ledger: from a checkpoint, or genesis, over its blocks to its end.

Stretches that start from checkpoints are replayed side by side, in any order. That the parts are
one ledger follows from two comparisons: each stretch ends in the very checkpoint from which the
next one starts (:meth:`Stretch.checkpoint`), and what may happen once happened once in all of them
together (:class:`Once`). Knows no process, clock or disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from contracts.blocks import MadeBlock, Parent, make_block
from contracts.executor import read_candidate
from contracts.history import ONCE
from contracts.verifier import Verifier, validators_after
from contracts.violations import Check, Violated, Violation
from ledger.block import Header, survivors_in
from ledger.checkpoint import Checkpoint
from ledger.errors import BAD_ARCHIVE, CodedError
from ledger.genesis import Genesis
from ledger.receipt import Receipt
from ledger.segment import PublishedBlock
from ledger.state import State
from ledger.working import WorkingLedger

CACHED_RECORDS = 1_000_000
"""A replay keeps the whole state in memory, so it may as well keep most of it decoded."""

Taken = Callable[[int], None]
"""``taken(transactions)`` after each block."""


class Told(NamedTuple):
    """Something that happens at most once: what, of which object, and where it did."""

    what: str
    object: bytes
    height: int
    position: int


class Once:
    """What a ledger told so far that it may tell once."""

    def __init__(self, told: Iterable[Told] = ()) -> None:
        self._seen = {(entry.what, entry.object): entry for entry in told}

    def told(self) -> list[Told]:
        """Everything, in the order of blocks."""
        return list(self._seen.values())

    def take(self, entries: Iterable[Told]) -> None:
        """Remember what a block or a later stretch told; raises :class:`Violated`."""
        for entry in entries:
            first = self._seen.setdefault((entry.what, entry.object), entry)
            if first is not entry:
                what = (
                    f"{entry.what}: {entry.object.hex()} a second time, after block "
                    f"{first.height}, receipt {first.position}"
                )
                raise Violated(
                    (
                        Violation(
                            Check.ONCE,
                            entry.height,
                            what,
                            entry.position,
                            entry.object.hex(),
                            certified=True,
                        ),
                    )
                )


def told_by(header: Header, receipts: Sequence[Receipt]) -> Iterator[Told]:
    """What a block tells that may happen once."""
    fired = header.receipts - header.transactions
    for position, receipt in enumerate(receipts):
        if position < fired:
            yield Told("deadlines-fire-once", receipt.subject, header.height, position)
        for event in receipt.events:
            for _, check, field in ONCE.get(event[0], ()):
                yield Told(check, event[field], header.height, position)


class Stretch:
    """The replay of consecutive blocks, in memory.

    Without ``start`` it starts with the genesis document. Raises :class:`Violated` where something
    is wrong and ``BAD_GENESIS`` if the document is.
    """

    def __init__(
        self, genesis: Genesis, start: Checkpoint | None = None, told: Iterable[Told] = ()
    ) -> None:
        self._ledger = _working(start)
        self._verifier = Verifier(genesis, self._ledger, cached_records=CACHED_RECORDS)
        self.once = Once(told)

    @property
    def head(self) -> Header:
        """The newest verified header."""
        return self._verifier.head

    @property
    def state(self) -> State:
        """The state after the newest verified block."""
        return self._verifier.state

    @property
    def ledger(self) -> WorkingLedger:
        """What the next block would stand on."""
        return self._ledger

    def take(
        self,
        blocks: Sequence[PublishedBlock],
        *,
        signatures: bool = True,
        taken: Taken | None = None,
    ) -> None:
        """Verify the next blocks, of which the last is certified; raises :class:`Violated`.

        ``signatures=False`` as in :meth:`contracts.verifier.Verifier.take`.
        """
        self._verifier.check(blocks, content=False)
        for block in blocks:
            made = self._verifier.take(block, signatures=signatures)
            self.once.take(told_by(block.header, made.execution.receipts))
            if taken is not None:
                taken(block.header.transactions)

    def finish(self) -> None:
        """Check all invariants on the state at the end; costs what the state is large."""
        broken = tuple(self._verifier.broken())
        if broken:
            raise Violated(broken)

    def checkpoint(self) -> bytes:
        """The checkpoint after the newest verified block, the same from wherever one started."""
        return self._ledger.checkpoint()


def execute(ledger: WorkingLedger, block: PublishedBlock) -> MadeBlock:
    """Execute the next block without asking whether it is final or right, to see what it does."""
    head = ledger.head
    assert head is not None, "block 0 is committed"
    chain_id = head.chain_id
    made = make_block(
        chain_id,
        Parent(head, head.hash(), State(ledger), ledger, ledger.history()),
        validators_after(ledger, head),
        view=block.header.view,
        time=block.header.time,
        candidates=[read_candidate(chain_id, row.wire) for row in block.rows if row.wire],
        is_recorded=ledger.is_recorded,
        survivors=survivors_in(block.certificate, block.header),
    )
    ledger.commit(made.commit)
    return made


def _working(start: Checkpoint | None) -> WorkingLedger:
    if start is None:
        return WorkingLedger()
    try:
        return WorkingLedger.from_checkpoint(start)
    except CodedError as error:
        if error.code is not BAD_ARCHIVE:
            raise
        fault = Violation(Check.CHECKPOINT, start.header.height, error.message)
        raise Violated((fault,)) from None


def difference(made: Checkpoint, shown: Checkpoint) -> str:
    """In what a checkpoint that somebody shows differs from the one made here, in words."""
    if made.header != shown.header:
        return f"it stands on another block {shown.header.height} than the one verified"
    if made.history != shown.history:
        return "its history is not that of the headers below"
    if made.validators != shown.validators:
        return "its validators are not those that decide the next block"
    if made.open != shown.open:
        [id, *_] = sorted(made.open.items() ^ shown.open.items())
        return f"it is wrong about transaction {id[0].hex()} being open"
    for key in sorted(made.state.keys() | shown.state.keys()):
        if made.state.get(key) != shown.state.get(key):
            return f"record {key!r} of its state is another"
    return "it is encoded in another way"
