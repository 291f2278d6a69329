"""The steps of the ceremony, on a stopped node's store, journal and keys."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from contracts.blocks import difference
from contracts.executor import Candidate
from contracts.verifier import read_verified, validators_after
from ledger.block import Header, SignerSignature, VoteKind, finalizes, sign_vote
from ledger.journal import Journal
from ledger.keys import SigningRefused
from ledger.store.chain import Store
from ledger.validators import ValidatorSet
from node import continuity
from node.identity import NodeIdentity
from node.messages import FullBlock
from node.opening import OpenNode
from node.recovery.documents import Recovery, Statement, bad, stated, with_signatures
from node.recovery.hearing import Heard, head_of, hear, hold_all, judge
from node.replica.blocktree import BlockTree, ExecutedBlock
from node.replica.records import recall
from node.signer.client import RemoteKey

MAX_BEHIND = 1_000
"""Blocks that a survivor may lack; one that lacks more first takes them from the others' nodes."""
MAX_AHEAD_MS = 10_000
"""How far the recovery's time may be ahead of a signer's clock."""


def state(node: OpenNode, *, certain: bool = False) -> Statement:
    """What this stopped node holds, signed with its vote key.

    A signer that knows of a vote which the journal lacks leaves it open whether a crash kept that
    vote from being sent, or the disk is an old one. ``certain``: people know that it is the newest.
    """
    head = head_of(node.store)
    if node.number is None:
        raise bad("this node is no validator of the present epoch", "home")
    said = Statement(
        node.number,
        head,
        node.store.certificate(head.height),
        _doubt(node, head, certain),
        tuple(node.journal.load()),
        bytes(64),
    )
    return structs.replace(said, signature=node.identity.vote_key.sign(stated(said)))


def _doubt(node: OpenNode, head: Header, certain: bool) -> str:
    """Why this node may have voted what it does not know of."""
    reason = continuity.reason_for_doubt(node.home)
    below = continuity.abstains_below(node.home)
    if not certain:
        below = max(below, _signed_elsewhere(node.identity, head.chain_id, node.journal))
    return reason or (f"votes below view {below} may be forgotten" if below > head.view else "")


def _signed_elsewhere(keys: NodeIdentity, chain_id: bytes, journal: Journal) -> int:
    """The view below which a key in a signer has signed more than this node's journal knows of.

    A node votes there all the same: the signer signs again what it signed and refuses the rest,
    while a node that abstained could keep a quorum waiting for that view for ever.
    """
    if not isinstance(keys.vote_key, RemoteKey):
        return 0
    newest = keys.vote_key.newest_view(chain_id)
    known = max((vote.view for vote in recall(journal.load()).votes), default=0)
    return newest + 1 if newest > known else 0


def propose(store: Store, statements: Sequence[Statement], reason: str, now: int) -> Recovery:
    """The recovery that follows from the statements; the store is the most advanced survivor's."""
    ordered = tuple(sorted(statements, key=lambda s: s.signer))
    head, validators = head_of(store), deciding(store)
    heard = hear(ordered, store, validators)
    chain = _chain(store, heard)
    lowest = min(statement.head.height for statement in ordered)
    if head.height - lowest > MAX_BEHIND:
        slow = next(s.signer for s in ordered if s.head.height == lowest)
        raise bad(
            f"validator {slow} is at block {lowest} and lacks {head.height - lowest}; let the "
            f"survivors' nodes run until it has caught up, then make the statements again",
            "statements",
        )
    blocks = [_stored(store, height) for height in range(lowest + 1, head.height + 1)]
    tree = BlockTree(head.chain_id, store)
    tip = tree.head
    for block in chain:
        tip = _execute(tree, tip, validators, block, heard)
        blocks.append(_full(tip))
    if not tip.is_last:  # nothing stands on a last block in its epoch: it is confirmed itself
        tip = tree.execute(
            tip,
            validators,
            view=heard.view,
            time=max(now, tip.header.time + 1),
            candidates=(),
            survivors=tuple(statement.signer for statement in ordered),
        )
        blocks.append(_full(tip))
    recovery = Recovery(reason, ordered, heard.view, tuple(blocks))
    hold_all(recovery)
    return recovery


def check(store: Store, recovery: Recovery) -> None:
    """Make the recovery again from its statements and refuse any other.

    The store is a survivor's that has not moved since its statement, of any height. Raises
    ``BAD_RECOVERY`` or ``BAD_CERTIFICATE``.
    """
    _made(store, recovery)
    judge(recovery, store, deciding(store))


