"""Proposals that this replica has heard of, until a final block decides about them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ledger import limits
from ledger.validators import ValidatorSet
from node.messages import Proposal
from node.replica.blocktree import ExecutedBlock
from node.replica.mempool import BatchPool


class Heard(NamedTuple):
    """A proposal and the local time (ms) at which its content arrived."""

    proposal: Proposal
    arrived: int


class Invalid(Exception):
    """A proposal that no correct node notarizes; the text says why."""


class ProposalBook:
    """Authentic proposals by block hash, at most two per view.

    A faulty leader may sign many proposals for its view. The first two are enough to make
    progress (one that others notarized may differ from the first seen here); a third is kept only
    if a certificate names it, see :meth:`want`.
    """

    def __init__(self) -> None:
        self._by_block: dict[bytes, Heard] = {}
        self._by_view: dict[int, list[bytes]] = {}
        self._wanted: dict[bytes, int] = {}
        self._invalid: dict[bytes, int] = {}

    def add(self, proposal: Proposal, now: int) -> bool:
        """Keep a proposal; False if it is known or the view has enough of them."""
        block = proposal.block
        view = proposal.header.view
        blocks = self._by_view.setdefault(view, [])
        if block in self._by_block or (len(blocks) >= 2 and block not in self._wanted):
            return False
        self._by_block[block] = Heard(proposal, now)
        blocks.append(block)
        return True

    def get(self, block: bytes) -> Heard | None:
        """The proposal of a block, if it was heard."""
        return self._by_block.get(block)

    def of_view(self, view: int) -> Iterator[Proposal]:
        """The proposals of a view."""
        for block in self._by_view.get(view, ()):
            yield self._by_block[block].proposal

    def want(self, block: bytes, view: int) -> None:
        """A certificate names this block: accept its proposal whatever else the view has."""
        self._wanted[block] = view

    def mark_invalid(self, block: bytes, view: int) -> None:
        """Remember that a block was executed and found wrong, or cannot ever be."""
        self._invalid[block] = view

    def is_invalid(self, block: bytes) -> bool:
        """Whether :meth:`mark_invalid` was called for the block."""
        return block in self._invalid

    def prune(self, view: int) -> None:
        """Forget everything at or below a view that a final block has decided."""
        for old in [v for v in self._by_view if v <= view]:
            for block in self._by_view.pop(old):
                del self._by_block[block]
        self._wanted = {b: v for b, v in self._wanted.items() if v > view}
        self._invalid = {b: v for b, v in self._invalid.items() if v > view}


def check_shape(proposal: Proposal, parent: ExecutedBlock, validators: ValidatorSet) -> None:
    """Raise :class:`Invalid` for what is wrong before any transaction is executed."""
    header = proposal.header
    if header.height != parent.header.height + 1:
        raise Invalid(f"height {header.height} does not follow {parent.header.height}")
    if proposal.parent_view != parent.header.view or header.view <= parent.header.view:
        raise Invalid(f"view {header.view} on {proposal.parent_view}, not {parent.header.view}")
    if parent.is_last:
        raise Invalid(f"block {parent.header.height} is the last of its epoch")
    if header.time <= parent.header.time:
        raise Invalid(f"time {header.time} is not after the parent's {parent.header.time}")
    if header.epoch != validators.epoch:
        raise Invalid(f"epoch {header.epoch}, the validators are of {validators.epoch}")
    if len(set(proposal.batches)) != len(proposal.batches):
        raise Invalid("a batch is named twice")


def check_size(proposal: Proposal, pool: BatchPool) -> None:
    """Raise :class:`Invalid` if the named batches, all ready, exceed a block's limits."""
    count = size = 0
    for digest in proposal.batches:
        pooled = pool.get(digest)
        assert pooled is not None, "called once all batches are ready"
        count += len(pooled.batch.transactions)
        size += pooled.size
    if count > limits.MAX_BLOCK_TRANSACTIONS or size > limits.MAX_BLOCK_BYTES:
        raise Invalid(f"{count} transactions in {size} bytes are more than a block holds")
