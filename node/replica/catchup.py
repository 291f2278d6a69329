"""Executing what others finalized while this node was away.

Blocks count only as far as :func:`node.replica.sync.check_chain` ties them, byte for byte, to a
quorum's certificate. If executing certified bytes gives another result here, this node has
diverged and stops.
"""

from __future__ import annotations

from collections.abc import Callable

from contracts.blocks import difference
from ledger.block import Certificate, Verify, VoteKind, survivors_in
from ledger.errors import CodedError
from ledger.validators import ValidatorSet
from node.messages import BlockResponse, FullBlock
from node.replica.blocktree import ExecutedBlock
from node.replica.effects import Alarm, Effect, Send
from node.replica.events import Peer, Verdict
from node.replica.finality import Finality
from node.replica.intake import UNCHECKED, Checks, candidates_of
from node.replica.sync import Sync, check_chain, within_epoch
from node.replica.verified import VerifiedWires


class CatchUp:
    """Asks peers for final blocks, checks their answers and has them executed and committed."""

    def __init__(
        self,
        chain_id: bytes,
        validators: ValidatorSet,
        verify: Verify,
        sync: Sync,
        finality: Finality,
        verified: VerifiedWires,
        checks: Checks,
        emit: Callable[[Effect], None],
        halt: Callable[[str, str], None],
        adopted: Callable[[Certificate], None],
    ) -> None:
        self._chain_id = chain_id
        self._validators = validators
        self._verify = verify
        self._sync = sync
        self._finality = finality
        self._verified = verified
        self._checks = checks
        self._emit = emit
        self._halt = halt
        self._adopted = adopted

    def begin_epoch(self, validators: ValidatorSet) -> None:
        """Others decide from here on, and peers are numbered by them."""
        self._validators = validators
        self._sync.forget_peers()

    def ask(self, now: int, *, force: bool = False) -> None:
        """Ask a peer for blocks if some peer is ahead (or ``force``) and no question is open."""
        height = self._finality.newest.header.height
        if self._sync.behind(height) or force:
            question = self._sync.ask(height, now, force=force)
            if question is not None:
                self._emit(Send(*question))

    def receive(self, peer: Peer, response: BlockResponse, now: int) -> None:
        """Take an answer: check it against its certificates, then have its signatures verified."""
        if not self._sync.answered(peer, useful=bool(response.blocks), now=now):
            return
        newest = self._finality.newest
        height = newest.header.height
        blocks = within_epoch(tuple(b for b in response.blocks if b.header.height > height))
        if not blocks:
            return
        try:
            check_chain(
                BlockResponse(blocks),
                newest.hash,
                height,
                self._chain_id,
                self._validators,
                self._verify,
            )
        except CodedError as error:
            # No answer alone ever stops this node: others will have the true blocks.
            self._sync.unhelpful(peer, now)
            text = self._of_another_ledger(peer, blocks[0]) or (
                f"peer {peer} sent blocks that do not verify: {error}"
            )
            self._emit(Alarm("BAD_BLOCKS", text))
            return
        wires = self._verified.missing(tuple(w for block in blocks for w in block.transactions))
        if not wires:
            self._adopt(blocks)
            return
        self._sync.checking = True

        def checked(verdicts: tuple[Verdict, ...]) -> None:
            self._sync.checking = False
            if any(v.code in UNCHECKED for v in verdicts):
                return
            bad = next((v for v in verdicts if v.code), None)
            if bad is not None:
                self._halt("DIVERGED", f"a final block holds a transaction refused as {bad.code}")
                return
            self._verified.add(wires)
            self._adopt(blocks)

        self._emit(self._checks.ask(wires, checked, urgent=True))

    def _of_another_ledger(self, peer: Peer, first: FullBlock) -> str:
        """What it means if a block stands on another one than this node's newest, in words."""
        newest = self._finality.newest
        height, parent = newest.header.height, first.header.parent
        if first.header.height != height + 1 or parent == newest.hash:
            return ""
        return (
            f"peer {peer} holds another block {height} than this node, where it is final: "
            f"{parent.hex()} there, {newest.hash.hex()} here. Either the peer lies, or the ledger "
            f"was forked (a quorum of faulty guarantors, or a recovery without all that was "
            f"final): iic audit diff finds where, the certificates on both sides say who signed"
        )

    def _adopt(self, blocks: tuple[FullBlock, ...]) -> None:
        """Execute certified blocks and have them committed."""
        newest = None
        for block in blocks:
            if block.header.height <= self._finality.newest.header.height:
                continue
            executed = self._execute(block)
            if executed is None:
                return
            if block.certificate is not None:
                newest = block.certificate
                self._finality.certify(newest)
            self._finality.issue(executed)
        if newest is not None and newest.kind is VoteKind.RECOVER:
            self._tell_of_recovery(newest)
        elif newest is not None:
            self._adopted(newest)

    def _tell_of_recovery(self, certificate: Certificate) -> None:
        """Say why the epoch is over; the next one begins with the commit, as after any last block.

        The core is told nothing: it knows no such certificate, and a new one takes its place.
        """
        names = [self._validators.validators[s.signer].name for s in certificate.signatures]
        self._emit(
            Alarm(
                "RECOVERED",
                f"epoch {certificate.epoch} was ended by a recovery ceremony, signed by "
                f"{len(names)} of {self._validators.size}: {', '.join(names)}",
            )
        )

    def _execute(self, block: FullBlock) -> ExecutedBlock | None:
        """The block as executed here; None, after an alarm, if that gives another header."""
        header = block.header
        tree = self._finality.tree
        executed = tree.get(header.hash())
        if executed is not None:
            return executed
        parent = tree.get(header.parent)
        assert parent is not None, "a checked chain is executed from its start"
        executed = tree.execute(
            parent,
            self._validators,
            view=header.view,
            time=header.time,
            candidates=candidates_of(self._chain_id, block.transactions),
            survivors=survivors_in(block.certificate, header),
        )
        if executed.header != header:
            what = difference(executed.header, header)
            self._halt("DIVERGED", f"block {header.height} is final with another outcome: {what}")
            return None
        tree.add(executed)
        return executed
