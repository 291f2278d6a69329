"""Annex files: how a confidential document is encrypted, opened, and proved to be the one meant.

A file is ``magic ‖ chain id ‖ commitment ‖ nonce ‖ ciphertext``. A fresh content key encrypts
``salt ‖ content`` with XChaCha20-Poly1305, everything before the ciphertext being authenticated as
well. The commitment is the domain-separated SHA-256 of salt, size and content digest: it says
nothing about the content, and nobody can show another content for it. For each recipient the
content key travels in a libsodium sealed box (X25519, XSalsa20-Poly1305) to its encryption key.

Encryption keys are made from seeds of their own in a keystore of their own, never from signing
keys. No I/O here.

>>> secret = EncryptionSecret(bytes(32))
>>> made = seal(bytes(32), b"the price is 12")
>>> key = unwrap(wrap(made.content_key, secret.public), secret)
>>> open_annex(read_annex(made.data), key).content
b'the price is 12'
"""

from __future__ import annotations

import hashlib
import os
from typing import Final, NamedTuple

import nacl.exceptions
from nacl import bindings as sodium
from nacl.public import PrivateKey as BoxKey
from nacl.public import PublicKey, SealedBox

from cli.errors import ANNEX_DAMAGED, ANNEX_WRONG_KEY
from ledger.codec import encode
from ledger.errors import WRONG_CHAIN, CodedError
from ledger.hashing import Tag, digest

MAGIC: Final = b"iic/annex/1\0"
KEY_BYTES: Final = 32
SALT_BYTES: Final = 32
_NONCE_BYTES: Final = 24
_TAG_BYTES: Final = 16
_HEADER_BYTES: Final = len(MAGIC) + 32 + 32 + _NONCE_BYTES
_DERIVATION: Final = b"iic-annex-x25519"
"""BLAKE2b's personalisation: a seed used elsewhere would give another key."""


class EncryptionSecret:
    """The private part of an encryption key, made from a 32-byte seed; its text form is public."""

    __slots__ = ("_box", "public")

    def __init__(self, seed: bytes) -> None:
        derived = hashlib.blake2b(seed, digest_size=32, person=_DERIVATION).digest()
        self._box = BoxKey(derived)
        self.public = bytes(self._box.public_key)

    def __repr__(self) -> str:
        return f"EncryptionSecret(public={self.public.hex()})"

    def open_box(self, sealed: bytes) -> bytes:
        """The content of a sealed box; raises ``nacl.exceptions.CryptoError``."""
        return SealedBox(self._box).decrypt(sealed)


class SealedAnnex(NamedTuple):
    """A new annex: its file, the key that opens it, and what the ledger is told."""

    data: bytes
    content_key: bytes
    commitment: bytes
    ciphertext: bytes
    size: int


class AnnexFile(NamedTuple):
    """An annex file, read and not yet opened. ``digest`` is what the ledger knows it by."""

    chain_id: bytes
    commitment: bytes
    nonce: bytes
    ciphertext: bytes
    header: bytes
    digest: bytes


class Opened(NamedTuple):
    """What was in an annex. Content and salt together prove the commitment to anybody."""

    content: bytes
    salt: bytes


def commitment_of(chain_id: bytes, salt: bytes, content: bytes) -> bytes:
    """The commitment to a content, 32 bytes."""
    inner = hashlib.sha256(content).digest()
    return digest(Tag.DOCUMENT, chain_id, encode(("annex", salt, len(content), inner)))


def seal(chain_id: bytes, content: bytes) -> SealedAnnex:
    """Encrypt a content of at least one byte under a fresh key."""
    salt, key, nonce = os.urandom(SALT_BYTES), os.urandom(KEY_BYTES), os.urandom(_NONCE_BYTES)
    commitment = commitment_of(chain_id, salt, content)
    header = MAGIC + chain_id + commitment + nonce
    data = header + sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
        salt + content, header, nonce, key
    )
    return SealedAnnex(data, key, commitment, hashlib.sha256(data).digest(), len(content))


def read_annex(data: bytes) -> AnnexFile:
    """The parts of an annex file; raises ``ANNEX_DAMAGED``."""
    if len(data) < _HEADER_BYTES + SALT_BYTES + _TAG_BYTES or not data.startswith(MAGIC):
        raise CodedError(ANNEX_DAMAGED, "this is no annex file, or it is cut short")
    at = len(MAGIC)
    return AnnexFile(
        chain_id=data[at : at + 32],
        commitment=data[at + 32 : at + 64],
        nonce=data[at + 64 : _HEADER_BYTES],
        ciphertext=data[_HEADER_BYTES:],
        header=data[:_HEADER_BYTES],
        digest=hashlib.sha256(data).digest(),
    )


def require_chain(file: AnnexFile, chain_id: bytes) -> None:
    """Raise ``WRONG_CHAIN`` for an annex of another ledger."""
    if file.chain_id != chain_id:
        raise CodedError(WRONG_CHAIN, "the annex belongs to another ledger")


def wrap(content_key: bytes, recipient: bytes) -> bytes:
    """The content key in a sealed box for a recipient's encryption key, 80 bytes."""
    return SealedBox(PublicKey(recipient)).encrypt(content_key)


def unwrap(sealed: bytes, secret: EncryptionSecret) -> bytes:
    """The content key of a sealed box; raises ``ANNEX_WRONG_KEY``."""
    try:
        key = secret.open_box(sealed)
    except (nacl.exceptions.CryptoError, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise CodedError(
            ANNEX_WRONG_KEY, "what was sealed for this member does not open with its key"
        )
    return key


def open_annex(file: AnnexFile, content_key: bytes) -> Opened:
    """The content, checked against the commitment; raises ``ANNEX_WRONG_KEY``, ``ANNEX_DAMAGED``.

    A file whose digest is that of the ledger is whole, so then it is the key that is wrong.
    """
    try:
        plain = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
            file.ciphertext, file.header, file.nonce, content_key
        )
    except nacl.exceptions.CryptoError:
        raise CodedError(
            ANNEX_WRONG_KEY, "the key does not open the annex, or the file was changed"
        ) from None
    salt, content = plain[:SALT_BYTES], plain[SALT_BYTES:]
    if commitment_of(file.chain_id, salt, content) != file.commitment:
        raise CodedError(ANNEX_DAMAGED, "the content is not the one that was committed to")
    return Opened(content, salt)
