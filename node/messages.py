"""What nodes say to each other.

Each message is a canonical structure; its kind travels beside it in the frame. Nothing in a
message is believed because of who sent it: votes, certificates, proposals, batches and blocks carry
their own signatures, and answers are checked against certificates.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from ledger import keys, limits
from ledger.block import Certificate, Header, Verify, Vote
from ledger.codec import Hash32, Signature, Struct, Uint, decode, encode
from ledger.errors import MALFORMED, CodedError
from ledger.evidence import DoubleVote
from ledger.hashing import Tag, digest, message
from ledger.snapshot import MAX_MANIFEST_BYTES, PartKind
from ledger.validators import ValidatorSet

MAX_BLOCKS_IN_RESPONSE = 64
MAX_CERTIFICATES_IN_RESPONSE = 64
MAX_VIEWS_IN_REQUEST = 64
MAX_VOTES_IN_VOUCHER = 4
MAX_PART_BYTES = 2 * limits.MAX_BLOCK_BYTES
"""One block's rows, or one bucket of the state, whatever they hold."""

Wire = Annotated[bytes, msgspec.Meta(max_length=limits.MAX_TRANSACTION_BYTES + 4096)]


class Batch(Struct, tag=1):
    """Transactions that one node received, verified and shares; proposals name it by digest.

    ``author`` is the node's validator index. The signature is by its vote key over the digest.
    """

    epoch: Uint
    author: Uint
    transactions: Annotated[
        tuple[Wire, ...], msgspec.Meta(min_length=1, max_length=limits.MAX_BATCH_TRANSACTIONS)
    ]
    signature: Signature

    def digest(self, chain_id: bytes) -> bytes:
        """The batch's identity: covers epoch, author and every transaction's exact bytes."""
        return digest(Tag.BATCH, chain_id, encode((self.epoch, self.author, self.transactions)))


def sign_batch(
    chain_id: bytes, key: keys.SigningKey, epoch: int, author: int, wires: tuple[bytes, ...]
) -> Batch:
    """A batch of transactions' wire bytes, signed by its author."""
    identity = digest(Tag.BATCH, chain_id, encode((epoch, author, wires)))
    return Batch(epoch, author, wires, key.sign(message(Tag.BATCH_SIGNATURE, chain_id, identity)))


def verify_batch(
    chain_id: bytes, identity: bytes, batch: Batch, validators: ValidatorSet, verify: Verify
) -> bool:
    """Whether a batch with digest ``identity`` is signed by the validator that it names."""
    return (
        batch.epoch == validators.epoch
        and batch.author < validators.size
        and verify(
            validators.validators[batch.author].vote_key,
            message(Tag.BATCH_SIGNATURE, chain_id, identity),
            batch.signature,
        )
    )


class Proposal(Struct, tag=1):
    """A leader's block: the header, and where its transactions are.

    ``batches`` lists batch digests; the block's transactions are theirs in order, less those that
    are recorded already or not admissible in the parent's state. ``parent_view`` is the view of
    the parent, for a node that does not hold it yet. The leader's signature covers all three, so a
    relay cannot pair a header with other batches.
    """

    header: Header
    parent_view: Uint
    batches: Annotated[tuple[Hash32, ...], msgspec.Meta(max_length=limits.MAX_BLOCK_BATCHES)]
    signature: Signature

    @property
    def block(self) -> bytes:
        """The hash of the proposed block."""
        return self.header.hash()


def _proposal_bytes(header: Header, parent_view: int, batches: tuple[bytes, ...]) -> bytes:
    return message(Tag.PROPOSAL, header.chain_id, encode((header, parent_view, batches)))


def sign_proposal(
    key: keys.SigningKey, header: Header, parent_view: int, batches: tuple[bytes, ...]
) -> Proposal:
    """A proposal signed by the leader's vote key."""
    signature = key.sign(_proposal_bytes(header, parent_view, batches))
    return Proposal(header, parent_view, batches, signature)


