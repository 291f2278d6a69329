"""Confirming that this node knows all that anybody was told: what stands behind consistent reads.

A node's committed state is final but may be older than what another node has already told a client.
To rule that out the node asks the other guarantors in which view they are, counts its own view, and
waits until its newest block is of the view before the highest answer, or of a later one.

Why that is enough: a block was told as final only after a quorum had voted finalize in some view
*w* for it or for a descendant. A quorum of answers contains a correct guarantor of that quorum. It
entered view *w* + 1 before it voted so, and answers that view or a later one, since it was asked
afterwards. The newest block here is then of view *w* or later, and of two final blocks the one of
the lower view is an ancestor of the other.

Nobody is believed: a view that this node cannot know of yet comes with the certificate that ended
the view before it, so a liar can only make itself not count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ledger import keys
from ledger.errors import CodedError
from ledger.validators import ValidatorSet
from node.messages import Standing


class Question:
    """One question to the guarantors of an epoch, until a quorum has answered it.

    ``known_view`` is the view of this node's newest block: answers up to the view after it need no
    proof. ``own`` is this node's number and view, None if it has no vote.
    """

    def __init__(
        self,
        chain_id: bytes,
        validators: ValidatorSet,
        known_view: int,
        own: tuple[int, int] | None,
    ) -> None:
        self._chain_id = chain_id
        self._validators = validators
        self._known = known_view
        self._views: dict[int, int] = {} if own is None else dict([own])
        self._answered = asyncio.Event()
        self._look()

    @property
    def epoch(self) -> int:
        """Whose guarantors are asked."""
        return self._validators.epoch

    def answer(self, peer: int, standing: Standing) -> None:
        """Take an answer, if it is proven."""
        if 0 <= peer < self._validators.size and self._holds(standing):
            self._views[peer] = standing.view
            self._look()

    async def view(self) -> int:
        """The view of which the newest block must be, or of a later one, once a quorum answered."""
        await self._answered.wait()
        return max(self._views.values()) - 1

    def _look(self) -> None:
        if len(self._views) >= self._validators.quorum:
            self._answered.set()

    def _holds(self, standing: Standing) -> bool:
        if standing.epoch != self._validators.epoch:
            return False
        if standing.view <= self._known + 1:
            return True
        proof = standing.proof
        if proof is None or proof.epoch != standing.epoch or proof.view < standing.view - 1:
            return False
        try:
            proof.verify(self._chain_id, self._validators, keys.verify)
        except CodedError:
            return False
        return True


class Questions:
    """The questions that are open, by the number that their answers name."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: dict[int, Question] = {}
        self._number = 0

    @property
    def is_full(self) -> bool:
        """Whether no further one may be asked now."""
        return len(self._open) >= self._most

    async def ask(self, question: Question, send: Callable[[int], None]) -> int:
        """Have ``send`` ask under a new number; :meth:`Question.view` once it is answered."""
        self._number += 1
        number = self._number
        self._open[number] = question
        try:
            send(number)
            return await question.view()
        finally:
            del self._open[number]

    def answered(self, peer: int, standing: Standing) -> None:
        """An answer came; one that nobody waits for is dropped."""
        question = self._open.get(standing.number)
        if question is not None:
            question.answer(peer, standing)
