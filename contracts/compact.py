"""Receipts in the space of a few QR codes: what ties one to a certified header, and no more.

A :class:`CompactReceipt` leaves out the transaction (the receipt alone is in the block's receipts
root) and the changes of validators since genesis, which any newer receipt of the ledger has.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from ledger import keys, merkle, proof
from ledger.block import Certificate, Header, Verify
from ledger.codec import Hash32, Struct, Uint
from ledger.errors import BAD_PROOF, CodedError
from ledger.genesis import Genesis
from ledger.receipt import Receipt


class CompactReceipt(Struct, tag="iic.receipt-qr/1"):
    """A receipt under a header; ``certified`` is None where that header itself was finalized."""

    receipt: Receipt
    index: Uint
    receipt_path: Annotated[tuple[Hash32, ...], Meta(max_length=64)]
    header: Header
    history_path: Annotated[tuple[Hash32, ...], Meta(max_length=64)]
    certified: Header | None
    certificate: Certificate


def compact(proven: proof.ProvenReceipt) -> CompactReceipt:
    """The compact form of a proven receipt."""
    certified = proven.finality.header
    return CompactReceipt(
        receipt=proven.receipt,
        index=proven.index,
        receipt_path=proven.receipt_path,
        header=proven.header,
        history_path=proven.history_path,
        certified=None if certified == proven.header else certified,
        certificate=proven.finality.certificate,
    )


def verify(
    found: CompactReceipt,
    genesis: Genesis,
    changes: tuple[proof.ValidatorChange, ...] = (),
    *,
    verify_signature: Verify = keys.verify,
) -> proof.Summary:
    """What a compact receipt proves; ``changes`` are those of validators up to its epoch.

    Changes beyond its epoch are left aside; the summary has no transaction. Raises
    ``WRONG_CHAIN``, ``BAD_CERTIFICATE`` or ``BAD_PROOF`` (also if changes are missing).
    """
    header = found.header
    certified = header if found.certified is None else found.certified
    if certified.epoch > len(changes):
        raise CodedError(
            BAD_PROOF,
            f"validators changed {certified.epoch} times since genesis and {len(changes)} of the "
            "changes are given: verify with a newer receipt of the ledger beside it",
        )
    finality = proof.Finality(certified, found.certificate, changes[: certified.epoch])
    signers = proof.verify_finality(finality, genesis, verify=verify_signature)
    chain_id = genesis.chain_id
    if header.chain_id != chain_id:
        raise CodedError(BAD_PROOF, "the receipt's block is of another ledger")
    if found.certified is not None and not merkle.verify_inclusion(
        header.hash(),
        header.height,
        certified.height,
        found.history_path,
        certified.history_root,
    ):
        raise CodedError(
            BAD_PROOF, f"block {header.height} is not in the history of block {certified.height}"
        )
    receipt = found.receipt
    if not merkle.verify_inclusion(
        receipt.hash(chain_id),
        found.index,
        header.receipts,
        found.receipt_path,
        header.receipts_root,
    ):
        raise CodedError(BAD_PROOF, f"the receipt is not number {found.index} of its block")
    return proof.Summary(
        network=genesis.network,
        chain_id=chain_id,
        subject=receipt.subject,
        transaction=None,
        receipt=receipt,
        height=header.height,
        position=found.index,
        time=header.time,
        block=header.hash(),
        signers=signers,
    )
