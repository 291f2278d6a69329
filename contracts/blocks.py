"""Making a block: from its parent, its time and its transactions to a header and what it writes.

The one place where a header comes from. Validators make what they propose and what they are asked
to vote for; auditors make each final block again and compare (:mod:`contracts.verifier`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from contracts.executor import BlockInput, Candidate, Execution, execute_block
from contracts.validators.records import VALIDATORS
from ledger import merkle
from ledger.block import Header
from ledger.codec import encode
from ledger.hashing import Tag, hasher
from ledger.merkle import Frontier
from ledger.state import State
from ledger.statetree import PageReader, tree_of
from ledger.store.interface import BlockCommit, Row
from ledger.validators import ValidatorSet


class Parent(NamedTuple):
    """What a block stands on: the header below it and its hash, the state after it with its tree,
    and the accumulator over all header hashes up to and including it."""

    header: Header
    hash: bytes
    state: State
    pages: PageReader
    history: Frontier


class MadeBlock(NamedTuple):
    """A block and its hash, how its transactions fared, and what committing it will write."""

    header: Header
    hash: bytes
    execution: Execution
    commit: BlockCommit


def make_block(
    chain_id: bytes,
    parent: Parent,
    validators: ValidatorSet,
    *,
    view: int,
    time: int,
    candidates: Sequence[Candidate],
    is_recorded: Callable[[bytes], bool],
    survivors: tuple[int, ...] = (),
) -> MadeBlock:
    """The block that these candidates make on ``parent``; ``time`` in ms since the Unix epoch.

    Candidates that are recorded already or not admissible are left out, by rules that every node
    applies alike, so the block is a function of the arguments.
    ``survivors`` are the validators that go on after a recovery; none in every other block.
    """
    validators_hash = validators.hash(chain_id)
    assert parent.header.next_validators_hash == validators_hash, "the parent names who decides"
    height = parent.header.height + 1
    execution = execute_block(
        parent.state, BlockInput(chain_id, height, time), candidates, is_recorded, survivors
    )
    changes = execution.overlay.changes()
    tree = tree_of(chain_id).update(parent.pages, changes)
    receipts = [encode(receipt) for receipt in execution.receipts]
    wire_hash, receipt_hash = hasher(Tag.TRANSACTION_WIRE, chain_id), hasher(Tag.RECEIPT, chain_id)
    following = _successors(execution, validators)
    header = Header(
        chain_id=chain_id,
        height=height,
        view=view,
        epoch=validators.epoch,
        parent=parent.hash,
        time=time,
        transactions=len(execution.included),
        receipts=len(receipts),
        transactions_root=merkle.tree_head(
            [wire_hash(candidate.wire) for candidate in execution.included]
        ),
        receipts_root=merkle.tree_head(list(map(receipt_hash, receipts))),
        state_root=tree.root,
        history_root=parent.history.root(),
        validators_hash=validators_hash,
        next_validators_hash=(validators_hash if following is None else following.hash(chain_id)),
        protocol=execution.protocol,
    )
    wires = [b""] * (len(receipts) - len(execution.included))
    wires += [candidate.wire for candidate in execution.included]
    commit = BlockCommit(
        header=header,
        certificate=None,
        rows=tuple(map(Row, wires, receipts)),
        transactions={one.id: one.transaction.valid_until for one in execution.included},
        state=changes,
        pages=tree.pages,
        anchors=execution.anchors,
        events=execution.events,
        validators=following,
    )
    return MadeBlock(header, header.hash(), execution, commit)


def _successors(execution: Execution, validators: ValidatorSet) -> ValidatorSet | None:
    """Who takes over after this block, if it is the last of its epoch."""
    named = execution.overlay.get(VALIDATORS)
    if named is None or named.epoch == validators.epoch:
        return None
    assert named.epoch == validators.epoch + 1, "an epoch follows the one that the block is of"
    return named


def difference(ours: Header, theirs: Header) -> str:
    """Which header field differs, for logs, alarms and operators who compare nodes."""
    for name in ours.__struct_fields__:
        mine, other = getattr(ours, name), getattr(theirs, name)
        if mine != other:
            return f"{name} is {_show(other)}, executed here it is {_show(mine)}"
    return "nothing differs"


def _show(value: bytes | int) -> str:
    return value.hex()[:16] if isinstance(value, bytes) else str(value)
