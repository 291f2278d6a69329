"""Executing blocks: from the bytes of transactions to receipts and changed state.

Called by ``node``. Everything here is a function of the state, the block's time and height, and the
transactions in order; every node computes the same bytes. A transaction that fails *admission* is
dropped and leaves no trace; one whose *rule* refuses is recorded with a code and changes nothing.

Signatures are not verified here: whoever makes a :class:`Candidate` has verified each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import contracts.registry  # noqa: F401 - declares every operation, machine and deadline
from contracts.errors import (
    ALREADY_RECORDED,
    DEFECT,
    DUPLICATE_REFERENCE,
    INVALID_FIELD,
    TRANSACTION_EXPIRED,
    VALIDITY_TOO_LONG,
)
from contracts.framework.authority import Grants, authorise, record_grants
from contracts.framework.context import Context
from contracts.framework.event import plain_event, subjects_of
from contracts.framework.operation import Operation, read_operation, read_trusted_operation
from contracts.framework.parameters import LedgerParameters, parameters_of
from contracts.framework.pause import require_unpaused
from contracts.framework.protocol import newest_protocol, require_known
from contracts.framework.schedule import (
    DEADLINE,
    HEIGHT_DEADLINE,
    Deadline,
    due_at_height,
    due_deadlines,
    fire,
)
from contracts.framework.types import lei_problem
from contracts.validators.epochs import RECOVERY, recover
from ledger.codec import Hash32, Struct, decode_trusted
from ledger.errors import (
    MALFORMED,
    STORE_CORRUPT,
    STORE_FULL,
    STORE_LOCKED,
    TOO_LARGE,
    CodedError,
    ErrorCode,
)
from ledger.limits import MAX_REASON_CHARS
from ledger.receipt import Posting, Receipt
from ledger.state import Overlay, State, Table
from ledger.store.interface import Anchor, EventEntry
from ledger.transaction import (
    SignedTransaction,
    Transaction,
    open_envelope,
    read_content,
    transaction_id,
)

ANCHOR_EVERY: Final = 64
"""Every so many postings of an account, an anchor makes its history quick to jump into."""


_OWN_TROUBLE: Final[frozenset[ErrorCode]] = frozenset({STORE_CORRUPT, STORE_FULL, STORE_LOCKED})
"""This node's trouble, never a transaction's: it stops the node instead of entering a receipt."""

_UNFORESEEN: Final[frozenset[ErrorCode]] = frozenset({MALFORMED, TOO_LARGE})
"""A rule made a record or key that cannot be stored; the words for it are a library's."""


class Candidate(NamedTuple):
    """A transaction that is decoded and whose signatures were verified.

    ``id`` is its 32-byte id, ``wire`` the signed bytes, ``signers`` the public keys that signed.
    """

    id: bytes
    wire: bytes
    transaction: Transaction
    operations: tuple[Operation, ...]
    signers: tuple[bytes, ...]


class BlockInput(NamedTuple):
    """What a rule may know of its block; ``time`` is in ms since the Unix epoch."""

    chain_id: bytes
    height: int
    time: int


class Reference(Struct, tag=1):
    """An author's reference stands for this transaction and no other."""

    transaction: Hash32


REFERENCE: Final = Table("reference", Reference)
"""By author and reference."""


# A mistake in a rule must not stop every node at the same block. Only kinds of exceptions that are
# the same on every node are caught: never those of memory, stack or disk.
_MISTAKES: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NotImplementedError,
    TypeError,
    ValueError,
)


@dataclass(slots=True)
class Execution:
    """What a block does. ``receipts`` start with one per deadline that fired; before those stands
    that of a ``recovery``, by its subject, if the block is one.

    ``protocol`` is the version whose rules apply. ``included`` are the candidates that have
    receipts, in order; ``dropped`` the ids of the others with the reason. ``defects`` are
    unforeseen exceptions of rules, for the operator's log: each of them is in a receipt as
    ``DEFECT``, and alike on all nodes.
    """

    overlay: Overlay
    protocol: int
    included: list[Candidate] = field(default_factory=list)
    dropped: list[tuple[bytes, CodedError]] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    anchors: list[Anchor] = field(default_factory=list)
    events: list[EventEntry] = field(default_factory=list)
    defects: list[tuple[bytes, Exception]] = field(default_factory=list)
    recovery: bytes = b""


