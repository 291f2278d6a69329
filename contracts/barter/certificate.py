"""Preference certificates: what a customs officer verifies offline, from a file or from QR codes.

A certificate is a proven receipt (:mod:`ledger.proof`) of the transaction in which customs relieved
a lot of duty and tax, and the lot that it is about. The file carries everything, so the genesis
file alone is trusted. The compact form, for QR codes, leaves out the transaction (the receipt alone
is in the block's receipts root) and the changes of validators since genesis: before the first
change it needs the genesis file alone, later also any file that has the changes, such as a receipt.

Compact bytes travel as text of the QR alphanumeric set (Base45, RFC 9285), in one or more parts::

    IIC1:<group>:<part>/<parts>:<base45>

where ``group`` is the beginning of the whole's SHA-256 in hexadecimal, so that parts of different
certificates never mix. Size limits and reasons: ``docs/decisions/0007-certificate-qr-codes.md``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Annotated, Final, NamedTuple

from msgspec import Meta

from contracts.barter.events import PreferenceGranted
from contracts.framework.event import name_of
from ledger import keys, merkle, proof
from ledger.block import Certificate, Header, Verify
from ledger.codec import Hash32, Struct, Uint, decode, encode, from_plain
from ledger.errors import BAD_PROOF, BAD_RECEIPT, MALFORMED, TOO_LARGE, CodedError
from ledger.genesis import Genesis
from ledger.receipt import Receipt

MAX_PARTS: Final = 8
PART_CHARS: Final = 1_350
"""Of one QR code with its heading: version 25 at error correction M holds 1,451 characters."""
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_PART: Final = re.compile(r"IIC1:([0-9A-F]{8}):([1-9])/([1-9]):([0-9A-Z $%*+\-./:]+)")


class PreferenceCertificate(Struct, tag="iic.preference/1"):
    """The file: a lot, and the proven receipt in which customs relieved it."""

    lot: Hash32
    proven: proof.ProvenReceipt


class CompactCertificate(Struct, tag="iic.preference-qr/1"):
    """The compact form. ``certified`` is None where the receipt's block itself was finalized."""

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
    proven = certificate.proven
    certified = proven.finality.header
    return CompactCertificate(
        lot=certificate.lot,
        receipt=proven.receipt,
        index=proven.index,
        receipt_path=proven.receipt_path,
        header=proven.header,
        history_path=proven.history_path,
        certified=None if certified == proven.header else certified,
        certificate=proven.finality.certificate,
    )


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
    header = certificate.header
    certified = header if certificate.certified is None else certificate.certified
    if certified.epoch > len(changes):
        raise CodedError(
            BAD_PROOF,
            f"validators changed {certified.epoch} times since genesis and {len(changes)} of the "
            "changes are given: verify with a newer receipt of the ledger beside it",
        )
    finality = proof.Finality(certified, certificate.certificate, changes[: certified.epoch])
    signers = proof.verify_finality(finality, genesis, verify=verify_signature)
    chain_id = genesis.chain_id
    if header.chain_id != chain_id:
        raise CodedError(BAD_PROOF, "the receipt's block is of another ledger")
    if certificate.certified is not None and not merkle.verify_inclusion(
        header.hash(),
        header.height,
        certified.height,
        certificate.history_path,
        certified.history_root,
    ):
        raise CodedError(
            BAD_PROOF, f"block {header.height} is not in the history of block {certified.height}"
        )
    receipt = certificate.receipt
    if not merkle.verify_inclusion(
        receipt.hash(chain_id),
        certificate.index,
        header.receipts,
        certificate.receipt_path,
        header.receipts_root,
    ):
        raise CodedError(BAD_PROOF, f"the receipt is not number {certificate.index} of its block")
    return Preference(
        genesis.network,
        chain_id,
        _relief_of(certificate.lot, receipt),
        receipt.subject,
        header.height,
        header.time,
        signers,
    )


