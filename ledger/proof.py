"""Proofs that travel as files and verify offline, from the genesis file alone.

Three kinds: a :class:`ProvenReceipt` (what became of a transaction or deadline), a
:class:`ProvenState` (a record of the state, or its absence) and a :class:`ProvenExtension` (a later
ledger extends an earlier one). Each carries :class:`Finality`: a certified header and the chain of
validator changes from genesis that says who could certify it. Made by ``ledger.store.proofs``;
this module needs no store, no network and no clock, and trusts nothing but the genesis document.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple, TypeAlias

import msgspec

from ledger import keys, limits, merkle
from ledger.block import (
    PROTOCOL_VERSION,
    Certificate,
    Header,
    Verify,
    VoteKind,
    finalizes,
    survivors_in,
)
from ledger.codec import Hash32, Struct, Uint, decode, decode_plain, encode
from ledger.errors import BAD_CERTIFICATE, BAD_PROOF, BAD_RECEIPT, WRONG_CHAIN, CodedError
from ledger.genesis import Genesis
from ledger.receipt import Receipt
from ledger.statetree import StateProof, tree_of
from ledger.transaction import (
    Transaction,
    open_envelope,
    read_content,
    transaction_id,
    verify_signatures,
    wire_hash,
)
from ledger.validators import ValidatorSet

MAX_FILE_BYTES = 16 * 1024 * 1024

HashPath: TypeAlias = Annotated[tuple[Hash32, ...], msgspec.Meta(max_length=64)]
"""Hashes of an RFC 9162 proof."""


class ValidatorChange(Struct, tag=1):
    """A block that the validators of its epoch finalized, and those it hands over to."""

    header: Header
    certificate: Certificate
    validators: ValidatorSet


class Finality(Struct, tag=1):
    """A header, its finalization, and every change of validators before it, oldest first."""

    header: Header
    certificate: Certificate
    changes: tuple[ValidatorChange, ...] = ()


class ProvenReceipt(Struct, tag="iic.receipt/1"):
    """A receipt with everything that proves it.

    ``transaction`` is the signed transaction's bytes, empty for a deadline. ``index`` is the
    receipt's in its block, whose header is ``header``; ``history_path`` proves that header in the
    certified one's history and is empty where they are the same.
    """

    transaction: Annotated[bytes, msgspec.Meta(max_length=limits.MAX_TRANSACTION_BYTES + 4096)]
    receipt: Receipt
    index: Uint
    transaction_path: HashPath
    receipt_path: HashPath
    header: Header
    history_path: HashPath
    finality: Finality


class ProvenState(Struct, tag="iic.state/1"):
    """A key of the state with its value (None: it has none) under the certified header."""

    key: Annotated[bytes, msgspec.Meta(max_length=limits.MAX_STATE_KEY_BYTES)]
    value: bytes | None
    proof: StateProof
    finality: Finality


class ProvenExtension(Struct, tag="iic.extension/1"):
    """That the certified ledger extends the one whose newest header was ``header``.

    ``inclusion_path`` proves the old header in the new history; ``consistency_path`` that the new
    history begins with the old header's own history.
    """

    header: Header
    inclusion_path: HashPath
    consistency_path: HashPath
    finality: Finality


Proven = ProvenReceipt | ProvenState | ProvenExtension


class Recovery(NamedTuple):
    """A place where no quorum was left and the survivors went on by ceremony.

    No final block was lost if at most ``lies_borne`` of those who ``signed`` hid votes of theirs.
    ``confirms``: they made the block final that was to end the epoch, and handed over to those whom
    it names; otherwise to themselves.
    """

    height: int
    epoch: int
    signed: tuple[str, ...]
    lost: tuple[str, ...]
    lies_borne: int
    confirms: bool


class Signers(NamedTuple):
    """Who certified: the names of the validators, out of how many, and the epoch.

    ``recoveries`` are those that the proof rests on, oldest first.
    """

    epoch: int
    validators: int
    names: tuple[str, ...]
    recoveries: tuple[Recovery, ...] = ()


class Summary(NamedTuple):
    """What a verified receipt says. ``transaction`` is None for a deadline.

    ``block`` is the hash of the receipt's block and ``time`` its block time (ms since the Unix
    epoch); ``position`` is the receipt's index in it;
    ``signers`` finalized it or a descendant.
    """

    network: str
    chain_id: bytes
    subject: bytes
    transaction: Transaction | None
    receipt: Receipt
    height: int
    position: int
    time: int
    block: bytes
    signers: Signers


def write(proven: Proven) -> bytes:
    """The bytes of a proof file."""
    return encode(proven)


def read(data: bytes) -> Proven:
    """The proof of a file's bytes; its first element says which kind.

    Raises ``MALFORMED``, ``NOT_CANONICAL`` or ``TOO_LARGE``. Nothing in it is verified yet.
    """
    plain = decode_plain(data, limit=MAX_FILE_BYTES)
    kind = plain[0] if isinstance(plain, tuple) and plain else None
    if kind == "iic.state/1":
        return decode(data, ProvenState, limit=MAX_FILE_BYTES)
    if kind == "iic.extension/1":
        return decode(data, ProvenExtension, limit=MAX_FILE_BYTES)
    return decode(data, ProvenReceipt, limit=MAX_FILE_BYTES)


def verify_finality(
    finality: Finality, genesis: Genesis, *, verify: Verify = keys.verify
) -> Signers:
    """Who finalized the header, by the validator changes since genesis.

    Raises ``WRONG_CHAIN``, ``BAD_CERTIFICATE`` or ``BAD_PROOF``.
    """
    chain_id = genesis.chain_id
    current = genesis.validators
    height = 0
    recoveries: list[Recovery] = []
    for change in finality.changes:
        _require_certified(change.header, change.certificate, current, chain_id, verify)
        following = change.validators
        if following.epoch != current.epoch + 1 or change.header.height <= height:
            raise CodedError(BAD_PROOF, "validator changes follow each other, oldest first")
        if following.hash(chain_id) != change.header.next_validators_hash:
            raise CodedError(
                BAD_PROOF, f"block {change.header.height} hands over to other validators"
            )
        _require_right_heirs(change, current)
        recoveries += _recoveries(change.header, change.certificate, current)
        current, height = following, change.header.height
    header = finality.header
    if header.height <= height and finality.changes:
        raise CodedError(BAD_PROOF, "the header is older than the last change of validators")
    _require_certified(header, finality.certificate, current, chain_id, verify)
    names = tuple(current.validators[s.signer].name for s in finality.certificate.signatures)
    recoveries += _recoveries(header, finality.certificate, current)
    return Signers(current.epoch, current.size, names, tuple(recoveries))


def _require_right_heirs(change: ValidatorChange, validators: ValidatorSet) -> None:
    """The survivors' block hands over to those who signed it and to nobody else."""
    signed = survivors_in(change.certificate, change.header)
    heirs = tuple(validators.validators[index] for index in signed)
    if signed and change.validators.validators != heirs:
        raise CodedError(
            BAD_PROOF, f"the recovery in block {change.header.height} hands over to others"
        )