def read_candidate(chain_id: bytes, wire: bytes) -> Candidate:
    """Decode and check a signed transaction as far as that needs no state and no signature check.

    Raises ``TOO_LARGE``, ``MALFORMED``, ``NOT_CANONICAL``, ``WRONG_CHAIN``, ``UNKNOWN_OPERATION``
    or ``INVALID_FIELD``; work is linear in ``len(wire)``.
    """
    return read_opened(chain_id, wire, open_envelope(wire))


def read_opened(chain_id: bytes, wire: bytes, signed: SignedTransaction) -> Candidate:
    """As :func:`read_candidate`, for an envelope that :func:`open_envelope` made of ``wire``."""
    transaction = read_content(chain_id, signed.content)
    problem = lei_problem(transaction.author)
    if problem:
        raise CodedError(INVALID_FIELD, problem, field="author")
    operations = []
    for index, plain in enumerate(transaction.operations):
        try:
            operations.append(read_operation(plain))
        except CodedError as error:
            where = f"operations[{index}]" + (f".{error.field}" if error.field else "")
            raise CodedError(error.code, error.message, field=where) from None
    return _candidate(chain_id, wire, signed, transaction, tuple(operations))


def read_trusted(chain_id: bytes, wire: bytes) -> Candidate:
    """As :func:`read_candidate`, for bytes that this node has checked before."""
    signed = decode_trusted(wire, SignedTransaction)
    transaction = decode_trusted(signed.content, Transaction)
    operations = tuple(map(read_trusted_operation, transaction.operations))
    return _candidate(chain_id, wire, signed, transaction, operations)


def _candidate(
    chain_id: bytes,
    wire: bytes,
    signed: SignedTransaction,
    transaction: Transaction,
    operations: tuple[Operation, ...],
) -> Candidate:
    return Candidate(
        transaction_id(chain_id, signed.content),
        wire,
        transaction,
        operations,
        tuple([entry.key for entry in signed.signatures]),
    )


def admit(state: State, time_ms: int, candidate: Candidate) -> None:
    """Raise a coded error unless a transaction could enter a block of this time.

    Raises ``TRANSACTION_EXPIRED``, ``VALIDITY_TOO_LONG``, ``DUPLICATE_REFERENCE``,
    ``OPERATION_PAUSED``, or an error of :func:`contracts.framework.authority.authorise`. Whether it
    is recorded already is the caller's to know.
    """
    _admit(state, time_ms, parameters_of(state, LedgerParameters).max_validity, candidate)


def _admit(state: State, time: int, max_validity: int, candidate: Candidate) -> Grants:
    transaction = candidate.transaction
    if transaction.valid_until < time:
        raise CodedError(
            TRANSACTION_EXPIRED,
            f"valid until {transaction.valid_until}, block time is {time}",
            field="valid_until",
        )
    if transaction.valid_until > time + max_validity:
        raise CodedError(
            VALIDITY_TOO_LONG,
            f"valid until {transaction.valid_until}, at most {time + max_validity} is accepted",
            field="valid_until",
        )
    if transaction.reference:
        known = state.get(REFERENCE, transaction.author, transaction.reference)
        if known is not None:
            raise CodedError(
                DUPLICATE_REFERENCE,
                f"the reference stands for transaction {known.transaction.hex()}",
                field="reference",
            )
    require_unpaused(state, candidate.operations)
    return authorise(state, time, transaction.author, candidate.operations, candidate.signers)


def execute_block(
    parent: State,
    block: BlockInput,
    candidates: Sequence[Candidate],
    is_recorded: Callable[[bytes], bool],
    survivors: tuple[int, ...] = (),
) -> Execution:
    """Fire due deadlines, then apply transactions in order, on a new overlay over ``parent``.

    ``is_recorded`` tells whether an earlier block holds a transaction id. What was decided to
    happen at this height comes first, still by the rules of the block below; a new protocol
    applies to all that follows. In a recovery the ``survivors`` take over before anything else.
    Raises ``UNKNOWN_PROTOCOL`` if this software lacks its rules.
    """
    execution = Execution(Overlay(parent), newest_protocol(parent).version)
    if survivors:
        _execute_recovery(execution, block, survivors)
    limits = parameters_of(execution.overlay, LedgerParameters)
    for due in due_at_height(execution.overlay, block.height, limits.max_deadlines):
        _execute_deadline(execution, block, due, HEIGHT_DEADLINE)
    protocol = newest_protocol(execution.overlay)
    require_known(protocol)
    execution.protocol = protocol.version
    for due in due_deadlines(execution.overlay, block.time, limits.max_deadlines):
        _execute_deadline(execution, block, due)
    seen: set[bytes] = set()
    for candidate in candidates:
        if candidate.id in seen or is_recorded(candidate.id):
            error = CodedError(ALREADY_RECORDED, "the ledger holds this transaction")
            execution.dropped.append((candidate.id, error))
            continue
        try:
            grants = _admit(execution.overlay, block.time, limits.max_validity, candidate)
        except CodedError as error:
            if error.code in _OWN_TROUBLE:
                raise
            execution.dropped.append((candidate.id, error))
            continue
        seen.add(candidate.id)
        _execute_transaction(execution, block, candidate, grants)
    return execution


