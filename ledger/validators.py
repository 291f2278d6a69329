"""Validator sets: the guarantor nodes that decide, epoch by epoch."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ledger import limits
from ledger.codec import PublicKey, Struct, Uint, encode
from ledger.hashing import Tag, digest


class Validator(Struct, tag=1):
    """One guarantor node as the register holds it.

    ``party`` is the guarantor's LEI; ``country`` its ISO 3166 alpha-2 code; ``vote_key`` signs
    proposals, batches and votes; ``certificate`` is the node's TLS certificate (X.509, DER), whose
    key is separate; ``address`` is ``host:port`` for peers.
    """

    party: Annotated[str, msgspec.Meta(min_length=20, max_length=20)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    country: Annotated[str, msgspec.Meta(min_length=2, max_length=2)]
    vote_key: PublicKey
    certificate: Annotated[bytes, msgspec.Meta(max_length=limits.MAX_CERTIFICATE_BYTES)]
    address: Annotated[str, msgspec.Meta(min_length=3, max_length=128)]


class ValidatorSet(Struct, tag=1):
    """The validators of one epoch. A validator's index is its position here."""

    epoch: Uint
    validators: Annotated[
        tuple[Validator, ...], msgspec.Meta(min_length=1, max_length=limits.MAX_VALIDATORS)
    ]

    @property
    def size(self) -> int:
        """n."""
        return len(self.validators)

    @property
    def faults(self) -> int:
        """f: the number of arbitrary faults tolerated, the largest with n ≥ 3f+1."""
        return (len(self.validators) - 1) // 3

    @property
    def quorum(self) -> int:
        """n - f: two quorums share at least one correct validator; 2f+1 when n = 3f+1."""
        return len(self.validators) - self.faults

    @property
    def survivors(self) -> int:
        """The fewest that may go on after the others are lost for good: half, so at least f + 1.

        Fewer could go on twice over, each part without the other.
        """
        return (len(self.validators) + 1) // 2

    def lies_borne(self, signed: int) -> int:
        """How many signers of a recovery may hide what they voted, and no final block is lost.

        Of a quorum's ``n - f`` members at least ``signed - f`` sign, so one of them tells. With no
        more liars the others can finalize nothing in their epoch either, should they come back.
        """
        return signed - self.faults - 1

    def index_of(self, vote_key: bytes) -> int | None:
        """The position of a vote key, or None."""
        for index, validator in enumerate(self.validators):
            if validator.vote_key == vote_key:
                return index
        return None

    def leader(self, view: int) -> int:
        """The index of the leader of a view: round robin, so every node computes the same."""
        return view % len(self.validators)

    def hash(self, chain_id: bytes) -> bytes:
        """What headers commit to."""
        return digest(Tag.VALIDATORS, chain_id, encode(self))
