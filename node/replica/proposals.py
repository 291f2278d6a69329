"""Proposals that this replica has heard of, until a final block decides about them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ledger import limits
from ledger.validators import ValidatorSet
from node.messages import Proposal
from node.replica.blocktree import ExecutedBlock
from node.replica.events import Peer
from node.replica.mempool import BatchPool

OWN = -1
"""What stands for the sender of this node's own proposals and of those in its journal."""


class Heard(NamedTuple):
    """A proposal, the local time (ms) at which it arrived, and the peer that brought it."""

    proposal: Proposal
    arrived: int
    sender: Peer


class Invalid(Exception):
    """A proposal that no correct node notarizes; the text says why."""


class ProposalBook:
    """Authentic proposals by block hash, for at most two blocks per view.

    A faulty leader may sign many proposals for its view. The first two blocks are enough to make
    progress (one that others notarized may differ from the first seen here); a third is kept only
    if a certificate names it, see :meth:`want`.

    A block's hash covers its header alone. So a faulty leader may also sign several proposals of
    *one* block, of which only one names the batches that make it. Of a block that a certificate
    names, one such variant is kept from each peer: those that voted for it hold the right one, and
    a wrong one says nothing about the block.
    """

    def __init__(self) -> None:
        self._by_block: dict[bytes, list[Heard]] = {}
        self._by_view: dict[int, list[bytes]] = {}
        self._wanted: dict[bytes, int] = {}
        self._wrong: dict[int, dict[Variant, Peer]] = {}

    def add(self, proposal: Proposal, now: int, sender: Peer = OWN) -> bool:
        """Keep a proposal; False if it is known or there are enough of them."""
        block = proposal.block
        view = proposal.header.view
        blocks = self._by_view.setdefault(view, [])
        if self._was_wrong(proposal, sender):
            return False
        if block not in blocks:
            if len(blocks) >= 2 and block not in self._wanted:
                return False
            blocks.append(block)
        variants = self._by_block.setdefault(block, [])
        if variants and not self._has_room(variants, proposal, sender):
            return False
        variants.append(Heard(proposal, now, sender))
        return True

    def _was_wrong(self, proposal: Proposal, sender: Peer) -> bool:
        """Whether this proposal was rejected, or another one of its block from the same peer."""
        return any(
            variant == _variant(proposal) or (variant[0] == proposal.block and peer == sender)
            for variant, peer in self._wrong.get(proposal.header.view, {}).items()
        )

    def _has_room(self, variants: list[Heard], proposal: Proposal, sender: Peer) -> bool:
        """Whether another variant of a block may be kept: a certified one's, one for each peer."""
        return (
            proposal.block in self._wanted
            and all(heard.sender != sender for heard in variants)
            and all(_variant(heard.proposal) != _variant(proposal) for heard in variants)
        )

    def get(self, block: bytes) -> Heard | None:
        """The proposal of a block: the right one once it is known, or else the first."""
        variants = self._by_block.get(block)
        return variants[0] if variants else None

    def variants(self, block: bytes) -> tuple[Heard, ...]:
        """All proposals of a block that may be right."""
        return tuple(self._by_block.get(block, ()))

    def of_view(self, view: int) -> Iterator[Proposal]:
        """The proposals of a view, one for each block."""
        for block in self._by_view.get(view, ()):
            for heard in self._by_block[block][:1]:
                yield heard.proposal

    def want(self, block: bytes, view: int) -> None:
        """A certificate names this block: accept its proposal whatever else the view has."""
        self._wanted[block] = view

    def is_wanted(self, block: bytes) -> bool:
        """Whether a certificate names the block, so that it is valid whatever was heard of it."""
        return block in self._wanted

    def settle(self, right: Heard) -> None:
        """This proposal makes its block: the other variants are of no use."""
        self._by_block[right.proposal.block] = [right]

    def reject(self, wrong: Heard) -> None:
        """Remember that a proposal does not make its block, and forget it otherwise."""
        proposal = wrong.proposal
        self._by_block[proposal.block].remove(wrong)
        self._wrong.setdefault(proposal.header.view, {})[_variant(proposal)] = wrong.sender

    def is_wrong(self, block: bytes) -> bool:
        """Whether all that was heard of a block was rejected."""
        return not self._by_block.get(block) and any(
            variant[0] == block for wrong in self._wrong.values() for variant in wrong
        )

    def prune(self, view: int) -> None:
        """Forget everything at or below a view that a final block has decided."""
        for old in [v for v in self._by_view if v <= view]:
            for block in self._by_view.pop(old):
                del self._by_block[block]
        self._wanted = {b: v for b, v in self._wanted.items() if v > view}
        self._wrong = {v: wrong for v, wrong in self._wrong.items() if v > view}


Variant = tuple[bytes, int, tuple[bytes, ...]]
"""What tells proposals of one block apart: block, view of the parent, batches."""


def _variant(proposal: Proposal) -> Variant:
    return proposal.block, proposal.parent_view, proposal.batches


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
