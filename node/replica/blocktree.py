"""Executed blocks: the newest committed one and those above it that are not final yet.

A block is executed once, on top of its executed parent, before this node votes for it. Its changes
live in a layer until its commit is durable; values in a layer are absolute, so reading through a
layer that the store already contains gives the same answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from contracts.blocks import Parent, make_block
from contracts.executor import Candidate
from ledger.block import Header
from ledger.errors import CodedError
from ledger.merkle import Frontier
from ledger.receipt import Receipt
from ledger.state import Overlay, State
from ledger.statetree import LayeredPages, PageReader
from ledger.store.interface import BlockCommit, ChainStore
from ledger.validators import ValidatorSet


class ExecutedBlock:
    """A block, the state after it, and what committing it will write.

    ``history`` accumulates the hashes of all headers up to and including this one. ``dropped``
    names candidates that were not recorded, with the reason.
    """

    __slots__ = (
        "batches",
        "commit",
        "dropped",
        "hash",
        "header",
        "history",
        "ids",
        "pages",
        "receipts",
        "state",
    )

    def __init__(
        self,
        header: Header,
        block_hash: bytes,
        state: State,
        pages: PageReader,
        history: Frontier,
        commit: BlockCommit | None = None,
        receipts: Sequence[Receipt] = (),
        ids: frozenset[bytes] = frozenset(),
        batches: tuple[bytes, ...] = (),
        dropped: Sequence[tuple[bytes, CodedError]] = (),
    ) -> None:
        self.header = header
        self.hash = block_hash
        self.state = state
        self.pages = pages
        self.history = history
        self.commit = commit
        self.receipts = receipts
        self.ids = ids
        self.batches = batches
        self.dropped = dropped

    @property
    def is_last(self) -> bool:
        """Whether an epoch that has not ended here yet ends with this block."""
        return self.commit is not None and self.commit.validators is not None


class BlockTree:
    """The committed head and every executed block above it, by hash."""

    def __init__(self, chain_id: bytes, store: ChainStore) -> None:
        self._chain_id = chain_id
        self._store = store
        header = store.head
        assert header is not None, "the store holds at least block 0"
        self._base = State(store)
        self.head = ExecutedBlock(header, header.hash(), self._base, store, store.history())
        self._blocks: dict[bytes, ExecutedBlock] = {self.head.hash: self.head}

    def __len__(self) -> int:
        return len(self._blocks)

    def get(self, block: bytes) -> ExecutedBlock | None:
        """An executed block, the head included."""
        return self._blocks.get(block)

    def above_head(self) -> Iterable[ExecutedBlock]:
        """Every executed block that is not committed yet."""
        return (block for block in self._blocks.values() if block is not self.head)

    def ancestors(self, block: ExecutedBlock) -> Iterable[ExecutedBlock]:
        """``block`` and its ancestors above the head, newest first."""
        current: ExecutedBlock | None = block
        while current is not None and current is not self.head:
            yield current
            current = self._blocks.get(current.header.parent)

    def execute(
        self,
        parent: ExecutedBlock,
        validators: ValidatorSet,
        *,
        view: int,
        time: int,
        candidates: Sequence[Candidate],
        batches: tuple[bytes, ...] = (),
        survivors: tuple[int, ...] = (),
    ) -> ExecutedBlock:
        """The block that these candidates make on ``parent``; it is not added to the tree.

        Candidates that are recorded already or not admissible are left out, by rules that every
        node applies alike, so the header is a function of the arguments.
        """
        layers = [block.ids for block in self.ancestors(parent)]
        find = self._store.find_transaction

        def is_recorded(transaction_id: bytes) -> bool:
            return any(transaction_id in ids for ids in layers) or find(transaction_id) is not None

        made = make_block(
            self._chain_id,
            Parent(parent.header, parent.hash, parent.state, parent.pages, parent.history),
            validators,
            view=view,
            time=time,
            candidates=candidates,
            is_recorded=is_recorded,
            survivors=survivors,
        )
        execution, commit = made.execution, made.commit
        return ExecutedBlock(
            made.header,
            made.hash,
            execution.overlay,
            LayeredPages(parent.pages, commit.pages),
            parent.history.append(made.hash),
            commit,
            execution.receipts,
            frozenset(commit.transactions),
            batches,
            execution.dropped,
        )

    def add(self, block: ExecutedBlock) -> None:
        """Keep an executed block; its parent is in the tree."""
        assert block.header.parent in self._blocks
        self._blocks[block.hash] = block

    def committed(self, block: ExecutedBlock) -> list[ExecutedBlock]:
        """The store now contains ``block``: make it the head and drop what lost against it.

        Returns the dropped blocks. The layers above are put directly on the store again.
        """
        assert block.header.parent == self.head.hash, "blocks are committed in order"
        if isinstance(block.state, Overlay):
            self._base.absorb(block.state)
        self.head = ExecutedBlock(block.header, block.hash, self._base, self._store, block.history)
        kept = {block.hash: self.head}
        for candidate in sorted(self._blocks.values(), key=lambda b: b.header.height):
            if candidate.header.height > block.header.height and candidate.header.parent in kept:
                kept[candidate.hash] = candidate
                if candidate.header.parent == block.hash:
                    assert isinstance(candidate.state, Overlay)
                    assert isinstance(candidate.pages, LayeredPages)
                    candidate.state.rebase(self._base)
                    candidate.pages.rebase(self._store)
        dropped = [b for h, b in self._blocks.items() if h not in kept and b is not block]
        self._blocks = kept
        return dropped