def _recoveries(
    header: Header, certificate: Certificate, validators: ValidatorSet
) -> list[Recovery]:
    """The recovery that ended an epoch with this block, if it is one."""
    if certificate.kind is not VoteKind.RECOVER:
        return []
    signed = {entry.signer for entry in certificate.signatures}
    names = [(index in signed, v.name) for index, v in enumerate(validators.validators)]
    return [
        Recovery(
            header.height,
            validators.epoch,
            tuple(name for signs, name in names if signs),
            tuple(name for signs, name in names if not signs),
            validators.lies_borne(len(signed)),
            certificate.view != header.view,
        )
    ]


def _require_certified(
    header: Header,
    certificate: Certificate,
    validators: ValidatorSet,
    chain_id: bytes,
    verify: Verify,
) -> None:
    _require_chain(header, chain_id)
    if header.epoch != validators.epoch or header.validators_hash != validators.hash(chain_id):
        raise CodedError(BAD_PROOF, f"block {header.height} is not of epoch {validators.epoch}")
    if not finalizes(certificate, header, header.hash()):
        raise CodedError(
            BAD_CERTIFICATE, f"the certificate is no finalization of block {header.height}"
        )
    certificate.verify(chain_id, validators, verify)


def _require_chain(header: Header, chain_id: bytes) -> None:
    if header.chain_id != chain_id:
        raise CodedError(
            WRONG_CHAIN,
            f"block {header.height} is of ledger {header.chain_id.hex()[:16]}…, "
            f"the genesis is of {chain_id.hex()[:16]}…",
        )
    if header.protocol > PROTOCOL_VERSION:
        raise CodedError(BAD_PROOF, f"this version knows protocols up to {PROTOCOL_VERSION} only")


