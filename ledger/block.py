"""Blocks: headers, votes and quorum certificates."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from itertools import pairwise
from typing import Annotated

import msgspec

from ledger import keys, limits
from ledger.codec import Hash32, Signature, Struct, Uint, encode
from ledger.errors import BAD_CERTIFICATE, CodedError
from ledger.hashing import Tag, digest, message
from ledger.validators import ValidatorSet

FIRST_PROTOCOL = 1
"""What every ledger starts with."""
PROTOCOL_VERSION = 1
"""The newest protocol that this software knows; it knows all before it."""

Verify = Callable[[bytes, bytes, bytes], bool]
"""``verify(public_key, message, signature)``: :func:`ledger.keys.verify` or a cache in front."""


class Header(Struct, tag=1):
    """What a quorum signs.

    ``time`` is agreed block time in milliseconds since the Unix epoch, strictly after the parent's.
    ``transactions_root`` and ``receipts_root`` are RFC 9162 tree heads over wire hashes and receipt
    hashes; a block's receipts are those of the deadlines that fired at its start, then one for each
    transaction, so there are ``receipts - transactions`` of the former. ``state_root`` is the
    authenticated map *after* this block; ``history_root`` is the RFC 9162 tree head over the hashes
    of all headers below this height, genesis included, which makes an inclusion or consistency
    proof between any two heights possible.
    """

    chain_id: Hash32
    height: Uint
    view: Uint
    epoch: Uint
    parent: Hash32
    time: Uint
    transactions: Uint
    receipts: Uint
    transactions_root: Hash32
    receipts_root: Hash32
    state_root: Hash32
    history_root: Hash32
    validators_hash: Hash32
    next_validators_hash: Hash32
    protocol: Uint = FIRST_PROTOCOL

    def hash(self) -> bytes:
        """The block's identity, 32 bytes."""
        return digest(Tag.HEADER, self.chain_id, encode(self))


class VoteKind(IntEnum):
    """The three votes of Simplex, and what survivors of a disaster sign instead.

    A nullify vote names no block. ``RECOVER`` is never cast by a running node: people have it
    signed, in a ceremony, after more than f validators were lost for good.
    """

    NOTARIZE = 1
    NULLIFY = 2
    FINALIZE = 3
    RECOVER = 4


_VOTE_TAG = {
    VoteKind.NOTARIZE: Tag.NOTARIZE,
    VoteKind.NULLIFY: Tag.NULLIFY,
    VoteKind.FINALIZE: Tag.FINALIZE,
    VoteKind.RECOVER: Tag.RECOVER,
}

NO_BLOCK = bytes(32)
"""The block field of nullify votes and nullifications."""


def vote_bytes(chain_id: bytes, kind: VoteKind, epoch: int, view: int, block: bytes) -> bytes:
    """What a validator signs: the tag tells the kind, the body epoch, view and block hash."""
    return message(_VOTE_TAG[kind], chain_id, encode((epoch, view, block)))


class Vote(Struct, tag=1):
    """One validator's signed vote; ``signer`` is its index in the epoch's validator set."""

    kind: VoteKind
    epoch: Uint
    view: Uint
    block: Hash32
    signer: Uint
    signature: Signature

    def verify(
        self, chain_id: bytes, validators: ValidatorSet, verify: Verify = keys.verify
    ) -> bool:
        """Whether the vote is well formed for this validator set and its signature accepted."""
        return (
            self.epoch == validators.epoch
            and self.signer < validators.size
            and (self.kind is not VoteKind.NULLIFY or self.block == NO_BLOCK)
            and verify(
                validators.validators[self.signer].vote_key,
                vote_bytes(chain_id, self.kind, self.epoch, self.view, self.block),
                self.signature,
            )
        )


def sign_vote(
    chain_id: bytes,
    key: keys.SigningKey,
    signer: int,
    kind: VoteKind,
    epoch: int,
    view: int,
    block: bytes = NO_BLOCK,
) -> Vote:
    """A signed vote. The caller makes it durable before it leaves the node."""
    signature = key.sign(vote_bytes(chain_id, kind, epoch, view, block))
    return Vote(kind, epoch, view, block, signer, signature)


