"""How transactions enter: clients' submissions, and the batches that nodes share.

A transaction is decoded and verified once per node, off the loop. What a client submits here is
admitted against the newest committed state, sealed into a batch, signed and shared; what others
share is verified and pooled. A batch with one bad transaction is refused whole: its author has
vouched for it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import NamedTuple

from contracts.errors import TRANSACTION_EXPIRED
from contracts.executor import Candidate, admit, read_trusted
from ledger.block import Verify
from ledger.errors import CodedError
from ledger.receipt import read_receipt
from ledger.store.interface import ChainStore
from ledger.validators import ValidatorSet
from node import errors
from node.consensus.config import Identity
from node.messages import Batch, sign_batch, verify_batch
from node.replica.blocktree import BlockTree, ExecutedBlock
from node.replica.config import ReplicaConfig
from node.replica.effects import (
    Alarm,
    Answer,
    Broadcast,
    CancelTimer,
    Check,
    Effect,
    SetTimer,
    Submission,
    SubmissionStatus,
)
from node.replica.events import Submitted, Verdict
from node.replica.mempool import BatchPool, PooledBatch, Submissions
from node.replica.verified import VerifiedWires

BATCH_TIMER = "batch"

UNCHECKED = frozenset({errors.BUSY.name, errors.VERIFIER_FAILED.name})
"""Verdicts that say nothing about the transaction: this node could not check it."""


class _Request(NamedTuple):
    """A client's submission while its transactions are checked."""

    request: int
    wires: tuple[bytes, ...]


class _Shared(NamedTuple):
    """A batch while its transactions are checked."""

    digest: bytes
    wires: tuple[bytes, ...]


class Checks:
    """Tokens of outstanding ``Check`` effects and what each answer is for."""

    def __init__(self) -> None:
        self._tokens = count(1)
        self._waiting: dict[int, Callable[[tuple[Verdict, ...]], None]] = {}

    def ask(
        self,
        wires: tuple[bytes, ...],
        then: Callable[[tuple[Verdict, ...]], None],
        *,
        urgent: bool,
    ) -> Check:
        """The effect that checks ``wires`` and the continuation for its verdicts."""
        token = next(self._tokens)
        self._waiting[token] = then
        return Check(token, wires, urgent)

    def answered(self, token: int, verdicts: tuple[Verdict, ...]) -> None:
        """Continue what waited for this check."""
        then = self._waiting.pop(token, None)
        if then is not None:
            then(verdicts)