def verify(
    proven: ProvenReceipt, genesis: Genesis, *, verify_signature: Verify = keys.verify
) -> Summary:
    """What a receipt proves, or the reason why it proves nothing.

    The signatures of members that the file shows must verify; those it leaves out are not missed,
    because blocks commit to a transaction's content and validators checked its signatures. Raises
    ``WRONG_CHAIN``, ``BAD_CERTIFICATE``, ``BAD_PROOF``, ``BAD_RECEIPT`` or ``BAD_SIGNATURE``.
    """
    chain_id = genesis.chain_id
    signers = verify_finality(proven.finality, genesis, verify=verify_signature)
    header = proven.header
    _require_chain(header, chain_id)
    block = header.hash()
    if header == proven.finality.header:
        if proven.history_path:
            raise CodedError(BAD_PROOF, "a certified header needs no proof in a history")
    else:
        _require_history(header, block, proven.history_path, proven.finality.header)
    if not merkle.verify_inclusion(
        proven.receipt.hash(chain_id),
        proven.index,
        header.receipts,
        proven.receipt_path,
        header.receipts_root,
    ):
        raise CodedError(BAD_PROOF, f"the receipt is not number {proven.index} of its block")
    return Summary(
        network=genesis.network,
        chain_id=chain_id,
        subject=proven.receipt.subject,
        transaction=_verify_transaction(proven, chain_id),
        receipt=proven.receipt,
        height=header.height,
        position=proven.index,
        time=header.time,
        block=block,
        signers=signers,
    )


def _verify_transaction(proven: ProvenReceipt, chain_id: bytes) -> Transaction | None:
    header = proven.header
    position = proven.index - (header.receipts - header.transactions)
    if position < 0:
        if proven.transaction or proven.transaction_path:
            raise CodedError(BAD_RECEIPT, "a deadline's receipt answers no transaction")
        return None
    signed = open_envelope(proven.transaction)
    subject = transaction_id(chain_id, signed.content)
    if subject != proven.receipt.subject:
        raise CodedError(BAD_RECEIPT, "the receipt answers another transaction")
    if not merkle.verify_inclusion(
        wire_hash(chain_id, proven.transaction),
        position,
        header.transactions,
        proven.transaction_path,
        header.transactions_root,
    ):
        raise CodedError(BAD_PROOF, f"the transaction is not number {position} of its block")
    verify_signatures(chain_id, signed)
    return read_content(chain_id, signed.content)


def _require_history(
    header: Header, block: bytes, path: tuple[bytes, ...], certified: Header
) -> None:
    if not merkle.verify_inclusion(
        block, header.height, certified.height, path, certified.history_root
    ):
        raise CodedError(
            BAD_PROOF, f"block {header.height} is not in the history of block {certified.height}"
        )


def verify_state(
    proven: ProvenState, genesis: Genesis, *, verify_signature: Verify = keys.verify
) -> Signers:
    """Who certified that the key has this value (or none) at the certified header's height.

    Raises ``WRONG_CHAIN``, ``BAD_CERTIFICATE`` or ``BAD_PROOF``.
    """
    signers = verify_finality(proven.finality, genesis, verify=verify_signature)
    root = proven.finality.header.state_root
    tree_of(genesis.chain_id).verify(root, proven.key, proven.value, proven.proof)
    return signers


def verify_extension(
    proven: ProvenExtension, genesis: Genesis, *, verify_signature: Verify = keys.verify
) -> Signers:
    """Who certified that their ledger extends the one that ended in ``proven.header``.

    The caller compares that header's hash with the one it kept. Raises ``WRONG_CHAIN``,
    ``BAD_CERTIFICATE`` or ``BAD_PROOF``.
    """
    signers = verify_finality(proven.finality, genesis, verify=verify_signature)
    old, new = proven.header, proven.finality.header
    _require_chain(old, genesis.chain_id)
    if old == new:
        if proven.inclusion_path or proven.consistency_path:
            raise CodedError(BAD_PROOF, "a ledger extends itself without a proof")
        return signers
    _require_history(old, old.hash(), proven.inclusion_path, new)
    if old.height == 0:
        if proven.consistency_path or old.history_root != merkle.EMPTY_ROOT:
            raise CodedError(BAD_PROOF, "block 0 has no history before it")
    elif not merkle.verify_consistency(
        old.height, new.height, proven.consistency_path, old.history_root, new.history_root
    ):
        raise CodedError(
            BAD_PROOF, f"the history of block {new.height} does not begin with the older one"
        )
    return signers
