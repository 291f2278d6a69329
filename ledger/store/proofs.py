"""Building the proofs of :mod:`ledger.proof` from a store.

Each function needs reads of one state: pass a snapshot (``with store.snapshot() as reader``).
"""

from __future__ import annotations

from ledger import merkle
from ledger.block import Header
from ledger.errors import NOT_CERTIFIED, STORE_CORRUPT, CodedError
from ledger.proof import (
    Finality,
    ProvenExtension,
    ProvenReceipt,
    ProvenState,
    ValidatorChange,
)
from ledger.receipt import read_receipt, receipt_hash
from ledger.statetree import tree_of
from ledger.store.interface import ChainReader
from ledger.transaction import wire_hash


def prove_receipt(reader: ChainReader, height: int, index: int) -> ProvenReceipt | None:
    """The proof of one receipt, or None if there is no such receipt.

    Raises ``NOT_CERTIFIED`` while neither the block nor one above it has a stored finalization.
    """
    if reader.row(height, index) is None or reader.header(height) is None:
        return None
    return BlockProofs(reader, height).receipt(index)


class BlockProofs:
    """The proofs of all receipts of a block that is stored; its trees are computed once.

    Nothing of the reader is kept. Raises ``NOT_CERTIFIED`` as :func:`prove_receipt`.
    """

    def __init__(self, reader: ChainReader, height: int) -> None:
        header = _header(reader, height)
        self.height = height
        self._header = header
        self._finality = prove_finality(reader, height)
        self._history_path = _history_path(reader, header, self._finality.header)
        self._rows = reader.rows(height)
        self._first = header.receipts - header.transactions
        chain_id = header.chain_id
        self._receipts = merkle.Tree([receipt_hash(chain_id, r.receipt) for r in self._rows])
        self._wires = merkle.Tree([wire_hash(chain_id, r.wire) for r in self._rows[self._first :]])

    def receipt(self, index: int) -> ProvenReceipt | None:
        """The proof of one receipt, or None if there is no such receipt."""
        if not 0 <= index < len(self._rows):
            return None
        row, position = self._rows[index], index - self._first
        return ProvenReceipt(
            transaction=row.wire,
            receipt=read_receipt(row.receipt),
            index=index,
            transaction_path=() if position < 0 else self._wires.path(position),
            receipt_path=self._receipts.path(index),
            header=self._header,
            history_path=self._history_path,
            finality=self._finality,
        )


def prove_transaction(reader: ChainReader, transaction_id: bytes) -> ProvenReceipt | None:
    """:func:`prove_receipt` of a transaction, or None if it is not recorded."""
    place = reader.find_transaction(transaction_id)
    return None if place is None else prove_receipt(reader, *place)


def prove_state(reader: ChainReader, key: bytes) -> ProvenState:
    """The proof of a key's value, or of its absence, in the newest state.

    Raises ``NOT_CERTIFIED`` while the newest block itself has no stored finalization: only the
    newest state is kept, so an older certified header would not help.
    """
    head = _head(reader)
    finality = prove_finality(reader, head.height)
    proof = tree_of(head.chain_id).prove(reader, key)
    return ProvenState(key, reader.get(key), proof, finality)


def prove_extension(reader: ChainReader, height: int) -> ProvenExtension | None:
    """The proof that the newest certified ledger extends the one that ended at ``height``.

    None if the store does not reach that height; ``NOT_CERTIFIED`` as in :func:`prove_receipt`.
    """
    old = reader.header(height)
    if old is None:
        return None
    finality = prove_finality(reader, _newest_certified(reader, height))
    new = finality.header
    consistency: tuple[bytes, ...] = ()
    if old != new:
        consistency = merkle.stored_consistency_path(reader.history_node, old.height, new.height)
    return ProvenExtension(old, _history_path(reader, old, new), consistency, finality)


def prove_finality(reader: ChainReader, height: int) -> Finality:
    """The lowest certified header at or above a height, and who could certify it."""
    found = reader.next_certified(height)
    if found is None:
        raise CodedError(
            NOT_CERTIFIED, f"no finalization of block {height} or one above it is stored yet"
        )
    certified_height, certificate = found
    header = _header(reader, certified_height)
    changes = tuple(_change(reader, epoch) for epoch in range(1, header.epoch + 1))
    return Finality(header, certificate, changes)


def _change(reader: ChainReader, epoch: int) -> ValidatorChange:
    validators, height = reader.validators(epoch), reader.validators_since(epoch)
    if validators is None or height is None:
        raise CodedError(STORE_CORRUPT, f"the validators of epoch {epoch} are missing")
    certificate = reader.certificate(height)
    if certificate is None:
        raise CodedError(STORE_CORRUPT, f"the finalization of block {height} is missing")
    return ValidatorChange(_header(reader, height), certificate, validators)


def _newest_certified(reader: ChainReader, lowest: int) -> int:
    """The newest certified height, at or above ``lowest`` if there is one; else ``lowest``."""
    head = _head(reader).height
    for height in range(head, lowest, -1):
        if reader.certificate(height) is not None:
            return height
    return lowest


def _history_path(reader: ChainReader, header: Header, certified: Header) -> tuple[bytes, ...]:
    if header.height == certified.height:
        return ()
    return merkle.stored_inclusion_path(reader.history_node, header.height, certified.height)


def _header(reader: ChainReader, height: int) -> Header:
    header = reader.header(height)
    if header is None:
        raise CodedError(STORE_CORRUPT, f"the header of block {height} is missing")
    return header


def _head(reader: ChainReader) -> Header:
    head = reader.head
    if head is None:
        raise CodedError(NOT_CERTIFIED, "the store holds no block yet")
    return head
