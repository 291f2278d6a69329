"""Domain-separated hashing: SHA-256 over ``tag ‖ chain id ‖ bytes``.

The tag differs for each kind of object, so a hash or signature made for one kind can never be
presented as another; the chain id keeps objects of one ledger out of every other.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from hashlib import sha256

HASH_BYTES = 32
NO_CHAIN = bytes(HASH_BYTES)
"""The chain id under which a genesis document is hashed, before any chain id exists."""


class Tag(bytes, Enum):
    """The domains. Each is unique and none is a prefix of another (all end in NUL)."""

    GENESIS = b"iic/genesis/1\0"
    GENESIS_APPROVAL = b"iic/genesis-approval/1\0"
    NODE_CARD = b"iic/node-card/1\0"
    TRANSACTION = b"iic/transaction/1\0"
    TRANSACTION_SIGNATURE = b"iic/transaction-signature/1\0"
    TRANSACTION_WIRE = b"iic/transaction-wire/1\0"
    RECEIPT = b"iic/receipt/1\0"
    HEADER = b"iic/header/1\0"
    PROPOSAL = b"iic/proposal/1\0"
    REPROPOSAL = b"iic/reproposal/1\0"
    BATCH = b"iic/batch/1\0"
    BATCH_SIGNATURE = b"iic/batch-signature/1\0"
    NOTARIZE = b"iic/vote-notarize/1\0"
    NULLIFY = b"iic/vote-nullify/1\0"
    FINALIZE = b"iic/vote-finalize/1\0"
    RECOVER = b"iic/vote-recover/1\0"
    SURVIVOR = b"iic/survivor/1\0"
    VALIDATORS = b"iic/validators/1\0"
    STATE_KEY = b"iic/state-key/1\0"
    STATE_VALUE = b"iic/state-value/1\0"
    STATE_BUCKET = b"iic/state-bucket/1\0"
    STATE_BRANCH = b"iic/state-branch/1\0"
    OBJECT = b"iic/object/1\0"
    DOCUMENT = b"iic/document/1\0"
    HELLO = b"iic/hello/1\0"
    LOGIN = b"iic/login/1\0"

    __hash__ = bytes.__hash__
    """In C: some are looked up several times for each transaction."""


def message(tag: Tag, chain_id: bytes, data: bytes) -> bytes:
    """The bytes that a signature of this domain covers."""
    return tag + chain_id + data


def digest(tag: Tag, chain_id: bytes, data: bytes) -> bytes:
    """SHA-256 of :func:`message`, 32 bytes."""
    return sha256(tag + chain_id + data).digest()


Hasher = Callable[[bytes], bytes]


@lru_cache(maxsize=512)
def hasher(tag: Tag, chain_id: bytes) -> Hasher:
    """:func:`digest` for one tag and chain: hashes the prefix once."""
    prefix = sha256(tag + chain_id).copy

    def hash_of(data: bytes) -> bytes:
        state = prefix()
        state.update(data)
        return state.digest()

    return hash_of
