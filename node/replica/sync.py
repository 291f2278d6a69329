"""Catching up: final blocks from peers, each checked against a quorum's certificate.

A node that was away asks one peer at a time for blocks above its own. An answer counts only if it
is a chain of headers that starts at our newest block and ends at one with a valid finalization;
then every signature is verified and every block executed, exactly as if it had been proposed.
"""

from __future__ import annotations

from ledger import merkle
from ledger.block import Header, Verify, finalizes
from ledger.errors import BAD_CERTIFICATE, BAD_PROOF, CodedError
from ledger.store.interface import ChainReader
from ledger.transaction import wire_hash
from ledger.validators import ValidatorSet
from node.messages import (
    MAX_BLOCKS_IN_RESPONSE,
    BlockRequest,
    BlockResponse,
    FullBlock,
)
from node.replica.events import Peer

RESPONSE_BYTES = 4 * 1024 * 1024


class Sync:
    """Whom we asked for blocks, and who claims to have more than we do."""

    def __init__(self, retry_ms: int) -> None:
        self._retry_ms = retry_ms
        self._heights: dict[Peer, int] = {}
        self._asked: tuple[Peer, int] | None = None
        self._unhelpful: dict[Peer, int] = {}
        self.checking = False

    def peer_height(self, peer: Peer, height: int) -> None:
        """A peer says how far it is: a hint that only decides whom to ask."""
        self._heights[peer] = height

    def heights(self) -> dict[Peer, int]:
        """What connected peers last said of themselves."""
        return dict(self._heights)

    def forget_peers(self) -> None:
        """Peers have other numbers from now on."""
        self._heights.clear()
        self._unhelpful.clear()
        self._asked = None

    def peer_down(self, peer: Peer) -> None:
        """A peer is gone, and our question with it."""
        self._heights.pop(peer, None)
        if self._asked is not None and self._asked[0] == peer:
            self._asked = None

    def behind(self, height: int) -> bool:
        """Whether some peer claims blocks that we lack (one more is a block in flight)."""
        return any(h > height + 1 for h in self._heights.values())

    def ask(
        self, height: int, now: int, *, force: bool = False
    ) -> tuple[Peer, BlockRequest] | None:
        """The request to send now, if one is due: to the highest peer, others in turn."""
        if self.checking:
            return None
        if self._asked is not None:
            if now - self._asked[1] < self._retry_ms:
                return None
            self._unhelpful[self._asked[0]] = now
            self._asked = None
        ahead = [p for p, h in self._heights.items() if h > height or force]
        if not ahead:
            return None
        peer = min(ahead, key=lambda p: (self._unhelpful.get(p, -1), -self._heights[p], p))
        self._asked = (peer, now)
        return peer, BlockRequest(height + 1, RESPONSE_BYTES)

    def unhelpful(self, peer: Peer, now: int) -> None:
        """A peer's answer did not verify: ask others first."""
        self._unhelpful[peer] = now

    def answered(self, peer: Peer, *, useful: bool, now: int) -> bool:
        """A response came; returns whether it was asked for."""
        if self._asked is None or self._asked[0] != peer:
            return False
        self._asked = None
        if not useful:
            self._unhelpful[peer] = now
        return True


def serve(store: ChainReader, request: BlockRequest) -> BlockResponse:
    """Blocks from ``request.start`` in at most ``request.limit`` bytes, ending certified.

    Empty where this node has nothing to offer. At least up to the first certified block is sent,
    whatever the limit, since less could not be verified.
    """
    blocks: list[FullBlock] = []
    certified = size = 0
    limit = min(request.limit, RESPONSE_BYTES)
    if request.start < store.base:
        return BlockResponse(())
    for height in range(request.start, request.start + MAX_BLOCKS_IN_RESPONSE):
        header = store.header(height)
        if header is None or (size > limit and certified):
            break
        wires = tuple(row.wire for row in store.rows(height) if row.wire)
        certificate = store.certificate(height)
        blocks.append(FullBlock(header, wires, certificate))
        size += sum(map(len, wires)) + 1_024
        if certificate is not None:
            certified = len(blocks)
        if is_last(header):
            break
    return BlockResponse(tuple(blocks[:certified]))


def is_last(header: Header) -> bool:
    """Whether other validators decide the block after this one."""
    return header.next_validators_hash != header.validators_hash


def within_epoch(blocks: tuple[FullBlock, ...]) -> tuple[FullBlock, ...]:
    """The blocks up to the first that hands over: who decides beyond is known once it ran."""
    for number, block in enumerate(blocks, 1):
        if is_last(block.header):
            return blocks[:number]
    return blocks


def check_chain(
    response: BlockResponse,
    parent: bytes,
    height: int,
    chain_id: bytes,
    validators: ValidatorSet,
    verify: Verify,
) -> None:
    """Check a chain of blocks on ``parent`` at ``height`` and every certificate in it.

    Raises ``BAD_CERTIFICATE`` if the blocks do not link up from there to one that a quorum of
    ``validators`` finalized, or ``BAD_PROOF`` if a block's transactions are not byte for byte those
    that its header commits to.
    """
    for block in response.blocks:
        height += 1
        header, certificate = block.header, block.certificate
        if header.chain_id != chain_id or header.height != height or header.parent != parent:
            raise CodedError(BAD_CERTIFICATE, f"block {height} does not follow the one before it")
        parent = header.hash()
        _check_content(block, chain_id)
        if certificate is not None:
            if not finalizes(certificate, header, parent):
                raise CodedError(BAD_CERTIFICATE, f"the certificate is not for block {height}")
            certificate.verify(chain_id, validators, verify)
    if not response.blocks or response.blocks[-1].certificate is None:
        raise CodedError(BAD_CERTIFICATE, f"block {height} comes without its finalization")


def _check_content(block: FullBlock, chain_id: bytes) -> None:
    header = block.header
    leaves = [wire_hash(chain_id, wire) for wire in block.transactions]
    if len(leaves) != header.transactions or merkle.tree_head(leaves) != header.transactions_root:
        raise CodedError(
            BAD_PROOF, f"block {header.height} comes with other transactions than it recorded"
        )
