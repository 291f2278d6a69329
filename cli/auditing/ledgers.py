"""Any ledger, whatever it lies in, as what comparing and proving need of it.

An archive, a store or a running node gives headers, blocks with their receipts, and finalizations.
States of the past are made again by executing blocks, from the nearest checkpoint below if there is
one; roots are compared on the way, so a wrong state is never used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from cli.auditing.source import StoreSource, open_source, require_beginning
from contracts.replay import Stretch
from ledger import merkle
from ledger.archive import Archive, PartKind
from ledger.block import Certificate, Header
from ledger.genesis import Genesis
from ledger.merkle import Frontier
from ledger.proof import Finality, ProvenExtension, ValidatorChange
from ledger.segment import PublishedBlock, Segment
from ledger.store.proofs import prove_extension


class Blocks(Protocol):
    """Where blocks come from; nothing they give is verified."""

    first: int
    """The lowest block that is there whole."""
    last: int

    def segments(self, first: int) -> Iterator[Segment]:
        """Blocks from a height on; a segment may start a little below it."""
        ...

    def start(self, genesis: Genesis, height: int) -> Stretch:
        """The nearest known state at or below a height."""
        ...

    def extension(self, genesis: Genesis, height: int) -> ProvenExtension | None:
        """That the ledger extends the one that ended with a block; None without a finalization."""
        ...


class ArchiveBlocks:
    """The blocks of an archive."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.first = archive.manifest.first
        self.last = archive.manifest.last

    def segments(self, first: int) -> Iterator[Segment]:
        """Blocks from a height on; a segment may start a little below it."""
        for index, part in enumerate(self._archive.manifest.parts):
            if part.kind is PartKind.BLOCKS and part.last >= first:
                yield self._archive.segment(index)

    def start(self, genesis: Genesis, height: int) -> Stretch:
        """The nearest checkpoint at or below a height, or genesis."""
        found = [
            index
            for index, part in enumerate(self._archive.manifest.parts)
            if part.kind is PartKind.STATE and part.last <= height
        ]
        return Stretch(genesis, self._archive.checkpoint(found[-1]) if found else None)

    def extension(self, genesis: Genesis, height: int) -> ProvenExtension | None:
        """From the headers of all blocks; raises ``STARTS_LATER`` if some are missing."""
        return Chain(self, genesis).proven(height)


class StoreBlocks:
    """The blocks of a store."""

    def __init__(self, source: StoreSource) -> None:
        self._source = source
        self.first = source.first
        self.last = source.last

    def segments(self, first: int) -> Iterator[Segment]:
        """Blocks from a height on."""
        return self._source.segments(first)

    def start(self, genesis: Genesis, height: int) -> Stretch:
        """Genesis: a store keeps its newest state only."""
        return Stretch(genesis)

    def extension(self, genesis: Genesis, height: int) -> ProvenExtension | None:
        """From what a store always keeps, however much it was pruned."""
        return prove_extension(self._source.reader, height) if height <= self.last else None


class NodeBlocks:
    """The blocks of a running node, through its API."""

    def __init__(self, fetch: Callable[[int], Segment], first: int) -> None:
        self._fetch = fetch
        self.first = first
        self.last = fetch(first).height

    def segments(self, first: int) -> Iterator[Segment]:
        """Blocks from a height on."""
        while first <= self.last:
            found = self._fetch(first)
            if not found.blocks:
                return
            yield found
            first = found.blocks[-1].header.height + 1

    def start(self, genesis: Genesis, height: int) -> Stretch:
        """Genesis."""
        return Stretch(genesis)

    def extension(self, genesis: Genesis, height: int) -> ProvenExtension | None:
        """From the headers of all blocks; raises ``STARTS_LATER`` if some are missing."""
        return Chain(self, genesis).proven(height)