class SignerSignature(Struct):
    """A signature inside a certificate, with its signer's index."""

    signer: Uint
    signature: Signature


class Certificate(Struct, tag=1):
    """A quorum of equal votes: a notarization, nullification or finalization.

    A recovery is certified by fewer, ``ValidatorSet.survivors``, and only where they take over.

    Signatures are in strictly ascending order of signers, so each signer counts once.
    """

    kind: VoteKind
    epoch: Uint
    view: Uint
    block: Hash32
    signatures: Annotated[
        tuple[SignerSignature, ...], msgspec.Meta(min_length=1, max_length=limits.MAX_VALIDATORS)
    ]

    def verify(
        self, chain_id: bytes, validators: ValidatorSet, verify: Verify = keys.verify
    ) -> None:
        """Raise ``BAD_CERTIFICATE`` unless a quorum of ``validators`` made it."""
        if self.epoch != validators.epoch:
            raise CodedError(
                BAD_CERTIFICATE,
                f"certificate of epoch {self.epoch} held against validators of {validators.epoch}",
            )
        if self.kind is VoteKind.NULLIFY and self.block != NO_BLOCK:
            raise CodedError(BAD_CERTIFICATE, "a nullification names no block")
        signers = [s.signer for s in self.signatures]
        if any(a >= b for a, b in pairwise(signers)):
            raise CodedError(BAD_CERTIFICATE, "signers are in ascending order, each once")
        if signers[-1] >= validators.size:
            raise CodedError(BAD_CERTIFICATE, f"no validator has index {signers[-1]}")
        recovers = self.kind is VoteKind.RECOVER
        need = validators.survivors if recovers else validators.quorum
        if len(signers) < need:
            what = "a recovery needs" if recovers else "a quorum is"
            raise CodedError(
                BAD_CERTIFICATE, f"{len(signers)} signatures, {what} {need} of {validators.size}"
            )
        signed = vote_bytes(chain_id, self.kind, self.epoch, self.view, self.block)
        for entry in self.signatures:
            key = validators.validators[entry.signer].vote_key
            if not verify(key, signed, entry.signature):
                raise CodedError(
                    BAD_CERTIFICATE, f"the signature of validator {entry.signer} does not verify"
                )


def finalizes(certificate: Certificate, header: Header, block: bytes) -> bool:
    """Whether a certificate is a finalization of exactly the block of a header, ``block`` its hash.

    It is one of the block's own view. Only a block that hands over to other validators is proposed
    again in later views until it is final, so its finalization may be of any of those. Survivors of
    a disaster end an epoch and decide nothing else: by a block of their own, or, in a later view
    than the block's, by the one with which the epoch was to end.
    """
    last = header.next_validators_hash != header.validators_hash
    return (
        (certificate.kind is VoteKind.FINALIZE or (last and certificate.kind is VoteKind.RECOVER))
        and certificate.block == block
        and (certificate.view == header.view or (last and certificate.view > header.view))
    )


def survivors_in(certificate: Certificate | None, header: Header) -> tuple[int, ...]:
    """Who takes over after a block that this certifies as the survivors' own; nobody after others.

    They are who signed it. After a block that they only confirm those follow whom it names.
    """
    if certificate is None or certificate.kind is not VoteKind.RECOVER:
        return ()
    if certificate.view != header.view:
        return ()
    return tuple(entry.signer for entry in certificate.signatures)


def assemble(votes: list[Vote]) -> Certificate:
    """The certificate of equal votes by distinct signers (the caller counted a quorum)."""
    first = votes[0]
    ordered = sorted(votes, key=lambda v: v.signer)
    return Certificate(
        first.kind,
        first.epoch,
        first.view,
        first.block,
        tuple(SignerSignature(v.signer, v.signature) for v in ordered),
    )


def votes_in(certificate: Certificate, signer: int) -> list[Vote]:
    """The vote of a signer that a certificate contains, if it does."""
    return [
        Vote(
            certificate.kind,
            certificate.epoch,
            certificate.view,
            certificate.block,
            signer,
            entry.signature,
        )
        for entry in certificate.signatures
        if entry.signer == signer
    ]