def verify_proposal(proposal: Proposal, validators: ValidatorSet, verify: Verify) -> bool:
    """Whether the leader of the proposal's view signed it."""
    leader = validators.validators[validators.leader(proposal.header.view)]
    return proposal.header.epoch == validators.epoch and verify(
        leader.vote_key,
        _proposal_bytes(proposal.header, proposal.parent_view, proposal.batches),
        proposal.signature,
    )


class Reproposal(Struct, tag=1):
    """A leader's proposal of the block that already is the last of its epoch, in a later view.

    ``parent_view`` is a view in which ``block`` is notarized. The leader of ``view`` signs it.
    """

    epoch: Uint
    view: Uint
    block: Hash32
    parent_view: Uint
    signature: Signature


def _reproposal_bytes(
    chain_id: bytes, epoch: int, view: int, block: bytes, parent_view: int
) -> bytes:
    return message(Tag.REPROPOSAL, chain_id, encode((epoch, view, block, parent_view)))


def sign_reproposal(
    chain_id: bytes, key: keys.SigningKey, epoch: int, view: int, block: bytes, parent_view: int
) -> Reproposal:
    """A reproposal signed by the leader's vote key."""
    signature = key.sign(_reproposal_bytes(chain_id, epoch, view, block, parent_view))
    return Reproposal(epoch, view, block, parent_view, signature)


def verify_reproposal(
    chain_id: bytes, again: Reproposal, validators: ValidatorSet, verify: Verify
) -> bool:
    """Whether the leader of its view signed it."""
    leader = validators.validators[validators.leader(again.view)]
    return again.epoch == validators.epoch and verify(
        leader.vote_key,
        _reproposal_bytes(chain_id, again.epoch, again.view, again.block, again.parent_view),
        again.signature,
    )


class BatchRequest(Struct, tag=1):
    """Ask for batches by digest; each is answered by a :class:`Batch`."""

    digests: Annotated[
        tuple[Hash32, ...], msgspec.Meta(min_length=1, max_length=limits.MAX_BLOCK_BATCHES)
    ]


class ViewRequest(Struct, tag=1):
    """Ask how views ended: their certificates and, where notarized, the proposals."""

    views: Annotated[tuple[Uint, ...], msgspec.Meta(min_length=1, max_length=MAX_VIEWS_IN_REQUEST)]


class ViewResponse(Struct, tag=1):
    """What the sender knows of the views asked for; every part verifies by itself."""

    certificates: Annotated[
        tuple[Certificate, ...], msgspec.Meta(max_length=MAX_CERTIFICATES_IN_RESPONSE)
    ]
    proposals: Annotated[tuple[Proposal, ...], msgspec.Meta(max_length=MAX_VIEWS_IN_REQUEST)]


class BlockRequest(Struct, tag=1):
    """Ask for final blocks from a height upward, in at most ``limit`` bytes."""

    start: Uint
    limit: Uint


class FullBlock(Struct, tag=1):
    """A final block: header, its transactions' wire bytes, its finalization if there is one."""

    header: Header
    transactions: Annotated[
        tuple[Wire, ...], msgspec.Meta(max_length=limits.MAX_BLOCK_TRANSACTIONS)
    ]
    certificate: Certificate | None


class BlockResponse(Struct, tag=1):
    """Consecutive final blocks, ending at one that carries its finalization."""

    blocks: Annotated[tuple[FullBlock, ...], msgspec.Meta(max_length=MAX_BLOCKS_IN_RESPONSE)]


class SnapshotRequest(Struct, tag=1):
    """Ask for the manifest of the snapshot at a height, of the newest one if that is 0."""

    height: Uint


class SnapshotOffer(Struct, tag=1):
    """The manifest asked for (:mod:`ledger.snapshot`), empty if the sender has none."""

    manifest: Annotated[bytes, msgspec.Meta(max_length=MAX_MANIFEST_BYTES)]


class PartRequest(Struct, tag=1):
    """Ask for a part of the snapshot at ``snapshot``; rows may be answered in part."""

    snapshot: Uint
    kind: PartKind
    path: Annotated[bytes, msgspec.Meta(max_length=64)]
    start: Uint
    end: Uint


