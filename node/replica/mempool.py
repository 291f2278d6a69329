"""Transactions on their way to a block: own submissions, and batches of every author.

A submission goes through *checking* (decoded and verified off the loop), *waiting* (admitted,
about to be shared in a batch) and *shared* (in a batch of ours). Batches, ours and others', are
*checking*, *ready*, or *rejected*; a ready batch leaves the pool when a final block has recorded
it. Every collection is bounded; what does not fit is refused, never queued without end.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from contracts.executor import Candidate, read_trusted
from ledger import limits
from node.messages import Batch
from node.replica.config import ReplicaConfig
from node.replica.effects import Submission, SubmissionStatus


class Waiting(NamedTuple):
    """An admitted submission that no final block has recorded yet."""

    candidate: Candidate
    valid_until: int


class PooledBatch:
    """A batch, while it is checked and once all its transactions are known to be well signed.

    ``durable`` is the view with whose records the vote journal holds it, -1 if it does not.
    """

    __slots__ = ("_candidates", "batch", "digest", "durable", "size")

    def __init__(self, digest: bytes, batch: Batch) -> None:
        self.digest = digest
        self.batch = batch
        self.size = sum(map(len, batch.transactions))
        self.durable = -1
        self._candidates: tuple[Candidate, ...] | None = None

    def candidates(self, chain_id: bytes) -> tuple[Candidate, ...]:
        """The batch's transactions, decoded once."""
        if self._candidates is None:
            self._candidates = tuple(read_trusted(chain_id, w) for w in self.batch.transactions)
        return self._candidates


class Submissions:
    """This node's own clients' transactions, and what became of them."""

    def __init__(self, config: ReplicaConfig) -> None:
        self._config = config
        self._pending: dict[bytes, Waiting] = {}
        self._unsealed: dict[bytes, Candidate] = {}
        self._refused: OrderedDict[bytes, Submission] = OrderedDict()
        self._bytes = 0
        self._unsealed_bytes = 0

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def size(self) -> int:
        """Wire bytes held."""
        return self._bytes

    def has_room(self, wires: Iterable[bytes]) -> bool:
        """Whether so much more may be taken."""
        count = total = 0
        for wire in wires:
            count += 1
            total += len(wire)
        return (
            len(self._pending) + count <= self._config.pending_transactions
            and self._bytes + total <= self._config.pending_bytes
        )

    def is_pending(self, transaction_id: bytes) -> bool:
        """Whether the transaction is held and not yet final."""
        return transaction_id in self._pending

    def add(self, candidate: Candidate) -> None:
        """Take an admitted transaction; it waits to be sealed into a batch."""
        self._refused.pop(candidate.id, None)
        self._pending[candidate.id] = Waiting(candidate, candidate.transaction.valid_until)
        self._unsealed[candidate.id] = candidate
        self._bytes += len(candidate.wire)
        self._unsealed_bytes += len(candidate.wire)

    def refuse(self, submission: Submission) -> None:
        """Remember why a transaction was refused without being recorded."""
        self.forget(submission.id)
        self._refused[submission.id] = submission
        while len(self._refused) > self._config.refusals_remembered:
            self._refused.popitem(last=False)

    def forget(self, transaction_id: bytes) -> None:
        """Drop a transaction that is final, refused or expired."""
        waiting = self._pending.pop(transaction_id, None)
        if waiting is not None:
            self._bytes -= len(waiting.candidate.wire)
            if self._unsealed.pop(transaction_id, None) is not None:
                self._unsealed_bytes -= len(waiting.candidate.wire)

    def expire(self, time: int) -> list[bytes]:
        """Drop and return the transactions whose window closed before ``time`` (block time)."""
        late = [i for i, waiting in self._pending.items() if waiting.valid_until < time]
        for transaction_id in late:
            self.forget(transaction_id)
        return late

    @property
    def unsealed(self) -> int:
        """How many admitted transactions wait for a batch."""
        return len(self._unsealed)

    @property
    def batch_is_full(self) -> bool:
        """Whether the next batch need not wait any longer."""
        return (
            len(self._unsealed) >= self._config.batch_transactions
            or self._unsealed_bytes >= self._config.batch_bytes
        )

    def seal(self) -> tuple[bytes, ...]:
        """Take the wires of the next batch, oldest first."""
        wires: list[bytes] = []
        size = 0
        for transaction_id, candidate in list(self._unsealed.items()):
            if wires and (
                len(wires) >= self._config.batch_transactions
                or size + len(candidate.wire) > self._config.batch_bytes
            ):
                break
            wires.append(candidate.wire)
            size += len(candidate.wire)
            del self._unsealed[transaction_id]
        self._unsealed_bytes -= size
        return tuple(wires)

    def unseal_all(self) -> None:
        """The batches of these transactions count no more: they wait to be sealed again."""
        self._unsealed = {i: waiting.candidate for i, waiting in self._pending.items()}
        self._unsealed_bytes = self._bytes

    def refuse_all(self, code: str, reason: str) -> None:
        """Nothing of what waits can be recorded through this node."""
        for transaction_id in list(self._pending):
            refusal = Submission(transaction_id, SubmissionStatus.REFUSED, code=code, reason=reason)
            self.refuse(refusal)

    def pending(self, transaction_id: bytes) -> Submission | None:
        """``PENDING`` or a remembered refusal, else None."""
        if transaction_id in self._pending:
            return Submission(transaction_id, SubmissionStatus.PENDING)
        return self._refused.get(transaction_id)


