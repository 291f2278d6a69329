"""Putting a proposed block together: its proposal, parent and batches, then its execution.

Whatever is missing is asked for, first of the one that should have it and later of everybody. An
executed block enters the block tree; one that cannot be right is remembered as invalid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from contracts.blocks import difference
from contracts.executor import Candidate
from ledger.validators import ValidatorSet
from node.messages import BatchRequest, Message, Proposal, ViewRequest
from node.replica.blocktree import BlockTree, ExecutedBlock
from node.replica.effects import Broadcast, Effect, Send
from node.replica.mempool import BatchPool
from node.replica.proposals import Invalid, ProposalBook, check_shape, check_size


class Assembly:
    """Turns block hashes into executed blocks, as far as the parts are at hand."""

    def __init__(
        self,
        chain_id: bytes,
        validators: ValidatorSet,
        index: int | None,
        retry_ms: int,
        tree: BlockTree,
        proposals: ProposalBook,
        pool: BatchPool,
        emit: Callable[[Effect], None],
    ) -> None:
        self._chain_id = chain_id
        self._validators = validators
        self._index = index
        self._retry_ms = retry_ms
        self._tree = tree
        self._proposals = proposals
        self._pool = pool
        self._emit = emit
        self._asked: dict[bytes, int] = {}

    def begin_epoch(self, validators: ValidatorSet, index: int | None) -> None:
        """Others decide from here on, and peers are numbered by them."""
        self._validators, self._index = validators, index
        self._asked.clear()

    def obtain(self, block: bytes, view: int, now: int) -> ExecutedBlock | None:
        """The executed block of a view; None while parts are missing (they are asked for).

        Raises :class:`Invalid` if no correct node would have voted for it. That is never said of a
        block that a certificate names because of what its leader sent here: another proposal of
        the same block is asked for then, of those who voted for it.
        """
        executed = self._tree.get(block)
        if executed is not None:
            return executed
        if self._proposals.is_wrong(block) and not self._proposals.is_wanted(block):
            raise Invalid("known to be invalid")
        problem: Invalid | None = None
        for heard in self._proposals.variants(block):
            if heard.proposal.header.height <= self._tree.head.header.height:
                raise Invalid("another block is final at its height")
            try:
                executed = self._make(heard.proposal, now)
            except Invalid as reason:
                self._proposals.reject(heard)
                problem = reason
                continue
            if executed is not None:
                self._proposals.settle(heard)
                self._tree.add(executed)
                return executed
        if problem is not None and not self._proposals.is_wanted(block):
            raise problem
        if self._proposals.get(block) is None:
            self._proposals.want(block, view)
        if self._proposals.is_wanted(block):
            self._ask(block, ViewRequest((view,)), self._validators.leader(view), now)
        return None

    def _make(self, proposal: Proposal, now: int) -> ExecutedBlock | None:
        """The block that a proposal makes; None while parts are missing."""
        parent_hash = proposal.header.parent
        # Nobody votes for a block before its parent is notarized.
        parent_view = min(proposal.parent_view, proposal.header.view - 1)
        self._proposals.want(parent_hash, parent_view)
        parent = self.obtain(parent_hash, parent_view, now)
        if parent is None or not self._have_batches(proposal, now):
            return None
        check_shape(proposal, parent, self._validators)
        check_size(proposal, self._pool)
        return self._execute(parent, proposal)

    def candidates(self, batches: tuple[bytes, ...]) -> list[Candidate]:
        """The transactions of ready batches, in order."""
        found: list[Candidate] = []
        for digest in batches:
            pooled = self._pool.get(digest)
            assert pooled is not None, "batches are at hand before execution"
            found += pooled.candidates(self._chain_id)
        return found

    def missing_batches(self, blocks: Iterable[bytes]) -> set[bytes]:
        """The batches named by these proposals and by their ancestors that are not executed."""
        wanted: set[bytes] = set()
        for block in blocks:
            current = block
            while self._tree.get(current) is None:
                variants = self._proposals.variants(current)
                if not variants:
                    break
                for heard in variants:
                    wanted.update(heard.proposal.batches)
                current = variants[0].proposal.header.parent
        return wanted

    def committed(self) -> None:
        """A block became final: what was asked for before is asked again when it is needed."""
        self._asked.clear()

    def _have_batches(self, proposal: Proposal, now: int) -> bool:
        states = {d: self._pool.state_of(d) for d in proposal.batches}
        if "rejected" in states.values():
            raise Invalid("it names a batch with a transaction that must not be shared")
        unknown = tuple(d for d, state in states.items() if state == "unknown")
        if unknown:
            leader = self._validators.leader(proposal.header.view)
            subject = proposal.signature
            self._ask(subject, BatchRequest(unknown), leader, now)
        return all(state == "ready" for state in states.values())

    def _execute(self, parent: ExecutedBlock, proposal: Proposal) -> ExecutedBlock:
        header = proposal.header
        executed = self._tree.execute(
            parent,
            self._validators,
            view=header.view,
            time=header.time,
            candidates=self.candidates(proposal.batches),
            batches=proposal.batches,
        )
        if executed.header != header:
            raise Invalid(difference(executed.header, header))
        return executed

    def _ask(self, subject: bytes, message: Message, first: int, now: int) -> None:
        asked = self._asked.get(subject)
        if asked is None and first != self._index:
            self._emit(Send(first, message))
        elif asked is None or now - asked >= self._retry_ms:
            self._emit(Broadcast(message))
        else:
            return
        self._asked[subject] = now
