"""Encryption keys: X25519 public keys (RFC 7748) of parties, apart from their signing keys."""

from __future__ import annotations

from typing import Final

from contracts.errors import KEY_IN_USE, WEAK_KEY
from contracts.framework.context import Context
from contracts.framework.party import KEYRING
from ledger.errors import CodedError

P: Final = 2**255 - 19
SMALL_ORDER: Final = frozenset(
    {
        0,
        1,
        P - 1,
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
    }
)
"""The u coordinates of points of order 1, 2, 4 and 8 on the curve and its twist (RFC 7748, §6.1).

Whoever encrypts to one of them shares a secret that everybody knows.
"""


def weakness(key: bytes) -> str:
    """Why nobody should encrypt to a key, or ``""``."""
    u = int.from_bytes(key, "little")
    if u >= P:
        return "the key is not written in its canonical form"
    if u in SMALL_ORDER:
        return "the key is of small order"
    return ""


def as_encryption_key(signing_key: bytes) -> bytes:
    """The X25519 form of an Ed25519 public key: ``u = (1 + y) / (1 - y)`` (RFC 7748, §4.1)."""
    y = int.from_bytes(signing_key, "little") & (2**255 - 1)
    return ((1 + y) * pow(1 - y, P - 2, P) % P).to_bytes(32, "little")


def check_key(ctx: Context, owner: str, key: bytes) -> None:
    """Raise ``WEAK_KEY`` unless a key is fit, and is no signing key of its owner's."""
    why = weakness(key)
    keyring = ctx.get(KEYRING, owner)
    if not why and keyring is not None:
        signing = {as_encryption_key(held.public_key) for held in keyring.keys}
        if key in signing:
            why = "the key is one of the party's signing keys in another form"
    if why:
        raise CodedError(WEAK_KEY, why, field="key")


def taken(owner: str) -> CodedError:
    """The refusal of a key that another party, or the same one earlier, has registered."""
    return CodedError(KEY_IN_USE, f"the key is registered for {owner}", field="key")