class BatchPool:
    """Batches by digest, bounded in bytes per author."""

    def __init__(self, config: ReplicaConfig) -> None:
        self._config = config
        self._ready: dict[bytes, PooledBatch] = {}
        self._used: OrderedDict[bytes, PooledBatch] = OrderedDict()
        self._checking: dict[bytes, PooledBatch] = {}
        self._rejected: OrderedDict[bytes, None] = OrderedDict()
        self._bytes: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._ready)

    def state_of(self, digest: bytes) -> str:
        """One of ``ready``, ``checking``, ``rejected``, ``unknown``."""
        if digest in self._ready or digest in self._used:
            return "ready"
        if digest in self._checking:
            return "checking"
        return "rejected" if digest in self._rejected else "unknown"

    def get(self, digest: bytes) -> PooledBatch | None:
        """A ready batch, recorded ones included while they are kept for peers."""
        return self._ready.get(digest) or self._used.get(digest)

    def ready(self) -> Iterator[PooledBatch]:
        """The batches that no final block has recorded yet, oldest first."""
        yield from self._ready.values()

    def choose(self, taken: Collection[bytes], first: int) -> tuple[bytes, ...]:
        """Digests for the next block: ready batches that are not ``taken``.

        Authors take turns, each with its oldest batch, beginning with validator ``first``; with
        another one first in each view, no author can crowd out the others. A block holds at most
        so many batches and transactions, but always the first batch.
        """
        queues: dict[int, deque[PooledBatch]] = {}
        for pooled in self._ready.values():
            if pooled.digest not in taken:
                queues.setdefault(pooled.batch.author, deque()).append(pooled)
        turns = deque(sorted(queues, key=lambda author: (author < first, author)))
        chosen: list[bytes] = []
        count = 0
        while turns and len(chosen) < limits.MAX_BLOCK_BATCHES:
            queue = queues[turns[0]]
            pooled = queue.popleft()
            count += len(pooled.batch.transactions)
            if chosen and count > self._config.block_transactions:
                break
            chosen.append(pooled.digest)
            turns.rotate(-1)
            if not queue:
                turns.pop()
        return tuple(chosen)

    def has_room(self, batch: Batch, *, wanted: bool) -> bool:
        """Whether an author may add another batch; one that a proposal needs always may."""
        held = self._bytes.get(batch.author, 0)
        return wanted or held + sum(map(len, batch.transactions)) <= (
            self._config.pool_bytes_per_author
        )

    def checking(self, pooled: PooledBatch) -> None:
        """Hold a batch while its transactions are verified."""
        self._checking[pooled.digest] = pooled
        author = pooled.batch.author
        self._bytes[author] = self._bytes.get(author, 0) + pooled.size

    def accept(self, digest: bytes) -> PooledBatch | None:
        """A batch has passed its check."""
        pooled = self._checking.pop(digest, None)
        if pooled is not None:
            self._ready[digest] = pooled
        return pooled

    def reject(self, digest: bytes) -> PooledBatch | None:
        """A batch holds a transaction that no correct node would have shared."""
        pooled = self._checking.pop(digest, None)
        if pooled is not None:
            self._release(pooled)
            self._rejected[digest] = None
            while len(self._rejected) > 1_000:
                self._rejected.popitem(last=False)
        return pooled

    def release(self, digest: bytes) -> None:
        """A batch could not be checked: forget it, so that it may come again."""
        pooled = self._checking.pop(digest, None)
        if pooled is not None:
            self._release(pooled)

    def begin_epoch(self) -> None:
        """Batches of the epoch that ended are let go: their authors seal what is left again.

        What final blocks recorded stays for peers that lag.
        """
        self._ready.clear()
        self._checking.clear()
        self._rejected.clear()
        self._bytes.clear()

    def add_own(self, pooled: PooledBatch) -> None:
        """A batch of this node's own, already checked transaction by transaction."""
        self.checking(pooled)
        self.accept(pooled.digest)

    def _release(self, pooled: PooledBatch) -> None:
        self._bytes[pooled.batch.author] -= pooled.size

    def recorded(self, digests: Iterable[bytes]) -> None:
        """These batches are in a final block; keep the newest few for peers that lag."""
        for digest in digests:
            pooled = self._ready.pop(digest, None)
            if pooled is not None:
                self._release(pooled)
                self._used[digest] = pooled
        while len(self._used) > 64:
            self._used.popitem(last=False)