def _relief_of(lot: bytes, receipt: Receipt) -> PreferenceGranted:
    for granted in preferences_in(receipt):
        if granted.lot == lot:
            return granted
    raise CodedError(BAD_RECEIPT, f"the receipt does not relieve lot {lot.hex()}")


# Text for QR codes


def to_parts(certificate: CompactCertificate) -> list[str]:
    """The texts of the QR codes of a certificate.

    Raises ``TOO_LARGE`` if they would be more than :data:`MAX_PARTS`.
    """
    data = encode(certificate)
    text = base45(data)
    parts = [text[at : at + PART_CHARS] for at in range(0, len(text), PART_CHARS)]
    if len(parts) > MAX_PARTS:
        raise CodedError(
            TOO_LARGE,
            f"{len(data)} bytes need {len(parts)} QR codes, at most {MAX_PARTS} are made: "
            "hand over the file, or have customs decide on one lot per transaction",
        )
    group = _group(data)
    return [f"IIC1:{group}:{n}/{len(parts)}:{part}" for n, part in enumerate(parts, 1)]


def from_parts(texts: Iterable[str]) -> CompactCertificate:
    """The certificate of scanned texts, in any order, repeated or not.

    Raises ``MALFORMED``, naming what is missing, or ``NOT_CANONICAL``. Nothing is verified yet.
    """
    found: dict[int, str] = {}
    groups: set[tuple[str, int]] = set()
    for text in texts:
        matched = _PART.fullmatch(text.strip("\r\n"))
        if matched is None or int(matched[2]) > int(matched[3]):
            raise CodedError(MALFORMED, "a scanned text is no part of a certificate")
        groups.add((matched[1], int(matched[3])))
        if found.setdefault(int(matched[2]), matched[4]) != matched[4]:
            raise CodedError(MALFORMED, f"part {matched[2]} was scanned twice and differs")
    if len(groups) != 1:
        raise CodedError(MALFORMED, f"the scanned parts are of {len(groups)} certificates, not 1")
    group, parts = groups.pop()
    missing = [str(n) for n in range(1, parts + 1) if n not in found]
    if missing:
        raise CodedError(MALFORMED, f"of {parts} parts, {', '.join(missing)} is missing")
    data = from_base45("".join(found[n] for n in range(1, parts + 1)))
    if _group(data) != group:
        raise CodedError(MALFORMED, "the scanned parts do not fit together")
    return decode(data, CompactCertificate)


def _group(data: bytes) -> str:
    return sha256(data).hexdigest()[:8].upper()


def base45(data: bytes) -> str:
    """Bytes as text of 45 characters (RFC 9285).

    >>> base45(b"Hello!!"), base45(b"base-45")
    ('%69 VD92EX0', 'UJCLQE7W581')
    """
    text = []
    for at in range(0, len(data), 2):
        pair = data[at : at + 2]
        value = int.from_bytes(pair, "big")
        for _ in range(len(pair) + 1):
            value, digit = divmod(value, 45)
            text.append(_ALPHABET[digit])
    return "".join(text)


def from_base45(text: str) -> bytes:
    """The bytes of a text; raises ``MALFORMED`` for any text that :func:`base45` does not make.

    >>> from_base45("QED8WEX0")
    b'ietf!'
    """
    digits: Sequence[int] = [_ALPHABET.find(c) for c in text]
    if -1 in digits or len(digits) % 3 == 1:
        raise CodedError(MALFORMED, "not a text of RFC 9285 (Base45)")
    data = bytearray()
    for at in range(0, len(digits), 3):
        group = digits[at : at + 3]
        value = sum(digit * 45**place for place, digit in enumerate(group))
        size = len(group) - 1
        if value >= 256**size:
            raise CodedError(MALFORMED, "not a text of RFC 9285 (Base45)")
        data += value.to_bytes(size, "big")
    return bytes(data)