def sign(node: OpenNode, recovery: Recovery, now: int) -> Recovery:
    """The recovery with this survivor's signature; the node casts no more vote in the epoch.

    ``now`` is in ms since the Unix epoch. Raises ``BAD_RECOVERY`` if the node has signed another
    one for this epoch, or has gone on since it made its statement.
    """
    own = next((s for s in recovery.statements if s.signer == node.number), None)
    if own is None or node.number is None:
        raise bad("it does not count this node among the survivors", "statements")
    if (own.head, own.records) != (head_of(node.store), tuple(node.journal.load())):
        raise bad("this node has gone on since it made its statement", "statements")
    check(node.store, recovery)
    header = recovery.header
    votes = recall(own.records).votes
    newest = max((vote.view for vote in votes if vote.epoch == header.epoch), default=0)
    if newest >= recovery.view:
        raise bad(f"this node has voted in view {newest} already", "blocks")
    if header.time > now + MAX_AHEAD_MS:
        raise bad("its time is ahead of this machine's clock; compare the clocks", "blocks")
    block = header.hash()
    signed = continuity.recovery_signed(node.home)
    if signed[0] == header.epoch and signed[1] != block.hex():
        raise bad(f"this node has signed recovery {signed[1][:16]} of the same epoch", "blocks")
    continuity.note_recovery(node.home, header.epoch, block.hex())
    try:
        vote = sign_vote(
            header.chain_id,
            node.identity.vote_key,
            node.number,
            VoteKind.RECOVER,
            header.epoch,
            recovery.view,
            block,
        )
    except SigningRefused as refused:
        raise bad(f"the signer of this node's key refuses: {refused}", "") from None
    return with_signatures(
        recovery, (*recovery.signatures, SignerSignature(vote.signer, vote.signature))
    )


def apply(store: Store, recovery: Recovery) -> Header:
    """Commit what the store lacks of a complete recovery; returns the new newest header."""
    head = head_of(store)
    if head == recovery.header:
        return head
    recovery.certificate().verify(head.chain_id, deciding(store))
    made = _made(store, recovery)
    judge(recovery, store, deciding(store))
    for executed, block in made:
        certificate = block.certificate
        if block is recovery.blocks[-1]:
            certificate = recovery.certificate()
        assert executed.commit is not None, "it was executed here"
        store.commit(executed.commit._replace(certificate=certificate))
    return head_of(store)


def _chain(store: Store, heard: Heard) -> list[bytes]:
    """The blocks from the store's newest one up to the tip, oldest first."""
    head = head_of(store)
    path: list[bytes] = []
    block = heard.tip[1]
    while block != head.hash():
        found = heard.proposals.get(block)
        if found is None or found[0].header.height <= head.height:
            raise bad(
                f"block {block.hex()[:16]} does not follow block {head.height} by what the "
                f"statements hold; propose where the ledger is longest",
                "statements",
            )
        path.append(block)
        block = found[0].header.parent
    return path[::-1]


def _execute(
    tree: BlockTree, parent: ExecutedBlock, validators: ValidatorSet, block: bytes, heard: Heard
) -> ExecutedBlock:
    """A notarized block, from whichever proposal of it gives its header."""
    for proposal in heard.proposals[block]:
        if not all(digest in heard.batches for digest in proposal.batches):
            continue
        wires = [w for digest in proposal.batches for w in heard.batches[digest].transactions]
        made = tree.execute(
            parent,
            validators,
            view=proposal.header.view,
            time=proposal.header.time,
            candidates=_candidates(proposal.header.chain_id, wires),
        )
        if made.hash == block:
            tree.add(made)
            return made
    raise bad(f"no survivor holds the content of block {block.hex()[:16]}", "statements")


# blocks -------------------------------------------------------------------------------------------


def _made(store: Store, recovery: Recovery) -> list[tuple[ExecutedBlock, FullBlock]]:
    """The recovery's blocks above the store's newest one, executed on it."""
    head, validators = head_of(store), deciding(store)
    tree = BlockTree(head.chain_id, store)
    parent = tree.head
    made: list[tuple[ExecutedBlock, FullBlock]] = []
    for block in recovery.blocks:
        header = block.header
        if header.height <= head.height:
            if store.header(header.height) != header:
                raise bad(f"this node holds another block {header.height}", "blocks")
            continue
        if header.parent != parent.hash:
            raise bad(f"block {header.height} does not follow the one before it", "blocks")
        last = block is recovery.blocks[-1]
        _check_certificate(block, validators)
        parent = tree.execute(
            parent,
            validators,
            view=header.view,
            time=header.time,
            candidates=_candidates(header.chain_id, block.transactions),
            survivors=recovery.survivors if last and not recovery.confirms else (),
        )
        if parent.header != header:
            what = difference(parent.header, header)
            raise bad(f"block {header.height}: {what}", "blocks")
        tree.add(parent)
        made.append((parent, block))
    return made


def _check_certificate(block: FullBlock, validators: ValidatorSet) -> None:
    """A block below the last one may bear its own finalization, which goes into the store."""
    certificate, header = block.certificate, block.header
    if certificate is None:
        return
    if certificate.kind is VoteKind.RECOVER or not finalizes(certificate, header, header.hash()):
        raise bad(f"the certificate is not for block {header.height}", "blocks")
    certificate.verify(header.chain_id, validators)


def _candidates(chain_id: bytes, wires: Sequence[bytes]) -> list[Candidate]:
    return [read_verified(chain_id, wire) for wire in wires]


def _full(block: ExecutedBlock) -> FullBlock:
    assert block.commit is not None, "it was executed here"
    wires = tuple(row.wire for row in block.commit.rows if row.wire)
    return FullBlock(block.header, wires, None)


def _stored(store: Store, height: int) -> FullBlock:
    header = store.header(height)
    assert header is not None, "the store reaches its head"
    wires = tuple(row.wire for row in store.rows(height) if row.wire)
    return FullBlock(header, wires, store.certificate(height))


def deciding(store: Store) -> ValidatorSet:
    """Who decides in the present epoch."""
    return validators_after(store, head_of(store))