def _execute_recovery(execution: Execution, block: BlockInput, survivors: tuple[int, ...]) -> None:
    """Hand over to the survivors of a disaster; it has a receipt, as a deadline has."""
    execution.recovery = Deadline(block.height, RECOVERY, ()).id(block.chain_id)
    ctx = _unsigned(execution, block, execution.recovery)

    def run() -> None:
        recover(ctx, survivors)
        ctx.finish_operation()

    _attempt(execution, ctx, run)


def _execute_transaction(
    execution: Execution, block: BlockInput, candidate: Candidate, grants: Grants
) -> None:
    overlay = execution.overlay
    transaction = candidate.transaction
    ctx = Context(
        overlay,
        block.chain_id,
        block.height,
        block.time,
        len(execution.receipts),
        candidate.id,
        transaction.author,
        protocol=execution.protocol,
    )

    def run() -> None:
        for op in candidate.operations:
            ctx.policy = op.declaration.policy
            op.declaration.transition(ctx, op)
            ctx.finish_operation()
        if grants:
            record_grants(overlay, grants)
        if transaction.reference:
            overlay.put(
                REFERENCE, Reference(candidate.id), transaction.author, transaction.reference
            )

    execution.included.append(candidate)
    if not _attempt(execution, ctx, run):
        # A refusal names no party by itself; its author finds it under its own LEI.
        subject = transaction.author.encode()
        execution.events.append(EventEntry(subject, block.height, ctx.index))


def _execute_deadline(
    execution: Execution,
    block: BlockInput,
    due: Deadline,
    table: Table[Deadline] = DEADLINE,
) -> None:
    if execution.overlay.get(table, *due.key_parts) is None:
        return  # an earlier deadline of this block cancelled it
    ctx = _unsigned(execution, block, due.id(block.chain_id))

    def run() -> None:
        fire(ctx, due, table)
        ctx.finish_operation()

    if not _attempt(execution, ctx, run):
        # It fired once and failed; left in place, it would fail in every block to come.
        execution.overlay.delete(table, *due.key_parts)


def _unsigned(execution: Execution, block: BlockInput, subject: bytes) -> Context:
    """Where something happens that nobody signed."""
    return Context(
        execution.overlay,
        block.chain_id,
        block.height,
        block.time,
        len(execution.receipts),
        subject,
        protocol=execution.protocol,
    )


def _attempt(execution: Execution, ctx: Context, run: Callable[[], None]) -> bool:
    """Run on a savepoint; append the receipt; whether it was applied."""
    overlay = execution.overlay
    overlay.begin()
    try:
        run()
    except CodedError as error:
        overlay.rollback()
        if error.code in _OWN_TROUBLE:
            raise
        if error.code in _UNFORESEEN:
            _append_defect(execution, ctx, error)
        else:
            execution.receipts.append(
                Receipt(ctx.id, error.code.name, error.message[:MAX_REASON_CHARS], error.field)
            )
        return False
    except _MISTAKES as error:
        overlay.rollback()
        _append_defect(execution, ctx, error)
        return False
    overlay.commit()
    _append_receipt(execution, ctx)
    return True


def _append_defect(execution: Execution, ctx: Context, error: Exception) -> None:
    execution.receipts.append(Receipt(ctx.id, DEFECT.name, DEFECT.meaning))
    execution.defects.append((ctx.id, error))


def _append_receipt(execution: Execution, ctx: Context) -> None:
    events = ctx.events
    execution.receipts.append(
        Receipt(
            ctx.id,
            postings=tuple(ctx.postings),
            events=tuple(map(plain_event, events)) if events else (),
        )
    )
    for posting in ctx.postings:
        if posting.sequence % ANCHOR_EVERY == 0:
            execution.anchors.append(_anchor(posting, ctx))
    if events:
        subjects = dict.fromkeys(subject for event in events for subject in subjects_of(event))
        for subject in subjects:
            execution.events.append(EventEntry(subject, ctx.height, ctx.index))


def _anchor(posting: Posting, ctx: Context) -> Anchor:
    return Anchor(posting.account, posting.unit, posting.sequence, ctx.height, ctx.index)
