"""Ed25519 keys (RFC 8032) and the ledger's one acceptance rule.

Implementations disagree on malformed signatures (Chalkias, Garillot, Nikolaenko, *Taming the Many
EdDSAs*, 2020), so exactly one verifier decides in consensus: libsodium's ``crypto_sign_open``,
through PyNaCl. A signature ``(R, S)`` by public key ``A`` over message ``M`` is accepted if and
only if

1. ``S`` is canonical: ``S < L``, the order of the base point;
2. ``A`` is a canonical point encoding and not of small order;
3. ``R`` is not of small order;
4. the bytes of ``S·B - h·A`` equal ``R`` (cofactorless; a non-canonical ``R`` can never be equal),
   with ``h = SHA-512(R ‖ A ‖ M) mod L``.

A key enters the register only if it also lies in the prime-order subgroup
(:func:`is_valid_public_key`). The rule is tested against Wycheproof and the edge cases of that
paper.
"""

from __future__ import annotations

from typing import Protocol

import nacl.bindings as sodium
import nacl.exceptions
from nacl import signing

from ledger.errors import BAD_KEY, CodedError

PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64
SEED_BYTES = 32


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether ``signature`` (64 bytes) by ``public_key`` (32 bytes) over ``message`` is accepted.

    Input of any other length is simply not accepted. libsodium works outside the GIL.
    """
    if len(public_key) != PUBLIC_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        sodium.crypto_sign_open(signature + message, public_key)
    except nacl.exceptions.BadSignatureError:
        return False
    return True


def is_valid_public_key(public_key: bytes) -> bool:
    """Whether a key may be registered: canonical, on the curve, in the prime-order subgroup."""
    return len(public_key) == PUBLIC_KEY_BYTES and sodium.crypto_core_ed25519_is_valid_point(
        public_key
    )


def require_valid_public_key(public_key: bytes, field: str) -> None:
    """Raise ``BAD_KEY`` unless :func:`is_valid_public_key`."""
    if not is_valid_public_key(public_key):
        raise CodedError(
            BAD_KEY,
            "a public key is a canonical Ed25519 point of prime order, 32 bytes",
            field=field,
        )


class SigningKey(Protocol):
    """Whatever signs for a public key: a secret in memory, or one that lives elsewhere."""

    @property
    def public(self) -> bytes: ...

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature over ``message``; raises :class:`SigningRefused`."""
        ...


class SigningRefused(Exception):
    """A key that guards itself does not sign this: it would contradict what it has signed."""


class PrivateKey:
    """An Ed25519 private key; its seed never appears in ``repr`` or ``str``.

    >>> key = PrivateKey(bytes(32))
    >>> verify(key.public, b"hello", key.sign(b"hello"))
    True
    """

    __slots__ = ("_key", "public")

    def __init__(self, seed: bytes) -> None:
        self._key = signing.SigningKey(seed)
        self.public = bytes(self._key.verify_key)

    @classmethod
    def generate(cls) -> PrivateKey:
        """A new key from the operating system's random source."""
        return cls(bytes(signing.SigningKey.generate()))

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature over ``message``."""
        return self._key.sign(message).signature

    def seed(self) -> bytes:
        """The 32-byte secret, for a keystore to encrypt."""
        return bytes(self._key)

    def __repr__(self) -> str:
        return f"PrivateKey(public={self.public.hex()})"
