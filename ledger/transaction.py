"""Transactions: what a member signs.

A transaction carries operations that succeed or fail as one. There are no sequence numbers: the id
is kept for as long as the validity window is open, so a member's systems may send in parallel, and
the same bytes always get the same answer. The id covers the content and never the signatures, so
nobody can make a second id for the same content.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Final

import msgspec

from ledger import keys, limits
from ledger.codec import Hash32, PublicKey, Signature, Struct, Uint, decode, encode
from ledger.errors import BAD_SIGNATURE, MALFORMED, WRONG_CHAIN, CodedError
from ledger.hashing import Tag, digest, message

PlainOperation = tuple[Any, ...]
"""An operation as nested arrays, its name first; ``contracts`` gives it a type."""


class Transaction(Struct, tag=1):
    """The signed content.

    ``author`` is the member (an LEI, ISO 17442) on whose behalf the operations act;
    ``valid_until`` is in milliseconds of block time since the Unix epoch: the last block time at
    which the transaction may be recorded. ``reference`` is the author's own, unique among the
    author's transactions when not empty. ``salt`` tells apart two otherwise equal transactions.
    """

    chain_id: Hash32
    author: Annotated[str, msgspec.Meta(min_length=20, max_length=20)]
    operations: Annotated[
        tuple[PlainOperation, ...], msgspec.Meta(min_length=1, max_length=limits.MAX_OPERATIONS)
    ]
    valid_until: Uint
    reference: Annotated[str, msgspec.Meta(max_length=limits.MAX_REFERENCE_CHARS)] = ""
    salt: Annotated[
        bytes, msgspec.Meta(min_length=limits.SALT_BYTES, max_length=limits.SALT_BYTES)
    ] = bytes(limits.SALT_BYTES)


class KeySignature(Struct):
    """One signature and the public key that made it."""

    key: PublicKey
    signature: Signature


class SignedTransaction(Struct, tag=1):
    """Transaction content as exact bytes, and its signatures in ascending order of their keys.

    Not every signature need be present yet: a transaction travels from signer to signer as a file
    until its author's policy is satisfied.
    """

    content: Annotated[bytes, msgspec.Meta(max_length=limits.MAX_TRANSACTION_BYTES)]
    signatures: Annotated[
        tuple[KeySignature, ...], msgspec.Meta(max_length=limits.MAX_SIGNATURES)
    ] = ()

    def with_signature(self, chain_id: bytes, key: keys.SigningKey) -> SignedTransaction:
        """This transaction with ``key``'s signature added (or unchanged if it is there)."""
        signature = key.sign(signing_bytes(chain_id, self.content))
        by_key = {s.key: s for s in self.signatures}
        by_key[key.public] = KeySignature(key.public, signature)
        return SignedTransaction(self.content, tuple(by_key[k] for k in sorted(by_key)))


def transaction_id(chain_id: bytes, content: bytes) -> bytes:
    """The 32-byte id of transaction content."""
    return digest(Tag.TRANSACTION, chain_id, content)


def wire_hash(chain_id: bytes, wire: bytes) -> bytes:
    """The leaf of a block's transactions tree: covers the content and the signatures recorded.

    Who approved is evidence as much as what was approved, so both are immutable once recorded.
    """
    return digest(Tag.TRANSACTION_WIRE, chain_id, wire)


def signing_bytes(chain_id: bytes, content: bytes) -> bytes:
    """What a member's key signs."""
    return message(Tag.TRANSACTION_SIGNATURE, chain_id, content)


def build(transaction: Transaction) -> SignedTransaction:
    """The unsigned envelope of a transaction."""
    return SignedTransaction(encode(transaction))


def open_envelope(data: bytes) -> SignedTransaction:
    """Decode an envelope from its wire bytes; the content is still opaque.

    Raises ``TOO_LARGE``, ``MALFORMED`` or ``NOT_CANONICAL``; signatures out of order or repeated
    are ``NOT_CANONICAL`` by the ordering rule of the structure and reported as ``MALFORMED``.
    """
    signed = _canonical(data)
    given = signed.signatures
    if len(given) > 1 and any(a.key >= b.key for a, b in pairwise(given)):
        raise CodedError(
            MALFORMED,
            "signatures are in ascending order of keys, each key once",
            field="signatures",
        )
    return signed


def _canonical(data: bytes) -> SignedTransaction:
    """:func:`ledger.codec.decode` of an envelope, the usual one in a single pass.

    An envelope holds nothing but bytes, so one that is encoded as it came is within the profile.
    """
    if len(data) <= _MAX_ENVELOPE:
        try:
            signed = _read_signed(data)
        except msgspec.MsgspecError:
            pass  # decoded below, to say what is wrong
        else:
            if encode(signed) == data:
                return signed
    return decode(data, SignedTransaction, limit=_MAX_ENVELOPE)


_MAX_ENVELOPE: Final = limits.MAX_TRANSACTION_BYTES + 4096
"""16 signatures of 100 bytes and the frame around them fit well into 4 KiB."""

_read_signed = msgspec.msgpack.Decoder(SignedTransaction).decode


def read_content(chain_id: bytes, content: bytes) -> Transaction:
    """Decode transaction content strictly and check that it belongs to this ledger."""
    transaction = decode(content, Transaction, limit=limits.MAX_TRANSACTION_BYTES)
    if transaction.chain_id != chain_id:
        raise CodedError(
            WRONG_CHAIN,
            f"made for ledger {transaction.chain_id.hex()[:16]}…, this is {chain_id.hex()[:16]}…",
            field="chain_id",
        )
    return transaction


def verify_signatures(chain_id: bytes, signed: SignedTransaction) -> None:
    """Raise ``BAD_SIGNATURE`` unless each signature present verifies."""
    signed_bytes = signing_bytes(chain_id, signed.content)
    for index, entry in enumerate(signed.signatures):
        if not keys.verify(entry.key, signed_bytes, entry.signature):
            raise CodedError(
                BAD_SIGNATURE,
                f"the signature by key {entry.key.hex()[:16]}… does not verify",
                field=f"signatures[{index}]",
            )
