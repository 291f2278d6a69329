"""Preference certificates: what a customs officer verifies offline, from a file or from QR codes.

A certificate is a proven receipt (:mod:`ledger.proof`) of the transaction in which customs relieved
a lot of duty and tax, and the lot that it is about. The file carries everything, so the genesis
file alone is trusted. The compact form, for QR codes, leaves out the transaction (the receipt alone
is in the block's receipts root) and the changes of validators since genesis: before the first
change it needs the genesis file alone, later also any file that has the changes, such as a receipt.

Compact bytes travel as the texts of :mod:`contracts.scanned`. Size limits and reasons:
``docs/decisions/0007-certificate-qr-codes.md``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, NamedTuple

from msgspec import Meta, structs

from contracts import compact as compact_form
from contracts import scanned
from contracts.barter.events import PreferenceGranted
from contracts.framework.event import name_of
from ledger import keys, proof
from ledger.block import Certificate, Header, Verify
from ledger.codec import Hash32, Struct, Uint, decode, encode, from_plain
from ledger.errors import BAD_RECEIPT, CodedError
from ledger.genesis import Genesis
from ledger.receipt import Receipt


class PreferenceCertificate(Struct, tag="iic.preference/1"):
    """The file: a lot, and the proven receipt in which customs relieved it."""

    lot: Hash32
    proven: proof.ProvenReceipt


class CompactCertificate(Struct, tag="iic.preference-qr/1"):
    """The compact form: a lot, then the fields of :class:`contracts.compact.CompactReceipt`.

    They stand flat, which spares a QR code the header of a structure within.
    """

    lot: Hash32
    receipt: Receipt
    index: Uint
    receipt_path: Annotated[tuple[Hash32, ...], Meta(max_length=64)]
    header: Header
    history_path: Annotated[tuple[Hash32, ...], Meta(max_length=64)]
    certified: Header | None
    certificate: Certificate


class Preference(NamedTuple):
    """What a verified certificate says. ``time`` is block time in ms."""

    network: str
    chain_id: bytes
    granted: PreferenceGranted
    transaction: bytes
    height: int
    time: int
    signers: proof.Signers


def preferences_in(receipt: Receipt) -> list[PreferenceGranted]:
    """Every relief of a lot that a receipt tells of."""
    name = name_of(PreferenceGranted)
    return [from_plain(e, PreferenceGranted) for e in receipt.events if e and e[0] == name]


def make(proven: proof.ProvenReceipt, lot: bytes | None = None) -> PreferenceCertificate:
    """A certificate from a receipt; ``lot`` chooses if the receipt relieves several.

    Raises ``BAD_RECEIPT``.
    """
    lots = [granted.lot for granted in preferences_in(proven.receipt)]
    if lot is None and len(lots) != 1:
        raise CodedError(
            BAD_RECEIPT, f"the receipt relieves {len(lots)} lots, so the lot must be named"
        )
    chosen = lots[0] if lot is None else lot
    if chosen not in lots:
        raise CodedError(BAD_RECEIPT, f"the receipt does not relieve lot {chosen.hex()}")
    return PreferenceCertificate(chosen, proven)


def write(certificate: PreferenceCertificate) -> bytes:
    """The bytes of a certificate file."""
    return encode(certificate)


def read(data: bytes) -> PreferenceCertificate:
    """The certificate of a file's bytes; nothing in it is verified yet.

    Raises ``MALFORMED``, ``NOT_CANONICAL`` or ``TOO_LARGE``.
    """
    return decode(data, PreferenceCertificate, limit=proof.MAX_FILE_BYTES)


def verify(
    certificate: PreferenceCertificate, genesis: Genesis, *, verify_signature: Verify = keys.verify
) -> Preference:
    """What a certificate proves, from the genesis file alone.

    Raises as :func:`ledger.proof.verify`, and ``BAD_RECEIPT`` if the receipt does not relieve the
    lot.
    """
    summary = proof.verify(certificate.proven, genesis, verify_signature=verify_signature)
    granted = _relief_of(certificate.lot, summary.receipt)
    return Preference(
        summary.network,
        summary.chain_id,
        granted,
        summary.subject,
        summary.height,
        summary.time,
        summary.signers,
    )


def compact(certificate: PreferenceCertificate) -> CompactCertificate:
    """The form for QR codes."""
    short = compact_form.compact(certificate.proven)
    return CompactCertificate(certificate.lot, *structs.astuple(short))


def verify_compact(
    certificate: CompactCertificate,
    genesis: Genesis,
    changes: tuple[proof.ValidatorChange, ...] = (),
    *,
    verify_signature: Verify = keys.verify,
) -> Preference:
    """What a compact certificate proves; ``changes`` are those of validators up to its epoch.

    Changes beyond its epoch are left aside. Raises ``WRONG_CHAIN``, ``BAD_CERTIFICATE``,
    ``BAD_PROOF`` (also if changes are missing) or ``BAD_RECEIPT``.
    """
    _, *short = structs.astuple(certificate)
    summary = compact_form.verify(
        compact_form.CompactReceipt(*short), genesis, changes, verify_signature=verify_signature
    )
    return Preference(
        summary.network,
        summary.chain_id,
        _relief_of(certificate.lot, summary.receipt),
        summary.subject,
        summary.height,
        summary.time,
        summary.signers,
    )


def _relief_of(lot: bytes, receipt: Receipt) -> PreferenceGranted:
    for granted in preferences_in(receipt):
        if granted.lot == lot:
            return granted
    raise CodedError(BAD_RECEIPT, f"the receipt does not relieve lot {lot.hex()}")


def to_parts(certificate: CompactCertificate) -> list[str]:
    """The texts of the QR codes of a certificate.

    Raises ``TOO_LARGE`` if they would be more than :data:`contracts.scanned.MAX_PARTS`.
    """
    return scanned.to_parts(
        encode(certificate), "hand over the file, or have customs decide on one lot per transaction"
    )


def from_parts(texts: Iterable[str]) -> CompactCertificate:
    """The certificate of scanned texts, in any order, repeated or not.

    Raises ``MALFORMED``, naming what is missing, or ``NOT_CANONICAL``. Nothing is verified yet.
    """
    return decode(scanned.from_parts(texts), CompactCertificate)
