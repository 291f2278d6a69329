"""Verifying a ledger block by block, from the genesis document, into a store of one's own.

The engine of whoever trusts nobody: a follower, a mirror, an auditor with an export. Blocks go
through two steps. :meth:`Verifier.check` ties a segment, byte for byte, to a quorum's certificate;
:meth:`Verifier.take` verifies every signature, executes the block again, compares receipts, roots
and the whole header, checks the invariants that the block can break, and stores it. What fails is a
:class:`contracts.violations.Violated` that names the place; the store then ends before it.

>>> from ledger.store.memory import MemoryEnvironment
>>> verifier = Verifier(genesis, Store(MemoryEnvironment()))  # doctest: +SKIP
>>> verifier.check(segment.blocks)  # doctest: +SKIP
>>> for block in segment.blocks:  # doctest: +SKIP
...     verifier.take(block)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from contracts.blocks import MadeBlock, Parent, difference, make_block
from contracts.executor import BlockInput, Candidate, read_candidate, read_opened, read_trusted
from contracts.genesis import initial_state
from contracts.increments import broken_by
from contracts.invariants import Finding, broken
from contracts.violations import Check, Forked, Violated, Violation, violated
from ledger import keys, merkle
from ledger.block import PROTOCOL_VERSION, Header, Verify, finalizes, survivors_in
from ledger.errors import BAD_GENESIS, CodedError
from ledger.genesis import Genesis
from ledger.merkle import Frontier
from ledger.receipt import Receipt, read_receipt, receipt_hash
from ledger.segment import PublishedBlock
from ledger.state import State
from ledger.store.chain import first_block
from ledger.store.interface import ChainReader, Growing
from ledger.transaction import SignedTransaction, open_envelope, verify_signatures, wire_hash
from ledger.validators import ValidatorSet


class Verifier:
    """A verified ledger and its next block. A new store starts with the genesis document.

    ``cached_records`` bounds how many decoded records of the state are kept. Raises
    ``BAD_GENESIS`` if the store holds another ledger or the document contradicts itself.
    """

    def __init__(
        self,
        genesis: Genesis,
        store: Growing,
        verify: Verify = keys.verify,
        *,
        cached_records: int = 32_768,
    ) -> None:
        self.chain_id = genesis.chain_id
        self._verify = verify
        self._store = store
        if store.head is None:
            store.commit(first_block(genesis, initial_state(genesis)))
        head = store.head
        assert head is not None, "block 0 is committed above"
        if head.chain_id != self.chain_id:
            raise CodedError(
                BAD_GENESIS,
                f"the store holds ledger {head.chain_id.hex()[:16]}…, the genesis document is that "
                f"of {self.chain_id.hex()[:16]}…",
                field="chain_id",
            )
        self.head = head
        """The newest verified header."""
        self.hash = head.hash()
        self.state = State(store, cached_records=cached_records)
        """The state after the newest verified block."""
        self.validators = validators_after(store, head)
        """Who finalizes the next block."""

    # step one: is it what a quorum finalized? ---------------------------------------------------
    def check(self, blocks: Sequence[PublishedBlock], *, content: bool = True) -> None:
        """Raise unless the blocks follow the newest verified one and a quorum finalized them all.

        Nothing in them is believed before. Without ``content`` it is left to :meth:`take` to find
        transactions that are not those of their header, which costs less. Raises
        :class:`contracts.violations.Forked` if a quorum finalized them and they follow another
        block instead.
        """
        finals = require_final(
            self.chain_id, blocks, self.head.height + 1, self.validators, self._verify
        )
        parent, parent_hash, history = self.head, self.hash, self._store.history()
        first = blocks[0].header
        if first.parent != parent_hash:
            raise Forked((_departure(first, parent, parent_hash),))
        for block, validators in zip(blocks, finals, strict=True):
            header = block.header
            fault = _link_fault(parent, history, header, validators)
            if fault:
                raise violated(Check.LINK, header.height, fault, certified=True)
            parent, parent_hash = header, header.hash()
            history = history.append(parent_hash)
        if content:
            for block in blocks:
                self._require_content(block)

    def _require_content(self, block: PublishedBlock) -> None:
        header = block.header
        wires = wires_of(block)
        if (
            len(block.rows) == header.receipts
            and len(wires) == header.transactions
            and merkle.tree_head([wire_hash(self.chain_id, wire) for wire in wires])
            == header.transactions_root
        ):
            return
        position, what = self._wrong_wire(block)
        raise violated(Check.CONTENT, header.height, what, position=position)

    def _wrong_wire(self, block: PublishedBlock) -> tuple[int | None, str]:
        """Which transaction is not the recorded one, as far as its neighbours can tell."""
        header = block.header
        if len(block.rows) != header.receipts or len(wires_of(block)) != header.transactions:
            return None, (
                f"comes with {len(block.rows)} receipts and {len(wires_of(block))} transactions, "
                f"it recorded {header.receipts} and {header.transactions}"
            )
        for position, row in enumerate(block.rows):
            if row.wire:
                try:
                    candidate = read_verified(self.chain_id, row.wire)
                except CodedError as error:
                    return position, f"the transaction is not the one recorded: {error}"
                if candidate.id != _subject(row.receipt):
                    return position, "the transaction is not the one that its receipt answers"
        return None, "the transactions are not those that the header commits to"

    # step two: is what the quorum finalized right? ----------------------------------------------
    def take(
        self, block: PublishedBlock, *, signatures: bool = True, strictly: bool = False
    ) -> MadeBlock:
        """Verify the next block, checked by :meth:`check`, and store it; the block as made here.

        ``signatures=False`` leaves out what the caller has done for each transaction: reading it
        strictly and verifying its members' signatures (:func:`read_verified`). With ``strictly``
        each is read strictly all the same: the caller has verified signatures and no more.
        """
        header = block.header
        assert header.parent == self.hash, (
            "blocks are taken in the order in which they were checked"
        )
        candidates = self._candidates(block, signatures=signatures, strictly=strictly)
        made = make_block(
            self.chain_id,
            Parent(self.head, self.hash, self.state, self._store, self._store.history()),
            self.validators,
            view=header.view,
            time=header.time,
            candidates=list(candidates.values()),
            is_recorded=self._store.is_recorded,
            survivors=survivors_in(block.certificate, header),
        )
        violations = tuple(self._compare(block, made, candidates))
        if violations:
            self._require_content(block)
            raise Violated(violations)
        self._store.commit(made.commit._replace(certificate=block.certificate))
        self.state.absorb(made.execution.overlay)
        self.head, self.hash = header, made.hash
        if made.commit.validators is not None:
            self.validators = made.commit.validators
        return made

    def _candidates(
        self, block: PublishedBlock, *, signatures: bool, strictly: bool
    ) -> dict[int, Candidate]:
        """The transactions by their receipts' positions; raises for the first that is unsound.

        All are read before signatures are verified, each of which displaces what reading keeps in
        the core's caches.
        """
        candidates: dict[int, Candidate] = {}
        unverified: list[tuple[int, SignedTransaction]] = []
        unsound: tuple[int, CodedError] | None = None
        for position, row in enumerate(block.rows):
            if not row.wire:
                continue
            try:
                if signatures:
                    signed = open_envelope(row.wire)
                    candidates[position] = read_opened(self.chain_id, row.wire, signed)
                    unverified.append((position, signed))
                else:
                    read = read_candidate if strictly else read_trusted
                    candidates[position] = read(self.chain_id, row.wire)
            except CodedError as error:
                unsound = position, error
                break
        for position, signed in unverified:
            try:
                verify_signatures(self.chain_id, signed)
            except CodedError as error:
                unsound = position, error
                break
        if unsound is not None:
            self._require_content(block)
            position, reason = unsound
            height, what = block.header.height, str(reason)
            raise violated(Check.SIGNATURE, height, what, position=position, certified=True)
        return candidates

    def _compare(
        self, block: PublishedBlock, made: MadeBlock, candidates: Mapping[int, Candidate]
    ) -> Iterator[Violation]:
        """What the published block says otherwise than executing it again does."""
        header = block.header
        same = made.header == header
        first = header.receipts - header.transactions
        dropped = dict(made.execution.dropped)
        for position, candidate in candidates.items() if dropped else ():
            if candidate.id in dropped:
                yield Violation(
                    Check.TRANSITION,
                    header.height,
                    f"was not to be recorded: {dropped[candidate.id]}",
                    position,
                    candidate.id.hex(),
                    certified=True,
                )
        for position, (_, receipt) in enumerate(made.commit.rows):
            published = block.rows[position].receipt if position < len(block.rows) else b""
            if published != receipt:
                kind = "deadline" if position < first else "transaction"
                yield Violation(
                    Check.RECEIPT,
                    header.height,
                    f"the receipt of this {kind} is not the one that executing it makes",
                    position,
                    read_receipt(receipt).subject.hex(),
                    certified=not same and self._committed(block),
                )
        if not same:
            what = difference(made.header, header)
            yield Violation(Check.ROOT, header.height, what, certified=True)
            return
        input_ = BlockInput(self.chain_id, header.height, header.time)
        for finding in broken_by(self.state, made.execution, input_):
            yield _of_invariant(header.height, finding)

    def _committed(self, block: PublishedBlock) -> bool:
        """Whether the published receipts are those that the certified header commits to."""
        hashes = [receipt_hash(self.chain_id, row.receipt) for row in block.rows]
        return merkle.tree_head(hashes) == block.header.receipts_root

    # the whole state ----------------------------------------------------------------------------
    def broken(self) -> Iterator[Violation]:
        """Every violation of an invariant that the newest state shows; costs what it is large."""
        return broken_state(self.state, self.head.height)


def broken_state(state: State, height: int) -> Iterator[Violation]:
    """Every violation of an invariant that the state after a block shows."""
    for finding in broken(state):
        yield _of_invariant(height, finding)


def read_verified(chain_id: bytes, wire: bytes) -> Candidate:
    """A transaction, read strictly and with each of its signatures verified."""
    signed = open_envelope(wire)
    candidate = read_opened(chain_id, wire, signed)
    verify_signatures(chain_id, signed)
    return candidate


def require_final(
    chain_id: bytes,
    blocks: Sequence[PublishedBlock],
    height: int,
    validators: ValidatorSet,
    verify: Verify = keys.verify,
) -> list[ValidatorSet]:
    """Each block's validators, once a quorum of them is known to have finalized it.

    The blocks are consecutive from ``height``, which ``validators`` decide. Raises
    :class:`Violated`, never certified: who shows such blocks shows what no quorum signed.
    """
    sets: list[ValidatorSet] = []
    parent = None
    for block in blocks:
        header, certificate = block.header, block.certificate
        if header.chain_id != chain_id:
            what = f"is of another ledger, {header.chain_id.hex()[:16]}…"
            raise violated(Check.LINK, height, what)
        if header.height != height or (parent is not None and header.parent != parent):
            raise violated(Check.LINK, height, "does not follow the block that comes before it")
        parent = header.hash()
        sets.append(validators)
        if certificate is not None:
            if not finalizes(certificate, header, parent):
                raise violated(Check.CERTIFICATE, height, "the certificate is not for this block")
            try:
                certificate.verify(chain_id, validators, verify)
            except CodedError as error:
                raise violated(Check.CERTIFICATE, height, error.message) from None
        if header.next_validators_hash != header.validators_hash:
            validators = _successors(chain_id, block, validators)
        height += 1
    if not blocks or blocks[-1].certificate is None:
        raise violated(Check.CERTIFICATE, max(0, height - 1), "comes without its finalization")
    return sets


def _successors(chain_id: bytes, block: PublishedBlock, before: ValidatorSet) -> ValidatorSet:
    height, after = block.header.height, block.validators
    if block.certificate is None:
        what = "changes the validators without a finalization of its own"
        raise violated(Check.CERTIFICATE, height, what)
    if after is None or after.hash(chain_id) != block.header.next_validators_hash:
        raise violated(Check.CONTENT, height, "comes with other validators than it hands over to")
    if after.epoch != before.epoch + 1:
        what = f"hands over to epoch {after.epoch} from epoch {before.epoch}"
        raise violated(Check.LINK, height, what, certified=True)
    return after


def _departure(header: Header, below: Header, below_hash: bytes) -> Violation:
    what = (
        f"a quorum finalized a chain that leaves this one below: its parent is "
        f"{header.parent.hex()}, the verified block {below.height} is {below_hash.hex()}"
    )
    return Violation(Check.LINK, header.height, what, certified=True)


def _link_fault(parent: Header, history: Frontier, header: Header, validators: ValidatorSet) -> str:
    """What is wrong with a final header as the successor of another; empty if nothing is."""
    if header.time <= parent.time:
        return f"the time {header.time} is not after the parent's, {parent.time}"
    if header.view <= parent.view:
        return f"the view {header.view} is not after the parent's, {parent.view}"
    if header.epoch != validators.epoch:
        return f"the epoch is {header.epoch}, its validators are those of {validators.epoch}"
    if header.validators_hash != validators.hash(header.chain_id):
        return "the validators are not those that the block below named"
    if header.history_root != history.root():
        return "the history root is not that of the headers below"
    if header.protocol > PROTOCOL_VERSION:
        return f"protocol {header.protocol} is newer than this software, {PROTOCOL_VERSION}"
    return ""


def validators_after(store: Growing | ChainReader, header: Header) -> ValidatorSet:
    """Who finalizes the block after a stored one."""
    changes = header.next_validators_hash != header.validators_hash
    validators = store.validators(header.epoch + changes)
    assert validators is not None, "a store holds the validators of every epoch that it knows"
    return validators


def wires_of(block: PublishedBlock) -> list[bytes]:
    """A block's signed transactions in order."""
    return [row.wire for row in block.rows if row.wire]


def _subject(receipt: bytes) -> bytes:
    """Whom a published receipt answers; nothing if the bytes are none."""
    try:
        answered: Receipt = read_receipt(receipt)
    except Exception:  # whatever a decoder says of bytes that anybody may have made
        return b""
    return answered.subject


def _of_invariant(height: int, finding: Finding) -> Violation:
    return Violation(
        Check.INVARIANT,
        height,
        f"invariant {finding.number} ({finding.check}): {finding.what}",
        object=finding.check,
        certified=True,
    )