class PartAnswer(Struct, tag=1):
    """A part, None if the sender has not got it; ``end`` says how far rows go."""

    snapshot: Uint
    kind: PartKind
    path: Annotated[bytes, msgspec.Meta(max_length=64)]
    start: Uint
    end: Uint
    content: Annotated[bytes, msgspec.Meta(max_length=MAX_PART_BYTES)] | None


class VoucherRequest(Struct, tag=1):
    """Ask what the receiver knows of the sender's own votes, after the sender's restart."""


class Voucher(Struct, tag=1):
    """The newest votes of whoever asked that the sender holds; their signatures speak."""

    votes: Annotated[tuple[Vote, ...], msgspec.Meta(max_length=MAX_VOTES_IN_VOUCHER)]


class StandingRequest(Struct, tag=1):
    """Ask in which view the receiver is now. The answer names ``number``, so it is no older."""

    number: Uint


class Standing(Struct, tag=1):
    """In which view of which epoch the sender is, and the certificate that ended the view before
    it; None where the epoch begins. Only a node that votes answers."""

    number: Uint
    epoch: Uint
    view: Uint
    proof: Certificate | None


class Status(Struct, tag=1):
    """Where the sender stands: last committed height and current view. A hint, never a proof."""

    height: Uint
    view: Uint


Message = (
    Proposal
    | Vote
    | Certificate
    | Batch
    | BatchRequest
    | ViewRequest
    | ViewResponse
    | BlockRequest
    | BlockResponse
    | Status
    | SnapshotRequest
    | SnapshotOffer
    | PartRequest
    | PartAnswer
    | Reproposal
    | DoubleVote
    | VoucherRequest
    | Voucher
    | StandingRequest
    | Standing
)

JoiningMessage = SnapshotRequest | SnapshotOffer | PartRequest | PartAnswer
"""What concerns snapshots alone: it never reaches a replica."""

KIB = 1024
MESSAGE_KINDS: dict[int, tuple[type, int]] = {
    1: (Vote, 1 * KIB),
    2: (Certificate, 16 * KIB),
    3: (Proposal, 16 * KIB),
    4: (Batch, limits.MAX_BATCH_BYTES),
    5: (BatchRequest, 4 * KIB),
    6: (ViewRequest, 1 * KIB),
    7: (ViewResponse, 1024 * KIB),
    8: (BlockRequest, 1 * KIB),
    9: (BlockResponse, limits.MAX_BLOCK_BYTES + 512 * KIB),
    10: (Status, 1 * KIB),
    11: (SnapshotRequest, 1 * KIB),
    12: (SnapshotOffer, MAX_MANIFEST_BYTES + 1 * KIB),
    13: (PartRequest, 1 * KIB),
    14: (PartAnswer, MAX_PART_BYTES + 1 * KIB),
    15: (Reproposal, 1 * KIB),
    16: (DoubleVote, 1 * KIB),
    18: (VoucherRequest, 1 * KIB),
    19: (Voucher, 2 * KIB),
    20: (StandingRequest, 1 * KIB),
    21: (Standing, 17 * KIB),
}
"""Frame kind → (structure, most bytes). A published kind never changes its meaning."""

_KIND_OF = {structure: kind for kind, (structure, _) in MESSAGE_KINDS.items()}


def encode_message(value: Message) -> tuple[int, bytes]:
    """The frame kind and canonical bytes of a message."""
    return _KIND_OF[type(value)], encode(value)


def decode_message(kind: int, data: bytes) -> Message:
    """The message of a frame; raises ``MALFORMED``, ``NOT_CANONICAL`` or ``TOO_LARGE``."""
    known = MESSAGE_KINDS.get(kind)
    if known is None:
        raise CodedError(MALFORMED, f"message kind {kind} is not one of {sorted(MESSAGE_KINDS)}")
    structure, limit = known
    value: Message = decode(data, structure, limit=limit)
    return value