@contextmanager
def open_blocks(where: str) -> Iterator[Blocks]:
    """The blocks of an archive, a store (paths) or a running node (``http://…``)."""
    if where.startswith(("http://", "https://")):
        from cli import calls
        from cli.client import Client

        with Client(where) as client:
            held = max(1, client.do(calls.node()).history_from)
            yield NodeBlocks(lambda first: client.do(calls.segment(first)), held)
        return
    with open_source(Path(where)) as source:
        yield ArchiveBlocks(source) if isinstance(source, Archive) else StoreBlocks(source)


def each(blocks: Blocks, first: int) -> Iterator[PublishedBlock]:
    """Blocks from a height on, one by one."""
    for found in blocks.segments(first):
        yield from (block for block in found.blocks if block.header.height >= first)


class Chain:
    """The headers of a ledger with their finalizations, unverified: the proofs that are made from
    them are verified before anybody gets them. Raises ``STARTS_LATER`` if some are missing."""

    def __init__(self, blocks: Blocks, genesis: Genesis) -> None:
        require_beginning(
            blocks.first, "the ledger", "take one that has them all, such as an archive"
        )
        stretch = Stretch(genesis)
        self.headers = [stretch.head]
        self.certificates: dict[int, Certificate] = {}
        self.changes: list[ValidatorChange] = []
        self._nodes: dict[tuple[int, int], bytes] = {}
        history = self._grow(Frontier(), stretch.head)
        for found in blocks.segments(1):
            for block in found.blocks:
                history = self._take(block, history)

    def _take(self, block: PublishedBlock, history: Frontier) -> Frontier:
        header = block.header
        self.headers.append(header)
        if block.certificate is not None:
            self.certificates[header.height] = block.certificate
            if block.validators is not None:
                change = ValidatorChange(header, block.certificate, block.validators)
                self.changes.append(change)
        return self._grow(history, header)

    def _grow(self, history: Frontier, header: Header) -> Frontier:
        grown, nodes = history.grow(header.hash())
        self._nodes.update({(level, index): node for level, index, node in nodes})
        return grown

    def node(self, level: int, index: int) -> bytes:
        """The hash of a complete subtree of the header tree."""
        return self._nodes[level, index]

    def finality(self, height: int) -> Finality:
        """The finality of a block that has a finalization of its own."""
        header = self.headers[height]
        changes = tuple(c for c in self.changes if c.validators.epoch <= header.epoch)
        return Finality(header, self.certificates[height], changes)

    def extension(self, first: int, last: int) -> ProvenExtension:
        """That the ledger up to a certified block extends the one that ended below it."""
        same = first == last
        return ProvenExtension(
            self.headers[first],
            () if same else merkle.stored_inclusion_path(self.node, first, last),
            () if same else merkle.stored_consistency_path(self.node, first, last),
            self.finality(last),
        )

    def proven(self, height: int) -> ProvenExtension | None:
        """The extension of a block by the nearest one above it that has its own finalization."""
        above = (h for h in range(height, len(self.headers)) if h in self.certificates)
        certified = next(above, None)
        return None if certified is None else self.extension(height, certified)

    def certified_at(self, height: int) -> int:
        """The newest height at or below one that has a finalization of its own; 0 for none."""
        while height and height not in self.certificates:
            height -= 1
        return height

    def height_at(self, time: int) -> int:
        """The newest block that is not later than a time in ms."""
        low, high = 0, len(self.headers)
        while high - low > 1:
            middle = (low + high) // 2
            if self.headers[middle].time <= time:
                low = middle
            else:
                high = middle
        return low


def state_at(blocks: Blocks, genesis: Genesis, height: int) -> Stretch:
    """The ledger executed up to a height, without verifying members' signatures again.

    Costs executing the blocks from the nearest checkpoint on. Raises
    :class:`contracts.violations.Violated`.
    """
    stretch = blocks.start(genesis, height)
    pending: list[PublishedBlock] = []
    for block in each(blocks, stretch.head.height + 1):
        if block.header.height > height:
            break
        pending.append(block)
        if block.certificate is not None:
            stretch.take(pending, signatures=False)
            pending = []
    return stretch
