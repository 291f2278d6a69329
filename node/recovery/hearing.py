"""What the statements of survivors prove together. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ledger import keys
from ledger.block import Certificate, Header, VoteKind, finalizes
from ledger.errors import BAD_CERTIFICATE, CodedError
from ledger.store.interface import ChainReader
from ledger.validators import ValidatorSet
from node.messages import Batch, Proposal, verify_batch, verify_proposal
from node.recovery.documents import Recovery, Statement, bad, stated
from node.replica.records import Recalled, recall


class Heard(NamedTuple):
    """All that the survivors prove: the tip's view and hash, the highest view that ended, proposals
    by block, batches."""

    tip: tuple[int, bytes]
    ended: int
    proposals: dict[bytes, list[Proposal]]
    batches: dict[bytes, Batch]

    @property
    def view(self) -> int:
        """The recovery's: above every one that a correct survivor voted in, since it enters a view
        only by a certificate of the one before."""
        return self.ended + 2


def hear(statements: Sequence[Statement], ledger: ChainReader, validators: ValidatorSet) -> Heard:
    """What follows from the statements of all who go on; the ledger is one of theirs.

    Raises ``BAD_RECOVERY`` or ``BAD_CERTIFICATE``.
    """
    chain_id = head_of(ledger).chain_id
    signers = [statement.signer for statement in statements]
    if signers != sorted(set(signers)) or max(signers, default=0) >= validators.size:
        raise bad("statements are one of each survivor, in order", "statements")
    if len(signers) < validators.survivors:
        raise bad(
            f"{len(signers)} survivors, at least {validators.survivors} of {validators.size} "
            f"may go on",
            "statements",
        )
    if len(signers) >= validators.quorum:
        raise bad(
            f"{len(signers)} of {validators.size} are a quorum, which goes on by itself",
            "statements",
        )
    sure = sum(not statement.doubt for statement in statements)
    if sure <= validators.faults:
        raise bad(
            f"only {sure} of the survivors know all that they voted, {validators.faults + 1} must: "
            f"a final block could be lost",
            "statements",
        )
    heard = Heard((-1, b""), 0, {}, {})
    for statement in statements:
        key = validators.validators[statement.signer].vote_key
        if statement.head.chain_id != chain_id or not keys.verify(
            key, stated(statement), statement.signature
        ):
            raise bad(f"the statement of validator {statement.signer} does not verify", "")
        if statement.head.validators_hash != validators.hash(chain_id) and (
            statement.head.next_validators_hash != validators.hash(chain_id)
        ):
            raise bad(
                f"validator {statement.signer} is not in epoch {validators.epoch}; let the "
                f"survivors' nodes run until all are, then make the statements again",
                "statements",
            )
        heard = _take(heard, _recalled(statement), ledger, validators)
        heard = _take_head(heard, statement, ledger, validators)
    return heard


def _recalled(statement: Statement) -> Recalled:
    try:
        return recall(statement.records)
    except CodedError as error:
        raise bad(f"the records of validator {statement.signer}: {error.message}", "") from None


def _take_head(
    heard: Heard, statement: Statement, ledger: ChainReader, validators: ValidatorSet
) -> Heard:
    """Count a survivor's newest block if this ledger has it too, or a quorum's signatures show it.

    The one that began the epoch is in every survivor's ledger.
    """
    head, certificate = statement.head, statement.certificate
    block = head.hash()
    known = ledger.header(head.height) == head
    if not known:
        if certificate is None or certificate.kind is VoteKind.RECOVER:
            return heard
        if not finalizes(certificate, head, block):
            return heard
        _verify(certificate, head.chain_id, validators)
    return _notarized(heard, head.view, block)


def _notarized(heard: Heard, view: int, block: bytes) -> Heard:
    if view == heard.tip[0] and block != heard.tip[1]:
        raise bad(f"two blocks are certified in view {view}: more than f validators lied", "")
    tip = max(heard.tip, (view, block))
    return heard._replace(tip=tip, ended=max(heard.ended, view))


def _verify(certificate: Certificate, chain_id: bytes, validators: ValidatorSet) -> None:
    try:
        certificate.verify(chain_id, validators)
    except CodedError as error:
        raise CodedError(BAD_CERTIFICATE, error.message, field="statements") from None


def _take(heard: Heard, held: Recalled, ledger: ChainReader, validators: ValidatorSet) -> Heard:
    """Count what a survivor's journal proves."""
    chain_id = head_of(ledger).chain_id
    for certificate in held.certificates:
        if certificate.epoch != validators.epoch or certificate.kind is VoteKind.RECOVER:
            continue
        _verify(certificate, chain_id, validators)
        if certificate.kind is VoteKind.NULLIFY:
            heard = heard._replace(ended=max(heard.ended, certificate.view))
        else:
            heard = _notarized(heard, certificate.view, certificate.block)
    for proposal in held.proposals:
        if verify_proposal(proposal, validators, keys.verify):
            heard.proposals.setdefault(proposal.block, []).append(proposal)
    for batch in held.batches:
        identity = batch.digest(chain_id)
        if verify_batch(chain_id, identity, batch, validators, keys.verify):
            heard.batches[identity] = batch
    return heard


