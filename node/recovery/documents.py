"""What survivors write and exchange: statements, the recovery, its signatures. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from ledger import limits
from ledger.block import Certificate, Header, SignerSignature, VoteKind
from ledger.codec import Signature, Struct, Uint, decode, encode
from ledger.errors import CodedError
from ledger.hashing import Tag, digest, message
from node.errors import BAD_RECOVERY
from node.messages import FullBlock

MAX_FILE_BYTES = 256 * 1024 * 1024


class Statement(Struct, tag="iic.survivor/1"):
    """What a survivor holds: its newest committed block and its journal's records.

    ``certificate`` is that block's own, if its store has one. ``doubt`` says why the node may have
    forgotten votes; empty if it cannot have.
    """

    signer: Uint
    head: Header
    certificate: Certificate | None
    doubt: Annotated[str, msgspec.Meta(max_length=1000)]
    records: Annotated[tuple[bytes, ...], msgspec.Meta(max_length=1_000_000)]
    signature: Signature


class Recovery(Struct, tag="iic.recovery/1"):
    """All statements, the blocks from the lowest survivor's on, and the signatures so far.

    The last block ends the epoch. ``view`` is that in which the survivors sign it, its own if it is
    theirs. ``reason`` is for those who sign.
    """

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
    statements: Annotated[
        tuple[Statement, ...], msgspec.Meta(min_length=1, max_length=limits.MAX_VALIDATORS)
    ]
    view: Uint
    blocks: Annotated[tuple[FullBlock, ...], msgspec.Meta(min_length=1, max_length=1_000_000)]
    signatures: Annotated[
        tuple[SignerSignature, ...], msgspec.Meta(max_length=limits.MAX_VALIDATORS)
    ] = ()

    @property
    def header(self) -> Header:
        """The last block's."""
        return self.blocks[-1].header

    @property
    def confirms(self) -> bool:
        """Whether the last block is the one with which the epoch was to end anyway."""
        return self.view != self.header.view

    @property
    def survivors(self) -> tuple[int, ...]:
        """Who signs, by index in the epoch's validators."""
        return tuple(statement.signer for statement in self.statements)

    @property
    def doubtful(self) -> tuple[int, ...]:
        """Which of them may have forgotten votes: no better than one that hides them."""
        return tuple(statement.signer for statement in self.statements if statement.doubt)

    def certificate(self) -> Certificate:
        """What makes the recovery final, once every survivor has signed."""
        signers = {entry.signer for entry in self.signatures}
        missing = set(self.survivors) - signers
        if missing:
            raise bad(f"validators {sorted(missing)} have not signed yet", "signatures")
        if signers != set(self.survivors):
            raise bad("there are signatures of validators that made no statement", "signatures")
        header = self.header
        return Certificate(
            VoteKind.RECOVER, header.epoch, self.view, header.hash(), self.signatures
        )


def read_statement(data: bytes) -> Statement:
    """A statement's file; nothing in it is verified yet."""
    return decode(data, Statement, limit=MAX_FILE_BYTES)


def read_recovery(data: bytes) -> Recovery:
    """A recovery's file; nothing in it is verified yet."""
    return decode(data, Recovery, limit=MAX_FILE_BYTES)


def stated(said: Statement) -> bytes:
    """What a survivor signs of its statement: a digest, as a signer in another process takes."""
    chain_id = said.head.chain_id
    content = (said.signer, said.head, said.certificate, said.doubt, said.records)
    return message(Tag.SURVIVOR, chain_id, digest(Tag.SURVIVOR, chain_id, encode(content)))


def combine(recoveries: Sequence[Recovery]) -> Recovery:
    """One file with the signatures of all; raises ``BAD_RECOVERY`` if they differ in content."""
    first = recoveries[0]
    for other in recoveries:
        if with_signatures(other, ()) != with_signatures(first, ()):
            raise bad("the files are of different recoveries", "blocks")
    signed: dict[int, SignerSignature] = {}
    for entry in (entry for one in recoveries for entry in one.signatures):
        if signed.setdefault(entry.signer, entry) != entry:
            raise bad(
                f"two signatures of validator {entry.signer} differ; one of them is wrong, leave "
                f"that copy out",
                "signatures",
            )
    return with_signatures(first, tuple(signed.values()))


def with_signatures(recovery: Recovery, signatures: Sequence[SignerSignature]) -> Recovery:
    """The recovery with these signatures and no others, in order of signers."""
    by_signer = {entry.signer: entry for entry in signatures}
    return Recovery(
        recovery.reason,
        recovery.statements,
        recovery.view,
        recovery.blocks,
        tuple(by_signer[signer] for signer in sorted(by_signer)),
    )


def bad(sentence: str, field: str) -> CodedError:
    """What makes a document or a statement unfit, as an error."""
    return CodedError(BAD_RECOVERY, sentence, field=field)