class Intake:
    """Submissions and batches of one replica."""

    def __init__(
        self,
        config: ReplicaConfig,
        chain_id: bytes,
        store: ChainStore,
        tree: BlockTree,
        validators: ValidatorSet,
        identity: Identity,
        verify: Verify,
        checks: Checks,
        emit: Callable[[Effect], None],
        on_ready: Callable[[], None],
    ) -> None:
        self._config = config
        self._chain_id = chain_id
        self._store = store
        self._tree = tree
        self._validators = validators
        self._index, self._key = identity.index, identity.key
        self._verify = verify
        self._checks = checks
        self._emit = emit
        self._on_ready = on_ready
        self._checking_bytes = 0
        self._batch_timer = False
        self.submissions = Submissions(config)
        self.pool = BatchPool(config)
        self.verified = VerifiedWires()

    # -- submissions -----------------------------------------------------------------------------

    def submit(self, event: Submitted, now: int) -> None:
        """Take a client's transactions, or refuse all of them if there is no room."""
        size = sum(map(len, event.wires))
        if self._index is None or self._key is None:
            self._refuse_all(event, errors.NOT_READY.name, "an observer takes no transactions")
        elif (
            not self.submissions.has_room(event.wires)
            or self._checking_bytes + size > self._config.pending_bytes
        ):
            self._refuse_all(
                event, errors.BUSY.name, "the node holds as many transactions as it may"
            )
        else:
            self._checking_bytes += size
            request = _Request(event.request, event.wires)

            def checked(verdicts: tuple[Verdict, ...]) -> None:
                self._checking_bytes -= size
                if self._index is None:
                    self._refuse_all(event, errors.NOT_READY.name, "this node decides no more")
                    return
                self._admit(request, verdicts, now)

            self._emit(self._checks.ask(event.wires, checked, urgent=False))

    def begin_epoch(self, validators: ValidatorSet, identity: Identity) -> None:
        """Seal again what the last epoch did not record; refuse it if this node votes no more."""
        self._validators = validators
        self._index, self._key = identity.index, identity.key
        self.pool.begin_epoch()
        if self._index is None or self._key is None:
            self.submissions.refuse_all(
                errors.NOT_READY.name, "this node decides no more; submit to another one"
            )
            return
        self.submissions.unseal_all()
        if self.submissions.unsealed and not self._batch_timer:
            self._batch_timer = True
            self._emit(SetTimer(BATCH_TIMER, self._config.batch_delay))

    def status(self, transaction_id: bytes) -> Submission:
        """What is known of a transaction now."""
        return (
            self._recorded(transaction_id)
            or self.submissions.pending(transaction_id)
            or Submission(transaction_id, SubmissionStatus.UNKNOWN)
        )

    def _refuse_all(self, event: Submitted, code: str, reason: str) -> None:
        refusal = Submission(b"", SubmissionStatus.REFUSED, code=code, reason=reason)
        self._emit(Answer(event.request, (refusal,) * len(event.wires)))

    def _admit(self, request: _Request, verdicts: tuple[Verdict, ...], now: int) -> None:
        answers = []
        for wire, verdict in zip(request.wires, verdicts, strict=True):
            if verdict.code:
                answers.append(
                    Submission(
                        verdict.id,
                        SubmissionStatus.REFUSED,
                        code=verdict.code,
                        reason=verdict.reason,
                        field=verdict.field,
                    )
                )
            else:
                answers.append(self._admit_one(wire, verdict.id, now))
        self.verified.add(
            wire for wire, v in zip(request.wires, verdicts, strict=True) if not v.code
        )
        self._emit(Answer(request.request, tuple(answers)))
        while self.submissions.batch_is_full:
            self._seal()
        if self.submissions.unsealed and not self._batch_timer:
            self._batch_timer = True
            self._emit(SetTimer(BATCH_TIMER, self._config.batch_delay))

    def _admit_one(self, wire: bytes, transaction_id: bytes, now: int) -> Submission:
        recorded = self._recorded(transaction_id)
        if recorded is not None:
            return recorded
        if self.submissions.is_pending(transaction_id):
            return Submission(transaction_id, SubmissionStatus.PENDING)
        try:
            candidate = read_trusted(self._chain_id, wire)
            head = self._tree.head
            admit(head.state, max(now, head.header.time + 1), candidate)
        except CodedError as error:
            refusal = _refusal(transaction_id, error)
            self.submissions.refuse(refusal)
            return refusal
        self.submissions.add(candidate)
        return Submission(transaction_id, SubmissionStatus.PENDING)

    def _recorded(self, transaction_id: bytes) -> Submission | None:
        place = self._store.find_transaction(transaction_id)
        if place is None:
            return None
        row = self._store.row(*place)
        assert row is not None, "the transaction index names stored rows"
        receipt = read_receipt(row.receipt)
        status = SubmissionStatus.FINAL if receipt.applied else SubmissionStatus.REFUSED
        return Submission(
            transaction_id, status, *place, receipt.code, receipt.reason, receipt.field
        )

    # -- batches ---------------------------------------------------------------------------------

    def batch_timer(self) -> None:
        """Seal what waits, full or not."""
        self._batch_timer = False
        while self.submissions.unsealed and self._index is not None:
            self._seal()

    def _seal(self) -> None:
        assert self._index is not None and self._key is not None
        wires = self.submissions.seal()
        batch = sign_batch(self._chain_id, self._key, self._validators.epoch, self._index, wires)
        self.pool.add_own(PooledBatch(batch.digest(self._chain_id), batch))
        self._emit(Broadcast(batch))
        if self._batch_timer and not self.submissions.unsealed:
            self._batch_timer = False
            self._emit(CancelTimer(BATCH_TIMER))
        self._on_ready()

    def receive(self, batch: Batch, *, wanted: set[bytes]) -> None:
        """Take a batch from a peer; ``wanted`` digests are those that a proposal waits for."""
        digest = batch.digest(self._chain_id)
        if self.pool.state_of(digest) != "unknown" or batch.epoch != self._validators.epoch:
            return
        urgent = digest in wanted
        if not self.pool.has_room(batch, wanted=urgent):
            return
        if not verify_batch(self._chain_id, digest, batch, self._validators, self._verify):
            self._emit(Alarm(errors.PEER_REFUSED.name, f"batch {digest.hex()[:16]} is not signed"))
            return
        self.pool.checking(PooledBatch(digest, batch))
        missing = self.verified.missing(batch.transactions)
        if not missing:
            self._accept(digest)
            return
        shared = _Shared(digest, missing)
        self._emit(
            self._checks.ask(
                missing, lambda verdicts: self._verdict(shared, verdicts), urgent=urgent
            )
        )

    def restore(self, batch: Batch) -> None:
        """Take back a batch from the journal: it was verified before it was written there."""
        if batch.epoch != self._validators.epoch:
            return
        self.verified.add(batch.transactions)
        self.pool.add_own(PooledBatch(batch.digest(self._chain_id), batch))

    def _verdict(self, shared: _Shared, verdicts: tuple[Verdict, ...]) -> None:
        bad = next((v for v in verdicts if v.code), None)
        if bad is None:
            self.verified.add(shared.wires)
            self._accept(shared.digest)
            return
        if any(v.code in UNCHECKED for v in verdicts):
            self.pool.release(shared.digest)
            return
        pooled = self.pool.reject(shared.digest)
        author = "?" if pooled is None else pooled.batch.author
        self._emit(
            Alarm(
                "BAD_BATCH",
                f"validator {author} shared batch {shared.digest.hex()[:16]} "
                f"with a transaction refused as {bad.code}",
            )
        )
        self._on_ready()

    def _accept(self, digest: bytes) -> None:
        self.pool.accept(digest)
        self._on_ready()

    # -- after a block ---------------------------------------------------------------------------

    def committed(self, block: ExecutedBlock) -> None:
        """A final block is durable: settle what it decided about submissions and batches."""
        for transaction_id in block.ids:
            self.submissions.forget(transaction_id)
        for transaction_id, error in block.dropped:
            if self.submissions.is_pending(transaction_id):
                if self._store.find_transaction(transaction_id) is None:
                    self.submissions.refuse(_refusal(transaction_id, error))
                else:
                    self.submissions.forget(transaction_id)
        for transaction_id in self.submissions.expire(block.header.time):
            self.submissions.refuse(
                Submission(
                    transaction_id,
                    SubmissionStatus.REFUSED,
                    code=TRANSACTION_EXPIRED.name,
                    reason="its validity window closed before a block recorded it",
                    field="valid_until",
                )
            )
        self.pool.recorded(block.batches)


def _refusal(transaction_id: bytes, error: CodedError) -> Submission:
    return Submission(
        transaction_id,
        SubmissionStatus.REFUSED,
        code=error.code.name,
        reason=error.message,
        field=error.field,
    )


def candidates_of(chain_id: bytes, wires: tuple[bytes, ...]) -> tuple[Candidate, ...]:
    """Verified wire bytes as candidates for execution."""
    return tuple(read_trusted(chain_id, wire) for wire in wires)