def judge(recovery: Recovery, ledger: ChainReader, validators: ValidatorSet) -> None:
    """Refuse a recovery that does not follow from its statements, by the epoch's ``validators``."""
    heard = hear(recovery.statements, ledger, validators)
    header = recovery.header
    if recovery.view != heard.view:
        raise bad(f"the recovery is of view {heard.view}", "view")
    block, what = (header.hash(), "confirms") if recovery.confirms else (header.parent, "stands on")
    if block != heard.tip[1]:
        raise bad(
            f"it {what} {block.hex()[:16]}, the highest block that any survivor "
            f"proves to be notarized is {heard.tip[1].hex()[:16]}",
            "blocks",
        )
    if header.next_validators_hash == header.validators_hash:
        raise bad("its last block hands over to nobody", "blocks")
    if recovery.blocks[-1].transactions and not recovery.confirms:
        raise bad("the block by which survivors take over is empty", "blocks")
    hold_all(recovery)


def audit(recovery: Recovery, ledger: ChainReader) -> ValidatorSet:
    """Whether a ledger rests on exactly this recovery, and that on its statements.

    The ledger has gone on since and is taken as verified. Returns who decided in the epoch that was
    ended; raises ``BAD_RECOVERY`` or ``BAD_CERTIFICATE``.
    """
    header = recovery.header
    validators = ledger.validators(header.epoch)
    if validators is None or head_of(ledger).height < header.height:
        raise bad(f"the ledger ends before block {header.height}", "")
    for block in recovery.blocks:
        if ledger.header(block.header.height) != block.header:
            raise bad(f"the ledger holds another block {block.header.height}", "blocks")
    certificate = ledger.certificate(header.height)
    if certificate is None or certificate.kind is not VoteKind.RECOVER:
        raise bad(f"block {header.height} of the ledger is no recovery", "")
    signers = tuple(entry.signer for entry in certificate.signatures)
    if (signers, certificate.view) != (recovery.survivors, recovery.view):
        raise bad(f"block {header.height} was signed by {signers}, who did not all state", "")
    certificate.verify(header.chain_id, validators)
    judge(recovery, ledger, validators)
    return validators


def hold_all(recovery: Recovery) -> None:
    """Refuse a recovery without the newest block of each survivor, proven or not."""
    first = recovery.blocks[0].header
    chain = {block.header.height: block.header.hash() for block in recovery.blocks}
    chain[first.height - 1] = first.parent
    for statement in recovery.statements:
        head = statement.head
        if chain.get(head.height, b"") != head.hash():
            raise bad(
                f"validator {statement.signer} holds block {head.height} "
                f"{head.hash().hex()[:16]} as final without showing that it is; let the "
                f"survivors' nodes run together, then make the statements again",
                "statements",
            )


def head_of(ledger: ChainReader) -> Header:
    """The newest header of an opened store."""
    assert ledger.head is not None, "an opened store holds block 0"
    return ledger.head
