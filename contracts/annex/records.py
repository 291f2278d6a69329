"""What the ledger stores about annexes, and their limits."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta

from contracts.framework.parameters import parameters_table
from contracts.framework.types import (
    Count,
    Digest,
    Instant,
    Kind,
    Lei,
    ObjectId,
    Title,
    counted,
    kind_of,
)
from ledger.codec import Struct
from ledger.state import Table

EncryptionKeyBytes = Annotated[bytes, Meta(min_length=32, max_length=32), kind_of(Kind.BYTES)]
"""An X25519 public key."""
SEALED_KEY_BYTES: Final = 80
"""A 32-byte content key in a sealed box: an ephemeral key, the ciphertext and its tag."""
SealedKey = Annotated[
    bytes, Meta(min_length=SEALED_KEY_BYTES, max_length=SEALED_KEY_BYTES), kind_of(Kind.BYTES)
]


class AnnexParameters(Struct, tag="annex.Parameters"):
    """Limits of annexes."""

    largest: Annotated[
        int,
        Meta(ge=1, le=2**40, description="Largest size of an annex, in bytes."),
        counted("bytes"),
    ] = 64 * 1024 * 1024
    most_grants: Annotated[
        int, Meta(ge=1, le=10_000, description="Most sealed keys of one annex.")
    ] = 256


ANNEX_PARAMETERS: Final = parameters_table("annex", AnnexParameters)


class EncryptionKey(Struct, tag=1):
    """The key to which others encrypt for a party; ``version`` counts its keys from 1."""

    owner: Lei
    key: EncryptionKeyBytes
    version: Count
    since: Instant


ENCRYPTION_KEY: Final = Table("annex.key", EncryptionKey)
"""By LEI: the present one."""


class KeyHolder(Struct, tag=1):
    """Index entry: an encryption key was registered by a party, now or before."""

    owner: Lei


KEY_HOLDER: Final = Table("annex.keyholder", KeyHolder)
"""By key."""


class Capacity(StrEnum):
    """Why somebody may read an annex."""

    PARTY = "party"
    GUARANTOR = "guarantor"
    AUDITOR = "auditor"
    TRIBUNAL = "tribunal"


class Annex(Struct, tag=1):
    """A confidential document. Its id is the commitment to its salted content.

    ``ciphertext`` is the digest of the encrypted file and ``size`` that of the content in bytes;
    ``about`` is the contract or other object it belongs to, if any; ``grants`` counts sealed keys.
    """

    commitment: Digest
    ciphertext: Digest
    size: Count
    title: Title
    about: ObjectId | None
    author: Lei
    parties: tuple[Lei, ...]
    grants: Count
    time: Instant


ANNEX: Final = Table("annex", Annex)
"""By commitment."""


class Grant(Struct, tag=1):
    """The content key of an annex, sealed to a key of a recipient. Never changed or removed."""

    annex: Digest
    recipient: Lei
    key: EncryptionKeyBytes
    sealed: SealedKey
    capacity: Capacity
    by: Lei
    reason: str
    time: Instant


GRANT: Final = Table("annex.grant", Grant)
"""By annex, recipient and the recipient's key."""

TABLES: Final = (ENCRYPTION_KEY, KEY_HOLDER, ANNEX, GRANT)
